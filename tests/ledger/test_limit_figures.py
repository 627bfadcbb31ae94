"""The figures of limits: exact to the request and the millisecond, whatever is asked."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.model import Account, AccountMode, Limit, LimitKind, Pot, Verdict
from ledger.store.hot import HotStore
from ledger.store.limits import DAY_MS, books_of, books_of_lease, period_of
from tests.ledger.samples import FACTS, KEY_HASH, NOW_MS, SHARD, attempt_of, settlement_of
from tests.ledger.stories import CUSTOMER, NO_TOKENS
from tests.ledger.test_limits import requests, running, tokens


@pytest.fixture
async def hot(hot: HotStore) -> HotStore:
    """It knows the key."""
    assert await hot.put_key(SHARD, KEY_HASH, FACTS)
    return hot


def spend(kind: LimitKind, most_micro: int) -> Limit:
    return Limit("key:key_1", kind, most_micro)


async def test_who_always_waits_as_told_passes_exactly_so_often(hot: HotStore) -> None:
    for most in (1, 7, 60, 61, 1000):
        limit = Limit(f"key:{most}", LimitKind.REQUESTS, most)
        passed, now_ms = 0, NOW_MS
        while now_ms <= NOW_MS + 60_000:
            request = attempt_of(f"req_{most}_{passed}", now_ms=now_ms, limits=(limit,))
            admission = await hot.admit(request)
            if admission.verdict is Verdict.ADMITTED:
                passed += 1
            else:
                assert admission.retry_after_ms is not None and admission.retry_after_ms > 0
                now_ms += admission.retry_after_ms
        assert passed == 2 * most, "a full bucket, and what one minute brings, less nothing"


async def test_the_clocks_of_two_workers_may_differ(hot: HotStore) -> None:
    """A worker whose clock is behind neither fills the bucket nor empties it."""
    limits = (requests(2),)
    late = await hot.admit(attempt_of("a", now_ms=NOW_MS + 5_000, limits=limits))
    early = await hot.admit(attempt_of("b", now_ms=NOW_MS, limits=limits))
    assert [one.states[0].remaining for one in (late, early)] == [1, 0]
    assert early.states[0].reset_ms == 60_000
    third = await hot.admit(attempt_of("c", now_ms=NOW_MS + 5_000, limits=limits))
    assert (third.verdict, third.retry_after_ms) == (Verdict.OVER_LIMIT, 30_000)


@pytest.mark.parametrize("seed", range(6))
async def test_buckets_agree_with_an_auditor_who_counts_in_fractions(
    hot: HotStore, seed: int
) -> None:
    """Reservations, corrections up and down, waiting: what was used drains at `most` per minute."""
    dice = random.Random(seed)
    most = dice.choice((7, 60, 997, 123_457))
    limit, now_ms = tokens(most), NOW_MS
    used, at_ms = Fraction(0), NOW_MS
    running: dict[str, int] = {}

    def drained() -> Fraction:
        return max(Fraction(0), used - Fraction(most * (now_ms - at_ms), 60_000))

    for number in range(300):
        now_ms += dice.choice((0, 0, 1, 17, 400, 9_000))
        used, at_ms = drained(), now_ms
        if running and dice.random() < 0.4:
            name = dice.choice(list(running))
            count = dice.randrange(2 * most // 3)
            used = max(Fraction(0), used - running.pop(name) + count)
            figures = NO_TOKENS | {"output_tokens": count, "latency_ms": now_ms - NOW_MS}
            await hot.settle(settlement_of(name, **figures))
            continue
        name, asked = f"req_{number}", dice.choice((0, 1, most // 5, most // 2, 3 * most))
        reserved = max(1, min(asked, most))
        request = attempt_of(name, now_ms=now_ms, hold_tokens=asked, limits=(limit,))
        admission = await hot.admit(request)
        missing = used + reserved - most
        if missing > 0:
            assert admission.verdict is Verdict.OVER_LIMIT
            assert admission.retry_after_ms == ceil(missing * 60_000 / most)
        else:
            assert admission.verdict is Verdict.ADMITTED
            running[name] = reserved
            used += reserved
        [state] = admission.states
        assert state.remaining == max(0, floor(most - used))
        assert state.reset_ms == ceil(used * 60_000 / most)


async def test_absurd_figures_break_no_script(hot: HotStore) -> None:
    spends = (spend(LimitKind.SPEND_MONTH, 10**6), spend(LimitKind.SPEND_WEEK, 10**18))
    rich = Account(AccountMode.PREPAID, credit_micro=10**15)
    for number in range(3):
        await hot.set_account(SHARD, CUSTOMER, rich)
        name = f"req_{number}"
        request = attempt_of(
            name,
            limits=(tokens(2**60), tokens(1, f"customer:{number}"), *spends),
            customer_id=CUSTOMER,
            hold_micro=2**62,
            hold_tokens=2**62,
            now_ms=NOW_MS + number * 10**13,
        )
        assert (await hot.admit(request)).verdict is Verdict.ADMITTED
        huge = settlement_of(name, output_tokens=2**53 - 1, cost_micro=2**53 - 1)
        await hot.settle(huge)
    account = await hot.account(SHARD, CUSTOMER)
    assert account == Account(AccountMode.PREPAID)
    assert await hot.apply_entry(SHARD, CUSTOMER, "1", Pot.CREDIT, 5, NOW_MS) == 3


async def test_what_counts_lives_as_long_as_it_matters_and_no_longer(hot: HotStore) -> None:
    limits = (
        requests(10),
        tokens(1000),
        running(5),
        spend(LimitKind.SPEND_DAY, 5),
        spend(LimitKind.SPEND_MONTH, 5),
    )
    await hot.admit(attempt_of("a", limits=limits, hold_tokens=500, hold_micro=5))
    days_left = 16  # of the month of NOW_MS
    longest_ms = {"tat": 120_000, "run": 2 * DAY_MS, "spend": (days_left + 2) * DAY_MS}
    for _ in range(2):
        for kind, most_ms in longest_ms.items():
            names = await hot.wire.call("KEYS", f"{{s{SHARD}}}:{kind}:*")
            assert names
            for name in names:
                assert 0 < await hot.wire.call("PTTL", name) <= most_ms
        await hot.settle(settlement_of("b"))
        await hot.settle(settlement_of("a"))
        await hot.admit(attempt_of("c", limits=limits))


@given(st.integers(0, 40_000), st.sampled_from([k for k in LimitKind if k.startswith("spend")]))
def test_periods_are_those_of_the_calendar(day: int, kind: LimitKind) -> None:
    first, after = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(d) for d in period_of(kind, day))
    today = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(day)
    assert first <= today < after
    names: dict[LimitKind, Callable[[datetime], object]] = {
        LimitKind.SPEND_DAY: lambda d: d,
        LimitKind.SPEND_WEEK: lambda d: d.isocalendar()[:2],
        LimitKind.SPEND_MONTH: lambda d: (d.year, d.month),
    }
    same = names[kind]
    assert same(first) == same(today) == same(after - timedelta(1)) != same(after)
    assert same(first - timedelta(1)) != same(first)


def test_a_lease_says_where_it_counts_as_long_as_it_lives() -> None:
    limits = (
        requests(1),
        tokens(2),
        running(3),
        spend(LimitKind.SPEND_DAY, 4),
        spend(LimitKind.SPEND_WEEK, 5),
    )
    books = books_of(SHARD, limits, NOW_MS)
    [text] = books.at_renewal
    assert books_of_lease(SHARD, text) == books
    assert [key.split(":")[1] for key in books.keys] == ["tat", "tat", "run", "spend", "spend"]
    assert books.keys[3:] == (
        "{s7}:spend:key:key_1:day:2025-11-15",
        "{s7}:spend:key:key_1:week:2025-11-10",
    )


@pytest.mark.parametrize("text", [b"{", b"[1]", b'[["carbon","key:1",5,0]]', b'[["tokens"]]'])
def test_a_lease_that_a_newer_version_wrote_counts_nowhere(text: bytes) -> None:
    books = books_of_lease(SHARD, text)
    assert (books.limits, books.keys) == ((), ())
    assert books.at_renewal == books.at_settlement == (text,)
