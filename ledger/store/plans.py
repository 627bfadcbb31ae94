"""Plans in SQL: who has which, and which turns are to be done.

A customer has one plan at a time; assigning another one ends it. What a plan does is a turn (see
ledger.plans): Redis takes back what is left and gives the new allowance, and what it did is kept
here as entries, under ids that make doing it twice nothing.
"""

from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Row, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.entries import MAX_ACTOR, MAX_AMOUNT_MICRO, Entry, EntryKind
from ledger.keys import new_id
from ledger.model import Pot
from ledger.plans import Plan, PlanPeriod, PlanSpec, Turn
from ledger.schema import plans
from ledger.store.customers import locked_customer
from ledger.store.entries import WRITER, Entries, add_entries

MAX_NAME = 256
TURNS_TOGETHER = 500  # due plans of one sweep

_COLUMNS = [plans.c[field.name] for field in fields(Plan)]


class Plans(Entries):
    """All that is kept of plans."""

    async def assign_plan(
        self, customer_id: str, spec: PlanSpec, now_ms: int, actor: str = ""
    ) -> Plan:
        """The customer's plan from `since_ms` on, at once by default, in place of any other. The
        one that he has, as it is, changes nothing. Raises NotFound, ValueError."""
        check_plan(spec, now_ms, actor)
        begins_ms = now_ms if spec.since_ms is None else max(spec.since_ms, now_ms)
        async with self.writing() as connection:
            await locked_customer(connection, customer_id)
            theirs = await _plans(connection, customer_id)
            same = next((plan for plan in theirs if _is(plan, spec, now_ms)), None)
            if same is not None:
                return same
            for plan in theirs:
                await _end(connection, plan, begins_ms)
            plan = Plan(
                id=new_id("plan"),
                customer_id=customer_id,
                name=spec.name,
                allowance_micro=spec.allowance_micro,
                period=spec.period,
                since_ms=now_ms if spec.since_ms is None else spec.since_ms,
                until_ms=spec.until_ms,
                next_turn_ms=begins_ms,
                actor=actor,
                created_at_ms=now_ms,
            )
            row = asdict(plan) | {"period": plan.period.value}
            await connection.execute(insert(plans), row)
        return plan

    async def end_plan(self, customer_id: str, now_ms: int, at_ms: int | None = None) -> list[Plan]:
        """No plan from `at_ms` on, at once by default; those that this ended. What is left of the
        allowance ends with it. Raises NotFound."""
        ends_ms = now_ms if at_ms is None else max(at_ms, now_ms)
        async with self.writing() as connection:
            await locked_customer(connection, customer_id)
            theirs = await _plans(connection, customer_id)
            ended = [plan.id for plan in theirs if await _end(connection, plan, ends_ms)]
            return [plan for plan in await _plans(connection, customer_id) if plan.id in ended]

    async def plans(self, customer_id: str) -> list[Plan]:
        """The newest first, with those that ended."""
        async with self.reading() as connection:
            return await _plans(connection, customer_id)

    async def plan(self, customer_id: str, now_ms: int) -> Plan | None:
        """The one that the customer has now."""
        return next((one for one in await self.plans(customer_id) if one.active(now_ms)), None)

    async def allowance_until(self, customer_id: str) -> int | None:
        """Until when the allowance that the entries say is left may be spent; None: there is no
        plan that has begun."""
        statement = select(*_COLUMNS).where(
            plans.c.customer_id == customer_id, plans.c.next_turn_ms > plans.c.since_ms
        )
        async with self.reading() as connection:
            running = [_plan(row) for row in await connection.execute(statement)]
        ends = [end for plan in running for end in (plan.next_turn_ms, plan.until_ms) if end]
        return min(ends, default=None)

    # -- turns

    async def due_plans(self, now_ms: int, customer_id: str | None = None) -> list[Plan]:
        """Those with something to do, in the order in which it fell due."""
        theirs = [plans.c.customer_id == customer_id] if customer_id is not None else []
        statement = (
            select(*_COLUMNS)
            .where(plans.c.next_turn_ms <= now_ms, *theirs)
            .order_by(plans.c.next_turn_ms, plans.c.since_ms, plans.c.id)
            .limit(TURNS_TOGETHER)
        )
        async with self.reading() as connection:
            return [_plan(row) for row in await connection.execute(statement)]

    async def finish_turn(self, turn: Turn, expired_micro: int | None, now_ms: int) -> None:
        """Keeps what Redis did; None: it did nothing, as a later turn had been done."""
        done: list[Entry] = []
        if expired_micro:
            done.append(_entry(turn, EntryKind.PLAN_EXPIRY, -expired_micro, now_ms))
        if turn.allowance_micro and expired_micro is not None:
            done.append(_entry(turn, EntryKind.PLAN_GRANT, turn.allowance_micro, now_ms))
        read = turn.plan
        statement = (
            update(plans)
            .where(plans.c.id == read.id, plans.c.next_turn_ms == read.next_turn_ms)
            .where(plans.c.until_ms.is_not_distinct_from(read.until_ms))
            .values(next_turn_ms=turn.next_turn_ms)
        )
        async with self.writing() as connection:
            await add_entries(self, connection, done)
            await connection.execute(statement)


def check_plan(spec: PlanSpec, now_ms: int, actor: str) -> None:
    """Raises ValueError for what no plan may be."""
    if not 0 < spec.allowance_micro <= MAX_AMOUNT_MICRO:
        raise ValueError(f"an allowance is 1 to {MAX_AMOUNT_MICRO} micro-USD")
    if not 0 < len(spec.name) <= MAX_NAME or len(actor) > MAX_ACTOR:
        raise ValueError(f"a plan's name has 1 to {MAX_NAME} characters, an actor {MAX_ACTOR}")
    if spec.since_ms is not None and spec.since_ms < 0:
        raise ValueError("a plan begins after 1970")
    begins_ms = max(spec.since_ms or now_ms, now_ms)
    if spec.until_ms is not None and spec.until_ms <= begins_ms:
        raise ValueError("a plan ends after it begins, and not in the past")


def _is(plan: Plan, spec: PlanSpec, now_ms: int) -> bool:
    """Whether the customer has this very plan now, until the same time."""
    since = plan.active(now_ms) if spec.since_ms is None else plan.since_ms == spec.since_ms
    return since and (plan.name, plan.allowance_micro, plan.period, plan.until_ms) == (
        spec.name,
        spec.allowance_micro,
        spec.period,
        spec.until_ms,
    )


async def _end(connection: AsyncConnection, plan: Plan, at_ms: int) -> bool:
    """Whether the plan would have gone on after `at_ms`, and now does not."""
    if plan.until_ms is not None and plan.until_ms <= at_ms:
        return False
    began = plan.since_ms < at_ms
    until_ms = at_ms if began else plan.since_ms
    # A plan that never began has nothing to give back.
    turn_ms = min(plan.next_turn_ms or at_ms, at_ms) if began else None
    statement = (
        update(plans)
        .where(plans.c.id == plan.id, or_(plans.c.until_ms.is_(None), plans.c.until_ms > until_ms))
        .values(until_ms=until_ms, next_turn_ms=turn_ms)
    )
    await connection.execute(statement)
    return True


async def _plans(connection: AsyncConnection, customer_id: str) -> list[Plan]:
    statement = (
        select(*_COLUMNS)
        .where(plans.c.customer_id == customer_id)
        .order_by(plans.c.created_at_ms.desc(), plans.c.id.desc())
    )
    return [_plan(row) for row in await connection.execute(statement)]


def _entry(turn: Turn, kind: EntryKind, amount_micro: int, now_ms: int) -> Entry:
    return Entry(
        id=f"{turn.id}:{'grant' if kind is EntryKind.PLAN_GRANT else 'expiry'}",
        customer_id=turn.plan.customer_id,
        pot=Pot.ALLOWANCE,
        kind=kind,
        amount_micro=amount_micro,
        request_id=None,
        reference=None,
        actor=turn.plan.actor if turn.number == 0 else WRITER,
        reason=turn.plan.name,
        created_at_ms=now_ms,
    )


def _plan(row: Row[Any]) -> Plan:
    return Plan(**(dict(row._mapping) | {"period": PlanPeriod(row.period)}))
