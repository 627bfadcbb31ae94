"""The arithmetic of comparing, and nothing else: medians, percentiles, ratios of pairs.

On a shared machine an absolute time says what the neighbours did. So the sides of a comparison take
turns in short rounds, each round of one side is divided by the round of the other that ran beside
it, and the median of those quotients is the ratio: a neighbour who comes and goes disturbs both
rounds of a pair, or few pairs.
"""

import statistics
from collections.abc import Sequence


def median(values: Sequence[float]) -> float:
    """The middle one. Raises ValueError for nothing."""
    if not values:
        raise ValueError("no values")
    return float(statistics.median(values))


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of all values do not exceed (nearest rank)."""
    if not values:
        raise ValueError("no values")
    if not 0 < percent <= 100:
        raise ValueError("percent is over 0 and up to 100")
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return float(ordered[int(rank) - 1])


def quotients(values: Sequence[float], bases: Sequence[float]) -> list[float]:
    """value/base of every pair of rounds; pairs with a base of nothing say nothing."""
    if len(values) != len(bases):
        raise ValueError("every round needs its pair")
    return [value / base for value, base in zip(values, bases, strict=True) if base > 0]


def spread(values: Sequence[float]) -> float:
    """Half the distance between the quartiles, relative to the median: how quiet it was."""
    if len(values) < 2:
        return 0.0
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / 2 / middle if middle else 0.0


def per_chunk(
    stream_us: float, plain_us: float, stream_messages: float, plain_messages: float
) -> float:
    """What one more chunk costs: a stream over a whole answer, by the messages it takes more.

    0 when there were no more messages.
    """
    more = stream_messages - plain_messages
    return (stream_us - plain_us) / more if more > 0 else 0.0
