"""Flow control in both directions, against `h2`."""

import pytest
from h2.events import ConnectionTerminated
from hypothesis import given
from hypothesis import strategies as st

from extproc.http2 import frames
from extproc.http2.connection import CONNECTION_WINDOW
from extproc.http2.messages import Status
from extproc.http2.outbound import MAX_COLLECTED
from extproc.http2.streams import RECEIVE_WINDOW, Stream
from tests.extproc.http2.memory import MAX_MESSAGE, Pair, message, messages

INITIAL_WINDOW = 4
MAX_FRAME = 5


def opened(pair: Pair, count: int = 1) -> list[tuple[int, Stream]]:
    ids = [pair.request(message(b"q"), end=True) for _ in range(count)]
    pair.cross()
    return list(zip(ids, pair.opened[-count:], strict=True))


def held(window: int) -> Pair:
    """A client with that initial window, which it does not fill up."""
    pair = Pair()
    pair.client.update_settings({INITIAL_WINDOW: window})
    pair.cross()
    pair.granting = False
    return pair


def test_we_send_what_the_window_allows_and_the_rest_when_it_opens() -> None:
    pair = held(10)
    [(stream_id, stream)] = opened(pair)
    out = pair.connection.outbound
    assert not out.send(stream, b"x" * 45)
    pair.cross()
    assert len(pair.data(stream_id)) == 10 and pair.sent == []
    pair.client.increment_flow_control_window(15, stream_id)
    pair.cross()
    assert len(pair.data(stream_id)) == 25 and pair.sent == []
    assert not out.send(stream, b"behind"), "in the order in which it was written"
    pair.connection.end_call(stream, Status.OK)
    pair.client.increment_flow_control_window(1000, stream_id)
    pair.cross()
    assert messages(pair.data(stream_id)) == [b"x" * 45, b"behind"]
    assert pair.sent == [stream, stream], "once for each message"
    assert not pair.connection.streams, "trailers came after what was unsent"


def test_a_window_that_shrinks_below_what_is_used_is_waited_out() -> None:
    """RFC 9113, section 6.9.2: a window may be below zero."""
    pair = held(1000)
    [(stream_id, stream)] = opened(pair)
    assert pair.connection.outbound.send(stream, b"x" * 795)
    pair.cross()
    pair.client.update_settings({INITIAL_WINDOW: 100})
    pair.cross()
    assert stream.window == -700
    assert not pair.connection.outbound.send(stream, b"y")
    pair.client.increment_flow_control_window(700, stream_id)
    pair.cross()
    assert stream.window == 0 and len(pair.data(stream_id)) == 800
    pair.client.increment_flow_control_window(1, stream_id)
    pair.cross()
    assert len(pair.data(stream_id)) == 801
    pair.client.update_settings({INITIAL_WINDOW: 200})
    pair.cross()
    assert messages(pair.data(stream_id)) == [b"x" * 795, b"y"]


def test_streams_take_turns_on_the_connections_window() -> None:
    pair = Pair()
    pair.client.update_settings({INITIAL_WINDOW: 1_000_000})
    pair.cross()
    pair.granting = False
    calls = opened(pair, 4)
    for _, stream in calls:
        pair.connection.outbound.send(stream, b"x" * 500_000)
    pair.cross()
    heard = [len(pair.data(stream_id)) for stream_id, _ in calls]
    assert sum(heard) == frames.DEFAULT_WINDOW
    assert max(heard) - min(heard) <= 16_384
    late = opened(pair, 1)[0]
    assert not pair.connection.outbound.send(late[1], b"small")
    pair.granting = True
    pair.client.increment_flow_control_window(2**30)
    pair.cross()
    assert [messages(pair.data(i)) for i, _ in calls] == [[b"x" * 500_000]] * 4
    assert messages(pair.data(late[0])) == [b"small"]


@pytest.mark.parametrize(
    ("allowed", "expected"), [(None, 16_384), (40_000, 40_000), (2**24 - 1, 64 * 1024)]
)
def test_frames_are_as_large_as_the_peer_allows_and_not_larger(
    allowed: int | None, expected: int
) -> None:
    pair = Pair()
    pair.client.update_settings({INITIAL_WINDOW: 10_000_000})
    if allowed is not None:
        pair.client.update_settings({MAX_FRAME: allowed})
    pair.client.increment_flow_control_window(10_000_000)
    pair.cross()
    [(_, stream)] = opened(pair)
    pair.connection.outbound.send(stream, b"x" * 200_000)
    pair.connection.pump()
    heads = [frames.HEAD.unpack(frame[:9]) for frame in pair.connection.outbound.collected]
    sizes = [upper << 8 | lowest for upper, lowest, kind, _, _ in heads if kind == frames.DATA]
    assert max(sizes) == sizes[0] == expected and sum(sizes) == 200_005


def test_what_is_collected_is_bounded_and_nothing_while_the_transport_is_full() -> None:
    pair = Pair()
    pair.client.update_settings({INITIAL_WINDOW: 2**30})
    pair.client.increment_flow_control_window(2**30)
    pair.cross()
    calls = opened(pair, 20)
    out = pair.connection.outbound
    for _, stream in calls:
        out.send(stream, b"x" * 100_000)
    pair.connection.pump()
    assert len(b"".join(out.collected)) < MAX_COLLECTED + 20_000
    out.take()
    out.paused = True
    pair.connection.pump()
    assert out.collected == []
    assert not out.ready(calls[0][1], 1)
    out.paused = False
    pair.connection.pump()
    assert len(b"".join(out.collected)) > MAX_COLLECTED


def test_a_reader_that_does_not_read_holds_the_peer_back_at_one_window() -> None:
    pair = Pair()
    stream_id = pair.request()
    pair.cross()
    piece = message(b"x" * 16_379)
    count = 0
    while pair.client.local_flow_control_window(stream_id) >= len(piece):
        pair.client.send_data(stream_id, piece)
        pair.cross()
        count += 1
        assert count * len(piece) <= RECEIVE_WINDOW
    [stream] = pair.opened
    assert len(pair.received(stream)) == count
    pair.cross()
    assert pair.client.local_flow_control_window(stream_id) >= RECEIVE_WINDOW - len(piece)


def test_one_stream_that_is_not_read_does_not_hold_the_others_back() -> None:
    pair = Pair()
    for _ in range(100):  # more than the connection's window, were it not filled up at once
        stream_id = pair.request()
        pair.cross()
        for _ in range(63):
            pair.client.send_data(stream_id, message(b"x" * 16_379))
            pair.cross()
    assert CONNECTION_WINDOW < 100 * 63 * 16_384
    assert not pair.connection.closing and not pair.of(ConnectionTerminated)


def test_a_peer_that_sends_more_than_its_window_is_sent_away() -> None:
    pair = Pair()
    pair.request()
    pair.cross()
    frame = frames.frame(frames.DATA, 0, 1, message(b"x" * 16_379))
    for _ in range(RECEIVE_WINDOW // 16_384 + 1):
        pair.to_server(frame)
    assert pair.connection.closing
    pair.cross()
    [away] = pair.of(ConnectionTerminated)
    assert away.error_code == 3


@pytest.mark.parametrize("on_stream", [False, True])
def test_a_window_that_overflows_is_a_fault_of_its_stream_or_connection(on_stream: bool) -> None:
    pair = Pair()
    [(stream_id, stream)] = opened(pair)
    pair.to_server(frames.window_update(stream_id if on_stream else 0, 2**31 - 1))
    assert pair.connection.closing is not on_stream
    assert pair.gone == [stream]


@given(st.data())
def test_every_message_arrives_whatever_the_windows_do(data: st.DataObject) -> None:
    pair = Pair()
    pair.client.update_settings({INITIAL_WINDOW: data.draw(st.integers(0, 50))})
    pair.cross()
    pair.granting = False
    calls = opened(pair, 3)
    sent: list[list[bytes]] = [[], [], []]
    for _ in range(data.draw(st.integers(1, 25))):
        number = data.draw(st.integers(0, 2))
        stream_id, stream = calls[number]
        match data.draw(st.sampled_from(["send", "widen", "resize", "full", "free"])):
            case "send":
                sent[number].append(data.draw(st.binary(max_size=200)))
                pair.connection.outbound.send(stream, sent[number][-1])
            case "widen":
                pair.client.increment_flow_control_window(data.draw(st.integers(1, 99)), stream_id)
            case "resize":
                pair.client.update_settings({INITIAL_WINDOW: data.draw(st.integers(0, 300))})
            case "full":
                pair.connection.outbound.paused = True
            case "free":
                pair.connection.outbound.paused = False
        if not pair.connection.outbound.paused:
            pair.cross()
    pair.connection.outbound.paused = False
    for stream_id, stream in calls:
        pair.connection.end_call(stream, Status.OK)
        if stream_id in pair.connection.streams:
            pair.client.increment_flow_control_window(100_000, stream_id)
    pair.cross()
    assert [messages(pair.data(stream_id)) for stream_id, _ in calls] == sent
    assert not pair.connection.streams and not pair.connection.outbound


def test_a_small_message_waits_for_the_connections_window_and_its_turn() -> None:
    pair = Pair()
    pair.client.update_settings({INITIAL_WINDOW: 1_000_000})
    pair.cross()
    pair.granting = False
    (first, one), (second, two), (_, three) = opened(pair, 3)
    out = pair.connection.outbound
    for size in (16_000,) * 4:
        assert out.send(one, b"x" * size)
    pair.cross()
    left = out.window
    assert 5 < left < 16_000
    assert not out.ready(two, left - 4) and out.ready(two, left - 5)
    out.send(one, b"big" * 1000)
    pair.cross()
    assert out.window == 0 and not out.send(two, b"small")
    pair.client.increment_flow_control_window(1_000)
    pair.to_server(pair.client.data_to_send())
    assert not out.ready(three, 5), "others are waiting: one after the other"
    pair.cross()
    pair.client.increment_flow_control_window(100_000)
    pair.cross()
    assert messages(pair.data(first))[-1] == b"big" * 1000
    assert messages(pair.data(second)) == [b"small"]


def test_a_stream_that_goes_while_it_waits_for_its_turn_is_forgotten() -> None:
    pair = Pair()
    [(gone, stream), (stays, other)] = opened(pair, 2)
    out = pair.connection.outbound
    out.paused = True
    out.send(stream, b"x" * 50_000)
    out.send(other, b"y" * 50_000)
    pair.client.reset_stream(gone)
    pair.to_server(pair.client.data_to_send())
    out.paused = False
    pair.cross()
    pair.connection.end_call(stream, Status.OK)
    assert messages(pair.data(stays)) == [b"y" * 50_000]
    assert pair.data(gone) == b"" and not out


def test_a_window_that_closes_while_a_stream_waits_for_its_turn_takes_the_turn_away() -> None:
    pair = held(1000)
    [(stream_id, stream)] = opened(pair)
    out = pair.connection.outbound
    out.paused = True
    out.send(stream, b"x" * 500)
    pair.client.update_settings({INITIAL_WINDOW: 0})
    pair.to_server(pair.client.data_to_send())
    out.paused = False
    pair.cross()
    assert stream.window == 0 and pair.data(stream_id) == b""
    pair.client.update_settings({INITIAL_WINDOW: 505})
    pair.cross()
    assert messages(pair.data(stream_id)) == [b"x" * 500]


def test_the_largest_body_is_sent_in_bounded_pieces() -> None:
    pair = Pair()
    [(stream_id, stream)] = opened(pair)
    body = bytes(range(256)) * (MAX_MESSAGE // 256)
    pair.connection.outbound.send(stream, body)
    pair.connection.end_call(stream, Status.OK)
    pair.cross()
    assert messages(pair.data(stream_id)) == [body]
