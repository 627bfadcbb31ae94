"""Real processes that die: the writer, Redis and PostgreSQL, under load, and every record once."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import StoreUnavailable
from ledger.model import Settled, Verdict
from ledger.store.hot import HotStore
from ledger.store.record import Record
from ledger.store.streams import Streams
from ledger.store.wire import Timeouts
from tests.ledger.conftest import RedisServer, postgres_server, stop_postgres, until
from tests.ledger.samples import FACTS, KEY_HASH, NOW_MS, SHARD, attempt_of, settlement_of

CALLERS = 8


class WriterProcess:
    """`python -m ledger.writer`, to be killed."""

    def __init__(self, redis_url: str, sql_url: str, log: Path) -> None:
        self._command = [sys.executable, "-W", "error", "-m", "ledger.writer"]
        self._command += ["--redis", redis_url, "--sql", sql_url, "--consumer", "w"]
        self._command += ["--lease-sweep-ms", "50"]
        self.log = log
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> asyncio.subprocess.Process:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(*self._command, stderr=log)
        return self.process

    async def end(self, how: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return await self.process.wait()


@asynccontextmanager
async def writer_process(
    redis_url: str, sql_url: str, directory: Path
) -> AsyncIterator[WriterProcess]:
    writer = WriterProcess(redis_url, sql_url, directory / "writer.log")
    await writer.start()
    try:
        yield writer
    finally:
        if writer.process is not None and writer.process.returncode is None:
            await writer.end(signal.SIGKILL)


class Load:
    """Requests through admission and settlement by several callers until told to stop."""

    def __init__(self, redis_url: str) -> None:
        self.hot = HotStore.connect(redis_url, timeouts=Timeouts(patience_ms=10_000))
        self.settled: list[str] = []
        self._stop = asyncio.Event()
        self._callers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Load":
        await self.hot.put_key(SHARD, KEY_HASH, FACTS)
        self._callers = [asyncio.create_task(self._call(number)) for number in range(CALLERS)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await asyncio.gather(*self._callers)
        await self.hot.close()

    async def more(self, count: int) -> None:
        """Waits until so many more were settled."""
        goal = len(self.settled) + count

        async def reached() -> bool:
            return len(self.settled) >= goal

        await until(reached)

    async def _call(self, number: int) -> None:
        turn = 0
        while not self._stop.is_set():
            turn += 1
            request_id = f"req_{number}_{turn}"
            await self._exchange(request_id)
            self.settled.append(request_id)

    async def _exchange(self, request_id: str) -> None:
        """Repeats whatever was not answered, as the data plane may: nothing happens twice."""
        while True:
            try:
                admission = await self.hot.admit(attempt_of(request_id))
                assert admission.verdict in (Verdict.ADMITTED, Verdict.DUPLICATE)
                settled = await self.hot.settle(settlement_of(request_id))
                assert settled in (Settled.SETTLED, Settled.ALREADY)
                return
            except StoreUnavailable:
                continue


async def writes_more(record: Record) -> None:
    """Waits until there is more in SQL than now."""
    known = await record.usage_count()

    async def more() -> bool:
        return await record.usage_count() > known

    await until(more)


async def assert_each_is_in_sql_once(redis_url: str, sql_url: str, expected: list[str]) -> None:
    record, streams = Record.connect(sql_url), Streams(redis_url, "test", 10)

    async def drained() -> bool:
        return await streams.backlog() == 0

    await until(drained)
    found = [r async for page in pages(record) for r in page]
    assert sorted(found) == sorted(expected)
    await record.close()
    await streams.close()


async def pages(record: Record) -> AsyncIterator[list[str]]:
    before = None
    while page := await record.usage_of_key("key_1", 0, NOW_MS * 2, 1000, before):
        before = (page[-1].started_at_ms, page[-1].request_id)
        yield [one.request_id for one in page]


async def test_a_writer_killed_again_and_again_writes_everything_once(
    redis_url: str, sqlite_url: str, tmp_path: Path
) -> None:
    record = Record.connect(sqlite_url)
    await record.migrate()
    async with writer_process(redis_url, sqlite_url, tmp_path) as writer:
        async with Load(redis_url) as load:
            for _ in range(3):
                await writes_more(record)
                await load.more(50)
                assert await writer.end(signal.SIGKILL) == -signal.SIGKILL
                await load.more(50)
                await writer.start()
        await record.close()
        await assert_each_is_in_sql_once(redis_url, sqlite_url, load.settled)
    assert b"Traceback" not in writer.log.read_bytes()


async def test_a_redis_killed_under_load_loses_and_doubles_nothing(
    own_redis: RedisServer, sqlite_url: str, tmp_path: Path
) -> None:
    """Killing the process loses nothing that was answered; what was not answered is repeated."""
    async with writer_process(own_redis.url, sqlite_url, tmp_path) as writer:
        async with Load(own_redis.url) as load:
            for _ in range(3):
                await load.more(200)
                await asyncio.to_thread(own_redis.kill)
                await asyncio.to_thread(own_redis.start)
            await load.more(200)
        await assert_each_is_in_sql_once(own_redis.url, sqlite_url, load.settled)
        assert await writer.end(signal.SIGTERM) == 0
    assert b"Traceback" not in writer.log.read_bytes()


@pytest.fixture
def own_postgres() -> Iterator[Any]:
    with postgres_server() as server:
        yield server


async def test_a_postgres_restarted_under_load_loses_and_doubles_nothing(
    redis_url: str, own_postgres: Any, tmp_path: Path
) -> None:
    url = own_postgres.get_uri()
    async with writer_process(redis_url, url, tmp_path) as writer:
        async with Load(redis_url) as load:
            for mode in ("fast", "immediate"):
                await load.more(200)
                await asyncio.to_thread(stop_postgres, own_postgres, mode)
                await load.more(200)
                await asyncio.to_thread(own_postgres.ensure_postgres_running)
            await load.more(200)
        await assert_each_is_in_sql_once(redis_url, url, load.settled)
        assert await writer.end(signal.SIGTERM) == 0
    assert b"Traceback" not in writer.log.read_bytes()


async def test_sigterm_writes_what_is_there_and_ends_with_zero(
    redis_url: str, sqlite_url: str, tmp_path: Path
) -> None:
    record = Record.connect(sqlite_url)
    await record.migrate()
    async with writer_process(redis_url, sqlite_url, tmp_path) as writer:
        async with Load(redis_url) as load:
            await writes_more(record)
            await load.more(500)
        assert await writer.end(signal.SIGTERM) == 0
        assert await record.usage_count() == len(load.settled)
        await record.close()
        await assert_each_is_in_sql_once(redis_url, sqlite_url, load.settled)


def test_the_writer_explains_itself() -> None:
    command = (sys.executable, "-m", "ledger.writer", "--help")
    assert b"--lease-sweep-ms" in subprocess.check_output(command)
