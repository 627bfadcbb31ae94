"""The two GOAWAYs: nothing that was on its way is lost."""

from h2.events import ConnectionTerminated

from extproc.http2 import frames
from extproc.http2.connection import Connection
from extproc.http2.frames import LARGEST_STREAM_ID, ErrorCode
from extproc.http2.messages import Status
from tests.extproc.http2.memory import Pair, message, messages, server
from tests.extproc.http2.test_faults import GREETING, headers, raw


def said(connection: Connection) -> list[frames.Frame]:
    return list(frames.FrameReader().feed(connection.outbound.take()))


def ids(told: list[frames.Frame]) -> list[int]:
    return [int.from_bytes(f[3][:4], "big") for f in told if f[0] == frames.GOAWAY]


def test_streams_on_their_way_are_taken_until_the_peer_knows() -> None:
    connection = server()
    connection.receive(GREETING + headers(1), 0)
    said(connection)
    connection.leave()
    told = said(connection)
    assert ids(told) == [LARGEST_STREAM_ID]
    [ping] = [payload for kind, _, _, payload in told if kind == frames.PING]
    assert len(connection.receive(headers(3), 0)) == 1, "it crossed our GOAWAY"
    connection.receive(raw(frames.PING, frames.ACK, 0, ping), 0)
    assert ids(said(connection)) == [3]
    late = headers(5) + raw(0, 1, 5, message(b"late")) + frames.rst_stream(5, ErrorCode.CANCEL)
    assert connection.receive(late + frames.window_update(5, 1), 0) == []
    assert not connection.closing and not connection.finished


def test_it_is_finished_when_streams_and_handlers_are_through() -> None:
    connection = server()
    [one, two] = connection.receive(GREETING + headers(1) + headers(3), 0)
    connection.leave()
    connection.left()
    assert not connection.finished
    connection.end_call(one.stream, Status.OK)
    connection.receive(frames.rst_stream(3, ErrorCode.CANCEL), 0)
    assert not connection.streams and not connection.finished, "its handler still runs"
    connection.end_call(two.stream, Status.OK)
    assert connection.finished


def test_a_peer_that_never_answers_the_ping_is_left_all_the_same() -> None:
    connection = server()
    connection.receive(GREETING + headers(1), 0)
    connection.leave()
    connection.leave()
    connection.left()
    connection.left()
    assert ids(said(connection)) == [LARGEST_STREAM_ID, 1]


def test_another_ping_is_not_the_answer() -> None:
    connection = server()
    connection.receive(GREETING, 0)
    connection.leave()
    said(connection)
    connection.receive(raw(frames.PING, frames.ACK, 0, b"12345678"), 0)
    assert ids(said(connection)) == []


def test_a_call_goes_on_to_its_end() -> None:
    connection = server()
    [opened, _] = connection.receive(GREETING + headers(1) + raw(0, 0, 1, message(b"before")), 0)
    connection.leave()
    connection.left()
    said(connection)
    connection.receive(raw(frames.DATA, frames.END_STREAM, 1, message(b"after")), 0)
    stream = opened.stream
    assert [connection.next_message(stream) for _ in range(2)] == [b"before", b"after"]
    connection.outbound.send(stream, b"answer")
    connection.end_call(stream, Status.OK)
    data = b"".join(payload for kind, _, _, payload in said(connection) if kind == frames.DATA)
    assert messages(data) == [b"answer"]
    assert connection.finished


def test_another_client_reads_our_goaway() -> None:
    pair = Pair()
    pair.cross()
    pair.connection.left()
    [away] = pair.cross()
    assert isinstance(away, ConnectionTerminated)
    assert (away.error_code, away.last_stream_id) == (0, 0)


def test_the_client_may_leave_too() -> None:
    connection = server()
    [opened] = connection.receive(GREETING + headers(1), 0)
    connection.receive(frames.goaway(0, ErrorCode.NO_ERROR), 0)
    said(connection)
    connection.outbound.send(opened.stream, b"answer")
    connection.end_call(opened.stream, Status.OK)
    assert next(kind for kind, *_ in said(connection)) == frames.HEADERS
    assert not connection.closing
