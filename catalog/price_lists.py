"""The list prices of genai-prices, as quotes of one day.

- the date is that of the load; where the list price depends on the hour the dearest hour counts,
  because a price fixed at load must not depend on when the process happened to start
- a one-hour cache write costs twice the input price where only one write price is listed
  (Anthropic's rule)
- no price known: None. Nobody is charged by a guess from another provider's list
- cached images and audio are not told apart: they cost what cached text costs
- generated film counts as images: where only film has a price, it is theirs
"""

import functools
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from catalog.prices import Price
from catalog.quotes import Quote

_KEYS = {  # ours to theirs
    "input": "input_mtok",
    "output": "output_mtok",
    "cache_read": "cache_read_mtok",
    "reasoning": "output_reasoning_mtok",
    "image_input": "input_image_mtok",
    "image_output": "output_image_mtok",
    "audio_input": "input_audio_mtok",
    "audio_output": "output_audio_mtok",
    "web_search": "web_searches_kcount",
    "file_search": "storage_searches_kcount",
    "request": "requests_kcount",
}


class ListPrices:
    """The list prices of genai-prices on one day. Importing its data takes 0.3 s, so it waits for
    need."""

    def __init__(self, day: date) -> None:
        self._day = day
        # By listed model: a few hundred.
        self._known: dict[tuple[str, str], tuple[Quote, Price] | None] = {}

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
        found = self._find(provider_id, model)
        return found and found[1]

    def quote(self, provider_id: str, model: str) -> Quote | None:
        """The same, as it is listed: to be overridden bucket by bucket."""
        found = self._find(provider_id, model)
        return found and found[0]

    def _find(self, provider_id: str, model: str) -> tuple[Quote, Price] | None:
        provider = _listed().get(provider_id)
        found = provider and provider.find_model(model, all_providers=list(_listed().values()))
        if not found:
            return None
        key = (provider_id, str(found.id))
        if key not in self._known:
            quote = _quoted(provider_id, found, self._day)
            self._known[key] = (quote, quote.price()) if quote else None
        return self._known[key]


@functools.cache
def _source() -> str:
    return f"genai-prices {version('genai-prices')}"


@functools.cache
def _listed() -> dict[str, Any]:
    from genai_prices.data import providers

    return {provider.id: provider for provider in providers}


def _quoted(provider_id: str, found: Any, day: date) -> Quote | None:
    raw = _dearest(found.prices, day)
    if raw.get("input_mtok") is None and raw.get("output_mtok") is None:
        return None  # priced by the image, the hour or the page: not in our buckets
    starts = sorted({tier.start for value in raw.values() for tier in getattr(value, "tiers", ())})
    return Quote(
        _buckets(raw, -1),
        f"{_source()} {provider_id}/{found.id}",
        tuple((start, _buckets(raw, start)) for start in starts),
    )


def _buckets(raw: Mapping[str, Any], start: int) -> dict[str, Decimal]:
    """The prices on the tier that begins at `start`; -1 is the base."""

    def at(key: str) -> Decimal | None:
        return _at(raw.get(key), start)

    said = {ours: at(theirs) for ours, theirs in _KEYS.items()}
    if said["image_output"] is None:
        said["image_output"] = at("output_video_mtok")
    fresh = said["input"] or Decimal(0)
    write, write_1h = at("cache_write_mtok"), at("cache_write_1h_mtok")
    if write_1h is None and write is not None:
        write_1h = 2 * fresh
    said |= {"input": fresh, "cache_write_5m": write, "cache_write_1h": write_1h}
    return {name: value for name, value in said.items() if value is not None}


def _at(value: Any, start: int) -> Decimal | None:
    if value is None or isinstance(value, Decimal):
        return value
    price: Decimal = value.base
    for tier in value.tiers:
        if tier.start <= start:
            price = tier.price
    return price


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
