"""The kinds of value that several parts of the catalog share, and the base of every part.

Every part is frozen, refuses unknown fields and does not convert (an unquoted `1` is no name); only
decimals and dates are read from text, because that is how they are written.
"""

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from catalog.globs import is_pattern


class Part(BaseModel):
    """Base of everything declared: immutable, strict, and its repr shows no secret."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=False
    )


# A name that goes into Envoy cluster names and statistics, where a dot would separate.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")]

# A model's name: anything a client can send in a path or in JSON, without blanks.
ModelName = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,200}$")]

# RFC 9110 token, in lower case as HTTP/2 wants it.
HeaderName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9!#$%&'*+.^_`|~-]{1,100}$")]

# A model family: it stands between two dots where a sealed value is carried, so it has none.
FamilyName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,32}$")]

Micro = Annotated[
    Decimal,
    Field(strict=False, ge=0, le=1_000_000, max_digits=13, decimal_places=6),
]
"""A price in US dollars with at most six decimals, so that it is a whole number of
micro-dollars."""

Spend = Annotated[Decimal, Field(strict=False, gt=0, le=1_000_000_000, decimal_places=6)]
"""A ceiling of spending in US dollars: a whole number of micro-dollars."""

Multiplier = Annotated[Decimal, Field(strict=False, ge=0, le=1000, decimal_places=6)]

Day = Annotated[date, Field(strict=False)]


def _plain(name: str) -> str:
    if is_pattern(name):
        raise ValueError("a name without `*`")
    return name


PlainModelName = Annotated[ModelName, AfterValidator(_plain)]

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


def is_host_name(text: str) -> bool:
    """A DNS name in lower case ASCII (write an international name in its xn-- form)."""
    return len(text) <= 253 and all(_LABEL.fullmatch(label) for label in text.split("."))


# What a pattern asks for, in words: shown to the operator instead of the pattern.
PATTERN_WORDS = {
    r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$": "letters, digits, - and _ (at most 63)",
    r"^[!-~]{1,200}$": "1 to 200 visible ASCII characters, no blanks",
    r"^[a-z0-9!#$%&'*+.^_`|~-]{1,100}$": "a header name in lower case",
    r"^[A-Za-z0-9_-]{1,32}$": "1 to 32 letters, digits, - and _",
    r"^[a-z0-9_-]{1,32}$": "1 to 32 lower-case letters, digits, - and _",
    r"^[A-Z]{3}$": "three capital letters",
    r"^/[!-~]{0,199}$": "a path with a slash in front",
    r"^(/[A-Za-z0-9._~%:@+{}-]+)*$": "empty, or a path like /v1 without a slash at its end",
    r"^[a-z_]{1,32}$": "1 to 32 lower-case letters and _",
    r"^[A-Za-z0-9._:-]{1,100}$": "1 to 100 letters, digits, dots, colons, - and _",
    r"^[a-z0-9-]{1,64}$": "1 to 64 lower-case letters, digits and -",
    r"^https?://[!-~]+$": "a URL, http or https",
    r"^[A-Za-z0-9.-]{1,100}$": "an id or a domain",
    r"^[A-Za-z0-9-]{1,100}$": "an id of letters, digits and -",
}


_MOST = 1_000_000_000  # what the hot store counts exactly, with room to spare


class RateLimits(Part):
    """Ceilings per minute, at once, and of money per period; absent means none."""

    rpm: int | None = Field(default=None, ge=1, le=_MOST, description="Requests per minute.")
    tpm: int | None = Field(
        default=None, ge=1, le=_MOST, description="Tokens per minute, input and output together."
    )
    concurrency: int | None = Field(
        default=None, ge=1, le=_MOST, description="Requests in flight at once."
    )
    spend_per_day: Spend | None = Field(
        default=None, description="US dollars per calendar day (UTC)."
    )
    spend_per_week: Spend | None = Field(
        default=None, description="US dollars per calendar week (UTC, from Monday)."
    )
    spend_per_month: Spend | None = Field(
        default=None, description="US dollars per calendar month (UTC)."
    )

    def ceilings(self) -> tuple[tuple[str, int], ...]:
        """Those that are set, as (kind, most): the ledger's names of kinds; money in micro-USD."""
        found = (
            ("requests", self.rpm),
            ("tokens", self.tpm),
            ("concurrency", self.concurrency),
            ("spend_day", _micro(self.spend_per_day)),
            ("spend_week", _micro(self.spend_per_week)),
            ("spend_month", _micro(self.spend_per_month)),
        )
        return tuple((kind, most) for kind, most in found if most is not None)

    @classmethod
    def of(cls, ceilings: Iterable[tuple[str, int]]) -> "RateLimits":
        """The inverse of `ceilings`."""
        found = dict(ceilings)
        return cls(
            rpm=found.get("requests"),
            tpm=found.get("tokens"),
            concurrency=found.get("concurrency"),
            spend_per_day=_usd(found.get("spend_day")),
            spend_per_week=_usd(found.get("spend_week")),
            spend_per_month=_usd(found.get("spend_month")),
        )


def _micro(usd: Decimal | None) -> int | None:
    return None if usd is None else int(usd * 1_000_000)


def _usd(micro: int | None) -> Decimal | None:
    return None if micro is None else Decimal(micro) / 1_000_000
