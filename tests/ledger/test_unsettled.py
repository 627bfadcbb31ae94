"""What could not be settled because Redis was away is settled when it is back, once."""

import pytest

from ledger.errors import StoreUnavailable
from ledger.model import Outcome, Settled, Settlement
from ledger.store import hot as hot_module
from ledger.store import replay
from ledger.store.hot import HotStore
from ledger.store.wire import Timeouts
from tests.ledger.conftest import RedisServer, answers, until
from tests.ledger.samples import FACTS, KEY_HASH, LEASE_MS, NOW_MS, SHARD, attempt_of, record_of


async def test_settlements_made_while_redis_was_away_arrive_when_it_is_back(
    own_redis: RedisServer,
) -> None:
    hot = HotStore.connect(own_redis.url, timeouts=Timeouts(patience_ms=50))
    await hot.ping()
    own_redis.kill()
    made = [record_of(f"while-away-{number}") for number in range(20)]
    for one in made:
        with pytest.raises(StoreUnavailable):
            await hot.settle(Settlement("3", one, "w0"))
    own_redis.start()

    async def arrived() -> bool:
        try:
            found = [await hot.recent_usage("3", one.request_id) for one in made]
        except StoreUnavailable:
            return False
        return found == made

    await until(arrived)
    await hot.close()


async def test_after_an_outage_leases_are_spared_until_their_workers_could_renew_them(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweeper must not be faster than the worker whose settlement waits; a dead one's leases
    have nobody to wait for."""
    monkeypatch.setattr(hot_module, "OUTAGE_S", 0.0)
    late_ms = NOW_MS + LEASE_MS
    sweeper = HotStore.connect(own_redis.url)
    await sweeper.put_key(SHARD, KEY_HASH, FACTS)
    await sweeper.admit(attempt_of("req_1", "w1"))
    await sweeper.admit(attempt_of("req_2", "w2"))
    own_redis.kill()
    own_redis.start()
    await until(lambda: answers(sweeper))
    assert await sweeper.expire(late_ms) == 0
    assert await sweeper.expire(late_ms, worker_id="w1") == 1
    monkeypatch.setattr(hot_module, "MERCY_S", 0.0)
    own_redis.kill()
    own_redis.start()
    await until(lambda: answers(sweeper))
    assert await sweeper.expire(late_ms) == 1
    await sweeper.close()


async def test_who_starts_in_an_outage_spares_the_leases_too(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweeper that never had a link knows as little of what waits as one that lost it."""
    monkeypatch.setattr(hot_module, "OUTAGE_S", 0.0)
    before = HotStore.connect(own_redis.url)
    await before.put_key(SHARD, KEY_HASH, FACTS)
    await before.admit(attempt_of("req_1", "w1"))
    await before.close()
    own_redis.kill()
    sweeper = HotStore.connect(own_redis.url, timeouts=Timeouts(patience_ms=20))
    with pytest.raises(StoreUnavailable):
        await sweeper.ping()
    own_redis.start()
    await until(lambda: answers(sweeper))
    assert await sweeper.expire(NOW_MS + LEASE_MS) == 0
    await sweeper.close()
    at_once = HotStore.connect(own_redis.url)
    assert await at_once.expire(NOW_MS + LEASE_MS) == 1
    await at_once.close()


async def test_an_attempt_that_was_abandoned_is_told_when_all_others_are(
    own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another attempt may wait at another worker, and no lease says which of them came later."""
    monkeypatch.setattr(replay, "LAST_S", 0.2)
    told: list[str] = []
    hot = HotStore.connect(own_redis.url, timeouts=Timeouts(patience_ms=20))
    settle = hot._settle

    async def telling(settlement: Settlement) -> Settled:
        settled = await settle(settlement)
        told.append(settlement.record.request_id)
        return settled

    monkeypatch.setattr(hot, "_settle", telling)
    await hot.ping()
    own_redis.kill()
    for number, outcome in enumerate([Outcome.ABANDONED, *[Outcome.COMPLETED] * 3]):
        with pytest.raises(StoreUnavailable):
            await hot.settle(Settlement("3", record_of(f"r{number}", outcome=outcome), "w0"))
    own_redis.start()

    async def complete() -> bool:
        return len(told) == 4

    await until(complete)
    assert told[-1] == "r0" and set(told) == {"r0", "r1", "r2", "r3"}
    await hot.close()
