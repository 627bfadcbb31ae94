"""The proof: clean whatever is under way, and every fault found with customer and amount."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from ledger import reconcile as reconcile_module
from ledger.entries import EntryKind, EntrySpec
from ledger.intake import Intake
from ledger.model import AccountMode
from ledger.plans import PlanPeriod, PlanSpec
from ledger.reconcile import Check, Difference, reconcile
from tests.ledger.gateway import Gateway, Payer
from tests.ledger.samples import NOW_MS, record_of


@pytest.fixture
async def gateway(
    redis_url: str, sql_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Gateway]:
    monkeypatch.setattr(reconcile_module, "PAUSE_MS", 10)
    async with Gateway.open(redis_url, sql_url) as opened:
        yield opened


@pytest.fixture
async def acme(gateway: Gateway) -> Payer:
    return await gateway.payer("acme", 1000)


async def differences(gateway: Gateway) -> list[tuple[str, Check, int, int]]:
    found = await reconcile(gateway.ledger)
    assert found.clean is (not found.differences)
    return [(d.customer_id, d.check, d.expected, d.found) for d in found.differences]


async def execute(gateway: Gateway, statement: str) -> None:
    async with gateway.ledger.record.writing() as connection:
        await connection.execute(text(statement))


async def test_nothing_at_all_clears(gateway: Gateway) -> None:
    found = await reconcile(gateway.ledger)
    assert (found.clean, found.customers, found.requests) == (True, 0, 0)


async def test_everything_clears_at_every_step(gateway: Gateway, acme: Payer) -> None:
    """Held, settled and in the stream, in SQL; with a plan and an adjustment between."""
    steps = (
        gateway.ask(acme, "req_1", 300),
        gateway.ask(acme, "req_2", 300),
        gateway.settle(acme, "req_1", 120),
        gateway.drain(),
        gateway.ledger.assign_plan(acme.id, PlanSpec("p", 50, PlanPeriod.MONTH), NOW_MS),
        gateway.settle(acme, "req_2", 60),
        gateway.ledger.book(acme.id, EntrySpec(-7, EntryKind.ADJUSTMENT), NOW_MS),
        gateway.drain(),
        gateway.ledger.end_plan(acme.id, NOW_MS + 1),
    )
    for step in steps:
        await step
        assert await differences(gateway) == []
    found = await reconcile(gateway.ledger)
    assert (found.credit_micro, found.allowance_micro, found.held_micro) == (863, 0, 0)
    assert (found.cost_micro, found.charged_micro, found.uncollected_micro) == (180, 180, 0)
    assert (found.requests, found.customers, found.pending) == (2, 1, 0)


async def test_what_is_in_the_stream_is_counted(
    gateway: Gateway, acme: Payer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await gateway.pay(acme, "req_1", 10)
    found = await reconcile(gateway.ledger)
    assert (found.clean, found.pending, found.requests) == (True, 1, 0)
    # In SQL, but the writer died before it retired the entry.
    await gateway.streams.create_groups()
    entries = await gateway.streams.read_new(10, block=False)
    monkeypatch.setattr(gateway.streams, "retire", _nothing)
    await Intake(gateway.ledger, gateway.streams).write(entries)
    found = await reconcile(gateway.ledger)
    assert (found.clean, found.pending, found.requests) == (True, 1, 1)


async def _nothing(_: object) -> None:
    """Retires nothing."""


async def test_an_entry_that_redis_was_not_told_is_under_way(gateway: Gateway, acme: Payer) -> None:
    await gateway.ledger.record.add_entry(acme.id, EntrySpec(5), NOW_MS)
    found = await reconcile(gateway.ledger)
    assert (found.clean, found.unpublished) == (True, 1)


@pytest.mark.parametrize(
    ("field", "change", "check"),
    [
        ("credit", 1, Check.CREDIT),
        ("credit", -1, Check.CREDIT),
        ("allowance", 3, Check.ALLOWANCE),
        ("held", 2, Check.HELD),
    ],
)
async def test_a_pot_that_is_wrong_is_found_to_the_micro(
    gateway: Gateway, acme: Payer, field: str, change: int, check: Check
) -> None:
    await gateway.pay(acme, "req_1", 10)
    await gateway.drain()
    await gateway.payer("other", 5)
    await gateway.redis("HINCRBY", gateway.account_key(acme), field, change)
    [(customer, found_check, expected, found)] = await differences(gateway)
    assert (customer, found_check, found - expected) == (acme.id, check, change)


async def test_a_pot_below_zero_is_found(gateway: Gateway, acme: Payer) -> None:
    await gateway.redis("HSET", gateway.account_key(acme), "credit", -4)
    assert await differences(gateway) == [
        (acme.id, Check.BELOW_ZERO, 0, -4),
        (acme.id, Check.CREDIT, 1000, -4),
    ]


async def test_a_mode_that_differs_is_found(gateway: Gateway, acme: Payer) -> None:
    await gateway.redis("HSET", gateway.account_key(acme), "mode", AccountMode.OPEN)
    assert await differences(gateway) == [(acme.id, Check.MODE, 0, 1)]


async def test_an_allowance_that_ends_at_another_time_is_found(
    gateway: Gateway, acme: Payer
) -> None:
    begins_ms = 4_000_000_000_000  # no plan turns while this runs
    spec = PlanSpec("p", 50, PlanPeriod.DAY)
    await gateway.ledger.assign_plan(acme.id, spec, begins_ms)
    until_ms = begins_ms + 86_400_000
    await gateway.redis("HSET", gateway.account_key(acme), "allowance_until_ms", 5)
    assert await differences(gateway) == [(acme.id, Check.ALLOWANCE_UNTIL, until_ms, 5)]


async def test_a_plan_that_will_end_is_no_difference(gateway: Gateway, acme: Payer) -> None:
    """Redis hears of it when it does."""
    begins_ms = 4_000_000_000_000
    await gateway.ledger.assign_plan(acme.id, PlanSpec("p", 50, PlanPeriod.DAY), begins_ms)
    await gateway.ledger.end_plan(acme.id, begins_ms, begins_ms + 1000)
    assert await differences(gateway) == []


async def test_an_account_of_nobody_is_found(gateway: Gateway) -> None:
    await gateway.redis("HSET", "{s3}:acct:cus_x", "mode", "prepaid", "credit", 9)
    assert await differences(gateway) == [("cus_x", Check.CREDIT, 0, 9)]


async def test_an_account_that_redis_does_not_have_is_no_difference(
    gateway: Gateway, acme: Payer
) -> None:
    await gateway.redis("DEL", gateway.account_key(acme))
    assert await differences(gateway) == []


async def test_charges_that_are_not_their_usage_are_found(gateway: Gateway, acme: Payer) -> None:
    await gateway.pay(acme, "req_1", 10)
    await gateway.drain()
    await execute(gateway, "UPDATE usage SET charged_credit_micro = 8")
    assert await differences(gateway) == [
        (acme.id, Check.CHARGED_CREDIT, 8, 10),
        (acme.id, Check.COSTS, 0, 1),
        (acme.id, Check.SUMMED_CHARGES, 8, 10),
    ]


async def test_sums_that_are_not_their_rows_are_found(gateway: Gateway, acme: Payer) -> None:
    await gateway.pay(acme, "req_1", 10)
    await gateway.drain()
    await execute(gateway, "UPDATE usage_days SET requests = 2, cost_micro = 11")
    assert await differences(gateway) == [
        (acme.id, Check.SUMMED_COSTS, 10, 11),
        (acme.id, Check.SUMMED_REQUESTS, 1, 2),
    ]


async def test_a_charge_that_vanished_from_sql_is_found_on_both_sides(
    gateway: Gateway, acme: Payer
) -> None:
    await gateway.pay(acme, "req_1", 10)
    await gateway.drain()
    await execute(gateway, "DELETE FROM entries WHERE kind = 'charge'")
    assert await differences(gateway) == [
        (acme.id, Check.CHARGED_CREDIT, 10, 0),
        (acme.id, Check.CREDIT, 1000, 990),
    ]


async def test_an_unreadable_entry_is_not_clean(gateway: Gateway, acme: Payer) -> None:
    stream = f"{{s{acme.customer.shard}}}:stream"
    await gateway.redis("XADD", stream, "*", "record", "rubbish", "credit", 5)
    await gateway.drain()
    found = await reconcile(gateway.ledger)
    assert (found.clean, found.dead, found.differences) == (False, 1, ())


async def test_open_customers_have_costs_and_no_charges(gateway: Gateway) -> None:
    customer = await gateway.ledger.create_customer("open", NOW_MS)
    await gateway.ledger.record.add_usage([record_of("req_1", customer_id=customer.id)])
    found = await reconcile(gateway.ledger)
    assert (found.clean, found.cost_micro, found.charged_micro) == (True, 70, 0)


async def test_it_is_exact_under_full_traffic(gateway: Gateway) -> None:
    """Requests of the same customers settle all the time, the writer writes, plans turn and money
    comes: no proof in between finds a difference."""
    payers = [await gateway.payer(f"p{n}", 10_000_000) for n in range(4)]
    dice = random.Random(7)
    stop = asyncio.Event()

    async def traffic(name: int) -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            await gateway.pay(dice.choice(payers), f"r{name}.{turn}", dice.randrange(1, 50))

    async def administrator() -> None:
        while not stop.is_set():
            await gateway.ledger.book(dice.choice(payers).id, EntrySpec(9), NOW_MS)
            await asyncio.wait({asyncio.create_task(stop.wait())}, timeout=0.05)

    async def auditor() -> list[Difference]:
        faults: list[Difference] = []
        for _ in range(3):
            faults += (await reconcile(gateway.ledger)).differences
        stop.set()
        return faults

    async with gateway.writer():
        workers = [asyncio.create_task(traffic(n)) for n in range(3)]
        booking = asyncio.create_task(administrator())
        faults = await auditor()
        await asyncio.gather(*workers, booking)
    assert faults == []
    found = await reconcile(gateway.ledger)
    assert (found.clean, found.pending) == (True, 0)
    assert found.requests > 0
