"""Which models a provider lists, in every dialect of such lists, and which of them are served.

    OpenAI      {"data": [{"id"}]}, one page
    Anthropic   the same with `has_more` and `last_id`; the next page is asked `after_id`
    Gemini      {"models": [{"name": "models/..."}], "nextPageToken"}, asked with `pageToken`
    Cohere      {"models": [{"name"}], "next_page_token"}, asked with `page_token`
    Ollama      {"models": [{"name"}]}, its own /api/tags
    Cloudflare  {"result": [{"name"}]}
    Together    [{"id"}]

The dialect is known by the answer, so that a provider needs no word for it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from catalog import Catalog, Model, Target
from catalog.globs import STAR
from catalog.surfaces import Kind
from cli.upstream_client import MODEL_LIST, Finding, Question, Upstream, Verdict

MAX_PAGES = 200  # of up to a thousand each; the longest list that is known has 22,000
PAGE = {"anthropic": "limit=1000", "gemini": "pageSize=1000", "gemini_embeddings": "pageSize=1000"}

_KIND_WORDS: Mapping[str, Kind] = {
    "embed": "embedding",
    "bge-": "embedding",
    "gpt-image": "image",
    "dall-e": "image",
    "imagen": "image",
    "flux": "image",
    "stable-diffusion": "image",
    "image-generation": "image",
}


@dataclass(frozen=True, slots=True)
class Listed:
    """One model by the provider's own name."""

    id: str
    title: str | None = None


@dataclass(frozen=True, slots=True)
class _Page:
    models: list[Listed]
    next: str | None = None  # the query that asks for more


def list_models(upstream: Upstream) -> tuple[Finding, list[Listed]]:
    """What came of it, and the models; those of earlier pages when a later one went wrong."""
    listed: dict[str, Listed] = {}
    asked: set[str] = set()
    query = PAGE.get(upstream.home, "")
    path = upstream.address.prefix + upstream.provider.model_list(upstream.account.variables)
    ms = 0
    while True:
        asked.add(query)
        whole = f"{path}?{query}" if query else path
        finding, value = upstream.ask(Question(MODEL_LIST, "GET", whole, upstream.home))
        ms += finding.ms or 0
        page = _page(value, query) if finding.well else _Page([])
        if finding.well and page is None:
            wrong = "It answers, but not with a list of models."
            return _as(finding, Verdict.WRONG_PROTOCOL, wrong, ms), list(listed.values())
        assert page is not None
        listed |= {one.id: one for one in page.models}
        if page.next is None or page.next in asked or len(asked) >= MAX_PAGES:
            words = f"{len(listed)} models." if finding.well else finding.words
            return _as(finding, finding.verdict, words, ms), list(listed.values())
        query = page.next


def _as(finding: Finding, verdict: Verdict, words: str, ms: int) -> Finding:
    return Finding(finding.step, finding.url, verdict, words, finding.status, ms)


def _page(value: Any, query: str) -> _Page | None:
    """None: this is no list of models."""
    if isinstance(value, list):
        return _Page(list(_entries(value)))
    if not isinstance(value, dict):
        return None
    for field in ("data", "models", "result"):
        found = value.get(field)
        if isinstance(found, list):
            return _Page(list(_entries(found)), _next(value, query))
    return None


def _entries(items: list[Any]) -> Iterator[Listed]:
    for item in items:
        if not isinstance(item, dict):
            continue
        name = next((item[f] for f in ("id", "name", "model") if isinstance(item.get(f), str)), "")
        if isinstance(item.get("name"), str) and item["name"].startswith("@"):
            name = item["name"]  # Cloudflare's id is a number of its own
        title = item.get("display_name") or item.get("displayName")
        if name:
            yield Listed(name.removeprefix("models/"), title if isinstance(title, str) else None)


def _next(value: Mapping[str, Any], query: str) -> str | None:
    """The query of the next page, the size of a page kept."""
    size = query.partition("&")[0] if query.startswith(("limit=", "pageSize=")) else ""
    last = value.get("last_id")
    tokens = {
        "after_id": last if value.get("has_more") is True else None,
        "pageToken": value.get("nextPageToken"),
        "page_token": value.get("next_page_token"),
    }
    for name, token in tokens.items():
        if isinstance(token, str) and token:
            return "&".join(part for part in (size, f"{name}={quote(token, safe='')}") if part)
    return None


def kind_of(name: str) -> Kind:
    """What a model does, as far as its name says it."""
    lower = name.lower()
    return next((kind for word, kind in _KIND_WORDS.items() if word in lower), "chat")


def model_entry(provider: str, public: str, upstream_model: str) -> dict[str, Any]:
    """A model for the catalog file."""
    kind = kind_of(upstream_model)
    target = {"provider": provider}
    if upstream_model != public:
        target["model"] = upstream_model
    kinds = {} if kind == "chat" else {"kinds": [kind]}
    return {"name": public, **kinds, "targets": [target]}


def served_as(catalog: Catalog, provider: str, upstream_model: str) -> list[str]:
    """The public names under which a provider's model is served by that provider."""
    return [
        name
        for model in catalog.models
        for target in model.targets
        if target.provider == provider
        for name in _names(catalog, model, target, upstream_model)
    ]


def _names(catalog: Catalog, model: Model, target: Target, upstream_model: str) -> list[str]:
    if not model.is_pattern:
        return [model.name] if target.upstream_model(model.name) == upstream_model else []
    head, star, tail = target.model.partition(STAR)
    if not star or not (upstream_model.startswith(head) and upstream_model.endswith(tail)):
        return []
    asked = upstream_model[len(head) : len(upstream_model) - len(tail)]
    return [asked] if asked and catalog.find_model(asked) is model else []
