"""What tokens cost: integers of micro-USD per bucket, and exact arithmetic on them.

A rate is an integer of micro-USD per million tokens (USD 3.00 per million is 3_000_000), per bucket
of a usage record; calls (searches, requests) are micro-USD per thousand. A cost is the exact sum
times the group's multiplier, rounded half up to a whole micro-USD once, at the end. Rules:

- long-context tiers are cliffs: above the threshold of all input tokens together, every token of
  the request costs the tier's rate (https://ai.google.dev/gemini-api/docs/pricing)
- the worst case of a request is a bound that is met: no way of dividing its tokens over the buckets
  that it can reach costs more, and one costs as much
- what can be afforded is the inverse: the largest output whose worst case is within the grant
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction

MICRO = 1_000_000
MAX_OUTPUT_TOKENS = 2**53 - 1  # what can be afforded where output costs nothing
_ONE = Fraction(1)
_INPUT_BUCKETS = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "image_input_tokens",
    "audio_input_tokens",
)
BUCKETS = (
    *_INPUT_BUCKETS,
    "output_tokens",
    "reasoning_tokens",
    "image_output_tokens",
    "audio_output_tokens",
    "web_searches",
    "file_searches",
    "requests",
)
"""The buckets of a usage record that have a rate. Token buckets are disjoint; `requests` is 1."""

UsageBuckets = Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Reach:
    """Which dear buckets a request can reach: a caller who knows says no, whoever does not know
    pays for every possibility. Searches are counted, as nothing else bounds them."""

    cache_write_5m: bool = True
    cache_write_1h: bool = True
    images: bool = True  # in the input; generated ones are always possible
    audio: bool = True  # in the input and in the output
    web_searches: int = 0
    file_searches: int = 0


_PLAIN = {
    "cache_write_5m": "input",
    "cache_write_1h": "input",
    "image_input": "input",
    "audio_input": "input",
    "audio_output": "output",
    "web_search": None,
    "file_search": None,
}

EVERYTHING = Reach()
PLAIN_TEXT = Reach(cache_write_5m=False, cache_write_1h=False, images=False, audio=False)


@dataclass(frozen=True, slots=True)
class Rates:
    """Micro-USD per million tokens of each bucket; the last three micro-USD per thousand calls."""

    input: int
    output: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    reasoning: int
    image_input: int
    image_output: int
    audio_input: int
    audio_output: int
    web_search: int = 0
    file_search: int = 0
    request: int = 0

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
            + (get("image_input_tokens") or 0) * self.image_input
            + (get("image_output_tokens") or 0) * self.image_output
            + (get("audio_input_tokens") or 0) * self.audio_input
            + (get("audio_output_tokens") or 0) * self.audio_output
            + (get("web_searches") or 0) * self.web_search * 1000
            + (get("file_searches") or 0) * self.file_search * 1000
            + (get("requests") or 0) * self.request * 1000
        )

    def dearest_input(self, reach: Reach) -> int:
        """The most that a token of input can cost."""
        return max(
            self.input,
            self.cache_read,
            self.cache_write_5m if reach.cache_write_5m else 0,
            self.cache_write_1h if reach.cache_write_1h else 0,
            self.image_input if reach.images else 0,
            self.audio_input if reach.audio else 0,
        )

    def dearest_output(self, reach: Reach) -> int:
        """The most that a token of output can cost."""
        audio = self.audio_output if reach.audio else 0
        return max(self.output, self.reasoning, self.image_output, audio)

    def dear(self) -> Iterator[str]:
        """Which of these cost more than text, or anything at all where nothing is like them."""
        for name, plain in _PLAIN.items():
            if getattr(self, name) > (getattr(self, plain) if plain else 0):
                yield name

    def scaled_calls(self, reach: Reach) -> int:
        """What the calls can cost, the request's own fee included, as `scaled_cost`."""
        searches = reach.web_searches * self.web_search + reach.file_searches * self.file_search
        return (searches + self.request) * 1000


@dataclass(frozen=True, slots=True)
class PriceTier:
    """The rates of a request whose input, cached or not, is more than so many tokens."""

    above_input_tokens: int
    rates: Rates


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs. `source` says where it comes from, with the version, for the usage
    record. Tiers ascend. `dear` are the rates that a request may reach or not (see Reach) and that
    make a difference: more than text costs, or calls that cost anything."""

    rates: Rates
    source: str
    tiers: tuple[PriceTier, ...] = ()
    dear: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        every = (self.rates, *(tier.rates for tier in self.tiers))
        found = frozenset(name for rates in every for name in rates.dear())
        object.__setattr__(self, "dear", found)

    def rates_at(self, input_tokens: int) -> Rates:
        """The rates of a request with so many input tokens in all."""
        rates = self.rates
        for tier in self.tiers:
            if input_tokens > tier.above_input_tokens:
                rates = tier.rates
        return rates

    def cost_micro(self, usage: UsageBuckets, multiplier: Fraction = _ONE) -> int:
        """Cost in micro-USD of the buckets of a usage record. Absent buckets cost nothing."""
        rates = self.rates
        if self.tiers:
            rates = self.rates_at(sum(usage.get(bucket) or 0 for bucket in _INPUT_BUCKETS))
        return _rounded(rates.scaled_cost(usage), multiplier)

    def worst_case_micro(
        self,
        input_estimate: int,
        output_cap: int,
        multiplier: Fraction = _ONE,
        reach: Reach = EVERYTHING,
    ) -> int:
        """The most in micro-USD that a request can cost whose input is at most the estimate and
        whose output is at most the cap."""
        worst = max(
            fixed + output_cap * rate for fixed, rate in self._lines(max(input_estimate, 0), reach)
        )
        return _rounded(worst, multiplier)

    def affordable_output(
        self,
        granted_micro: int,
        input_estimate: int,
        multiplier: Fraction = _ONE,
        reach: Reach = EVERYTHING,
    ) -> int | None:
        """The largest output cap whose worst case does not exceed the grant; None when the grant
        does not even pay for the input. At most MAX_OUTPUT_TOKENS, where output costs nothing."""
        cap = MAX_OUTPUT_TOKENS
        for fixed, rate in self._lines(max(input_estimate, 0), reach):
            left = _most_scaled(granted_micro, multiplier, fixed)
            if left < 0:
                return None
            if rate * multiplier.numerator:
                cap = min(cap, left // rate)
        return cap

    def _lines(self, input_tokens: int, reach: Reach) -> Iterator[tuple[int, int]]:
        """The scaled cost as a line over the output, for each tier that the input can reach: what
        it costs without output, and what a token of output adds. A higher tier need not be the
        dearer one."""
        rates = self.rates
        for tier in self.tiers:
            if input_tokens <= tier.above_input_tokens:
                break
            yield _line(rates, tier.above_input_tokens, reach)
            rates = tier.rates
        yield _line(rates, input_tokens, reach)


def _line(rates: Rates, input_tokens: int, reach: Reach) -> tuple[int, int]:
    fixed = input_tokens * rates.dearest_input(reach) + rates.scaled_calls(reach)
    return fixed, rates.dearest_output(reach)


def _rounded(scaled: int, multiplier: Fraction) -> int:
    """Millionths of a micro-USD times the multiplier, half up to a micro-USD."""
    numerator = scaled * multiplier.numerator
    denominator = MICRO * multiplier.denominator
    return (2 * numerator + denominator) // (2 * denominator)


def _most_scaled(granted_micro: int, multiplier: Fraction, fixed: int) -> int:
    """How much more than `fixed` rounds to no more than the grant; negative when `fixed` alone
    rounds to more."""
    if granted_micro < _rounded(fixed, multiplier):
        return -1
    if not multiplier.numerator:
        return 0
    # rounded(x) <= granted  <=>  2 * x * numerator < denominator * (2 * granted + 1)
    denominator = MICRO * multiplier.denominator
    most = (denominator * (2 * granted_micro + 1) - 1) // (2 * multiplier.numerator)
    return most - fixed


def fingerprint(rates: Rates, tiers: tuple[PriceTier, ...]) -> str:
    """Eight hexadecimal digits that say which rates these are: an override has no other version,
    and a list may say another price tomorrow."""
    shown = [
        f"{start}:{','.join(str(getattr(each, f.name)) for f in fields(Rates))}"
        for start, each in [(-1, rates), *((t.above_input_tokens, t.rates) for t in tiers)]
    ]
    return hashlib.sha256(";".join(shown).encode()).hexdigest()[:8]
