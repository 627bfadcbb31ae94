"""What a translation could not say. A loss is a returned value, never silence, never an exception.

docs/losses.md lists the kinds; a test holds the page to this file.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class LossKind(StrEnum):
    """How something was lost."""

    DROPPED = "dropped"  # the target has no place for it
    CLAMPED = "clamped"  # a figure was moved to the nearest that the target takes
    CHANGED = "changed"  # said in another way, whose meaning is close but not the same
    ADDED = "added"  # the target demands what the caller did not say
    UNSEALED = "unsealed"  # a sealed value for another issuer was left out


@dataclass(frozen=True, slots=True)
class Loss:
    """One loss. `field` is the path in the caller's own dialect or, where the loss belongs to no
    field, a short name in snake_case. `note` is for people; it never quotes the caller's text."""

    field: str
    kind: LossKind
    note: str = ""

    def __str__(self) -> str:
        return f"{self.field}={self.kind.value}"


def unique(losses: Iterable[Loss]) -> tuple[Loss, ...]:
    """The losses in their order, each field and kind once."""
    found: dict[str, Loss] = {}
    for loss in losses:
        found.setdefault(str(loss), loss)
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Encoded:
    """A body in the target's dialect, and what it could not say."""

    body: bytes
    losses: tuple[Loss, ...] = ()
