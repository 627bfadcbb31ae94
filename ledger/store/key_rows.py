"""Keys in SQL. A change of a key raises its version; Redis is told afterwards, and
`published_version` remembers that it was, so that a crash in between is repaired by the writer.

The secret of a key passes through here once, on its way to the person who asked for it.
"""

from dataclasses import asdict, fields, replace
from typing import Any

from sqlalchemy import Row, case, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.errors import NotFound
from ledger.keys import mint, new_id
from ledger.model import Ceilings, Customer, KeyFacts, KeyRow, KeySpec, Limit, Revocation
from ledger.schema import customers, keys, revocations
from ledger.store.customers import (
    CUSTOMER_COLUMNS,
    Customers,
    read_ceilings,
    read_customer,
    stored_ceilings,
)

_LISTS = ("groups", "models", "endpoints", "networks")
_KEY_COLUMNS = [keys.c[field.name] for field in fields(KeyRow)]


class Keys(Customers):
    """All that is kept of keys."""

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
            "limits": stored_ceilings(spec.limits),
        }
        async with self.writing() as connection:
            result = await connection.execute(insert(keys).returning(*_KEY_COLUMNS), row)
            return _key(result.one()), minted.secret

    async def keys(self, customer_id: str | None = None) -> list[KeyRow]:
        statement = select(*_KEY_COLUMNS).order_by(keys.c.created_at_ms, keys.c.id)
        if customer_id is not None:
            statement = statement.where(keys.c.customer_id == customer_id)
        async with self.reading() as connection:
            return [_key(row) for row in await connection.execute(statement)]

    async def key(self, key_id: str) -> KeyRow:
        """Raises NotFound."""
        async with self.reading() as connection:
            return await _one_key(connection, key_id)

    async def set_disabled(self, key_id: str, disabled: bool, now_ms: int) -> KeyRow:
        """Raises NotFound."""
        return await self._change(key_id, now_ms, disabled=disabled)

    async def set_key_strict(self, key_id: str, strict: bool, now_ms: int) -> KeyRow:
        """Raises NotFound."""
        return await self._change(key_id, now_ms, strict=strict)

    async def set_key_limits(self, key_id: str, limits: Ceilings, now_ms: int) -> KeyRow:
        """In place of those that there were. Raises NotFound, ValueError."""
        return await self._change(key_id, now_ms, limits=stored_ceilings(limits))

    async def set_customer_limits(
        self, customer_id: str, limits: Ceilings, now_ms: int
    ) -> Customer:
        """In place of those that there were. All keys of the customer carry them, so all of them
        change. Raises NotFound, ValueError."""
        statement = (
            update(customers)
            .where(customers.c.id == customer_id)
            .values(limits=stored_ceilings(limits))
            .returning(*CUSTOMER_COLUMNS)
        )
        async with self.writing() as connection:
            row = (await connection.execute(statement)).first()
            if row is None:
                raise NotFound(f"no customer {customer_id}")
            await connection.execute(_changed(now_ms, {}).where(keys.c.customer_id == customer_id))
        return read_customer(row)

    async def rotate(
        self, key_id: str, now_ms: int, grace_ms: int = 0, prefix: str = "sk-"
    ) -> tuple[KeyRow, str]:
        """A new secret for the same key. The old one works for `grace_ms` more, one of a rotation
        before that no longer at all. Raises NotFound."""
        async with self.writing() as connection:
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
        async with self.reading() as connection:
            row = (await connection.execute(select(*_KEY_COLUMNS).where(matches))).first()
        if row is None:
            return None
        key = _key(row)
        limits = await self.customer_limits(key.customer_id)
        facts = dict(facts_of(key, limits))
        return key.shard, facts[key_hash]

    async def all_facts(self) -> list[tuple[str, str, KeyFacts]]:
        """Shard, hash and facts of every key: what Redis must know."""
        limits = {customer.id: customer.limits for customer in await self.customers()}
        return [
            (key.shard, key_hash, facts)
            for key in await self.keys()
            for key_hash, facts in facts_of(key, limits.get(key.customer_id, ()))
        ]

    # -- what Redis has not been told yet

    async def unpublished(self) -> tuple[list[KeyRow], list[Revocation]]:
        statement = select(*_KEY_COLUMNS).where(keys.c.published_version < keys.c.version)
        async with self.reading() as connection:
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
        async with self.writing() as connection:
            await connection.execute(statement)

    async def revoked(self, revocation: Revocation) -> None:
        """Redis knows that this hash is worthless."""
        statement = delete(revocations).where(revocations.c.key_hash == revocation.key_hash)
        async with self.writing() as connection:
            await connection.execute(statement)

    # -- inside

    async def _change(self, key_id: str, now_ms: int, **values: object) -> KeyRow:
        async with self.writing() as connection:
            return await _change_key(connection, key_id, now_ms, values)


def facts_of(key: KeyRow, customers_limits: Ceilings = ()) -> list[tuple[str, KeyFacts]]:
    """Hash and facts, of the current secret and of one that a rotation left valid for a while."""
    limits = [Limit(f"key:{key.id}", kind, most) for kind, most in key.limits]
    limits += [Limit(f"customer:{key.customer_id}", kind, most) for kind, most in customers_limits]
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
        limits=tuple(limits),
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
    statement = _changed(now_ms, values).where(keys.c.id == key_id).returning(*_KEY_COLUMNS)
    row = (await connection.execute(statement)).first()
    if row is None:
        raise NotFound(f"no key {key_id}")
    return _key(row)


def _changed(now_ms: int, values: dict[str, Any]) -> Any:
    """An UPDATE that raises the version."""
    return update(keys).values(
        version=keys.c.version + 1,
        # Clocks differ between machines; the time of the last change never runs backwards.
        updated_at_ms=case((keys.c.updated_at_ms > now_ms, keys.c.updated_at_ms), else_=now_ms),
        **values,
    )


def _stored(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _key(row: Row[Any]) -> KeyRow:
    values = dict(row._mapping)
    values["limits"] = read_ceilings(values["limits"])
    return KeyRow(**(values | {name: tuple(values[name]) for name in _LISTS}))
