"""The writer in this process: what is settled is in SQL once, and Redis forgets it only then."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
from sqlalchemy import select, update

from ledger.entries import Balance, EntrySpec
from ledger.errors import BadRecord, StoreUnavailable
from ledger.keys import KeyHandle
from ledger.ledger import Ledger
from ledger.model import AccountMode, KeySpec, Outcome, UsageRecord
from ledger.plans import PlanPeriod, PlanSpec
from ledger.records import encode_record
from ledger.schema import usage, usage_days
from ledger.store.hot import HotStore
from ledger.store.streams import Streams
from ledger.store.usage_rows import Arrival
from ledger.writer import Settings, Writer
from tests.ledger.conftest import until
from tests.ledger.samples import (
    FACTS,
    KEY_HASH,
    NOW_MS,
    SHARD,
    attempt_of,
    record_of,
    settlement_of,
)

CONSUMER = "writer-a"
STREAM = f"{{s{SHARD}}}:stream"


@pytest.fixture
async def ledger(redis_url: str, sql_url: str) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(redis_url, sql_url, migrate=True)
    yield opened
    await opened.close()


@pytest.fixture
async def streams(redis_url: str) -> AsyncIterator[Streams]:
    """What the writer would see, under its own name."""
    opened = Streams(redis_url, CONSUMER, block_ms=10)
    yield opened
    await opened.close()


@asynccontextmanager
async def writing(ledger: Ledger, url: str, **settings: Any) -> AsyncIterator[None]:
    stop = asyncio.Event()
    numbers: dict[str, Any] = {"sweep_ms": 20, "block_ms": 20, "claim_idle_ms": 60_000} | settings
    writer = Writer(Settings(url, "", CONSUMER, **numbers), ledger, stop)
    running = asyncio.create_task(writer.run())
    try:
        yield
    finally:
        stop.set()
        await running


async def settle_some(hot: HotStore, count: int, name: str = "req") -> list[UsageRecord]:
    settlements = [settlement_of(f"{name}_{number}") for number in range(count)]
    await asyncio.gather(*(hot.settle(settlement) for settlement in settlements))
    return [settlement.record for settlement in settlements]


async def written(ledger: Ledger, count: int) -> list[UsageRecord]:
    """Waits for so many records; gives them all, in the order of their names."""

    async def enough() -> bool:
        return await ledger.record.usage_count() >= count

    await until(enough)
    found = await ledger.record.usage_of_key("key_1", 0, NOW_MS * 2, 1000)
    return sorted(found, key=name_of)


def name_of(record: UsageRecord) -> tuple[str, int]:
    name, number = record.request_id.rsplit("_", 1)
    return name, int(number)


async def dead(ledger: Ledger) -> list[bytes]:
    entries = await ledger.hot.wire.call("XRANGE", f"{{s{SHARD}}}:dead", "-", "+")
    return [fields[1] for _, fields in entries]


async def test_what_is_settled_is_in_sql_and_the_streams_are_empty(
    ledger: Ledger, redis_url: str, streams: Streams
) -> None:
    before = await settle_some(ledger.hot, 20, "before")
    async with writing(ledger, redis_url):
        assert await written(ledger, 20) == before
        during = await settle_some(ledger.hot, 20, "during")
        assert await written(ledger, 40) == before + during
    assert await streams.backlog() == 0
    assert await streams.read_own(100) == []


async def test_the_order_to_stop_finds_everything_written(
    ledger: Ledger, redis_url: str, streams: Streams
) -> None:
    async with writing(ledger, redis_url):
        await settle_some(ledger.hot, 700)
    assert await ledger.record.usage_count() == 700
    assert await streams.backlog() == 0


async def test_an_unreadable_entry_is_put_aside_and_logged_without_content(
    ledger: Ledger, redis_url: str, streams: Streams
) -> None:
    await ledger.hot.wire.call("XADD", STREAM, "*", "record", "a secret, no record")
    await ledger.hot.wire.call("XADD", STREAM, "*", "another-field", "x")
    good = await settle_some(ledger.hot, 1)
    with structlog.testing.capture_logs() as logs:
        async with writing(ledger, redis_url):
            assert await written(ledger, 1) == good
    assert await dead(ledger) == [b"a secret, no record", b""]
    assert await streams.backlog() == 0
    assert [entry["event"] for entry in logs].count("record_unreadable") == 2
    assert "secret" not in repr(logs)


async def test_one_record_that_sql_refuses_does_not_hold_up_the_others(
    ledger: Ledger, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_arrivals = ledger.record.add_arrivals

    async def picky(arrivals: Sequence[Arrival]) -> object:
        if any(one.record.request_id == "req_3" for one in arrivals):
            raise BadRecord
        return await add_arrivals(arrivals)

    monkeypatch.setattr(ledger.record, "add_arrivals", picky)
    records = await settle_some(ledger.hot, 6)
    async with writing(ledger, redis_url):
        assert await written(ledger, 5) == records[:3] + records[4:]
    assert len(await dead(ledger)) == 1


async def test_what_a_crashed_writer_had_read_is_written_by_its_successor(
    ledger: Ledger, redis_url: str, streams: Streams
) -> None:
    """Once read, once read and committed but not yet retired."""
    records = await settle_some(ledger.hot, 10)
    await streams.create_groups()
    assert len(await streams.read_new(100, block=False)) == 10
    await ledger.record.add_usage(records[:5])
    async with writing(ledger, redis_url):
        assert await written(ledger, 10) == records
    assert await streams.backlog() == 0


async def test_what_another_dead_writer_had_read_is_claimed(
    ledger: Ledger, redis_url: str, streams: Streams
) -> None:
    records = await settle_some(ledger.hot, 10)
    other = Streams(redis_url, "writer-b", block_ms=10)
    await other.create_groups()
    assert len(await other.read_new(100, block=False)) == 10
    await other.close()
    async with writing(ledger, redis_url, claim_idle_ms=1):
        assert await written(ledger, 10) == records
    assert await streams.backlog() == 0


async def test_an_entry_that_was_deleted_after_being_read_holds_nothing_up(
    ledger: Ledger, redis_url: str, streams: Streams
) -> None:
    await settle_some(ledger.hot, 1, "deleted")
    await streams.create_groups()
    [entry] = await streams.read_new(100, block=False)
    await ledger.hot.wire.call("XDEL", STREAM, entry.id)
    records = await settle_some(ledger.hot, 2)
    async with writing(ledger, redis_url):
        assert await written(ledger, 2) == records
    assert await ledger.hot.wire.call("XPENDING", STREAM, "writers") == [0, None, None, None]


async def test_sql_that_is_away_is_waited_for(
    ledger: Ledger, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_arrivals = ledger.record.add_arrivals
    faults = iter(range(3))

    async def flaky(arrivals: Sequence[Arrival]) -> object:
        if arrivals and next(faults, None) is not None:
            raise StoreUnavailable
        return await add_arrivals(arrivals)

    monkeypatch.setattr(ledger.record, "add_arrivals", flaky)
    records = await settle_some(ledger.hot, 5)
    async with writing(ledger, redis_url):
        assert await written(ledger, 5) == records
    assert next(faults, None) is None


async def test_leases_lapse_although_sql_is_away(
    ledger: Ledger, redis_url: str, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> int:
        raise StoreUnavailable

    for name in ("add_arrivals", "unpublished", "all_facts", "due_plans", "sum_older_usage"):
        monkeypatch.setattr(ledger.record, name, away)
    await ledger.hot.put_key(SHARD, KEY_HASH, FACTS)
    await ledger.hot.admit(attempt_of("req_1"))
    async with writing(ledger, redis_url):

        async def settled() -> bool:
            return await ledger.hot.recent_usage(SHARD, "req_1") is not None

        await until(settled)
    assert await streams.backlog() == 1


async def test_a_lapsed_lease_becomes_a_lost_record(ledger: Ledger, redis_url: str) -> None:
    await ledger.hot.put_key(SHARD, KEY_HASH, FACTS)
    await ledger.hot.admit(attempt_of("req_1", "dead-worker"))
    alive = attempt_of("req_2", now_ms=int(time.time() * 1000), lease_ms=600_000)
    await ledger.hot.admit(alive)
    async with writing(ledger, redis_url):
        [record] = await written(ledger, 1)
    assert (record.request_id, record.outcome) == ("req_1", Outcome.LOST)
    assert record.account == "dead-worker"


async def test_after_an_absence_of_redis_workers_have_time_to_say_that_they_live(
    ledger: Ledger, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease ran out while nobody could renew it. Swept at once, what its stream still produces
    would be nobody's to pay."""
    await ledger.hot.put_key(SHARD, KEY_HASH, FACTS)
    await ledger.hot.admit(attempt_of("req_1"))
    expire, sweeps = ledger.hot.expire, 0

    async def away(now_ms: int, worker_id: str | None = None) -> int:
        nonlocal sweeps
        sweeps += 1
        if sweeps == 1:
            raise StoreUnavailable
        return await expire(now_ms, worker_id)

    monkeypatch.setattr(ledger.hot, "expire", away)
    began = time.monotonic()
    async with writing(ledger, redis_url, grace_s=0.5):

        async def settled() -> bool:
            return await ledger.hot.recent_usage(SHARD, "req_1") is not None

        await until(settled)
    assert time.monotonic() - began >= 0.5


async def test_a_redis_that_lost_everything_gets_groups_and_keys_again(
    ledger: Ledger, redis_url: str
) -> None:
    customer = await ledger.create_customer("acme", NOW_MS)
    async with writing(ledger, redis_url):
        await settle_some(ledger.hot, 3, "before")
        await written(ledger, 3)
        await ledger.hot.wire.call("FLUSHALL")
        await settle_some(ledger.hot, 3, "after")
        await written(ledger, 6)
    key, _ = await ledger.create_key(customer.id, KeySpec("ci"), NOW_MS)
    await ledger.hot.wire.call("FLUSHALL")
    async with writing(ledger, redis_url):

        async def known() -> bool:
            return await ledger.hot.key_facts(KeyHandle(key.key_hash, key.shard)) is not None

        await until(known)


async def test_changes_that_redis_was_not_told_are_published(
    ledger: Ledger, redis_url: str
) -> None:
    customer = await ledger.create_customer("acme", NOW_MS)
    key, _ = await ledger.create_key(customer.id, KeySpec("ci"), NOW_MS)
    async with writing(ledger, redis_url):
        await ledger.record.set_disabled(key.id, True, NOW_MS)

        async def disabled() -> bool:
            facts = await ledger.hot.key_facts(KeyHandle(key.key_hash, key.shard))
            return facts is not None and facts.disabled

        await until(disabled)


async def test_money_that_redis_was_not_told_of_is_published(
    ledger: Ledger, redis_url: str
) -> None:
    customer = await ledger.create_customer("acme", NOW_MS, AccountMode.PREPAID)
    await ledger.record.add_entry(customer.id, EntrySpec(9), NOW_MS)
    async with writing(ledger, redis_url):

        async def told() -> bool:
            return not await ledger.record.unpublished_entries()

        await until(told)
    assert (await ledger.account(customer.id)).credit_micro == 9


async def test_plans_turn_by_themselves(ledger: Ledger, redis_url: str) -> None:
    now_ms = int(time.time() * 1000)
    customer = await ledger.create_customer("acme", now_ms, AccountMode.PREPAID)
    plan = PlanSpec("p", 50, PlanPeriod.DAY, until_ms=now_ms + 60_000)
    await ledger.record.assign_plan(customer.id, plan, now_ms)
    async with writing(ledger, redis_url):

        async def turned() -> bool:
            return not await ledger.record.due_plans(now_ms)

        await until(turned)
    assert (await ledger.account(customer.id)).available_micro(now_ms) == 50
    assert await ledger.record.balance(customer.id) == Balance(0, 50)


async def test_charges_of_the_stream_are_entries(ledger: Ledger, redis_url: str) -> None:
    record = encode_record(record_of("req_1"))
    charges = ("credit", 60, "allowance", 7, "uncollected", 3)
    await ledger.hot.wire.call("XADD", STREAM, "*", "record", record, *charges)
    async with writing(ledger, redis_url):
        [written_record] = await written(ledger, 1)
    assert written_record == record_of(
        "req_1", charged_credit_micro=60, charged_allowance_micro=7, uncollected_micro=3
    )
    assert await ledger.record.balance("cus_1") == Balance(-60, -7)


async def test_rows_of_an_older_version_are_summed(ledger: Ledger, redis_url: str) -> None:
    await ledger.record.add_usage([record_of("req_1")])
    async with ledger.record.writing() as connection:
        await connection.execute(update(usage).values(summed=False))
        await connection.execute(usage_days.delete())
    async with writing(ledger, redis_url):

        async def summed() -> bool:
            async with ledger.record.reading() as connection:
                return (await connection.execute(select(usage_days))).first() is not None

        await until(summed)
    [sums] = await ledger.record.usage_sums(0, 2**60)
    assert sums.requests == 1


async def test_two_writers_at_once_write_everything_once(
    ledger: Ledger, redis_url: str, streams: Streams
) -> None:
    stop = asyncio.Event()
    writers = [
        Writer(Settings(redis_url, "", name, 20, 20, claim_idle_ms=1), ledger, stop)
        for name in ("writer-a", "writer-b")
    ]
    running = [asyncio.create_task(writer.run()) for writer in writers]
    for turn in range(10):
        await settle_some(ledger.hot, 30, f"turn{turn}")
    await written(ledger, 300)
    stop.set()
    await asyncio.gather(*running)
    assert await ledger.record.usage_count() == 300
    assert await streams.backlog() == 0


async def test_records_of_all_shards_are_written(ledger: Ledger, redis_url: str) -> None:
    async with writing(ledger, redis_url):
        for number in range(32):
            settlement = settlement_of(f"req_{number}")
            await ledger.hot.wire.call(
                "XADD", f"{{s{number}}}:stream", "*", "record", b"{}" if number == 7 else b"[]"
            )
            await ledger.hot.settle(settlement)
        assert await written(ledger, 32) == [record_of(f"req_{n}", account="w0") for n in range(32)]
