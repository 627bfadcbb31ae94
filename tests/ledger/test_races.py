"""Races on a real Redis: whatever happens at once, one request id gives one record, no balance pays
for more than it has, and no limit lets more pass than it says."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from ledger.model import (
    Account,
    AccountMode,
    Admission,
    Applied,
    Limit,
    LimitKind,
    Outcome,
    Pot,
    Settled,
    UsageRecord,
    Verdict,
)
from ledger.records import decode_record
from ledger.store.hot import HotStore
from tests.ledger.samples import (
    FACTS,
    KEY_HASH,
    LEASE_MS,
    NOW_MS,
    SHARD,
    attempt_of,
    settlement_of,
)

CALLERS = 64
PAYER = "cus_1"


@pytest.fixture
async def stores(redis_url: str) -> AsyncIterator[list[HotStore]]:
    """Eight workers' connections: what one connection orders, eight do not."""
    async with AsyncExitStack() as stack:
        opened = [HotStore.connect(redis_url) for _ in range(8)]
        for store in opened:
            stack.push_async_callback(store.close)
        await opened[0].put_key(SHARD, KEY_HASH, FACTS)
        yield opened


async def streamed(store: HotStore) -> list[UsageRecord]:
    entries = await store.wire.call("XRANGE", f"{{s{SHARD}}}:stream", "-", "+")
    return [decode_record(fields[1]) for _, fields in entries]


async def test_64_settlements_of_one_request_are_one_record(stores: list[HotStore]) -> None:
    await stores[0].admit(attempt_of("req_1"))
    results = await asyncio.gather(
        *(stores[n % 8].settle(settlement_of("req_1", latency_ms=n)) for n in range(CALLERS))
    )
    assert results.count(Settled.SETTLED) == 1
    assert results.count(Settled.ALREADY) == CALLERS - 1
    [record] = await streamed(stores[0])
    assert record.latency_ms == results.index(Settled.SETTLED)


async def test_64_attempts_of_one_request_leave_the_last_one_its_lease(
    stores: list[HotStore],
) -> None:
    order = random.Random(1).sample(range(1, CALLERS + 1), CALLERS)
    results = await asyncio.gather(
        *(stores[n % 8].admit(attempt_of("req_1", f"w{n}", n)) for n in order)
    )
    assert {result.verdict for result in results} <= {Verdict.ADMITTED, Verdict.DUPLICATE}
    [lease] = await stores[0].lapsed(NOW_MS + LEASE_MS)
    assert (lease.worker_id, lease.attempt) == (f"w{CALLERS}", CALLERS)
    settled = await asyncio.gather(
        *(stores[n % 8].settle(settlement_of("req_1", f"w{n}", n)) for n in order)
    )
    assert settled.count(Settled.SETTLED) == 1
    assert settled[order.index(CALLERS)] is Settled.SETTLED
    assert len(await streamed(stores[0])) == 1


async def test_admission_and_settlement_at_once_are_one_record(stores: list[HotStore]) -> None:
    async def caller(number: int) -> tuple[Verdict, Settled]:
        store = stores[number % 8]
        admission = await store.admit(attempt_of("req_1", "w0"))
        return admission.verdict, await store.settle(settlement_of("req_1", "w0"))

    results = await asyncio.gather(*(caller(number) for number in range(CALLERS)))
    assert [settled for _, settled in results].count(Settled.SETTLED) == 1
    assert {verdict for verdict, _ in results} <= {Verdict.ADMITTED, Verdict.DUPLICATE}
    assert len(await streamed(stores[0])) == 1
    assert await stores[0].lapsed(NOW_MS + LEASE_MS) == []


async def test_expiry_and_settlement_at_once_settle_each_request_once(
    stores: list[HotStore],
) -> None:
    """Three sweepers, one of them for a dead worker, against the workers that finish after all."""
    requests = [f"req_{number}" for number in range(150)]
    for request_id in requests:
        await stores[0].admit(attempt_of(request_id))
    late_ms = NOW_MS + LEASE_MS
    sweeps = [store.expire(late_ms) for store in stores[:2]]
    sweeps.append(stores[2].expire(late_ms, worker_id="w0"))
    settling = [stores[3].settle(settlement_of(request_id)) for request_id in requests]
    ended = await asyncio.gather(asyncio.gather(*sweeps), asyncio.gather(*settling))
    lost, settled = sum(ended[0]), ended[1].count(Settled.SETTLED)
    assert lost + settled == len(requests)
    records = await streamed(stores[0])
    assert sorted(record.request_id for record in records) == sorted(requests)
    assert [record.outcome for record in records].count(Outcome.LOST) == lost
    assert await stores[0].lapsed(late_ms) == []


async def test_a_renewal_that_succeeded_is_never_followed_by_expiry(
    stores: list[HotStore],
) -> None:
    """Expiry read the lease before it was renewed: then one of the two must fail."""
    for number in range(100):
        await stores[0].admit(attempt_of(f"req_{number}"))
    late_ms = NOW_MS + LEASE_MS
    renewals = [
        stores[1].renew(f"req_{number}", SHARD, "w0", late_ms, LEASE_MS, b"{}")
        for number in range(100)
    ]
    lost, *renewed = await asyncio.gather(stores[2].expire(late_ms), *renewals)
    assert lost == renewed.count(False)
    assert len(await stores[0].lapsed(late_ms + LEASE_MS)) == renewed.count(True)


async def ask_at_once(stores: list[HotStore], **changes: Any) -> list[Admission]:
    """64 callers, each with a request of its own, over eight connections."""
    return await asyncio.gather(
        *(
            stores[number % 8].admit(
                attempt_of(f"req_{number}", f"w{number % 8}", customer_id=PAYER, **changes)
            )
            for number in range(CALLERS)
        )
    )


def admitted(admissions: list[Admission]) -> list[int]:
    return [n for n, one in enumerate(admissions) if one.verdict is Verdict.ADMITTED]


async def test_of_64_callers_on_a_balance_that_pays_for_10_exactly_10_pass(
    stores: list[HotStore],
) -> None:
    hot = stores[0]
    await hot.set_account(SHARD, PAYER, Account(AccountMode.PREPAID, credit_micro=10 * 700 + 699))
    admissions = await ask_at_once(stores, hold_micro=700, min_hold_micro=700)
    passed = admitted(admissions)
    assert len(passed) == 10
    refused = [one for one in admissions if one.verdict is not Verdict.ADMITTED]
    assert {one.verdict for one in refused} == {Verdict.INSUFFICIENT_CREDIT}
    assert {one.balance_micro for one in refused} == {699}
    assert sum(hold.held_micro for hold in await hot.holds(SHARD)) == 7000
    costs = {number: random.Random(number).randrange(701) for number in passed}
    await asyncio.gather(
        *(
            stores[(number + again) % 8].settle(
                settlement_of(f"req_{number}", f"w{number % 8}", cost_micro=cost)
            )
            for number, cost in costs.items()
            for again in range(3)
        )
    )
    account = Account(AccountMode.PREPAID, credit_micro=7699 - sum(costs.values()))
    assert await hot.account(SHARD, PAYER) == account


async def test_64_callers_who_take_what_they_can_get_never_take_more_than_there_is(
    stores: list[HotStore],
) -> None:
    """Credit and allowance together; each asks for another amount."""
    hot = stores[0]
    start = Account(AccountMode.PREPAID, 3000, 2000, NOW_MS + 1)
    await hot.set_account(SHARD, PAYER, start)
    granted = await asyncio.gather(
        *(
            stores[number % 8].admit(
                attempt_of(f"req_{number}", customer_id=PAYER, hold_micro=90 + number)
            )
            for number in range(CALLERS)
        )
    )
    assert sum(one.granted_micro for one in granted) == 5000
    account = await hot.account(SHARD, PAYER)
    assert account is not None
    assert (account.held_micro, account.available_micro(NOW_MS)) == (5000, 0)


@pytest.mark.parametrize(
    ("kind", "most", "passes"),
    [
        (LimitKind.REQUESTS, 10, 10),
        (LimitKind.REQUESTS, 63, 63),
        (LimitKind.TOKENS, 1000, 10),
        (LimitKind.CONCURRENCY, 10, 10),
        (LimitKind.SPEND_DAY, 709, 10),
        (LimitKind.SPEND_MONTH, 70, 1),
    ],
)
async def test_of_64_callers_on_a_limit_exactly_so_many_pass(
    stores: list[HotStore], kind: LimitKind, most: int, passes: int
) -> None:
    limit = Limit("key:key_1", kind, most)
    admissions = await ask_at_once(
        stores, limits=(limit,), hold_tokens=100, hold_micro=70, min_hold_micro=70
    )
    assert len(admitted(admissions)) == passes
    refused = [one.refused for one in admissions if one.verdict is Verdict.OVER_LIMIT]
    assert len(refused) == CALLERS - passes
    assert all(state is not None and state.limit == limit for state in refused)


async def test_so_many_per_minute_stay_so_many_for_as_long_as_all_keep_asking(
    stores: list[HotStore],
) -> None:
    """64 callers ask again every 100 ms of a minute: 100 at once, and then 100 evenly."""
    limit = Limit("key:key_1", LimitKind.REQUESTS, 100)
    passed = []
    for tick in range(1, 601):
        asking = (
            stores[caller % 8].admit(
                attempt_of(f"{tick}_{caller}", now_ms=NOW_MS + tick * 100, limits=(limit,))
            )
            for caller in range(CALLERS if tick < 9 else 3)
        )
        passed.append(len(admitted(await asyncio.gather(*asking))))
    assert passed[:3] == [64, 36, 0]
    assert sum(passed) == 100 + 99
    later = [sum(passed[start : start + 60]) for start in range(60, 600, 60)]
    assert later == [10] * 9


async def test_one_entry_told_64_times_is_applied_once(stores: list[HotStore]) -> None:
    hot = stores[0]
    await hot.set_account(SHARD, PAYER, Account(AccountMode.PREPAID))
    told = await asyncio.gather(
        *(
            stores[n % 8].apply_entry(SHARD, PAYER, "ent_1", Pot.CREDIT, 500, NOW_MS)
            for n in range(CALLERS)
        )
    )
    assert told.count(Applied.APPLIED) == 1
    assert told.count(Applied.ALREADY) == CALLERS - 1
    assert await hot.account(SHARD, PAYER) == Account(AccountMode.PREPAID, 500)


async def test_holds_and_withdrawals_at_once_share_what_there_is(stores: list[HotStore]) -> None:
    hot = stores[0]
    await hot.set_account(SHARD, PAYER, Account(AccountMode.PREPAID, credit_micro=1000))
    withdrawals = [
        stores[n % 8].apply_entry(SHARD, PAYER, f"ent_{n}", Pot.CREDIT, -100, NOW_MS)
        for n in range(32)
    ]
    asking = ask_at_once(stores, hold_micro=100, min_hold_micro=100)
    admissions, taken = await asyncio.gather(asking, asyncio.gather(*withdrawals))
    assert len(admitted(admissions)) + taken.count(Applied.APPLIED) == 10
    account = await hot.account(SHARD, PAYER)
    assert account is not None
    assert account.credit_micro == account.held_micro == 100 * len(admitted(admissions))


async def test_a_crowd_on_every_limit_leaves_nothing_behind(stores: list[HotStore]) -> None:
    """Callers that pass, finish, die and are swept; in the end all places and money are free."""
    hot, dice = stores[0], random.Random(4)
    await hot.set_account(SHARD, PAYER, Account(AccountMode.PREPAID, credit_micro=10**6))
    limits = (
        Limit("key:key_1", LimitKind.CONCURRENCY, 20),
        Limit(f"customer:{PAYER}", LimitKind.SPEND_DAY, 10**6),
    )

    async def caller(number: int) -> int:
        store, name = stores[number % 8], f"req_{number}"
        request = attempt_of(
            name, f"w{number % 8}", customer_id=PAYER, hold_micro=900, limits=limits
        )
        if (await store.admit(request)).verdict is not Verdict.ADMITTED or dice.random() < 0.2:
            return 0
        cost = dice.randrange(900)
        other = stores[dice.randrange(8)]  # often one that did not admit it
        await other.settle(settlement_of(name, f"w{number % 8}", cost_micro=cost))
        return cost

    costs = await asyncio.gather(*(caller(number) for number in range(400)))
    left = [hold for hold in await hot.holds(SHARD) if hold.held_micro]
    assert 0 < len(left) <= 20
    account = await hot.account(SHARD, PAYER)
    assert account is not None
    assert account.held_micro == sum(hold.held_micro for hold in left)
    lost = sum(await asyncio.gather(*(s.expire(NOW_MS + LEASE_MS) for s in stores)))
    assert lost == len(left)
    metered = 70 * lost  # what the notes say
    left_micro = 10**6 - sum(costs) - metered
    assert await hot.account(SHARD, PAYER) == Account(AccountMode.PREPAID, left_micro)
    assert await hot.wire.call("KEYS", f"{{s{SHARD}}}:run:*") == []
    [spent] = await hot.wire.call("KEYS", f"{{s{SHARD}}}:spend:*")
    assert int(await hot.wire.call("GET", spent)) == sum(costs) + metered
