"""A caller's request, field by field, into the neutral form.

State is the gateway's: `store` and `previous_response_id` were acted on before and say nothing
here; what refers to state that only the upstream could have is refused. Fields of transport or of
bookkeeping (stream_options, client_metadata, ...) are no loss; every other field without a neutral
meaning is one.
"""

from dataclasses import replace
from typing import Any

from translators import text_json
from translators.canonical.effort import EFFORTS, Effort
from translators.canonical.loss import Loss, unique
from translators.canonical.parts import CacheMark, Text
from translators.canonical.request import (
    AnyTool,
    FormatKind,
    HostedTool,
    OutputFormat,
    ReasoningWish,
    Request,
    Role,
    Sampling,
    Turn,
    WebSearch,
)
from translators.openai_responses.echo import echo_of
from translators.openai_responses.item_decoding import turns_of
from translators.openai_responses.part_decoding import cache_mark
from translators.openai_responses.tool_decoding import decode_choice, decode_tools
from translators.openai_responses.typed import (
    flag,
    lost,
    mapping,
    number,
    one_of,
    optional,
    said,
    strings,
    unknown,
    wanted,
    whole,
)
from translators.openai_responses.vocabulary import HEARD_TIERS
from translators.protocol import NotUnderstood

# Fields that are read below.
_READ = frozenset(
    {
        "model",
        "input",
        "instructions",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "temperature",
        "top_p",
        "top_logprobs",
        "max_output_tokens",
        "max_tool_calls",
        "reasoning",
        "text",
        "include",
        "service_tier",
        "user",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_options",
        "metadata",
        "stream",
        "truncation",
    }
)
# Fields that say nothing about the answer, or that the gateway has acted on already.
_HARMLESS = frozenset(
    {
        "store",
        "previous_response_id",
        "stream_options",
        "client_metadata",
        "background",
        "conversation",
        "prompt",
        "generate",
    }
)
_KNOWN = _READ | _HARMLESS
_STREAM_OPTIONS = frozenset({"include_obfuscation"})
_TEXT = frozenset({"format", "verbosity"})
_REASONING = frozenset({"effort", "summary", "generate_summary", "context", "mode"})
_FORMAT = frozenset({"type", "name", "schema", "description", "strict"})
_PLAIN = frozenset({"type"})
# Fields that refer to state of the upstream's.
_STATE = {
    "background": "A response cannot be made in the background here.",
    "conversation": "Conversations are not stored here: send the items themselves.",
    "prompt": "Stored prompts are not available here: send the instructions themselves.",
}
_SERVED_INCLUDES = frozenset({"reasoning.encrypted_content", "web_search_call.action.sources"})
_LOGPROBS = "message.output_text.logprobs"


def decode_request(body: bytes) -> Request:
    """NotUnderstood names the field at fault."""
    try:
        return _decode(_parsed(body))
    except RecursionError:
        raise NotUnderstood("The request body is nested too deeply.") from None


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        parsed = text_json.loads(body)
    except ValueError:
        raise NotUnderstood("The request body is not valid JSON.") from None
    if not isinstance(parsed, dict):
        raise NotUnderstood("The request body must be a JSON object.")
    return parsed


def _decode(body: dict[str, Any]) -> Request:
    _refuse_state(body)
    losses: list[Loss] = []
    unknown(body, _KNOWN, "", losses)
    _stream_options(body, losses)
    include = strings(body.get("include"), "include")
    for value in include:
        if value not in _SERVED_INCLUDES and value != _LOGPROBS:
            lost("include", losses, "details that are not at hand here")
    reading = turns_of(body.get("input"))
    losses += reading.losses
    said(body.get("prompt_cache_retention"), "prompt_cache_retention")
    tools = [*decode_tools(body.get("tools"), "tools", losses), *reading.tools]
    text = optional(body.get("text"), "text")
    unknown(text, _TEXT, "text", losses)
    return Request(
        model=wanted(body.get("model"), "model"),
        turns=tuple(_turns(body, reading.turns)),
        tools=_limited(tools, body, losses),
        tool_choice=decode_choice(body.get("tool_choice"), losses),
        parallel_tool_calls=flag(body.get("parallel_tool_calls"), "parallel_tool_calls"),
        sampling=_sampling(body, _LOGPROBS in include),
        max_output_tokens=whole(body.get("max_output_tokens"), "max_output_tokens"),
        reasoning=_reasoning(body, losses),
        output_format=_format(text, losses),
        verbosity=one_of(text.get("verbosity"), ("low", "medium", "high"), "text.verbosity"),
        service_tier=_tier(body, losses),
        user=said(body.get("safety_identifier"), "safety_identifier")
        or said(body.get("user"), "user")
        or None,
        cache_key=said(body.get("prompt_cache_key"), "prompt_cache_key") or None,
        cache_mark=_cache_mark(body, losses),
        metadata=_metadata(body),
        stream=bool(flag(body.get("stream"), "stream")),
        losses=_with_truncation(body, losses),
        echo=echo_of(body),
    )


def _stream_options(body: dict[str, Any], losses: list[Loss]) -> None:
    """How the stream is obfuscated, which no translated one is."""
    options = optional(body.get("stream_options"), "stream_options")
    unknown(options, _STREAM_OPTIONS, "stream_options", losses)


def _refuse_state(body: dict[str, Any]) -> None:
    for name, why in _STATE.items():
        if body.get(name) not in (None, False):
            raise NotUnderstood(why, param=name)
    said(body.get("previous_response_id"), "previous_response_id")
    for name in ("store", "background", "generate"):
        flag(body.get(name), name)
    if body.get("generate") is False:
        raise NotUnderstood("A request that generates nothing is not served.", param="generate")


def _turns(body: dict[str, Any], turns: list[Turn]) -> list[Turn]:
    instructions = said(body.get("instructions"), "instructions")
    if body.get("input") is None and not instructions:
        raise NotUnderstood("Missing required parameter: 'input'.", param="input")
    if not instructions:
        return turns
    return [Turn(Role.SYSTEM, (Text(instructions),)), *turns]


def _limited(tools: list[AnyTool], body: dict[str, Any], losses: list[Loss]) -> tuple[AnyTool, ...]:
    """`max_tool_calls` counts the calls of hosted tools: of searches, if there is nothing else."""
    most = whole(body.get("max_tool_calls"), "max_tool_calls")
    if most is None:
        return tuple(tools)
    if any(isinstance(tool, HostedTool) for tool in tools) or not any(
        isinstance(tool, WebSearch) for tool in tools
    ):
        lost("max_tool_calls", losses)
        return tuple(tools)
    return tuple(replace(t, max_uses=most) if isinstance(t, WebSearch) else t for t in tools)


def _sampling(body: dict[str, Any], logprobs: bool) -> Sampling:
    return Sampling(
        temperature=number(body.get("temperature"), "temperature"),
        top_p=number(body.get("top_p"), "top_p"),
        logprobs=logprobs or None,
        top_logprobs=whole(body.get("top_logprobs"), "top_logprobs") or None,
    )


def _reasoning(body: dict[str, Any], losses: list[Loss]) -> ReasoningWish | None:
    wish = optional(body.get("reasoning"), "reasoning")
    unknown(wish, _REASONING, "reasoning", losses)
    for name, usual in (("context", "auto"), ("mode", "standard")):
        if said(wish.get(name), f"reasoning.{name}") not in (None, usual):
            lost(f"reasoning.{name}", losses)
    effort = one_of(wish.get("effort"), ("none", *EFFORTS), "reasoning.effort")
    words = ("auto", "concise", "detailed", "none")
    summary = one_of(wish.get("summary"), words, "reasoning.summary")
    summary = summary or one_of(wish.get("generate_summary"), words, "reasoning.generate_summary")
    if effort is None and summary is None:
        return None
    if effort == "none":
        return ReasoningWish(off=True, summary=summary)
    return ReasoningWish(effort=Effort(effort) if effort else None, summary=summary)


def _format(text: dict[str, Any], losses: list[Loss]) -> OutputFormat | None:
    format_ = optional(text.get("format"), "text.format")
    if not format_:
        return None
    words = ("text", "json_object", "json_schema")
    kind = one_of(wanted(format_.get("type"), "text.format.type"), words, "text.format.type")
    if kind == "text":
        unknown(format_, _PLAIN, "text.format", losses)
        return None
    unknown(format_, _FORMAT, "text.format", losses)
    if kind == "json_object":
        return OutputFormat(FormatKind.JSON_OBJECT)
    return OutputFormat(
        FormatKind.JSON_SCHEMA,
        mapping(format_.get("schema"), "text.format.schema"),
        said(format_.get("name"), "text.format.name"),
        said(format_.get("description"), "text.format.description"),
        flag(format_.get("strict"), "text.format.strict"),
    )


def _tier(body: dict[str, Any], losses: list[Loss]) -> str | None:
    tier = said(body.get("service_tier"), "service_tier")
    if tier is not None and tier not in HEARD_TIERS:
        lost("service_tier", losses)
    return HEARD_TIERS.get(tier) if tier is not None else None


def _cache_mark(body: dict[str, Any], losses: list[Loss]) -> CacheMark | None:
    options = optional(body.get("prompt_cache_options"), "prompt_cache_options")
    if not options:
        return None
    if flag(options.get("prewarm"), "prompt_cache_options.prewarm"):
        raise NotUnderstood(
            "A request that generates nothing is not served.", param="prompt_cache_options.prewarm"
        )
    return cache_mark(options, losses)


def _metadata(body: dict[str, Any]) -> dict[str, str] | None:
    found = optional(body.get("metadata"), "metadata")
    return {k: wanted(v, f"metadata.{k}"[:100]) for k, v in found.items()} or None


def _with_truncation(body: dict[str, Any], losses: list[Loss]) -> tuple[Loss, ...]:
    said_ = one_of(body.get("truncation"), ("auto", "disabled"), "truncation")
    if said_ == "auto":
        lost("truncation", losses, "nothing is cut from a long input")
    return unique(losses)
