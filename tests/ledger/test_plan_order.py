"""Turns of plans keep their order: one that comes late does not undo the allowance of today."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import reconcile as reconcile_module
from ledger.entries import Balance, EntryKind, EntrySpec
from ledger.errors import StoreUnavailable
from ledger.model import Account, AccountMode, Pot
from ledger.plans import (
    DAY_MS,
    NO_RANK,
    Plan,
    PlanPeriod,
    PlanSpec,
    rank_of_last_turn,
    turn_at,
)
from ledger.rebuild import Mender
from ledger.reconcile import Check, reconcile
from ledger.store.hot import HotStore
from tests.ledger.gateway import Gateway, Payer
from tests.ledger.samples import SHARD, turn_of
from tests.ledger.stories import CUSTOMER, Story

BEGINS_MS = 4_000_000_000_000  # no plan turns while this runs
DAILY = PlanSpec("day pass", 100, PlanPeriod.DAY)
SPENT = EntrySpec(-60, EntryKind.ADJUSTMENT, Pot.ALLOWANCE)


async def test_a_turn_after_a_later_one_changes_nothing(hot: HotStore) -> None:
    """The second plan was made after the first one: whatever that one still says is old."""
    assert await hot.set_account(SHARD, CUSTOMER, Account(AccountMode.PREPAID))
    await Story(hot).tell(
        """
        at        what happens               answer                  credit  allowance  held
        00:00:00  turn 1.3: 5 until 03-03    turned: 0 ended         0       5          0
        00:00:01  entry 1: allowance -2      applied                 0       3          0
        00:00:02  turn 1.2: 7 until 03-02    superseded              0       3          0
        00:00:03  turn 1.3: 5 until 03-03    turned before: 0 ended  0       3          0
        00:00:04  turn 1.4: 5 until 03-04    turned: 3 ended         0       5          0
        00:00:05  turn 1.3: 5 until 03-03    turned before: 0 ended  0       5          0
        00:00:06  turn 2.0: 9 until 03-05    turned: 5 ended         0       9          0
        00:00:07  turn 1.5: 5 until 03-06    superseded              0       9          0
        00:00:08  turn 1.900: 0 until never  superseded              0       9          0
        00:00:09  turn 2.800: 0 until never  turned: 9 ended         0       0          0
        00:00:10  turn 2.1: 9 until 03-06    superseded              0       0          0
        00:00:11  turn 2.700: 0 until never  superseded              0       0          0
        """
    )


async def test_a_turn_whose_mark_had_its_time_is_not_made_twice(hot: HotStore) -> None:
    assert await hot.set_account(SHARD, CUSTOMER, Account(AccountMode.PREPAID))
    turn = turn_of(3, 100, BEGINS_MS, customer_id=CUSTOMER)
    await hot.turn_plan(SHARD, turn, 0)
    await hot.apply_entry(SHARD, CUSTOMER, "e", Pot.ALLOWANCE, -60, 0)
    await hot.wire.call("DEL", f"{{s{SHARD}}}:turn:{turn.id}")
    await hot.turn_plan(SHARD, turn, 0)
    account = await hot.account(SHARD, CUSTOMER)
    assert account is not None
    assert (account.allowance_micro, account.turned) == (40, turn.rank)


# -- what a plan's row tells


def plan_of(since_ms: int = 0, made_ms: int = 0, **changes: int | None) -> Plan:
    plan = turn_of(0, 100, DAY_MS).plan
    begins_ms = max(since_ms, made_ms)
    plan = replace(plan, since_ms=since_ms, created_at_ms=made_ms, next_turn_ms=begins_ms)
    return replace(plan, **changes)  # type: ignore[arg-type]


def test_the_last_turn_is_read_from_the_row() -> None:
    five = 5 * DAY_MS
    assert rank_of_last_turn(plan_of()) is None
    assert rank_of_last_turn(plan_of(since_ms=9)) is None
    assert rank_of_last_turn(plan_of(since_ms=0, made_ms=five + 3)) is None
    assert rank_of_last_turn(plan_of(next_turn_ms=five)) == (0, 4)
    assert rank_of_last_turn(plan_of(next_turn_ms=five - 1, until_ms=five - 1)) == (0, 4)
    over = rank_of_last_turn(plan_of(next_turn_ms=None, until_ms=five))
    assert over is not None and over > (0, five)
    never_began = plan_of(since_ms=9, next_turn_ms=None, until_ms=9)
    assert rank_of_last_turn(never_began) is None


@given(
    st.integers(1, 40 * DAY_MS),
    st.integers(1, 40 * DAY_MS),
    st.lists(st.tuples(st.booleans(), st.integers(0, 3 * DAY_MS)), max_size=12),
)
def test_the_row_tells_of_the_last_turn_and_of_none_that_is_still_to_be_made(
    since_ms: int, made_ms: int, steps: list[tuple[bool, int]]
) -> None:
    """A plan turns, or is ended from some time on; what it leaves to running requests is collected
    a minute later, as long as there is any."""
    plan, now_ms, last = plan_of(since_ms, made_ms), max(since_ms, made_ms), NO_RANK
    for ends, passed_ms in steps:
        now_ms += passed_ms
        turn = turn_at(plan, now_ms)
        if ends and plan.until_ms is None:
            due_ms = min(plan.next_turn_ms or now_ms, now_ms)
            plan = replace(plan, until_ms=now_ms, next_turn_ms=due_ms)
        elif turn is not None:
            assert turn.rank > last
            last = turn.rank
            carried = turn.number is None and passed_ms % 2
            plan = replace(plan, next_turn_ms=now_ms + 60_000 if carried else turn.next_turn_ms)
        told = rank_of_last_turn(plan) or NO_RANK
        assert told == last or plan.until_ms is not None
        later = turn_at(plan, now_ms + 50 * DAY_MS)
        assert later is None or later.rank > told


# -- in both stores


@pytest.fixture
async def gateway(
    redis_url: str, sql_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Gateway]:
    monkeypatch.setattr(reconcile_module, "PAUSE_MS", 10)
    async with Gateway.open(redis_url, sql_url) as opened:
        yield opened


@pytest.fixture
async def acme(gateway: Gateway) -> Payer:
    """On the first of three days he has a plan; on the third he has spent most of that day's."""
    payer = await gateway.payer("acme", 0)
    await gateway.ledger.assign_plan(payer.id, DAILY, BEGINS_MS)
    return payer


class SlowSweeper:
    """Has read what is due, and does it when it is no longer."""

    def __init__(self, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ledger, self._monkeypatch = gateway.ledger, monkeypatch
        self._due: list[Plan] = []
        self._now_ms = 0

    async def read(self, now_ms: int) -> None:
        self._now_ms, self._due = now_ms, await self._ledger.record.due_plans(now_ms)
        assert self._due

    async def act(self) -> None:
        async def due(*_: object) -> list[Plan]:
            return self._due

        with self._monkeypatch.context() as patch:
            patch.setattr(self._ledger.record, "due_plans", due)
            assert await self._ledger.turn_plans(self._now_ms) == len(self._due)


@pytest.fixture
def slow(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> SlowSweeper:
    return SlowSweeper(gateway, monkeypatch)


async def spend_the_third_day(gateway: Gateway, acme: Payer) -> Account:
    now_ms = BEGINS_MS + 2 * DAY_MS
    await gateway.ledger.turn_plans(now_ms)
    await gateway.ledger.book(acme.id, SPENT, now_ms)
    account = await gateway.ledger.account(acme.id)
    assert (account.allowance_micro, account.allowance_until_ms) == (40, now_ms + DAY_MS)
    return account


async def clears(gateway: Gateway, acme: Payer, before: Account) -> None:
    after = await gateway.ledger.account(acme.id)
    assert replace(after, version=before.version) == before
    recorded = await gateway.ledger.record.balance(acme.id)
    assert recorded == Balance(before.credit_micro, before.allowance_micro)
    assert (await reconcile(gateway.ledger)).clean
    again = before.allowance_until_ms or 0
    await gateway.ledger.turn_plans(again)
    assert (await gateway.ledger.account(acme.id)).available_micro(again) == 100


async def test_a_slow_sweeper_undoes_nothing(
    gateway: Gateway, acme: Payer, slow: SlowSweeper
) -> None:
    await slow.read(BEGINS_MS + DAY_MS)
    before = await spend_the_third_day(gateway, acme)
    await slow.act()
    await clears(gateway, acme, before)


async def test_a_slow_sweeper_undoes_nothing_after_redis_lost_everything(
    gateway: Gateway, acme: Payer, slow: SlowSweeper
) -> None:
    """The account is made of entries, and with it what its last turn was. Marks are gone."""
    await slow.read(BEGINS_MS + DAY_MS)
    before = await spend_the_third_day(gateway, acme)
    await gateway.redis("FLUSHALL")
    await slow.act()
    await clears(gateway, acme, before)


async def test_a_turn_told_again_to_a_redis_that_lost_everything_is_not_made_twice(
    gateway: Gateway, acme: Payer, slow: SlowSweeper
) -> None:
    """Another sweeper was faster with the very same turn."""
    await slow.read(BEGINS_MS + 2 * DAY_MS)
    before = await spend_the_third_day(gateway, acme)
    await gateway.redis("FLUSHALL")
    await slow.act()
    await clears(gateway, acme, before)


async def test_a_slow_sweeper_undoes_nothing_after_redis_lost_its_last_second(
    gateway: Gateway, acme: Payer, slow: SlowSweeper
) -> None:
    """What is corrected by differences knows its last turn again."""
    await slow.read(BEGINS_MS + 2 * DAY_MS)
    kept: bytes = await gateway.redis("DUMP", gateway.account_key(acme))  # type: ignore[assignment]
    before = await spend_the_third_day(gateway, acme)
    await gateway.redis("FLUSHALL")
    await gateway.redis("RESTORE", gateway.account_key(acme), 0, kept, "REPLACE")
    found = await reconcile(gateway.ledger)
    assert Check.TURNED in {one.check for one in found.differences}
    await Mender(gateway.ledger).mend()
    await slow.act()
    await clears(gateway, acme, before)


async def test_a_slow_sweeper_does_not_bring_back_a_plan_that_was_replaced(
    gateway: Gateway, acme: Payer, slow: SlowSweeper
) -> None:
    await slow.read(BEGINS_MS + DAY_MS)
    now_ms = BEGINS_MS + DAY_MS + 5
    other = PlanSpec("pro", 700, PlanPeriod.MONTH)
    await gateway.ledger.assign_plan(acme.id, other, now_ms)
    before = await gateway.ledger.account(acme.id)
    assert before.available_micro(now_ms) == 700
    await slow.act()
    assert await gateway.ledger.account(acme.id) == before
    assert (await reconcile(gateway.ledger)).clean


async def test_a_slow_sweeper_does_not_end_the_plan_that_came_next(
    gateway: Gateway, acme: Payer, slow: SlowSweeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When it looked the customer had no plan any more."""
    await gateway.ledger.record.end_plan(acme.id, BEGINS_MS + 1)
    await slow.read(BEGINS_MS + 1)
    await gateway.ledger.assign_plan(acme.id, replace(DAILY, name="new"), BEGINS_MS + 2)
    before = await gateway.ledger.account(acme.id)

    async def none(*_: object) -> None:
        return None

    with monkeypatch.context() as patch:
        patch.setattr(gateway.ledger.record, "plan", none)
        await slow.act()
    await clears(gateway, acme, before)


async def test_a_plan_made_by_a_clock_that_is_behind_counts_all_the_same(
    gateway: Gateway, acme: Payer
) -> None:
    spec = PlanSpec("pro", 700, PlanPeriod.MONTH)
    await gateway.ledger.assign_plan(acme.id, spec, BEGINS_MS - 5_000)
    account = await gateway.ledger.account(acme.id)
    assert account.available_micro(BEGINS_MS) == 700
    assert (await reconcile(gateway.ledger)).clean


# -- a sweeper that died between the stores


async def turn_and_die(gateway: Gateway, now_ms: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def die(*_: object) -> None:
        raise StoreUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(gateway.ledger.record, "finish_turn", die)
        with pytest.raises(StoreUnavailable):
            await gateway.ledger.turn_plans(now_ms)


async def test_a_turn_that_only_redis_knows_is_told_with_the_next_one(
    gateway: Gateway, acme: Payer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody followed up until the next period had begun; then the next one died as well."""
    await gateway.ledger.book(acme.id, SPENT, BEGINS_MS)
    await turn_and_die(gateway, BEGINS_MS + DAY_MS, monkeypatch)
    await turn_and_die(gateway, BEGINS_MS + 2 * DAY_MS, monkeypatch)
    before = await spend_the_third_day(gateway, acme)
    expiries = await gateway.ledger.record.entries(acme.id, kinds=[EntryKind.PLAN_EXPIRY])
    assert sorted(one.amount_micro for one in expiries) == [-100, -40]
    await clears(gateway, acme, before)


async def test_a_turn_that_only_redis_knows_is_no_difference_to_be_corrected(
    gateway: Gateway, acme: Payer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It becomes entries: the allowance that it gave stays."""
    await gateway.ledger.book(acme.id, SPENT, BEGINS_MS)
    await turn_and_die(gateway, BEGINS_MS + DAY_MS, monkeypatch)
    assert not (await reconcile(gateway.ledger)).clean
    assert await Mender(gateway.ledger).mend() == ([], [])
    assert (await gateway.ledger.account(acme.id)).allowance_micro == 100
    assert (await reconcile(gateway.ledger)).clean
    await gateway.ledger.turn_plans(BEGINS_MS + DAY_MS)
    assert await gateway.ledger.record.balance(acme.id) == Balance(0, 100)
