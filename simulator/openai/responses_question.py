"""What a Responses request asks, as far as an answer depends on it."""

from typing import Any

from simulator import tokens
from simulator.call import Call, mapping
from simulator.openai.chat_question import content_text, forced
from simulator.plan import Ask, Tool


def items(value: Any) -> list[dict[str, Any]]:
    """Input as items: a string is one user message."""
    if isinstance(value, str):
        return [{"type": "message", "role": "user", "content": value}]
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def last_text(call: Call) -> str:
    """The text of the last user message; of a tool's output where that came last."""
    for item in reversed(items(call.json.get("input"))):
        if str(item.get("type", "")).endswith("_call_output"):
            return content_text(item.get("output"))
        if item.get("role") == "user":
            return content_text(item.get("content"))
    return ""


def input_tokens(body: dict[str, Any], history: list[dict[str, Any]]) -> int:
    """The figure that both /v1/responses and /v1/responses/input_tokens report."""
    said = items(body.get("input"))
    return tokens.of_json(body.get("instructions"), history, said, body.get("tools"))


def ask(call: Call, history: list[dict[str, Any]]) -> Ask:
    """The question, with the items of the previous response before it."""
    body = call.json
    limit = body.get("max_output_tokens")
    form = mapping(mapping(body.get("text")).get("format"))
    reasoning = mapping(body.get("reasoning"))
    thinking = reasoning.get("effort", "medium" if reasoning else "none") not in ("none", None)
    return Ask(
        model=call.model,
        text=last_text(call),
        input_tokens=input_tokens(body, history),
        max_tokens=limit if isinstance(limit, int) else None,
        tools=tools(body),
        forced=forced(body.get("tool_choice")),
        schema=form.get("schema"),
        json_mode=form.get("type") == "json_object",
        thinking=thinking,
        hidden=thinking and not reasoning.get("summary"),
    )


def tools(body: dict[str, Any]) -> list[Tool]:
    """The client's tools: top-level, inside namespaces, and in additional_tools items."""
    declared = list(body.get("tools") or [])
    for item in items(body.get("input")):
        if item.get("type") == "additional_tools":
            declared += item.get("tools") or []
    found: list[Tool] = []
    for tool in declared:
        if isinstance(tool, dict):
            found += _tools_of(tool)
    return found


def _tools_of(tool: dict[str, Any]) -> list[Tool]:
    match tool.get("type"):
        case "function":
            return [Tool(str(tool.get("name")), tool.get("parameters"))]
        case "custom":
            return [Tool(str(tool.get("name")), None, custom=True)]
        case "namespace":
            space = str(tool.get("name"))
            inner = [each for each in tool.get("tools") or [] if isinstance(each, dict)]
            return [
                Tool(name=one.name, schema=one.schema, custom=one.custom, namespace=space)
                for each in inner
                for one in _tools_of(each)
            ]
    return []
