"""Races on a real Redis: whatever happens at once, one request id gives one record."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from ledger.model import Outcome, Settled, UsageRecord, Verdict
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
