"""What could not be settled because Redis was away is settled when it is back, once."""

import pytest

from ledger.errors import StoreUnavailable
from ledger.model import Settlement
from ledger.store.hot import HotStore
from ledger.store.wire import Timeouts
from tests.ledger.conftest import RedisServer, until
from tests.ledger.samples import record_of


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
