"""Money over both stores: SQL has it first, Redis has it once, whoever is away meanwhile."""

import asyncio
from dataclasses import replace

import pytest

from ledger.entries import Balance, Booking, EntryKind, EntrySpec, Redemption
from ledger.errors import NotFound, StoreRefused, StoreUnavailable
from ledger.ledger import Ledger
from ledger.model import Account, AccountMode, LimitKind, Verdict
from ledger.plans import PlanPeriod, PlanSpec
from ledger.reconcile import reconcile
from ledger.store.hot import HotStore
from ledger.store.record import Record
from ledger.store.wire import Timeouts
from tests.ledger.conftest import RedisServer, answers, until
from tests.ledger.gateway import Gateway, Payer
from tests.ledger.samples import NOW_MS

TAKE = EntrySpec(-300, EntryKind.ADJUSTMENT, reason="typo")


@pytest.fixture
async def acme(gateway: Gateway) -> Payer:
    return await gateway.payer("acme", 1000)


async def test_a_top_up_is_there_for_the_very_next_request(gateway: Gateway) -> None:
    payer = await gateway.payer("poor", 0)
    assert (await gateway.ask(payer, "req_1", 5)).verdict is Verdict.INSUFFICIENT_CREDIT
    booked = await gateway.ledger.book(payer.id, EntrySpec(5, reference="pay_1"), NOW_MS)
    assert booked.booking is Booking.BOOKED
    assert (await gateway.ask(payer, "req_2", 5)).verdict is Verdict.ADMITTED
    assert await gateway.ledger.record.unpublished_entries() == []


async def test_the_same_reference_tops_up_once(gateway: Gateway, acme: Payer) -> None:
    spec = EntrySpec(7, reference="pay_1")
    first = await gateway.ledger.book(acme.id, spec, NOW_MS)
    again = await asyncio.gather(*(gateway.ledger.book(acme.id, spec, NOW_MS) for _ in range(5)))
    assert {(one.booking, one.entry) for one in again} == {(Booking.ALREADY, first.entry)}
    assert (await gateway.ledger.account(acme.id)).credit_micro == 1007


async def test_what_is_taken_away_is_gone_at_once(gateway: Gateway, acme: Payer) -> None:
    assert (await gateway.ledger.book(acme.id, TAKE, NOW_MS)).booking is Booking.BOOKED
    assert (await gateway.ledger.account(acme.id)).credit_micro == 700


async def test_no_more_is_taken_than_there_is(gateway: Gateway, acme: Payer) -> None:
    much = replace(TAKE, amount_micro=-1001)
    refused = await gateway.ledger.book(acme.id, much, NOW_MS)
    assert (refused.booking, refused.entry) == (Booking.INSUFFICIENT, None)
    assert len(await gateway.ledger.record.entries(acme.id)) == 1


async def test_what_running_requests_hold_is_not_taken(gateway: Gateway, acme: Payer) -> None:
    """SQL knows no holds: Redis refuses and the entry is reversed, also when asked again."""
    await gateway.ask(acme, "req_1", 800)
    spec = replace(TAKE, reference="mistake")
    refused = await gateway.ledger.book(acme.id, spec, NOW_MS)
    assert refused.booking is Booking.INSUFFICIENT
    assert refused.entry is not None
    await gateway.settle(acme, "req_1", 0)
    again = await gateway.ledger.book(acme.id, spec, NOW_MS)
    assert (again.booking, again.entry) == (Booking.INSUFFICIENT, refused.entry)
    amounts = [entry.amount_micro for entry in await gateway.ledger.record.entries(acme.id)]
    assert sorted(amounts) == [-300, 300, 1000]
    assert (await gateway.ledger.account(acme.id)).credit_micro == 1000
    assert await gateway.ledger.publish() == 0


async def test_of_many_who_take_at_once_only_as_many_as_there_is(
    gateway: Gateway, acme: Payer
) -> None:
    booked = await asyncio.gather(*(gateway.ledger.book(acme.id, TAKE, NOW_MS) for _ in range(8)))
    assert [one.booking for one in booked].count(Booking.BOOKED) == 3
    assert (await gateway.ledger.account(acme.id)).credit_micro == 100
    assert await gateway.ledger.record.balance(acme.id) == Balance(100, 0)
    assert (await reconcile(gateway.ledger)).clean


async def test_one_account_that_redis_refuses_does_not_keep_the_others(
    gateway: Gateway, acme: Payer
) -> None:
    other = await gateway.payer("other", 10)
    await gateway.redis("SET", gateway.account_key(acme), "not an account")
    for payer in (acme, other):
        await gateway.ledger.record.add_entry(payer.id, EntrySpec(5), NOW_MS)
        plan = PlanSpec("p", 50, PlanPeriod.DAY)
        await gateway.ledger.record.assign_plan(payer.id, plan, NOW_MS)
    with pytest.raises(StoreRefused):
        await gateway.ledger.publish()
    with pytest.raises(StoreRefused):
        await gateway.ledger.turn_plans(NOW_MS)
    account = await gateway.ledger.account(other.id)
    assert (account.credit_micro, account.allowance_micro) == (15, 50)


async def test_a_code_is_redeemed_for_the_very_next_request(gateway: Gateway) -> None:
    payer = await gateway.payer("poor", 0)
    [(_, text)] = await gateway.ledger.record.create_codes(1, 50, NOW_MS)
    redeemed = await gateway.ledger.redeem(text.lower(), payer.id, NOW_MS)
    assert redeemed.redemption is Redemption.REDEEMED
    assert (await gateway.ledger.account(payer.id)).credit_micro == 50
    again = await gateway.ledger.redeem(text, payer.id, NOW_MS)
    assert again.redemption is Redemption.ALREADY
    assert (await gateway.ledger.redeem("no code", payer.id, NOW_MS)).redemption is (
        Redemption.UNKNOWN
    )
    assert (await gateway.ledger.account(payer.id)).credit_micro == 50


async def test_a_mode_counts_from_the_next_request_on(gateway: Gateway) -> None:
    payer = await gateway.payer("poor", 0)
    await gateway.ledger.set_mode(payer.id, AccountMode.OPEN)
    assert (await gateway.ask(payer, "req_1", 5)).verdict is Verdict.ADMITTED
    await gateway.ledger.set_mode(payer.id, AccountMode.PREPAID)
    assert (await gateway.ask(payer, "req_2", 5)).verdict is Verdict.INSUFFICIENT_CREDIT
    assert await gateway.ledger.record.unpublished_accounts() == []


async def test_a_mode_alone_makes_no_empty_account(gateway: Gateway, acme: Payer) -> None:
    await gateway.redis("FLUSHALL")
    await gateway.ledger.set_mode(acme.id, AccountMode.OPEN)
    account = await gateway.ledger.hot.account(acme.customer.shard, acme.id)
    assert account == Account(AccountMode.OPEN, 1000, version=2)


async def test_limits_count_from_the_next_request_on(gateway: Gateway, acme: Payer) -> None:
    await gateway.ledger.set_customer_limits(acme.id, ((LimitKind.REQUESTS, 3),), NOW_MS)
    await gateway.ledger.set_key_limits(acme.key.id, ((LimitKind.TOKENS, 9),), NOW_MS)
    admission = await gateway.ask(acme, "req_1", 5)
    assert admission.facts is not None
    assert [(one.scope, one.kind, one.most) for one in admission.facts.limits] == [
        (f"key:{acme.key.id}", LimitKind.TOKENS, 9),
        (f"customer:{acme.id}", LimitKind.REQUESTS, 3),
    ]
    assert await gateway.ledger.publish() == 0


async def test_an_account_that_redis_forgot_is_made_of_the_entries(
    gateway: Gateway, acme: Payer
) -> None:
    """And a customer whom it forgot does not run free."""
    await gateway.pay(acme, "req_1", 400)
    await gateway.drain()
    await gateway.redis("FLUSHALL")
    await gateway.ledger.warm()
    assert (await gateway.ask(acme, "req_2", 600)).verdict is Verdict.ADMITTED
    assert (await gateway.ask(acme, "req_3", 1)).verdict is Verdict.INSUFFICIENT_CREDIT


async def test_there_is_no_account_without_a_customer(gateway: Gateway) -> None:
    for nobody in (
        gateway.ledger.account("cus_nobody"),
        gateway.ledger.book("cus_nobody", EntrySpec(5), NOW_MS),
        gateway.ledger.set_mode("cus_nobody", AccountMode.OPEN),
        gateway.ledger.set_customer_limits("cus_nobody", (), NOW_MS),
    ):
        with pytest.raises(NotFound):
            await nobody


async def test_money_that_came_while_redis_was_away_arrives_once(
    own_redis: RedisServer, sqlite_url: str
) -> None:
    hasty = HotStore.connect(own_redis.url, timeouts=Timeouts(patience_ms=100))
    ledger = Ledger(hasty, Record.connect(sqlite_url))
    await ledger.record.migrate()
    customer = await ledger.create_customer("acme", NOW_MS, AccountMode.PREPAID)
    await ledger.book(customer.id, EntrySpec(100), NOW_MS)
    own_redis.kill()
    spec = EntrySpec(23, reference="pay_2")
    assert (await ledger.book(customer.id, spec, NOW_MS)).booking is Booking.PENDING
    assert (await ledger.book(customer.id, spec, NOW_MS)).booking is Booking.PENDING
    with pytest.raises(StoreUnavailable):
        await ledger.set_mode(customer.id, AccountMode.OPEN)
    account = await ledger.account(customer.id)
    assert (account.credit_micro, account.mode) == (123, AccountMode.OPEN)
    own_redis.start()
    await until(lambda: answers(ledger.hot))
    assert await ledger.publish() == 2
    account = await ledger.account(customer.id)
    assert (account.credit_micro, account.mode) == (123, AccountMode.OPEN)
    assert await ledger.publish() == 0
    assert (await ledger.book(customer.id, spec, NOW_MS)).booking is Booking.ALREADY
    await ledger.close()
