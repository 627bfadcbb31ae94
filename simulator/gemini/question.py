"""What a Gemini request asks, as far as an answer depends on it. Both spellings of a field are
read."""

import re
from typing import Any

from simulator import tokens
from simulator.call import Call
from simulator.plan import Ask, Tool


def get(value: Any, camel: str) -> Any:
    """A field by its camelCase name or its snake_case one; None where there is none."""
    if not isinstance(value, dict):
        return None
    found = value.get(camel)
    return found if found is not None else value.get(re.sub(r"([A-Z])", r"_\1", camel).lower())


def contents(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The conversation; a single content object counts as a list of one."""
    value = body.get("contents")
    listed = [value] if isinstance(value, dict) else value if isinstance(value, list) else []
    return [content for content in listed if isinstance(content, dict)]


def content_text(content: Any) -> str:
    """The text parts of a content."""
    listed = get(content, "parts") or []
    parts = listed if isinstance(listed, list) else [listed]
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "\n".join(text for text in texts if isinstance(text, str))


def last_text(call: Call) -> str:
    """The text of the last user content."""
    for content in reversed(contents(call.json)):
        if content.get("role", "user") != "model":
            return content_text(content)
    return ""


def input_tokens(body: dict[str, Any]) -> int:
    """The figure that both generateContent and countTokens report."""
    return tokens.of_json(get(body, "systemInstruction"), contents(body), body.get("tools"))


def ask(call: Call) -> Ask:
    """The question. Tolerates anything: with a lenient script the body is not checked."""
    body = call.json
    config = get(body, "generationConfig") or {}
    thinking = get(config, "thinkingConfig") or {}
    modalities = get(config, "responseModalities") or []
    limit = get(config, "maxOutputTokens")
    schema = get(config, "responseJsonSchema") or get(config, "responseSchema")
    return Ask(
        model=call.model,
        text=last_text(call),
        input_tokens=input_tokens(body),
        max_tokens=limit if isinstance(limit, int) else None,
        stops=[stop for stop in get(config, "stopSequences") or [] if isinstance(stop, str)],
        tools=tools(body),
        forced=_forced(body),
        schema=schema,
        json_mode=schema is None and get(config, "responseMimeType") == "application/json",
        thinking=get(thinking, "includeThoughts") is True,
        image="IMAGE" in [str(each).upper() for each in modalities],
    )


def tools(body: dict[str, Any]) -> list[Tool]:
    """The declared functions."""
    found = []
    for tool in body.get("tools") or []:
        for declared in get(tool, "functionDeclarations") or []:
            schema = get(declared, "parametersJsonSchema") or get(declared, "parameters")
            found.append(Tool(str(get(declared, "name")), schema))
    return found


def _forced(body: dict[str, Any]) -> str | None:
    config = get(get(body, "toolConfig"), "functionCallingConfig")
    if str(get(config, "mode")).upper() != "ANY":
        return None
    allowed = get(config, "allowedFunctionNames")
    return str(allowed[0]) if allowed else ""
