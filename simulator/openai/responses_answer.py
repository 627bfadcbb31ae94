"""A plan as a Responses API object: output items, status, usage, and the request's parameters
echoed.

Source: openai SDK types (responses/response.py, response_output_item.py, response_usage.py).
"""

import time
from typing import Any, assert_never

from simulator.call import Call
from simulator.ids import new_id
from simulator.pictures import base64_png
from simulator.plan import Figures, Plan, arguments_text
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

# finish -> (status, incomplete reason)
STATUSES = {
    "length": ("incomplete", "max_output_tokens"),
    "context": ("incomplete", "max_output_tokens"),
    "content_filter": ("incomplete", "content_filter"),
    "failed": ("failed", None),
}
_ECHOED: dict[str, Any] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}


def response(plan: Plan, call: Call) -> dict[str, Any]:
    """The whole object, finished."""
    status, reason = STATUSES.get(plan.finish, ("completed", None))
    now = int(time.time())
    body: dict[str, Any] = {
        "id": new_id("resp_"),
        "object": "response",
        "created_at": now,
        "status": status,
        "completed_at": now if status == "completed" else None,
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "model": plan.model,
        "output": _items(plan.parts, status, _encrypts(call)),
        "reasoning": {"effort": None, "summary": None},
        "service_tier": call.script.service_tier or "default",
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "usage": None if plan.usage.absent else usage(plan.usage),
    }
    if not plan.usage.absent and (tools := tool_usage(plan.usage)) is not None:
        body["tool_usage"] = tools
    for name, default in _ECHOED.items():
        value = call.json.get(name)
        body[name] = default if value is None else value
    for name in ("reasoning", "text"):
        if isinstance(call.json.get(name), dict):
            body[name] |= call.json[name]
    body["tools"] = [_echoed_tool(tool) for tool in body["tools"]]
    return {**body, **call.script.extra} if call.script.extra else body


def _echoed_tool(tool: Any) -> Any:
    """Function tools come back with their defaults filled in."""
    if isinstance(tool, dict) and tool.get("type") == "function":
        filled = {"description": None, "parameters": None, "strict": True}
        return {**filled, **tool}
    return tool


def _encrypts(call: Call) -> bool:
    include = call.json.get("include")
    asked = isinstance(include, list) and "reasoning.encrypted_content" in include
    return asked or call.json.get("store") is False


def _items(parts: list[Part], status: str, encrypts: bool) -> list[dict[str, Any]]:
    """Items in order; neighbouring texts and refusals share one message."""
    items: list[dict[str, Any]] = []
    for part in parts:
        content = _content(part)
        if content is None:
            items.append(_item(part, encrypts))
        elif items and items[-1]["type"] == "message":
            items[-1]["content"].append(content)
        else:
            message = {"id": new_id("msg_"), "type": "message", "status": "completed"}
            items.append({**message, "role": "assistant", "content": [content]})
    if items and status == "incomplete" and items[-1]["type"] == "message":
        items[-1]["status"] = "incomplete"
    return items


def _content(part: Part) -> dict[str, Any] | None:
    if isinstance(part, TextPart):
        return {"type": "output_text", "text": part.text, "annotations": [], "logprobs": []}
    if isinstance(part, RefusalPart):
        return {"type": "refusal", "refusal": part.text}
    return None


def _item(part: Part, encrypts: bool) -> dict[str, Any]:
    match part:
        case ThinkingPart():
            return _reasoning(part.text, part.hidden, part.signature, encrypts)
        case RedactedPart():
            return _reasoning(part.text, True, None, encrypts)
        case ToolPart():
            return _call(part)
        case ImagePart():
            made = {"status": "completed", "result": part.data or base64_png()}
            shown = {"output_format": part.mime_type.removeprefix("image/"), "size": "1024x1024"}
            return {"id": new_id("ig_"), "type": "image_generation_call", **made, **shown}
        case WebSearchPart():
            action: dict[str, Any] = {
                "type": "search",
                "query": part.query,
                "queries": [part.query],
            }
            action["sources"] = [{"type": "url", "url": part.url}]
            done = {"status": "completed", "action": action}
            return {"id": new_id("ws_"), "type": "web_search_call", **done}
        case RawPart():
            return part.value
        case TextPart() | RefusalPart():
            raise AssertionError("texts live in messages")
        case _:
            assert_never(part)


def _reasoning(text: str, hidden: bool, signature: str | None, encrypts: bool) -> dict[str, Any]:
    summary = [] if hidden else [{"type": "summary_text", "text": text}]
    item = {"id": new_id("rs_"), "type": "reasoning", "summary": summary}
    if encrypts or signature is not None:
        item["encrypted_content"] = seal("openai", text) if signature is None else signature
    return item


def _call(part: ToolPart) -> dict[str, Any]:
    call: dict[str, Any] = {"call_id": part.id or new_id("call_"), "name": part.name}
    if part.namespace is not None:
        call["namespace"] = part.namespace
    if part.custom:
        said = {"input": arguments_text(part), "status": "completed"}
        return {"id": new_id("ctc_"), "type": "custom_tool_call", **call, **said}
    said = {"arguments": arguments_text(part), "status": "completed"}
    return {"id": new_id("fc_"), "type": "function_call", **call, **said}


def usage(figures: Figures) -> dict[str, Any]:
    """Usage: input_tokens with everything cached, output_tokens with reasoning."""
    body = {
        "input_tokens": figures.all_input,
        "input_tokens_details": {
            "cached_tokens": figures.cache_read,
            "cache_write_tokens": figures.cache_write_5m + figures.cache_write_1h,
        },
        "output_tokens": figures.output,
        "output_tokens_details": {"reasoning_tokens": figures.reasoning},
        "total_tokens": figures.all_input + figures.output,
    }
    return {**body, **figures.raw} if figures.raw else body


def tool_usage(figures: Figures) -> dict[str, Any] | None:
    """What hosted tools used, beside the model's own usage; None without any."""
    given, drawn = figures.image_input, figures.image_output
    if not (given or drawn or figures.web_searches):
        return None
    return {
        "image_gen": {
            "input_tokens": given,
            "input_tokens_details": {"image_tokens": given, "text_tokens": 0},
            "output_tokens": drawn,
            "output_tokens_details": {"image_tokens": drawn, "text_tokens": 0},
            "total_tokens": given + drawn,
        },
        "web_search": {"num_requests": figures.web_searches},
    }
