"""What was spent under a limit outlives the Redis that counted it."""

import pytest

from ledger import spending as spending_module
from ledger import writer as writer_module
from ledger.model import Admission, LimitKind, Settled, Verdict
from ledger.spending import restore_spending
from tests.ledger.conftest import until
from tests.ledger.gateway import Gateway, Payer
from tests.ledger.samples import NOW_MS

DAY_MS = 86_400_000
LIMITS = ((LimitKind.SPEND_DAY, 100), (LimitKind.SPEND_MONTH, 1_000))


@pytest.fixture
async def acme(gateway: Gateway) -> Payer:
    return await gateway.payer("acme", 1_000_000)


async def ask(gateway: Gateway, payer: Payer, name: str, micro: int) -> Admission:
    """Under the limits that the key has by now."""
    facts = next(f for _, _, f in await gateway.ledger.record.all_facts())
    return await gateway.ask(payer, name, micro, facts.limits)


async def spend(gateway: Gateway, payer: Payer, name: str, micro: int, began_ms: int) -> None:
    """A row of usage, in SQL."""
    settled = await gateway.settle(payer, name, micro, started_at_ms=began_ms)
    assert settled is Settled.SETTLED
    await gateway.drain()


@pytest.mark.parametrize("whose", ["key", "customer"])
async def test_a_redis_that_lost_everything_gets_it_back(
    gateway: Gateway, acme: Payer, whose: str
) -> None:
    ledger = gateway.ledger
    if whose == "key":
        await ledger.set_key_limits(acme.key.id, LIMITS, NOW_MS)
    else:
        await ledger.set_customer_limits(acme.id, LIMITS, NOW_MS)
    await spend(gateway, acme, "req_1", 90, NOW_MS)
    await gateway.redis("FLUSHALL")
    await ledger.warm()
    assert await restore_spending(ledger, NOW_MS) == 2
    refused = await ask(gateway, acme, "req_2", 20)
    assert refused.verdict is Verdict.OVER_LIMIT
    assert (await ask(gateway, acme, "req_3", 10)).verdict is Verdict.ADMITTED
    assert await restore_spending(ledger, NOW_MS) == 0, "what is held stays"


async def test_a_limit_counts_what_was_spent_before_it(gateway: Gateway, acme: Payer) -> None:
    """The day before yesterday's is of the month alone."""
    await spend(gateway, acme, "req_1", 95, NOW_MS)
    await spend(gateway, acme, "req_2", 800, NOW_MS - 2 * DAY_MS)
    await gateway.ledger.set_key_limits(acme.key.id, LIMITS, NOW_MS)
    assert await restore_spending(gateway.ledger, NOW_MS) == 2
    admitted = await ask(gateway, acme, "req_3", 5)
    assert [state.remaining for state in admitted.states] == [0, 100]


async def test_nobody_without_such_limits_is_summed(
    gateway: Gateway, acme: Payer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await gateway.ledger.set_key_limits(acme.key.id, ((LimitKind.REQUESTS, 5),), NOW_MS)
    monkeypatch.setattr(spending_module, "_restore", None)
    assert await restore_spending(gateway.ledger, NOW_MS) == 0


async def test_the_writer_sees_to_it(
    gateway: Gateway, acme: Payer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "_now_ms", lambda: NOW_MS)
    await spend(gateway, acme, "req_1", 100, NOW_MS)
    await gateway.ledger.set_key_limits(acme.key.id, LIMITS, NOW_MS)
    async with gateway.writer():

        async def counted() -> bool:
            return bool(await gateway.redis("EXISTS", *await _names(gateway)))

        await until(counted)
    assert (await ask(gateway, acme, "req_2", 1)).verdict is Verdict.OVER_LIMIT


async def _names(gateway: Gateway) -> list[bytes]:
    names = await gateway.redis("KEYS", "*:spend:*")
    assert isinstance(names, list)
    return names or [b"none"]
