"""One connection on its socket: bytes to the state machine and back, and a task for every call.

What handlers write in one tick of the event loop leaves in one write to the transport.
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from extproc.http2.calls import Call, Handler
from extproc.http2.connection import Connection, Limits
from extproc.http2.events import Event, Gone, Opened, Readable, Sent
from extproc.http2.frames import ErrorCode
from extproc.http2.messages import Abort, Status
from extproc.http2.streams import Stream

GREETING_S = 10.0  # for a peer to say that it speaks HTTP/2
LEAVING_S = 5.0  # for a peer to answer that it has read our first GOAWAY
LINGER_S = 1.0  # for a peer to close first: closing over its unread words may lose our last ones
CLOSE_S = 5.0  # for a peer that broke the rules to read why, or that says no more to read the rest

# Bytes in the transport at which handlers wait, and at which they go on.
HIGH_WATER = 1024 * 1024
LOW_WATER = 256 * 1024


@dataclass(frozen=True, slots=True)
class Service:
    """What every connection serves. `failed` is told of a handler's exception, which the peer is
    not. A connection older than `max_age_s`, give or take a tenth, takes no new call."""

    handlers: Mapping[str, Handler]
    limits: Limits
    max_age_s: float
    failed: Callable[[BaseException], None]


class Session(asyncio.Protocol):
    """`began` and `ended` are told of the session, at its connection and when the connection and
    all of its handlers are through."""

    def __init__(
        self,
        service: Service,
        began: Callable[["Session"], None],
        ended: Callable[["Session"], None],
    ) -> None:
        self._service = service
        self._began = began
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._connection = Connection(service.limits)
        self._transport: asyncio.Transport | None = None
        self._calls: dict[int, Call] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: list[asyncio.TimerHandle] = []
        self._flushing = False
        self._closing = False

    # ------------------------------------------------------------------ asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._began(self)
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() != "h2":
            self._transport.abort()  # RFC 9113, section 3.2
            return
        self._transport.set_write_buffer_limits(HIGH_WATER, LOW_WATER)
        self._after(GREETING_S, self._not_greeted)
        self._after(self._service.max_age_s * random.uniform(0.9, 1.1), self.leave)
        self._flush_soon()

    def data_received(self, data: bytes) -> None:
        events = self._connection.receive(data, self._loop.time())
        for event in events:
            self._take(event)
        self._flush_soon()
        self._look()

    def eof_received(self) -> bool:
        """Close: nobody listens any more. A peer that does not even read what is left must not
        keep the calls and the connection."""
        self._connection.lose()
        self._take_leftover()
        if self._transport is not None:
            self._after(CLOSE_S, self._transport.abort)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        for timer in self._timers:
            timer.cancel()
        self._connection.lose()
        self._take_leftover()
        self._check_end()

    def pause_writing(self) -> None:
        self._connection.outbound.paused = True

    def resume_writing(self) -> None:
        self._connection.outbound.paused = False
        self._flush_soon()

    # ------------------------------------------------------------------ for the server

    def leave(self) -> None:
        """Take no new call, once the peer knows; close when those that run are through."""
        self._connection.leave()
        self._after(LEAVING_S, self._left)
        self._flush_soon()

    def end_calls(self) -> None:
        """Calls that still run read the end now, so that they can settle what they began."""
        for call in list(self._calls.values()):
            self._connection.abandon(call.stream, Status.UNAVAILABLE, "shutting down")
        self._take_leftover()
        self._flush_soon()

    def abort(self) -> None:
        """End everything at once."""
        for task in self._tasks:
            task.cancel()
        if self._transport is not None:
            self._transport.abort()

    # ------------------------------------------------------------------ events

    def _take(self, event: Event) -> None:
        if isinstance(event, Opened):
            self._open(event.stream)
            return
        call = self._calls.get(event.stream.id)
        if call is None:
            return
        if isinstance(event, Readable):
            call.wake_reader()
        elif isinstance(event, Sent):
            call.wake_writer()
        elif isinstance(event, Gone):
            call.wake_all()

    def _take_leftover(self) -> None:
        for event in self._connection.leftover():
            self._take(event)

    # ------------------------------------------------------------------ calls

    def _open(self, stream: Stream) -> None:
        handler = self._service.handlers.get(stream.request.path)
        if handler is None:
            self._connection.end_call(stream, Status.UNIMPLEMENTED, "unknown method")
            return
        call = Call(stream, self._connection, self._flush_soon, self._loop)
        self._calls[stream.id] = call
        deadline = None
        if stream.request.timeout_s is not None:
            deadline = self._loop.call_later(stream.request.timeout_s, self._expire, stream)
        task = self._loop.create_task(handler(call))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._through(call, done, deadline))

    def _expire(self, stream: Stream) -> None:
        self._connection.abandon(stream, Status.DEADLINE_EXCEEDED, "deadline exceeded")
        self._take_leftover()
        self._flush_soon()

    def _through(
        self, call: Call, task: "asyncio.Task[None]", deadline: asyncio.TimerHandle | None
    ) -> None:
        if deadline is not None:
            deadline.cancel()
        self._tasks.discard(task)
        del self._calls[call.stream.id]
        error = None if task.cancelled() else task.exception()
        self._connection.end_call(call.stream, *_outcome(task.cancelled(), error))
        self._flush_soon()
        self._look()
        self._check_end()
        if error is not None and not isinstance(error, Abort):
            self._service.failed(error)

    # ------------------------------------------------------------------ bytes out

    def _flush_soon(self) -> None:
        if not self._flushing and self._connection.outbound:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        connection, transport = self._connection, self._transport
        outbound = connection.outbound
        while transport is not None and not transport.is_closing():
            for event in connection.pump():
                self._take(event)
            if not outbound.collected or (outbound.paused and not connection.closing):
                break
            transport.write(outbound.take())
        self._look()

    # ------------------------------------------------------------------ the end

    def _look(self) -> None:
        """Close what is to be closed, when it has been said."""
        connection = self._connection
        if self._closing or self._transport is None or connection.outbound.collected:
            return
        if connection.closing:
            self._closing = True
            self._take_leftover()
            self._transport.close()
            self._after(CLOSE_S, self._transport.abort)
        elif connection.finished:
            self._closing = True
            self._after(LINGER_S, self._close)

    def _close(self) -> None:
        """A peer that is slow to read gets all of it."""
        if self._transport is None:
            return
        if self._transport.get_write_buffer_size():
            self._after(LINGER_S, self._close)
        else:
            self._transport.close()

    def _not_greeted(self) -> None:
        if not self._connection.greeted:
            self._connection.fail(ErrorCode.SETTINGS_TIMEOUT, "no greeting")
            self._flush_soon()

    def _left(self) -> None:
        self._connection.left()
        self._flush_soon()

    def _after(self, seconds: float, do: Callable[[], None]) -> None:
        if self._transport is not None:
            self._timers.append(self._loop.call_later(seconds, do))

    def _check_end(self) -> None:
        if self._transport is None and not self._calls:
            self._ended(self)


def _outcome(cancelled: bool, error: BaseException | None) -> tuple[Status, str]:
    """How a call ends for its peer; what a failure says of itself stays here."""
    if cancelled:
        return Status.UNAVAILABLE, "shutting down"
    if isinstance(error, Abort):
        return error.status, error.text
    return (Status.OK, "") if error is None else (Status.INTERNAL, "internal error")
