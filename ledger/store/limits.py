"""Where limits are counted in Redis, and what a lease remembers of them.

    {sN}:tat:<scope>:<kind>             string  requests and tokens per minute: `level at most`;
                                                see scripts/admit.lua
    {sN}:run:<scope>                    zset    request ids that run, by their lease's deadline
    {sN}:spend:<scope>:<period>:<date>  string  micro-USD spent and held in the period that began
                                                on that date (UTC; weeks begin on Monday)

A lease carries its limits as text, with the periods in which it counts: settlement corrects what
admission took, wherever that was and whatever the catalog says by then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import orjson

from ledger.model import Limit, LimitKind

DAY_MS = 86_400_000
MAX_MOST = 10**10  # of requests and tokens; 60,000 times it is still counted exactly
MAX_SPEND = 10**15  # micro-USD
REMEMBERED = 4096  # sets of limits, some 2 KB each; more keys than one worker meets in a minute

_EPOCH = date(1970, 1, 1)
_LETTERS = {LimitKind.REQUESTS: "r", LimitKind.TOKENS: "t", LimitKind.CONCURRENCY: "c"}
_PERIODS = {
    LimitKind.SPEND_DAY: "day",
    LimitKind.SPEND_WEEK: "week",
    LimitKind.SPEND_MONTH: "month",
}


@dataclass(frozen=True, slots=True)
class Books:
    """The limits of one request: their names in Redis, and what the scripts are told of them."""

    limits: tuple[Limit, ...] = ()
    keys: tuple[str, ...] = ()
    # First the text that the lease remembers, then of each limit its kind, most and, at admission,
    # the end of its period in ms.
    at_admission: tuple[str | bytes | int, ...] = ()
    at_settlement: tuple[str | bytes | int, ...] = ()
    at_renewal: tuple[bytes, ...] = ()
    runs: tuple[str, ...] = ()  # the keys of those that count what runs


NO_BOOKS = Books()


def books_of(shard: str, limits: tuple[Limit, ...], now_ms: int) -> Books:
    """Where a request that is admitted now counts. Of two limits of one scope and kind the
    stricter one does."""
    return _books_of_day(shard, limits, now_ms // DAY_MS) if limits else NO_BOOKS


@lru_cache(REMEMBERED)
def books_of_lease(shard: str, text: bytes) -> Books:
    """Where the request of this lease counts. What this version cannot read counts nowhere."""
    if not text:
        return NO_BOOKS
    try:
        items = [(Limit(scope, LimitKind(kind), most), d) for kind, scope, most, d in _read(text)]
        return _books(shard, items, text)
    except (ValueError, TypeError):
        return Books(at_admission=(text,), at_settlement=(text,), at_renewal=(text,))


def period_of(kind: LimitKind, day: int) -> tuple[int, int]:
    """The first day of the period in which this one lies, and the first after it; days are counted
    from 1970-01-01, and a period is one of the calendar in UTC."""
    today = _EPOCH + timedelta(day)
    first, after = today, today + timedelta(1)
    if kind is LimitKind.SPEND_WEEK:
        first = today - timedelta(today.weekday())
        after = first + timedelta(7)
    elif kind is LimitKind.SPEND_MONTH:
        first = today.replace(day=1)
        after = (first + timedelta(31)).replace(day=1)
    return (first - _EPOCH).days, (after - _EPOCH).days


def spend_key(shard: str, scope: str, kind: LimitKind, day: int) -> str:
    """Where the spend of the period in which this day lies is summed up."""
    begins = _EPOCH + timedelta(period_of(kind, day)[0])
    return f"{{s{shard}}}:spend:{scope}:{_PERIODS[kind]}:{begins.isoformat()}"


@lru_cache(REMEMBERED)
def _books_of_day(shard: str, limits: tuple[Limit, ...], day: int) -> Books:
    strictest: dict[tuple[str, LimitKind], Limit] = {}
    for limit in limits:
        name = limit.scope, limit.kind
        if name not in strictest or limit.most < strictest[name].most:
            strictest[name] = limit
    items = [
        (limit, period_of(limit.kind, day)[0] if limit.kind in _PERIODS else 0)
        for limit in strictest.values()
    ]
    text = orjson.dumps([[limit.kind, limit.scope, limit.most, first] for limit, first in items])
    return _books(shard, items, text)


def _books(shard: str, items: Sequence[tuple[Limit, int]], text: bytes) -> Books:
    keys = tuple(_key(shard, limit, day) for limit, day in items)
    at_admission: list[str | bytes | int] = [text]
    at_settlement: list[str | bytes | int] = [text]
    for limit, day in items:
        letter = _LETTERS.get(limit.kind, "s")
        most = max(0, min(limit.most, MAX_SPEND if letter == "s" else MAX_MOST))
        ends_ms = period_of(limit.kind, day)[1] * DAY_MS if letter == "s" else 0
        at_admission += (letter, most, ends_ms)
        at_settlement += (letter, most)
    runs = tuple(
        key
        for key, (limit, _) in zip(keys, items, strict=True)
        if limit.kind is LimitKind.CONCURRENCY
    )
    limits = tuple(limit for limit, _ in items)
    return Books(limits, keys, tuple(at_admission), tuple(at_settlement), (text,), runs)


def _key(shard: str, limit: Limit, day: int) -> str:
    if limit.kind in _PERIODS:
        return spend_key(shard, limit.scope, limit.kind, day)
    if limit.kind is LimitKind.CONCURRENCY:
        return f"{{s{shard}}}:run:{limit.scope}"
    return f"{{s{shard}}}:tat:{limit.scope}:{limit.kind}"


def _read(text: bytes) -> list[tuple[str, str, int, int]]:
    items: list[tuple[str, str, int, int]] = orjson.loads(text)
    return items
