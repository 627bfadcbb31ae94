"""Flags for ceilings, of keys and of customers alike, and how they are shown."""

from collections.abc import Iterable, Mapping
from typing import Annotated

import typer
from pydantic import ValidationError

from catalog import RateLimits
from cli.commands.amounts import usd
from cli.output import OperatorError
from ledger.model import Ceilings, LimitKind

Rpm = Annotated[int | None, typer.Option("--rpm", help="Most requests per minute.")]
Tpm = Annotated[int | None, typer.Option("--tpm", help="Most tokens per minute.")]
AtOnce = Annotated[int | None, typer.Option("--concurrency", help="Most requests at once.")]
PerDay = Annotated[
    str | None, typer.Option("--spend-per-day", help="Most US dollars per day (UTC).")
]
PerWeek = Annotated[
    str | None, typer.Option("--spend-per-week", help="Most US dollars per week, from Monday.")
]
PerMonth = Annotated[
    str | None, typer.Option("--spend-per-month", help="Most US dollars per month.")
]

_WORDS: Mapping[str, str] = {
    LimitKind.REQUESTS: "requests/min",
    LimitKind.TOKENS: "tokens/min",
    LimitKind.CONCURRENCY: "at once",
    LimitKind.SPEND_DAY: "USD/day",
    LimitKind.SPEND_WEEK: "USD/week",
    LimitKind.SPEND_MONTH: "USD/month",
}


def ceilings(
    rpm: int | None,
    tpm: int | None,
    concurrency: int | None,
    per_day: str | None,
    per_week: str | None,
    per_month: str | None,
) -> Ceilings:
    """What the flags say. Raises OperatorError with every one that is wrong."""
    said = {
        "rpm": rpm,
        "tpm": tpm,
        "concurrency": concurrency,
        "spend_per_day": per_day,
        "spend_per_week": per_week,
        "spend_per_month": per_month,
    }
    try:
        limits = RateLimits.model_validate(said)
    except ValidationError as error:
        problems = [_problem(str(e["loc"][0]), e["msg"]) for e in error.errors()]
        raise OperatorError("The limits cannot be set.", problems) from None
    return tuple((LimitKind(kind), most) for kind, most in limits.ceilings())


def merged(kept: Ceilings, named: Ceilings, afresh: bool) -> Ceilings:
    """The named ones over those that there are, or alone."""
    return tuple({**({} if afresh else dict(kept)), **dict(named)}.items())


def _problem(field: str, message: str) -> str:
    return f"--{field.replace('_', '-')} {message.removeprefix('Input ')}"


def shown(limits: Iterable[tuple[str, int]]) -> str:
    """`60 requests/min, 5 USD/day`; a dash where there is none."""
    parts = [
        f"{usd(most) if 'spend' in kind else most} {_WORDS[LimitKind(kind)]}"
        for kind, most in limits
    ]
    return ", ".join(parts) or "-"


def public(limits: Iterable[tuple[str, int]]) -> dict[str, int]:
    """For programs: by kind; spending in micro-USD."""
    return {LimitKind(kind).value: most for kind, most in limits}
