"""What breaks the rules ends the connection with a GOAWAY of the right code; floods do too."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hpack import Encoder
from hyperframe import frame as h

from extproc.http2 import floods, frames
from extproc.http2.connection import Connection, Limits
from extproc.http2.frames import ErrorCode
from extproc.http2.messages import Status
from extproc.http2.outbound import MAX_CONTROLS
from tests.extproc.http2.memory import MAX_MESSAGE, REQUEST, message, server

GREETING = frames.PREFACE + h.SettingsFrame(0).serialize()
E = ErrorCode


def block() -> bytes:
    encoder = Encoder()
    encoder.header_table_size = 0
    data: bytes = encoder.encode([(n.encode(), v.encode()) for n, v in REQUEST])
    return data


def headers(stream_id: int, *flags: str, data: bytes | None = None) -> bytes:
    flags = ("END_HEADERS", *flags)
    frame = h.HeadersFrame(stream_id, block() if data is None else data, flags=flags)
    return bytes(frame.serialize())


def raw(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    return frames.frame(kind, flags, stream_id, payload)


@dataclass
class Told:
    """What the server said last."""

    code: int
    last_stream_id: int


def goaway(connection: Connection) -> Told | None:
    for kind, _, _, payload in frames.FrameReader().feed(connection.outbound.take()):
        if kind == frames.GOAWAY:
            last, code = int.from_bytes(payload[:4], "big"), int.from_bytes(payload[4:8], "big")
            return Told(code, last)
    return None


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("no greeting", b"GET / HTTP/1.1\r\nHost: worker\r\n\r\n", E.PROTOCOL_ERROR),
        ("half a greeting", b"PRI * HTTP/2.0\r\n\r\nXX", E.PROTOCOL_ERROR),
        ("no SETTINGS", frames.PREFACE + h.PingFrame(0, b"12345678").serialize(),
         E.PROTOCOL_ERROR),
        ("an ACK at first", frames.PREFACE + raw(frames.SETTINGS, 1, 0), E.PROTOCOL_ERROR),
    ],
)  # fmt: skip
def test_a_connection_begins_as_it_must(name: str, data: bytes, code: ErrorCode) -> None:
    connection = server()
    connection.receive(data, 0)
    told = goaway(connection)
    assert connection.closing and told is not None and told.code == code


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("frame too long", raw(frames.DATA, 0, 1, b"x" * 16_385), E.FRAME_SIZE_ERROR),
        ("DATA on idle", raw(frames.DATA, 0, 5, b"x"), E.PROTOCOL_ERROR),
        ("DATA on 0", raw(frames.DATA, 0, 0, b"x"), E.PROTOCOL_ERROR),
        ("DATA on even", raw(frames.DATA, 0, 2, b"x"), E.PROTOCOL_ERROR),
        ("padding", raw(frames.DATA, frames.PADDED, 1, b"\x05abc"), E.PROTOCOL_ERROR),
        ("HEADERS on 0", raw(1, 4, 0, block()), E.PROTOCOL_ERROR),
        ("HEADERS on even", raw(1, 4, 2, block()), E.PROTOCOL_ERROR),
        ("priority cut", raw(1, 4 | 0x20, 3, b"abc"), E.FRAME_SIZE_ERROR),
        ("HPACK", raw(1, 4, 3, b"\xff\xff\xff"), E.COMPRESSION_ERROR),
        ("block left open", raw(1, 0, 3, block()) + raw(0, 0, 1, b"x"), E.PROTOCOL_ERROR),
        ("block left for another", raw(1, 0, 3, block()) + raw(9, 4, 5), E.PROTOCOL_ERROR),
        ("CONTINUATION of nothing", raw(9, 4, 1, b""), E.PROTOCOL_ERROR),
        ("PRIORITY of a wrong length", raw(2, 0, 1, b"1234"), E.FRAME_SIZE_ERROR),
        ("RST_STREAM of a wrong length", raw(3, 0, 1, b"123"), E.FRAME_SIZE_ERROR),
        ("RST_STREAM on idle", raw(3, 0, 9, b"1234"), E.PROTOCOL_ERROR),
        ("RST_STREAM on 0", raw(3, 0, 0, b"1234"), E.PROTOCOL_ERROR),
        ("SETTINGS on a stream", raw(4, 0, 1), E.PROTOCOL_ERROR),
        ("SETTINGS of a wrong length", raw(4, 0, 0, b"12345"), E.FRAME_SIZE_ERROR),
        ("SETTINGS ACK with content", raw(4, 1, 0, b"123456"), E.FRAME_SIZE_ERROR),
        ("window too large", frames.settings({4: 2**31}), E.FLOW_CONTROL_ERROR),
        ("frame size too small", frames.settings({5: 16_383}), E.PROTOCOL_ERROR),
        ("frame size too large", frames.settings({5: 2**24}), E.PROTOCOL_ERROR),
        ("push neither on nor off", frames.settings({2: 2}), E.PROTOCOL_ERROR),
        ("PUSH_PROMISE", raw(5, 4, 1, b"\0\0\0\2" + block()), E.PROTOCOL_ERROR),
        ("PING on a stream", raw(6, 0, 1, b"12345678"), E.PROTOCOL_ERROR),
        ("PING of a wrong length", raw(6, 0, 0, b"1234567"), E.FRAME_SIZE_ERROR),
        ("GOAWAY on a stream", raw(7, 0, 1, b"12345678"), E.PROTOCOL_ERROR),
        ("GOAWAY cut", raw(7, 0, 0, b"1234567"), E.PROTOCOL_ERROR),
        ("WINDOW_UPDATE of a wrong length", raw(8, 0, 0, b"123"), E.FRAME_SIZE_ERROR),
        ("WINDOW_UPDATE by nothing", raw(8, 0, 1, b"\0\0\0\0"), E.PROTOCOL_ERROR),
        ("WINDOW_UPDATE on idle", raw(8, 0, 9, b"\0\0\0\1"), E.PROTOCOL_ERROR),
    ],
)  # fmt: skip
def test_a_fault_ends_the_connection(name: str, data: bytes, code: ErrorCode) -> None:
    connection = server()
    [opened] = connection.receive(GREETING + headers(1), 0)
    events = connection.receive(data, 0)
    told = goaway(connection)
    assert told == Told(code, 1), name
    assert connection.closing and opened.stream.over and not connection.streams
    assert [event.stream for event in events] == [opened.stream]
    assert connection.receive(headers(3), 0) == [], "nothing is read any more"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("an unknown kind", raw(0x42, 0xFF, 7, b"?")),
        ("an unknown setting", frames.settings({0x99: 1})),
        ("an unknown flag", raw(6, 0xF0, 0, b"12345678")),
        ("GOAWAY", frames.goaway(0, E.NO_ERROR)),
        ("a reserved bit", b"\0\0\x08\x06\0\x80\0\0\0" + b"12345678"),
        ("the table's size", frames.settings({1: 0})),
    ],
)
def test_what_may_be_said_is_heard(name: str, data: bytes) -> None:
    connection = server()
    connection.receive(GREETING + data, 0)
    assert not connection.closing, name
    assert len(connection.receive(headers(1), 0)) == 1


@pytest.mark.parametrize("late", [raw(0, 0, 1, b"x"), headers(1, "END_STREAM")])
def test_more_after_the_end_of_a_request_costs_the_stream(late: bytes) -> None:
    connection = server()
    [opened, _] = connection.receive(GREETING + headers(1) + raw(0, 1, 1), 0)
    connection.outbound.take()
    connection.receive(late, 0)
    assert opened.stream.over and not connection.closing
    assert connection.outbound.take() == frames.rst_stream(1, E.STREAM_CLOSED)


def test_frames_that_cross_the_end_of_their_stream_are_read_over() -> None:
    connection = server()
    [opened] = connection.receive(GREETING + headers(1), 0)
    connection.end_call(opened.stream, Status.OK)
    crossing = [
        raw(0, 0, 1, message(b"late")), frames.window_update(1, 5), headers(1, "END_STREAM"),
        raw(3, 0, 1, b"\0\0\0\x08"), raw(0, 1, 1), raw(2, 0, 1, b"12345"),
    ]  # fmt: skip
    assert connection.receive(b"".join(crossing), 0) == []
    assert not connection.closing


def opened_and_reset(number: int) -> bytes:
    stream_id = 2 * number + 1
    return headers(stream_id) + frames.rst_stream(stream_id, E.CANCEL)


FLOODS: dict[str, Callable[[int], bytes]] = {
    "PING": lambda n: raw(6, 0, 0, b"12345678"),
    "PING ACK": lambda n: raw(6, 1, 0, b"12345678"),
    "SETTINGS": lambda n: raw(4, 0, 0),
    "SETTINGS that change windows": lambda n: frames.settings({4: 65_535 + n % 2}),
    "empty DATA": lambda n: (headers(1) if n == 0 else b"") + raw(0, 0, 1),
    "padding alone": lambda n: (headers(1) if n == 0 else b"") + raw(0, 8, 1, b"\x05" + b"\0" * 5),
    "rapid reset": opened_and_reset,
    "DATA after a reset": lambda n: (opened_and_reset(0) if n == 0 else b"") + raw(0, 0, 1, b"x"),
    "HEADERS after a reset": lambda n: (opened_and_reset(0) if n == 0 else b"") + headers(1),
    "PRIORITY": lambda n: raw(2, 0, 1, b"12345"),
    "WINDOW_UPDATE": lambda n: frames.window_update(0, 1),
    "GOAWAY": lambda n: frames.goaway(0, E.NO_ERROR),
    "an unknown kind": lambda n: raw(0x42, 0, 0, b"x"),
    "not gRPC": lambda n: headers(2 * n + 1, data=b"\x83\x86\x84"),
    "malformed": lambda n: headers(2 * n + 1, data=b"\x83"),
    "CONTINUATION without an end": lambda n: raw(9 if n else 1, 0, 1, b"\x84" if n == 0 else b""),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_is_told_to_be_calm(name: str) -> None:
    connection, flood = server(max_streams=100), FLOODS[name]
    connection.receive(GREETING, 0)
    for number in range(floods.FULL + 2):
        for event in connection.receive(flood(number), now=1):
            if event.stream.over:
                connection.end_call(event.stream, Status.OK)
        if connection.closing:
            break
        if number % 100 == 99:
            connection.outbound.take()
    told = goaway(connection)
    assert told is not None and told.code == E.ENHANCE_YOUR_CALM


@pytest.mark.parametrize("name", ["PING", "rapid reset", "SETTINGS", "WINDOW_UPDATE"])
def test_the_same_frames_at_an_honest_pace_are_no_flood(name: str) -> None:
    connection, flood = server(), FLOODS[name]
    connection.receive(GREETING, 0)
    for number in range(2 * floods.FULL):
        for event in connection.receive(flood(number), now=number / 400):
            if event.stream.over:
                connection.end_call(event.stream, Status.OK)
        connection.outbound.take()
    assert not connection.closing


def test_many_callers_that_hang_up_in_one_moment_are_no_flood() -> None:
    """Each has asked and was answered something; a mass of them is an ordinary bad day."""
    connection = server(max_streams=10_000)
    connection.receive(GREETING + frames.window_update(0, 2**20), 0)
    for number in range(9_000):
        stream_id = 2 * number + 1
        asked = headers(stream_id) + raw(0, 0, stream_id, message(b"question"))
        [opened, _] = connection.receive(asked, 0)
        connection.outbound.send(opened.stream, b"answer")
        connection.pump()
        connection.outbound.take()
    for number in range(9_000):
        connection.receive(frames.rst_stream(2 * number + 1, E.CANCEL), 0)
    assert not connection.closing and not connection.streams


def asked(number: int) -> bytes:
    stream_id = 2 * number + 1
    return headers(stream_id) + raw(0, 0, stream_id, message(b"question"))


def hung_up(number: int) -> bytes:
    """As Envoy does: an end, and a reset."""
    stream_id = 2 * number + 1
    return raw(0, 1, stream_id) + frames.rst_stream(stream_id, E.CANCEL)


def test_a_process_that_stood_still_finds_all_its_streams_reset_and_that_is_no_flood() -> None:
    """Nothing was answered while Envoy's patience ran out; long answers go on beside."""
    full = Limits(max_message=MAX_MESSAGE).max_streams
    connection = server(max_streams=full)
    connection.receive(GREETING, 0)
    connection.receive(b"".join(map(asked, range(full))), 5)
    connection.receive(b"".join(map(hung_up, range(1, full))), 5)
    assert not connection.closing and list(connection.streams) == [1]


def test_callers_that_all_hang_up_before_an_answer_are_no_flood_at_any_rate() -> None:
    connection = server()
    connection.receive(GREETING, 0)
    for number in range(3 * floods.FULL):
        opened, *_ = connection.receive(asked(number) + hung_up(number), number / 5_000)
        connection.end_call(opened.stream, Status.OK)
        connection.outbound.take()
    assert not connection.closing


def test_refusals_at_any_rate_are_no_flood() -> None:
    """Envoy resets every stream at its end, also one that we have ended: thousands a second."""
    connection = server()
    connection.receive(GREETING + frames.window_update(0, 2**24), 0)
    for number in range(2 * floods.FULL):
        stream_id = 2 * number + 1
        asked = headers(stream_id) + raw(0, 0, stream_id, message(b"headers"))
        [opened, _] = connection.receive(asked, 0)
        connection.outbound.send(opened.stream, b"a refusal")
        connection.end_call(opened.stream, Status.OK)
        connection.outbound.take()
        connection.receive(frames.rst_stream(stream_id, E.CANCEL), 0)
    assert not connection.closing


def test_a_peer_that_asks_and_does_not_read_is_sent_away() -> None:
    connection = server()
    connection.receive(GREETING, 0)
    connection.outbound.paused = True
    ping = raw(6, 0, 0, b"12345678")
    for number in range(MAX_CONTROLS + 2):
        connection.receive(ping, now=float(number))
    assert connection.closing
