"""What a handler sees, on a connection in memory."""

import asyncio

from extproc.http2 import events
from extproc.http2.calls import Call
from extproc.http2.messages import Status
from tests.extproc.http2.memory import Pair, message, messages


class Served(Pair):
    """With one call open, and its handler's view of it."""

    async def open(self, *sent: bytes, window: int = 65_535, end: bool = False) -> Call:
        self.client.update_settings({4: window})
        self.granting = False
        self.stream_id = self.request(*sent, end=end)
        self.cross()
        [stream] = self.opened
        self.flushes = 0
        loop = asyncio.get_running_loop()
        self.call = Call(stream, self.connection, self.flush, loop)
        return self.call

    def flush(self) -> None:
        self.flushes += 1

    def wake(self) -> None:
        """As a session does with what it was told."""
        self.cross()
        for _ in self.sent:
            self.call.wake_writer()
        self.sent.clear()
        if self.gone:
            self.call.wake_all()
        else:
            self.call.wake_reader()


async def test_messages_are_read_in_order_and_then_the_end() -> None:
    served = Served()
    call = await served.open(message(b"one"), message(b"two"), end=True)
    assert [await call.read() for _ in range(4)] == [b"one", b"two", None, None]


async def test_a_reader_opens_the_window_again() -> None:
    """And has it told: nothing else may be sent for long."""
    served = Served()
    piece = message(b"x" * 8_187)
    call = await served.open()
    for _ in range(80):
        served.client.send_data(served.stream_id, piece)
        served.cross()
    before = served.client.local_flow_control_window(served.stream_id)
    for _ in range(80):
        await call.read()
    assert served.flushes == 80
    served.cross()
    assert served.client.local_flow_control_window(served.stream_id) == before + 80 * len(piece)


async def test_a_read_that_is_given_up_loses_nothing() -> None:
    served = Served()
    call = await served.open()
    reading = asyncio.ensure_future(call.read())
    await asyncio.sleep(0)
    served.client.send_data(served.stream_id, message(b"late"))
    served.wake()
    reading.cancel()  # in the very tick in which it would have gone on
    await asyncio.wait({reading})
    assert reading.cancelled()
    assert await call.read() == b"late"


async def test_a_write_waits_for_the_window() -> None:
    served = Served()
    call = await served.open(window=10)
    await call.write(b"fits")
    writing = asyncio.ensure_future(call.write(b"x" * 20))
    await asyncio.sleep(0)
    served.wake()
    await asyncio.sleep(0)
    assert not writing.done()
    served.client.increment_flow_control_window(100, served.stream_id)
    served.wake()
    await asyncio.wait_for(writing, 1)
    assert messages(served.data(served.stream_id)) == [b"fits", b"x" * 20]


async def test_a_write_that_is_given_up_does_not_wake_another_too_early() -> None:
    served = Served()
    call = await served.open(window=0)
    first = asyncio.ensure_future(call.write(b"first"))
    second = asyncio.ensure_future(call.write(b"second"))
    await asyncio.sleep(0)
    first.cancel()
    served.client.increment_flow_control_window(len(message(b"first")), served.stream_id)
    served.wake()
    await asyncio.sleep(0)
    assert first.cancelled() and not second.done()
    served.client.increment_flow_control_window(100, served.stream_id)
    served.wake()
    await asyncio.wait_for(second, 1)
    assert messages(served.data(served.stream_id)) == [b"first", b"second"]


async def test_an_end_wakes_whoever_waits_and_what_is_written_then_is_dropped() -> None:
    served = Served()
    call = await served.open(window=0)
    waiting = [
        asyncio.ensure_future(what) for what in (call.read(), call.write(b"x"), call.closed())
    ]
    await asyncio.sleep(0)
    served.client.reset_stream(served.stream_id)
    served.wake()
    assert await asyncio.gather(*waiting) == [None, None, None]
    await call.write(b"dropped")
    await call.closed()
    assert not await call.nudge(b"dropped")
    assert served.data(served.stream_id) == b""


async def test_a_nudge_goes_at_once_or_not_at_all() -> None:
    served = Served()
    call = await served.open(window=10)
    assert await call.nudge(b"one")
    writing = asyncio.ensure_future(call.write(b"more than fits"))
    await asyncio.sleep(0)
    assert await call.nudge(b"two"), "the stream lives; its peer has enough to read"
    served.client.increment_flow_control_window(1000, served.stream_id)
    served.wake()
    await writing
    assert await call.nudge(b"three")
    served.connection.end_call(call.stream, Status.OK)
    assert not await call.nudge(b"four")
    served.wake()
    assert messages(served.data(served.stream_id)) == [b"one", b"more than fits", b"three"]


async def test_a_nudge_does_not_come_between_the_parts_of_a_body() -> None:
    """The window opens, and the nudge has its turn before the writer that waited has."""
    served = Served()
    call = await served.open(window=0)

    async def write() -> None:
        await call.write(b"data: {half")
        await call.write(b" and half}")

    writing = asyncio.ensure_future(write())
    await asyncio.sleep(0)
    served.client.increment_flow_control_window(1000, served.stream_id)
    served.wake()
    assert await call.nudge(b": ping")
    await writing
    assert await call.nudge(b": ping")
    served.wake()
    assert messages(served.data(served.stream_id)) == [b"data: {half", b" and half}", b": ping"]


async def test_events_are_told_once() -> None:
    """One Opened, one Readable for what came together, one Gone."""
    pair = Pair()
    stream_id = pair.request(message(b"a") + message(b"b"))
    told = pair.connection.receive(pair.client.data_to_send(), 0)
    assert [type(event) for event in told] == [events.Opened, events.Readable]
    pair.client.reset_stream(stream_id)
    told = pair.connection.receive(pair.client.data_to_send(), 0)
    assert [type(event) for event in told] == [events.Gone]
