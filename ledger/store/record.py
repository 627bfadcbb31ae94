"""The record in SQL: customers, keys, usage. One implementation for SQLite and PostgreSQL.

Strategy: SQLAlchemy Core, one statement per change wherever possible, so that two administrators at
once need no thought. A change of a key raises its version; Redis is told afterwards, and
`published_version` remembers that it was, so that a crash in between is repaired by the writer.

Rules:
- Usage rows are added once, by request id, and never changed.
- The secret of a key passes through here once, on its way to the person who asked for it.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, fields, replace
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, case, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ledger import migrations
from ledger.errors import NotFound
from ledger.keys import mint, new_id, shard_of
from ledger.model import (
    Customer,
    KeyFacts,
    KeyRow,
    KeySpec,
    Outcome,
    Revocation,
    UsageRecord,
    UsageSource,
)
from ledger.schema import customers, keys, revocations, usage
from ledger.store.engine import make_engine, store_errors

MAX_LISTED = 1000  # rows of one listing; more are asked for page by page

_LISTS = ("groups", "models", "endpoints", "networks")
_KEY_COLUMNS = [keys.c[field.name] for field in fields(KeyRow)]
_USAGE_COLUMNS = [usage.c[field.name] for field in fields(UsageRecord)]


class Record:
    """All methods raise StoreUnavailable when the database is away, and may then be repeated."""

    def __init__(self, url: str, engine: AsyncEngine) -> None:
        self._url = url
        self._engine = engine
        self._writing = engine.execution_options(writing=True)
        dialect = postgresql if engine.dialect.name == "postgresql" else sqlite
        self._add_usage = (
            dialect.insert(usage)
            .on_conflict_do_nothing(index_elements=[usage.c.request_id])
            .returning(usage.c.request_id)
        )

    @classmethod
    def connect(cls, url: str) -> "Record":
        """Connects at the first use. sqlite:///file or postgresql://… Raises BadUrl."""
        return cls(url, make_engine(url))

    async def migrate(self) -> None:
        """To the newest schema; safe when several processes do it together."""
        await migrations.upgrade(self._url)

    async def ping(self) -> None:
        async with self._read() as connection:
            await connection.execute(select(func.count()).select_from(customers))

    async def close(self) -> None:
        await self._engine.dispose()

    # -- customers

    async def create_customer(self, name: str, now_ms: int) -> Customer:
        """Raises Conflict when the name is taken."""
        customer_id = new_id("cus")
        customer = Customer(customer_id, name, shard_of(customer_id), now_ms)
        async with self._write() as connection:
            await connection.execute(insert(customers), asdict(customer))
        return customer

    async def customers(self) -> list[Customer]:
        statement = select(customers).order_by(customers.c.created_at_ms, customers.c.id)
        async with self._read() as connection:
            return [_customer(row) for row in await connection.execute(statement)]

    async def customer(self, id_or_name: str) -> Customer | None:
        matches = or_(customers.c.id == id_or_name, customers.c.name == id_or_name)
        async with self._read() as connection:
            row = (await connection.execute(select(customers).where(matches))).first()
        return _customer(row) if row else None

    # -- keys

    async def create_key(
        self, customer_id: str, spec: KeySpec, now_ms: int, prefix: str = "sk-"
    ) -> tuple[KeyRow, str]:
        """The row and the secret, which exists nowhere else. Raises NotFound for the customer."""
        customer = await self.customer(customer_id)
        if customer is None:
            raise NotFound(f"no customer {customer_id}")
        minted = mint(prefix, customer.shard)
        row = {
            "id": new_id("key"),
            "customer_id": customer.id,
            "hint": minted.hint,
            "shard": customer.shard,
            "key_hash": minted.key_hash,
            "disabled": False,
            "version": 1,
            "published_version": 0,
            "created_at_ms": now_ms,
            "updated_at_ms": now_ms,
            **{name: _stored(value) for name, value in asdict(spec).items()},
        }
        async with self._write() as connection:
            result = await connection.execute(insert(keys).returning(*_KEY_COLUMNS), row)
            return _key(result.one()), minted.secret

    async def keys(self, customer_id: str | None = None) -> list[KeyRow]:
        statement = select(*_KEY_COLUMNS).order_by(keys.c.created_at_ms, keys.c.id)
        if customer_id is not None:
            statement = statement.where(keys.c.customer_id == customer_id)
        async with self._read() as connection:
            return [_key(row) for row in await connection.execute(statement)]

    async def key(self, key_id: str) -> KeyRow:
        """Raises NotFound."""
        async with self._read() as connection:
            return await _one_key(connection, key_id)

    async def set_disabled(self, key_id: str, disabled: bool, now_ms: int) -> KeyRow:
        """Raises NotFound."""
        return await self._change(key_id, now_ms, disabled=disabled)

    async def rotate(
        self, key_id: str, now_ms: int, grace_ms: int = 0, prefix: str = "sk-"
    ) -> tuple[KeyRow, str]:
        """A new secret for the same key. The old one works for `grace_ms` more, one of a rotation
        before that no longer at all. Raises NotFound."""
        async with self._write() as connection:
            old = await _one_key(connection, key_id, lock=True)
            minted = mint(prefix, old.shard)
            keep = grace_ms > 0
            retired = [old.previous_hash] if keep else [old.previous_hash, old.key_hash]
            for key_hash in retired:
                if key_hash is not None:
                    values = Revocation(old.shard, key_hash, old.version + 1)
                    await connection.execute(insert(revocations), asdict(values))
            values_now = {
                "key_hash": minted.key_hash,
                "hint": minted.hint,
                "previous_hash": old.key_hash if keep else None,
                "previous_until_ms": now_ms + grace_ms if keep else None,
            }
            return await _change_key(connection, key_id, now_ms, values_now), minted.secret

    async def facts_by_hash(self, key_hash: str) -> tuple[str, KeyFacts] | None:
        """Shard and facts of the key with this hash, the one before a rotation included."""
        matches = or_(keys.c.key_hash == key_hash, keys.c.previous_hash == key_hash)
        async with self._read() as connection:
            row = (await connection.execute(select(*_KEY_COLUMNS).where(matches))).first()
        if row is None:
            return None
        key = _key(row)
        return next((key.shard, facts) for hashed, facts in facts_of(key) if hashed == key_hash)

    async def all_facts(self) -> list[tuple[str, str, KeyFacts]]:
        """Shard, hash and facts of every key: what Redis must know."""
        return [
            (key.shard, key_hash, facts)
            for key in await self.keys()
            for key_hash, facts in facts_of(key)
        ]

    # -- what Redis has not been told yet

    async def unpublished(self) -> tuple[list[KeyRow], list[Revocation]]:
        statement = select(*_KEY_COLUMNS).where(keys.c.published_version < keys.c.version)
        async with self._read() as connection:
            changed = [_key(row) for row in await connection.execute(statement)]
            gone = await connection.execute(select(revocations))
            return changed, [Revocation(row.shard, row.key_hash, row.version) for row in gone]

    async def published(self, key: KeyRow) -> None:
        """Redis has this version of the key."""
        statement = (
            update(keys)
            .where(keys.c.id == key.id, keys.c.published_version < key.version)
            .values(published_version=key.version)
        )
        async with self._write() as connection:
            await connection.execute(statement)

    async def revoked(self, revocation: Revocation) -> None:
        """Redis knows that this hash is worthless."""
        statement = delete(revocations).where(revocations.c.key_hash == revocation.key_hash)
        async with self._write() as connection:
            await connection.execute(statement)

    # -- usage

    async def add_usage(self, records: Sequence[UsageRecord]) -> int:
        """All or nothing; how many were new. Records that are there already are left alone."""
        if not records:
            return 0
        rows = [_usage_row(record) for record in records]
        async with self._write() as connection:
            return len((await connection.execute(self._add_usage, rows)).all())

    async def usage(self, request_id: str, key_id: str) -> UsageRecord | None:
        """The record of this request if this key made it."""
        found = and_(usage.c.request_id == request_id, usage.c.key_id == key_id)
        async with self._read() as connection:
            row = (await connection.execute(select(*_USAGE_COLUMNS).where(found))).first()
        return _usage(row) if row else None

    async def usage_of_key(
        self,
        key_id: str,
        from_ms: int,
        to_ms: int,
        limit: int = 100,
        before: tuple[int, str] | None = None,
    ) -> list[UsageRecord]:
        """Newest first, started in [from_ms, to_ms). `before` is (started_at_ms, request_id) of the
        last one of the page before."""
        where: list[ColumnElement[bool]] = [
            usage.c.key_id == key_id,
            usage.c.started_at_ms >= from_ms,
            usage.c.started_at_ms < to_ms,
        ]
        if before is not None:
            at_ms, request_id = before
            same_time = and_(usage.c.started_at_ms == at_ms, usage.c.request_id < request_id)
            where.append(or_(usage.c.started_at_ms < at_ms, same_time))
        statement = (
            select(*_USAGE_COLUMNS)
            .where(*where)
            .order_by(usage.c.started_at_ms.desc(), usage.c.request_id.desc())
            .limit(min(limit, MAX_LISTED))
        )
        async with self._read() as connection:
            return [_usage(row) for row in await connection.execute(statement)]

    async def usage_count(self) -> int:
        async with self._read() as connection:
            result = await connection.execute(select(func.count()).select_from(usage))
            return int(result.scalar_one())

    # -- inside

    async def _change(self, key_id: str, now_ms: int, **values: object) -> KeyRow:
        async with self._write() as connection:
            return await _change_key(connection, key_id, now_ms, values)

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[AsyncConnection]:
        with store_errors():
            async with self._engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[AsyncConnection]:
        with store_errors():
            async with self._writing.begin() as connection:
                yield connection


def facts_of(key: KeyRow) -> list[tuple[str, KeyFacts]]:
    """Hash and facts, of the current secret and of one that a rotation left valid for a while."""
    facts = KeyFacts(
        key_id=key.id,
        customer_id=key.customer_id,
        name=key.name,
        groups=key.groups,
        models=key.models,
        endpoints=key.endpoints,
        networks=key.networks,
        expires_at_ms=key.expires_at_ms,
        disabled=key.disabled,
        version=key.version,
        strict=key.strict,
    )
    found = [(key.key_hash, facts)]
    if key.previous_hash is not None and key.previous_until_ms is not None:
        ends = [end for end in (key.expires_at_ms, key.previous_until_ms) if end is not None]
        found.append((key.previous_hash, replace(facts, expires_at_ms=min(ends))))
    return found


async def _one_key(connection: AsyncConnection, key_id: str, lock: bool = False) -> KeyRow:
    statement = select(*_KEY_COLUMNS).where(keys.c.id == key_id)
    if lock:
        statement = statement.with_for_update()  # SQLite has no such clause: BEGIN IMMEDIATE locks
    row = (await connection.execute(statement)).first()
    if row is None:
        raise NotFound(f"no key {key_id}")
    return _key(row)


async def _change_key(
    connection: AsyncConnection, key_id: str, now_ms: int, values: dict[str, Any]
) -> KeyRow:
    statement = (
        update(keys)
        .where(keys.c.id == key_id)
        .values(
            version=keys.c.version + 1,
            # Clocks differ between machines; the time of the last change never runs backwards.
            updated_at_ms=case((keys.c.updated_at_ms > now_ms, keys.c.updated_at_ms), else_=now_ms),
            **values,
        )
        .returning(*_KEY_COLUMNS)
    )
    row = (await connection.execute(statement)).first()
    if row is None:
        raise NotFound(f"no key {key_id}")
    return _key(row)


def _stored(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _customer(row: Row[Any]) -> Customer:
    return Customer(**row._mapping)


def _key(row: Row[Any]) -> KeyRow:
    values = dict(row._mapping)
    return KeyRow(**(values | {name: tuple(values[name]) for name in _LISTS}))


def _usage_row(record: UsageRecord) -> dict[str, Any]:
    row = {column.name: getattr(record, column.name) for column in _USAGE_COLUMNS}
    row["outcome"] = record.outcome.value
    row["usage_source"] = record.usage_source.value
    row["losses"] = list(record.losses)
    return row


def _usage(row: Row[Any]) -> UsageRecord:
    values = dict(row._mapping)
    values["outcome"] = Outcome(values["outcome"])
    values["usage_source"] = UsageSource(values["usage_source"])
    values["losses"] = tuple(values["losses"])
    return UsageRecord(**values)
