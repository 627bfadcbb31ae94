"""The upstream of the measurements: canned bytes over HTTP/1.1, as cheap as Python can.

It must never be the bottleneck and must do the same each time, so it does not read JSON: the path
says the dialect, a search for `"stream":true` says the form. Every event of a stream leaves in a
write of its own, `pace_ms` after the one before, because events that lie together in a socket are
one chunk for Envoy and would measure nothing.
"""

import argparse
import asyncio
from collections.abc import Iterator
from typing import cast

import httptools
import uvloop

from bench import answers

_IDLE_AFTER = 5  # events of an idle stream: enough that its first words are out


def _whole(body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _chunks(events: list[bytes]) -> list[bytes]:
    framed = [f"{len(event):x}\r\n".encode() + event + b"\r\n" for event in events]
    framed[-1] += b"0\r\n\r\n"
    return framed


STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
WHOLE = {True: _whole(answers.anthropic_whole()), False: _whole(answers.chat_whole())}
STREAM = {True: _chunks(answers.anthropic_events()), False: _chunks(answers.chat_events())}


UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"


class Connection(asyncio.Protocol):
    """One client connection, kept alive; requests come one after the other."""

    def __init__(self, pace_s: float) -> None:
        self._pace_s = pace_s
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._anthropic = False
        self._failing = False
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._anthropic = url.partition(b"?")[0].endswith(b"/messages")
        self._failing = url.startswith(b"/failing/")
        self._body.clear()

    def on_body(self, data: bytes) -> None:
        self._body.append(data)

    def on_message_complete(self) -> None:
        assert self._transport is not None
        body = b"".join(self._body)
        if self._failing:
            self._transport.write(UNAVAILABLE)
            return
        if b'"stream":true' not in body and b'"stream": true' not in body:
            self._transport.write(WHOLE[self._anthropic])
            return
        events = STREAM[self._anthropic]
        if answers.IDLE_MODEL.encode() in body:
            events = events[:_IDLE_AFTER]
        self._transport.write(STREAM_HEAD)
        self._later(iter(events))

    def _later(self, events: Iterator[bytes]) -> None:
        self._loop.call_later(self._pace_s, self._next, events)

    def _next(self, events: Iterator[bytes]) -> None:
        assert self._transport is not None
        event = next(events, None)
        if event is None or self._transport.is_closing():
            return
        self._transport.write(event)
        self._later(events)


async def serve(port: int, pace_ms: float) -> None:
    """Until the process is ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(pace_ms / 1000), "127.0.0.1", port, backlog=4096
    )
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="bench.upstream")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pace-ms", type=float, default=2.0, help="between two events")
    args = parser.parse_args()
    uvloop.run(serve(args.port, args.pace_ms))
