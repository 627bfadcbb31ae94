"""Workers whose Redis is killed: a real one, with real SQL behind, and the books afterwards."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path

import pytest
import structlog

from catalog.billing import Outage
from extproc.stores import KNOWN_MS
from ledger import reconcile as reconcile_module
from ledger.errors import StoreUnavailable
from ledger.model import Outcome, Verdict
from ledger.store import replay
from tests.extproc.town import NO_SQL, Town
from tests.ledger.conftest import RedisServer, own_redis, sqlite_url, until
from tests.ledger.gateway import Gateway
from tests.ledger.samples import LEASE_MS, NOW_MS

__all__ = ["own_redis", "sqlite_url"]


@pytest.fixture
async def town(
    own_redis: RedisServer,
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Town]:
    monkeypatch.setattr(reconcile_module, "PAUSE_MS", 1)
    async with Gateway.open(own_redis.url, sqlite_url) as gateway, AsyncExitStack() as stack:
        yield Town(own_redis, sqlite_url, tmp_path, gateway, stack)


async def test_without_an_allowance_every_request_is_refused(town: Town) -> None:
    worker, payer = await town.worker(declared=None), await town.payer(100)
    await worker.ask(payer, "a", 30)
    town.fall()
    assert await worker.refused(payer, "b")
    with pytest.raises(StoreUnavailable):
        await worker.costs("a", 20)
    await town.rise(worker)
    await town.told(1)
    assert await town.clears() == (20, 0)


async def test_what_is_served_on_the_allowance_is_recorded_and_charged_once(town: Town) -> None:
    """Also what Redis had admitted before, and what ends after it is back."""
    worker, payer = await town.worker(), await town.payer(1000)
    await worker.ask(payer, "before", 50)
    town.fall()
    for name in ("a", "b", "after"):
        admission = await worker.ask(payer, name, 30)
        assert (admission.verdict, admission.local) == (Verdict.ADMITTED, True)
    assert await worker.refused(payer, "c", 30), "the allowance is used up"
    with pytest.raises(StoreUnavailable):
        await worker.costs("before", 45)
    await worker.costs("a", 10)
    assert (await worker.ask(payer, "c", 30)).local
    await worker.costs("b", 30)
    await town.rise(worker)
    await town.told(3)
    await worker.costs("c", 5)
    await worker.costs("after", 25)
    records = await town.told(5)
    assert sorted(record.request_id for record in records) == ["a", "after", "b", "before", "c"]
    assert await town.money(payer) == (1000 - 45 - 10 - 30 - 5 - 25, 0)
    assert await town.clears() == (115, 0)
    assert not (await worker.ask(payer, "d", 300)).local


async def test_64_callers_on_an_allowance_that_pays_for_10(town: Town) -> None:
    """Ten, whether the customer was seen before or has to be asked for."""
    seen, unseen = await town.payer(0), await town.payer(10_000)
    worker = await town.worker()
    await worker.ask(seen, "before")
    town.fall()
    for payer in (seen, unseen):
        asked = (worker.refused(payer, f"{payer.id}-{n}", 10) for n in range(64))
        assert (await asyncio.gather(*asked)).count(False) == 10


async def test_limits_hold_without_redis_from_where_it_left_them(town: Town) -> None:
    worker, payer = await town.worker(), await town.payer(0, requests=5, concurrency=3)
    await worker.ask(payer, "before")
    await worker.costs("before", 1)
    town.fall()
    asked = await asyncio.gather(*(worker.ask(payer, f"r{n}") for n in range(20)))
    running = [n for n, told in enumerate(asked) if told.verdict is Verdict.ADMITTED]
    assert len(running) == 3, "at once"
    for number in running:
        await worker.costs(f"r{number}", 1)
    asked = await asyncio.gather(*(worker.ask(payer, f"s{n}") for n in range(20)))
    verdicts = [admission.verdict for admission in asked]
    assert verdicts.count(Verdict.ADMITTED) == 1, "the fifth of this minute"
    assert verdicts.count(Verdict.OVER_LIMIT) == 19


async def test_a_later_attempt_admitted_alone_settles_over_the_lease_of_the_first(
    town: Town,
) -> None:
    """The first was Redis's, of another worker; what it held is free again, and nothing is lost."""
    first, second = await town.worker("w0"), await town.worker("w1")
    payer = await town.payer(1000)
    await first.ask(payer, "a", 70)
    town.fall()
    assert (await second.ask(payer, "a", 70, attempt=2)).local
    await second.costs("a", 60)
    await town.rise(first, second)
    [record] = await town.told(1)
    assert (record.attempts, record.cost_micro) == (2, 60)
    assert await town.money(payer) == (940, 0)
    await first.costs("a", 5)  # it hung, and comes too late
    assert len(await town.records()) == 1
    assert await town.clears() == (60, 0)


@pytest.mark.parametrize("ended", [True, False])
async def test_an_attempt_that_was_abandoned_gives_way_to_one_that_redis_never_heard_of(
    town: Town, monkeypatch: pytest.MonkeyPatch, ended: bool
) -> None:
    """Its upstream broke off, and both end without Redis; or the second goes on after that."""
    monkeypatch.setattr(replay, "LAST_S", 0.5)
    first, second = await town.worker("w0"), await town.worker("w1")
    payer = await town.payer(1000)
    town.fall()
    assert (await first.ask(payer, "a", 70)).local
    assert (await second.ask(payer, "a", 70, attempt=2)).local
    await first.costs("a", 5, outcome=Outcome.ABANDONED)
    if ended:
        await second.costs("a", 60)
    await town.rise(first, second)
    await until(lambda: town.idle(first))
    if not ended:
        assert await town.money(payer) == (1000, 70)
        await second.costs("a", 60)
    [record] = await town.told(1)
    assert (record.attempts, record.cost_micro) == (2, 60)
    assert await town.clears() == (60, 0)


async def test_what_runs_on_gets_a_lease_before_the_one_of_the_first_attempt_lapses(
    town: Town,
) -> None:
    """Or the sweeper would record the first attempt as lost, and nobody paid for the second."""
    first, second = await town.worker("w0"), await town.worker("w1")
    payer = await town.payer(1000)
    await first.ask(payer, "a", 70)
    town.fall()
    assert (await second.ask(payer, "a", 70, attempt=2)).local
    await town.rise(second)
    town.now_ms += LEASE_MS - 1000
    await second.lives("a", 20)
    hot = town.gateway.ledger.hot
    assert await hot.expire(town.now_ms + 2000) == 0
    assert await town.money(payer) == (1000, 70)
    await second.lives("a", 50)
    assert await hot.expire(town.now_ms + LEASE_MS) == 1, "the worker died: what it had metered"
    [record] = await town.records()
    assert (record.attempts, record.cost_micro, record.outcome.value) == (2, 50, "lost")
    assert await town.clears() == (50, 0)


async def test_the_first_answer_of_redis_gives_all_that_runs_its_lease(town: Town) -> None:
    worker, payer = await town.worker(), await town.payer(100, requests=2)
    await worker.ask(payer, "before")
    town.fall()
    for name in ("a", "b", "c"):
        request = worker.request(payer, name, 30)  # without the limits of the key
        assert (await worker.stores.admit(request)).local
        worker.admitted[name] = request
    await town.rise(worker)
    assert not (await worker.ask(payer, "d", 1)).local

    async def handed_over() -> bool:
        return await town.money(payer) == (100, 1 + 1 + 90)

    await until(handed_over)
    for name in ("a", "b", "c", "before", "d"):
        await worker.costs(name, 1)
    assert await town.clears() == (5, 0)


async def test_what_runs_gets_its_lease_though_nothing_is_left_and_the_limit_is_reached(
    town: Town,
) -> None:
    workers = [await town.worker("w0"), await town.worker("w1")]
    payer = await town.payer(100, concurrency=1)
    town.fall()
    for number, worker in enumerate(workers):
        assert (await worker.ask(payer, f"r{number}", 100)).granted_micro == 100
    await town.rise(*workers)

    async def leased() -> bool:
        leases = await town.gateway.redis("ZCARD", f"{{s{payer.customer.shard}}}:leases")
        return leases == 2

    await until(leased)
    assert await town.money(payer) == (100, 100), "of the one who came first"
    for number, worker in enumerate(workers):
        await worker.costs(f"r{number}", 80)
    assert await town.clears() in ((100, 60), (80, 80)), "what is held is nobody else's"


async def test_a_prepaid_customer_with_nothing_left_is_told_so(town: Town) -> None:
    """By SQL, where this worker has not seen him."""
    payer = await town.payer(5)
    worker = await town.worker()
    town.fall()
    admission = await worker.ask(payer, "a", 10)
    assert (admission.verdict, admission.balance_micro) == (Verdict.INSUFFICIENT_CREDIT, 5)
    assert (await worker.ask(payer, "b", 5)).granted_micro == 5


async def test_what_nothing_is_there_for_is_uncollected_and_no_balance_is_below_zero(
    town: Town,
) -> None:
    """Two workers each believe in the same balance: that is the risk, and all of it."""
    workers = [await town.worker("w0"), await town.worker("w1")]
    payer = await town.payer(100)
    town.fall()
    for number, worker in enumerate(workers):
        assert (await worker.ask(payer, f"r{number}", 100)).granted_micro == 100
        await worker.costs(f"r{number}", 80)
    await town.rise(*workers)
    await town.told(2)
    assert await town.money(payer) == (0, 0)
    assert await town.clears() == (100, 60)


async def test_a_worker_begins_with_what_one_that_died_had_used(town: Town) -> None:
    payer = await town.payer(1000)
    town.fall()
    async with town.working("w0", town.sql_url) as dying:
        await dying.ask(payer, "a", 70)
        await dying.costs("a", 70)
    heir = await town.worker("w1")
    await heir.ledger.hot.adopt_spools()
    assert await heir.refused(payer, "b", 31)
    assert (await heir.ask(payer, "b", 30)).local
    await town.rise(heir)
    await town.told(1)
    await heir.costs("b", 30)
    assert await town.clears() == (100, 0)


async def test_a_key_that_was_disabled_is_refused_when_sql_can_say_so(town: Town) -> None:
    """Within ten seconds, and at once where this worker has not seen it."""
    payer = await town.payer(0)
    seen, unseen = await town.worker("w0"), await town.worker("w1")
    await seen.ask(payer, "before")
    town.fall()
    with pytest.raises(StoreUnavailable):
        await town.gateway.ledger.disable_key(payer.key.id, NOW_MS)
    assert (await unseen.ask(payer, "a")).verdict is Verdict.DISABLED
    town.now_ms += KNOWN_MS - 1
    assert (await seen.ask(payer, "b")).verdict is Verdict.ADMITTED
    town.now_ms += 1
    assert (await seen.ask(payer, "c")).verdict is Verdict.DISABLED


async def test_where_sql_is_away_too_what_is_remembered_must_do(town: Town) -> None:
    """For as long as an outage may last, and no longer; strangers are refused."""
    declared = Outage(allowance_usd=Decimal("0.0001"), for_s=60)
    known, stranger = await town.payer(100), await town.payer(100)
    async with town.working("w0", NO_SQL, declared) as worker:
        await worker.ask(known, "before", 40)
        town.fall()
        assert await worker.refused(stranger, "a")
        town.now_ms += 59_999
        assert (await worker.ask(known, "b", 60)).granted_micro == 60
        assert (await worker.ask(known, "c", 60)).verdict is Verdict.INSUFFICIENT_CREDIT
        await worker.costs("b", 50)
        town.now_ms += 1
        assert await worker.refused(known, "d")
        await town.rise(worker)
        await town.told(1)


async def test_a_sql_that_hangs_is_not_waited_for_where_a_memory_will_do(town: Town) -> None:
    """A request asks it three times, and Envoy gives a worker five seconds."""
    payer = await town.payer(100)
    hanging = socket.create_server(("127.0.0.1", 0))  # takes calls and never answers one
    url = f"postgresql://nobody:nothing@127.0.0.1:{hanging.getsockname()[1]}/none"
    with hanging:
        async with town.working("w0", url) as worker:
            worker.stores.allowance.patience_s = 0.01
            await worker.ask(payer, "before", 40)
            town.fall()
            town.now_ms += KNOWN_MS
            async with asyncio.timeout(4):
                assert (await worker.ask(payer, "a", 60)).granted_micro == 60
            await town.rise(worker)


async def test_an_outage_is_two_lines_in_the_log(town: Town) -> None:
    worker, payer = await town.worker(), await town.payer(1000)
    await worker.ask(payer, "before")
    town.fall()
    with structlog.testing.capture_logs() as logs:
        for number in range(20):
            await worker.ask(payer, f"r{number}")
            await worker.lives(f"r{number}", 1)
        for number in range(19):
            await worker.costs(f"r{number}", 1)
        await town.rise(worker)
        await worker.ask(payer, "after")
    ours = [entry for entry in logs if not entry["event"].startswith(("redis_", "settled_again"))]
    assert [entry["event"] for entry in ours] == [
        "serving on the local allowance",
        "redis answers again",
    ]
    assert ours[1]["served"] == 20
