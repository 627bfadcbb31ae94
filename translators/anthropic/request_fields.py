"""Objects of a caller's request, read with care: a wrong type is refused with the field's name.

Null counts as absent, as it does at the API. What nobody asked for is a loss: `left` names the
fields that are known, and every other one that says something is reported as dropped.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from translators.canonical.loss import Loss, LossKind, field_at
from translators.canonical.parts import CacheMark
from translators.protocol import NotUnderstood


def refusal(path: str, wanted: str) -> NotUnderstood:
    """What to raise for a field at this path that is something else."""
    return NotUnderstood(f"'{path}' must be {wanted}.", param=path)


@dataclass(frozen=True, slots=True)
class Field:
    """One object of the request, where it stands ("" is the request itself), and the losses of
    the whole request."""

    value: Mapping[str, Any]
    path: str
    losses: list[Loss]

    def at(self, name: str) -> str:
        """The path of one of its fields, as `messages.0.content`."""
        return f"{self.path}.{name}" if self.path else name

    def lose(self, name: str, kind: LossKind = LossKind.DROPPED, note: str = "") -> None:
        """Reports a field; places in lists are left out of its name."""
        self.losses.append(Loss(field_at(self.at(name)), kind, note))

    def left(self, known: frozenset[str]) -> None:
        """Reports every field besides the known ones. Nothing is lost with null, false and {}."""
        if known.issuperset(self.value):
            return
        for name, value in self.value.items():
            if name not in known and value not in (None, False, {}, []):
                self.lose(name)

    def has(self, name: str) -> bool:
        return self.value.get(name) is not None

    def text(self, name: str) -> str | None:
        value = self.value.get(name)
        if value is None or isinstance(value, str):
            return value
        raise refusal(self.at(name), "a string")

    def needed_text(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise refusal(self.at(name), "a string")
        return value

    def flag(self, name: str) -> bool | None:
        value = self.value.get(name)
        if value is None or isinstance(value, bool):
            return value
        raise refusal(self.at(name), "a boolean")

    def number(self, name: str) -> float | None:
        value = self.value.get(name)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        raise refusal(self.at(name), "a number")

    def count(self, name: str) -> int | None:
        value = self.number(name)
        if value is None:
            return None
        if value < 0 or value != value // 1:
            raise refusal(self.at(name), "a whole number that is not negative")
        return int(value)

    def word(self, name: str, words: Mapping[str, Any]) -> str | None:
        """One of these words, if any."""
        value = self.text(name)
        if value is not None and value not in words:
            raise refusal(self.at(name), f"one of {', '.join(words)}")
        return value

    def object(self, name: str) -> "Field | None":
        value = self.value.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise refusal(self.at(name), "an object")
        return Field(value, self.at(name), self.losses)

    def needed_object(self, name: str) -> "Field":
        found = self.object(name)
        if found is None:
            raise refusal(self.at(name), "an object")
        return found

    def list(self, name: str) -> "list[Any] | None":
        value = self.value.get(name)
        if value is None or isinstance(value, list):
            return value
        raise refusal(self.at(name), "a list")

    def objects(self, name: str) -> "Iterator[Field]":
        """The objects of a list; none where it is absent."""
        for place, value in enumerate(self.list(name) or ()):
            path = f"{self.at(name)}.{place}"
            if not isinstance(value, dict):
                raise refusal(path, "an object")
            yield Field(value, path, self.losses)

    def texts(self, name: str) -> tuple[str, ...]:
        """The strings of a list."""
        found = self.list(name) or ()
        if not all(isinstance(value, str) for value in found):
            raise refusal(self.at(name), "a list of strings")
        return tuple(found)


_CACHE_CONTROL = frozenset({"type", "ttl"})
_LIFETIMES = {"5m": None, "1h": None}


def cache_mark(holder: Field) -> CacheMark | None:
    """The `cache_control` of a block, a tool or the request."""
    found = holder.object("cache_control")
    if found is None:
        return None
    found.left(_CACHE_CONTROL)
    return CacheMark(found.word("ttl", _LIFETIMES))
