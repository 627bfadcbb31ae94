"""Anthropic's rules for the conversation: roles, empty content, tool calls and their results,
signatures."""

import base64
import binascii
import re
from typing import Any

from simulator.anthropic.settings import is_adaptive, is_older
from simulator.call import Call, mapping, refused
from simulator.signature import is_genuine

_TOOL_ID = re.compile(r"[a-zA-Z0-9_-]+")
_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}

Turn = tuple[int, str, list[dict[str, Any]]]  # index of the first message, role, blocks


def check(call: Call) -> None:
    """Raises Refused for the first rule broken."""
    messages = call.json["messages"]
    if not messages:
        raise refused(400, "messages: at least one message is required")
    _system(call.json.get("system"))
    _roles(call, messages)
    for index, message in enumerate(messages):
        _content(index, message, last=index == len(messages) - 1)
    turns = _turns(messages)
    _pairs(turns)
    if mapping(call.json.get("thinking")).get("type") == "enabled":
        _starts_with_thinking(turns)


def _system(system: Any) -> None:
    for block in system if isinstance(system, list) else []:
        if not block["text"]:
            raise refused(400, "system: text content blocks must be non-empty")


def _roles(call: Call, messages: list[dict[str, Any]]) -> None:
    for message in messages:
        if message["role"] == "system" and is_older(call.model):
            said = (
                'messages: Unexpected role "system". The Messages API accepts a top-level `system` '
            )
            raise refused(400, f'{said}parameter, not "system" as an input message role.')
    if messages[0]["role"] != "user":
        raise refused(400, 'messages: first message must use the "user" role')
    if messages[-1]["role"] == "assistant" and is_adaptive(call.model):
        said = "This model does not support assistant message prefill. The conversation must end "
        raise refused(400, f"{said}with a user message.")


def _content(index: int, message: dict[str, Any], *, last: bool) -> None:
    content, role = message.get("content"), message["role"]
    prefill = last and role == "assistant"
    if not content and not prefill and not (content is None and role == "system"):
        said = "all messages must have non-empty content except for the optional final assistant "
        raise refused(400, f"messages.{index}: {said}message")
    if isinstance(content, str):
        if prefill and content != content.rstrip():
            said = "messages: final assistant content cannot end with trailing whitespace"
            raise refused(400, said)
        return
    for position, block in enumerate(content or []):
        _block(f"messages.{index}.content.{position}", role, block)


def _block(where: str, role: str, block: dict[str, Any]) -> None:
    match block["type"]:
        case "text":
            _text(where, block)
        case "thinking" | "redacted_thinking":
            _sealed(where, block)
        case "tool_use":
            _call(where, role, block)
        case "tool_result":
            if role != "user":
                raise refused(400, f"{where}: `tool_result` blocks can only be in `user` messages")
            inner = block.get("content")
            for position, one in enumerate(inner if isinstance(inner, list) else []):
                _block(f"{where}.tool_result.content.{position}", role, one)
        case "image":
            _image(where, block["source"])


def _sealed(where: str, block: dict[str, Any]) -> None:
    if block["type"] == "redacted_thinking":
        if not is_genuine("anthropic", block["data"]):
            raise refused(400, f"{where}: Invalid `data` in `redacted_thinking` block")
    elif not is_genuine("anthropic", block["signature"], block["thinking"] or None):
        raise refused(400, f"{where}: Invalid `signature` in `thinking` block")


def _call(where: str, role: str, block: dict[str, Any]) -> None:
    if role != "assistant":
        raise refused(400, f"{where}: `tool_use` blocks can only be in `assistant` messages")
    if not _TOOL_ID.fullmatch(block["id"]):
        said = "String should match pattern '^[a-zA-Z0-9_-]+$'"
        raise refused(400, f"{where}.tool_use.id: {said}")


def _text(where: str, block: dict[str, Any]) -> None:
    if not block["text"] and block.get("cache_control"):
        raise refused(400, f"{where}.text: cache_control cannot be set for empty text blocks")
    if not block["text"]:
        raise refused(400, "messages: text content blocks must be non-empty")
    if not block["text"].strip():
        raise refused(400, "messages: text content blocks must contain non-whitespace text")


def _image(where: str, source: dict[str, Any]) -> None:
    if source.get("type") != "base64":
        return
    try:
        head = base64.b64decode(source["data"][:32], validate=True)
    except binascii.Error:
        raise refused(400, f"{where}.image.source.base64.data: Invalid base64 data") from None
    for magic, kind in _MAGIC.items():
        if head.startswith(magic) and kind != source["media_type"]:
            said = f"Image does not match the provided media type {source['media_type']}"
            raise refused(400, f"{where}.image.source.base64.data: {said}")


def _turns(messages: list[dict[str, Any]]) -> list[Turn]:
    """Messages with neighbours of one role merged, as the provider does; system messages left
    out."""
    turns: list[Turn] = []
    for index, message in enumerate(messages):
        if message["role"] == "system":
            continue
        content = message.get("content")
        blocks = content if isinstance(content, list) else [{"type": "text", "text": content}]
        if turns and turns[-1][1] == message["role"]:
            turns[-1][2].extend(blocks)
        else:
            turns.append((index, message["role"], list(blocks)))
    return turns


def _pairs(turns: list[Turn]) -> None:
    """Every call is answered in the next turn, before anything else; every answer has its call."""
    seen: set[str] = set()
    asked: list[str] = []
    asked_at = 0
    for index, role, blocks in turns:
        if role == "user":
            _answered(index, blocks, asked, asked_at)
            asked = []
            continue
        asked, asked_at = [block["id"] for block in blocks if block["type"] == "tool_use"], index
        if len(set(asked)) < len(asked) or seen & set(asked):
            raise refused(400, "messages: `tool_use` ids must be unique")
        seen |= set(asked)
    if asked:
        raise _unanswered(asked_at, asked)


def _answered(index: int, blocks: list[dict[str, Any]], asked: list[str], asked_at: int) -> None:
    first = 0
    while first < len(blocks) and blocks[first]["type"] == "tool_result":
        first += 1
    given = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
    for position, one in enumerate(given):
        if one not in asked:
            said = f"unexpected `tool_use_id` found in `tool_result` blocks: {one}. Each "
            said += (
                "`tool_result` block must have a corresponding `tool_use` block in the previous "
            )
            raise refused(400, f"messages.{index}.content.{position}: {said}message.")
        if one in given[:position]:
            said = "each tool_use must have a single result. Found multiple `tool_result` blocks "
            raise refused(400, f"messages.{index}.content.{position}: {said}with id: {one}")
    missing = [one for one in asked if one not in given[:first]]
    if missing:
        raise _unanswered(asked_at, missing)


def _unanswered(index: int, ids: list[str]) -> Exception:
    said = "`tool_use` ids were found without `tool_result` blocks immediately after: "
    said += (
        f"{', '.join(ids)}. Each `tool_use` block must have a corresponding `tool_result` block "
    )
    return refused(400, f"messages.{index}: {said}in the next message.")


def _starts_with_thinking(turns: list[Turn]) -> None:
    """In a tool loop the last assistant turn begins with its thinking, while thinking is
    enabled."""
    if len(turns) < 2 or not any(block["type"] == "tool_result" for block in turns[-1][2]):
        return
    index, _, blocks = turns[-2]
    if blocks[0]["type"] in ("thinking", "redacted_thinking"):
        return
    said = f"Expected `thinking` or `redacted_thinking`, but found `{blocks[0]['type']}`. When "
    said += "`thinking` is enabled, a final `assistant` message must start with a thinking block "
    said += (
        "(preceeding the lastmost set of `tool_use` and `tool_result` blocks). We recommend you "
    )
    said += "include thinking blocks from previous turns. To avoid this requirement, disable "
    raise refused(400, f"messages.{index}.content.0.type: {said}`thinking`.")
