"""What an Anthropic request asks, as far as an answer depends on it."""

from typing import Any

from simulator import tokens
from simulator.anthropic.settings import is_adaptive
from simulator.call import Call, mapping
from simulator.plan import Ask, Tool


def block_text(content: Any) -> str:
    """The text of a message's content: a string, or its text blocks (tool results' texts
    included)."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = []
    for block in content:
        if not isinstance(block, dict):
            continue
        if block.get("type") == "text" and isinstance(block.get("text"), str):
            texts.append(block["text"])
        elif block.get("type") == "tool_result":
            texts.append(block_text(block.get("content")))
    return "\n".join(texts)


def last_text(call: Call) -> str:
    """The text of the last user message."""
    messages = call.json.get("messages")
    for message in reversed(messages if isinstance(messages, list) else []):
        if isinstance(message, dict) and message.get("role") == "user":
            return block_text(message.get("content"))
    return ""


def input_tokens(body: dict[str, Any]) -> int:
    """The figure that both /v1/messages and count_tokens report."""
    return tokens.of_json(body.get("system"), body.get("messages"), body.get("tools"))


def ask(call: Call) -> Ask:
    """The question. Tolerates anything: with a lenient script the body is not checked."""
    body = call.json
    thinking = mapping(body.get("thinking"))
    choice = mapping(body.get("tool_choice"))
    forced = {"any": "", "tool": choice.get("name")}.get(str(choice.get("type")))
    limit = body.get("max_tokens")
    on = thinking.get("type") in ("enabled", "adaptive", "between_tools")
    return Ask(
        model=call.model,
        text=last_text(call),
        input_tokens=input_tokens(body),
        max_tokens=limit if isinstance(limit, int) else None,
        stops=[stop for stop in body.get("stop_sequences") or [] if isinstance(stop, str)],
        tools=_tools(body.get("tools")),
        forced=forced,
        schema=_schema(body),
        thinking=on,
        must_think=thinking.get("type") == "enabled",
        hidden=on and _hidden(call.model, thinking),
    )


def _hidden(model: str, thinking: dict[str, Any]) -> bool:
    """Newer models show thinking only when asked to; older ones unless asked not to."""
    display = thinking.get("display")
    return display == "omitted" or (display is None and is_adaptive(model))


def _schema(body: dict[str, Any]) -> Any:
    config = body.get("output_config")
    chosen = config.get("format") if isinstance(config, dict) else body.get("output_format")
    return chosen.get("schema") if isinstance(chosen, dict) else None


def _tools(tools: Any) -> list[Tool]:
    found = [tool for tool in tools or [] if isinstance(tool, dict)]
    return [Tool(str(tool.get("name")), tool.get("input_schema")) for tool in found]
