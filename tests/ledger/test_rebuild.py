"""Redis is made true again: after it lost everything, something, or a moment."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import update

from ledger import reconcile as reconcile_module
from ledger.entries import Balance, EntrySpec
from ledger.model import Settled, Verdict
from ledger.plans import PlanPeriod, PlanSpec
from ledger.rebuild import Mender, Rebuilder, Rebuilt
from ledger.reconcile import Check, reconcile
from ledger.schema import customers, usage
from tests.ledger.conftest import until
from tests.ledger.gateway import Gateway, Payer
from tests.ledger.samples import NOW_MS

PLAN = PlanSpec("p", 50, PlanPeriod.MONTH)
BEGINS_MS = 4_000_000_000_000  # no plan turns while this runs


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


async def rebuild(gateway: Gateway) -> Rebuilt:
    rebuilder = Rebuilder(gateway.ledger, gateway.url)
    try:
        return await rebuilder.rebuild()
    finally:
        await rebuilder.close()


async def test_what_is_right_stays(gateway: Gateway, acme: Payer) -> None:
    await gateway.pay(acme, "req_1", 10)
    before = await gateway.ledger.account(acme.id)
    done = await rebuild(gateway)
    assert (done.drained, done.corrected, done.left, done.accounts) == (1, (), (), 0)
    assert done.now.clean
    assert await gateway.ledger.account(acme.id) == before


async def test_after_redis_lost_everything(gateway: Gateway, acme: Payer) -> None:
    await gateway.pay(acme, "req_1", 10)
    await gateway.drain()
    await gateway.ledger.assign_plan(acme.id, PLAN, BEGINS_MS)
    before = await gateway.ledger.account(acme.id)
    await gateway.ledger.record.add_entry(acme.id, EntrySpec(5), NOW_MS)
    await gateway.redis("FLUSHALL")
    done = await rebuild(gateway)
    assert (done.keys, done.accounts, done.published) == (1, 0, 1)  # publishing brought it
    assert done.now.clean
    after = await gateway.ledger.account(acme.id)
    assert after == replace(before, credit_micro=995, version=after.version)
    assert (await gateway.ask(acme, "req_2", 5)).verdict is Verdict.ADMITTED


async def test_accounts_are_made_before_they_are_asked_for(gateway: Gateway, acme: Payer) -> None:
    await gateway.redis("DEL", gateway.account_key(acme))
    done = await rebuild(gateway)
    assert done.accounts == 1
    assert (await gateway.ledger.account(acme.id)).credit_micro == 1000


@pytest.mark.parametrize(("field", "change"), [("credit", 9), ("credit", -9), ("held", 3)])
async def test_what_differs_is_corrected_by_its_difference(
    gateway: Gateway, acme: Payer, field: str, change: int
) -> None:
    await gateway.ask(acme, "req_0", 100)
    await gateway.redis("HINCRBY", gateway.account_key(acme), field, change)
    done = await rebuild(gateway)
    [corrected] = done.corrected
    assert (corrected.customer_id, corrected.found - corrected.expected) == (acme.id, change)
    assert done.now.clean
    await gateway.settle(acme, "req_0", 40)
    assert (await rebuild(gateway)).corrected == ()
    account = await gateway.ledger.account(acme.id)
    assert (account.credit_micro, account.held_micro) == (960, 0)


async def test_the_end_of_an_allowance_is_put_right(gateway: Gateway, acme: Payer) -> None:
    await gateway.ledger.assign_plan(acme.id, PLAN, BEGINS_MS)
    key = gateway.account_key(acme)
    await gateway.redis("HSET", key, "allowance_until_ms", 5, "allowance", 3)
    done = await rebuild(gateway)
    assert {one.check for one in done.corrected} == {Check.ALLOWANCE, Check.ALLOWANCE_UNTIL}
    assert done.now.clean
    assert (await gateway.ledger.account(acme.id)).available_micro(BEGINS_MS) == 1050


async def test_what_cannot_be_corrected_is_said(gateway: Gateway, acme: Payer) -> None:
    await gateway.redis("HSET", "{s3}:acct:cus_x", "mode", "prepaid", "credit", 9)
    done = await rebuild(gateway)
    assert [one.customer_id for one in done.left] == ["cus_x"]
    assert not done.now.clean


async def test_what_a_dead_writer_had_read_is_brought_too(gateway: Gateway, acme: Payer) -> None:
    await gateway.pay(acme, "req_1", 10)
    await gateway.streams.create_groups()
    assert len(await gateway.streams.read_new(10, block=False)) == 1
    done = await rebuild(gateway)
    assert done.drained == 1
    assert await gateway.ledger.record.balance(acme.id) == Balance(990, 0)


async def test_it_may_run_under_traffic(gateway: Gateway) -> None:
    """Accounts are wrong while requests settle; each correction keeps what happens meanwhile. The
    writer, which has just started, corrects too."""
    payers = [await gateway.payer(f"p{n}", 10_000_000) for n in range(3)]
    stop = asyncio.Event()

    async def traffic(payer: Payer) -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            await gateway.pay(payer, f"{payer.id}.{turn}", 7)

    async with gateway.writer():
        workers = [asyncio.create_task(traffic(payer)) for payer in payers]
        for payer in payers:
            await gateway.redis("HINCRBY", gateway.account_key(payer), "credit", 1234)
        done = await rebuild(gateway)
        stop.set()
        await asyncio.gather(*workers)
    assert done.left == ()
    assert (await reconcile(gateway.ledger)).clean


# -- settlements that come again after Redis forgot them


async def test_a_settlement_told_again_to_a_redis_that_lost_everything(
    gateway: Gateway, acme: Payer
) -> None:
    """Its account is made of entries that have the charge: the second one is given back."""
    await gateway.pay(acme, "req_1", 10)
    await gateway.drain()
    await gateway.redis("FLUSHALL")
    await gateway.ledger.warm()
    assert await gateway.settle(acme, "req_1", 10) is Settled.SETTLED
    assert (await gateway.ledger.account(acme.id)).credit_micro == 980
    await gateway.drain()
    assert (await gateway.ledger.account(acme.id)).credit_micro == 990
    assert (await reconcile(gateway.ledger)).clean


@pytest.mark.parametrize("second", [10, 4, 25])
async def test_a_settlement_told_again_to_a_redis_that_lost_its_last_second(
    gateway: Gateway, acme: Payer, second: int
) -> None:
    """Redis lost the first charge with the mark: only the difference is put right."""
    await gateway.ask(acme, "req_1", 50)
    await gateway.settle(acme, "req_1", 10)
    await gateway.drain()
    await gateway.redis("DEL", f"{{s{acme.customer.shard}}}:usage:req_1")
    await gateway.redis("HINCRBY", gateway.account_key(acme), "credit", 10)
    assert await gateway.settle(acme, "req_1", second) is Settled.SETTLED
    for _ in range(2):
        await gateway.drain()
    assert (await gateway.ledger.account(acme.id)).credit_micro == 990
    assert (await reconcile(gateway.ledger)).clean


async def test_a_settlement_told_again_when_its_mark_had_had_its_time(
    gateway: Gateway, acme: Payer
) -> None:
    """Redis has charged it before: the second charge is given back whole."""
    await gateway.pay(acme, "req_1", 10)
    await gateway.drain()
    await gateway.redis("DEL", f"{{s{acme.customer.shard}}}:usage:req_1")
    async with gateway.ledger.record.writing() as connection:
        long_ago = f"{acme.customer.shard}/{NOW_MS}-0"
        await connection.execute(update(usage).values(stream_id=long_ago))
    await _loaded_long_ago(gateway)
    assert await gateway.settle(acme, "req_1", 10) is Settled.SETTLED
    await gateway.drain()
    assert (await gateway.ledger.account(acme.id)).credit_micro == 990


async def _loaded_long_ago(gateway: Gateway) -> None:
    async with gateway.ledger.record.writing() as connection:
        await connection.execute(update(customers).values(loaded_at_ms=0))


async def test_what_redis_lost_with_its_last_second_is_corrected_when_it_starts_anew(
    gateway: Gateway, acme: Payer
) -> None:
    """A top-up, a charge and a plan's turn that SQL has. Then the worker tells the settlement
    again, which is given back."""
    key = gateway.account_key(acme)
    shard = acme.customer.shard
    [kept] = [await gateway.redis("DUMP", key)]
    await gateway.ledger.book(acme.id, EntrySpec(5), NOW_MS + 1)
    await gateway.ledger.assign_plan(acme.id, PLAN, BEGINS_MS)
    await gateway.pay(acme, "req_1", 10)
    await gateway.drain()
    right = await gateway.ledger.account(acme.id)
    await gateway.redis("RESTORE", key, 0, kept, "REPLACE")  # type: ignore[arg-type]
    await gateway.redis("DEL", f"{{s{shard}}}:usage:req_1")
    async with gateway.writer():

        async def corrected() -> bool:
            return await gateway.ledger.account(acme.id) == right

        await until(corrected)
        assert await gateway.settle(acme, "req_1", 10) is Settled.SETTLED
        await until(corrected)
    assert (await reconcile(gateway.ledger)).clean


async def test_two_who_correct_at_once_correct_once(gateway: Gateway, acme: Payer) -> None:
    await gateway.redis("HINCRBY", gateway.account_key(acme), "credit", 9)
    done = await asyncio.gather(*(Mender(gateway.ledger).mend() for _ in range(3)))
    assert sorted(len(corrected) for corrected, _ in done) == [0, 0, 1]
    assert [left for _, left in done] == [[]] * 3
    assert (await gateway.ledger.account(acme.id)).credit_micro == 1000
    assert await Mender(gateway.ledger).mend() == ([], [])
