"""A plan as an Anthropic message: content blocks, stop reason, usage.

Source: anthropic SDK types (message.py, usage.py, content_block.py).
"""

from typing import Any, assert_never

from simulator.ids import new_id
from simulator.plan import Figures, Plan, arguments_object
from simulator.script import (
    ImagePart,
    Part,
    RawPart,
    RedactedPart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolPart,
    WebSearchPart,
)
from simulator.signature import seal

STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tools": "tool_use",
    "refusal": "refusal",
    "content_filter": "refusal",
    "stop_sequence": "stop_sequence",
    "pause": "pause_turn",
    "context": "model_context_window_exceeded",
}


def message(plan: Plan, service_tier: str | None, extra: dict[str, Any]) -> dict[str, Any]:
    """The whole message."""
    body: dict[str, Any] = {
        "model": plan.model,
        "id": new_id("msg_"),
        "type": "message",
        "role": "assistant",
        "content": [block for part in plan.parts for block in blocks(part)],
        "stop_reason": STOP_REASONS.get(plan.finish, plan.finish),
        "stop_sequence": plan.stop_sequence,
    }
    if body["stop_reason"] == "refusal":
        body["stop_details"] = {"type": "refusal", "category": None, "explanation": _why(plan)}
    if not plan.usage.absent:
        body["usage"] = usage(plan.usage, service_tier)
    return {**body, **extra} if extra else body


def _why(plan: Plan) -> str | None:
    return next((part.text for part in plan.parts if isinstance(part, RefusalPart)), None)


def blocks(part: Part) -> list[dict[str, Any]]:
    """A part as content blocks; what Claude cannot say (pictures) is nothing."""
    match part:
        case TextPart():
            return [{"type": "text", "text": part.text}]
        case ThinkingPart():
            signature = seal("anthropic", part.text) if part.signature is None else part.signature
            shown = "" if part.hidden else part.text
            return [{"type": "thinking", "thinking": shown, "signature": signature}]
        case RedactedPart():
            return [{"type": "redacted_thinking", "data": seal("anthropic", part.text)}]
        case ToolPart():
            return [
                {
                    "type": "tool_use",
                    "id": part.id or new_id("toolu_"),
                    "name": part.name,
                    "input": arguments_object(part),
                }
            ]
        case WebSearchPart():
            return _search(part)
        case RawPart():
            return [part.value]
        case ImagePart() | RefusalPart():
            return []
        case _:
            assert_never(part)


def _search(part: WebSearchPart) -> list[dict[str, Any]]:
    call = new_id("srvtoolu_")
    result = {
        "type": "web_search_result",
        "title": part.title,
        "url": part.url,
        "encrypted_content": seal("anthropic", part.url),
        "page_age": None,
    }
    return [
        {
            "type": "server_tool_use",
            "id": call,
            "name": "web_search",
            "input": {"query": part.query},
        },
        {"type": "web_search_tool_result", "tool_use_id": call, "content": [result]},
    ]


def usage(figures: Figures, service_tier: str | None) -> dict[str, Any]:
    """Usage: input_tokens without anything cached, output_tokens with thinking."""
    body: dict[str, Any] = {
        "input_tokens": figures.input,
        "cache_creation_input_tokens": figures.cache_write_5m + figures.cache_write_1h,
        "cache_read_input_tokens": figures.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": figures.cache_write_5m,
            "ephemeral_1h_input_tokens": figures.cache_write_1h,
        },
        "output_tokens": figures.output,
        "service_tier": service_tier or "standard",
    }
    if figures.reasoning:
        body["output_tokens_details"] = {"thinking_tokens": figures.reasoning}
    if figures.web_searches:
        body["server_tool_use"] = {
            "web_search_requests": figures.web_searches,
            "web_fetch_requests": 0,
        }
    return {**body, **figures.raw} if figures.raw else body
