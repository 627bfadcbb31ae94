"""Limits, told as a customer would meet them; see tests.ledger.stories.

Behind the verdict stands what each limit has left, in the order of the limits, and in brackets how
long until it is whole again or its period ends.
"""

import pytest

from ledger.model import Account, AccountMode, Limit, LimitKind
from ledger.store.hot import HotStore
from tests.ledger.samples import FACTS, KEY_HASH, SHARD
from tests.ledger.stories import CUSTOMER, Story, micro

KEY = "key:key_1"
PAYER = f"customer:{CUSTOMER}"
GROUP = "group:fast:key_1"


@pytest.fixture(autouse=True)
async def known_key(hot: HotStore) -> None:
    assert await hot.put_key(SHARD, KEY_HASH, FACTS)


def requests(most: int, scope: str = KEY) -> Limit:
    return Limit(scope, LimitKind.REQUESTS, most)


def tokens(most: int, scope: str = KEY) -> Limit:
    return Limit(scope, LimitKind.TOKENS, most)


def running(most: int, scope: str = KEY) -> Limit:
    return Limit(scope, LimitKind.CONCURRENCY, most)


def spend(period: str, most: str, scope: str = KEY) -> Limit:
    return Limit(scope, LimitKind(f"spend_{period}"), micro(most))


async def test_requests_per_minute_are_exact_and_come_back_one_by_one(hot: HotStore) -> None:
    await Story(hot, (requests(3),)).tell(
        """
        at            what happens  answer
        09:00:00      a asks        admitted | 2 (20 s)
        09:00:00      b asks        admitted | 1 (40 s)
        09:00:00      c asks        admitted | 0 (60 s)
        09:00:00      d asks        over key requests: 20 s | 0 (60 s)
        09:00:19.999  d asks        over key requests: 0.001 s | 0 (40.001 s)
        09:00:20      d asks        admitted | 0 (60 s)
        09:00:30      e asks        over key requests: 10 s | 0 (50 s)
        09:01:00      e asks        admitted | 1 (40 s)
        09:01:00      f asks        admitted | 0 (60 s)
        09:03:00      g asks        admitted | 2 (20 s)
        """
    )


async def test_a_minute_that_the_limit_does_not_divide_is_exact_too(hot: HotStore) -> None:
    """7 per minute is one every 8571.43 ms."""
    story = Story(hot, (requests(7),))
    await story.tell(
        """
        at            what happens  answer
        09:00:00      a asks        admitted | 6 (8.572 s)
        09:00:00      b asks        admitted | 5 (17.143 s)
        09:00:00      c asks        admitted | 4 (25.715 s)
        09:00:00      d asks        admitted | 3 (34.286 s)
        09:00:00      e asks        admitted | 2 (42.858 s)
        09:00:00      f asks        admitted | 1 (51.429 s)
        09:00:00      g asks        admitted | 0 (60 s)
        09:00:00      h asks        over key requests: 8.572 s | 0 (60 s)
        09:00:08.571  h asks        over key requests: 0.001 s | 0 (51.429 s)
        09:00:08.572  h asks        admitted | 0 (60 s)
        09:00:17.142  i asks        over key requests: 0.001 s | 0 (51.43 s)
        09:00:17.143  i asks        admitted | 0 (60 s)
        """
    )


async def test_tokens_are_reserved_and_corrected_to_what_was_used(hot: HotStore) -> None:
    await Story(hot, (tokens(1000),)).tell(
        """
        at        what happens          answer
        09:00:00  a asks tokens 400     admitted | 600 (24 s)
        09:00:00  b asks tokens 600     admitted | 0 (60 s)
        09:00:00  c asks tokens 1       over key tokens: 0.06 s | 0 (60 s)
        09:00:00  a costs 0 tokens 100  settled: recorded
        09:00:00  c asks tokens 300     admitted | 0 (60 s)
        09:00:00  b costs 0 tokens 900  settled: recorded
        09:00:06  d asks tokens 100     over key tokens: 18 s | 0 (72 s)
        09:00:24  d asks tokens 100     admitted | 0 (60 s)
        09:00:24  d costs 0             settled: recorded
        09:00:24  c costs 0 tokens 300  settled: recorded
        09:00:24  e asks tokens 100     admitted | 0 (60 s)
        09:02:00  f asks tokens 100     admitted | 900 (6 s)
        """
    )


async def test_what_is_given_back_is_no_more_than_what_is_left_of_it(hot: HotStore) -> None:
    """A reservation that the minute forgave already does not count twice."""
    await Story(hot, (tokens(1000),)).tell(
        """
        at        what happens        answer
        09:00:00  a asks tokens 500   admitted | 500 (30 s)
        09:00:10  a metered 0         renewed
        09:00:25  b asks tokens 500   admitted | 416 (35 s)
        09:00:40  a costs 0 tokens 0  settled: recorded
        09:00:40  c asks tokens 700   admitted | 300 (42 s)
        """
    )


async def test_who_asks_for_more_tokens_than_a_minute_has_waits_for_a_whole_one(
    hot: HotStore,
) -> None:
    """And pays with waiting for what he really used."""
    await Story(hot, (tokens(1000),)).tell(
        """
        at        what happens           answer
        09:00:00  a asks tokens 1        admitted | 999 (0.06 s)
        09:00:00  b asks tokens 64000    over key tokens: 0.06 s | 999 (0.06 s)
        09:00:01  b asks tokens 64000    admitted | 0 (60 s)
        09:00:01  b costs 0 tokens 3000  settled: recorded
        09:00:01  c asks tokens 1        over key tokens: 120.06 s | 0 (180 s)
        09:02:01  c asks tokens 1        over key tokens: 0.06 s | 0 (60 s)
        """
    )


async def test_what_did_not_estimate_its_tokens_is_refused_while_none_are_left(
    hot: HotStore,
) -> None:
    await Story(hot, (tokens(10),)).tell(
        """
        at        what happens         answer
        09:00:00  a asks               admitted | 9 (6 s)
        09:00:00  a costs 0 tokens 25  settled: recorded
        09:00:00  b asks               over key tokens: 96 s | 0 (150 s)
        """
    )


async def test_a_place_is_free_again_after_settlement_expiry_and_death(hot: HotStore) -> None:
    await Story(hot, (running(2),)).tell(
        """
        at        what happens  answer
        09:00:00  a asks        admitted | 1
        09:00:01  b asks try 2  admitted | 0
        09:00:02  c asks        over key concurrency: 1 s | 0
        09:00:03  a costs 0     settled: recorded
        09:00:03  c asks        admitted | 0
        09:00:04  w2 dies       b lost: recorded
        09:00:04  d asks        admitted | 0
        09:00:05  e asks        over key concurrency: 1 s | 0
        09:00:33  sweep         c lost: recorded
        09:00:33  e asks        admitted | 0
        09:00:33  f asks        over key concurrency: 1 s | 0
        09:00:34  f asks        admitted | 0
        """
    )


async def test_a_sign_of_life_keeps_the_place_and_a_takeover_is_no_second_one(
    hot: HotStore,
) -> None:
    await Story(hot, (running(1),)).tell(
        """
        at        what happens  answer
        09:00:00  a asks        admitted | 0
        09:00:20  a metered 0   renewed
        09:00:40  b asks        over key concurrency: 1 s | 0
        09:00:45  a asks try 2  admitted | 0
        09:01:10  b asks        over key concurrency: 1 s | 0
        09:01:15  b asks        admitted | 0
        """
    )


async def test_spend_is_held_and_corrected_to_what_it_was(hot: HotStore) -> None:
    await Story(hot, (spend("day", "10"),)).tell(
        """
        at        what happens           answer
        22:00:00  a asks 4 at least 1    granted 4 | 6 (2 h)
        22:00:00  b asks 8 at least 1    granted 6 | 0 (2 h)
        22:00:00  c asks 1               over key spend_day: 2 h | 0 (2 h)
        22:30:00  a costs 1.5            settled: recorded
        22:30:00  c asks 4 at least 2.6  over key spend_day: 1:30:00 | 2.5 (1:30:00)
        22:30:00  c asks 4 at least 2.5  granted 2.5 | 0 (1:30:00)
        22:45:00  c costs 4              settled: recorded
        22:45:00  b costs 0              settled: recorded
        22:45:00  d asks 9               granted 4.5 | 0 (1:15:00)
        22:45:00  e asks                 admitted | 0 (1:15:00)
        """
    )


async def test_a_period_begins_at_midnight_of_utc_and_cost_counts_where_it_was_admitted(
    hot: HotStore,
) -> None:
    await Story(hot, (spend("day", "5"),)).tell(
        """
        at                  what happens  answer
        03-02 23:59:59.999  a asks 3      granted 3 | 2 (0.001 s)
        03-02 23:59:59.999  b asks 3      granted 2 | 0 (0.001 s)
        03-02 23:59:59.999  c asks 3      over key spend_day: 0.001 s | 0 (0.001 s)
        03-03 00:00:00      c asks 3      granted 3 | 2 (24 h)
        03-03 00:00:05      a costs 2     settled: recorded
        03-03 00:00:05      d asks 3      granted 2 | 0 (23:59:55)
        """
    )


async def test_weeks_begin_on_monday_and_months_on_the_first(hot: HotStore) -> None:
    """2026-03-01 is a Sunday."""
    limits = (spend("day", "10"), spend("week", "20", PAYER), spend("month", "25", GROUP))
    await Story(hot, limits).tell(
        """
        at              what happens  answer
        03-07 00:00:00  a asks 10     granted 10 | 0 (24 h) | 10 (48 h) | 15 (600 h)
        03-07 00:00:00  a costs 10    settled: recorded
        03-07 12:00:00  b asks 10     over key spend_day: 12 h | 0 (12 h) | 10 (36 h) | 15 (588 h)
        03-08 00:00:00  b asks 10     granted 10 | 0 (24 h) | 0 (24 h) | 5 (576 h)
        03-08 00:00:00  b costs 10    settled: recorded
        03-08 23:00:00  c asks 10     over key spend_day: 1 h | 0 (1 h) | 0 (1 h) | 5 (553 h)
        03-09 00:00:00  c asks 10     granted 5 | 5 (24 h) | 15 (168 h) | 0 (552 h)
        03-09 00:00:00  c costs 5     settled: recorded
        03-31 23:00:00  d asks 10     over group spend_month: 1 h | 10 (1 h) | 20 (121 h) | 0 (1 h)
        04-01 00:00:00  d asks 10     granted 10 | 0 (24 h) | 10 (120 h) | 15 (720 h)
        """
    )


async def test_of_several_limits_all_are_taken_or_none(hot: HotStore) -> None:
    limits = (requests(2), tokens(100, PAYER), running(2, GROUP), spend("day", "1"))
    await Story(hot, limits).tell(
        """
at        what happens             answer
23:00:00  a asks 0.5 tokens 60     granted 0.5 | 1 (30 s) | 40 (36 s) | 1 | 0.5 (1 h)
23:00:00  b asks 0.5 tokens 60     over customer tokens: 12 s | 1 (30 s) | 40 (36 s) | 1 | 0.5 (1 h)
23:00:00  b asks 0.5 tokens 60     over customer tokens: 12 s | 1 (30 s) | 40 (36 s) | 1 | 0.5 (1 h)
23:00:00  b asks 0.7 at least 0.6  over key spend_day: 1 h | 1 (30 s) | 40 (36 s) | 1 | 0.5 (1 h)
23:00:00  b asks 0.5 tokens 40     granted 0.5 | 0 (60 s) | 0 (60 s) | 0 | 0 (1 h)
23:00:00  c asks tokens 10         over key requests: 30 s | 0 (60 s) | 0 (60 s) | 0 | 0 (1 h)
23:00:10  a costs 0 tokens 0       settled: recorded
23:00:30  c asks tokens 10         admitted | 0 (60 s) | 90 (6 s) | 1 | 0.5 (3570 s)
        """
    )


async def test_credit_comes_before_limits_and_a_refusal_takes_neither(hot: HotStore) -> None:
    await hot.set_account(SHARD, CUSTOMER, Account(AccountMode.PREPAID))
    await Story(hot, (requests(1), spend("day", "2"))).tell(
        """
        at        what happens         answer                                           credit  held
        23:00:00  entry 1: credit 3    applied                                          3       0
        23:00:00  a asks 4 at least 4  insufficient: 3 | 1 | 2 (1 h)                    3       0
        23:00:00  a asks 4             granted 2 | 0 (60 s) | 0 (1 h)                   3       2
        23:00:00  b asks 4 at least 2  insufficient: 1 | 0 (60 s) | 0 (1 h)             3       2
        23:00:00  b asks 4             over key spend_day: 1 h | 0 (60 s) | 0 (1 h)     3       2
        23:00:30  b asks               over key requests: 30 s | 0 (30 s) | 0 (3570 s)  3       2
        23:00:30  a costs 1            settled: 1 credit                                2       0
        """
    )


async def test_attempts_of_one_request_count_once_wherever_the_catalog_has_moved_to(
    hot: HotStore,
) -> None:
    """The second attempt comes with other limits: the lease's own stay, and are corrected."""
    before = Story(hot, (requests(3), tokens(100), running(1), spend("day", "9")))
    await before.tell(
        """
        at        what happens        answer
        12:00:00  a asks 5 tokens 80  granted 5 | 2 (20 s) | 20 (48 s) | 0 | 4 (12 h)
        12:00:00  a asks 5 tokens 80  granted 5 | 2 (20 s) | 20 (48 s) | 0 | 4 (12 h)
        """
    )
    after = Story(hot, (tokens(1000, PAYER),))
    await after.tell(
        """
        at        what happens               answer
        12:00:12  a asks 7 tokens 900 try 2  granted 5 | 2 (8 s) | 40 (36 s) | 0 | 4 (11:59:48)
        12:00:13  b asks tokens 400          admitted | 600 (24 s)
        12:00:20  a metered 1                renewed
        12:00:30  a costs 2 tokens 10        settled: recorded
        """
    )
    await before.tell(
        """
        at        what happens         answer
        12:00:30  c asks 5 tokens 100  granted 5 | 2 (20 s) | 0 (60 s) | 0 | 2 (11:59:30)
        """
    )


async def test_a_limit_that_is_lowered_is_waited_for_a_minute_at_most(hot: HotStore) -> None:
    await Story(hot, (requests(100),)).tell(
        """
        at        what happens  answer
        12:00:00  a asks        admitted | 99 (0.6 s)
        12:00:00  b asks        admitted | 98 (1.2 s)
        12:00:00  c asks        admitted | 97 (1.8 s)
        """
    )
    await Story(hot, (requests(2),)).tell(
        """
        at        what happens  answer
        12:00:00  d asks        over key requests: 30 s | 0 (60 s)
        12:00:30  d asks        admitted | 0 (60 s)
        """
    )
    await Story(hot, (requests(100),)).tell(
        """
        at        what happens  answer
        12:00:30  e asks        admitted | 97 (1.8 s)
        """
    )


async def test_a_limit_of_nothing_lets_nothing_pass(hot: HotStore) -> None:
    for limit, verdict in (
        (requests(0), "over key requests: 60 s | 0 (60 s)"),
        (tokens(0), "over key tokens: 60 s | 0 (60 s)"),
        (running(0), "over key concurrency: 1 s | 0"),
        (spend("day", "0"), "over key spend_day: 1 h | 0 (1 h)"),
    ):
        await Story(hot, (limit,)).tell(
            f"""
        at        what happens  answer
        23:00:00  a asks 1      {verdict}
        """
        )


async def test_of_two_limits_of_one_kind_and_scope_the_stricter_counts(hot: HotStore) -> None:
    await Story(hot, (requests(5), requests(1), requests(3))).tell(
        """
        at        what happens  answer
        12:00:00  a asks        admitted | 0 (60 s)
        12:00:00  b asks        over key requests: 60 s | 0 (60 s)
        """
    )
