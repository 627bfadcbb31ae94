"""Both stores together: what is changed in SQL is true in Redis with the next request."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from itertools import count

import pytest

from ledger import ledger as ledger_module
from ledger.errors import StoreUnavailable
from ledger.keys import KeyHandle, mint, parse
from ledger.ledger import Ledger
from ledger.model import KeyRow, KeySpec, Verdict
from ledger.store.hot import HotStore
from ledger.store.record import Record, facts_of
from ledger.store.wire import Timeouts
from tests.ledger.conftest import RedisServer, answers, until
from tests.ledger.samples import NOW_MS, attempt_of, record_of, settlement_of


@pytest.fixture
async def ledger(redis_url: str, sqlite_url: str) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(redis_url, sqlite_url, migrate=True)
    yield opened
    await opened.close()


async def new_key(ledger: Ledger) -> tuple[KeyRow, KeyHandle]:
    customer = await ledger.create_customer("acme", NOW_MS)
    key, secret = await ledger.create_key(customer.id, KeySpec("ci"), NOW_MS)
    return key, handle_of(secret)


def handle_of(secret: str) -> KeyHandle:
    handle = parse(secret, ("sk-",))
    assert handle is not None
    return handle


async def verdict_of(ledger: Ledger, handle: KeyHandle, request_id: str = "req_1") -> Verdict:
    request = attempt_of(request_id, shard=handle.shard, key_hash=handle.key_hash)
    return (await ledger.hot.admit(request)).verdict


async def test_a_new_key_is_admitted_at_once(ledger: Ledger) -> None:
    key, handle = await new_key(ledger)
    assert await verdict_of(ledger, handle) is Verdict.ADMITTED
    facts = await ledger.authenticate(handle, NOW_MS)
    assert facts is not None
    assert (facts.key_id, facts.customer_id) == (key.id, key.customer_id)
    assert await ledger.record.unpublished() == ([], [])


async def test_disabling_and_enabling_are_seen_by_the_very_next_admission(ledger: Ledger) -> None:
    key, handle = await new_key(ledger)
    for turn in range(5):
        await ledger.disable_key(key.id, NOW_MS)
        assert await verdict_of(ledger, handle, f"a{turn}") is Verdict.DISABLED
        await ledger.enable_key(key.id, NOW_MS)
        assert await verdict_of(ledger, handle, f"b{turn}") is Verdict.ADMITTED


async def test_a_rotated_key_works_and_the_old_one_does_not(ledger: Ledger) -> None:
    key, old = await new_key(ledger)
    rotated, secret = await ledger.rotate_key(key.id, NOW_MS)
    assert rotated.id == key.id
    assert await verdict_of(ledger, handle_of(secret)) is Verdict.ADMITTED
    assert await verdict_of(ledger, old) is Verdict.UNKNOWN_KEY
    assert await ledger.authenticate(old, NOW_MS) is None
    assert await ledger.record.unpublished() == ([], [])


async def test_with_grace_the_old_key_works_until_its_time(ledger: Ledger) -> None:
    key, old = await new_key(ledger)
    await ledger.rotate_key(key.id, NOW_MS, grace_ms=1)
    assert await verdict_of(ledger, old) is Verdict.ADMITTED
    late = attempt_of("req_2", shard=old.shard, key_hash=old.key_hash, now_ms=NOW_MS + 1)
    assert (await ledger.hot.admit(late)).verdict is Verdict.EXPIRED


async def test_a_key_that_redis_forgot_is_looked_up_and_put_back(ledger: Ledger) -> None:
    _, handle = await new_key(ledger)
    await ledger.hot.wire.call("FLUSHALL")
    assert await verdict_of(ledger, handle) is Verdict.UNKNOWN_KEY
    assert await ledger.authenticate(handle, NOW_MS) is not None
    assert await verdict_of(ledger, handle) is Verdict.ADMITTED


async def test_putting_back_late_does_not_undo_a_disabling(ledger: Ledger) -> None:
    """A slow worker read the key from SQL before it was disabled, and puts it back afterwards."""
    key, handle = await new_key(ledger)
    stale = await ledger.record.facts_by_hash(handle.key_hash)
    assert stale is not None
    await ledger.disable_key(key.id, NOW_MS)
    await ledger.hot.put_key(handle.shard, handle.key_hash, stale[1])
    assert await verdict_of(ledger, handle) is Verdict.DISABLED


async def test_a_well_formed_key_that_nobody_has_costs_one_query(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = count_calls(ledger, monkeypatch)
    handle = handle_of(mint("sk-", "3").secret)
    for at_ms in (NOW_MS, NOW_MS + 1, NOW_MS + ledger_module.UNKNOWN_FOR_MS - 1):
        assert await ledger.authenticate(handle, at_ms) is None
    assert asked() == 1
    assert await ledger.authenticate(handle, NOW_MS + ledger_module.UNKNOWN_FOR_MS) is None
    assert asked() == 2


async def test_what_is_remembered_of_unknown_keys_is_bounded(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "MAX_UNKNOWN", 3)
    for _ in range(10):
        await ledger.authenticate(handle_of(mint("sk-", "3").secret), NOW_MS)
        assert len(ledger._unknown) <= 3


async def test_a_key_presented_with_anothers_shard_is_unknown(ledger: Ledger) -> None:
    _, handle = await new_key(ledger)
    other = replace(handle, shard=str((int(handle.shard) + 1) % 32))
    assert await ledger.authenticate(other, NOW_MS) is None


async def test_usage_can_be_read_at_once_and_later_and_by_its_key_only(ledger: Ledger) -> None:
    settlement = settlement_of("req_1")
    await ledger.hot.settle(settlement)
    assert await ledger.usage("7", "key_1", "req_1") == settlement.record
    assert await ledger.usage("7", "key_2", "req_1") is None
    written = record_of("req_2")
    await ledger.record.add_usage([written])
    assert await ledger.usage("7", "key_1", "req_2") == written
    assert await ledger.usage("7", "key_2", "req_2") is None
    assert await ledger.usage("7", "key_1", "req_3") is None


async def test_warming_puts_every_key_back(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "PUT_TOGETHER", 2)
    customer = await ledger.create_customer("acme", NOW_MS)
    for _ in range(5):
        await ledger.create_key(customer.id, KeySpec("ci"), NOW_MS)
    await ledger.hot.wire.call("FLUSHALL")
    assert await ledger.warm() == 5
    for key in await ledger.keys():
        [(key_hash, facts)] = facts_of(key)
        assert await ledger.hot.key_facts(KeyHandle(key_hash, key.shard)) == facts


async def test_a_change_made_while_redis_is_away_is_published_afterwards(
    own_redis: RedisServer, sqlite_url: str
) -> None:
    hasty = HotStore.connect(own_redis.url, timeouts=Timeouts(patience_ms=100))
    ledger = Ledger(hasty, Record.connect(sqlite_url))
    await ledger.record.migrate()
    key, handle = await new_key(ledger)
    own_redis.kill()
    with pytest.raises(StoreUnavailable):
        await ledger.disable_key(key.id, NOW_MS)
    _, secret = await ledger.rotate_key(key.id, NOW_MS)
    assert await ledger.authenticate(handle_of(secret), NOW_MS) is not None
    own_redis.start()
    await until(lambda: answers(ledger.hot))
    assert await verdict_of(ledger, handle) is Verdict.ADMITTED
    assert await ledger.publish() == 2
    assert await verdict_of(ledger, handle) is Verdict.UNKNOWN_KEY
    assert await verdict_of(ledger, handle_of(secret)) is Verdict.DISABLED
    assert await ledger.publish() == 0
    await ledger.close()


async def test_without_sql_a_key_that_redis_does_not_know_is_not_called_unknown(
    redis_url: str,
) -> None:
    """Nobody may be told 401 because a database is away."""
    ledger = await Ledger.open(redis_url, "postgresql://u@127.0.0.1:9/d")
    with pytest.raises(StoreUnavailable):
        await ledger.authenticate(handle_of(mint("sk-", "3").secret), NOW_MS)
    await ledger.close()


async def test_every_admission_sees_the_change_made_before_it_under_load(ledger: Ledger) -> None:
    """Eight workers ask all the time; once disabling has returned, nobody is admitted."""
    key, handle = await new_key(ledger)
    disabled = False
    verdicts: list[tuple[bool, Verdict]] = []

    async def worker(name: int) -> None:
        for turn in count():
            known_disabled = disabled
            verdict = await verdict_of(ledger, handle, f"r{name}.{turn}")
            verdicts.append((known_disabled, verdict))
            if known_disabled and turn >= 100:
                return

    async def administrator() -> None:
        nonlocal disabled
        await ledger.disable_key(key.id, NOW_MS)
        disabled = True

    await asyncio.gather(*(worker(name) for name in range(8)), administrator())
    assert {verdict for known, verdict in verdicts if known} == {Verdict.DISABLED}


def count_calls(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    calls = 0
    real = ledger.record.facts_by_hash

    async def counted(key_hash: str) -> object:
        nonlocal calls
        calls += 1
        return await real(key_hash)

    monkeypatch.setattr(ledger.record, "facts_by_hash", counted)
    return lambda: calls
