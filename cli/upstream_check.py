"""Does an account at a provider work? The model list first, then the cheapest question on each
surface that it serves: one token of the cheapest model that is declared there.

What costs more than a question is not asked (images), and nothing is asked of somebody who was not
reached or who does not accept the key.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from catalog import Catalog, ModelCapabilities, Route
from catalog.capabilities import known
from catalog.surfaces import CHAT_SURFACES, SURFACES_OF_KIND, Surface
from cli.discovery import Listed, kind_of, list_models
from cli.upstream_client import EXIT_CODES, UNREACHED, Finding, Question, Upstream, Verdict
from translators.protocol import discover

SLOW_S = 10.0
LEAST_REASONING_TOKENS = 16  # the least of Responses; less fails where a model thinks first

_STOPS = UNREACHED | {Verdict.WRONG_KEY, Verdict.NO_CREDIT}
_FORGIVEN = (Verdict.WRONG_PATH, Verdict.WRONG_PROTOCOL)
_HI = "Hi"


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The model to ask: the provider's name, and what it takes."""

    name: str
    capabilities: ModelCapabilities


def examine(
    catalog: Catalog, upstream: Upstream, model: str | None = None, slow_s: float = SLOW_S
) -> list[Finding]:
    """Everything that was tried, in order. `model`: ask this one, by the provider's name."""
    first, listed = list_models(upstream)
    findings = [first]
    for surface in upstream.provider.surfaces:
        if any(finding.verdict in _STOPS for finding in findings):
            break
        findings.append(_try(catalog, upstream, surface, model, listed))
    findings = [_timed(finding, slow_s) for finding in findings]
    if any(finding.verdict in (Verdict.OK, Verdict.SLOW) for finding in findings[1:]):
        findings[0] = _forgiven(findings[0])
    return findings


def exit_code(findings: Sequence[Finding]) -> int:
    return next((EXIT_CODES[f.verdict] for f in findings if not f.well), 0)


def _timed(finding: Finding, slow_s: float) -> Finding:
    if finding.verdict is Verdict.OK and (finding.ms or 0) > slow_s * 1000:
        words = f"{finding.words} It took {(finding.ms or 0) / 1000:.1f} seconds.".strip()
        return replace(finding, verdict=Verdict.SLOW, words=words)
    return finding


def _forgiven(finding: Finding) -> Finding:
    """A provider that answers questions need not have a list."""
    if finding.verdict not in _FORGIVEN:
        return finding
    words = "It has no list of models there (`models_path` names another path)."
    return replace(finding, verdict=Verdict.SKIPPED, words=words)


def _try(
    catalog: Catalog,
    upstream: Upstream,
    surface: Surface,
    model: str | None,
    listed: Sequence[Listed],
) -> Finding:
    if surface == "openai_images":
        return _skipped(upstream, surface, "Not asked: an image is not cheap.")
    chosen = _chosen(catalog, upstream, surface, model, listed)
    if chosen is None:
        return _skipped(upstream, surface, "Not asked: no model of this account is declared here.")
    finding, value = upstream.ask(_question(upstream, surface, chosen))
    if finding.well and not _SHAPES[surface](value):
        words = f"It answers, but not as {surface} does: is it the right surface or base path?"
        return replace(finding, verdict=Verdict.WRONG_PROTOCOL, words=words)
    return finding


def _skipped(upstream: Upstream, surface: Surface, words: str) -> Finding:
    url = upstream.url(upstream.path_of(surface, ""))
    return Finding(surface, url, Verdict.SKIPPED, words)


# ---------------------------------------------------------------------------------- which model


def _chosen(
    catalog: Catalog,
    upstream: Upstream,
    surface: Surface,
    model: str | None,
    listed: Sequence[Listed],
) -> _Chosen | None:
    if model is not None:
        fits = surface in SURFACES_OF_KIND[kind_of(model)]
        preset = upstream.provider.preset
        return _Chosen(model, known().of(model, preset, surface)) if fits else None
    routes = list(_declared(catalog, upstream.account.name, surface))
    routes = routes or list(_matching(catalog, upstream.account.name, surface, listed))
    cheapest = min(routes, key=_cost, default=None)
    if cheapest is None:
        return None
    return _Chosen(cheapest.upstream_model, cheapest.capabilities)


def _declared(catalog: Catalog, account: str, surface: Surface) -> Iterator[Route]:
    for model in catalog.models:
        if not model.is_pattern:
            routes = catalog.targets(model.name, surface)
            yield from (route for route in routes if route.account == account)


def _matching(
    catalog: Catalog, account: str, surface: Surface, listed: Sequence[Listed]
) -> Iterator[Route]:
    """Of models that patterns stand for, those that the provider lists."""
    fitting = (one.id for one in listed if surface in SURFACES_OF_KIND[kind_of(one.id)])
    for name in fitting:
        for route in catalog.targets(name, surface):
            if route.account == account and route.upstream_model == name:
                yield route


def _cost(route: Route) -> tuple[bool, int]:
    """What is priced first, then by price."""
    price = route.price
    return price is None, price.rates.input + price.rates.output if price else 0


# ------------------------------------------------------------------------------- which question


def _question(upstream: Upstream, surface: Surface, chosen: _Chosen) -> Question:
    name = chosen.name
    if surface in CHAT_SURFACES:
        rest = discover()[surface].request_path(name, False)
    elif surface == "gemini_embeddings":
        rest = f"/models/{quote(name, safe='/:')}:embedContent"
    else:
        rest = "/embeddings"
    path = upstream.path_of(surface, rest)
    return Question(surface, "POST", path, surface, _body(surface, chosen), name)


def _body(surface: Surface, chosen: _Chosen) -> dict[str, Any]:
    name, knows = chosen.name, chosen.capabilities
    tokens = 1 if knows.thinking == "none" else LEAST_REASONING_TOKENS
    messages = [{"role": "user", "content": _HI}]
    match surface:
        case "anthropic":
            return {"model": name, "max_tokens": 1, "messages": messages}
        case "openai_chat":
            cap = "max_tokens" if knows.legacy_max_tokens else "max_completion_tokens"
            return {"model": name, cap: tokens, "messages": messages}
        case "openai_responses":
            most = LEAST_REASONING_TOKENS
            return {"model": name, "max_output_tokens": most, "input": _HI, "store": False}
        case "gemini":
            contents = [{"role": "user", "parts": [{"text": _HI}]}]
            return {"contents": contents, "generationConfig": {"maxOutputTokens": tokens}}
        case "gemini_embeddings":
            return {"content": {"parts": [{"text": _HI}]}}
        case _:
            return {"model": name, "input": _HI}


def _has(*fields: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and any(field in value for field in fields)


_SHAPES: Mapping[Surface, Callable[[Any], bool]] = {
    "anthropic": lambda value: isinstance(value, dict) and value.get("type") == "message",
    "openai_chat": _has("choices"),
    "openai_responses": lambda value: isinstance(value, dict) and value.get("object") == "response",
    "gemini": _has("candidates", "promptFeedback"),
    "openai_embeddings": _has("data"),
    "gemini_embeddings": _has("embedding"),
}
