"""JSON objects as proto3 maps them: read from a caller, with every mistake named by its path.

Rules of that mapping, all of which real clients use:
- a field's name is in camel case or in snake case; null is the same as absent;
- numbers may stand in quotes; enumerations are read in any case;
- bytes are base64 in the standard or in the URL-safe alphabet, padded or not;
- one object may stand for a list of one.
What nobody asked for is told by `unread`: a field that is not known is a loss, never silence.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from translators.canonical.loss import Loss, LossKind, field_at
from translators.protocol import NotUnderstood

_CAPITAL = re.compile(r"(?<!^)([A-Z])")
_UNDERSCORE = re.compile(r"_([a-z])")
_NUMBER = re.compile(r"-?\d{1,19}(?:\.\d{1,19})?(?:[eE][+-]?\d{1,3})?")
_NOTHING: tuple[object, ...] = (None, False, "", [], {})
_STANDARD = str.maketrans("-_", "+/")


@cache
def snake(name: str) -> str:
    """A camel case name of ours in snake case."""
    return _CAPITAL.sub(r"_\1", name).lower()


def camel(name: str) -> str:
    """A caller's name in camel case; another name stays."""
    return _UNDERSCORE.sub(lambda found: found[1].upper(), name)


def either(wire: Any, name: str) -> Any:
    """The field of an upstream's object under either name; None where there is none."""
    if not isinstance(wire, dict):
        return None
    value = wire.get(name)
    return wire.get(snake(name)) if value is None else value


def standard_base64(text: str) -> str:
    """Base64 in the standard alphabet, padded."""
    if "-" in text or "_" in text:
        text = text.translate(_STANDARD)
    missing = -len(text) % 4
    return text + "=" * missing if missing in (1, 2) else text


class Fields:
    """One object of a caller's request. `path` names it in messages; it remembers what was read."""

    __slots__ = ("_known", "_wire", "path")

    def __init__(self, value: object, path: str) -> None:
        self.path = path
        if not isinstance(value, dict):
            raise NotUnderstood(f"'{path or 'body'}' must be an object.", param=path or None)
        self._wire: dict[str, Any] = value
        self._known: set[str] = set()

    @property
    def wire(self) -> dict[str, Any]:
        return self._wire

    def at(self, name: str) -> str:
        """The path of a field in this object."""
        return f"{self.path}.{name}" if self.path else name

    def get(self, name: str) -> Any:
        """The value as it is; None where absent or null."""
        self._known.add(name)
        return either(self._wire, name)

    def wrong(self, name: str, wanted: str) -> NotUnderstood:
        path = self.at(name)
        return NotUnderstood(f"'{path}' must be {wanted}.", param=path)

    def text(self, name: str) -> str | None:
        value = self.get(name)
        if value is None or isinstance(value, str):
            return value
        raise self.wrong(name, "a string")

    def word(self, name: str) -> str | None:
        """A word of an enumeration, in upper case."""
        value = self.text(name)
        return value.upper() if value else None

    def base64(self, name: str) -> str | None:
        value = self.text(name)
        return standard_base64(value) if value else None

    def flag(self, name: str) -> bool | None:
        value = self.get(name)
        if value is None or isinstance(value, bool):
            return value
        raise self.wrong(name, "a boolean")

    def number(self, name: str) -> float | None:
        value = self.get(name)
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            value = float(value) if any(mark in value for mark in ".eE") else int(value)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        raise self.wrong(name, "a number")

    def whole(self, name: str) -> int | None:
        value = self.number(name)
        if isinstance(value, float):
            if not value.is_integer():
                raise self.wrong(name, "a whole number")
            value = int(value)
        return value

    def items(self, name: str) -> list[Any]:
        """A list's items, or the one object that stands for it."""
        value = self.get(name)
        if value is None:
            return []
        if isinstance(value, dict):
            return [value]
        if isinstance(value, list):
            return value
        raise self.wrong(name, "a list")

    def objects(self, name: str) -> Iterator["Fields"]:
        """A list of objects."""
        for index, item in enumerate(self.items(name)):
            yield Fields(item, f"{self.at(name)}[{index}]")

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings, or one string that stands for it."""
        value = self.get(name)
        if value is None:
            return ()
        listed = [value] if isinstance(value, str) else value
        if isinstance(listed, list) and all(isinstance(item, str) for item in listed):
            return tuple(listed)
        raise self.wrong(name, "a list of strings")

    def inner(self, name: str) -> "Fields | None":
        """An object in this object."""
        value = self.get(name)
        return None if value is None else Fields(value, self.at(name))

    def names(self) -> Iterator[str]:
        """The names of the fields that say something, in camel case and in their order."""
        for name, value in self._wire.items():
            if value is not None:
                yield camel(name)

    def unread(self) -> Iterator[Loss]:
        """The fields that say something and that nobody asked for."""
        for name, value in self._wire.items():
            known = camel(name)
            if known in self._known or value in _NOTHING:
                continue
            yield Loss(field_at(self.at(known)), LossKind.DROPPED)
