"""Citations of a text block, and the blocks of a web search: as requests and answers have them.

Four of the five kinds of location point into what the request itself holds; they mean something to
this dialect alone and travel as its own object. The fifth is a page of the web, which every dialect
can name. A page that another provider found is written with an empty `encrypted_index`, as its
results are with an empty `encrypted_content`; read again, these are pages without a seal.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from translators import carry
from translators.anthropic.vocabulary import SEARCH_ERRORS
from translators.canonical.loss import Loss, LossKind, Neutral
from translators.canonical.parts import Citation, Found, SearchCall
from translators.canonical.sealed import Sealed
from translators.fields import inner, text

OWN = "anthropic"
WEB_PAGE = "web_search_result_location"
LOST = Loss(Neutral.CITATIONS, LossKind.DROPPED, "a source without an address")
NO_OFFSETS = Loss(Neutral.CITATIONS, LossKind.CHANGED, "a source belongs to the whole text block")
SEVERAL_QUERIES = Loss(Neutral.SEARCH_QUERIES, LossKind.CHANGED, "several queries became one")

# ------------------------------------------------------------------------------------------ reading


def read_citation(citation: object) -> Citation | None:
    """A citation of an answer, or one that a caller sends back. None where it is no object."""
    found = inner(citation)
    if not found:
        return None
    url = text(found.get("url"))
    if found.get("type") == WEB_PAGE and not text(found.get("encrypted_index")):
        native: Mapping[str, Any] | None = None
    else:
        native = found
    return Citation(
        url=url,
        title=text(found.get("title")) or text(found.get("document_title")),
        quoted=text(found.get("cited_text")),
        issuer=OWN if native is not None else None,
        native=native,
    )


def read_search(
    call_id: str,
    given: Mapping[str, Any],
    result: Mapping[str, Any] | None,
    opened: Callable[[str], Sealed],
) -> SearchCall:
    """A `server_tool_use` of the web search with its `web_search_tool_result`, if that came."""
    query = text(given.get("query"))
    content = result.get("content") if result is not None else None
    found: tuple[Found, ...] = ()
    if isinstance(content, list):
        found = tuple(_found(one, opened) for one in content if isinstance(one, dict))
    error = text(inner(content).get("error_code"))
    return SearchCall(call_id, (query,) if query else (), found, error)


def _found(result: Mapping[str, Any], opened: Callable[[str], Sealed]) -> Found:
    encrypted = text(result.get("encrypted_content"))
    return Found(
        url=text(result.get("url")) or "",
        title=text(result.get("title")),
        age=text(result.get("page_age")),
        sealed=opened(encrypted) if encrypted else None,
    )


# ------------------------------------------------------------------------------------------ writing


def written_citations(citations: Sequence[Citation], losses: list[Loss]) -> list[Mapping[str, Any]]:
    """The citations that this dialect has a location for."""
    written: list[Mapping[str, Any]] = []
    for citation in citations:
        if citation.issuer == OWN and citation.native is not None:
            written.append(citation.native)
        elif citation.url is None:
            losses.append(LOST)
        else:
            if citation.start is not None:
                losses.append(NO_OFFSETS)
            written.append(
                {
                    "type": WEB_PAGE,
                    "cited_text": citation.quoted or "",
                    "url": citation.url,
                    "title": citation.title,
                    "encrypted_index": "",
                }
            )
    return written


def written_search(
    call: SearchCall, call_id: str, losses: list[Loss]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The block that asks, and the block that holds what was found."""
    if len(call.queries) > 1:
        losses.append(SEVERAL_QUERIES)
    asked = {
        "type": "server_tool_use",
        "id": call_id,
        "name": "web_search",
        "input": {"query": "\n".join(call.queries)},
    }
    if call.error is not None:
        code = call.error if call.error in SEARCH_ERRORS else "unavailable"
        content: Any = {"type": "web_search_tool_result_error", "error_code": code}
    else:
        content = [_written_found(found) for found in call.found]
    return asked, {"type": "web_search_tool_result", "tool_use_id": call_id, "content": content}


def _written_found(found: Found) -> dict[str, Any]:
    return {
        "type": "web_search_result",
        "title": found.title or found.url,
        "url": found.url,
        "encrypted_content": wrapped(found.sealed),
        "page_age": found.age,
    }


def wrapped(sealed: Sealed | None) -> str:
    """A sealed value as it stands in an opaque field of this dialect; "" where there is none."""
    return carry.wrapped(sealed, OWN) if sealed is not None else ""
