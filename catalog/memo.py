"""A dictionary of computed answers that cannot grow without end.

Clients choose the names that are looked up, so every cache keyed by one needs a bound. When it is
full it is emptied: that is rare, costs one recomputation each, and needs no bookkeeping on the hot
path.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Memo(Generic[K, V]):
    """`memo(key, compute)`: the remembered answer, or the computed one, remembered."""

    __slots__ = ("_entries", "_limit")

    def __init__(self, limit: int) -> None:
        self._entries: dict[K, V] = {}
        self._limit = limit

    def __call__(self, key: K, compute: Callable[[], V]) -> V:
        try:
            return self._entries[key]
        except KeyError:
            pass
        value = compute()
        if len(self._entries) >= self._limit:
            self._entries.clear()
        self._entries[key] = value
        return value

    def __len__(self) -> int:
        return len(self._entries)
