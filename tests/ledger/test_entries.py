"""Entries: added once, listed, summed; on SQLite and PostgreSQL."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from ledger.entries import MAX_AMOUNT_MICRO, Balance, Entry, EntryKind, EntrySpec
from ledger.errors import Conflict, NotFound
from ledger.model import AccountMode, Customer, LimitKind, Pot
from ledger.store.record import Record
from ledger.store.usage_rows import Arrival
from tests.ledger.samples import NOW_MS, record_of

TOPUP = EntrySpec(1000, actor="ada", reason="invoice 7", reference="pay_1")


@pytest.fixture
async def customer(record: Record) -> Customer:
    return await record.create_customer("acme", NOW_MS)


def charged(request_id: str, credit: int, allowance: int, **changes: Any) -> Arrival:
    settled = record_of(
        request_id,
        charged_credit_micro=credit,
        charged_allowance_micro=allowance,
        cost_micro=credit + allowance,
        **changes,
    )
    return Arrival(settled, f"7/{NOW_MS}-{request_id[-1]}", NOW_MS)


async def test_an_entry_is_kept_as_it_was_said(record: Record, customer: Customer) -> None:
    entry, new = await record.add_entry(customer.id, TOPUP, NOW_MS)
    assert new
    assert entry == Entry(
        id=entry.id,
        customer_id=customer.id,
        pot=Pot.CREDIT,
        kind=EntryKind.TOPUP,
        amount_micro=1000,
        request_id=None,
        reference="pay_1",
        actor="ada",
        reason="invoice 7",
        created_at_ms=NOW_MS,
    )
    assert await record.entry(entry.id) == entry
    assert await record.entries(customer.id) == await record.bookings() == [entry]
    assert await record.entry_by_reference("pay_1") == entry
    assert await record.entry_by_reference("pay_2") is None
    with pytest.raises(NotFound):
        await record.entry("ent_nothing")


async def test_the_same_reference_is_the_same_entry(record: Record, customer: Customer) -> None:
    first, _ = await record.add_entry(customer.id, TOPUP, NOW_MS)
    again = await record.add_entry(customer.id, replace(TOPUP, reason="typo"), NOW_MS + 5)
    assert again == (first, False)
    tries = [record.add_entry(customer.id, TOPUP, NOW_MS) for _ in range(6)]
    assert {entry.id for entry, _ in await asyncio.gather(*tries)} == {first.id}
    assert await record.balance(customer.id) == Balance(1000, 0)


@pytest.mark.parametrize("change", [{"amount_micro": 1001}, {"pot": Pot.ALLOWANCE}])
async def test_a_reference_is_not_used_for_another_entry(
    record: Record, customer: Customer, change: dict[str, Any]
) -> None:
    await record.add_entry(customer.id, TOPUP, NOW_MS)
    with pytest.raises(Conflict):
        await record.add_entry(customer.id, replace(TOPUP, **change), NOW_MS)
    other = await record.create_customer("other", NOW_MS)
    with pytest.raises(Conflict):
        await record.add_entry(other.id, TOPUP, NOW_MS)


async def test_without_a_reference_every_entry_is_a_new_one(
    record: Record, customer: Customer
) -> None:
    spec = replace(TOPUP, reference=None)
    made = [await record.add_entry(customer.id, spec, NOW_MS) for _ in range(2)]
    assert len({entry.id for entry, new in made if new}) == 2
    assert await record.balance(customer.id) == Balance(2000, 0)


async def test_nobody_gets_an_entry_who_is_not_there(record: Record) -> None:
    with pytest.raises(NotFound):
        await record.add_entry("cus_nobody", TOPUP, NOW_MS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount_micro": 0},
        {"amount_micro": MAX_AMOUNT_MICRO + 1},
        {"amount_micro": -1},
        {"reference": ""},
        {"reference": "r" * 257},
        {"reason": "r" * 1025},
        {"actor": "a\0"},
    ],
)
def test_what_no_entry_may_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        replace(TOPUP, **wrong)


def test_an_adjustment_may_take_away() -> None:
    assert EntrySpec(-1, EntryKind.ADJUSTMENT).amount_micro == -1


async def test_a_settled_request_makes_the_entries_of_its_charges(
    record: Record, customer: Customer
) -> None:
    theirs = {"customer_id": customer.id}
    arrivals = [
        charged("req_1", 30, 12, **theirs),
        charged("req_2", 5, 0, **theirs),
        charged("req_3", 0, 0, **theirs),
    ]
    assert await record.add_arrivals(arrivals) == []
    found = await record.entries(customer.id)
    assert {(e.request_id, e.pot, e.amount_micro, e.kind) for e in found} == {
        ("req_1", Pot.CREDIT, -30, EntryKind.CHARGE),
        ("req_1", Pot.ALLOWANCE, -12, EntryKind.CHARGE),
        ("req_2", Pot.CREDIT, -5, EntryKind.CHARGE),
    }
    assert await record.balance(customer.id) == Balance(-35, -12)
    assert await record.unpublished_entries() == []
    assert await record.bookings() == []


async def test_a_charge_is_made_once_whatever_comes_twice(
    record: Record, customer: Customer
) -> None:
    first = charged("req_1", 30, 0, customer_id=customer.id)
    other = replace(charged("req_1", 99, 1, customer_id=customer.id), stream_id="7/9-9")
    assert await record.add_arrivals([first]) == []
    [(came, kept)] = await record.add_arrivals([first])
    assert (came, kept.stream_id, kept.credit_micro) == (first, first.stream_id, 30)
    [(came, kept)] = await record.add_arrivals([other])
    assert (came, kept.stream_id, kept.allowance_micro) == (other, first.stream_id, 0)
    new = charged("req_2", 1, 0, customer_id=customer.id)
    [(came, kept)] = await record.add_arrivals([new, replace(new, stream_id="7/8-8")])
    assert (came.stream_id, kept.stream_id) == ("7/8-8", new.stream_id)
    results = await asyncio.gather(
        *(record.add_arrivals([charged("req_5", 7, 0, customer_id=customer.id)]) for _ in range(4))
    )
    assert sorted(len(again) for again in results) == [0, 1, 1, 1]
    assert await record.balance(customer.id) == Balance(-38, 0)


async def test_entries_are_listed_newest_first_page_by_page(
    record: Record, customer: Customer
) -> None:
    """Also when several were made in the same millisecond."""
    for number in range(7):
        spec = EntrySpec(number + 1, reason=str(number))
        await record.add_entry(customer.id, spec, NOW_MS + number // 3)
    pages: list[Entry] = []
    before = None
    while page := await record.entries(customer.id, 2, before):
        pages += page
        before = (page[-1].created_at_ms, page[-1].id)
    assert len({entry.id for entry in pages}) == 7
    times = [entry.created_at_ms for entry in pages]
    assert times == sorted(times, reverse=True)
    assert [e.id for e in await record.bookings()] == [e.id for e in pages]
    assert await record.bookings(since_ms=NOW_MS + 2) == pages[:1]


async def test_entries_are_listed_by_pot_and_kind(record: Record, customer: Customer) -> None:
    await record.add_entry(customer.id, TOPUP, NOW_MS)
    await record.add_entry(customer.id, EntrySpec(-5, EntryKind.ADJUSTMENT), NOW_MS)
    await record.add_arrivals([charged("req_1", 3, 4, customer_id=customer.id)])
    assert len(await record.entries(customer.id, pot=Pot.ALLOWANCE)) == 1
    [adjustment] = await record.entries(customer.id, kinds=[EntryKind.ADJUSTMENT])
    assert adjustment.amount_micro == -5
    assert len(await record.entries(customer.id, kinds=[EntryKind.CHARGE, EntryKind.TOPUP])) == 3


async def test_balances_of_all_customers_come_at_once(record: Record, customer: Customer) -> None:
    other = await record.create_customer("other", NOW_MS)
    await record.create_customer("none", NOW_MS)
    await record.add_entry(customer.id, TOPUP, NOW_MS)
    await record.add_entry(other.id, EntrySpec(5, pot=Pot.ALLOWANCE), NOW_MS)
    await record.add_arrivals([charged("req_1", 10, 0, customer_id=customer.id)])
    assert await record.balances() == {customer.id: Balance(990, 0), other.id: Balance(0, 5)}
    assert await record.balance("cus_nobody") == Balance()


async def test_what_redis_was_not_told_waits_and_is_left_out_of_its_account(
    record: Record, customer: Customer
) -> None:
    first, _ = await record.add_entry(customer.id, TOPUP, NOW_MS)
    second, _ = await record.add_entry(customer.id, EntrySpec(7), NOW_MS + 1)
    assert await record.unpublished_entries() == [first, second]
    assert await record.unpublished_entries(1) == [first]
    assert await record.published_balance(customer.id) == Balance()
    await record.entry_published(first.id)
    assert await record.unpublished_entries() == [second]
    assert await record.published_balance(customer.id) == Balance(1000, 0)
    assert await record.balance(customer.id) == Balance(1007, 0)


async def test_what_redis_refused_is_taken_back_by_another_entry(
    record: Record, customer: Customer
) -> None:
    taken, _ = await record.add_entry(
        customer.id, EntrySpec(-5, EntryKind.ADJUSTMENT, reason="x"), NOW_MS
    )
    reversals = await asyncio.gather(*(record.reverse_entry(taken, NOW_MS) for _ in range(3)))
    assert {one.amount_micro for one in reversals} == {5}
    assert len(await record.entries(customer.id)) == 2
    assert await record.entry(taken.id) == taken
    assert await record.unpublished_entries() == []
    assert await record.balance(customer.id) == Balance()


async def test_a_customer_is_open_unless_said_otherwise(record: Record) -> None:
    one = await record.create_customer("one", NOW_MS)
    two = await record.create_customer("two", NOW_MS + 1, AccountMode.PREPAID)
    assert [c.mode for c in await record.customers()] == [AccountMode.OPEN, AccountMode.PREPAID]
    assert await record.unpublished_accounts() == []
    changed = await record.set_mode(one.id, AccountMode.PREPAID)
    assert changed == replace(one, mode=AccountMode.PREPAID)
    [facts] = await record.unpublished_accounts()
    assert (facts.customer_id, facts.shard, facts.mode) == (one.id, one.shard, AccountMode.PREPAID)
    await record.account_published(facts)
    assert await record.unpublished_accounts() == []
    assert await record.account_facts(two.id) is not None
    assert await record.account_facts("cus_nobody") is None
    with pytest.raises(NotFound):
        await record.set_mode("cus_nobody", AccountMode.OPEN)


async def test_limits_of_a_customer_are_kept(record: Record) -> None:
    limits = ((LimitKind.SPEND_DAY, 5_000_000), (LimitKind.REQUESTS, 60))
    one = await record.create_customer("one", NOW_MS, limits=limits)
    assert dict(one.limits) == dict(limits)
    changed = await record.set_customer_limits(one.id, ((LimitKind.TOKENS, 7),), NOW_MS)
    assert changed.limits == ((LimitKind.TOKENS, 7),)
    assert await record.customer(one.id) == changed
    with pytest.raises(ValueError):
        await record.set_customer_limits(one.id, ((LimitKind.TOKENS, -1),), NOW_MS)
    with pytest.raises(NotFound):
        await record.set_customer_limits("cus_nobody", (), NOW_MS)
