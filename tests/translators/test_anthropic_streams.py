"""Messages streams, read: in any pieces, complete or cut, as upstreams really send them."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from tests.translators.replay import CONTENT_TYPES, RECORDINGS, Stream, expected, label, places
from tests.translators.test_wrong_types import documents, replaced
from translators import text_json
from translators.anthropic import PROTOCOL
from translators.canonical.failure import Kind
from translators.canonical.parts import (
    Opaque,
    Part,
    Reasoning,
    SearchCall,
    Text,
    ToolCall,
)
from translators.canonical.reply import ReplyContext
from translators.canonical.response import Response, fold
from translators.canonical.sealed import Sealed
from translators.canonical.stream import (
    Ended,
    Failed,
    StreamEvent,
    Truncated,
)
from translators.canonical.usage import Usage
from translators.ordering import Grammar

Json = dict[str, Any]
STREAMS = [
    Stream(path.parent, "stream.sse")
    for path in sorted((RECORDINGS / "anthropic").glob("*/stream.sse"))
]
PAIRED = [stream for stream in STREAMS if (stream.folder / "response.json").exists()]
SSE = CONTENT_TYPES["stream.sse"]
CONTEXT = ReplyContext("0a1b2c", "alias", 1, input_estimate=7)


def read(pieces: Iterable[bytes], content_type: str = SSE) -> list[StreamEvent]:
    """All events; held to the grammar of decoders' streams."""
    decoder = PROTOCOL.stream_decoder(content_type, "anthropic")
    events = [event for piece in pieces for event in decoder.feed(piece)] + decoder.close()
    assert decoder.close() == []
    grammar = Grammar()
    for event in events:
        grammar.check(event)
    endings = [event for event in events if isinstance(event, Ended | Failed | Truncated)]
    assert endings == events[-1:], "exactly one ending, and it is the last"
    return events


# ----------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize("stream", STREAMS, ids=label)
def test_recorded_streams(stream: Stream) -> None:
    events = read([stream.data])
    told, response = expected(stream.folder), fold(events)
    assert isinstance(events[-1], Ended) is bool(told.get("ended"))
    assert response.id == told.get("id")
    assert (response.finish.unified.value if response.finish else None) == told.get("finish")
    assert (response.failure.kind.value if response.failure else None) == told.get("failure")
    usage = response.usage or Usage()
    assert {k: v for k, v in told.get("usage", {}).items() if getattr(usage, k) != v} == {}


@pytest.mark.parametrize("stream", STREAMS, ids=label)
def test_the_pieces_do_not_matter(stream: Stream) -> None:
    data = stream.data
    whole = read([data])
    assert read(data[at : at + 1] for at in range(len(data))) == whole
    assert read([data.replace(b"\n", b"\r\n")]) == whole
    for at in places(data):
        assert read([data[:at], data[at:]]) == whole


@pytest.mark.parametrize("stream", STREAMS, ids=label)
def test_a_stream_that_is_cut_is_never_said_to_be_complete(stream: Stream) -> None:
    """10.7"""
    data = stream.data
    over = max(data.find(b"message_stop"), data.find(b"event: error"))
    for at in places(data):
        last = read([data[:at]])[-1]
        assert isinstance(last, Truncated) or at > over


def canonical(response: Response) -> Response:
    """Arguments without the white space that a model wrote into them."""
    return replace(
        response,
        parts=tuple(
            replace(part, arguments=text_json.text(text_json.loads(part.arguments)))
            if isinstance(part, ToolCall) and part.arguments
            else part
            for part in response.parts
        ),
    )


@pytest.mark.parametrize("stream", PAIRED, ids=label)
def test_a_stream_says_what_its_whole_answer_says(stream: Stream) -> None:
    body = (stream.folder / "response.json").read_bytes()
    whole = PROTOCOL.decode_response(body, "anthropic")
    assert canonical(fold(read([stream.data]))) == canonical(whole)
    assert canonical(fold(read([body], "application/json"))) == canonical(whole)


def events_of(*events: Json, end: bool = True) -> list[StreamEvent]:
    """What is read of these events; a `message_stop` follows them."""
    stop = [{"type": "message_stop"}] if end else []
    data = b"".join(
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), orjson.dumps(event))
        for event in (*events, *stop)
    )
    return read([data])


def start(index: int, **block: Any) -> Json:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, **fields: Any) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": fields}


def stop(index: int) -> Json:
    return {"type": "content_block_stop", "index": index}


CALL = {"type": "tool_use", "id": "t", "name": "f"}


@pytest.mark.parametrize(
    ("events", "part"),
    [
        ([start(0, **CALL, input={"a": 1}), stop(0)], ToolCall("t", "f", '{"a":1}')),
        ([start(0, **CALL, input={"a": 1}), delta(0, type="input_json_delta", partial_json="{}")],
         ToolCall("t", "f", "{}")),
        ([start(0, **CALL, input={}), stop(0)], ToolCall("t", "f", "")),
        ([start(0, **CALL)], ToolCall("t", "f", "")),
        ([delta(0, type="text_delta", text="a"), delta(0, type="text_delta", text="b")],
         Text("ab")),
        ([delta(3, type="thinking_delta", thinking="a"), delta(3, type="signature_delta",
                                                               signature="S")],
         Reasoning("a", Sealed("anthropic", "S"))),
        ([start(0, type="text", text="a"), delta(0, type="text_delta", text="b"), stop(0)],
         Text("ab")),
        ([start(0, type="thinking", thinking="a", signature="S"), stop(0), stop(0)],
         Reasoning("a", Sealed("anthropic", "S"))),
        ([start(0, type="mcp_tool_use", id="x", input={}),
          delta(0, type="input_json_delta", partial_json='{"a"'),
          delta(0, type="input_json_delta", partial_json=':1}'), stop(0)],
         Opaque("anthropic", "mcp_tool_use", {"type": "mcp_tool_use", "id": "x",
                                              "input": {"a": 1}})),
        ([start(0, type="server_tool_use", id="s", name="web_search", input={"query": "q"})],
         SearchCall("s", ("q",))),
    ],
)  # fmt: skip
def test_what_upstreams_really_send(events: list[Json], part: Part) -> None:
    """10.2"""
    assert fold(events_of(*events)).parts == (part,)


def test_a_name_that_comes_late_is_none() -> None:
    named = {"type": "message_start", "message": {"id": "msg_1", "model": "m"}}
    assert fold(events_of(start(0, type="text", text="a"), named)).id is None
    assert fold(events_of(named, start(0, type="text", text="a"), named)).id == "msg_1"


def test_blocks_may_be_open_side_by_side() -> None:
    events = events_of(
        start(0, **CALL),
        start(1, **{**CALL, "id": "u"}),
        delta(0, type="input_json_delta", partial_json='{"a":'),
        delta(1, type="input_json_delta", partial_json="{}"),
        delta(0, type="input_json_delta", partial_json="1}"),
    )
    assert fold(events).parts == (ToolCall("t", "f", '{"a":1}'), ToolCall("u", "f", "{}"))


def test_an_index_that_comes_again_is_another_block() -> None:
    events = events_of(start(0, type="text", text="a"), start(0, type="text", text="b"))
    assert fold(events).parts == (Text("a"), Text("b"))


def test_a_hole_in_the_answer_is_said_to_be_one() -> None:
    """An event that carries the answer and cannot be read; any other is passed over."""
    head = b'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
    broken = head + b'"content_block":{"type":"text","te\n\n'
    assert isinstance(read([broken, b"event: ping\ndata: x\n\n"])[-1], Failed)
    end = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    assert isinstance(read([b"data: [DONE]\n\nevent: odd\ndata: {\n\n", end])[-1], Ended)


def test_an_error_as_bare_json_breaks_a_stream_off() -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n'
    (failed,) = read([body])
    assert isinstance(failed, Failed) and failed.failure.kind is Kind.OVERLOADED


def test_streamed_events_of_wrong_types_are_read_as_far_as_they_go() -> None:
    for event in documents(PROTOCOL, "stream.sse"):
        for other in replaced(event):
            name = event.get("type", "error")
            payload = b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(other))
            encoder = PROTOCOL.stream_encoder(CONTEXT)
            for seen in read([payload + payload]):
                encoder.write(seen)
