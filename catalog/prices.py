"""What tokens cost: list prices from genai-prices turned into integers once, and exact arithmetic
on them.

A rate is an integer of micro-USD per million tokens (USD 3.00 per million is 3_000_000), per bucket
of a usage record; searches are micro-USD per thousand. A cost is the exact sum times the group's
multiplier, rounded half up to a whole micro-USD once, at the end. Rules:

- a bucket without a price of its own costs what its kin costs: cache reads and writes the input
  price, a one-hour write twice the input price where only one write price is listed (Anthropic's
  rule), reasoning and images the output price
- long-context tiers are cliffs: above the threshold of all input tokens together, every token of
  the request costs the tier's rate (https://ai.google.dev/gemini-api/docs/pricing)
- the date is that of the load; where the list price depends on the hour the dearest hour counts,
  because a price fixed at load must not depend on when the process happened to start
- no price known: None. Nobody is charged by a guess from another provider's list
"""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from importlib.metadata import version
from typing import Any

from catalog.models import DeclaredPrice

MICRO = 1_000_000
_ONE = Fraction(1)
_INPUT_BUCKETS = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
)

UsageBuckets = Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Rates:
    """Micro-USD per million tokens of each bucket; `web_search` micro-USD per thousand searches."""

    input: int
    output: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    reasoning: int
    image_output: int
    web_search: int = 0

    def scaled_cost(self, usage: UsageBuckets) -> int:
        """The exact cost in millionths of a micro-USD."""
        get = usage.get
        return (
            (get("input_tokens") or 0) * self.input
            + (get("output_tokens") or 0) * self.output
            + (get("cache_read_tokens") or 0) * self.cache_read
            + (get("cache_write_5m_tokens") or 0) * self.cache_write_5m
            + (get("cache_write_1h_tokens") or 0) * self.cache_write_1h
            + (get("reasoning_tokens") or 0) * self.reasoning
            + (get("image_output_tokens") or 0) * self.image_output
            + (get("web_searches") or 0) * self.web_search * 1000
        )


@dataclass(frozen=True, slots=True)
class PriceTier:
    """The rates of a request whose input, cached or not, is more than so many tokens."""

    above_input_tokens: int
    rates: Rates


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs. `source` says where it comes from, with the version, for the usage
    record."""

    rates: Rates
    source: str
    tiers: tuple[PriceTier, ...] = ()

    def rates_at(self, input_tokens: int) -> Rates:
        """The rates of a request with so many input tokens in all."""
        rates = self.rates
        for tier in self.tiers:
            if input_tokens > tier.above_input_tokens:
                rates = tier.rates
        return rates

    def cost_micro(self, usage: UsageBuckets, multiplier: Fraction = _ONE) -> int:
        """Cost in micro-USD of the token buckets of a usage record. Absent buckets cost nothing."""
        rates = self.rates
        if self.tiers:
            rates = self.rates_at(sum(usage.get(bucket) or 0 for bucket in _INPUT_BUCKETS))
        numerator = rates.scaled_cost(usage) * multiplier.numerator
        denominator = MICRO * multiplier.denominator
        return (2 * numerator + denominator) // (2 * denominator)


def declared_price(declared: DeclaredPrice) -> Price:
    """The operator's own price."""
    tokens = declared.usd_per_million_tokens
    write_5m = tokens.input if tokens.cache_write_5m is None else tokens.cache_write_5m
    searches = declared.usd_per_thousand
    rates = _rates(
        input=tokens.input,
        output=tokens.output,
        cache_read=tokens.cache_read,
        cache_write_5m=write_5m,
        cache_write_1h=write_5m if tokens.cache_write_1h is None else tokens.cache_write_1h,
        reasoning=tokens.reasoning,
        image_output=tokens.image_output,
        web_search=searches.web_searches if searches else None,
    )
    return Price(rates, "catalog")


def _rates(
    *,
    input: Decimal,
    output: Decimal | None,
    cache_read: Decimal | None,
    cache_write_5m: Decimal | None,
    cache_write_1h: Decimal | None,
    reasoning: Decimal | None,
    image_output: Decimal | None,
    web_search: Decimal | None,
) -> Rates:
    def micro(*candidates: Decimal | None) -> int:
        first = next((value for value in candidates if value is not None), Decimal(0))
        return int((first * MICRO).to_integral_value(ROUND_HALF_UP))

    return Rates(
        input=micro(input),
        output=micro(output),
        cache_read=micro(cache_read, input),
        cache_write_5m=micro(cache_write_5m, input),
        cache_write_1h=micro(cache_write_1h, cache_write_5m, input),
        reasoning=micro(reasoning, output),
        image_output=micro(image_output, output),
        web_search=micro(web_search),
    )


class ListPrices:
    """The list prices of genai-prices on one day. Importing its data takes 0.3 s, so it waits for
    need."""

    def __init__(self, day: date) -> None:
        self._day = day
        self._known: dict[tuple[str, str], Price | None] = {}  # by listed model: a few hundred

    def knows(self, provider_id: str) -> bool:
        """Whether genai-prices has a provider of this id."""
        return provider_id in _listed()

    def provider_ids(self) -> tuple[str, ...]:
        return tuple(_listed())

    def recognise(self, base_url: str) -> str | None:
        """The id of the provider whose API this base URL is."""
        for provider_id, provider in _listed().items():
            if re.match(provider.api_pattern, base_url):
                return provider_id
        return None

    def price(self, provider_id: str, model: str) -> Price | None:
        """The list price of a model at a provider, or None."""
        provider = _listed().get(provider_id)
        found = provider and provider.find_model(model, all_providers=list(_listed().values()))
        if not found:
            return None
        key = (provider_id, str(found.id))
        if key not in self._known:
            self._known[key] = _listed_price(provider_id, found, self._day)
        return self._known[key]


@functools.cache
def _source() -> str:
    return f"genai-prices {version('genai-prices')}"


def _listed_price(provider_id: str, found: Any, day: date) -> Price | None:
    raw = _dearest(found.prices, day)
    if raw.get("input_mtok") is None and raw.get("output_mtok") is None:
        return None  # priced by the image, the hour or the page: not in our buckets
    starts = sorted({tier.start for value in raw.values() for tier in _tiers(value)})
    return Price(
        _listed_rates(raw, -1),
        f"{_source()} {provider_id}/{found.id}",
        tuple(PriceTier(start, _listed_rates(raw, start)) for start in starts),
    )


@functools.cache
def _listed() -> dict[str, Any]:
    from genai_prices.data import providers

    return {provider.id: provider for provider in providers}


def _tiers(value: Any) -> Any:
    return getattr(value, "tiers", ())


def _at(value: Any, start: int) -> Decimal | None:
    """A price on the tier that begins at `start`; -1 is the base."""
    if value is None or isinstance(value, Decimal):
        return value
    price: Decimal = value.base
    for tier in value.tiers:
        if tier.start <= start:
            price = tier.price
    return price


def _listed_rates(raw: Mapping[str, Any], start: int) -> Rates:
    def at(key: str) -> Decimal | None:
        return _at(raw.get(key), start)

    fresh = at("input_mtok") or Decimal(0)
    write = at("cache_write_mtok")
    write_1h = at("cache_write_1h_mtok")
    if write_1h is None and write is not None:
        write_1h = 2 * fresh
    return _rates(
        input=fresh,
        output=at("output_mtok"),
        cache_read=at("cache_read_mtok"),
        cache_write_5m=write if at("cache_write_5m_mtok") is None else at("cache_write_5m_mtok"),
        cache_write_1h=write_1h,
        reasoning=at("output_reasoning_mtok"),
        image_output=at("output_image_mtok"),
        web_search=at("web_searches_kcount"),
    )


def _dearest(prices: Any, day: date) -> Mapping[str, Any]:
    """The price keys in force on a day; of prices that depend on the hour, the dearest."""
    if not isinstance(prices, list):
        return dict(vars(prices))
    current: Mapping[str, Any] = vars(prices[0].prices)
    hourly: list[Mapping[str, Any]] = []
    for conditional in prices:
        constraint = conditional.constraint
        if hasattr(constraint, "start_time"):
            hourly.append(vars(conditional.prices))
        elif constraint is None or constraint.start_date <= day:
            current = vars(conditional.prices)
    return max([current, *hourly], key=_weight)


def _weight(raw: Mapping[str, Any]) -> Decimal:
    fresh, output = _at(raw.get("input_mtok"), -1), _at(raw.get("output_mtok"), -1)
    return (fresh or Decimal(0)) + (output or Decimal(0))
