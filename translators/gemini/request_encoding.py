"""A neutral request as generateContent takes it.

Nothing is sent that the API refuses with 400, and what is left out or changed is a loss. The order
of everything is fixed: the same request gives the same bytes.
"""

from typing import Any
from urllib.parse import quote

from translators import text_json
from translators.canonical.capabilities import Capabilities
from translators.canonical.loss import Encoded, Loss, LossKind, Neutral, unique
from translators.canonical.request import Request
from translators.gemini.contents_encoding import Contents
from translators.gemini.settings_encoding import generation_config
from translators.gemini.tools_encoding import tool_config, wire_tools
from translators.gemini.vocabulary import SPOKEN_TIERS
from translators.protocol import NotUnderstood


def encode_request(request: Request, capabilities: Capabilities) -> Encoded:
    """NotUnderstood where nothing honest can be sent; its `param` is the neutral field."""
    if request.choices > 1:
        # Only one answer comes back through the neutral form; the others would be paid for nothing.
        message = "Several answers to one request cannot be given here."
        raise NotUnderstood(message, param=Neutral.CHOICES)
    try:
        body, losses = _body(request, capabilities)
        config = generation_config(request, capabilities, losses)
        if config:
            body["generationConfig"] = config
        tier = SPOKEN_TIERS.get(request.service_tier or "")
        if tier is not None:
            body["serviceTier"] = tier
        losses += _unsaid(request)
        return Encoded(text_json.dumps(body), unique(losses))
    except RecursionError:
        raise NotUnderstood("The request is nested too deeply.") from None


def encode_count(request: Request, capabilities: Capabilities) -> Encoded:
    """The question of countTokens about the same request: system, contents and tools count, how the
    answer is drawn does not."""
    try:
        body, losses = _body(request, capabilities)
        asked = {"generateContentRequest": {"model": f"models/{_bare(request.model)}", **body}}
        return Encoded(text_json.dumps(asked), unique(losses))
    except RecursionError:
        raise NotUnderstood("The request is nested too deeply.") from None


def request_path(model: str, streamed: bool) -> str:
    action = "streamGenerateContent?alt=sse" if streamed else "generateContent"
    return f"/models/{_quoted(model)}:{action}"


def count_path(model: str) -> str:
    return f"/models/{_quoted(model)}:countTokens"


def _bare(model: str) -> str:
    return model.removeprefix("models/")


def _quoted(model: str) -> str:
    """Names of some relays hold a slash or a colon, which stay."""
    return quote(_bare(model), safe="/:@")


def _body(request: Request, capabilities: Capabilities) -> tuple[dict[str, Any], list[Loss]]:
    losses: list[Loss] = []
    contents = Contents(request, capabilities, losses)
    body: dict[str, Any] = {}
    if contents.system:
        body["systemInstruction"] = {"parts": contents.system}
    body["contents"] = contents.contents
    tools = wire_tools(request, capabilities, losses)
    if tools:
        body["tools"] = tools
    config = tool_config(request, tools, capabilities, losses)
    if config:
        body["toolConfig"] = config
    return body, losses


def _unsaid(request: Request) -> list[Loss]:
    """Fields of the request that have no place here at all."""
    found = []
    for name, value in (
        (Neutral.VERBOSITY, request.verbosity),
        (Neutral.USER, request.user),
        (Neutral.CACHE_KEY, request.cache_key),
        (Neutral.METADATA, request.metadata),
    ):
        if value:
            found.append(Loss(name, LossKind.DROPPED))
    if request.cache_mark is not None:
        found.append(Loss(Neutral.CACHE, LossKind.DROPPED))
    if request.parallel_tool_calls is False and request.tools:
        found.append(Loss(Neutral.PARALLEL_TOOL_CALLS, LossKind.DROPPED))
    if request.service_tier not in (None, "auto", *SPOKEN_TIERS):
        found.append(Loss(Neutral.SERVICE_TIER, LossKind.DROPPED))
    return found
