"""A server that speaks just enough of Redis to misbehave on purpose."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import hiredis

Answer = bytes | None  # raw bytes to send; None: nothing, and close
Handler = Callable[[int, list[bytes]], Awaitable[Answer]]  # connection number, command


@asynccontextmanager
async def fake_redis(
    directory: Path, handler: Handler, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Yields the URL, of a Unix socket or, with `tls`, of a port. Commands of the hand-shake are
    answered here, all others by the handler."""
    connections = 0
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        number = connections
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        commands = hiredis.Reader()
        try:
            while data := await reader.read(65536):
                commands.feed(data)
                while (command := commands.gets()) is not False:
                    answer = await _answer(number, command, handler)
                    if answer is None:
                        return
                    writer.write(answer)
        finally:
            writer.close()

    if tls is None:
        path = directory / "fake.sock"
        server = await asyncio.start_unix_server(serve, path)
        url = f"unix://{path}"
    else:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
        url = f"rediss://localhost:{server.sockets[0].getsockname()[1]}"
    try:
        yield url
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _answer(number: int, command: list[bytes], handler: Handler) -> Answer:
    if command[0] == b"PING":
        return b"+PONG\r\n"
    return await handler(number, command)


def bulk(value: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(value), value)
