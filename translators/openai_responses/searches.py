"""The provider's own web search: `web_search_call` items and SearchCall parts.

Only a call that searches is one everywhere. Opening a page and finding in it are calls of the same
type that no other dialect has: those stay opaque.
"""

from collections.abc import Mapping
from typing import Any

from translators.canonical.parts import Found, Opaque, SearchCall
from translators.fields import inner, text
from translators.openai_responses.vocabulary import NAME

# The code of a search that failed: the dialect tells of none.
FAILED = "unavailable"


def read_search(item: dict[str, Any]) -> SearchCall | Opaque:
    """The part in such an item; what is missing or of a wrong type counts as absent."""
    action = inner(item.get("action"))
    if action.get("type") not in (None, "search"):
        return Opaque(NAME, "web_search_call", item)
    queries = action.get("queries")
    asked = [q for q in queries if isinstance(q, str)] if isinstance(queries, list) else []
    if not asked and (query := text(action.get("query"))) is not None:
        asked = [query]
    sources = action.get("sources")
    urls = (text(inner(s).get("url")) for s in sources) if isinstance(sources, list) else ()
    return SearchCall(
        text(item.get("id")) or "",
        tuple(asked),
        tuple(Found(url) for url in urls if url is not None),
        FAILED if item.get("status") == "failed" else None,
    )


def search_item(call: SearchCall, with_sources: bool) -> dict[str, Any]:
    """The item of a search, complete but for its `id`."""
    action: dict[str, Any] = {"type": "search", "query": call.queries[0] if call.queries else ""}
    if call.queries:
        action["queries"] = list(call.queries)
    if with_sources:
        action["sources"] = [{"type": "url", "url": found.url} for found in call.found]
    status = "failed" if call.error else "completed"
    return {"type": "web_search_call", "status": status, "action": action}


def wants_sources(echo: Mapping[str, Any]) -> bool:
    include = echo.get("include")
    return isinstance(include, list) and "web_search_call.action.sources" in include
