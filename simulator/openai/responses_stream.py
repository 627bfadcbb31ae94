"""A response as the Responses API's event stream.

Grammar: response.created, response.in_progress, then for each item output_item.added, its parts and
deltas, output_item.done; at the end response.completed, .incomplete or .failed with the whole
object. Every event has its name twice (event line and `type`) and a sequence_number that counts
from 0. Source: openai SDK types (responses/response_stream_event.py).
"""

from typing import Any

from simulator.call import Headers, Stream
from simulator.openai.dialect import PING, error_object
from simulator.pictures import base64_png
from simulator.script import StreamErrorSpec
from simulator.sse import Alike, named_event
from simulator.tokens import pieces

_PAD = "simulatedobfuscation"


class _Events:
    """Collects events and numbers them."""

    def __init__(self, chunks: int | None, pad: bool) -> None:
        self.chunks = chunks
        self.pad = pad
        self.all: list[bytes] = []

    def add(self, kind: str, **body: Any) -> None:
        numbered = {"type": kind, "sequence_number": len(self.all), **body}
        self.all.append(named_event(kind, numbered))

    def deltas(self, kind: str, text: str, where: dict[str, Any]) -> None:
        texts = pieces(text, self.chunks)
        body = {"type": kind, "sequence_number": Alike.number, **where, "delta": Alike.mark}
        if self.pad:
            body["obfuscation"] = _PAD
        if texts:
            self.all += Alike(named_event(kind, body)).with_texts(texts, len(self.all))


def stream(
    response: dict[str, Any], chunks: int | None, headers: Headers, *, pad: bool = True
) -> Stream:
    """The events of a finished `response`. `pad`: obfuscation in the deltas."""
    events = _Events(chunks, pad)
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    begun |= {"completed_at": None, "incomplete_details": None, "error": None}
    events.add("response.created", response=begun)
    events.add("response.in_progress", response=begun)
    for index, item in enumerate(response["output"]):
        _item(events, index, item)
    events.add(f"response.{response['status']}", response=response)
    failed = {**begun, "status": "failed"}

    def failure(spec: StreamErrorSpec, at: int) -> list[bytes]:
        return _failure(spec, at, failed)

    return Stream(headers, events.all, terminal=1, failure=failure, ping=PING)


def _item(events: _Events, index: int, item: dict[str, Any]) -> None:
    where = {"output_index": index, "item_id": item.get("id")}
    events.add("response.output_item.added", output_index=index, item=_opened(item))
    match item.get("type"):
        case "message":
            _message(events, item, where)
        case "reasoning":
            _reasoning(events, item, where)
        case "function_call":
            name = "response.function_call_arguments"
            events.deltas(f"{name}.delta", item["arguments"], where)
            events.add(f"{name}.done", **where, arguments=item["arguments"], name=item["name"])
        case "custom_tool_call":
            name = "response.custom_tool_call_input"
            events.deltas(f"{name}.delta", item["input"], where)
            events.add(f"{name}.done", **where, input=item["input"])
        case "image_generation_call":
            name = "response.image_generation_call"
            events.add(f"{name}.in_progress", **where)
            events.add(f"{name}.generating", **where)
            part = {"partial_image_index": 0, "partial_image_b64": base64_png(shade=100)}
            events.add(f"{name}.partial_image", **where, **part)
            events.add(f"{name}.completed", **where)
        case "web_search_call" | "file_search_call" as name:
            for step in ("in_progress", "searching", "completed"):
                events.add(f"response.{name}.{step}", **where)
    events.add("response.output_item.done", output_index=index, item=item)


def _opened(item: dict[str, Any]) -> dict[str, Any]:
    """An item as it is announced: the same identity, nothing in it yet."""
    empty: dict[str, Any] = {
        "content": [],
        "arguments": "",
        "input": "",
        "summary": [],
        "result": None,
    }
    opened = {key: empty.get(key, value) for key, value in item.items()}
    opened.pop("encrypted_content", None)
    if "status" in item:
        opened["status"] = "in_progress"
    return opened


def _message(events: _Events, item: dict[str, Any], where: dict[str, Any]) -> None:
    for index, part in enumerate(item["content"]):
        at = {**where, "content_index": index}
        is_text = part["type"] == "output_text"
        name, slot = ("output_text", "text") if is_text else ("refusal", "refusal")
        more: dict[str, Any] = {"logprobs": []} if is_text else {}
        events.add("response.content_part.added", **at, part={**part, slot: ""})
        events.deltas(f"response.{name}.delta", part[slot], {**at, **more})
        events.add(f"response.{name}.done", **at, **{slot: part[slot]}, **more)
        events.add("response.content_part.done", **at, part=part)


def _reasoning(events: _Events, item: dict[str, Any], where: dict[str, Any]) -> None:
    for index, part in enumerate(item.get("summary") or []):
        at = {**where, "summary_index": index}
        name = "response.reasoning_summary"
        events.add(f"{name}_part.added", **at, part={"type": "summary_text", "text": ""})
        events.deltas(f"{name}_text.delta", part["text"], at)
        events.add(f"{name}_text.done", **at, text=part["text"])
        events.add(f"{name}_part.done", **at, part=part)


def _failure(spec: StreamErrorSpec, at: int, failed: dict[str, Any]) -> list[bytes]:
    """response.failed with the error in the object; type "error" asks for the bare error event."""
    error = error_object(spec)
    if spec.type == "error" or at == 0:
        body = {"code": error["code"], "message": error["message"], "param": error["param"]}
        return [named_event("error", {"type": "error", "sequence_number": at, **body})]
    default = "rate_limit_exceeded" if spec.status == 429 else "server_error"
    said = {"code": spec.code or default, "message": error["message"]}
    body = {"type": "response.failed", "sequence_number": at, "response": {**failed, "error": said}}
    return [named_event("response.failed", body)]
