"""What an exchange's tokens cost: the route's price with the group's multiplier."""

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from translators.canonical.usage import Usage

if TYPE_CHECKING:
    from catalog import Price

ONE = Fraction(1)


@dataclass(frozen=True, slots=True)
class Tariff:
    """`price` is None where no price is known: the cost is then unknown too, not zero."""

    price: "Price | None"
    multiplier: Fraction = ONE

    def cost_micro(self, usage: Usage) -> int | None:
        """Cost in micro-USD of these tokens."""
        if self.price is None:
            return None
        buckets = {
            "input_tokens": usage.input_tokens,
            "cache_read_tokens": usage.cache_read_tokens,
            "cache_write_5m_tokens": usage.cache_write_5m_tokens,
            "cache_write_1h_tokens": usage.cache_write_1h_tokens,
            "output_tokens": usage.output_tokens,
            "reasoning_tokens": usage.reasoning_tokens,
            "image_output_tokens": usage.image_output_tokens,
            "web_searches": usage.web_searches,
        }
        return self.price.cost_micro(buckets, self.multiplier)
