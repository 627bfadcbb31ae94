"""Sealed values of other issuers, taken out of a body that otherwise passes unchanged.

A client that talked to a translated upstream has values of ours in its history; see
translators/carry.py. When the next turn goes to an upstream of the client's own dialect, these
would be refused there, and all else must stay as it came: known fields and unknown ones.
"""

import base64
import binascii
from typing import Any

from translators import text_json
from translators.carry import MARKS, PREFIX

MOST_LEVELS = 40  # no dialect keeps a sealed value deeper than ten levels

# The fields in which dialects keep sealed values. Anywhere else the same text is a caller's own.
_SEAL_FIELDS = frozenset(
    {"signature", "data", "encrypted_content", "thoughtSignature", "thought_signature"}
)

# Beside one of these a sealed value belongs to a tool call.
_CALLS = frozenset({"functionCall", "function_call"})

# Parts that are nothing but a sealed value with its text: without the value they are refused.
_SEALED_TYPES = frozenset({"thinking", "redacted_thinking", "reasoning"})

# Those that stand beside what they sign.
_SIGNATURES = ("signature", "thoughtSignature", "thought_signature")

# Items whose ids the server looks up, to find the reasoning that they stand on.
_STAND_ON_REASONING = frozenset({"message", "function_call", "custom_tool_call"})

# The field of an empty seal, as JSON is written by those who write it.
_UNSIGNED = (b'"signature":""', b'"signature": ""')


def carries(body: bytes) -> bool:
    """Whether there may be a carried value, or an empty one, in the body."""
    return any(mark in body for mark in (*MARKS, *_UNSIGNED))


def stripped(body: bytes, no_seal: str | None = None) -> tuple[bytes, bool]:
    """The body without carried values, and whether any was there. What is no JSON stays.

    `no_seal` takes their place in tool calls, where the dialect has such a word.
    """
    try:
        parsed = text_json.loads(body)
    except ValueError:
        return body, False
    cleaned, found = _clean(parsed, MOST_LEVELS, no_seal)
    return (text_json.dumps(cleaned), True) if found else (body, False)


def unsealed(body: bytes, no_seal: str | None = None) -> tuple[bytes, bool]:
    """The body without any sealed reasoning, whoever sealed it, and whether any was there.

    For an upstream that refuses its own. What depends on it goes with it: the ids of items that
    stand on a reasoning item, and the wish to think where a loop of tools has lost its thoughts.
    """
    try:
        parsed = text_json.loads(body)
    except ValueError:
        return body, False
    if not isinstance(parsed, dict):
        return body, False
    found = False
    for name in ("messages", "input", "contents"):
        if isinstance(items := parsed.get(name), list):
            parsed[name], inside = _without_seals(items, no_seal)
            found = found or inside
    if not found:
        return body, False
    if _is_in_a_loop(parsed.get("messages")):
        parsed.pop("thinking", None)
    return text_json.dumps(parsed), True


def _without_seals(items: list[Any], no_seal: str | None) -> tuple[list[Any], bool]:
    kept: list[Any] = []
    found = False
    for item in items:
        if not isinstance(item, dict):
            kept.append(item)
        elif item.get("type") in _SEALED_TYPES or item.get("thought") is True:
            found = True
        else:
            cleaned, inside = _without_seal(item, no_seal)
            found = found or inside
            kept.append(cleaned)
    if found:
        for item in kept:
            if isinstance(item, dict) and item.get("type") in _STAND_ON_REASONING:
                item.pop("id", None)
    return kept, found


def _without_seal(item: dict[str, Any], no_seal: str | None) -> tuple[dict[str, Any], bool]:
    found = False
    cleaned = dict(item)
    for name in _SIGNATURES:
        if isinstance(cleaned.get(name), str):
            del cleaned[name]
            found = True
            if no_seal is not None and not _CALLS.isdisjoint(cleaned):
                cleaned[name] = no_seal
    for name in ("content", "parts"):
        if isinstance(inner := cleaned.get(name), list):
            cleaned[name], inside = _without_seals(inner, no_seal)
            found = found or inside
    return cleaned, found


def _is_in_a_loop(messages: Any) -> bool:
    """Whether the last word is a tool's, in the dialect that wants the thoughts of such a turn."""
    last = messages[-1] if isinstance(messages, list) and messages else None
    content = last.get("content") if isinstance(last, dict) else None
    return isinstance(content, list) and any(
        isinstance(part, dict) and part.get("type") == "tool_result" for part in content
    )


def _clean(node: Any, levels: int, no_seal: str | None) -> tuple[Any, bool]:
    if levels == 0:
        return node, False
    if isinstance(node, list):
        return _clean_list(node, levels, no_seal)
    if not isinstance(node, dict):
        return node, False
    found = False
    kept: dict[str, Any] = {}
    for key, value in node.items():
        if key in _SEAL_FIELDS and isinstance(value, str) and is_carried(value):
            found = True
            if no_seal is not None and not _CALLS.isdisjoint(node):
                kept[key] = no_seal
            continue
        kept[key], inside = _clean(value, levels - 1, no_seal)
        found = found or inside
    return kept, found


def _clean_list(items: list[Any], levels: int, no_seal: str | None) -> tuple[list[Any], bool]:
    found = False
    kept = []
    for item in items:
        cleaned, inside = _clean(item, levels - 1, no_seal)
        inside = inside or _is_unsigned(item)
        found = found or inside
        if not (inside and isinstance(item, dict) and _was_only_a_seal(item, cleaned)):
            kept.append(cleaned)
    return kept, found


def _is_unsigned(item: Any) -> bool:
    return (
        isinstance(item, dict) and item.get("type") in _SEALED_TYPES and item.get("signature") == ""
    )


def _was_only_a_seal(item: dict[str, Any], cleaned: dict[str, Any]) -> bool:
    """Whether nothing is left that the dialect would take."""
    if item.get("type") in _SEALED_TYPES:
        return True
    said = {key: value for key, value in cleaned.items() if key != "thought"}
    return said in ({}, {"text": ""})


def is_carried(text: str) -> bool:
    """Whether a field's text is a value that `carry` wrapped, in either spelling of base64."""
    if text.startswith(PREFIX):
        return True
    if not text.startswith(MARKS[-1].decode()):
        return False
    standard = text.translate(_STANDARD).rstrip("=")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True).startswith(
            MARKS[0]
        )
    except (binascii.Error, ValueError):
        return False


_STANDARD = str.maketrans("-_", "+/")
