"""Plans: how periods lie in time, and that each allowance is given and taken back once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.entries import Balance, EntryKind, EntrySpec
from ledger.errors import NotFound, StoreUnavailable
from ledger.ledger import Ledger
from ledger.model import AccountMode, Customer, KeySpec, Pot, Verdict
from ledger.plans import DAY_MS, Period, Plan, PlanPeriod, PlanSpec, period_at, turn_at
from ledger.store.record import Record
from tests.ledger.samples import NOW_MS, attempt_of, record_of, settlement_of

MONTHLY = PlanSpec("pro", 1000, PlanPeriod.MONTH)
DAILY = PlanSpec("day pass", 100, PlanPeriod.DAY)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


PERIODS = """
    period  since             now               number  start             end
    day     2026-03-01T10:30  2026-03-01T10:30  0       2026-03-01T10:30  2026-03-02T10:30
    day     2026-03-01T10:30  2026-03-03T10:29  1       2026-03-02T10:30  2026-03-03T10:30
    week    2026-03-01T00:00  2026-03-15T00:00  2       2026-03-15T00:00  2026-03-22T00:00
    month   2026-01-31T12:00  2026-02-28T11:59  0       2026-01-31T12:00  2026-02-28T12:00
    month   2026-01-31T12:00  2026-02-28T12:00  1       2026-02-28T12:00  2026-03-31T12:00
    month   2026-01-31T12:00  2026-04-15T00:00  2       2026-03-31T12:00  2026-04-30T12:00
    month   2027-11-30T00:00  2028-02-29T00:00  3       2028-02-29T00:00  2028-03-30T00:00
    month   2026-11-01T00:00  2026-12-31T23:59  1       2026-12-01T00:00  2027-01-01T00:00
    month   2026-11-15T00:00  2028-11-14T00:00  23      2028-10-15T00:00  2028-11-15T00:00
"""


@pytest.mark.parametrize("line", PERIODS.strip().splitlines()[1:])
def test_periods_are_counted_from_the_plans_beginning(line: str) -> None:
    period, since, now, number, start, end = line.split()
    found = period_at(PlanPeriod(period), at(since), at(now))
    assert found == Period(int(number), at(start), at(end))


@given(
    st.sampled_from(PlanPeriod),
    st.integers(0, at("2100-01-01T00:00")),
    st.integers(0, 40 * 366 * DAY_MS),
)
def test_periods_leave_no_gap(period: PlanPeriod, since_ms: int, passed_ms: int) -> None:
    found = period_at(period, since_ms, since_ms + passed_ms)
    assert found.start_ms <= since_ms + passed_ms < found.end_ms
    after = period_at(period, since_ms, found.end_ms)
    assert (after.number, after.start_ms) == (found.number + 1, found.end_ms)


def test_before_it_begins_a_plan_has_no_period() -> None:
    with pytest.raises(ValueError):
        period_at(PlanPeriod.DAY, 2, 1)


def plan_of(**changes: object) -> Plan:
    plan = Plan(
        id="plan_1",
        customer_id="cus_1",
        name="pro",
        allowance_micro=1000,
        period=PlanPeriod.DAY,
        since_ms=0,
        until_ms=None,
        next_turn_ms=0,
        actor="ada",
        created_at_ms=0,
    )
    return replace(plan, **changes)  # type: ignore[arg-type]


def test_a_turn_is_due_when_a_period_begins_and_when_the_plan_ends() -> None:
    assert turn_at(plan_of(next_turn_ms=5), 4) is None
    assert turn_at(plan_of(next_turn_ms=None), 4) is None
    first = turn_at(plan_of(), 4)
    assert first is not None
    assert (first.id, first.until_ms, first.next_turn_ms) == ("plan_1:0", DAY_MS, DAY_MS)
    skipped = turn_at(plan_of(next_turn_ms=DAY_MS), 5 * DAY_MS + 1)
    assert skipped is not None
    assert (skipped.number, skipped.until_ms) == (5, 6 * DAY_MS)
    last = turn_at(plan_of(until_ms=DAY_MS // 2), 4)
    assert last is not None
    assert last.until_ms == last.next_turn_ms == DAY_MS // 2
    end = turn_at(plan_of(until_ms=10, next_turn_ms=10), 10)
    assert end is not None
    assert (end.number, end.allowance_micro, end.until_ms, end.next_turn_ms) == (None, 0, 0, None)


# -- in SQL


@pytest.fixture
async def customer(record: Record) -> Customer:
    return await record.create_customer("acme", NOW_MS)


async def test_a_customer_has_one_plan_at_a_time(record: Record, customer: Customer) -> None:
    first = await record.assign_plan(customer.id, MONTHLY, NOW_MS, "ada")
    assert first == Plan(
        *(first.id, customer.id, "pro", 1000, PlanPeriod.MONTH, NOW_MS, None, NOW_MS),
        *("ada", NOW_MS),
    )
    assert await record.plan(customer.id, NOW_MS) == first
    second = await record.assign_plan(customer.id, DAILY, NOW_MS + 10)
    ended = replace(first, until_ms=NOW_MS + 10, next_turn_ms=NOW_MS)
    assert await record.plans(customer.id) == [second, ended]
    assert await record.plan(customer.id, NOW_MS + 9) == ended
    assert await record.plan(customer.id, NOW_MS + 10) == second


async def test_assigning_the_plan_that_there_is_changes_nothing(
    record: Record, customer: Customer
) -> None:
    first = await record.assign_plan(customer.id, MONTHLY, NOW_MS)
    tries = [record.assign_plan(customer.id, MONTHLY, NOW_MS + 5) for _ in range(4)]
    assert await asyncio.gather(*tries) == [first] * 4
    assert await record.plans(customer.id) == [first]


async def test_a_plan_may_begin_later(record: Record, customer: Customer) -> None:
    now = await record.assign_plan(customer.id, MONTHLY, NOW_MS)
    later = replace(DAILY, since_ms=NOW_MS + 100)
    then = await record.assign_plan(customer.id, later, NOW_MS + 1)
    assert (then.since_ms, then.next_turn_ms) == (NOW_MS + 100, NOW_MS + 100)
    assert await record.plan(customer.id, NOW_MS + 99) == replace(now, until_ms=NOW_MS + 100)
    instead = await record.assign_plan(customer.id, replace(DAILY, name="x"), NOW_MS + 2)
    assert await record.plan(customer.id, NOW_MS + 100) == instead
    replaced = next(p for p in await record.plans(customer.id) if p.id == then.id)
    assert (replaced.until_ms, replaced.next_turn_ms) == (then.since_ms, None)


async def test_a_plan_ends_when_it_is_said(record: Record, customer: Customer) -> None:
    plan = await record.assign_plan(customer.id, MONTHLY, NOW_MS)
    [ended] = await record.end_plan(customer.id, NOW_MS + 1, NOW_MS + 50)
    assert ended == replace(plan, until_ms=NOW_MS + 50)
    assert await record.end_plan(customer.id, NOW_MS + 2, NOW_MS + 60) == []
    assert await record.plan(customer.id, NOW_MS + 50) is None
    for change in (record.assign_plan("cus_nobody", MONTHLY, 1), record.end_plan("cus_nobody", 1)):
        with pytest.raises(NotFound):
            await change


@pytest.mark.parametrize(
    "wrong",
    [
        replace(MONTHLY, allowance_micro=0),
        replace(MONTHLY, name=""),
        replace(MONTHLY, until_ms=NOW_MS),
        replace(MONTHLY, since_ms=NOW_MS + 5, until_ms=NOW_MS + 5),
        replace(MONTHLY, since_ms=-1),
    ],
)
async def test_what_no_plan_may_be(record: Record, customer: Customer, wrong: PlanSpec) -> None:
    with pytest.raises(ValueError):
        await record.assign_plan(customer.id, wrong, NOW_MS)
    assert await record.plans(customer.id) == []


async def test_a_turn_is_kept_once(record: Record, customer: Customer) -> None:
    await record.assign_plan(customer.id, MONTHLY, NOW_MS, "ada")
    [due] = await record.due_plans(NOW_MS)
    turn = turn_at(due, NOW_MS)
    assert turn is not None
    await asyncio.gather(*(record.finish_turn(turn, 40, NOW_MS) for _ in range(4)))
    found = {(e.kind, e.amount_micro, e.pot, e.actor) for e in await record.entries(customer.id)}
    assert found == {
        (EntryKind.PLAN_EXPIRY, -40, Pot.ALLOWANCE, "ada"),
        (EntryKind.PLAN_GRANT, 1000, Pot.ALLOWANCE, "ada"),
    }
    assert await record.due_plans(NOW_MS) == []
    assert await record.allowance_until(customer.id) == turn.until_ms
    assert await record.unpublished_entries() == []


async def test_a_turn_that_was_overtaken_is_not_kept(record: Record, customer: Customer) -> None:
    """Somebody ended the plan while its period was turned."""
    await record.assign_plan(customer.id, MONTHLY, NOW_MS)
    turn = turn_at((await record.due_plans(NOW_MS))[0], NOW_MS)
    assert turn is not None
    await record.end_plan(customer.id, NOW_MS + 1)
    await record.finish_turn(turn, None, NOW_MS + 1)
    assert await record.entries(customer.id) == []
    [due] = await record.due_plans(NOW_MS + 1)
    assert due.until_ms == NOW_MS + 1


# -- in both stores


@pytest.fixture
async def ledger(redis_url: str, sql_url: str) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(redis_url, sql_url, migrate=True)
    yield opened
    await opened.close()


async def prepaid(ledger: Ledger) -> Customer:
    return await ledger.create_customer("acme", NOW_MS, AccountMode.PREPAID)


async def story(ledger: Ledger, customer: Customer) -> list[tuple[str, int]]:
    listed = await ledger.record.entries(customer.id)
    return sorted((entry.kind.value, entry.amount_micro) for entry in listed)


async def test_an_allowance_begins_anew_with_every_period(ledger: Ledger) -> None:
    customer = await prepaid(ledger)
    await ledger.assign_plan(customer.id, DAILY, NOW_MS)
    account = await ledger.account(customer.id)
    assert account.available_micro(NOW_MS) == 100
    assert account.available_micro(NOW_MS + DAY_MS) == 0
    taken = EntrySpec(-30, EntryKind.ADJUSTMENT, Pot.ALLOWANCE)
    await ledger.book(customer.id, taken, NOW_MS)
    for _ in range(3):
        await ledger.turn_plans(NOW_MS + DAY_MS)
    assert (await ledger.account(customer.id)).available_micro(NOW_MS + DAY_MS) == 100
    assert await story(ledger, customer) == [
        ("adjustment", -30),
        ("plan_expiry", -70),
        ("plan_grant", 100),
        ("plan_grant", 100),
    ]
    await ledger.end_plan(customer.id, NOW_MS + DAY_MS + 1)
    account = await ledger.account(customer.id)
    assert (account.allowance_micro, account.available_micro(NOW_MS + DAY_MS + 1)) == (0, 0)
    assert await ledger.record.balance(customer.id) == Balance()
    assert await ledger.turn_plans(NOW_MS + 9 * DAY_MS) == 0


async def test_periods_in_which_nothing_ran_are_not_made_up_for(ledger: Ledger) -> None:
    customer = await prepaid(ledger)
    await ledger.assign_plan(customer.id, DAILY, NOW_MS)
    await ledger.turn_plans(NOW_MS + 7 * DAY_MS + 5)
    assert await ledger.record.balance(customer.id) == Balance(0, 100)
    account = await ledger.account(customer.id)
    assert account.allowance_until_ms == NOW_MS + 8 * DAY_MS


async def test_a_new_plan_takes_the_place_of_the_old_one(ledger: Ledger) -> None:
    customer = await prepaid(ledger)
    await ledger.assign_plan(customer.id, DAILY, NOW_MS)
    await ledger.assign_plan(customer.id, MONTHLY, NOW_MS + 5)
    account = await ledger.account(customer.id)
    assert account.available_micro(NOW_MS + 5) == 1000
    assert await ledger.record.balance(customer.id) == Balance(0, 1000)
    assert await ledger.turn_plans(NOW_MS + DAY_MS + 6) == 0
    assert (await ledger.account(customer.id)).available_micro(NOW_MS + DAY_MS + 6) == 1000


async def test_sweepers_at_once_turn_a_plan_once(ledger: Ledger) -> None:
    customer = await prepaid(ledger)
    await ledger.record.assign_plan(customer.id, DAILY, NOW_MS)
    for day in range(3):
        await asyncio.gather(*(ledger.turn_plans(NOW_MS + day * DAY_MS) for _ in range(4)))
    assert await ledger.record.balance(customer.id) == Balance(0, 100)
    assert (await ledger.account(customer.id)).allowance_micro == 100


async def test_a_sweeper_that_dies_between_the_stores_is_followed_up(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis turned, SQL was never told: the next one hears the same from Redis."""
    customer = await prepaid(ledger)
    await ledger.assign_plan(customer.id, DAILY, NOW_MS)

    async def die(*_: object) -> None:
        raise StoreUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(ledger.record, "finish_turn", die)
        with pytest.raises(StoreUnavailable):
            await ledger.turn_plans(NOW_MS + DAY_MS)
    spent = EntrySpec(-60, EntryKind.ADJUSTMENT, Pot.ALLOWANCE)
    await ledger.book(customer.id, spent, NOW_MS + DAY_MS)
    await ledger.turn_plans(NOW_MS + DAY_MS + 1)
    assert await ledger.record.balance(customer.id) == Balance(0, 40)
    assert (await ledger.account(customer.id)).allowance_micro == 40


async def test_what_a_running_request_relies_on_outlives_the_plan(ledger: Ledger) -> None:
    customer = await prepaid(ledger)
    await ledger.assign_plan(customer.id, DAILY, NOW_MS)
    key, _ = await ledger.create_key(customer.id, KeySpec("ci"), NOW_MS)
    request = attempt_of(
        "req_1",
        shard=customer.shard,
        key_hash=key.key_hash,
        customer_id=customer.id,
        hold_micro=80,
        min_hold_micro=1,
    )
    assert (await ledger.hot.admit(request)).verdict is Verdict.ADMITTED
    await ledger.end_plan(customer.id, NOW_MS + 5)
    assert await story(ledger, customer) == [("plan_expiry", -20), ("plan_grant", 100)]
    settled = record_of("req_1", account="w0", customer_id=customer.id, cost_micro=50)
    settlement = replace(settlement_of("req_1"), shard=customer.shard, record=settled)
    await ledger.hot.settle(settlement)
    usage = await ledger.hot.recent_usage(customer.shard, "req_1")
    assert usage is not None
    assert (usage.charged_allowance_micro, usage.uncollected_micro) == (50, 0)
    await ledger.turn_plans(NOW_MS + 5 + 60_000)
    assert (await ledger.account(customer.id)).allowance_micro == 0
    assert await story(ledger, customer) == [
        ("plan_expiry", -30),
        ("plan_expiry", -20),
        ("plan_grant", 100),
    ]


async def test_an_account_that_redis_lost_has_the_allowance_until_its_end(ledger: Ledger) -> None:
    customer = await prepaid(ledger)
    await ledger.assign_plan(customer.id, DAILY, NOW_MS)
    before = await ledger.account(customer.id)
    await ledger.hot.wire.call("FLUSHALL")
    await ledger.hot.bring_account(customer.shard, customer.id)
    assert await ledger.hot.account(customer.shard, customer.id) == replace(before, version=1)
