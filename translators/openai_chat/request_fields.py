"""One JSON object of a request, read field by field; what nobody took is a loss.

A wrong type is refused with the field's place (`messages[3].content`), for the caller must know
what to mend. A field that nobody asks for is reported by `done`, by its place without numbers, so
that the same field of many messages is one loss. Null counts as absent everywhere.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from translators.canonical.loss import Loss, LossKind, field_at
from translators.protocol import NotUnderstood

Word = TypeVar("Word")


def wrong(place: str, expected: str) -> NotUnderstood:
    """The refusal of a field that is not what it must be."""
    return NotUnderstood(f"'{place}' must be {expected}.", param=place)


class Fields:
    """An object at a place in the request. `path` is empty for the body itself."""

    __slots__ = ("_taken", "losses", "path", "value")

    def __init__(self, value: object, path: str, losses: list[Loss]) -> None:
        if not isinstance(value, dict):
            raise wrong(path, "an object")
        self.value: dict[str, Any] = value
        self.path = path
        self.losses = losses
        self._taken: set[str] = set()

    def at(self, name: str) -> str:
        """Where a field of this object is."""
        return f"{self.path}.{name}" if self.path else name

    def take(self, name: str) -> Any:
        """The field's value as it stands; the caller answers for its type."""
        self._taken.add(name)
        return self.value.get(name)

    def ignore(self, *names: str) -> None:
        """Fields that say nothing which is not known otherwise."""
        self._taken.update(names)

    def text(self, name: str) -> str | None:
        value = self.take(name)
        if value is None or isinstance(value, str):
            return value
        raise wrong(self.at(name), "a string")

    def needed_text(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise wrong(self.at(name), "a string that is not empty")
        return value

    def flag(self, name: str) -> bool | None:
        value = self.take(name)
        if value is None or isinstance(value, bool):
            return value
        raise wrong(self.at(name), "a boolean")

    def number(self, name: str) -> float | None:
        value = self.take(name)
        if value is None or is_number(value):
            return value  # type: ignore[no-any-return]
        raise wrong(self.at(name), "a number")

    def whole(self, name: str, least: int | None = None) -> int | None:
        value = self.take(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            raise wrong(self.at(name), "a whole number")
        if least is not None and value < least:
            raise wrong(self.at(name), f"at least {least}")
        return value

    def word(self, name: str, words: Mapping[str, Word]) -> Word | None:
        """What one of the known words means."""
        value = self.take(name)
        if value is None:
            return None
        if isinstance(value, str) and value in words:
            return words[value]
        raise wrong(self.at(name), "one of " + ", ".join(words))

    def inner(self, name: str) -> "Fields | None":
        value = self.take(name)
        return None if value is None else Fields(value, self.at(name), self.losses)

    def needed(self, name: str) -> "Fields":
        return Fields(self.take(name), self.at(name), self.losses)

    def mapping(self, name: str) -> dict[str, Any] | None:
        """An object that is handed on as it stands."""
        value = self.take(name)
        if value is None or isinstance(value, dict):
            return value
        raise wrong(self.at(name), "an object")

    def entries(self, name: str) -> list[Any]:
        value = self.take(name)
        if value is None:
            return []
        if isinstance(value, list):
            return value
        raise wrong(self.at(name), "an array")

    def objects(self, name: str) -> "list[Fields]":
        return [
            Fields(entry, f"{self.at(name)}[{index}]", self.losses)
            for index, entry in enumerate(self.entries(name))
        ]

    def lose(self, name: str, kind: LossKind = LossKind.DROPPED, note: str = "") -> None:
        """Report a field of this object."""
        self.losses.append(Loss(field_at(self.at(name)), kind, note))

    def done(self) -> None:
        """Report every field that was not taken."""
        for name, value in self.value.items():
            if name not in self._taken and value is not None:
                self.lose(name)


def is_number(value: object) -> bool:
    """A number that a figure of a request can be: neither infinite nor beyond a float's range."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def texts(values: Iterable[Any], place: str) -> tuple[str, ...]:
    """An array of strings."""
    found: list[str] = []
    for index, value in enumerate(values):
        if not isinstance(value, str):
            raise wrong(f"{place}[{index}]", "a string")
        found.append(value)
    return tuple(found)
