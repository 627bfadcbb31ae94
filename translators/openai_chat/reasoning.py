"""Reasoning, which has no official field here: where servers put it, and how it goes back to them.

Servers call its text `reasoning_content` or `reasoning`. Some demand it back with the results of
tools (DeepSeek), others refuse the unknown field (Groq, Mistral). So a text of reasoning is sealed
with the name of its field: the name travels with it, and is written again for its own issuer alone.
OpenRouter adds `reasoning_details`, with the signatures of the model's maker, and wants them back
as they were: where they hold anything opaque, they are the seal.

These seals have an issuer of their own, made of the name of the family, because the family's other
dialects cannot open them.
"""

from collections.abc import Mapping
from typing import Any

from translators import text_json
from translators.canonical.sealed import Sealed
from translators.fields import text
from translators.openai_chat.vocabulary import NAME

Json = dict[str, Any]

FIELDS = ("reasoning_content", "reasoning")
SHOWN = "reasoning_content"  # where clients are told of it
DETAILS = "reasoning_details"

_MOST_FAMILY_CHARS = 28  # so that the issuer fits into what translators/carry.py can carry
_SPOKEN = ("text", "summary")  # what a detail says in pieces
_OPAQUE = ("signature", "data")


def reasoning_in(message: Mapping[str, Any]) -> tuple[str, str] | None:
    """The reasoning of a message or a delta, and the field's name. Some fill several alike."""
    for name in FIELDS:
        if (found := text(message.get(name))) is not None:
            return found, name
    if DETAILS not in message:
        return None
    said = "".join(text(item.get(name)) or "" for item in details_in(message) for name in _SPOKEN)
    return (said, FIELDS[1]) if said else None


def details_in(message: Mapping[str, Any]) -> list[Json]:
    found = message.get(DETAILS)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


class Details:
    """The details of an answer so far: pieces of one are put together, as the server would have
    sent them whole. `seal` hands out what came since the last one."""

    def __init__(self, family: str) -> None:
        self._issuer = _issuer(family)
        self._items: list[Json] = []
        self._pieces: dict[str, list[str]] = {}  # of the last item
        self.opaque = False  # whether they hold what only their issuer can read

    def add(self, message: Mapping[str, Any]) -> None:
        for item in details_in(message):
            if not (self._items and _goes_on(self._items[-1], item)):
                self._settle()
                self._items.append({})
            last = self._items[-1]
            for name, value in item.items():
                if name in _SPOKEN and isinstance(value, str):
                    self._pieces.setdefault(name, []).append(value)
                    last.setdefault(name, "")
                elif value is not None or name not in last:
                    last[name] = value
                    self.opaque = self.opaque or (name in _OPAQUE and bool(text(value)))

    def _settle(self) -> None:
        for name, pieces in self._pieces.items():
            self._items[-1][name] = "".join(pieces)
        self._pieces.clear()

    def seal(self, field: str) -> Sealed:
        """The details, if they are opaque; else the name of the text's field."""
        self._settle()
        items, opaque = self._items, self.opaque
        self._items, self.opaque = [], False
        return Sealed(self._issuer, text_json.text(items) if opaque else field)


def _goes_on(last: Mapping[str, Any], item: Mapping[str, Any]) -> bool:
    """Whether an item is the next piece of the last one."""
    same = all(last.get(name) == item.get(name) for name in ("type", "index"))
    return same and any(isinstance(item.get(name), str) for name in (*_SPOKEN, "signature"))


def restored(thought: str, sealed: Sealed, family: str) -> tuple[str, Any] | None:
    """The field and the value with which reasoning goes back to its family; None: it is another's.

    The seal comes from a client, so it is believed no further than its form.
    """
    if sealed.issuer != _issuer(family):
        return None
    if sealed.payload in FIELDS:
        return sealed.payload, thought
    try:
        items = text_json.loads(sealed.payload)
    except (ValueError, RecursionError):
        return None
    whole = isinstance(items, list) and all(isinstance(item, dict) for item in items)
    return (DETAILS, items) if whole and items else None


def _issuer(family: str) -> str:
    return f"{NAME}-{family[:_MOST_FAMILY_CHARS]}"
