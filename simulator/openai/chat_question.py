"""What a chat completion request asks, as far as an answer depends on it."""

from typing import Any

from simulator import tokens
from simulator.call import Call, mapping
from simulator.plan import Ask, Tool


def content_text(content: Any) -> str:
    """The text of a message's content: a string, or its text parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "\n".join(text for text in texts if isinstance(text, str))


def last_text(call: Call) -> str:
    """The text of the last user message; of a tool's answer where that came last."""
    messages = call.json.get("messages")
    for message in reversed(messages if isinstance(messages, list) else []):
        if isinstance(message, dict) and message.get("role") in ("user", "tool", "function"):
            return content_text(message.get("content"))
    return ""


def ask(call: Call) -> Ask:
    """The question. Tolerates anything: with a lenient script the body is not checked."""
    body = call.json
    limit = body.get("max_completion_tokens", body.get("max_tokens"))
    form = mapping(body.get("response_format"))
    stop = body.get("stop")
    return Ask(
        model=call.model,
        text=last_text(call),
        input_tokens=tokens.of_json(body.get("messages"), body.get("tools"), body.get("functions")),
        max_tokens=limit if isinstance(limit, int) else None,
        stops=[stop] if isinstance(stop, str) else [s for s in stop or [] if isinstance(s, str)],
        tools=[tool for each in body.get("tools") or [] for tool in _tool(each)],
        forced=forced(body.get("tool_choice")),
        schema=mapping(form.get("json_schema")).get("schema"),
        json_mode=form.get("type") == "json_object",
    )


def _tool(tool: Any) -> list[Tool]:
    if not isinstance(tool, dict):
        return []
    if isinstance(tool.get("function"), dict):
        return [Tool(str(tool["function"].get("name")), tool["function"].get("parameters"))]
    if isinstance(tool.get("custom"), dict):
        return [Tool(str(tool["custom"].get("name")), None, custom=True)]
    return []


def forced(choice: Any) -> str | None:
    """The tool that must be called: "" for any, None for no duty. Reads both APIs' forms."""
    if choice == "required":
        return ""
    if not isinstance(choice, dict):
        return None
    allowed = choice.get("allowed_tools") if choice.get("type") == "allowed_tools" else None
    if choice.get("type") == "allowed_tools":
        mode = (allowed if isinstance(allowed, dict) else choice).get("mode")
        return "" if mode == "required" else None
    for kind in ("function", "custom"):
        if isinstance(choice.get(kind), dict):
            return str(choice[kind].get("name"))
    return choice.get("name") if choice.get("type") in ("function", "custom") else None
