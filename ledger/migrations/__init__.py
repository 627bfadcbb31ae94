"""Schema changes, forward only, by Alembic. Packaged, so that every installation has them.

`upgrade` needs no configuration file. Any number of processes may call it at once: the whole
upgrade is one transaction behind a lock, an advisory one in PostgreSQL, the write lock in SQLite,
so that the first one does the work and the others find it done.

A new migration: write versions/NNNN_what.py by hand, in the manner of the last one. A test compares
the migrated schema with ledger/schema.py.
"""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.errors import StoreUnavailable
from ledger.store.engine import make_engine, store_errors

if TYPE_CHECKING:  # Alembic is imported only where it runs: the data plane never needs it
    from alembic.config import Config

LOCK_ID = 0x636C6176_6973  # "clavis": the advisory lock's number in PostgreSQL
LOCK_TIMEOUT_MS = 60_000  # a migration of a large table takes long; give up after a minute
RETRY_MS = 50


async def upgrade(url: str, revision: str = "head") -> None:
    """Brings the database to this revision. Raises StoreUnavailable, StoreRefused or BadUrl."""
    engine = make_engine(url)
    try:
        with store_errors():
            if engine.dialect.name == "sqlite":
                path = str(engine.url.database)
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                await _use_wal(path)
            writing = engine.execution_options(writing=True)
            async with writing.begin() as connection:
                if engine.dialect.name == "postgresql":
                    await _lock(connection)
                await connection.run_sync(_run, revision)
    finally:
        await engine.dispose()


def configuration() -> "Config":
    """Alembic's configuration, made here instead of read from a file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config


def _run(connection: Connection, revision: str) -> None:
    from alembic import command

    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


async def _lock(connection: AsyncConnection) -> None:
    await connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"))
    await connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": LOCK_ID})


async def _use_wal(path: str) -> None:
    """The mode is kept in the file. SQLite does not wait for others here, so we do."""
    for _ in range(LOCK_TIMEOUT_MS // RETRY_MS):
        try:
            return await asyncio.to_thread(_set_wal, path)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise
            await asyncio.sleep(RETRY_MS / 1000)
    raise StoreUnavailable("the database file stays locked by somebody else")


def _set_wal(path: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


def head() -> str:
    """The newest revision."""
    from alembic.script import ScriptDirectory

    return str(ScriptDirectory.from_config(configuration()).get_current_head())
