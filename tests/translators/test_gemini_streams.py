"""Streams of both kinds, read: whole, in pieces, cut short, with what does not belong in them."""

from time import perf_counter
from typing import Any

import orjson
import pytest

from tests.translators.gemini_streams import (
    CASES,
    CONTEXT,
    EVENT_STREAMS,
    PAIRED,
    SSE,
    Json,
    decode,
    endings,
    read,
)
from tests.translators.replay import CONTENT_TYPES, Stream, folders, label, places
from translators.canonical.finish import Finish, Reason
from translators.canonical.parts import (
    Text,
    ToolCall,
)
from translators.canonical.response import fold
from translators.canonical.stream import (
    Begun,
    Ended,
    Failed,
    Finished,
    Metered,
    PartBegun,
    PartDelta,
    PartEnded,
    StreamEvent,
)
from translators.canonical.usage import Usage
from translators.gemini import PROTOCOL


@pytest.mark.parametrize("stream", CASES, ids=label)
def test_a_stream_in_any_pieces_says_the_same(stream: Stream) -> None:
    data = stream.data
    whole = decode(stream, [data])
    assert len(endings(whole)) == 1
    assert decode(stream, [bytes([byte]) for byte in data]) == whole
    for at in places(data):
        assert decode(stream, [data[:at], data[at:]]) == whole, f"split at byte {at}"


@pytest.mark.parametrize("line_end", [b"\r\n", b"\r"], ids=["CRLF", "CR"])
@pytest.mark.parametrize("stream", EVENT_STREAMS, ids=label)
def test_a_stream_with_other_line_ends_says_the_same(stream: Stream, line_end: bytes) -> None:
    other = stream.data.replace(b"\n", line_end)
    assert decode(stream, [other]) == decode(stream, [stream.data])


@pytest.mark.parametrize("stream", CASES, ids=label)
def test_a_stream_cut_anywhere_ends_once_and_as_the_observer_says(stream: Stream) -> None:
    """10.7: never a made-up end. Both readers agree on where the end is."""
    for at in [0, *places(stream.data), len(stream.data)]:
        events = decode(stream, [stream.data[:at]])
        (ending,) = endings(events)
        assert events[-1] == ending
        observer = PROTOCOL.stream_observer(CONTENT_TYPES[stream.file])
        seen = observer.feed(stream.data[:at]) + observer.close()
        wrong = any(isinstance(e, Finished) and e.finish.unified is Reason.ERROR for e in seen)
        if not wrong:  # what is an end to the observer is a failure to the decoder
            assert type(ending) is type(endings(seen)[0]), f"cut at byte {at}"


@pytest.mark.parametrize("stream", PAIRED, ids=label)
def test_a_stream_amounts_to_its_whole_answer(stream: Stream) -> None:
    body = (stream.folder / "response.json").read_bytes()
    assert fold(decode(stream, [stream.data])) == PROTOCOL.decode_response(body, "gemini")


@pytest.mark.parametrize(
    "case",
    [c for c in folders() if c.parent.name == "gemini" and (c / "response.json").exists()],
    ids=label,
)
def test_a_whole_answer_to_a_request_for_a_stream_is_one(case: Any) -> None:
    body = (case / "response.json").read_bytes()
    events = read("application/json", [body])
    if isinstance(events[-1], Ended):
        assert fold(events) == PROTOCOL.decode_response(body, "gemini")
    else:
        assert b"candidates" not in body or isinstance(events[-1], Failed)


def chunk(*parts: Json, finish: str | None = None, **more: Any) -> Json:
    candidate = {"content": {"parts": list(parts), "role": "model"}, "finishReason": finish}
    return {"candidates": [candidate], **more}


def events_of(*chunks: Json) -> list[StreamEvent]:
    return read(SSE, [b"data:" + orjson.dumps(chunk) + b"\n\n" for chunk in chunks])


def test_text_comes_as_it_comes() -> None:
    """10.4: and the reason is told once, although it is said in every chunk."""
    events = events_of(
        chunk({"text": "a"}, finish="STOP", responseId="r", modelVersion="m"),
        chunk({"text": "b"}, finish="STOP", usageMetadata={"promptTokenCount": 3}),
    )
    assert events == [
        Begun("r", "m"),
        PartBegun(0, Text("")),
        PartDelta(0, "a"),
        PartDelta(0, "b"),
        Metered(Usage(3)),
        PartEnded(0),
        Finished(Finish(Reason.STOP, "STOP")),
        Ended(),
    ]


def test_a_call_is_whole_and_makes_the_reason() -> None:
    events = events_of(chunk({"functionCall": {"id": "i", "name": "f"}}), chunk(finish="STOP"))
    assert events[1:] == [
        PartBegun(0, ToolCall("i", "f", "")),
        PartDelta(0, "{}"),
        PartEnded(0),
        Finished(Finish(Reason.TOOL_CALLS, "STOP")),
        Ended(),
    ]


def test_other_candidates_are_left_out() -> None:
    second = {"content": {"parts": [{"text": "b"}]}, "index": 1, "finishReason": "MAX_TOKENS"}
    both = {"candidates": [second, chunk({"text": "a"}, finish="STOP")["candidates"][0]]}
    response = fold(events_of(both))
    assert response.parts == (Text("a"),)
    assert response.finish == Finish(Reason.STOP, "STOP")


def test_a_call_in_pieces_that_breaks_off_is_told_as_far_as_it_came() -> None:
    piece = {"name": "f", "id": "i", "partialArgs": [{"jsonPath": "$.a", "stringValue": "x"}]}
    events = events_of(
        chunk({"functionCall": {**piece, "willContinue": True}}), chunk(finish="STOP")
    )
    assert fold(events).parts == (ToolCall("i", "f", '{"a":"x"}'),)


@pytest.mark.parametrize(
    "path", ["", "a", "$", "$[0]", "$.a[", "$.a[99999]", "$['a'].b[1]", '$["a\\"b"]', "$.a.b" * 99]
)
def test_a_place_that_cannot_be_read_is_passed_over(path: str) -> None:
    pieces = [
        {"jsonPath": path, "numberValue": 1},
        {"jsonPath": path, "nullValue": "NULL_VALUE"},
        5,
    ]
    call = {"functionCall": {"name": "f", "partialArgs": pieces}}
    (part,) = fold(events_of(chunk(call, finish="STOP"))).parts
    assert isinstance(part, ToolCall)
    assert isinstance(orjson.loads(part.arguments), dict)


def test_what_breaks_off_a_stream() -> None:
    """7.2, 10.6: an error, bare JSON, a call that the model got wrong."""
    for last in (
        b'data: {"error": {"code": 503, "status": "UNAVAILABLE"}}\n\n',
        b'{"error": {"code": 503,\n "status": "UNAVAILABLE"}}\n',
        b'data: {"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}\n\n',
    ):
        begun = b"data: " + orjson.dumps(chunk({"text": "a"})) + b"\n\n"
        events = read(SSE, [begun, last, b"data: " + orjson.dumps(chunk(finish="STOP")) + b"\n\n"])
        assert isinstance(events[-1], Failed), last
        assert not any(isinstance(event, Finished) for event in events)


def test_noise_between_the_events_is_passed_over() -> None:
    noise = b": ping\n\nevent: x\ndata: [DONE]\n\ndata: {\n\ndata: []\n\ndata: 5\n\n"
    last = b"data: " + orjson.dumps(chunk({"text": "a"}, finish="STOP")) + b"\n\n"
    assert fold(read(SSE, [noise, last])).parts == (Text("a"),)


def test_the_cost_of_a_stream_grows_with_it_and_no_faster() -> None:
    data = b"data: " + orjson.dumps(chunk({"text": "a" * 10})) + b"\n\n"

    def seconds(times: int) -> float:
        decoder = PROTOCOL.stream_decoder(SSE, "gemini")
        encoder = PROTOCOL.stream_encoder(CONTEXT)
        start = perf_counter()
        for _ in range(times):
            for event in decoder.feed(data):
                encoder.write(event)
        return perf_counter() - start

    seconds(500)
    few, many = min(seconds(500) for _ in range(3)), min(seconds(5_000) for _ in range(2))
    assert many < few * 40
