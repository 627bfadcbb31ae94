"""Rests and places of upstream accounts, on a real Redis with a clock of the test's own."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from functools import partial
from itertools import count
from statistics import median

import pytest

from ledger.cooldowns import (
    FORGET_MS,
    WHOLE,
    Ceiling,
    Cooldowns,
    Evidence,
    Reservation,
    Rest,
)
from ledger.store.hot import HotStore
from ledger.store.news import Follower
from ledger.store.upstreams import PROBE_MS, Upstreams
from tests.ledger.conftest import until

NOW = 1_700_000_000_000
LIMITED = Evidence("acme", "gpt", "rate_limited", 429, True, start_ms=1_000, most_ms=8_000)
CHANCE = replace(LIMITED, reason="upstream", status=500, at_once=False)
_attempts = count()


@pytest.fixture
async def upstreams(hot: HotStore) -> AsyncIterator[Upstreams]:
    yield Upstreams(hot.wire)


async def rests_for(
    upstreams: Upstreams, story: Iterable[tuple[int, Evidence]]
) -> list[tuple[int, int]]:
    """Rest and failures in a row after each piece of evidence, which comes so many ms after NOW."""
    told = []
    for at_ms, evidence in story:
        rest = await upstreams.rest(evidence, NOW + at_ms)
        told.append((max(rest.until_ms - NOW - at_ms, 0), rest.failures))
    return told


async def test_a_rest_doubles_with_failures_that_come_after_the_one_before(
    upstreams: Upstreams,
) -> None:
    story = [(0, LIMITED), (1_000, LIMITED), (3_000, LIMITED), (7_000, LIMITED), (15_000, LIMITED)]
    assert await rests_for(upstreams, story) == [
        (1_000, 1),
        (2_000, 2),
        (4_000, 3),
        (8_000, 4),
        (8_000, 5),  # no longer than it may
    ]


async def test_what_was_under_way_when_a_rest_began_counts_once(upstreams: Upstreams) -> None:
    story = [(0, LIMITED), (10, LIMITED), (900, LIMITED)]
    assert await rests_for(upstreams, story) == [(1_000, 1), (990, 1), (100, 1)]


async def test_the_providers_own_time_is_the_rest_and_is_never_cut_short(
    upstreams: Upstreams,
) -> None:
    told = replace(LIMITED, told_ms=30_000)
    story = [(0, told), (10, replace(told, told_ms=5_000)), (20, LIMITED)]
    assert await rests_for(upstreams, story) == [(30_000, 1), (29_990, 1), (29_980, 1)]


async def test_chance_makes_suspect_and_a_second_failure_rests(upstreams: Upstreams) -> None:
    story = [(0, CHANCE), (5, CHANCE), (1_005, CHANCE)]
    assert await rests_for(upstreams, story) == [(0, 1), (1_000, 2), (2_000, 3)]


async def test_a_success_in_between_clears_but_not_a_rest_that_began_since(
    upstreams: Upstreams,
) -> None:
    await upstreams.rest(CHANCE, NOW)
    await upstreams.recovered("acme", "gpt", NOW + 1)
    assert await upstreams.rests(("acme",)) == []
    await upstreams.rest(LIMITED, NOW + 2)
    await upstreams.recovered("acme", "gpt", NOW + 3)
    assert len(await upstreams.rests(("acme",))) == 1


async def test_failures_long_past_are_forgotten(upstreams: Upstreams) -> None:
    story = [(0, LIMITED), (FORGET_MS + 1_001, LIMITED)]
    assert await rests_for(upstreams, story) == [(1_000, 1), (1_000, 1)]


async def test_an_operator_resets_a_model_or_the_whole_account(upstreams: Upstreams) -> None:
    for model in ("gpt", "claude", WHOLE):
        await upstreams.rest(replace(LIMITED, model=model), NOW)
    assert await upstreams.reset("acme", "gpt") == 1
    assert {rest.model for rest in await upstreams.rests(("acme", "other"))} == {"claude", WHOLE}
    assert await upstreams.reset("acme") == 2


def reservation(ceiling: Ceiling, tokens: int = 1, probe: bool = False) -> Reservation:
    name = f"req/{next(_attempts)}"
    return Reservation("acme", "gpt", name, ceiling, tokens, probe, NOW + 30_000)


async def test_of_64_at_once_exactly_as_many_pass_as_the_account_takes(
    upstreams: Upstreams,
) -> None:
    for ceiling in (Ceiling(requests=10), Ceiling(concurrency=10), Ceiling(tokens=1_000)):
        await upstreams._wire.call("FLUSHALL")
        asked = [reservation(ceiling, tokens=100) for _ in range(64)]
        places = await asyncio.gather(*(upstreams.reserve(one, NOW) for one in asked))
        assert sum(place.granted for place in places) == 10, ceiling
        refused = next(place for place in places if not place.granted)
        assert refused.wait_ms > 0 and refused.what in ("requests", "concurrency", "tokens")


async def test_a_place_is_free_again_when_its_attempt_is_over_or_its_worker_dead(
    upstreams: Upstreams,
) -> None:
    ceiling = Ceiling(concurrency=1)
    first, second, third = (reservation(ceiling) for _ in range(3))
    assert (await upstreams.reserve(first, NOW)).granted
    assert not (await upstreams.reserve(second, NOW)).granted
    await upstreams.release(first, 0, NOW + 1)
    assert (await upstreams.reserve(second, NOW + 1)).granted
    assert not (await upstreams.reserve(third, NOW + 29_999)).granted
    await upstreams.renew(second, NOW + 60_000)
    assert not (await upstreams.reserve(third, NOW + 59_999)).granted
    assert (await upstreams.reserve(third, NOW + 60_000)).granted


async def test_tokens_are_reserved_at_their_worst_and_corrected(upstreams: Upstreams) -> None:
    ceiling = Ceiling(tokens=1_000)
    first = reservation(ceiling, tokens=900)
    assert (await upstreams.reserve(first, NOW)).granted
    refused = await upstreams.reserve(reservation(ceiling, tokens=500), NOW)
    assert not refused.granted and refused.what == "tokens" and refused.wait_ms == 24_000
    await upstreams.release(first, 100, NOW)
    assert (await upstreams.reserve(reservation(ceiling, tokens=900), NOW)).granted
    assert not (await upstreams.reserve(reservation(ceiling, tokens=1), NOW)).granted


async def test_one_request_tries_an_account_that_is_due(upstreams: Upstreams) -> None:
    first, second = (reservation(Ceiling(), probe=True) for _ in range(2))
    assert (await upstreams.reserve(first, NOW)).granted
    assert (await upstreams.reserve(first, NOW)).granted, "its first answer may have been lost"
    refused = await upstreams.reserve(second, NOW)
    assert (refused.granted, refused.what) == (False, "probe") and 0 < refused.wait_ms <= PROBE_MS
    await upstreams.release(first, 0, NOW)
    assert (await upstreams.reserve(second, NOW)).granted


async def test_nobody_gets_a_place_at_an_account_that_rests(upstreams: Upstreams) -> None:
    await upstreams.rest(replace(LIMITED, model=WHOLE), NOW)
    refused = await upstreams.reserve(reservation(Ceiling()), NOW)
    assert (refused.granted, refused.what, refused.wait_ms) == (False, "rest", 1_000)


async def test_a_follower_knows_what_others_found_out_and_what_was_before(
    upstreams: Upstreams, redis_url: str
) -> None:
    now = time.time_ns() // 1_000_000  # a follower has the real clock
    await upstreams.rest(LIMITED, now)
    view = Cooldowns()
    following = asyncio.create_task(Follower(redis_url, view, lambda: ("acme", "other")).run())
    try:
        await until(lambda: _is(view.obstacle("acme", "gpt", now) == (now + 1_000, False)))
        await upstreams.rest(replace(LIMITED, account="other", model=WHOLE), now)
        await until(lambda: _is(view.obstacle("other", "anything", now) is not None))
        await upstreams.recovered("acme", "gpt", now + 1_000)
        await until(lambda: _is(view.known("acme", "gpt") is None))
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def _knows(view: Cooldowns, account: str) -> bool:
    return view.known(account, "gpt") is not None


async def _is(truth: bool) -> bool:
    return truth


async def test_news_arrive_within_100_ms(upstreams: Upstreams, redis_url: str) -> None:
    """As a median of twenty, because the machine may be busy."""
    view = Cooldowns()
    names = [f"account-{number}" for number in range(20)]
    following = asyncio.create_task(Follower(redis_url, view, lambda: names).run())
    took_s = []
    try:
        for name in names:
            began_s = time.monotonic()
            now = time.time_ns() // 1_000_000
            await upstreams.rest(replace(LIMITED, account=name), now)
            await until(partial(_knows, view, name))
            took_s.append(time.monotonic() - began_s)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    assert median(took_s) < 0.1


def test_a_view_tells_resting_due_and_blocked_apart() -> None:
    view = Cooldowns()
    assert view.quiet
    view.learn(Rest("acme", "gpt", NOW + 1_000, 1, NOW, 429, "rate_limited"))
    assert view.obstacle("acme", "gpt", NOW) == (NOW + 1_000, False)
    assert view.obstacle("acme", "claude", NOW) is None
    assert view.due("acme", "gpt", NOW) is None
    due = view.due("acme", "gpt", NOW + 1_000)
    assert due is not None and due.model == "gpt"
    view.block("acme", WHOLE, NOW + 500, limited=True)
    assert view.obstacle("acme", "claude", NOW) == (NOW + 500, True)
    assert view.obstacle("acme", "gpt", NOW) == (NOW + 1_000, False)
    view.replace([], NOW + 600)
    assert view.quiet
