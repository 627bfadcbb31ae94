"""Which parts of an upstream's stream are open, and how much of each was told.

A part is addressed by its item's output_index, and by the content_index inside a message. Upstreams
differ in how much they repeat: some send a text in deltas only, some only in the event that ends
it. So the length told so far is kept, and an ending event adds what is missing.
"""

from typing import NamedTuple

from translators.canonical.parts import Citation
from translators.canonical.sealed import Sealed
from translators.canonical.stream import (
    PartBegun,
    PartCited,
    PartDelta,
    PartEnded,
    Streamed,
    StreamEvent,
)


class Place(NamedTuple):
    """Where a part stands: its item, and its place in it (0 where the item is the part)."""

    output: int
    content: int = 0


class _Open:
    __slots__ = ("cited", "key", "told")

    def __init__(self, key: int) -> None:
        self.key = key
        self.told = 0  # characters
        self.cited = 0  # citations


class OpenParts:
    """Events for the parts that are open; every method adds to the list it is given."""

    def __init__(self) -> None:
        self._open: dict[Place, _Open] = {}
        self._ended: set[Place] = set()
        self._next_key = 0

    def key(self) -> int:
        """A key that no part had yet."""
        self._next_key += 1
        return self._next_key - 1

    def is_open(self, place: Place) -> bool:
        return place in self._open

    def is_known(self, place: Place) -> bool:
        return place in self._open or place in self._ended

    def begin(self, place: Place, part: Streamed, events: list[StreamEvent]) -> None:
        if self.is_known(place):
            return
        opened = self._open[place] = _Open(self.key())
        events.append(PartBegun(opened.key, part))

    def add(self, place: Place, text: str, events: list[StreamEvent]) -> None:
        opened = self._open.get(place)
        if opened is not None and text:
            opened.told += len(text)
            events.append(PartDelta(opened.key, text))

    def complete(self, place: Place, text: str, events: list[StreamEvent]) -> None:
        """What of the whole text was not told yet."""
        opened = self._open.get(place)
        if opened is not None and len(text) > opened.told:
            self.add(place, text[opened.told :], events)

    def cite(self, place: Place, citation: Citation, events: list[StreamEvent]) -> None:
        opened = self._open.get(place)
        if opened is not None:
            opened.cited += 1
            events.append(PartCited(opened.key, citation))

    def complete_citations(
        self, place: Place, citations: tuple[Citation, ...], events: list[StreamEvent]
    ) -> None:
        opened = self._open.get(place)
        if opened is not None:
            for citation in citations[opened.cited :]:
                self.cite(place, citation, events)

    def end(self, place: Place, sealed: Sealed | None, events: list[StreamEvent]) -> None:
        opened = self._open.pop(place, None)
        if opened is not None:
            self._ended.add(place)
            events.append(PartEnded(opened.key, sealed))

    def end_item(self, output: int, events: list[StreamEvent]) -> None:
        """Every part of an item that is still open."""
        for place in [p for p in self._open if p.output == output]:
            self.end(place, None, events)

    def end_all(self, events: list[StreamEvent]) -> None:
        for place in list(self._open):
            self.end(place, None, events)
