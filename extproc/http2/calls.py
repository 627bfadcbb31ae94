"""A stream as its handler sees it: `read`, `write` and `nudge` (extproc/driver.py says what for).

A stream that is over (reset, past its deadline, its connection lost) disturbs nobody: `read` gives
what came whole and then None, and what is written is dropped. The handler learns of the end where
it reads, and ends its exchange the way it always does; nothing is cancelled under it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from extproc.http2.connection import Connection
from extproc.http2.streams import Stream


class Call:
    """One call. `flush` lets the connection send what it has collected, at the end of the tick."""

    __slots__ = (
        "_closing", "_connection", "_flush", "_held", "_loop", "_reading", "_woken", "_writing",
        "stream",
    )  # fmt: skip

    def __init__(
        self,
        stream: Stream,
        connection: Connection,
        flush: Callable[[], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.stream = stream
        self._connection = connection
        self._flush = flush
        self._loop = loop
        self._reading: asyncio.Future[None] | None = None
        self._woken = False
        self._closing: asyncio.Future[None] | None = None
        self._writing: deque[asyncio.Future[None]] = deque()  # one for each message that waits
        self._held = 0  # writers whose turn has not come again since

    # ------------------------------------------------------------------ for the handler

    async def read(self) -> bytes | None:
        """The next message; None at the end. One reader at a time."""
        stream = self.stream
        while not stream.inbox:
            if stream.ended:
                return None
            self._reading = self._loop.create_future()
            await self._reading
            if self._woken:
                self._woken = False
                return b""
        message = self._connection.next_message(stream)
        self._flush()
        return message

    async def write(self, data: bytes) -> None:
        """Waits where the peer takes no more for now."""
        gone = self._connection.outbound.send(self.stream, data)
        self._flush()
        if not gone:
            future = self._loop.create_future()
            self._writing.append(future)
            self._held += 1
            try:
                await future
            finally:
                self._held -= 1

    async def nudge(self, data: bytes) -> bool:
        """Writes and never waits: a peer that does not take what it has needs no sign of life. Nor
        does it come between two messages of a writer that waited after the first."""
        stream = self.stream
        if stream.over or stream.trailers is not None:
            return False
        if not self._held and self._connection.outbound.ready(stream, len(data)):
            await self.write(data)
        return True

    def wake(self) -> None:
        """Ends a read that waits, with an empty message."""
        if self._reading is not None and not self._reading.done():
            self._woken = True
            self._reading.set_result(None)

    async def closed(self) -> None:
        """Returns when the stream is over; for handlers that have nothing more to read."""
        if not self.stream.over:
            self._closing = self._loop.create_future()
            await self._closing

    # ------------------------------------------------------------------ for the session

    def wake_reader(self) -> None:
        if self._reading is not None and not self._reading.done():
            self._reading.set_result(None)

    def wake_writer(self) -> None:
        """The oldest message that waited has gone."""
        future = self._writing.popleft()
        if not future.done():
            future.set_result(None)

    def wake_all(self) -> None:
        self.wake_reader()
        while self._writing:
            self.wake_writer()
        if self._closing is not None and not self._closing.done():
            self._closing.set_result(None)


Handler = Callable[[Call], Coroutine[Any, Any, None]]
