"""The text of a key: made once, checked without a lookup, stored only as a hash.

    <prefix> <shard, 1> <random, 43> <checksum, 6>        all base62: 0-9 A-Z a-z

43 random characters carry 256 bits. The checksum is the CRC-32 of everything before it, so every
change of a single character is refused before any store is asked. The shard names the hash slot of
the customer's keys in Redis: the data plane finds a key's facts without knowing the customer.
The hash is SHA-256 of the whole text; a slow hash would add nothing to 256 bits of randomness.
"""

import hashlib
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SHARDS = 32  # more than any installation needs; fixed for ever, as keys carry theirs
RANDOM_LENGTH = 43
CHECKSUM_LENGTH = 6  # 62 ** 6 > 2 ** 32
BODY_LENGTH = 1 + RANDOM_LENGTH + CHECKSUM_LENGTH
HINT_LENGTH = 4
MAX_PREFIX_LENGTH = 32
ID_LENGTH = 20

_LETTERS = frozenset(ALPHABET)


@dataclass(frozen=True, slots=True)
class Minted:
    """A new key. `secret` is shown once; by `hint` people recognise it."""

    secret: str = field(repr=False)
    key_hash: str
    hint: str


@dataclass(frozen=True, slots=True)
class KeyHandle:
    """What is left of a presented key: where to look (shard "0" to "31") and what for."""

    key_hash: str
    shard: str


def mint(prefix: str, shard: str) -> Minted:
    """A new key in this shard. Raises ValueError for a prefix that no HTTP header could carry."""
    check_prefix(prefix)
    index = int(shard)
    if not 0 <= index < SHARDS:
        raise ValueError(f"shard is 0 to {SHARDS - 1}, not {shard}")
    body = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    text = f"{prefix}{ALPHABET[index]}{body}"
    secret = text + _checksum(text)
    return Minted(secret, hash_of(secret), f"{prefix}…{secret[-HINT_LENGTH:]}")


def parse(text: str, prefixes: Sequence[str]) -> KeyHandle | None:
    """The handle of a key with one of these prefixes, or None: this text was never a key of ours.

    Never raises, whatever the text; takes time in proportion to the text's length at most once.
    """
    for prefix in prefixes:
        if len(text) == len(prefix) + BODY_LENGTH and text.startswith(prefix):
            handle = _parse_body(text, len(prefix))
            if handle is not None:
                return handle
    return None


def shard_of(customer_id: str) -> str:
    """The shard of a customer, "0" to "31": the same for ever."""
    return str(zlib.crc32(customer_id.encode()) % SHARDS)


def hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def new_id(kind: str) -> str:
    """An id that says what it names, such as key_4fJ…: 119 random bits."""
    return f"{kind}_" + "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH))


def check_prefix(prefix: str) -> None:
    """Raises ValueError unless the prefix is 1 to 32 visible ASCII characters."""
    if not 1 <= len(prefix) <= MAX_PREFIX_LENGTH:
        raise ValueError(f"a key prefix has 1 to {MAX_PREFIX_LENGTH} characters")
    if not all("!" <= letter <= "~" for letter in prefix):
        raise ValueError("a key prefix is visible ASCII without spaces")


def _parse_body(text: str, start: int) -> KeyHandle | None:
    if not _LETTERS.issuperset(text[start:]) or not text.isascii():
        return None
    index = ALPHABET.index(text[start])
    if index >= SHARDS or _checksum(text[:-CHECKSUM_LENGTH]) != text[-CHECKSUM_LENGTH:]:
        return None
    return KeyHandle(hash_of(text), str(index))


def _checksum(text: str) -> str:
    value = zlib.crc32(text.encode())
    letters = []
    for _ in range(CHECKSUM_LENGTH):
        value, digit = divmod(value, len(ALPHABET))
        letters.append(ALPHABET[digit])
    return "".join(reversed(letters))
