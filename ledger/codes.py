"""The text of a redeem code: made once, checked without a lookup, stored only as a hash.

    XXXXX-XXXXX-XXXXX-XXXXX-XXXXX        base 32 without the letters I, L, O and U (Crockford's)

22 random characters carry 110 bits, so that nobody finds a code by trying. The last three are the
whole of them modulo the largest prime below 32 ** 3: every single wrong character and every two
neighbours that changed places are refused before any store is asked. People type codes: case,
spaces and hyphens do not matter, O is read as 0, I and L as 1.
"""

import hashlib
import secrets
from dataclasses import dataclass, field

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
RANDOM_LENGTH = 22
CHECK_LENGTH = 3
LENGTH = RANDOM_LENGTH + CHECK_LENGTH
GROUP = 5
MODULUS = 32_749  # the largest prime below 32 ** CHECK_LENGTH
MAX_TYPED = 100  # characters of what a person types; more is no code
HINT_LENGTH = 5

_VALUES = {letter: value for value, letter in enumerate(ALPHABET)}
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", " ": "", "-": ""})


@dataclass(frozen=True, slots=True)
class MintedCode:
    """A new code. `code` is shown once; by `hint`, its last group, people recognise it."""

    code: str = field(repr=False)
    code_hash: str
    hint: str


def mint_code() -> MintedCode:
    body = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    text = body + _check(body)
    groups = [text[at : at + GROUP] for at in range(0, LENGTH, GROUP)]
    return MintedCode("-".join(groups), hash_of_code(text), groups[-1])


def parse_code(typed: str) -> str | None:
    """The hash of a code as a person typed it, or None: this was never a code of ours."""
    if len(typed) > MAX_TYPED or not typed.isascii():
        return None
    text = typed.strip().upper().translate(_READ_AS)
    if len(text) != LENGTH or not _VALUES.keys() >= set(text):
        return None
    if _check(text[:RANDOM_LENGTH]) != text[RANDOM_LENGTH:]:
        return None
    return hash_of_code(text)


def hash_of_code(text: str) -> str:
    """SHA-256 of the 25 characters; a slow hash would add nothing to 110 bits of randomness."""
    return hashlib.sha256(text.encode()).hexdigest()


def _check(body: str) -> str:
    number = 0
    for letter in body:
        number = number * 32 + _VALUES[letter]
    rest = number % MODULUS
    return ALPHABET[rest // 1024] + ALPHABET[rest // 32 % 32] + ALPHABET[rest % 32]
