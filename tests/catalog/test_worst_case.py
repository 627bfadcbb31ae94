"""What a request may cost at worst, and how much output an amount pays for: exact, and inverse."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.prices import (
    EVERYTHING,
    MAX_OUTPUT_TOKENS,
    PLAIN_TEXT,
    Price,
    PriceTier,
    Rates,
    Reach,
)

INPUT = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "image_input", "audio_input")
OUTPUT = ("output", "reasoning", "image_output", "audio_output")

SONNET = Rates(
    input=3_000_000,
    output=15_000_000,
    cache_read=300_000,
    cache_write_5m=3_750_000,
    cache_write_1h=6_000_000,
    reasoning=15_000_000,
    image_input=3_000_000,
    image_output=15_000_000,
    audio_input=3_000_000,
    audio_output=15_000_000,
    web_search=10_000_000,
)
ABOVE = Rates(*(2 * getattr(SONNET, name) for name in Rates.__dataclass_fields__))
PRICE = Price(SONNET, "", (PriceTier(200_000, ABOVE),))


@pytest.mark.parametrize(
    ("estimate", "cap", "reach", "micro"),
    [
        # tokens in, tokens out, what it can reach, micro-USD
        (1_000, 1_000, PLAIN_TEXT, 3_000 + 15_000),
        (1_000, 1_000, EVERYTHING, 6_000 + 15_000),  # all of it could be written for an hour
        (1_000, 1_000, Reach(cache_write_1h=False), 3_750 + 15_000),
        (1_000, 0, Reach(web_searches=5), 6_000 + 50_000),
        (200_000, 100, PLAIN_TEXT, 600_000 + 1_500),
        (200_001, 100, PLAIN_TEXT, 1_200_006 + 3_000),  # the cliff
        (0, 0, PLAIN_TEXT, 0),
        (-5, 0, PLAIN_TEXT, 0),
    ],
)
def test_worst_cases_by_hand(estimate: int, cap: int, reach: Reach, micro: int) -> None:
    assert PRICE.worst_case_micro(estimate, cap, reach=reach) == micro


@pytest.mark.parametrize(
    ("granted", "estimate", "multiplier", "cap"),
    [
        (18_000, 1_000, "1", 1_000),
        (17_999, 1_000, "1", 999),
        (3_000, 1_000, "1", 0),  # the input alone
        (2_999, 1_000, "1", None),  # not even that
        (18_000, 1_000, "2", 400),  # 18_000 / 2 = 9_000, less 3_000 of input
        (18_000, 1_000, "0.5", 2_200),
        (0, 1_000, "0", MAX_OUTPUT_TOKENS),  # a group that pays nothing
        (-1, 0, "0", None),
    ],
)
def test_affordable_outputs_by_hand(
    granted: int, estimate: int, multiplier: str, cap: int | None
) -> None:
    assert PRICE.affordable_output(granted, estimate, Fraction(multiplier), PLAIN_TEXT) == cap


def test_where_output_costs_nothing_any_output_can_be_afforded() -> None:
    embedding = Price(Rates(150_000, *[0] * 9), "")
    assert embedding.affordable_output(150, 1_000, reach=PLAIN_TEXT) == MAX_OUTPUT_TOKENS
    assert embedding.affordable_output(149, 1_000, reach=PLAIN_TEXT) is None


def test_half_a_micro_dollar_is_rounded_as_costs_are() -> None:
    cheap = Price(Rates(0, 1, *[0] * 8), "")
    assert cheap.worst_case_micro(0, 499_999) == 0
    assert cheap.worst_case_micro(0, 500_000) == 1
    assert cheap.affordable_output(0, 0) == 499_999


def test_a_tier_may_be_cheaper_than_what_is_below_it() -> None:
    """Nobody knows where the input will end, so the dearest place that it can reach counts."""
    price = Price(Rates(10_000_000, *[0] * 9), "", (PriceTier(100, Rates(1, *[0] * 9)),))
    assert price.worst_case_micro(101, 0) == price.cost_micro({"input_tokens": 100}) == 1_000


RATES = st.lists(st.integers(0, 10**8), min_size=13, max_size=13).map(lambda all: Rates(*all))
TIERS = st.lists(st.tuples(st.integers(1, 5_000), RATES), max_size=3).map(
    lambda tiers: tuple(
        PriceTier(start, rates) for start, rates in sorted(dict(tiers).items(), key=lambda t: t[0])
    )
)
PRICES = st.builds(lambda rates, tiers: Price(rates, "", tiers), RATES, TIERS)
MULTIPLIERS = st.fractions(0, 10, max_denominator=10**6)
REACHES = st.builds(
    Reach,
    *[st.booleans()] * 4,
    web_searches=st.integers(0, 5),
    file_searches=st.integers(0, 5),
)
SPLITS = st.lists(st.integers(0, 1_000), min_size=10, max_size=10)


def reachable(split: list[int], reach: Reach) -> dict[str, int | None]:
    """A usage with these counts, without what the request cannot reach."""
    counts = dict(zip((*INPUT, *OUTPUT), split, strict=True))
    for bucket, possible in (
        ("cache_write_5m", reach.cache_write_5m),
        ("cache_write_1h", reach.cache_write_1h),
        ("image_input", reach.images),
        ("audio_input", reach.audio),
        ("audio_output", reach.audio),
    ):
        if not possible:
            counts[bucket] = 0
    usage: dict[str, int | None] = {f"{name}_tokens": count for name, count in counts.items()}
    return usage | {
        "web_searches": reach.web_searches,
        "file_searches": reach.file_searches,
        "requests": 1,
    }


@given(PRICES, SPLITS, REACHES, MULTIPLIERS)
def test_nothing_that_a_request_can_reach_costs_more_than_its_worst_case(
    price: Price, split: list[int], reach: Reach, multiplier: Fraction
) -> None:
    usage = reachable(split, reach)
    given = sum(usage[f"{name}_tokens"] or 0 for name in INPUT)
    made = sum(usage[f"{name}_tokens"] or 0 for name in OUTPUT)
    worst = price.worst_case_micro(given, made, multiplier, reach)
    assert price.cost_micro(usage, multiplier) <= worst
    assert worst <= price.worst_case_micro(given + 7, made + 7, multiplier, reach)
    assert worst <= price.worst_case_micro(given, made, multiplier, Reach(
        web_searches=reach.web_searches, file_searches=reach.file_searches
    ))  # fmt: skip


@given(PRICES, st.integers(0, 8_000), st.integers(0, 1_000), MULTIPLIERS)
def test_some_division_of_the_tokens_costs_the_worst_case(
    price: Price, estimate: int, cap: int, multiplier: Fraction
) -> None:
    at = [estimate, *(t.above_input_tokens for t in price.tiers if t.above_input_tokens < estimate)]
    costs = [
        price.cost_micro(
            {f"{one}_tokens": given, f"{other}_tokens": cap, "requests": 1}, multiplier
        )
        for given in at
        for one in INPUT
        for other in OUTPUT
    ]
    assert max(costs) == price.worst_case_micro(estimate, cap, multiplier)


@given(PRICES, st.integers(0, 10**7), st.integers(0, 8_000), MULTIPLIERS, REACHES)
def test_what_can_be_afforded_is_the_largest_cap_within_the_grant(
    price: Price, granted: int, estimate: int, multiplier: Fraction, reach: Reach
) -> None:
    cap = price.affordable_output(granted, estimate, multiplier, reach)
    if cap is None:
        assert price.worst_case_micro(estimate, 0, multiplier, reach) > granted
        return
    assert price.worst_case_micro(estimate, cap, multiplier, reach) <= granted
    if cap < MAX_OUTPUT_TOKENS:
        assert price.worst_case_micro(estimate, cap + 1, multiplier, reach) > granted
