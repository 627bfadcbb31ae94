"""`groundingMetadata`: a search with what it found, and the citations of the text.

A segment is measured in bytes of its part's text, a citation in characters of it. The segment's own
text decides where the measures disagree: some upstreams count characters.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from translators.canonical.parts import Citation, Found, SearchCall
from translators.fields import text
from translators.gemini.wire import either

Wire = dict[str, Any]

# Each support looks at the text once more; a long answer has some hundred.
MOST_SUPPORTS = 2_000


def search_of(grounding: Mapping[str, Any], search_id: str) -> SearchCall | None:
    """The search of a grounded answer; None where no page of the web is named."""
    queries = either(grounding, "webSearchQueries")
    listed = queries if isinstance(queries, list) else []
    asked = tuple(query for query in listed if isinstance(query, str))
    found = tuple(
        Found(url, text(page.get("title")))
        for page in _pages(grounding)
        if page is not None and (url := text(page.get("uri"))) is not None
    )
    return SearchCall(search_id, asked, found) if asked or found else None


def citations_of(grounding: Mapping[str, Any], said: str) -> Iterator[Citation]:
    """What the grounding says of this text."""
    supports = either(grounding, "groundingSupports")
    pages = _pages(grounding)
    offsets = _Offsets(said)
    for support in supports[:MOST_SUPPORTS] if isinstance(supports, list) else ():
        if not isinstance(support, dict):
            continue
        segment = support.get("segment")
        start, end = offsets.of(segment if isinstance(segment, dict) else {})
        indices = either(support, "groundingChunkIndices")
        for index in indices if isinstance(indices, list) else ():
            page = pages[index] if type(index) is int and 0 <= index < len(pages) else None
            if page is not None:
                yield Citation(text(page.get("uri")), text(page.get("title")), None, start, end)


def _pages(grounding: Mapping[str, Any]) -> list[Mapping[str, Any] | None]:
    """The web pages among the chunks, each at its index."""
    chunks = either(grounding, "groundingChunks")
    found: list[Mapping[str, Any] | None] = []
    for chunk in chunks if isinstance(chunks, list) else ():
        page = chunk.get("web") if isinstance(chunk, dict) else None
        found.append(page if isinstance(page, dict) else None)
    return found


class _Offsets:
    """Segments of a text in characters of it."""

    def __init__(self, said: str) -> None:
        self._said = said
        self._bytes: list[int] | None = None  # for each character, where it begins; and the end
        self._searched = 0  # where the segment found last begins

    def of(self, segment: Mapping[str, Any]) -> tuple[int | None, int | None]:
        start, end = either(segment, "startIndex"), either(segment, "endIndex")
        start = 0 if start is None else start
        quoted = text(segment.get("text"))
        if type(start) is int and type(end) is int and 0 <= start <= end:
            for at, to in ((self._character(start), self._character(end)), (start, end)):
                if to <= len(self._said) and quoted in (None, self._said[at:to]):
                    return at, to
        if quoted is None:
            return None, None
        at = self._said.find(quoted, self._searched)
        if at < 0:
            return None, None
        self._searched = at
        return at, at + len(quoted)

    def _character(self, at: int) -> int:
        if self._said.isascii():
            return at
        if self._bytes is None:
            sizes = (len(character.encode("utf-8", "replace")) for character in self._said)
            self._bytes = list(accumulate(sizes, initial=0))
        return bisect_left(self._bytes, at)


# ------------------------------------------------------------------------------------------ writing


class Cited:
    """A citation with the part that it belongs to: the part's index, and the text before."""

    __slots__ = ("citation", "end", "part", "start")

    def __init__(self, citation: Citation, part: int, start: int, end: int) -> None:
        self.citation = citation
        self.part = part
        self.start = start  # characters of the part's text
        self.end = end


def write_grounding(
    searches: Sequence[SearchCall], cited: Sequence[Cited], texts: Mapping[int, str]
) -> Wire | None:
    """`groundingMetadata`; None where nothing was searched or cited. `texts`: by part."""
    if not searches and not cited:
        return None
    sources = _Sources()
    for search in searches:
        for found in search.found:
            sources.index(found.url, found.title, None)
    supports: dict[tuple[int, int, int], Wire] = {}
    for one in cited:
        index = sources.index(one.citation.url, one.citation.title, one.citation.quoted)
        key = (one.part, one.start, one.end)
        if key not in supports:
            supports[key] = {"segment": _segment(one, texts), "groundingChunkIndices": []}
        indices = supports[key]["groundingChunkIndices"]
        if index not in indices:
            indices.append(index)
    wire: Wire = {}
    queries = [query for search in searches for query in search.queries]
    if queries:
        wire["webSearchQueries"] = queries
    if sources.chunks:
        wire["groundingChunks"] = sources.chunks
    if supports:
        wire["groundingSupports"] = list(supports.values())
    return wire or None


def _segment(one: Cited, texts: Mapping[int, str]) -> Wire:
    said = texts.get(one.part, "")
    quoted = said[one.start : one.end]
    start = len(said[: one.start].encode("utf-8", "replace"))
    segment: Wire = {"partIndex": one.part} if one.part else {}
    if start:
        segment["startIndex"] = start
    segment["endIndex"] = start + len(quoted.encode("utf-8", "replace"))
    segment["text"] = quoted
    return segment


class _Sources:
    """`groundingChunks`, each source once."""

    def __init__(self) -> None:
        self.chunks: list[Wire] = []
        self._index: dict[tuple[str | None, str | None], int] = {}

    def index(self, url: str | None, title: str | None, quoted: str | None) -> int:
        key = (url, None if url else title or quoted)
        if key not in self._index:
            self._index[key] = len(self.chunks)
            self.chunks.append(_chunk(url, title, quoted))
        return self._index[key]


def _chunk(url: str | None, title: str | None, quoted: str | None) -> Wire:
    if url is not None:
        return {"web": {"uri": url, **({"title": title} if title else {})}}
    told = {"title": title, "text": quoted}
    return {"retrievedContext": {name: value for name, value in told.items() if value}}
