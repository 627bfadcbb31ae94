"""One connection to Redis that all callers of a process share.

Strategy: Redis answers in the order of asking, so a queue of futures is all the bookkeeping.
Commands that are issued in one turn of the event loop leave in one write, and their replies
arrive in one read: with a single-threaded server behind, one shared connection costs less than a
pool.

Rules:
- A reply belongs to the head of the queue, whether that caller still waits or not. A cancelled
  caller's reply is read and dropped; it can never reach another caller.
- When the oldest unanswered command is older than the time limit the connection is given up, with
  everything that waits on it: after a lost reply no later one could be believed.
- The queue is bounded: beyond it callers are refused at once instead of waiting without hope.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import hiredis

from ledger.errors import StoreUnavailable

MAX_WAITING = 10_000  # commands on one connection; at 20 µs each the last would wait 200 ms

Reply = Any  # bytes, int, None or a list of these: what RESP2 has


class LinkLost(Exception):
    """The connection broke before the reply came. The command may have run or not."""


class RedisError(Exception):
    """Redis answered with an error. `code` is its first word."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.code = text.partition(" ")[0]


class Link(asyncio.Protocol):
    """One live connection. Made by the wire; `on_lost` is called once when it is gone."""

    def __init__(self, timeout_ms: int, on_lost: Callable[["Link"], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeout_s = timeout_ms / 1000
        self._on_lost = on_lost
        self._reader = hiredis.Reader(replyError=RedisError, notEnoughData=NotImplemented)
        self._waiting: deque[tuple[asyncio.Future[Reply], float]] = deque()
        self._unsent: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._lost = False

    def send(self, packed: bytes) -> asyncio.Future[Reply]:
        """The future of the reply: a value, RedisError, LinkLost or StoreUnavailable."""
        if self._lost:
            raise LinkLost
        if len(self._waiting) >= MAX_WAITING:
            raise StoreUnavailable(f"more than {MAX_WAITING} commands wait for Redis")
        loop = self._loop
        if not self._unsent:
            loop.call_soon(self._flush)
        self._unsent.append(packed)
        future: asyncio.Future[Reply] = loop.create_future()
        deadline = loop.time() + self._timeout_s
        self._waiting.append((future, deadline))
        if self._watch is None:
            self._watch = loop.call_at(deadline, self._check)
        return future

    def abandon(self, error: Exception) -> None:
        """Gives the connection up; everybody who waits on it gets this error."""
        if self._lost:
            return
        self._lost = True
        if self._watch is not None:
            self._watch.cancel()
        if self._transport is not None:
            self._transport.abort()
        waiting, self._waiting = self._waiting, deque()
        for future, _ in waiting:
            if not future.done():
                future.set_exception(error)
        self._on_lost(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        try:
            reader.feed(data)
            reply = reader.gets()
            while reply is not NotImplemented:
                future, _ = self._waiting.popleft()
                if not future.done():
                    if isinstance(reply, RedisError):
                        future.set_exception(reply)
                    else:
                        future.set_result(reply)
                reply = reader.gets()
        except (hiredis.ProtocolError, IndexError):
            self.abandon(LinkLost("what came back is not the protocol of Redis"))

    def connection_lost(self, exc: Exception | None) -> None:
        self.abandon(LinkLost("connection closed"))

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if self._transport is not None and not self._lost:
            self._transport.write(b"".join(unsent))

    def _check(self) -> None:
        """Runs when the command that was oldest at arming could have timed out."""
        self._watch = None
        if not self._waiting:
            return
        deadline = self._waiting[0][1]
        if deadline <= self._loop.time():
            text = f"no answer from Redis within {self._timeout_s:g} s"
            self.abandon(StoreUnavailable(text))
        else:
            self._watch = self._loop.call_at(deadline, self._check)
