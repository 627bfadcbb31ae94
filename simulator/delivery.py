"""Writing an answer to an ASGI server: at once when the script says nothing, otherwise with its
delays, cuts and silences. Notices when the client leaves and stops.

A cut is an answer left unfinished: uvicorn then closes the connection, without the terminating
chunk and short of the content-length. A drop closes it before any byte of an answer.
"""

import asyncio
import gzip
from typing import Any

from starlette.types import Receive, Send

from simulator.call import Headers, Reply, Stream
from simulator.log import Entry
from simulator.script import Script
from simulator.shaping import CUT, HANG, shape

GZIP = (b"content-encoding", b"gzip")


class _Gone(Exception):
    """The client left."""


class Delivery:
    """One answer on its way. `receive` must have given the whole request body."""

    def __init__(self, receive: Receive, send: Send, entry: Entry) -> None:
        self._receive = receive
        self._send = send
        self._entry = entry
        self._watch: asyncio.Future[Any] | None = None

    async def reply(self, reply: Reply, script: Script) -> None:
        """A whole answer, possibly late, possibly cut short of its content-length."""
        try:
            await self._pause(script.delay_headers_ms + script.delay_first_ms)
            body, headers, cut = reply.body, reply.headers, script.truncate_bytes
            if script.gzip:
                body, headers = gzip.compress(body), [*headers, GZIP]
            if cut is None and (script.truncate_after is not None or script.hang_after is not None):
                cut = len(body) // 2
            headers = [*headers, (b"content-length", str(len(body)).encode())]
            await self._start(reply.status, headers)
            if cut is None:
                await self._send({"type": "http.response.body", "body": body})
                self._finished()
                return
            await self._chunk(body[: min(cut, len(body) - 1)])
            if script.hang_after is not None:
                await self._pause(None)
            self._entry.end = CUT
        except _Gone:
            self._entry.end = "disconnected"
        finally:
            self._unwatch()

    async def stream(self, stream: Stream, script: Script) -> None:
        """A streamed answer under the script's timing."""
        written = shape(stream, script)
        headers = stream.headers
        if script.gzip:
            headers = [*headers, GZIP]
        try:
            await self._pause(script.delay_headers_ms)
            await self._start(200, headers)
            await self._pause(script.delay_first_ms)
            for index, piece in enumerate(written.pieces):
                if index and script.delay_between_ms:
                    await self._pause(script.delay_between_ms)
                await self._chunk(piece)
                self._entry.events_sent += 1
            await self._pause(script.delay_end_ms)
            if written.end == HANG:
                await self._pause(None)
            elif written.end == CUT:
                self._entry.end = CUT
                return
            await self._send({"type": "http.response.body", "body": b""})
            self._finished()
        except _Gone:
            self._entry.end = "disconnected"
        finally:
            self._unwatch()

    async def drop(self) -> None:
        """Closes the connection without an answer. ASGI has no word for it: uvicorn's own is
        used."""
        cycle = getattr(self._receive, "__self__", None)
        transport = getattr(cycle, "transport", None)
        self._entry.end = "dropped"
        if transport is not None:
            transport.abort()
            await self._left()

    def _finished(self) -> None:
        """uvicorn takes what is sent to a client that left, and says nothing."""
        gone = getattr(getattr(self._receive, "__self__", None), "disconnected", False)
        self._entry.end = "disconnected" if gone else "complete"

    async def _start(self, status: int, headers: Headers) -> None:
        self._entry.status = status
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def _chunk(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def _pause(self, delay_ms: int | None) -> None:
        """Waits, for ever with None; raises _Gone as soon as the client leaves."""
        if delay_ms == 0:
            return
        if self._watch is None:
            self._watch = asyncio.ensure_future(self._left())
        timeout = None if delay_ms is None else delay_ms / 1000
        done, _ = await asyncio.wait({self._watch}, timeout=timeout)
        if done:
            raise _Gone

    async def _left(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def _unwatch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
