"""Anthropic's endpoints: messages, count_tokens, models."""

import orjson

from simulator.anthropic import question, validate
from simulator.anthropic.answer import message
from simulator.anthropic.dialect import DIALECT
from simulator.anthropic.stream import stream
from simulator.call import Call, Endpoint, Headers, Reply, Stream, refused
from simulator.plan import plan
from simulator.received import received
from simulator.script import ToolPart

_JSON: Headers = [(b"content-type", b"application/json")]
_SSE: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
]
_MODELS = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-4-5", "claude-sonnet-4-5")


def _messages(call: Call) -> Reply | Stream:
    answer = plan(question.ask(call), call.script, received(call))
    body = message(answer, call.script.service_tier, call.script.extra)
    headers = DIALECT.headers(call)
    if call.json.get("stream") is True:
        calls = [part for part in answer.parts if isinstance(part, ToolPart)]
        return stream(body, calls, call.script.chunks, [*_SSE, *headers])
    return Reply(200, [*_JSON, *headers], orjson.dumps(body))


def _count_tokens(call: Call) -> Reply:
    said = call.script.usage.input
    figure = question.input_tokens(call.json) if said is None else said
    return Reply(200, [*_JSON, *DIALECT.headers(call)], orjson.dumps({"input_tokens": figure}))


def _model(name: str) -> dict[str, object]:
    return {
        "type": "model",
        "id": name,
        "display_name": name.replace("-", " ").title(),
        "created_at": "2026-02-24T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": 1_000_000,
        "max_tokens": 128_000,
    }


def _models(call: Call) -> Reply:
    headers = [*_JSON, *DIALECT.headers(call)]
    if call.model:
        return Reply(200, headers, orjson.dumps(_model(call.model)))
    limit = call.query.get("limit", "20")
    if not limit.isdigit() or not 1 <= int(limit) <= 1000:
        raise refused(400, "limit: Input should be between 1 and 1000")
    after, before = call.query.get("after_id"), call.query.get("before_id")
    if after is not None and before is not None:
        raise refused(400, "after_id and before_id cannot be used together")
    for cursor in (after, before):
        if cursor is not None and cursor not in _MODELS:
            raise refused(400, "after_id: no such model" if after else "before_id: no such model")
    first = _MODELS.index(after) + 1 if after is not None else 0
    end = _MODELS.index(before) if before is not None else len(_MODELS)
    first = max(first, end - int(limit)) if before is not None else first
    names = _MODELS[first : min(end, first + int(limit))]
    body = {
        "data": [_model(name) for name in names],
        "has_more": first > 0 if before is not None else first + len(names) < end,
        "first_id": names[0] if names else None,
        "last_id": names[-1] if names else None,
    }
    return Reply(200, headers, orjson.dumps(body))


MODELS = Endpoint(DIALECT, _models, validate=validate.models, body="none")
ENDPOINTS = (
    ("POST", "messages", Endpoint(DIALECT, _messages, question.last_text, validate.messages)),
    (
        "POST",
        "messages/count_tokens",
        Endpoint(DIALECT, _count_tokens, question.last_text, validate.count_tokens),
    ),
)
