"""One engine per database, with the care each of the two needs, and their errors as ours.

SQLite: write-ahead log (set by the migration, kept in the file), every commit synced, writers
wait for each other instead of failing, and a transaction that will write says so at its
beginning, since a reader that turns writer half-way can only fail. PostgreSQL: connections are
tried before use, so that a restart of the server costs nobody an error.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from sqlalchemy import Connection, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ledger.errors import BadRecord, BadUrl, Conflict, LedgerError, StoreRefused, StoreUnavailable

BUSY_TIMEOUT_MS = 10_000  # how long a SQLite writer waits for another; commits take milliseconds
CONNECT_TIMEOUT_S = 5.0
STATEMENT_TIMEOUT_S = 30.0  # the longest listing, not a page view

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
}
# SQLSTATE classes that say "not now": connection, resources, operator intervention, system, lock.
_ABSENT_STATES = ("08", "53", "57", "58", "55P03", "40")
_REFUSED_BY_SQLITE = frozenset(("SQLITE_ERROR", "SQLITE_SCHEMA", "SQLITE_NOTADB"))


def normal_url(url: str) -> str:
    """The URL with the asynchronous driver named. Raises BadUrl, never repeating the URL."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise BadUrl("not a database URL") from None
    backend = parsed.drivername.partition("+")[0]
    if backend not in _DRIVERS:
        raise BadUrl("a database URL begins with sqlite:/// or postgresql://")
    if backend == "sqlite" and not parsed.database:
        raise BadUrl("a sqlite:/// URL names a file; memory would forget the record")
    return parsed.set(drivername=_DRIVERS[backend]).render_as_string(hide_password=False)


def make_engine(url: str) -> AsyncEngine:
    """Connects at the first use. Transactions that write need execution option `writing`."""
    url = normal_url(url)
    if url.startswith("sqlite"):
        engine = create_async_engine(
            url,
            json_serializer=_json,
            json_deserializer=orjson.loads,
            connect_args={"isolation_level": None, "timeout": BUSY_TIMEOUT_MS / 1000},
        )
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        return engine
    return create_async_engine(
        url,
        json_serializer=_json,
        json_deserializer=orjson.loads,
        pool_pre_ping=True,
        connect_args={"timeout": CONNECT_TIMEOUT_S, "command_timeout": STATEMENT_TIMEOUT_S},
    )


@contextmanager
def store_errors() -> Iterator[None]:
    """Turns what drivers raise into the ledger's errors. Statements and values stay out of them."""
    try:
        yield
    except IntegrityError as error:
        raise Conflict(f"there already, or refers to nothing ({_code(error)})") from None
    except DataError as error:
        raise BadRecord(f"the database cannot hold this value ({_code(error)})") from None
    except DBAPIError as error:
        raise _translated(error) from None
    except (OSError, PoolTimeout, sqlite3.OperationalError) as error:
        raise StoreUnavailable(f"no connection to the database ({type(error).__name__})") from None
    except sqlite3.DatabaseError as error:
        raise StoreRefused(f"not a database of ours ({error.sqlite_errorname})") from None


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _translated(error: DBAPIError) -> LedgerError:
    code = _code(error)
    if code.startswith("22"):  # data exceptions that the driver did not class as such
        return BadRecord(f"the database cannot hold this value ({code})")
    absent = code.startswith(_ABSENT_STATES) or error.connection_invalidated
    if isinstance(error, OperationalError | InterfaceError) and code not in _REFUSED_BY_SQLITE:
        absent = True
    if absent:
        return StoreUnavailable(f"the database is not available ({code})")
    return StoreRefused(f"the database refused a statement ({code}); are migrations applied?")


def _code(error: DBAPIError) -> str:
    """SQLSTATE of PostgreSQL, the error's name of SQLite: safe to show."""
    origin = error.orig
    for name in ("sqlstate", "sqlite_errorname"):
        code = getattr(origin, name, None)
        if isinstance(code, str):
            return code
    return type(origin).__name__


def _prepare_sqlite(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA synchronous = FULL")  # an acknowledged record survives a power cut
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
