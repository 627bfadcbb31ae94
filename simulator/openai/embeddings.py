"""The embeddings endpoint: floats or base64 of 32-bit little-endian floats."""

from typing import Any

import orjson

from simulator import tokens
from simulator.call import Call, Endpoint, Reply, refused
from simulator.grammar import load
from simulator.openai.dialect import DIALECT, JSON
from simulator.openai.wording import worded
from simulator.vectors import packed, vector

_DIMENSIONS = {"text-embedding-3-large": 3072}
_DEFAULT_DIMENSIONS = 1536
_MAX_INPUTS = 2048


def _inputs(value: Any) -> list[str]:
    """Texts, or token lists as their text: each gets a vector of its own."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and value and all(isinstance(one, int) for one in value):
        return [str(value)]
    return [one if isinstance(one, str) else str(one) for one in value]


def last_text(call: Call) -> str:
    """The last input."""
    value = call.json.get("input")
    return _inputs(value)[-1] if isinstance(value, str | list) and value else ""


def _answer(call: Call) -> Reply:
    inputs = _inputs(call.json.get("input") or "")
    size = call.json.get("dimensions") or _DIMENSIONS.get(call.model, _DEFAULT_DIMENSIONS)
    is_packed = call.json.get("encoding_format") == "base64"
    data = []
    for index, text in enumerate(inputs):
        values = vector(text, size)
        embedding = packed(values) if is_packed else values
        data.append({"object": "embedding", "index": index, "embedding": embedding})
    said = call.script.usage.input
    count = sum(map(tokens.of_text, inputs)) if said is None else said
    body: dict[str, Any] = {
        "object": "list",
        "data": data,
        "model": call.script.model or call.model,
    }
    if not call.script.usage.absent:
        body["usage"] = {"prompt_tokens": count, "total_tokens": count, **call.script.usage.raw}
    return Reply(200, [*JSON, *DIALECT.headers(call)], orjson.dumps({**body, **call.script.extra}))


def _validate(call: Call) -> None:
    problem = load("openai", nullable=True).check("embeddings", call.json)
    if problem is not None and problem.kind in ("unknown", "missing"):
        raise worded(problem, classic=True)
    value = call.json.get("input")
    if not isinstance(value, str | list) or not value:
        raise refused(400, "'$.input' is invalid. Please check the API reference.", param="input")
    if isinstance(value, list) and len(value) > _MAX_INPUTS:
        raise refused(400, f"'$.input' is too long: at most {_MAX_INPUTS} inputs.", param="input")
    if any(one == "" for one in _inputs(value)):
        raise refused(400, "'$.input' is invalid: empty string.", param="input")
    size = call.json.get("dimensions")
    if size is not None and not (isinstance(size, int) and 1 <= size <= 4096):
        raise refused(400, "'$.dimensions' is invalid.", param="dimensions")
    if call.json.get("encoding_format", "float") not in ("float", "base64"):
        raise refused(400, "'$.encoding_format' is invalid.", param="encoding_format")


ENDPOINTS = (("POST", "embeddings", Endpoint(DIALECT, _answer, last_text, _validate)),)
