"""A request of a Gemini client in neutral words.

The path says the model and whether the answer streams, so that the body says neither: `model` is
"", `stream` false, and the caller of this function puts the path's in their place. The question of
countTokens, `generateContentRequest`, is read as the request that it holds.
"""

from typing import Any

from translators import text_json
from translators.canonical.loss import Loss, LossKind, unique
from translators.canonical.request import Request
from translators.gemini.request_contents import read_contents, read_system
from translators.gemini.request_settings import read_settings
from translators.gemini.request_tools import read_tool_choice, read_tools
from translators.gemini.vocabulary import HEARD_TIERS
from translators.gemini.wire import Fields
from translators.protocol import NotUnderstood

# What belongs to one account of one provider: a request that leans on it has no meaning elsewhere.
_BOUND = ("cachedContent", "continuationToken")


def decode_request(body: bytes) -> Request:
    """NotUnderstood names the field, in camel case."""
    try:
        request = Fields(_parsed(body), "")
        inner = request.get("generateContentRequest")
        return _decoded(request if inner is None else Fields(inner, ""))
    except RecursionError:
        raise NotUnderstood("The request is nested too deeply.") from None


def _parsed(body: bytes) -> Any:
    try:
        return text_json.loads(body)
    except ValueError:
        raise NotUnderstood("The request body is not valid JSON.") from None


def _decoded(request: Fields) -> Request:
    losses: list[Loss] = []
    for name in _BOUND:
        if request.get(name):
            raise NotUnderstood(
                f"'{name}' belongs to one account of Gemini and cannot be used here.", param=name
            )
    turns = read_system(request.get("systemInstruction"), losses)
    turns += read_contents(request, losses)
    settings = read_settings(request, losses)
    tools = read_tools(request, losses)
    choice = read_tool_choice(request, losses)
    tier = _tier(request, losses)
    metadata = _labels(request)
    for path_says in ("model", "stream"):
        request.get(path_says)
    losses += request.unread()
    return Request(
        model="",
        turns=tuple(turns),
        tools=tuple(tools),
        tool_choice=choice,
        sampling=settings.sampling,
        max_output_tokens=settings.max_output_tokens,
        reasoning=settings.reasoning,
        output_format=settings.output_format,
        choices=settings.choices,
        service_tier=tier,
        metadata=metadata,
        losses=unique(losses),
        echo={"includeThoughts": settings.shows_thoughts},
    )


def _tier(request: Fields, losses: list[Loss]) -> str | None:
    word = request.word("serviceTier")
    if word in (None, "UNSPECIFIED", "SERVICE_TIER_UNSPECIFIED"):
        return None
    if word not in HEARD_TIERS:
        losses.append(Loss("serviceTier", LossKind.DROPPED))
    return HEARD_TIERS.get(word)


def _labels(request: Fields) -> dict[str, Any] | None:
    labels = request.inner("labels")
    return dict(labels.wire) or None if labels is not None else None
