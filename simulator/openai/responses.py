"""The Responses endpoints: create, and what is stored: get, delete, cancel, input_items;
input_tokens."""

from typing import Any

import orjson

from simulator.call import Call, Endpoint, Reply, Stream, refused
from simulator.ids import new_id
from simulator.openai import responses_question as question
from simulator.openai import responses_rules as rules
from simulator.openai.dialect import DIALECT, JSON, SSE
from simulator.openai.responses_answer import response
from simulator.openai.responses_stream import stream
from simulator.openai.store import Store, Stored
from simulator.plan import plan
from simulator.received import received

STORE = Store()


def _create(call: Call) -> Reply | Stream:
    history = _history(call)
    answer = plan(question.ask(call, history), call.script, received(call))
    body = response(answer, call)
    background = call.json.get("background") is True
    if call.json.get("store") is not False:
        said = [_with_id(item) for item in question.items(call.json.get("input"))]
        whole = [*history, *said, *body["output"]]
        STORE.put(Stored(call.key, body, said, whole, pending=background))
    if call.json.get("stream") is True:
        return _stream(call, body)
    shown = {**body, **_QUEUED} if background else body
    return _ok(call, shown)


_QUEUED: dict[str, Any] = {"status": "queued", "output": [], "usage": None, "completed_at": None}


def _stream(call: Call, body: dict[str, Any]) -> Stream:
    options = call.json.get("stream_options")
    pad = not (isinstance(options, dict) and options.get("include_obfuscation") is False)
    return stream(body, call.script.chunks, [*SSE, *DIALECT.headers(call)], pad=pad)


def _history(call: Call) -> list[dict[str, Any]]:
    previous = call.json.get("previous_response_id")
    if not isinstance(previous, str):
        return []
    stored = STORE.get(previous, call.key)
    if stored is None:
        raise refused(
            400,
            f"Previous response with id '{previous}' not found.",
            code="previous_response_not_found",
            param="previous_response_id",
        )
    return stored.history


def _with_id(item: dict[str, Any]) -> dict[str, Any]:
    """An input item as it is listed later: typed, with an id and parts."""
    if item.get("type", "message") != "message":
        return item if "id" in item else {**item, "id": new_id("item_")}
    content = item.get("content")
    if isinstance(content, str):
        kind = "output_text" if item.get("role") == "assistant" else "input_text"
        part: dict[str, Any] = {"type": kind, "text": content}
        if kind == "output_text":
            part |= {"annotations": [], "logprobs": []}
        content = [part]
    shown = {"type": "message", "status": "completed", **item, "content": content}
    return shown if "id" in shown else {**shown, "id": new_id("msg_")}


def _ok(call: Call, body: dict[str, Any]) -> Reply:
    return Reply(200, [*JSON, *DIALECT.headers(call)], orjson.dumps(body))


def _stored(call: Call) -> Stored:
    stored = STORE.get(call.action, call.key)
    if stored is None:
        raise refused(404, f"Response with id '{call.action}' not found.")
    return stored


def _get(call: Call) -> Reply | Stream:
    stored = _stored(call)
    stored.pending = False  # work in the background is done by the time anybody asks
    if call.query.get("stream") == "true":
        replay = stream(stored.response, None, [*SSE, *DIALECT.headers(call)])
        after = call.query.get("starting_after", "")
        replay.events = replay.events[int(after) + 1 :] if after.isdigit() else replay.events
        return replay
    return _ok(call, stored.response)


def _delete(call: Call) -> Reply:
    stored = _stored(call)
    STORE.drop(stored.response["id"])
    return _ok(call, {"id": call.action, "object": "response", "deleted": True})


def _cancel(call: Call) -> Reply:
    stored = _stored(call)
    if not stored.response["background"]:
        raise refused(400, "Cannot cancel a synchronous response.")
    if stored.pending:
        stored.pending = False
        stored.response |= {"status": "cancelled", "output": [], "completed_at": None}
    return _ok(call, stored.response)


def _input_items(call: Call) -> Reply:
    stored = _stored(call)
    listed = list(stored.input if call.query.get("order") == "asc" else reversed(stored.input))
    after = call.query.get("after")
    ids = [item["id"] for item in listed]
    if after in ids:
        listed = listed[ids.index(after) + 1 :]
    limit = int(call.query.get("limit", "20")) if call.query.get("limit", "20").isdigit() else 20
    page = listed[:limit]
    body = {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(listed) > len(page),
    }
    return _ok(call, body)


def _input_tokens(call: Call) -> Reply:
    said = call.script.usage.input
    figure = question.input_tokens(call.json, _history(call)) if said is None else said
    return _ok(call, {"object": "response.input_tokens", "input_tokens": figure})


def _websocket(call: Call) -> Reply:
    """GET on the collection is how a WebSocket is opened; it is not served here."""
    if call.headers.get("upgrade", "").lower() != "websocket":
        raise refused(405, "Not allowed to GET on /v1/responses.")
    headers = [*JSON, *DIALECT.headers(call), (b"upgrade", b"h2c"), (b"connection", b"close")]
    error = {"error": {"message": "WebSocket is not served here.", "type": "invalid_request_error"}}
    return Reply(426, headers, orjson.dumps(error))


def _validate(call: Call) -> None:
    rules.validate(call, _history(call), lambda id: STORE.knows_item(id, call.key))


def _validate_count(call: Call) -> None:
    rules.validate_count(call, _history(call), lambda id: STORE.knows_item(id, call.key))


ENDPOINTS = (
    ("POST", "responses", Endpoint(DIALECT, _create, question.last_text, _validate)),
    (
        "POST",
        "responses/input_tokens",
        Endpoint(DIALECT, _input_tokens, question.last_text, _validate_count),
    ),
    ("GET", "responses", Endpoint(DIALECT, _websocket, body="none")),
    ("GET", "responses/{id}", Endpoint(DIALECT, _get, body="none")),
    ("DELETE", "responses/{id}", Endpoint(DIALECT, _delete, body="none")),
    ("POST", "responses/{id}/cancel", Endpoint(DIALECT, _cancel, body="none")),
    ("GET", "responses/{id}/input_items", Endpoint(DIALECT, _input_items, body="none")),
)
