"""Gemini's actions on a model, and models. Served under /v1beta and /v1 alike."""

from typing import Any

import orjson

from simulator import tokens
from simulator.call import Call, Endpoint, Headers, Reply, Stream, refused
from simulator.gemini import question, rules
from simulator.gemini.answer import chunks, response
from simulator.gemini.dialect import DIALECT, JSON, SSE
from simulator.gemini.question import content_text, get
from simulator.plan import plan
from simulator.received import received
from simulator.vectors import vector

_DIMENSIONS = 3072
_NAMES = ("gemini-3.1-pro-preview", "gemini-2.5-flash", "gemini-embedding-001")


def _ok(call: Call, body: dict[str, Any]) -> Reply:
    return Reply(200, [*JSON, *DIALECT.headers(call)], orjson.dumps(body))


def _response(call: Call) -> dict[str, Any]:
    return response(plan(question.ask(call), call.script, received(call)), call)


def _generate(call: Call) -> Reply:
    return _ok(call, _response(call))


def _stream(call: Call) -> Stream:
    sse = call.query.get("alt") == "sse"
    headers: Headers = [*(SSE if sse else JSON), *DIALECT.headers(call)]
    return chunks(_response(call), call, headers, sse=sse)


def _count_tokens(call: Call) -> Reply:
    inner = get(call.json, "generateContentRequest")
    said = call.script.usage.input
    body = inner if isinstance(inner, dict) else call.json
    count = question.input_tokens(body) if said is None else said
    details = [{"modality": "TEXT", "tokenCount": count}]
    return _ok(call, {"totalTokens": count, "promptTokensDetails": details})


def _values(request: Any) -> dict[str, Any]:
    size = get(request, "outputDimensionality") or get(
        get(request, "embedContentConfig"), "outputDimensionality"
    )
    count = size if isinstance(size, int) and 1 <= size <= _DIMENSIONS else _DIMENSIONS
    return {"values": vector(content_text(get(request, "content")), count)}


def _embedded(call: Call, requests: list[Any], body: dict[str, Any]) -> Reply:
    said = call.script.usage.input
    counted = sum(tokens.of_text(content_text(get(one, "content"))) for one in requests)
    if not call.script.usage.absent:
        body["usageMetadata"] = {"promptTokenCount": counted if said is None else said}
    return _ok(call, body)


def _embed(call: Call) -> Reply:
    return _embedded(call, [call.json], {"embedding": _values(call.json)})


def _batch_embed(call: Call) -> Reply:
    listed = call.json.get("requests")
    requests = listed if isinstance(listed, list) else []
    return _embedded(call, requests, {"embeddings": [_values(one) for one in requests]})


def _model(name: str) -> dict[str, Any]:
    embeds = "embedding" in name
    methods = ["embedContent"] if embeds else ["generateContent", "countTokens"]
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name.replace("-", " ").title(),
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": methods,
    }


def _models(call: Call) -> Reply:
    if call.model:
        return _ok(call, _model(call.model))
    size = _page_size(call)
    token = call.query.get("pageToken", "")
    if token and not (token.isdigit() and int(token) < len(_NAMES)):
        raise refused(400, "Invalid page token.")
    first = int(token or 0)
    body: dict[str, Any] = {"models": [_model(name) for name in _NAMES[first : first + size]]}
    if first + size < len(_NAMES):
        body["nextPageToken"] = str(first + size)
    return _ok(call, body)


def _page_size(call: Call) -> int:
    """At most a thousand, however many are asked for; fifty where nobody says."""
    asked = call.query.get("pageSize", "")
    if asked and not asked.lstrip("-").isdigit():
        raise refused(400, "Invalid value at 'page_size' (TYPE_INT32)")
    return min(int(asked or 0), 1000) if int(asked or 0) > 0 else 50


def _nowhere(call: Call) -> Reply:
    raise refused(404, f"The requested URL {call.path} was not found on this server.")


NOT_FOUND = Endpoint(DIALECT, _nowhere, body="none")
MODELS = Endpoint(DIALECT, _models, body="none")
ACTIONS = {
    "generateContent": Endpoint(DIALECT, _generate, question.last_text, rules.generate),
    "streamGenerateContent": Endpoint(DIALECT, _stream, question.last_text, rules.generate),
    "countTokens": Endpoint(DIALECT, _count_tokens, question.last_text, rules.count_tokens),
    "embedContent": Endpoint(
        DIALECT, _embed, lambda call: content_text(call.json.get("content")), rules.embed
    ),
    "batchEmbedContents": Endpoint(DIALECT, _batch_embed, validate=rules.batch_embed),
}
