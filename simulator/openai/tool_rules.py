"""OpenAI's rules for tools and schemas, the same for Chat Completions and Responses."""

import re
from typing import Any

from simulator.call import refused
from simulator.openai.wording import not_longer

MAX_NAME = 64
_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_REASONING = re.compile(r"(o\d|gpt-[5-9])(?!.*chat).*")


def reasons(model: str) -> bool:
    """Models that refuse sampling parameters and max_tokens."""
    return _REASONING.fullmatch(model) is not None


def name(where: str, text: str) -> None:
    """Raises Refused for a tool's or a format's name that is none."""
    if not _NAME.fullmatch(text):
        message = (
            f"Invalid '{where}': string does not match pattern. Expected a string that matches "
        )
        message += "the pattern '^[a-zA-Z0-9_-]+$'."
        raise refused(400, message, code="invalid_value", param=where)
    not_longer(where, text, MAX_NAME)


def strict_schema(schema: Any, *, what: str, param: str, code: str) -> None:
    """Raises Refused for a schema that strict mode does not take: every object closed and every
    property required. `what` is as the provider names the owner (function 'x')."""
    found = _first_loose(schema, ())
    if found is not None:
        context, problem = found
        said = ", ".join(f"'{step}'" for step in context)
        message = f"Invalid schema for {what}: In context=({said}), {problem}"
        raise refused(400, message, code=code, param=param)


def _first_loose(node: Any, context: tuple[str, ...]) -> tuple[tuple[str, ...], str] | None:
    if not isinstance(node, dict):
        return None
    properties = node.get("properties")
    if node.get("type") == "object" or isinstance(properties, dict):
        problem = _loose(node, properties if isinstance(properties, dict) else {})
        if problem is not None:
            return context, problem
    for step, inner in _inner(node):
        found = _first_loose(inner, (*context, *step))
        if found is not None:
            return found
    return None


def _loose(node: dict[str, Any], properties: dict[str, Any]) -> str | None:
    if node.get("additionalProperties") is not False:
        return "'additionalProperties' is required to be supplied and to be false."
    required = node.get("required")
    listed = required if isinstance(required, list) else []
    for key in properties:
        if key not in listed:
            return (
                "'required' is required to be supplied and to be an array including every key in "
                f"properties. Missing '{key}'."
            )
    return None


def _inner(node: dict[str, Any]) -> list[tuple[tuple[str, ...], Any]]:
    found: list[tuple[tuple[str, ...], Any]] = []
    for group in ("properties", "$defs", "definitions"):
        members = node.get(group)
        if isinstance(members, dict):
            found += [((group, key), inner) for key, inner in members.items()]
    if "items" in node:
        found.append((("items",), node["items"]))
    for index, inner in enumerate(node.get("anyOf") or []):
        found.append((("anyOf", str(index)), inner))
    return found
