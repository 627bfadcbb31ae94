"""Images: generations (JSON) and edits (multipart), whole or with partial pictures streamed.

Source: openai SDK types (images_response.py, image_gen_*_event.py, image_edit_*_event.py).
"""

import time
from typing import Any

import orjson

from simulator import tokens
from simulator.call import Call, Endpoint, Reply, Stream, refused
from simulator.grammar import load
from simulator.openai.dialect import DIALECT, JSON, PING, SSE, error_object
from simulator.openai.wording import worded
from simulator.pictures import base64_png
from simulator.script import StreamErrorSpec
from simulator.sse import named_event

_MAX_PROMPT = 32_000  # characters, for the GPT image models


def last_text(call: Call) -> str:
    """The prompt."""
    prompt = call.json.get("prompt")
    return prompt if isinstance(prompt, str) else ""


def _number(call: Call, name: str, default: int) -> int:
    value = call.json.get(name)
    text = str(value)  # a form's fields are texts
    return int(text) if text.isdigit() else default


def _is_streamed(call: Call) -> bool:
    return call.json.get("stream") in (True, "true")


def _usage(call: Call, *, detailed: bool = True) -> dict[str, Any]:
    said = call.script.usage
    pictures = sum(map(len, call.files.values()))
    image_input = said.image_input or 272 * pictures
    text = tokens.of_text(last_text(call)) if said.input is None else said.input
    output = 1056 * _number(call, "n", 1) if said.output is None else said.output
    body: dict[str, Any] = {
        "input_tokens": text + image_input,
        "input_tokens_details": {"text_tokens": text, "image_tokens": image_input},
        "output_tokens": output,
        "total_tokens": text + image_input + output,
    }
    if detailed:
        body["output_tokens_details"] = {"text_tokens": 0, "image_tokens": output}
    return {**body, **said.raw}


def _look(call: Call) -> dict[str, Any]:
    chosen = {"background": "opaque", "output_format": "png", "quality": "medium"}
    chosen["size"] = "1024x1024"
    for name, default in chosen.items():
        value = call.json.get(name)
        chosen[name] = default if value in (None, "auto") else value
    return chosen


def _answer(call: Call) -> Reply | Stream:
    if _is_streamed(call):
        return _streamed(call)
    one: dict[str, Any] = {"b64_json": base64_png()}
    if call.model.startswith("dall-e") and call.json.get("response_format") != "b64_json":
        one = {"url": "https://example.com/image.png", "revised_prompt": last_text(call)}
    body: dict[str, Any] = {"created": int(time.time()), "data": [one] * _number(call, "n", 1)}
    if not call.model.startswith("dall-e"):
        body |= _look(call)
        if not call.script.usage.absent:
            body["usage"] = _usage(call)
    return Reply(200, [*JSON, *DIALECT.headers(call)], orjson.dumps({**body, **call.script.extra}))


def _streamed(call: Call) -> Stream:
    kind = "image_edit" if call.path.endswith("edits") else "image_generation"
    shared = {"created_at": int(time.time()), **_look(call)}
    events = []
    for index in range(_number(call, "partial_images", 0)):
        body = {"type": f"{kind}.partial_image", "partial_image_index": index, **shared}
        body["b64_json"] = base64_png(shade=50 * index)
        events.append(named_event(body["type"], body))
    body = {"type": f"{kind}.completed", "b64_json": base64_png(), **shared}
    if not call.script.usage.absent:
        body["usage"] = _usage(call, detailed=False)
    events.append(named_event(body["type"], body))
    return Stream([*SSE, *DIALECT.headers(call)], events, terminal=1, failure=_failure, ping=PING)


def _failure(spec: StreamErrorSpec, at: int) -> list[bytes]:
    return [named_event("error", {"type": "error", "error": error_object(spec)})]


def _validate(call: Call) -> None:
    edits = call.path.endswith("edits")
    sent = {**call.json, **call.files} if edits else call.json
    problem = load("openai", nullable=True).check("edits" if edits else "images", sent)
    if problem is not None and (problem.kind in ("unknown", "missing") or not edits):
        raise worded(problem, classic=False)
    prompt = call.json.get("prompt")
    if not isinstance(prompt, str) or not prompt:
        message = "Missing required parameter: 'prompt'."
        raise refused(400, message, code="missing_required_parameter", param="prompt")
    if len(prompt) > _MAX_PROMPT:
        message = f"Invalid 'prompt': string too long, the maximum length is {_MAX_PROMPT}."
        raise refused(400, message, code="string_above_max_length", param="prompt")
    if not 1 <= _number(call, "n", 1) <= 10:
        message = "Invalid 'n': integer out of range. Expected a value between 1 and 10."
        raise refused(400, message, code="integer_out_of_range", param="n")
    if call.path.endswith("edits") and not call.files.get("image"):
        message = "Missing required parameter: 'image'."
        raise refused(400, message, code="missing_required_parameter", param="image")


ENDPOINTS = (
    ("POST", "images/generations", Endpoint(DIALECT, _answer, last_text, _validate)),
    ("POST", "images/edits", Endpoint(DIALECT, _answer, last_text, _validate, body="form")),
)
