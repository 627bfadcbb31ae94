"""The order in which the routes of a model are tried.

Ranks follow one another: tiers, and within a tier what needs no translation before what does.
Within a rank the order is a draw by weight, without replacement, that a seed decides: every worker
draws the same from the same seed, so that what belongs together stays at one account, and nothing
is computed beyond the routes that are taken.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate, groupby

from catalog.prices import Price
from catalog.routes import Route
from catalog.surfaces import Surface

_MOST_DRAWS = 64  # for one route; then the heaviest that is left is taken
_64_BITS = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Rank:
    """Routes that are equals but for their weight."""

    routes: tuple[Route, ...]
    bounds: tuple[int, ...] = field(repr=False)  # running sums of the weights

    def drawn(self, seed: int) -> Iterator[Route]:
        """All of them, in the order that the seed decides."""
        routes = self.routes
        if len(routes) == 1:
            yield routes[0]
            return
        taken: set[int] = set()
        while len(taken) < len(routes):
            index = -1
            for _ in range(_MOST_DRAWS):
                seed = _next(seed)
                index = bisect_right(self.bounds, seed % self.bounds[-1])
                if index not in taken:
                    break
            else:
                index = next(i for i in range(len(routes)) if i not in taken)
            taken.add(index)
            yield routes[index]


@dataclass(frozen=True, slots=True)
class Way:
    """The routes of a model as one group gives them, with the group's price multiplier."""

    group: str | None
    multiplier: Fraction
    ranks: tuple[Rank, ...]
    prices: tuple[Price | None, ...] = field(repr=False)  # of all routes, each once
    most_output: int | None  # tokens, of the routes of which that is known
    is_spread: bool  # some rank has several routes
    surfaces: frozenset[Surface]

    def ordered(self, seed: int) -> Iterator[Route]:
        """The routes, best first."""
        for rank in self.ranks:
            yield from rank.drawn(seed)

    @property
    def routes(self) -> tuple[Route, ...]:
        """The same in no order that means anything within a rank."""
        return tuple(route for rank in self.ranks for route in rank.routes)


def ways(
    surface: Surface | None,
    given: Iterable[tuple[str | None, Fraction, Sequence[Route]]],
) -> tuple[Way, ...]:
    """The ways of groups with their multipliers and routes; groups without routes are no way."""
    return tuple(_way(surface, *one) for one in given if one[2])


def _way(
    surface: Surface | None, group: str | None, multiplier: Fraction, routes: Sequence[Route]
) -> Way:
    def place(route: Route) -> tuple[int, bool]:
        return route.tier, route.surface != surface

    ordered = sorted(routes, key=place)  # stable: the heaviest stay in front
    ranks = [tuple(equals) for _, equals in groupby(ordered, key=place)]
    known = [route.capabilities.max_output_tokens for route in routes]
    return Way(
        group,
        multiplier,
        tuple(Rank(rank, tuple(accumulate(route.weight for route in rank))) for rank in ranks),
        tuple({id(route.price): route.price for route in routes}.values()),
        max((most for most in known if most is not None), default=None),
        any(len(rank) > 1 for rank in ranks),
        frozenset(route.surface for route in routes),
    )


def _next(seed: int) -> int:
    """SplitMix64 (Steele, Lea, Flood 2014): the next of a sequence of 64-bit numbers."""
    z = (seed + 0x9E3779B97F4A7C15) & _64_BITS
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _64_BITS
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _64_BITS
    return z ^ (z >> 31)
