"""How customers pay: what a new one is, what may be had without a price, and what is too little.

Money is kept in micro-USD everywhere; another currency is a way of showing it to people, never of
keeping it.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Annotated

from pydantic import Field, StringConstraints

from catalog.fields import Part, Spend

CurrencyCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
CurrencyRate = Annotated[Decimal, Field(strict=False, gt=0, le=1_000_000, decimal_places=6)]


class Currency(Part):
    """In which currency people are shown amounts. Records, limits and prices stay in US dollars."""

    code: CurrencyCode = Field(default="USD", description="Its code in ISO 4217.")
    per_usd: CurrencyRate = Field(
        default=Decimal(1), description="How much of it one US dollar is shown as."
    )
    decimals: int = Field(default=2, ge=0, le=6, description="Decimal places that are shown.")

    def shown(self, micro: int) -> str:
        """An amount of micro-USD for people, such as `12.34 USD`: rounded towards less, so that
        nobody is shown more than there is."""
        rate = Fraction(self.per_usd)
        scale = 10**self.decimals
        units = micro * rate.numerator * scale // (rate.denominator * 1_000_000)
        whole, rest = divmod(abs(units), scale)
        sign = "-" if units < 0 else ""
        decimals = f".{rest:0{self.decimals}d}" if self.decimals else ""
        return f"{sign}{whole}{decimals} {self.code}"


class Outage(Part):
    """What is served while Redis is away. Every worker counts for itself."""

    allowance_usd: Spend = Field(
        description="What a customer may use of one worker until Redis knows of it: the worst case "
        "of requests that run, and the cost of those that ended."
    )
    for_s: int = Field(
        default=900, ge=1, le=86_400, description="How long; after that requests are refused."
    )
    requests_per_minute: int = Field(
        default=60,
        ge=1,
        le=1_000_000,
        description="Requests a minute of a customer in one worker, beside the customer's limits.",
    )

    @property
    def allowance_micro(self) -> int:
        return int(self.allowance_usd * 1_000_000)


class Billing(Part):
    """How customers pay."""

    prepaid: bool = Field(
        default=False,
        description="Whether a new customer is prepaid: every request needs credit or allowance. "
        "Otherwise it is open: costs are recorded, no balance is asked for.",
    )
    free_use: bool = Field(
        default=True,
        description="Whether open customers may use a model that has no price. Prepaid ones never.",
    )
    minimum_output_tokens: int = Field(
        default=256,
        ge=1,
        le=1_000_000,
        description="Least output that a request is lowered to when credit is short; where less "
        "can be paid it is refused.",
    )
    default_output_tokens: int = Field(
        default=4096,
        ge=1,
        le=10_000_000,
        description="Output that is held for where neither the request nor the model has a limit.",
    )
    currency: Currency = Field(
        default_factory=Currency, description="In which currency people are shown amounts."
    )

    outage: Outage | None = Field(
        default=None,
        description="What is served while Redis is away; absent: nothing, requests are refused.",
    )

    def allows_unpriced(self, *, prepaid: bool) -> bool:
        """Whether such a customer may use a model without a price."""
        return self.free_use and not prepaid
