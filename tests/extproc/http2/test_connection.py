"""One connection against `h2` as its client, in memory: how calls go when both sides behave."""

from typing import Any

import pytest
from h2.events import (
    PingAckReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)

from extproc.http2.frames import ErrorCode
from extproc.http2.messages import Status
from extproc.http2.streams import RECEIVE_WINDOW
from tests.extproc.http2.memory import MAX_MESSAGE, REQUEST, Pair, message, messages, server
from tests.extproc.http2.test_faults import headers

SENT = [b"one", b"", b"three" * 100]


def status(pair: Pair) -> dict[str, str]:
    """The trailers of the only call, or the headers that are trailers too."""
    [told] = pair.of(TrailersReceived) or pair.of(ResponseReceived)
    return {str(name): str(value) for name, value in told.headers}


def echoed(pair: Pair, stream_id: int) -> None:
    pair.cross()
    [stream] = pair.opened
    assert stream.request.path == "/test.Echo/Echo"
    received = pair.received(stream)
    assert received == SENT and stream.ended
    pair.answer(stream, *received)
    pair.cross()
    assert messages(pair.data(stream_id)) == SENT
    [start], [end] = pair.of(ResponseReceived), pair.of(TrailersReceived)
    assert dict(start.headers) == {":status": "200", "content-type": "application/grpc"}
    assert dict(end.headers) == {"grpc-status": "0"}
    assert pair.of(StreamEnded) and not pair.of(StreamReset)
    assert not pair.connection.streams and not pair.connection.calls


@pytest.mark.parametrize("piece", [None, *range(1, 60)])
def test_a_call_is_the_same_however_its_bytes_are_cut(piece: int | None) -> None:
    pair = Pair(piece=piece)
    echoed(pair, pair.request(*map(message, SENT), end=True))


def test_a_call_is_the_same_at_every_split_of_its_bytes() -> None:
    whole = Pair()
    whole.request(*map(message, SENT), end=True)
    data = whole.client.data_to_send()
    for cut in range(0, len(data)):
        connection = server()
        events = [*connection.receive(data[:cut], 0), *connection.receive(data[cut:], 0)]
        stream = events[0].stream
        assert list(stream.inbox) == SENT and stream.ended and not connection.closing


def test_a_message_may_be_cut_anywhere_over_frames() -> None:
    data = b"".join(map(message, SENT))
    for cut in range(0, len(data), 9):
        pair = Pair()
        echoed(pair, pair.request(data[:cut], data[cut:], end=True))


def test_an_end_may_come_alone() -> None:
    pair = Pair()
    stream_id = pair.request(*map(message, SENT))
    pair.cross()
    assert not pair.opened[0].ended
    pair.client.end_stream(stream_id)
    echoed(pair, stream_id)


def test_a_long_header_block_comes_in_continuations() -> None:
    long = [(f"x-{number}", chr(0x21 + number) * 700) for number in range(50)]
    pair = Pair()
    pair.client.send_headers(1, [*REQUEST, *long])
    data = pair.client.data_to_send()
    assert data.count(b"\x09\x04\x00\x00\x00\x01") == 1  # it is long indeed
    pair.to_server(data)
    assert [stream.request.path for stream in pair.opened] == ["/test.Echo/Echo"]


@pytest.mark.parametrize("pad", [0, 1, 255])
def test_padding_is_read_over_and_counted(pad: int) -> None:
    pair = Pair()
    pair.client.send_headers(1, REQUEST, priority_weight=3, priority_exclusive=True)
    pair.client.send_data(1, message(b"padded"), pad_length=pad)
    pair.cross()
    assert pair.received(pair.opened[0]) == [b"padded"]
    assert pair.opened[0]._owed == len(message(b"padded")) + 1 + pad


def test_a_priority_frame_says_nothing() -> None:
    pair = Pair()
    pair.client.prioritize(1, weight=9)
    echoed(pair, pair.request(*map(message, SENT), end=True))


def test_a_ping_is_answered() -> None:
    pair = Pair()
    pair.client.ping(b"12345678")
    assert [event.ping_data for event in pair.cross() if isinstance(event, PingAckReceived)] == [
        b"12345678"
    ]


@pytest.mark.parametrize("size", [0, 100, 65_536])
def test_a_client_may_set_the_size_of_its_header_table(size: int) -> None:
    """It must be told that ours fits (RFC 7541, section 4.2), and is, once."""
    pair = Pair()
    pair.client.update_settings({1: size})
    pair.cross()
    echoed(pair, pair.request(*map(message, SENT), end=True))
    assert pair.connection.outbound._first_block == b""


def test_trailers_of_a_request_end_it() -> None:
    pair = Pair()
    stream_id = pair.request(*map(message, SENT))
    pair.client.send_headers(stream_id, [("x-trailer", "1")], end_stream=True)
    echoed(pair, stream_id)


def test_trailers_with_a_pseudo_header_reset_their_stream_alone() -> None:
    pair = Pair(server())
    stream_id = pair.request(message(b"x"))
    pair.cross()
    pair.to_server(headers(stream_id, "END_STREAM"))
    pair.cross()
    [reset] = pair.of(StreamReset)
    assert (reset.stream_id, reset.error_code) == (stream_id, ErrorCode.PROTOCOL_ERROR)
    assert not pair.connection.closing


def test_an_answer_before_the_request_has_ended_ends_both() -> None:
    pair = Pair()
    stream_id = pair.request(message(b"first"))
    pair.cross()
    pair.answer(pair.opened[0], b"enough")
    heard = pair.cross()
    assert messages(pair.data(stream_id)) == [b"enough"]
    [reset] = [event for event in heard if isinstance(event, StreamReset)]
    assert reset.error_code == 0
    assert not pair.connection.streams


def test_an_answer_without_messages_is_trailers_alone() -> None:
    pair = Pair()
    pair.request(end=True)
    pair.cross()
    pair.answer(pair.opened[0], status=Status.NOT_FOUND)
    pair.cross()
    assert status(pair) == {
        ":status": "200", "content-type": "application/grpc", "grpc-status": "5",
    }  # fmt: skip


@pytest.mark.parametrize("answered", [False, True])
def test_a_stream_that_is_reset_is_over(answered: bool) -> None:
    pair = Pair()
    stream_id = pair.request(message(b"whole"), message(b"cut")[:6])
    pair.cross()
    [stream] = pair.opened
    if answered:
        pair.connection.outbound.send(stream, b"begun")
        pair.cross()
    pair.client.reset_stream(stream_id, 8)
    pair.cross()
    assert pair.gone == [stream] and stream.ended and stream.over
    assert pair.received(stream) == [b"whole"], "what came whole may be read"
    assert pair.connection.outbound.send(stream, b"dropped")
    pair.connection.end_call(stream, Status.OK)
    pair.cross()
    assert messages(pair.data(stream_id)) == ([b"begun"] if answered else [])


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (message(b"x", compressed=1), Status.UNIMPLEMENTED),
        (message(b"x" * (MAX_MESSAGE + 1))[:100], Status.RESOURCE_EXHAUSTED),
        (message(b"cut short")[:-1], Status.INTERNAL),
    ],
)
def test_a_call_that_goes_wrong_ends_with_a_status(sent: bytes, code: Status) -> None:
    pair = Pair()
    pair.request(message(b"good"), sent, end=True)
    pair.cross()
    [stream] = pair.opened
    assert status(pair)["grpc-status"] == str(int(code))
    assert pair.gone == [stream] and pair.received(stream) == [b"good"]
    pair.connection.end_call(stream, Status.OK)
    pair.cross()
    assert not pair.connection.calls and not pair.connection.closing


@pytest.mark.parametrize(
    ("changed", "code"),
    [((":method", "GET"), "405"), (("content-type", "text/html"), "415")],
)
def test_what_is_not_grpc_is_refused_in_http(changed: tuple[str, str], code: str) -> None:
    headers = [changed if name == changed[0] else (name, value) for name, value in REQUEST]
    pair = Pair()
    pair.request(headers=headers)
    pair.cross()
    assert pair.opened == [] and not pair.connection.streams
    assert status(pair) == {":status": code}


def test_a_malformed_request_costs_its_stream_alone() -> None:
    pair = Pair()
    config: Any = pair.client.config
    config.validate_outbound_headers = config.normalize_outbound_headers = False
    pair.request(headers=[*REQUEST, ("connection", "close")])
    [reset] = [event for event in pair.cross() if isinstance(event, StreamReset)]
    assert reset.error_code == 1 and pair.opened == []
    pair.heard.clear()
    stream_id = pair.request(*map(message, SENT), end=True)
    echoed(pair, stream_id)


def test_streams_beyond_the_limit_are_refused_and_cost_nothing() -> None:
    pair = Pair(server(max_streams=3))
    ids = [pair.request(message(b"x")) for _ in range(5)]
    heard = pair.cross()
    refused = [e.stream_id for e in heard if isinstance(e, StreamReset) and e.error_code == 7]
    assert refused == ids[3:] and len(pair.opened) == 3
    assert pair.connection.calls == 3


def test_a_handler_that_runs_on_after_a_reset_still_counts() -> None:
    """The cheap half of a rapid reset is not without end."""
    pair = Pair(server(max_streams=3))
    for _ in range(5):
        stream_id = pair.request()
        pair.client.reset_stream(stream_id)
    pair.cross()
    assert len(pair.opened) == 3 == pair.connection.calls


def test_a_deadline_within_a_message_resets_else_tells_the_status() -> None:
    for begun in (False, True):
        pair = Pair()
        pair.client.update_settings({4: 1000})
        stream_id = pair.request(message(b"q"), end=True)
        pair.cross()
        [stream] = pair.opened
        pair.granting = False
        pair.connection.outbound.send(stream, b"x" * (5000 if begun else 50))
        pair.cross()
        pair.connection.abandon(stream, Status.DEADLINE_EXCEEDED)
        pair.take(pair.connection.leftover())
        pair.cross()
        assert pair.gone == [stream] and stream.ended and not stream.unsent
        if begun:
            [reset] = pair.of(StreamReset)
            assert (reset.stream_id, reset.error_code) == (stream_id, 8)
        else:
            assert status(pair)["grpc-status"] == "4"


def test_the_largest_message_comes_through_a_smaller_window() -> None:
    assert MAX_MESSAGE > 2 * RECEIVE_WINDOW
    pair = Pair()
    data = message(b"x" * MAX_MESSAGE)
    stream_id = pair.request()
    pair.cross()
    while data:
        size = min(pair.client.local_flow_control_window(stream_id), 16_384, len(data))
        assert size > 0, "the window is filled up while the message grows"
        pair.client.send_data(stream_id, data[:size])
        data = data[size:]
        pair.cross()
    assert [len(m) for m in pair.received(pair.opened[0])] == [MAX_MESSAGE]
