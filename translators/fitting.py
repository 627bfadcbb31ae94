"""Names and ids made to fit a dialect that allows fewer of them.

What fits stays. What does not gets its illegal characters replaced, is cut, and ends in a hash of
what it was, so that two long names with one beginning stay apart. It depends on nothing but the
name itself, unless another name is already what it would become: then the next hash is taken.
"""

import hashlib
import re
from collections.abc import Hashable, Iterable
from itertools import count

_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]")
_HASH_CHARACTERS = 8

# A pattern that none of the candidates match would be looked at for ever.
_MOST_ATTEMPTS = 16


class Fitting:
    """An injective mapping from keys to permitted names. `natural` are names that others must not
    be given, because they stay as they are."""

    def __init__(self, pattern: str, most: int, natural: Iterable[str]) -> None:
        self._pattern = re.compile(pattern)
        self._most = most
        self._natural = {name for name in natural if self.fits(name)}
        self._taken: set[str] = set()
        self._given: dict[Hashable, str] = {}

    def fits(self, name: str) -> bool:
        return 0 < len(name) <= self._most and self._pattern.fullmatch(name) is not None

    def given(self, key: tuple[str, ...], wanted: str, *, natural: bool) -> str:
        """The name for `key`, as near to `wanted` as may be; the same for the same key."""
        name = self._given.get(key)
        if name is None:
            name = self._find(key, wanted, natural)
            self._given[key] = name
            self._taken.add(name)
        return name

    def _find(self, key: tuple[str, ...], wanted: str, natural: bool) -> str:
        if self.fits(wanted) and self._free(wanted, natural):
            return wanted
        name = ""
        for attempt in count():
            for name in self._candidates(wanted, _hash((*key, str(attempt)))):
                if self.fits(name) and self._free(name, False):
                    return name
            if attempt >= _MOST_ATTEMPTS:
                break
        return name

    def _free(self, name: str, natural: bool) -> bool:
        return name not in self._taken and (natural or name not in self._natural)

    def _candidates(self, wanted: str, digest: str) -> Iterable[str]:
        """In the order of preference; the later ones for dialects with rules of their own."""
        clean = _ILLEGAL.sub("_", wanted)
        end = f"_{digest[:_HASH_CHARACTERS]}"
        room = max(self._most - len(end), 0)
        yield clean[:room] + end
        yield "_" + clean[: max(room - 1, 0)] + end
        yield f"call_{digest[:24]}"[: self._most]
        yield digest[: self._most]


def _hash(pieces: tuple[str, ...]) -> str:
    """Of several texts, each with its length, so that no two lists of them look alike."""
    text = "".join(f"{len(piece)}:{piece}" for piece in pieces)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
