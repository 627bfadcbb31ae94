"""Prices: integers from genai-prices, exact costs, overrides, tiers. Amounts are micro-USD."""

import re
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import parse
from catalog.price_lists import ListPrices, _buckets
from catalog.prices import Price, PriceTier, Rates
from catalog.quotes import Quote
from tests.catalog.samples import ENV, TEXT, sample

LISTED = ListPrices(date(2026, 11, 1))

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


def listed(provider: str, model: str) -> Price:
    price = LISTED.price(provider, model)
    assert price is not None
    return price


def test_list_prices_become_integers_per_bucket() -> None:
    price = listed("anthropic", "claude-sonnet-4-5")
    assert price.rates == SONNET
    assert re.fullmatch(
        r"genai-prices [0-9.]+ anthropic/claude-sonnet-4-5 #[0-9a-f]{8}", price.source
    )


def test_the_long_context_tier_is_a_cliff_over_all_input_tokens() -> None:
    price = listed("anthropic", "claude-sonnet-4-5")
    assert [tier.above_input_tokens for tier in price.tiers] == [200_000]
    assert price.rates_at(200_000) == SONNET
    above = price.rates_at(200_001)
    assert (above.input, above.output, above.cache_read) == (6_000_000, 22_500_000, 600_000)
    usage = {"input_tokens": 1, "cache_read_tokens": 200_000, "output_tokens": 1}
    assert price.cost_micro(usage) == (6 * 1 + 0.6 * 200_000 + 22.5).__ceil__()


def test_a_bucket_without_its_own_price_costs_what_its_kin_costs() -> None:
    gpt = listed("openai", "gpt-5").rates
    assert gpt.cache_write_5m == gpt.input == 1_250_000
    assert gpt.reasoning == gpt.image_output == gpt.output == 10_000_000
    embedding = listed("google", "gemini-embedding-001").rates
    assert (embedding.input, embedding.output, embedding.cache_read) == (150_000, 0, 150_000)


def test_an_hours_write_costs_twice_the_input_where_only_one_write_price_is_listed() -> None:
    one_write_price = {"input_mtok": Decimal(3), "cache_write_mtok": Decimal("3.75")}
    rates = Quote(_buckets(one_write_price, -1), "").price().rates
    assert (rates.cache_write_5m, rates.cache_write_1h) == (3_750_000, 6_000_000)


def test_film_has_the_place_of_images() -> None:
    rates = listed("google", "gemini-omni-flash-preview").rates
    assert (rates.output, rates.image_output) == (9_000_000, 17_500_000)


def test_images_and_audio_have_their_own_prices_where_they_are_listed() -> None:
    image = listed("openai", "gpt-image-1").rates
    assert (image.input, image.image_input, image.image_output) == (
        5_000_000,
        10_000_000,
        40_000_000,
    )
    flash = listed("google", "gemini-2.5-flash").rates
    assert (flash.input, flash.audio_input, flash.image_input) == (300_000, 1_000_000, 300_000)
    spoken = listed("openai", "gpt-realtime-2").rates
    assert spoken.audio_output > spoken.output > 0


def test_calls_have_prices_where_they_are_listed() -> None:
    assert listed("openai", "gpt-4.1").rates.file_search == 2_500_000
    assert listed("perplexity", "sonar").rates.request > 0
    assert listed("openai", "gpt-5").rates.request == 0


def test_a_price_of_the_future_does_not_count_yet() -> None:
    """claude-opus-4-6 lost its long-context surcharge on 2026-03-13."""
    before = ListPrices(date(2026, 3, 12)).price("anthropic", "claude-opus-4-6")
    after = ListPrices(date(2026, 3, 13)).price("anthropic", "claude-opus-4-6")
    assert before is not None
    assert after is not None
    assert (len(before.tiers), len(after.tiers)) == (1, 0)


def test_where_the_price_depends_on_the_hour_the_dearest_hour_counts() -> None:
    price = listed("deepseek", "deepseek-v4-pro")
    assert price.rates.input == 1_320_000
    assert price.rates.output == 3_960_000


@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", "no-such-model"), ("nobody", "gpt-5"), ("openai", ""), ("openai", "gpt-5\n")],
)
def test_no_price_is_none_and_never_a_guess(provider: str, model: str) -> None:
    assert LISTED.price(provider, model) is None


def test_a_providers_price_list_is_recognised_by_its_address() -> None:
    assert LISTED.recognise("https://api.openai.com") == "openai"
    assert LISTED.recognise("https://api.groq.com") == "groq"
    assert LISTED.recognise("http://localhost:8080") is None


USAGE = {
    "input_tokens": 1000,
    "output_tokens": 200,
    "cache_read_tokens": 30,
    "cache_write_5m_tokens": 4,
    "cache_write_1h_tokens": 5,
    "reasoning_tokens": None,
    "image_input_tokens": 6,
    "audio_output_tokens": 7,
    "web_searches": 2,
    "latency_ms": 123456,  # not a bucket
}


def test_a_cost_by_hand() -> None:
    #      1000 * 3 + 200 * 15 + 30 * 0.3 + 4 * 3.75 + 5 * 6 + 6 * 3 + 7 * 15 + 2 * 10_000
    assert Price(SONNET, "").cost_micro(USAGE) == 3000 + 3000 + 9 + 15 + 30 + 18 + 105 + 20_000


def test_nothing_used_costs_nothing() -> None:
    assert Price(SONNET, "").cost_micro({}) == 0
    assert Price(SONNET, "").cost_micro({"input_tokens": None}) == 0


@pytest.mark.parametrize(
    ("rate", "tokens", "multiplier", "cost"),
    [
        (1, 499_999, Fraction(1), 0),
        (1, 500_000, Fraction(1), 1),  # half up
        (1, 1_499_999, Fraction(1), 1),
        (1, 1_500_000, Fraction(1), 2),
        (3_000_000, 1, Fraction(1, 3), 1),
        (3_000_000, 1, Fraction(5, 6), 3),  # 2.5 rounds up
        (3_000_000, 1_000_000, Fraction(0), 0),
        (10**12, 10**9, Fraction(1), 10**15),  # far beyond a float's integers
    ],
)
def test_rounding_is_half_up_once_at_the_end(
    rate: int, tokens: int, multiplier: Fraction, cost: int
) -> None:
    rates = Rates(rate, *[0] * 9)
    assert Price(rates, "").cost_micro({"input_tokens": tokens}, multiplier) == cost


BUCKETS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "image_input_tokens",
    "image_output_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
    "web_searches",
    "file_searches",
    "requests",
)
RATES = st.tuples(*[st.integers(0, 10**9)] * 13).map(lambda values: Rates(*values))
COUNTS = st.dictionaries(st.sampled_from(BUCKETS), st.none() | st.integers(0, 10**7))
MULTIPLIERS = st.fractions(0, 10, max_denominator=10**6)


@given(RATES, COUNTS, MULTIPLIERS)
def test_a_cost_is_the_exact_one_rounded(
    rates: Rates, usage: dict[str, int | None], multiplier: Fraction
) -> None:
    by_bucket = {
        "input_tokens": rates.input,
        "output_tokens": rates.output,
        "cache_read_tokens": rates.cache_read,
        "cache_write_5m_tokens": rates.cache_write_5m,
        "cache_write_1h_tokens": rates.cache_write_1h,
        "reasoning_tokens": rates.reasoning,
        "image_input_tokens": rates.image_input,
        "image_output_tokens": rates.image_output,
        "audio_input_tokens": rates.audio_input,
        "audio_output_tokens": rates.audio_output,
        "web_searches": rates.web_search * 1000,
        "file_searches": rates.file_search * 1000,
        "requests": rates.request * 1000,
    }
    exact = sum(
        (Fraction((count or 0) * by_bucket[bucket], 10**6) for bucket, count in usage.items()),
        Fraction(0),
    )
    cost = Price(rates, "").cost_micro(usage, multiplier)
    assert isinstance(cost, int)
    assert -Fraction(1, 2) <= exact * multiplier - cost < Fraction(1, 2)


@given(RATES, RATES, COUNTS, st.integers(0, 10**7))
def test_a_tier_changes_every_token_or_none(
    base: Rates, above: Rates, usage: dict[str, int | None], start: int
) -> None:
    tiered = Price(base, "", (PriceTier(start, above),))
    total = sum(
        usage.get(bucket) or 0 for bucket in BUCKETS if "input" in bucket or "cache" in bucket
    )
    expected = above if total > start else base
    assert tiered.cost_micro(usage) == Price(expected, "").cost_micro(usage)


def test_prices_in_a_catalog() -> None:
    catalog = sample()
    models = {model.name: model for model in catalog.models}
    sonnet = catalog.price_of(models["claude-sonnet-4-5"])
    assert sonnet is not None
    assert sonnet.rates == SONNET
    assert sonnet is catalog.targets("sonnet", "anthropic")[0].price
    assert catalog.price_of(catalog.targets("sonnet", "anthropic")[0]) is sonnet
    assert catalog.price_of(models["local/*"]) is None  # ollama: prices none
    haiku = catalog.price_of(models["claude-*"], "claude-haiku-4-5")
    assert haiku is not None
    assert haiku.rates.input == 1_000_000


def test_an_override_wins_and_is_exact() -> None:
    text = TEXT.replace(
        "  - name: gpt-5\n",
        "  - name: gpt-5\n    price: {usd_per_million_tokens: {input: 0.1, output: '0.300001'}}\n",
    )
    price = parse(text, ENV).targets("gpt-5", "openai_responses")[0].price
    assert price is not None
    assert (price.rates.input, price.rates.output) == (100_000, 300_001)


def test_a_provider_behind_another_address_keeps_the_prices_of_its_preset() -> None:
    text = TEXT.replace(
        "openai: {preset: openai}", "openai: {preset: openai, base_url: 'http://127.0.0.1:1'}"
    )
    assert parse(text, ENV).targets("gpt-5", "openai_chat")[0].price is not None


@pytest.mark.parametrize(
    ("declared", "priced"), [("", False), ("prices: openai,", True), ("prices: none,", False)]
)
def test_an_unknown_address_has_no_price_unless_the_operator_says_whose(
    declared: str, priced: bool
) -> None:
    text = f"""
version: 1
providers:
  p: {{{declared} base_url: "http://10.0.0.1", auth: none, surfaces: {{openai_chat: /v1}}}}
models: [{{name: gpt-5, targets: [{{provider: p}}]}}]
"""
    assert (parse(text, {}).targets("gpt-5", "openai_chat")[0].price is not None) is priced
