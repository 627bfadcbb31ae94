"""A Messages request (or a question for the count of its tokens) in neutral words.

Left out without being reported, because nothing is lost with it: the billing line that Claude Code
puts in front of its system prompt. It changes with every request and would spoil every cache behind
it; only Anthropic itself reads it.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from translators import text_json
from translators.anthropic.request_decoding_blocks import BlockReader, content_of, read_text
from translators.anthropic.request_decoding_tools import origins, read_choice, read_tools
from translators.anthropic.request_fields import Field, cache_mark, refusal
from translators.anthropic.vocabulary import HEARD_DISPLAYS, HEARD_EFFORTS, HEARD_TIERS
from translators.canonical.loss import LossKind, unique
from translators.canonical.parts import Part, Text
from translators.canonical.request import (
    FormatKind,
    OutputFormat,
    ReasoningWish,
    Request,
    Role,
    Sampling,
    Turn,
)
from translators.fields import inner, text
from translators.protocol import NotUnderstood

BILLING_LINE = re.compile(r"x-anthropic-billing-header:[^\n]*\n?")

_REQUEST = frozenset(
    {
        "cache_control",
        "max_tokens",
        "messages",
        "metadata",
        "model",
        "output_config",
        "output_format",
        "service_tier",
        "speed",
        "stop_sequences",
        "stream",
        "system",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
    }
)
_MESSAGE = frozenset({"role", "content"})
_SYSTEM_MESSAGE = frozenset({"role", "content", "output_config"})
_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM}
_THINKING = frozenset({"type", "budget_tokens", "display"})
_KINDS_OF_THINKING = dict.fromkeys(("enabled", "adaptive", "disabled", "between_tools"))
_OUTPUT = frozenset({"effort", "format"})
_FORMAT = frozenset({"type", "schema"})
_METADATA = frozenset({"user_id"})

# Claude Code's older form of a user's id; the newer one is a JSON object.
_SESSION = re.compile(r"_session_([\w-]+)$")
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")


def decode_request(body: bytes) -> Request:
    """Raises NotUnderstood with the path of the field at fault."""
    try:
        parsed = text_json.loads(body)
        if not isinstance(parsed, dict):
            raise NotUnderstood("The request body must be a JSON object.")
        return _decoded(Field(parsed, "", []))
    except RecursionError:
        raise NotUnderstood("The request body is nested too deeply.") from None
    except NotUnderstood:
        raise
    except ValueError:
        raise NotUnderstood("The request body is not valid JSON.") from None


def _decoded(request: Field) -> Request:
    request.left(_REQUEST)
    if request.text("speed") not in (None, "standard"):
        request.lose("speed", note="a mode of this provider's, at a price of its own")
    tools = read_tools(request)
    choice, parallel = read_choice(request, tools)
    turns, late_effort = _turns(request, BlockReader(origins(tools)))
    user, cache_key = _user(request)
    stops = request.texts("stop_sequences")
    return Request(
        model=request.needed_text("model"),
        turns=turns,
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=parallel,
        sampling=Sampling(
            temperature=request.number("temperature"),
            top_p=request.number("top_p"),
            top_k=request.count("top_k"),
            stop=stops,
        ),
        max_output_tokens=request.count("max_tokens"),
        reasoning=_reasoning(request, late_effort),
        output_format=_output_format(request),
        service_tier=_service_tier(request),
        user=user,
        cache_key=cache_key,
        cache_mark=cache_mark(request),
        stream=bool(request.flag("stream")),
        losses=unique(request.losses),
        echo={"stop_sequences": list(stops)} if stops else {},
    )


# -------------------------------------------------------------------------------------------- turns


def _turns(request: Field, reader: BlockReader) -> tuple[tuple[Turn, ...], str | None]:
    """The turns, and the effort that a system message sets for the turn to come."""
    turns: list[Turn] = []
    if request.list("messages") is None:
        raise refusal("messages", "a list")
    if system := _system(request):
        turns.append(Turn(Role.SYSTEM, system))
    effort: str | None = None
    for message in request.objects("messages"):
        message.needed_text("role")
        role = _ROLES[message.word("role", _ROLES) or ""]
        if role is Role.SYSTEM:
            message.left(_SYSTEM_MESSAGE)
            effort = _late_effort(message) or effort
        else:
            message.left(_MESSAGE)
            effort = None if role is Role.ASSISTANT else effort
        if role is Role.SYSTEM and not message.has("content"):
            continue
        turns.append(Turn(role, reader.parts(message)))
    return tuple(turns), effort


def _late_effort(message: Field) -> str | None:
    """A system message can set the effort of the turn that follows it. Only the last turn is still
    to come; what was said of the earlier ones is over."""
    config = message.object("output_config")
    if config is None:
        return None
    config.left(_OUTPUT)
    return config.word("effort", HEARD_EFFORTS)


def _system(request: Field) -> tuple[Part, ...]:
    """The system prompt, block by block, without the billing line."""
    kept: list[Part] = []
    for block in _system_blocks(request):
        billing = BILLING_LINE.match(block.text)
        if billing is None:
            kept.append(block)
        elif (rest := block.text[billing.end() :]).strip():
            kept.append(replace(block, text=rest))
    return tuple(kept)


def _system_blocks(request: Field) -> list[Text]:
    blocks = content_of(request, "system")
    if isinstance(blocks, str):
        return [Text(blocks)] if blocks else []
    for block in blocks:
        if block.text("type") != "text":
            raise refusal(block.at("type"), "text")
    return [read_text(block) for block in blocks]


# ----------------------------------------------------------------------------------- how to answer


def _reasoning(request: Field, late_effort: str | None) -> ReasoningWish | None:
    thinking, effort = _thinking(request), late_effort or _effort(request)
    if effort is None:
        return thinking
    if thinking is None:
        return ReasoningWish(effort=HEARD_EFFORTS[effort])
    if thinking.off:
        request.lose("output_config.effort", note="thinking is off")
        return thinking
    if thinking.budget_tokens is not None:
        request.lose("thinking.budget_tokens", note="the effort says how hard to think")
    return replace(thinking, effort=HEARD_EFFORTS[effort], budget_tokens=None)


def _effort(request: Field) -> str | None:
    config = request.object("output_config")
    return config.word("effort", HEARD_EFFORTS) if config is not None else None


def _thinking(request: Field) -> ReasoningWish | None:
    thinking = request.object("thinking")
    if thinking is None:
        return None
    thinking.left(_THINKING)
    kind = thinking.word("type", _KINDS_OF_THINKING)
    display = thinking.word("display", HEARD_DISPLAYS)
    summary = HEARD_DISPLAYS[display] if display is not None else None
    match kind:
        case "enabled":
            budget = thinking.count("budget_tokens")
            if budget is None:
                raise refusal(thinking.at("budget_tokens"), "a number of tokens")
            return ReasoningWish(budget_tokens=budget, summary=summary)
        case "adaptive":
            return ReasoningWish(adaptive=True, summary=summary)
        case "disabled":
            return ReasoningWish(off=True)
        case "between_tools":
            thinking.lose("type", LossKind.CHANGED, "thinking is off, also between tools")
            return ReasoningWish(off=True)
        case _:
            raise refusal(thinking.at("type"), f"one of {', '.join(_KINDS_OF_THINKING)}")


def _output_format(request: Field) -> OutputFormat | None:
    """`output_config.format`, or the field of the beta that came before it."""
    config = request.object("output_config")
    chosen = None
    if config is not None:
        config.left(_OUTPUT)
        chosen = config.object("format")
    chosen = chosen or request.object("output_format")
    if chosen is None:
        return None
    chosen.left(_FORMAT)
    if chosen.text("type") != "json_schema":
        raise refusal(chosen.at("type"), "json_schema")
    return OutputFormat(FormatKind.JSON_SCHEMA, schema=chosen.needed_object("schema").value)


def _service_tier(request: Field) -> str | None:
    word = request.word("service_tier", HEARD_TIERS)
    return HEARD_TIERS[word] if word is not None else None


# ------------------------------------------------------------------------------------ who is asking


def _user(request: Field) -> tuple[str | None, str | None]:
    """The end user's id, and the key of his session's prompt cache."""
    metadata = request.object("metadata")
    if metadata is None:
        return None, None
    metadata.left(_METADATA)
    user = metadata.text("user_id") or None
    return user, _cache_key(user) if user is not None else None


def _cache_key(user: str) -> str | None:
    """The session's part of the id, the same in every request of the session; None without one.

    The id also names the account and the device, which are nobody else's business.
    """
    session = text(inner(_json(user)).get("session_id"))
    if session is None and (found := _SESSION.search(user)) is not None:
        session = found[1]
    if session is None or _PLAIN_KEY.fullmatch(session):
        return session
    return hashlib.sha256(session.encode()).hexdigest()[:32]


def _json(value: str) -> Mapping[str, Any] | None:
    if not value.startswith("{"):
        return None
    try:
        found: Mapping[str, Any] = text_json.loads(value)
    except ValueError:
        return None
    return found
