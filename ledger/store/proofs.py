"""What SQL has to say to an auditor, each answer from one snapshot of the database."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, case, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.entries import Balance, EntryKind
from ledger.model import Pot
from ledger.plans import NO_RANK, Plan, Rank, rank_of_last_turn
from ledger.schema import entries, plans, usage, usage_days
from ledger.store.engine import store_errors
from ledger.store.entries import Entries, balances_in
from ledger.store.plans import PLAN_COLUMNS, read_plan

ASKED = 500  # request ids in one question


@dataclass(frozen=True, slots=True)
class Charged:
    """What one settlement took, and which it was."""

    customer_id: str
    settlement: str | None
    credit_micro: int
    allowance_micro: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """Sums of published entries of some customers; charges settled since some time, which are in
    the sums; by request id, which settlements are known; until when allowances are valid."""

    balances: dict[str, Balance]
    late: list[Charged]
    known: dict[str, str | None]
    until_ms: dict[str, int]
    turning: frozenset[str]  # customers whose plan has something to do right now
    turned: dict[str, Rank]  # the last turn of plans that run


@dataclass(frozen=True, slots=True)
class Ledgered:
    """One customer's sums over all time, from three places that must agree."""

    requests: int = 0
    cost_micro: int = 0
    charged_credit_micro: int = 0  # of the rows of usage
    charged_allowance_micro: int = 0
    uncollected_micro: int = 0
    unpriced_rows: int = 0  # rows whose three parts are neither nothing nor the cost
    entries_credit_micro: int = 0  # of the entries of charges, as they are: below zero
    entries_allowance_micro: int = 0
    summed_requests: int = 0  # of the sums by day, with what is not in them yet
    summed_cost_micro: int = 0
    summed_charged_micro: int = 0  # credit, allowance and uncollected together


class Proofs(Entries):
    """Questions of an auditor."""

    async def evidence(
        self,
        customer_ids: Sequence[str],
        since_ms: int,
        request_ids: Sequence[str],
        now_ms: int,
    ) -> Evidence:
        async with self._snapshot() as connection:
            theirs = entries.c.customer_id.in_(customer_ids)
            balances = await balances_in(connection, theirs, published=True)
            late = await _late(connection, customer_ids, since_ms)
            known: dict[str, str | None] = {}
            for start in range(0, len(request_ids), ASKED):
                some = request_ids[start : start + ASKED]
                found = select(usage.c.request_id, usage.c.stream_id)
                rows = await connection.execute(found.where(usage.c.request_id.in_(some)))
                known |= {row.request_id: row.stream_id for row in rows}
            running = await _running_plans(connection, customer_ids)
        return Evidence(balances, late, known, *_validity(running, now_ms))

    async def ledgered(self) -> dict[str, Ledgered]:
        """Of every customer with usage or charges. Reads every row: an audit takes its time."""
        async with self._snapshot() as connection:
            found: dict[str, dict[str, int]] = {}
            for statement in (_usage(), _charges(), _days(), _unsummed()):
                for row in await connection.execute(statement):
                    sums = found.setdefault(row.customer_id, {})
                    for name, value in row._mapping.items():
                        if name != "customer_id":
                            sums[name] = sums.get(name, 0) + int(value or 0)
        return {customer_id: Ledgered(**sums) for customer_id, sums in found.items()}

    async def uncounted_entries(self) -> int:
        """Entries that Redis was not told yet."""
        statement = select(func.count()).where(entries.c.published.is_(false()))
        async with self.reading() as connection:
            return int((await connection.execute(statement)).scalar_one())

    @asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[AsyncConnection]:
        """Every statement sees the same. SQLite's transactions always do."""
        with store_errors():
            async with self._engine.connect() as connection:
                if self.is_postgres:
                    await connection.execution_options(isolation_level="REPEATABLE READ")
                yield connection


async def _late(
    connection: AsyncConnection, customer_ids: Sequence[str], since_ms: int
) -> list[Charged]:
    lately = select(entries.c.request_id).where(
        entries.c.customer_id.in_(customer_ids),
        entries.c.created_at_ms >= since_ms,
        entries.c.kind == EntryKind.CHARGE.value,
    )
    statement = select(
        usage.c.customer_id,
        usage.c.stream_id,
        usage.c.charged_credit_micro,
        usage.c.charged_allowance_micro,
    ).where(usage.c.request_id.in_(lately))
    return [Charged(*row) for row in await connection.execute(statement)]


async def _running_plans(connection: AsyncConnection, customer_ids: Sequence[str]) -> list[Plan]:
    statement = select(*PLAN_COLUMNS).where(
        plans.c.customer_id.in_(customer_ids), plans.c.next_turn_ms.is_not(None)
    )
    return [read_plan(row) for row in await connection.execute(statement)]


def _validity(
    running: Sequence[Plan], now_ms: int
) -> tuple[dict[str, int], frozenset[str], dict[str, Rank]]:
    until_ms: dict[str, int] = {}
    turned: dict[str, Rank] = {}
    turning = set()
    for plan in running:
        who, next_turn_ms = plan.customer_id, plan.next_turn_ms or 0
        if next_turn_ms <= now_ms:
            turning.add(who)
        elif plan.since_ms < next_turn_ms and plan.until_ms is None:
            # Of a plan that will end Redis may hear only when it does.
            until_ms[who] = next_turn_ms
        turned[who] = max(turned.get(who, NO_RANK), rank_of_last_turn(plan) or NO_RANK)
    return until_ms, frozenset(turning), turned


def _usage() -> Any:
    parts = (
        usage.c.charged_credit_micro + usage.c.charged_allowance_micro + usage.c.uncollected_micro
    )
    odd = and_(parts != 0, parts != func.coalesce(usage.c.cost_micro, 0))
    negative = or_(
        usage.c.charged_credit_micro < 0,
        usage.c.charged_allowance_micro < 0,
        usage.c.uncollected_micro < 0,
    )
    return select(
        usage.c.customer_id,
        func.count().label("requests"),
        func.sum(usage.c.cost_micro).label("cost_micro"),
        func.sum(usage.c.charged_credit_micro).label("charged_credit_micro"),
        func.sum(usage.c.charged_allowance_micro).label("charged_allowance_micro"),
        func.sum(usage.c.uncollected_micro).label("uncollected_micro"),
        func.sum(case((or_(odd, negative), 1), else_=0)).label("unpriced_rows"),
    ).group_by(usage.c.customer_id)


def _charges() -> Any:
    def of(pot: Pot) -> Any:
        return func.sum(case((entries.c.pot == pot.value, entries.c.amount_micro), else_=0))

    return (
        select(
            entries.c.customer_id,
            of(Pot.CREDIT).label("entries_credit_micro"),
            of(Pot.ALLOWANCE).label("entries_allowance_micro"),
        )
        .where(entries.c.kind == EntryKind.CHARGE.value)
        .group_by(entries.c.customer_id)
    )


def _days() -> Any:
    return select(
        usage_days.c.customer_id,
        func.sum(usage_days.c.requests).label("summed_requests"),
        func.sum(usage_days.c.cost_micro).label("summed_cost_micro"),
        func.sum(
            usage_days.c.charged_credit_micro
            + usage_days.c.charged_allowance_micro
            + usage_days.c.uncollected_micro
        ).label("summed_charged_micro"),
    ).group_by(usage_days.c.customer_id)


def _unsummed() -> Any:
    return (
        select(
            usage.c.customer_id,
            func.count().label("summed_requests"),
            func.sum(usage.c.cost_micro).label("summed_cost_micro"),
            func.sum(
                usage.c.charged_credit_micro
                + usage.c.charged_allowance_micro
                + usage.c.uncollected_micro
            ).label("summed_charged_micro"),
        )
        .where(usage.c.summed.is_(false()))
        .group_by(usage.c.customer_id)
    )
