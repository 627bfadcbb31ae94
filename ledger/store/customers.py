"""Customers in SQL, and what Redis must know of their accounts."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, Row, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.entries import AccountFacts
from ledger.errors import NotFound
from ledger.keys import new_id, shard_of
from ledger.model import AccountMode, Ceilings, Customer, LimitKind
from ledger.schema import customers
from ledger.store.sql import Sql

MAX_MOST = 10**15  # of a limit: a thousand million dollars, where it is money

CUSTOMER_COLUMNS = [customers.c[field.name] for field in fields(Customer)]
_FACTS = (customers.c.id, customers.c.shard, customers.c.mode, customers.c.version)


class Customers(Sql):
    """All that is kept of customers."""

    async def create_customer(
        self,
        name: str,
        now_ms: int,
        mode: AccountMode = AccountMode.OPEN,
        limits: Ceilings = (),
    ) -> Customer:
        """Raises Conflict when the name is taken, ValueError."""
        customer_id = new_id("cus")
        row = {
            "id": customer_id,
            "name": name,
            "shard": shard_of(customer_id),
            "created_at_ms": now_ms,
            "mode": mode.value,
            "version": 1,
            "published_version": 1,
            "limits": stored_ceilings(limits),
        }
        statement = insert(customers).values(row).returning(*CUSTOMER_COLUMNS)
        async with self.writing() as connection:
            return read_customer((await connection.execute(statement)).one())

    async def customers(self) -> list[Customer]:
        statement = select(*CUSTOMER_COLUMNS).order_by(customers.c.created_at_ms, customers.c.id)
        async with self.reading() as connection:
            return [read_customer(row) for row in await connection.execute(statement)]

    async def customer(self, id_or_name: str) -> Customer | None:
        matches = or_(customers.c.id == id_or_name, customers.c.name == id_or_name)
        async with self.reading() as connection:
            row = (await connection.execute(select(*CUSTOMER_COLUMNS).where(matches))).first()
        return read_customer(row) if row else None

    async def set_mode(self, customer_id: str, mode: AccountMode) -> Customer:
        """Redis is told afterwards. Raises NotFound."""
        statement = (
            update(customers)
            .where(customers.c.id == customer_id)
            .values(mode=mode.value, version=customers.c.version + 1)
            .returning(*CUSTOMER_COLUMNS)
        )
        async with self.writing() as connection:
            row = (await connection.execute(statement)).first()
        if row is None:
            raise NotFound(f"no customer {customer_id}")
        return read_customer(row)

    async def customer_limits(self, customer_id: str) -> Ceilings:
        statement = select(customers.c.limits).where(customers.c.id == customer_id)
        async with self.reading() as connection:
            return read_ceilings((await connection.execute(statement)).scalar() or {})

    # -- what Redis must know

    async def account_facts(self, customer_id: str) -> AccountFacts | None:
        found = await self._account_facts(customers.c.id == customer_id)
        return found[0] if found else None

    async def customers_of_shard(self, shard: str) -> list[AccountFacts]:
        return await self._account_facts(customers.c.shard == shard)

    async def all_account_facts(self) -> list[AccountFacts]:
        return await self._account_facts()

    async def unpublished_accounts(self) -> list[AccountFacts]:
        return await self._account_facts(customers.c.published_version < customers.c.version)

    async def account_published(self, facts: AccountFacts) -> None:
        """Redis has this version of the customer's account."""
        statement = (
            update(customers)
            .where(customers.c.id == facts.customer_id)
            .where(customers.c.published_version < facts.version)
            .values(published_version=facts.version)
        )
        async with self.writing() as connection:
            await connection.execute(statement)

    async def loaded_at_ms(self, customer_id: str) -> int:
        """When Redis's account was last made of the entries; 0: it never was."""
        statement = select(customers.c.loaded_at_ms).where(customers.c.id == customer_id)
        async with self.reading() as connection:
            return int((await connection.execute(statement)).scalar() or 0)

    async def set_loaded(self, customer_ids: Sequence[str], now_ms: int) -> None:
        """To be said before the entries are read."""
        statement = (
            update(customers)
            .where(customers.c.id.in_(customer_ids), customers.c.loaded_at_ms < now_ms)
            .values(loaded_at_ms=now_ms)
        )
        async with self.writing() as connection:
            await connection.execute(statement)

    async def _account_facts(self, *where: ColumnElement[bool]) -> list[AccountFacts]:
        statement = select(*_FACTS).where(*where).order_by(customers.c.id)
        async with self.reading() as connection:
            rows = (await connection.execute(statement)).all()
        return [AccountFacts(row.id, row.shard, AccountMode(row.mode), row.version) for row in rows]


async def locked_customer(connection: AsyncConnection, customer_id: str) -> None:
    """Changes of one customer's money plan wait for each other. Raises NotFound."""
    statement = select(customers.c.id).where(customers.c.id == customer_id).with_for_update()
    if (await connection.execute(statement)).first() is None:
        raise NotFound(f"no customer {customer_id}")


def read_customer(row: Row[Any]) -> Customer:
    values = dict(row._mapping)
    values["mode"] = AccountMode(values["mode"])
    values["limits"] = read_ceilings(values["limits"])
    return Customer(**values)


def stored_ceilings(limits: Ceilings) -> dict[str, int]:
    """Of two of one kind the stricter one. Raises ValueError."""
    stored: dict[str, int] = {}
    for kind, most in limits:
        if not 0 <= most <= MAX_MOST:
            raise ValueError(f"a limit is 0 to {MAX_MOST}")
        stored[kind.value] = min(most, stored.get(kind.value, most))
    return stored


def read_ceilings(stored: dict[str, int]) -> Ceilings:
    """In the order of LimitKind; a kind that a newer version knows is not ours to enforce."""
    return tuple((kind, stored[kind.value]) for kind in LimitKind if kind.value in stored)
