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
from ledger.plans import (
    NO_RANK,
    Plan,
    PlanPeriod,
    PlanSpec,
    Rank,
    Turn,
    TurnMade,
    rank_of_last_turn,
)
from ledger.schema import entries, plans
from ledger.store.customers import locked_customer
from ledger.store.entries import WRITER, Entries, add_entries

MAX_NAME = 256
TURNS_TOGETHER = 500  # due plans of one sweep

PLAN_COLUMNS = [plans.c[field.name] for field in fields(Plan)]


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
                # Their order is that of their making, whatever the clocks say: see ledger.plans.
                created_at_ms=max([now_ms, *(other.created_at_ms + 1 for other in theirs)]),
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
        statement = select(*PLAN_COLUMNS).where(
            plans.c.customer_id == customer_id, plans.c.next_turn_ms > plans.c.since_ms
        )
        async with self.reading() as connection:
            running = [read_plan(row) for row in await connection.execute(statement)]
        ends = [end for plan in running for end in (plan.next_turn_ms, plan.until_ms) if end]
        return min(ends, default=None)

    async def last_turn(self, customer_id: str) -> Rank:
        """Of the turns that are kept here."""
        ranks = (rank_of_last_turn(plan) for plan in await self.plans(customer_id))
        return max((rank for rank in ranks if rank is not None), default=NO_RANK)

    # -- turns

    async def due_plans(self, now_ms: int, customer_id: str | None = None) -> list[Plan]:
        """Those with something to do, in the order in which it fell due."""
        theirs = [plans.c.customer_id == customer_id] if customer_id is not None else []
        statement = (
            select(*PLAN_COLUMNS)
            .where(plans.c.next_turn_ms <= now_ms, *theirs)
            .order_by(plans.c.next_turn_ms, plans.c.since_ms, plans.c.id)
            .limit(TURNS_TOGETHER)
        )
        async with self.reading() as connection:
            return [read_plan(row) for row in await connection.execute(statement)]

    async def finish_turn(self, turn: Turn, expired_micro: int | None, now_ms: int) -> None:
        """Keeps what Redis did; None: it did nothing, as a later turn had been done."""
        done: list[Entry] = []
        if expired_micro is not None:
            made = TurnMade(turn.id, turn.allowance_micro, expired_micro)
            done = _entries(made, turn.plan, now_ms)
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

    async def keep_turn(self, customer_id: str, made: TurnMade, now_ms: int) -> None:
        """What Redis did, as it says itself: whoever asked for it may have died before he could.
        Most often it is known."""
        theirs = await self.plans(customer_id)
        plan = next((one for one in theirs if made.id.startswith(f"{one.id}:")), None)
        if plan is None:
            return
        done = _entries(made, plan, now_ms)
        wanted = [entry.id for entry in done]
        async with self.reading() as connection:
            known = select(entries.c.id).where(entries.c.id.in_(wanted))
            missing = len(done) > len((await connection.execute(known)).all())
        if missing:
            async with self.writing() as connection:
                await add_entries(self, connection, done)


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
        select(*PLAN_COLUMNS)
        .where(plans.c.customer_id == customer_id)
        .order_by(plans.c.created_at_ms.desc(), plans.c.id.desc())
    )
    return [read_plan(row) for row in await connection.execute(statement)]


def _entries(made: TurnMade, plan: Plan, now_ms: int) -> list[Entry]:
    """At most one of a kind. Their ids are made of the turn's: the same turn, the same entries."""
    parts = (
        (EntryKind.PLAN_EXPIRY, "expiry", -made.taken_micro),
        (EntryKind.PLAN_GRANT, "grant", made.granted_micro),
    )
    return [
        Entry(
            id=f"{made.id}:{name}",
            customer_id=plan.customer_id,
            pot=Pot.ALLOWANCE,
            kind=kind,
            amount_micro=amount_micro,
            request_id=None,
            reference=None,
            actor=plan.actor if made.id == f"{plan.id}:0" else WRITER,
            reason=plan.name,
            created_at_ms=now_ms,
        )
        for kind, name, amount_micro in parts
        if amount_micro
    ]


def read_plan(row: Row[Any]) -> Plan:
    return Plan(**(dict(row._mapping) | {"period": PlanPeriod(row.period)}))
