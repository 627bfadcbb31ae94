"""The work and the load: the canned upstream answers it, and the load notices when it is wrong."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

import orjson
import pytest

from bench import answers, load, upstream
from bench.answers import CHAT_IDLE, CHAT_PLAIN, EVENTS, WORKS, Work

HOST = "127.0.0.1"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def command(work: Work, port: int, connections: int = 2, seconds: float = 0.05) -> dict[str, Any]:
    fields = asdict(work) | {
        name: getattr(work, name).decode() for name in ("body", "first", "end")
    }
    own = {"port": port, "headers": {}, "connections": connections, "seconds": seconds}
    return fields | own


@asynccontextmanager
async def canned(pace_s: float = 0.0) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: upstream.Connection(pace_s), HOST, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def answering(head: bytes, body: bytes) -> AsyncIterator[int]:
    """A server that says the same to whatever comes, once, and closes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head + body)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(handle, HOST, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("events", [answers.chat_events(), answers.anthropic_events()])
def test_a_stream_has_as_many_events_as_its_name_says(events: list[bytes]) -> None:
    assert len(events) == EVENTS
    assert all(event.endswith(b"\n\n") and event.count(b"\n\n") == 1 for event in events)


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.name)
def test_a_question_is_json_and_says_whether_it_wants_a_stream(work: Work) -> None:
    assert orjson.loads(work.body).get("stream", False) is work.streamed


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.name)
async def test_the_canned_upstream_gives_every_work_its_good_answer(work: Work) -> None:
    async with canned() as port:
        result = await load.run(command(work, port))
    assert (result.failed, result.why) == (0, "")
    assert result.requests == len(result.total_us) == len(result.first_us) >= 2
    assert all(f <= t for f, t in zip(result.first_us, result.total_us, strict=True))


async def test_the_first_token_of_a_paced_stream_comes_before_its_end() -> None:
    async with canned(pace_s=0.001) as port:
        result = await load.run(command(answers.CHAT_STREAM, port, connections=1))
    assert result.first_us[0] < result.total_us[0] / 2


async def test_an_error_counts_as_failed_and_says_what_it_was() -> None:
    head = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\n"
    async with answering(head, b"away") as port:
        result = await load.run(command(CHAT_PLAIN, port, connections=1))
    assert result.failed == result.requests > 0
    assert result.why == "status 503: away"
    assert result.total_us == []


async def test_an_answer_without_its_end_counts_as_failed() -> None:
    async with answering(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", b"{}") as port:
        result = await load.run(command(CHAT_PLAIN, port, connections=1))
    assert result.failed == result.requests > 0
    assert result.why.startswith("incomplete")


async def test_a_connection_that_breaks_inside_the_answer_counts_as_failed() -> None:
    async with answering(b"HTTP/1.1 200 OK\r\ncontent-length: 200\r\n\r\n", b"{}") as port:
        result = await load.run(command(CHAT_PLAIN, port, connections=1))
    assert result.failed == result.requests > 0
    assert result.why.startswith("connection lost")


async def test_idle_streams_are_open_after_their_first_words() -> None:
    async with canned() as port:
        held = await load.hold(command(CHAT_IDLE, port, connections=3))
        assert [client.lost for client in held] == [False] * 3
        assert all(client.first_s is not None and client.total_s == 0 for client in held)
        for client in held:
            client.close()
