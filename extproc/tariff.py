"""What an exchange's tokens cost: the route's price with the group's multiplier, before and after.

A hold is made once for all attempts, so it must cover the dearest of the routes that they may take:
`worst_case_micro` and `affordable_output` of several tariffs judge by that one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from operator import attrgetter
from typing import TYPE_CHECKING

from catalog.prices import BUCKETS, EVERYTHING, MAX_OUTPUT_TOKENS, Reach
from translators.canonical.usage import Usage

if TYPE_CHECKING:
    from catalog import Price

ONE = Fraction(1)
_REPORTED = tuple(name for name in BUCKETS if name in Usage.__dataclass_fields__)
_figures = attrgetter(*_REPORTED)


@dataclass(frozen=True, slots=True)
class Tariff:
    """`price` is None where no price is known: the cost is then unknown too, not zero."""

    price: "Price | None"
    multiplier: Fraction = ONE

    @property
    def source(self) -> str | None:
        """Where the price comes from, with its version and the multiplier, for the record."""
        if self.price is None:
            return None
        if self.multiplier == ONE:
            return self.price.source
        times = Decimal(self.multiplier.numerator) / self.multiplier.denominator
        return f"{self.price.source} x {times}"

    def cost_micro(self, usage: Usage) -> int | None:
        """Cost in micro-USD of these tokens."""
        if self.price is None:
            return None
        buckets: dict[str, int | None] = dict(zip(_REPORTED, _figures(usage), strict=True))
        if any(buckets.values()):  # something was produced, so the request's own fee is due
            buckets["requests"] = 1
        return self.price.cost_micro(buckets, self.multiplier)

    def worst_case_micro(
        self, input_estimate: int, output_cap: int, reach: Reach = EVERYTHING
    ) -> int | None:
        """The most that so much input and output can cost, in micro-USD; None without a price."""
        if self.price is None:
            return None
        return self.price.worst_case_micro(input_estimate, output_cap, self.multiplier, reach)

    def affordable_output(
        self, granted_micro: int, input_estimate: int, reach: Reach = EVERYTHING
    ) -> int | None:
        """The largest output cap that the grant pays for; None when it does not pay for the input.
        Raises ValueError without a price: nothing is to be paid then."""
        if self.price is None:
            raise ValueError("a tariff without a price bounds no output")
        return self.price.affordable_output(granted_micro, input_estimate, self.multiplier, reach)


def dear_of(tariffs: Iterable[Tariff]) -> frozenset[str]:
    """The rates of these routes that are worth asking whether the request can reach them."""
    return frozenset[str]().union(*(one.price.dear for one in tariffs if one.price is not None))


def worst_case_micro(
    tariffs: Iterable[Tariff], input_estimate: int, output_cap: int, reach: Reach = EVERYTHING
) -> int:
    """The most that a request can cost on any of its routes; those without a price cost nothing."""
    return max(
        (
            price.worst_case_micro(input_estimate, output_cap, multiplier, reach)
            for price, multiplier in _distinct(tariffs)
        ),
        default=0,
    )


def affordable_output(
    tariffs: Iterable[Tariff], granted_micro: int, input_estimate: int, reach: Reach = EVERYTHING
) -> int | None:
    """The largest output cap that the grant pays for on every route that has a price; None when it
    does not pay for the input on one. MAX_OUTPUT_TOKENS where nothing has a price."""
    caps = [
        price.affordable_output(granted_micro, input_estimate, multiplier, reach)
        for price, multiplier in _distinct(tariffs)
    ]
    known = [cap for cap in caps if cap is not None]
    if len(known) < len(caps):
        return None
    return min(known, default=MAX_OUTPUT_TOKENS)


def _distinct(tariffs: Iterable[Tariff]) -> "Iterable[tuple[Price, Fraction]]":
    """The prices that there are, each once: the accounts of one provider share theirs."""
    found: dict[tuple[int, Fraction], tuple[Price, Fraction]] = {}
    for tariff in tariffs:
        if tariff.price is not None:
            found[id(tariff.price), tariff.multiplier] = (tariff.price, tariff.multiplier)
    return found.values()
