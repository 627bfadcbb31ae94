"""What could not be settled because Redis was away is settled when it is back, once."""

import pytest

from ledger.errors import StoreUnavailable
from ledger.model import Settlement
from ledger.store import hot as hot_module
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
