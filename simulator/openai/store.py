"""Stored responses, in memory and bounded: what previous_response_id, GET and DELETE work on.

A response belongs to the key that made it; for another key it does not exist.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

MAX_RESPONSES = 2000  # the oldest goes first


@dataclass(slots=True)
class Stored:
    """A response, the items that went in (with all that came before), and whose it is."""

    key: str | None
    response: dict[str, Any]
    input: list[dict[str, Any]]
    history: list[dict[str, Any]]
    pending: bool = False


class Store:
    """Stored responses by id."""

    def __init__(self, max_responses: int = MAX_RESPONSES) -> None:
        self._entries: OrderedDict[str, Stored] = OrderedDict()
        self._max = max_responses

    def put(self, stored: Stored) -> None:
        """Keeps a response."""
        self._entries[stored.response["id"]] = stored
        if len(self._entries) > self._max:
            self._entries.popitem(last=False)

    def get(self, id: str, key: str | None) -> Stored | None:
        """The response, if it is this key's."""
        stored = self._entries.get(id)
        return stored if stored is not None and stored.key == key else None

    def drop(self, id: str) -> None:
        """Forgets a response."""
        self._entries.pop(id, None)

    def knows_item(self, id: str, key: str | None) -> bool:
        """Whether an item of this id was stored with one of the key's responses."""
        return any(
            item.get("id") == id
            for stored in self._entries.values()
            if stored.key == key
            for item in (*stored.response["output"], *stored.input)
        )
