"""A server that speaks just enough of Redis to misbehave on purpose."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import hiredis

Answer = bytes | None  # raw bytes to send; None: nothing, and close
Handler = Callable[[int, list[bytes]], Awaitable[Answer]]  # connection number, command


@asynccontextmanager
async def fake_redis(directory: Path, handler: Handler) -> AsyncIterator[str]:
    """Yields the URL. Commands of the hand-shake are answered here, all others by the handler."""
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

    path = directory / "fake.sock"
    server = await asyncio.start_unix_server(serve, path)
    try:
        yield f"unix://{path}"
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
