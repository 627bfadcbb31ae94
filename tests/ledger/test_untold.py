"""What exchanges without a lease cost, until Redis knows of them: no allowance is given twice."""

from dataclasses import replace
from pathlib import Path

import pytest

from ledger.errors import StoreUnavailable
from ledger.model import Settlement
from ledger.store.spool import Spool, Waiting
from tests.ledger.conftest import RedisServer, until
from tests.ledger.samples import NOW_MS, settlement_of
from tests.ledger.test_spool import abandon, arrived, everything, is_idle, waiting, worker


def local(name: str) -> Settlement:
    return replace(settlement_of(name), local=True)


def test_what_was_admitted_without_a_lease_is_said_to_who_takes_it_over(tmp_path: Path) -> None:
    def of(name: str, customer: str, cost: int | None, local: bool) -> Waiting:
        settlement = settlement_of(name, customer_id=customer, cost_micro=cost)
        return Waiting(replace(settlement, local=local), NOW_MS)

    items = [
        of("req_1", "cus_1", 30, True),
        of("req_2", "cus_1", 500, False),
        of("req_3", "cus_1", 12, True),
        of("req_4", "cus_2", 7, True),
        of("req_5", "cus_2", None, True),
    ]
    left = Spool(tmp_path)
    left.append(items)
    abandon(left)
    heir = Spool(tmp_path)
    assert heir.adopt() == (1, {"cus_1": 42, "cus_2": 7})
    assert everything(heir) == items
    assert heir.adopt() == (0, {})


async def test_what_was_admitted_without_a_lease_is_untold_until_redis_has_it(
    own_redis: RedisServer, tmp_path: Path
) -> None:
    """Of a customer, here and in what was taken over; told twice it is taken off once."""
    left = Spool(tmp_path)
    left.append([waiting("req_1"), Waiting(local("req_2"), NOW_MS)])
    abandon(left)
    async with worker(own_redis.url, tmp_path) as hot:
        own_redis.kill()
        await hot.adopt_spools()
        for settlement in (local("req_3"), local("req_3"), settlement_of("req_4")):
            with pytest.raises(StoreUnavailable):
                await hot.settle(settlement)
        assert hot.untold_micro("cus_1") == 3 * 70
        assert hot.untold_micro("cus_2") == 0
        own_redis.start()
        names = ["req_1", "req_2", "req_3", "req_4"]
        assert sorted(await arrived(hot, names)) == names
        await until(lambda: is_idle(hot._backlog))
        assert hot.untold_micro("cus_1") == 0
