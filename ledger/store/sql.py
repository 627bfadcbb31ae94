"""What every noun of the record stands on: one engine, reading and writing transactions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

from sqlalchemy import Table, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger import migrations
from ledger.schema import customers
from ledger.store.engine import make_engine, store_errors

MAX_LISTED = 1000  # rows of one listing; more are asked for page by page


class Sql:
    """All methods raise StoreUnavailable when the database is away, and may then be repeated."""

    def __init__(self, url: str, engine: AsyncEngine) -> None:
        self._url = url
        self._engine = engine
        self._writing = engine.execution_options(writing=True)
        self._dialect: Any = postgresql if engine.dialect.name == "postgresql" else sqlite

    @classmethod
    def connect(cls, url: str) -> Self:
        """Connects at the first use. sqlite:///file or postgresql://… Raises BadUrl."""
        return cls(url, make_engine(url))

    async def migrate(self) -> None:
        """To the newest schema; safe when several processes do it together."""
        await migrations.upgrade(self._url)

    async def ping(self) -> None:
        async with self.reading() as connection:
            await connection.execute(select(func.count()).select_from(customers))

    async def close(self) -> None:
        await self._engine.dispose()

    def adding(self, table: Table) -> Any:
        """An INSERT of this dialect, which knows ON CONFLICT."""
        return self._dialect.insert(table)

    @property
    def is_postgres(self) -> bool:
        return self._dialect is postgresql

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        with store_errors():
            async with self._engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        with store_errors():
            async with self._writing.begin() as connection:
                yield connection
