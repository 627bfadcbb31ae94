"""A plan as a chat completion, whole or as chunks.

Stream grammar: a chunk with the role, chunks with content or tool call deltas, a chunk with the
finish reason, with include_usage a last chunk with usage and no choices, then [DONE]. Source:
openai SDK types (chat_completion.py, chat_completion_chunk.py, completion_usage.py).
"""

import time
from collections.abc import Iterator
from typing import Any

from simulator.call import Call, Headers, Stream
from simulator.ids import new_id
from simulator.openai.dialect import PING, error_object
from simulator.plan import Figures, Plan, arguments_text
from simulator.script import (
    ImagePart,
    Part,
    RawPart,
    RefusalPart,
    StreamErrorSpec,
    TextPart,
    ThinkingPart,
    ToolPart,
    WebSearchPart,
)
from simulator.sse import Alike, data_event
from simulator.tokens import pieces

FINISH_REASONS = {
    "stop": "stop",
    "length": "length",
    "tools": "tool_calls",
    "refusal": "stop",
    "content_filter": "content_filter",
    "stop_sequence": "stop",
    "pause": "stop",
    "context": "length",
}
DONE = b"data: [DONE]\n\n"
_PAD = "simulatedobfuscation"


def completion(plan: Plan, call: Call) -> dict[str, Any]:
    """The whole answer, with as many equal choices as `n` asks for."""
    finish = FINISH_REASONS.get(plan.finish, plan.finish)
    said = message(plan.parts)
    choices = []
    for index in range(_count(call)):
        choice = {"index": index, "message": said, "logprobs": None, "finish_reason": finish}
        if call.json.get("logprobs") is True:
            choice["logprobs"] = {"content": _logprobs(said.get("content") or ""), "refusal": None}
        choices.append(choice)
    body: dict[str, Any] = {
        "id": new_id("chatcmpl-"),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": plan.model,
        "choices": choices,
        "service_tier": call.script.service_tier or "default",
        "system_fingerprint": "fp_simulator",
    }
    if not plan.usage.absent:
        body["usage"] = usage(plan.usage, len(choices))
    return {**body, **call.script.extra} if call.script.extra else body


def _count(call: Call) -> int:
    count = call.json.get("n")
    return min(count, 128) if isinstance(count, int) and count > 0 else 1


def message(parts: list[Part]) -> dict[str, Any]:
    """The assistant's message. Reasoning goes where the compatible servers put it."""
    body: dict[str, Any] = {"role": "assistant"}
    texts = [part.text for part in parts if isinstance(part, TextPart)]
    body["content"] = "".join(texts) if texts else None
    refusals = [part.text for part in parts if isinstance(part, RefusalPart)]
    body["refusal"] = "".join(refusals) if refusals else None
    body["annotations"] = [_citation(part) for part in parts if isinstance(part, WebSearchPart)]
    thoughts = [part.text for part in parts if isinstance(part, ThinkingPart) and not part.hidden]
    if thoughts:
        body["reasoning_content"] = "".join(thoughts)
    calls = [tool_call(part) for part in parts if isinstance(part, ToolPart)]
    if calls:
        body["tool_calls"] = calls
    pictures = [_image(index, part) for index, part in enumerate(images(parts))]
    if pictures:
        body["images"] = pictures
    for part in parts:
        if isinstance(part, RawPart):
            body |= part.value
    return body


def images(parts: list[Part]) -> list[ImagePart]:
    """The pictures among the parts."""
    return [part for part in parts if isinstance(part, ImagePart)]


def _image(index: int, part: ImagePart) -> dict[str, Any]:
    from simulator.pictures import base64_png

    url = f"data:{part.mime_type};base64,{part.data or base64_png()}"
    return {"type": "image_url", "index": index, "image_url": {"url": url}}


def _citation(part: WebSearchPart) -> dict[str, Any]:
    cited = {"start_index": 0, "end_index": 0, "title": part.title, "url": part.url}
    return {"type": "url_citation", "url_citation": cited}


def tool_call(part: ToolPart) -> dict[str, Any]:
    """A function call, or a custom tool's call with its raw input."""
    identity = {"id": part.id or new_id("call_")}
    if part.custom:
        return {
            **identity,
            "type": "custom",
            "custom": {"name": part.name, "input": arguments_text(part)},
        }
    said = {"name": part.name, "arguments": arguments_text(part)}
    return {**identity, "type": "function", "function": said}


def usage(figures: Figures, choices: int = 1) -> dict[str, Any]:
    """Usage: prompt_tokens with everything cached, completion_tokens with reasoning."""
    output = figures.output * choices
    body: dict[str, Any] = {
        "prompt_tokens": figures.all_input,
        "completion_tokens": output,
        "total_tokens": figures.all_input + output,
        "prompt_tokens_details": {
            "cached_tokens": figures.cache_read,
            "cache_write_tokens": figures.cache_write_5m + figures.cache_write_1h,
            "audio_tokens": figures.audio_input,
        },
        "completion_tokens_details": {
            "reasoning_tokens": figures.reasoning * choices,
            "audio_tokens": figures.audio_output,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
    if figures.image_input:
        body["prompt_tokens_details"]["image_tokens"] = figures.image_input
    if figures.image_output:
        body["completion_tokens_details"]["image_tokens"] = figures.image_output
    return {**body, **figures.raw} if figures.raw else body


def _logprobs(text: str) -> list[dict[str, Any]]:
    return [
        {"token": piece, "logprob": -0.1, "bytes": list(piece.encode()), "top_logprobs": []}
        for piece in pieces(text, None)
    ]


def chunks(body: dict[str, Any], call: Call, headers: Headers) -> Stream:
    """The stream of a completion."""
    options = call.json.get("stream_options")
    options = options if isinstance(options, dict) else {}
    with_usage = options.get("include_usage") is True
    base = {
        key: body[key] for key in ("id", "created", "model", "service_tier", "system_fingerprint")
    }
    base["object"] = "chat.completion.chunk"
    if with_usage and "usage" in body:
        base["usage"] = None
    if options.get("include_obfuscation") is not False:
        base["obfuscation"] = _PAD
    events: list[bytes] = []
    for choice in body["choices"]:
        said = {"index": choice["index"], "logprobs": None, "finish_reason": None}
        for delta, texts in _deltas(choice["message"], call.script.chunks):
            event = data_event({**base, "choices": [{**said, "delta": delta}]})
            events += Alike(event).with_texts(texts) if texts else [event]
    for choice in body["choices"]:
        end = {"index": choice["index"], "delta": {}, "logprobs": None}
        end["finish_reason"] = choice["finish_reason"]
        events.append(data_event({**base, "choices": [end]}))
    if with_usage and "usage" in body:
        events.append(data_event({**base, "choices": [], "usage": body["usage"]}))
    events.append(DONE)
    return Stream(headers, events, terminal=1, failure=_failure, ping=PING)


Delta = tuple[dict[str, Any], list[str]]  # one delta, or one for each text with the mark replaced


def _deltas(message: dict[str, Any], count: int | None) -> Iterator[Delta]:
    yield {"role": "assistant", "content": "", "refusal": None}, []
    for slot in ("reasoning_content", "content", "refusal"):
        texts = pieces(message.get(slot) or "", count)
        if texts:
            yield {slot: Alike.mark}, texts
    for index, call in enumerate(message.get("tool_calls") or []):
        yield from _call_deltas(index, call, count)
    for slot in ("images", "annotations"):
        if message.get(slot):
            yield {slot: message[slot]}, []


def _call_deltas(index: int, call: dict[str, Any], count: int | None) -> Iterator[Delta]:
    kind = call["type"]
    slot = "input" if kind == "custom" else "arguments"
    opened = {"name": call[kind]["name"], slot: ""}
    yield {"tool_calls": [{"index": index, "id": call["id"], "type": kind, kind: opened}]}, []
    texts = pieces(call[kind][slot], count)
    if texts:
        yield {"tool_calls": [{"index": index, kind: {slot: Alike.mark}}]}, texts


def _failure(spec: StreamErrorSpec, at: int) -> list[bytes]:
    return [data_event({"error": error_object(spec)})]
