"""Entries in SQL: added once, told to Redis afterwards, summed into balances.

`published` says that Redis is known to have an entry. Charges and the entries of plans came from
there and are born published; all others wait for the ledger, or the writer's sweep, to tell it.
"""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, false, func, or_, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.entries import Balance, Entry, EntryKind, EntrySpec
from ledger.errors import Conflict, NotFound
from ledger.keys import new_id
from ledger.model import Pot, UsageRecord
from ledger.schema import booked, customers, entries
from ledger.store.customers import Customers
from ledger.store.sql import MAX_LISTED

REVERSAL = "not applied: the balance did not suffice"
WRITER = "clavis"  # the actor of what nobody did by hand

ENTRY_COLUMNS = [entries.c[field.name] for field in fields(Entry)]


class Entries(Customers):
    """All that is kept of money going in and out."""

    async def add_entry(self, customer_id: str, spec: EntrySpec, now_ms: int) -> tuple[Entry, bool]:
        """The entry, and whether it is new: a reference that was used for the very same is the
        entry of then. Raises Conflict when it was used for something else, NotFound."""
        entry = entry_of(customer_id, spec, now_ms)
        statement = (
            self.adding(entries)
            .on_conflict_do_nothing(index_elements=[entries.c.reference])
            .returning(entries.c.id)
        )
        async with self.writing() as connection:
            known = select(customers.c.id).where(customers.c.id == customer_id)
            if (await connection.execute(known)).first() is None:
                raise NotFound(f"no customer {customer_id}")
            row = entry_row(entry, published=False)
            if (await connection.execute(statement, row)).first() is not None:
                return entry, True
            return await _same(connection, entry), False

    async def entry(self, entry_id: str) -> Entry:
        """Raises NotFound."""
        statement = select(*ENTRY_COLUMNS).where(entries.c.id == entry_id)
        async with self.reading() as connection:
            row = (await connection.execute(statement)).first()
        if row is None:
            raise NotFound(f"no entry {entry_id}")
        return read_entry(row)

    async def entry_by_reference(self, reference: str) -> Entry | None:
        statement = select(*ENTRY_COLUMNS).where(entries.c.reference == reference)
        async with self.reading() as connection:
            row = (await connection.execute(statement)).first()
        return read_entry(row) if row else None

    async def entries(
        self,
        customer_id: str,
        limit: int = 100,
        before: tuple[int, str] | None = None,
        *,
        pot: Pot | None = None,
        kinds: Sequence[EntryKind] = (),
    ) -> list[Entry]:
        """Newest first. `before` is (created_at_ms, id) of the last one of the page before; no
        kinds are all kinds."""
        where: list[ColumnElement[bool]] = [entries.c.customer_id == customer_id]
        if pot is not None:
            where.append(entries.c.pot == pot.value)
        if kinds:
            where.append(entries.c.kind.in_([kind.value for kind in kinds]))
            if EntryKind.CHARGE not in kinds:
                where.append(booked)  # has an index: charges are many
        return await self._page(where, limit, before)

    async def bookings(
        self, limit: int = 100, before: tuple[int, str] | None = None, since_ms: int = 0
    ) -> list[Entry]:
        """Everything but charges, of all customers, newest first."""
        where: list[ColumnElement[bool]] = [booked, entries.c.created_at_ms >= since_ms]
        return await self._page(where, limit, before)

    async def balance(self, customer_id: str) -> Balance:
        """What the entries say; zero for whoever has none."""
        found = await self._balances(entries.c.customer_id == customer_id)
        return found.get(customer_id, Balance())

    async def balances(self) -> dict[str, Balance]:
        """Of every customer who has entries, in one query."""
        return await self._balances()

    async def published_balance(self, customer_id: str) -> Balance:
        """Only what Redis is known to have: what its account is made of when it has none."""
        found = await self._balances(entries.c.customer_id == customer_id, published=True)
        return found.get(customer_id, Balance())

    async def _balances(
        self, *where: ColumnElement[bool], published: bool = False
    ) -> dict[str, Balance]:
        async with self.reading() as connection:
            return await balances_in(connection, *where, published=published)

    async def _page(
        self, where: list[ColumnElement[bool]], limit: int, before: tuple[int, str] | None
    ) -> list[Entry]:
        if before is not None:
            at_ms, entry_id = before
            same_time = and_(entries.c.created_at_ms == at_ms, entries.c.id < entry_id)
            where = [*where, or_(entries.c.created_at_ms < at_ms, same_time)]
        statement = (
            select(*ENTRY_COLUMNS)
            .where(*where)
            .order_by(entries.c.created_at_ms.desc(), entries.c.id.desc())
            .limit(min(limit, MAX_LISTED))
        )
        async with self.reading() as connection:
            return [read_entry(row) for row in await connection.execute(statement)]

    # -- what Redis has not been told yet

    async def unpublished_entries(self, limit: int = MAX_LISTED) -> list[Entry]:
        """In the order of their making."""
        statement = (
            select(*ENTRY_COLUMNS)
            .where(entries.c.published.is_(false()))
            .order_by(entries.c.created_at_ms, entries.c.id)
            .limit(limit)
        )
        async with self.reading() as connection:
            return [read_entry(row) for row in await connection.execute(statement)]

    async def entry_published(self, entry_id: str) -> None:
        """Redis has it."""
        async with self.writing() as connection:
            await connection.execute(_told(entry_id))

    async def reverse_entry(self, entry: Entry, now_ms: int) -> Entry:
        """Redis refused it and will never have it: another entry takes it back, once."""
        reversal = Entry(
            id=f"{entry.id}:reversal",
            customer_id=entry.customer_id,
            pot=entry.pot,
            kind=EntryKind.ADJUSTMENT,
            amount_micro=-entry.amount_micro,
            request_id=None,
            reference=None,
            actor=WRITER,
            reason=REVERSAL,
            created_at_ms=max(now_ms, entry.created_at_ms),
        )
        async with self.writing() as connection:
            await add_entries(self, connection, [reversal])
            await connection.execute(_told(entry.id))
        return reversal


async def balances_in(
    connection: AsyncConnection, *where: ColumnElement[bool], published: bool = False
) -> dict[str, Balance]:
    """Sums by customer, in one statement. What is not published is rare: it is taken off again,
    as the sums come from an index that does not know of it."""
    columns = (entries.c.customer_id, entries.c.pot)
    total = select(*columns, func.sum(entries.c.amount_micro)).where(*where).group_by(*columns)
    untold = (
        select(*columns, -func.sum(entries.c.amount_micro))
        .where(*where, entries.c.published.is_(false()))
        .group_by(*columns)
    )
    sums: dict[str, dict[str, int]] = {}
    for customer_id, pot, part in await connection.execute(
        union_all(total, untold) if published else total
    ):
        pots = sums.setdefault(customer_id, {})
        pots[pot] = pots.get(pot, 0) + int(part)
    return {
        customer_id: Balance(pots.get(Pot.CREDIT, 0), pots.get(Pot.ALLOWANCE, 0))
        for customer_id, pots in sums.items()
    }


def entry_of(customer_id: str, spec: EntrySpec, now_ms: int) -> Entry:
    """A new entry with an id of its own."""
    return Entry(
        id=new_id("ent"),
        customer_id=customer_id,
        pot=spec.pot,
        kind=spec.kind,
        amount_micro=spec.amount_micro,
        request_id=None,
        reference=spec.reference,
        actor=spec.actor,
        reason=spec.reason,
        created_at_ms=now_ms,
    )


def charge_rows(record: UsageRecord, at_ms: int) -> list[dict[str, Any]]:
    """The entries that a settled request makes: none, one, or one of each pot."""
    parts = (
        (Pot.CREDIT, record.charged_credit_micro),
        (Pot.ALLOWANCE, record.charged_allowance_micro),
    )
    return [
        {
            "id": f"charge:{pot.value}:{record.request_id}",
            "customer_id": record.customer_id,
            "pot": pot.value,
            "kind": "charge",
            "amount_micro": -charged,
            "request_id": record.request_id,
            "reference": None,
            "actor": WRITER,
            "reason": "",
            "created_at_ms": at_ms,
            "published": True,
        }
        for pot, charged in parts
        if charged
    ]


async def add_entries(sql: Customers, connection: AsyncConnection, some: Sequence[Entry]) -> None:
    """As published, within a transaction; those that are there already are left alone."""
    statement = sql.adding(entries).on_conflict_do_nothing(index_elements=[entries.c.id])
    if some:
        await connection.execute(statement, [entry_row(entry, published=True) for entry in some])


def entry_row(entry: Entry, *, published: bool) -> dict[str, Any]:
    row: dict[str, Any] = {column.name: getattr(entry, column.name) for column in ENTRY_COLUMNS}
    row["pot"] = entry.pot.value
    row["kind"] = entry.kind.value
    row["published"] = published
    return row


def read_entry(row: Row[Any]) -> Entry:
    values = dict(row._mapping)
    return Entry(**(values | {"pot": Pot(row.pot), "kind": EntryKind(row.kind)}))


def _told(entry_id: str) -> Any:
    return (
        update(entries)
        .where(entries.c.id == entry_id, entries.c.published.is_(false()))
        .values(published=True)
    )


async def _same(connection: AsyncConnection, wanted: Entry) -> Entry:
    statement = select(*ENTRY_COLUMNS).where(entries.c.reference == wanted.reference)
    found = read_entry((await connection.execute(statement)).one())
    mine = (wanted.customer_id, wanted.pot, wanted.kind, wanted.amount_micro)
    if (found.customer_id, found.pot, found.kind, found.amount_micro) != mine:
        raise Conflict("this reference was used for another entry")
    return found
