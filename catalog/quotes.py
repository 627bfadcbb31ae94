"""From what a price list or the operator says to a price: overrides, tiers and fallbacks.

A quote is what was said, bucket by bucket in US dollars, before anything is filled in. The
operator's word goes over the list's where the catalog says `over_list`, bucket by bucket; otherwise
it stands alone. Then what nobody said falls back, in the direction of what providers do:

- cache reads and writes cost the input price, a one-hour write what a five-minute write costs
- reasoning costs the output price; images and audio cost the input or the output price
- searches and requests cost nothing
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from catalog.models import DeclaredPrice, PerMillion, PerThousand
from catalog.prices import MICRO, Price, PriceTier, Rates, fingerprint

Buckets = Mapping[str, Decimal]
"""US dollars per million tokens, or per thousand calls, by the name of the rate."""

_FALLBACKS: Mapping[str, tuple[str, ...]] = {
    "input": (),
    "output": (),
    "cache_read": ("input",),
    "cache_write_5m": ("input",),
    "cache_write_1h": ("cache_write_5m", "input"),
    "reasoning": ("output",),
    "image_input": ("input",),
    "image_output": ("output",),
    "audio_input": ("input",),
    "audio_output": ("output",),
    "web_search": (),
    "file_search": (),
    "request": (),
}
_CALLS = {"web_searches": "web_search", "file_searches": "file_search", "requests": "request"}
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Quote:
    """What was said of a price. `tiers` are (above so many input tokens, all buckets there)."""

    buckets: Buckets
    source: str
    tiers: tuple[tuple[int, Buckets], ...] = ()

    def at(self, above_input_tokens: int) -> Buckets:
        """What holds for requests just above so many input tokens."""
        found = self.buckets
        for start, buckets in self.tiers:
            if start <= above_input_tokens:
                found = buckets
        return found

    def price(self) -> Price:
        """The complete price; its source ends with the fingerprint of the rates."""
        rates = _complete(self.buckets)
        tiers = tuple(PriceTier(start, _complete(buckets)) for start, buckets in self.tiers)
        return Price(rates, f"{self.source} #{fingerprint(rates, tiers)}", tiers)


def declared_price(declared: DeclaredPrice, listed: Quote | None = None) -> Price | None:
    """The operator's own price, over the list's where it says so. None: it only changes a list
    price, and there is none."""
    own = _said(declared.usd_per_million_tokens, declared.usd_per_thousand)
    if not declared.over_list or listed is None:
        listed = Quote({}, "catalog")
        if "input" not in own:
            return None
    else:
        listed = Quote(listed.buckets, f"catalog over {listed.source}", listed.tiers)
    tiers = [
        (
            tier.above_input_tokens,
            {
                **listed.at(tier.above_input_tokens),
                **own,
                **_said(tier.usd_per_million_tokens, None),
            },
        )
        for tier in declared.long_context
    ] or [(start, {**buckets, **own}) for start, buckets in listed.tiers]
    return Quote({**listed.buckets, **own}, listed.source, tuple(sorted(tiers, key=_start))).price()


def _start(tier: tuple[int, Buckets]) -> int:
    return tier[0]


def _said(tokens: PerMillion, calls: PerThousand | None) -> dict[str, Decimal]:
    """What was written, by the name of the rate."""
    said: dict[str, Decimal] = {}
    for name in PerMillion.model_fields:
        value = getattr(tokens, name)
        if value is not None:
            said[name] = value
    for field, rate in _CALLS.items() if calls else ():
        value = getattr(calls, field)
        if value is not None:
            said[rate] = value
    return said


def _complete(buckets: Buckets) -> Rates:
    def micro(name: str) -> int:
        found = next((buckets[n] for n in (name, *_FALLBACKS[name]) if n in buckets), _NOTHING)
        return int((found * MICRO).to_integral_value(ROUND_HALF_UP))

    return Rates(**{name: micro(name) for name in _FALLBACKS})
