"""Every field of every recording with a value of every wrong type: understood, or NotUnderstood."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from tests.translators.replay import RECORDINGS
from translators.protocol import NotUnderstood, Protocol, discover

PROTOCOLS = [discover()[name] for name in sorted(discover())]
WRONG: tuple[Any, ...] = (None, True, 7, -1, 1.5, "x", [], ["x"], [[]], {}, {"x": 1})
PAYLOAD = re.compile(rb"^data: ?(\{.*\})$", re.MULTILINE)


def replaced(value: Any) -> Iterator[Any]:
    """The document with each of its values in turn replaced by each of WRONG."""
    yield from WRONG
    if isinstance(value, dict):
        for key, inside in value.items():
            for other in replaced(inside):
                yield {**value, key: other}
    elif isinstance(value, list):
        for at, inside in enumerate(value):
            for other in replaced(inside):
                yield [*value[:at], other, *value[at + 1 :]]


def shape(value: Any) -> Any:
    """What two documents have in common that differ in their values only."""
    if isinstance(value, dict):
        return tuple((key, shape(inside)) for key, inside in value.items())
    if isinstance(value, list):
        return tuple({shape(inside) for inside in value})
    return value if isinstance(value, str) and len(value) < 24 else type(value)


def documents(protocol: Protocol, file: str) -> list[Any]:
    """The JSON documents in the recordings' files of this name, one of each shape."""
    found: dict[Any, Any] = {}
    for path in sorted((RECORDINGS / protocol.name).glob(f"*/{file}")):
        data = path.read_bytes()
        parts = PAYLOAD.findall(data) if file.endswith(".sse") else [data]
        for document in map(orjson.loads, parts):
            found.setdefault(shape(document), document)
    return list(found.values())


def must_not_fail(read: Callable[[bytes], object], document: Any) -> None:
    try:
        read(orjson.dumps(document))
    except NotUnderstood as error:
        assert str(error)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_requests(protocol: Protocol) -> None:
    for request in documents(protocol, "request.json"):
        for other in replaced(request):
            must_not_fail(protocol.peek, other)
            must_not_fail(lambda body: protocol.rename_model(body, "new"), other)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_whole_answers(protocol: Protocol) -> None:
    for answer in documents(protocol, "response.json"):
        for other in replaced(answer):
            must_not_fail(protocol.observe_response, other)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_streamed_events(protocol: Protocol) -> None:
    """Each event first in a stream, named and not."""
    for event in documents(protocol, "stream.sse"):
        name = event.get("type", "error")
        for other in replaced(event):
            payload = b"data: " + orjson.dumps(other) + b"\n\n"
            decoder = protocol.stream_observer("text/event-stream")
            decoder.feed(payload + b"event: " + name.encode() + b"\n" + payload)
            assert len(decoder.close()) <= 1


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_refusals(protocol: Protocol) -> None:
    """As every protocol writes them, for upstreams are not always what they are taken for."""
    detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "x"}
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s"}
    error = {
        "type": "api_error",
        "message": "No.",
        "code": 500,
        "status": "INTERNAL",
        "param": "x",
        "details": [detail, retry],
    }
    for other in replaced({"type": "error", "error": error, "detail": "x", "request_id": "r"}):
        for body in (other, [other]):
            failure = protocol.decode_failure(500, {}, orjson.dumps(body))
            assert failure.message and failure.status == 500
