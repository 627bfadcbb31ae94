"""What a worker admits by itself while its hot store is away, as stories; see outage_stories."""

import random
from dataclasses import replace

import pytest

from ledger import local_limits, outage
from ledger.model import (
    Admission,
    KeyFacts,
    Limit,
    LimitKind,
    LimitState,
    Settlement,
    Verdict,
)
from ledger.outage import Outage, Standing, Terms
from ledger.store.hot import HotStore
from tests.ledger.outage_stories import CUSTOMER, DAY, TERMS, Story
from tests.ledger.samples import FACTS, KEY_HASH, NOW_MS, SHARD, attempt_of, record_of
from tests.ledger.seeds import seeds
from tests.ledger.stories import NO_TOKENS, at, micro

KEY_REQUESTS = Limit("key:key_1", LimitKind.REQUESTS, 3)
KEY_TOKENS = Limit("key:key_1", LimitKind.TOKENS, 1000)
AT_ONCE = Limit("customer:cus_1", LimitKind.CONCURRENCY, 2)
A_DAY = Limit("key:key_1", LimitKind.SPEND_DAY, micro("6"))


def test_what_is_owed_is_never_more_than_the_allowance() -> None:
    """By those that run and those that ended together, until Redis knows; what is left is lent."""
    Story().tell("""
    at        what happens              answer       owed
    09:00:00  redis grants x 2 of open  -            0
    09:00:05  a asks 4                  granted 4    4
    09:00:06  b asks 8 at least 2       granted 6    10
    09:00:07  c asks 1                  not served   10
    09:00:09  a costs 1.5               waits        7.5
    09:00:10  c asks 3                  not served   7.5
    09:00:11  c asks 2.5                granted 2.5  10
    09:00:12  c costs 2.5               waits        10
    09:00:13  b costs 0                 waits        4
    09:00:20  redis is told             -            0
    09:00:21  d asks 10                 granted 10   10
    """)


def test_a_redis_that_comes_and_goes_gives_no_second_allowance() -> None:
    Story().tell("""
    at        what happens              answer      owed
    09:00:00  redis grants x 1 of open  -           0
    09:00:05  a asks 6                  granted 6   6
    09:00:06  a costs 6                 waits       6
    09:00:07  redis grants y 1 of open  was away    6
    09:00:08  b asks 6                  not served  6
    09:00:08  b asks 4                  granted 4   10
    09:00:09  redis grants z 1 of open  was away    10
    09:00:09  redis is told             -           4
    09:00:10  c asks 7                  not served  4
    09:00:10  c asks 6                  granted 6   10
    """)


def test_a_prepaid_customer_gets_no_more_than_he_had_when_last_seen() -> None:
    """What was held by then is not his any more; what is short is said as always."""
    Story().tell("""
    at        what happens           answer               owed
    09:00:00  redis grants x 2 of 5  -                    0
    09:00:05  a asks 2               granted 2 of 3       2
    09:00:06  b asks 2               insufficient: 1      2
    09:00:06  b asks 2 at least 0.5  granted 1 of 1       3
    09:00:07  a costs 0.5            waits                1.5
    09:00:08  c asks 1               granted 1 of 1.5     2.5
    09:00:08  d asks 1               insufficient: 0.5    2.5
    09:00:09  sql says 50            -                    2.5
    09:00:10  d asks 9               not served           2.5
    09:00:10  d asks 7.5             granted 7.5 of 47.5  10
    """)


def test_nobody_is_served_of_whom_it_is_not_known_how_he_pays() -> None:
    """Or not any more: what nobody can confirm is believed for as long as an outage may last."""
    Story().tell("""
    at        what happens   answer      owed
    09:00:00  a asks 1       not served  0
    09:00:01  sql says open  -           0
    09:00:02  a asks 1       granted 1   1
    09:14:58  b asks 1       granted 1   1
    """)
    Story().tell("""
    at        what happens              answer      owed
    09:00:00  redis grants x 1 of open  -           0
    09:14:59  a asks 1                  granted 1   1
    09:15:00  b asks 1                  not served  1
    09:15:01  sql says open             -           1
    09:15:02  b asks 1                  granted 1   2
    """)


def test_an_outage_is_served_for_as_long_as_the_operator_says() -> None:
    """From the first request that Redis did not answer; an answer ends it."""
    Story().tell("""
    at        what happens              answer      owed
    09:00:00  redis grants x 1 of open  -           0
    09:00:10  a asks 1                  granted 1   1
    09:15:09  sql says open             -           1
    09:15:09  b asks 1                  granted 1   1
    09:15:10  c asks 1                  not served  1
    09:15:11  redis grants y 1 of open  was away    1
    09:15:12  c asks 1                  granted 1   2
    """)


def test_without_terms_nobody_is_served() -> None:
    Story(terms=None).tell("""
    at        what happens              answer      owed
    09:00:00  redis grants x 1 of open  -           0
    09:00:10  a asks 0                  not served  0
    """)


def test_an_outage_in_which_the_terms_were_taken_back_does_not_count_in_the_next() -> None:
    story = Story()
    story.tell("""
    at        what happens              answer     owed
    09:00:00  redis grants x 1 of open  -          0
    09:00:10  a asks                    admitted   0
    """)
    story.outage.terms = None
    story.tell("""
    at        what happens              answer      owed
    09:00:20  b asks                    not served  0
    """)
    story.outage.terms = TERMS
    story.tell("""
    at        what happens              answer     owed
    09:30:00  sql says open             -          0
    09:30:00  c asks                    admitted   0
    """)


@pytest.mark.parametrize(
    ("facts", "answer"),
    [
        (None, "unknown_key"),
        (replace(FACTS, disabled=True), "disabled"),
        (replace(FACTS, expires_at_ms=at(f"{DAY} 09:00:10")), "expired"),
        (replace(FACTS, expires_at_ms=at(f"{DAY} 09:00:10") + 1), "admitted"),
    ],
)
def test_keys_are_judged_as_always(facts: KeyFacts | None, answer: str) -> None:
    Story(facts=facts).tell(f"""
    at        what happens              answer    owed
    09:00:00  redis grants x 1 of open  -         0
    09:00:10  a asks 0                  {answer}  0
    """)


def test_a_hold_belongs_to_the_newest_attempt_and_lapses_without_a_sign_of_life() -> None:
    Story().tell("""
    at        what happens              answer      owed
    09:00:00  redis grants x 1 of open  -           0
    09:00:00  a asks 4                  granted 4   4
    09:00:05  a asks 4 try 2            granted 4   4
    09:00:06  a asks 4 try 1            duplicate   4
    09:00:07  a costs 3 try 1           nobody's    4
    09:00:20  a lives try 1             nobody's    4
    09:00:20  a lives try 2             held        4
    09:00:49  b asks 7                  not served  4
    09:00:50  b asks 7                  granted 7   7
    09:00:51  a costs 3 try 2           nobody's    7
    09:00:52  b costs 7                 waits       7
    09:00:52  b costs 7                 nobody's    7
    """)


def test_what_redis_has_a_lease_for_is_owed_no_more() -> None:
    """By being handed over, or by a later attempt that Redis admitted."""
    Story((AT_ONCE,)).tell("""
    at        what happens              answer                     owed
    09:00:00  redis grants x 1 of open  -                          0
    09:00:01  a asks 4                  granted 4 | 1              4
    09:00:01  b asks 4                  granted 4 | 0              8
    09:00:02  c asks 1                  over concurrency: 1 s | 0  8
    09:00:03  a is handed over          -                          4
    09:00:03  redis grants b 4 of open  was away                   0
    09:00:04  c asks 1                  granted 1 | 1              1
    09:00:05  a costs 4                 nobody's                   1
    """)


def test_requests_and_tokens_a_minute_go_on_from_what_redis_said() -> None:
    Story((KEY_REQUESTS, KEY_TOKENS)).tell("""
    at        what happens                    answer                                       owed
    09:00:00  redis says requests has 2 left  -                                            0
    09:00:00  a asks tokens 900               admitted | 1 (40 s) | 100 (54 s)             0
    09:00:00  b asks tokens 200               over tokens: 6 s | 1 (40 s) | 100 (54 s)     0
    09:00:00  b asks tokens 100               admitted | 0 (60 s) | 0 (60 s)               0
    09:00:00  c asks tokens 10                over requests: 20 s | 0 (60 s) | 0 (60 s)    0
    09:00:03  a costs 0 tokens 100            waits                                        0
    09:00:20  c asks tokens 10                admitted | 0 (60 s) | 990 (0.6 s)            0
    09:00:30  b costs 0 tokens 2000           waits                                        0
    09:00:40  d asks tokens 1                 over tokens: 44.06 s | 1 (40 s) | 0 (104 s)  0
    """)


def test_spend_is_what_redis_said_and_what_was_spent_since() -> None:
    """Of the same day, and as long as Redis does not know of it."""
    Story((A_DAY,)).tell("""
    at              what happens                     answer                       owed
    09:00:00        redis says spend_day has 4 left  -                            0
    09:00:01        a asks 3                         granted 3 | 1                3
    09:00:02        b asks 3 at least 2              over spend_day: 53998 s | 1  3
    09:00:03        b asks 3 at least 1              granted 1 | 0                4
    09:00:04        a costs 0.5                      waits                        1.5
    09:00:05        c asks 2.5                       granted 2.5 | 0              4
    09:00:06        redis says spend_day has 4 left  was away                     4
    09:00:07        d asks 1                         over spend_day: 53993 s | 0  4
    03-03 00:00:01  redis grants y 1 of open         was away                     4
    03-03 00:00:02  d asks 6                         granted 6 | 0                6.5
    """)


def test_a_customer_is_slowed_down_beyond_the_operators_pace() -> None:
    """Not by a limit of his own: he is told that the store is away."""
    Story(terms=replace(TERMS, requests_per_minute=2)).tell("""
    at        what happens              answer      owed
    09:00:00  redis grants x 1 of open  -           0
    09:00:01  a asks                    admitted    0
    09:00:01  b asks                    admitted    0
    09:00:02  c asks                    not served  0
    09:00:31  c asks                    admitted    0
    """)


def test_of_two_limits_of_one_scope_and_kind_the_stricter_counts() -> None:
    wide = replace(KEY_REQUESTS, most=10)
    Story((wide, KEY_REQUESTS)).tell("""
    at        what happens              answer               owed
    09:00:00  redis grants x 1 of open  -                    0
    09:00:00  a asks                    admitted | 2 (20 s)  0
    """)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage, "MAX_HOLDS", 5)
    monkeypatch.setattr(outage, "MAX_STANDINGS", 7)
    monkeypatch.setattr(local_limits, "MAX_COUNTED", 9)
    story = Story()
    admitted = 0
    for number in range(50):
        limit = Limit(f"key:{number}", LimitKind.REQUESTS, 5)
        customer = f"cus_{number}"
        request = attempt_of(f"req_{number}", customer_id=customer, limits=(limit,))
        state = LimitState(limit, 3, 0)
        refused = Admission(Verdict.OVER_LIMIT, FACTS, states=(state,))
        story.outage.saw(request, refused)
        standing = Standing(None, request.now_ms)
        admitted += story.outage.admit(request, FACTS, standing, 0) is not None
    assert admitted == 5
    assert len(story.outage._standings) == 7
    assert len(story.outage._limits._counts) == 9
    assert set(story.outage._held) <= {f"cus_{number}" for number in range(5)}


@pytest.mark.parametrize("seed", seeds(10))
async def test_one_worker_alone_counts_as_redis_does(hot: HotStore, seed: int) -> None:
    """Limits of every kind, asked and settled at random, in Redis and here: one answer."""
    await hot.put_key(SHARD, KEY_HASH, FACTS)
    dice = random.Random(seed)
    limits = tuple(
        Limit(f"{scope}:1", kind, dice.randrange(3, 40) * (1000 if kind in ("tokens",) else 1))
        for scope in ("key", "customer")
        for kind in dice.sample(list(LimitKind), 3)
    )
    alone = Outage()
    alone.terms = Terms(10**9, 10**12, 10**6)
    now_ms, running, verdicts = NOW_MS, list[str](), set[Verdict]()
    for number in range(150):
        now_ms += dice.randrange(3000)
        if running and dice.random() < 0.5:
            name = running.pop(dice.randrange(len(running)))
            record = record_of(
                name,
                **NO_TOKENS | {"output_tokens": dice.randrange(9000)},
                customer_id=CUSTOMER,
                cost_micro=dice.randrange(12),
                started_at_ms=now_ms - 5,
                latency_ms=5,
            )
            await hot.settle(Settlement(SHARD, record, "w0"))
            alone.settled(record)
            continue
        hold = dice.randrange(12)
        request = attempt_of(
            f"req_{number}",
            now_ms=now_ms,
            lease_ms=10**9,
            hold_micro=hold,
            min_hold_micro=dice.randrange(hold + 1),
            hold_tokens=dice.randrange(9000),
            limits=limits,
            customer_id=CUSTOMER,
        )
        theirs = await hot.admit(request)
        ours = alone.admit(request, theirs.facts, Standing(None, now_ms), 0)
        assert ours == replace(theirs, local=True)
        verdicts.add(theirs.verdict)
        if theirs.verdict is Verdict.ADMITTED:
            running.append(request.request_id)
    assert verdicts == {Verdict.ADMITTED, Verdict.OVER_LIMIT}
