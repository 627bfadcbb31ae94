"""A message as Anthropic's event stream.

Grammar: message_start, then for each block content_block_start, deltas, content_block_stop, one
block open at a time and indexes without gaps; a ping after the first block has opened;
message_delta with the stop reason and cumulative usage; message_stop.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from simulator.anthropic.dialect import error_object
from simulator.call import Headers, Stream
from simulator.plan import arguments_text
from simulator.script import StreamErrorSpec, ToolPart
from simulator.sse import Alike, named_event
from simulator.tokens import pieces

PING = b'event: ping\ndata: {"type": "ping"}\n\n'
_EMPTY = {"text": ("text", ""), "thinking": ("thinking", ""), "tool_use": ("input", {})}


def stream(
    message: dict[str, Any], raw_calls: list[ToolPart], chunks: int | None, headers: Headers
) -> Stream:
    """The events of `message`. `raw_calls`: the tool calls in order, for arguments as scripted."""
    events = [_start(message)]
    calls = iter(raw_calls)
    for index, block in enumerate(message["content"]):
        body = {"type": "content_block_start", "index": index, "content_block": _opened(block)}
        events.append(named_event("content_block_start", body))
        if index == 0:
            events.append(PING)
        events += _deltas(index, block, calls, chunks)
        events.append(
            named_event("content_block_stop", {"type": "content_block_stop", "index": index})
        )
    events.append(_end(message))
    events.append(named_event("message_stop", {"type": "message_stop"}))
    return Stream(headers, events, terminal=1, failure=_failure, ping=PING)


def _start(message: dict[str, Any]) -> bytes:
    opened = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    opened.pop("stop_details", None)
    if "usage" in message:
        opened["usage"] = {**message["usage"], "output_tokens": 1}
        opened["usage"].pop("output_tokens_details", None)
    return named_event("message_start", {"type": "message_start", "message": opened})


def _opened(block: dict[str, Any]) -> dict[str, Any]:
    kind = block.get("type")
    if kind == "thinking":
        return {"type": "thinking", "thinking": "", "signature": ""}
    if kind in ("tool_use", "server_tool_use"):
        return {**block, "input": {}}
    return {**block, "text": ""} if kind == "text" else block


def _deltas(
    index: int, block: dict[str, Any], calls: Iterator[ToolPart], chunks: int | None
) -> Iterator[bytes]:
    match block.get("type"):
        case "text":
            yield from _alike(index, "text", pieces(block["text"], chunks))
        case "thinking":
            yield from _alike(index, "thinking", pieces(block["thinking"], chunks))
            yield from _alike(index, "signature", [block["signature"]])
        case "tool_use" | "server_tool_use" as kind:
            call = next(calls, None) if kind == "tool_use" else None
            text = arguments_text(call) if call else orjson.dumps(block["input"]).decode()
            parts = pieces("" if text == "{}" else text, chunks)
            yield from _alike(index, "input_json", ["", *parts])


def _alike(index: int, kind: str, texts: list[str]) -> Iterator[bytes]:
    slot = "partial_json" if kind == "input_json" else kind
    delta = {"type": f"{kind}_delta", slot: Alike.mark}
    body = {"type": "content_block_delta", "index": index, "delta": delta}
    return Alike(named_event("content_block_delta", body)).with_texts(texts)


def _end(message: dict[str, Any]) -> bytes:
    delta = {
        key: message[key]
        for key in ("stop_reason", "stop_sequence", "stop_details")
        if key in message
    }
    body: dict[str, Any] = {"type": "message_delta", "delta": delta}
    if "usage" in message:
        left_out = ("cache_creation", "service_tier")
        body["usage"] = {k: v for k, v in message["usage"].items() if k not in left_out}
    return named_event("message_delta", body)


def _failure(spec: StreamErrorSpec, at: int) -> list[bytes]:
    return [named_event("error", {"type": "error", "error": error_object(spec)})]
