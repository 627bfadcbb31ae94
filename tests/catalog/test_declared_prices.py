"""The operator's own prices: instead of the list's, over it bucket by bucket, and in tiers."""

import re
from decimal import Decimal
from typing import Any

import pytest

from catalog import parse
from catalog.models import DeclaredPrice
from catalog.prices import Price, Rates
from catalog.quotes import Quote, declared_price
from tests.catalog.samples import ENV, TEXT

LIST = Quote(
    {"input": Decimal(3), "output": Decimal(15), "cache_read": Decimal("0.3")},
    "list 1 a/b",
    ((200_000, {"input": Decimal(6), "output": Decimal("22.5"), "cache_read": Decimal("0.6")}),),
)


def declared(listed: Quote | None = None, **fields: Any) -> Price:
    price = declared_price(DeclaredPrice.model_validate(fields), listed)
    assert price is not None
    return price


def test_an_operators_price_replaces_the_list_price_whole() -> None:
    price = declared(
        LIST,
        usd_per_million_tokens={"input": "0.000001", "output": 2.5, "cache_write_5m": 7},
        usd_per_thousand={"web_searches": 8.5},
    )
    assert price.rates == Rates(
        input=1,
        output=2_500_000,
        cache_read=1,
        cache_write_5m=7_000_000,
        cache_write_1h=7_000_000,
        reasoning=2_500_000,
        image_input=1,
        image_output=2_500_000,
        audio_input=1,
        audio_output=2_500_000,
        web_search=8_500_000,
    )
    assert price.tiers == ()
    assert re.fullmatch(r"catalog #[0-9a-f]{8}", price.source)


@pytest.mark.parametrize("bucket", ["image_input", "image_output", "audio_input", "audio_output"])
def test_images_and_audio_may_cost_what_they_like(bucket: str) -> None:
    rates = declared(usd_per_million_tokens={"input": 1, bucket: 40}).rates
    assert getattr(rates, bucket) == 40_000_000


@pytest.mark.parametrize(
    ("call", "rate"),
    [("web_searches", "web_search"), ("file_searches", "file_search"), ("requests", "request")],
)
def test_calls_may_cost_what_they_like(call: str, rate: str) -> None:
    rates = declared(usd_per_million_tokens={"input": 1}, usd_per_thousand={call: 5}).rates
    assert [getattr(rates, r) for r in (rate, "input")] == [5_000_000, 1_000_000]


def test_over_the_list_a_bucket_is_changed_at_every_tier_and_the_rest_stays() -> None:
    price = declared(LIST, over_list=True, usd_per_million_tokens={"output": 20})
    [tier] = price.tiers
    assert [(r.input, r.output, r.cache_read) for r in (price.rates, tier.rates)] == [
        (3_000_000, 20_000_000, 300_000),
        (6_000_000, 20_000_000, 600_000),
    ]
    assert price.rates.reasoning == 20_000_000, "what nobody listed follows the new price"
    assert re.fullmatch(r"catalog over list 1 a/b #[0-9a-f]{8}", price.source)


def test_over_a_list_that_does_not_know_the_model_the_price_stands_alone_or_is_none() -> None:
    price = declared(None, over_list=True, usd_per_million_tokens={"input": 2})
    assert (price.rates.input, price.rates.cache_read) == (2_000_000, 2_000_000)
    assert declared_price(DeclaredPrice(over_list=True), None) is None


def test_tiers_of_ones_own_are_cliffs_in_any_order_and_keep_what_they_do_not_say() -> None:
    price = declared(
        usd_per_million_tokens={"input": 1, "output": 4, "cache_read": 0.1},
        long_context=(
            {"above_input_tokens": 500, "usd_per_million_tokens": {"input": 3}},
            {"above_input_tokens": 100, "usd_per_million_tokens": {"input": 2, "output": 8}},
        ),
    )
    found = [price.rates_at(tokens) for tokens in (100, 101, 500, 501)]
    assert [(r.input, r.output, r.cache_read) for r in found] == [
        (1_000_000, 4_000_000, 100_000),
        (2_000_000, 8_000_000, 100_000),
        (2_000_000, 8_000_000, 100_000),
        (3_000_000, 4_000_000, 100_000),
    ]


def test_tiers_over_the_list_replace_its_tiers() -> None:
    price = declared(
        LIST,
        over_list=True,
        long_context=({"above_input_tokens": 250_000, "usd_per_million_tokens": {"output": 30}},),
    )
    assert [t.above_input_tokens for t in price.tiers] == [250_000]
    above = price.tiers[0].rates
    assert (above.input, above.output) == (6_000_000, 30_000_000), "the list's at that length"


def test_the_source_tells_two_prices_apart_and_the_same_price_never() -> None:
    one = declared(usd_per_million_tokens={"input": 1}).source
    same = declared(usd_per_million_tokens={"input": "1.0", "output": 0}).source
    other = declared(usd_per_million_tokens={"input": 2}).source
    tiered = declared(
        usd_per_million_tokens={"input": 1},
        long_context=({"above_input_tokens": 9, "usd_per_million_tokens": {"input": 1}},),
    ).source
    assert one == same
    assert len({one, other, tiered}) == 3


def test_a_price_over_the_list_in_a_catalog_is_by_target() -> None:
    text = TEXT.replace(
        "  - name: gpt-5\n",
        "  - name: gpt-5\n    price: {over_list: true, usd_per_million_tokens: {output: 12}}\n",
    )
    catalog = parse(text, ENV)
    price = catalog.targets("gpt-5", "openai_chat")[0].price
    assert price is not None
    assert (price.rates.input, price.rates.output) == (1_250_000, 12_000_000)
    assert " openai/gpt-5 #" in price.source
    assert price is catalog.price_of(catalog.targets("gpt-5", "openai_responses")[0])
