"""Annotations of output text: sources of what it says."""

from collections.abc import Mapping
from typing import Any

from translators.canonical.parts import Citation
from translators.openai_responses.vocabulary import NAME


def read_citation(annotation: object) -> Citation | None:
    """An annotation as a citation; what is no web page's address is kept for this dialect only."""
    if not isinstance(annotation, dict):
        return None
    start, end = _place(annotation.get("start_index")), _place(annotation.get("end_index"))
    url = annotation.get("url")
    if annotation.get("type") == "url_citation" and isinstance(url, str):
        title = annotation.get("title")
        return Citation(url, title if isinstance(title, str) else None, None, start, end)
    return Citation(start=start, end=end, issuer=NAME, native=annotation)


def read_citations(annotations: object) -> tuple[Citation, ...]:
    if not isinstance(annotations, list):
        return ()
    return tuple(c for a in annotations if (c := read_citation(a)) is not None)


def _place(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def is_sayable(citation: Citation) -> bool:
    return citation.url is not None or (citation.issuer == NAME and citation.native is not None)


def annotation(citation: Citation, length: int) -> Mapping[str, Any]:
    """The annotation of a sayable citation. Without a place it is about all of the text so far."""
    if citation.issuer == NAME and citation.native is not None:
        return citation.native
    return {
        "type": "url_citation",
        "start_index": citation.start or 0,
        "end_index": length if citation.end is None else citation.end,
        "title": citation.title or citation.url or "",
        "url": citation.url or "",
    }
