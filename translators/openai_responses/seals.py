"""Sealed values that this dialect has no field for, carried in reasoning items.

Only a reasoning item has an opaque field here. Other dialects also sign calls and text, and mark
reasoning as withheld. Such a seal travels in a reasoning item of its own, right behind what it
seals, whose payload begins with one of the marks below; read again, it goes back to its place. The
marks hold a character that no seal's alphabet has.

Reasoning that nobody sealed is marked as well. A client that sends it back to this dialect's own
servers would be told that there is no such item: the mark lets it be taken out before
(translators/stripping.py).
"""

from dataclasses import replace

from translators import carry
from translators.canonical.parts import Part, Reasoning, Text, ToolCall
from translators.canonical.sealed import Sealed
from translators.openai_responses.vocabulary import NAME

_BEHIND = "@behind."  # the seal of the part before
_REDACTED = "@redacted."  # reasoning that its provider withheld
_NOBODY = Sealed("none", "@unsealed")


def of_reasoning(sealed: Sealed | None, redacted: bool) -> str:
    """`encrypted_content` of a reasoning item."""
    if sealed is None:
        return carry.wrapped(_NOBODY, NAME)
    if redacted and sealed.issuer != NAME:
        sealed = Sealed(sealed.issuer, _REDACTED + sealed.payload)
    return carry.wrapped(sealed, NAME)


def of_part_before(sealed: Sealed) -> str:
    """`encrypted_content` of the item that carries the seal of the part before it."""
    # The family may be called as this protocol is: the prefix must be there for the mark's sake.
    return f"{carry.PREFIX}{sealed.issuer}.{_BEHIND}{sealed.payload}"


def read_reasoning(text: str, encrypted: str | None, item_id: str | None) -> Reasoning | Sealed:
    """The reasoning of an item, or the seal of the part before it."""
    if not encrypted:
        return Reasoning(text, id=item_id)
    sealed = carry.opened(encrypted, NAME)
    if sealed == _NOBODY:
        return Reasoning(text, id=item_id)
    if sealed.payload.startswith(_BEHIND):
        return Sealed(sealed.issuer, sealed.payload.removeprefix(_BEHIND))
    if sealed.payload.startswith(_REDACTED):
        bare = Sealed(sealed.issuer, sealed.payload.removeprefix(_REDACTED))
        return Reasoning(text, bare, redacted=True, id=item_id)
    return Reasoning(text, sealed, id=item_id)


def put_back(parts: list[Part], sealed: Sealed) -> None:
    """Give the last part its seal. A client that lost the part has no use for its seal."""
    last = parts[-1] if parts else None
    if isinstance(last, Text | ToolCall) and last.sealed is None:
        parts[-1] = replace(last, sealed=sealed)
