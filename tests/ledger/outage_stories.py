"""Stories of a worker whose hot store is away: what it admits by itself, and what it is owed.

    at        what happens             answer          owed
    09:00:00  redis grants x 2 of 10   -               0
    09:00:09  a asks 4                 granted 4       4
    09:00:12  a costs 1.5              waits           1.5
    09:00:30  redis is told            -               0

Nothing here is a store: the rules are pure. `owed` is what a customer's open holds may cost, and
what ended and waits for Redis. Amounts are US dollars. What can happen:

    redis grants <request> <amount> of <balance>|open    Redis answers an admission
    redis says <limit> has <remaining> left              with the admission of another request
    redis is told                                        every settlement that waited
    sql says <balance>|open                              what the customer has
    <request> asks [<amount>] [at least <amount>] [tokens <n>] [try <n>]
    <request> lives [try <n>]                            a sign of life
    <request> costs <amount> [tokens <n>] [try <n>]
    <request> is handed over                             Redis has a lease for it
"""

import re
from collections.abc import Callable
from dataclasses import replace
from difflib import ndiff
from typing import Any

from ledger.model import (
    Admission,
    KeyFacts,
    Limit,
    LimitState,
    UsageRecord,
    Verdict,
)
from ledger.outage import Outage, Standing, Terms
from tests.ledger.samples import FACTS, attempt_of, record_of
from tests.ledger.stories import NO_TOKENS, at, dollars, micro

CUSTOMER = "cus_1"
TERMS = Terms(allowance_micro=micro("10"), for_ms=900_000, requests_per_minute=60)
DAY = "03-02"
LEASE_MS = 30_000

_AMOUNT = r"([\d.]+)"
_TRY = r"(?: try (\d+))?"
_TOKENS = r"(?: tokens (\d+))?"


class Story:
    """One worker, one customer with one key."""

    def __init__(
        self,
        limits: tuple[Limit, ...] = (),
        terms: Terms | None = TERMS,
        facts: KeyFacts | None = FACTS,
    ) -> None:
        self.outage = Outage()
        self.outage.terms = terms
        self._limits, self._facts = limits, facts
        self._now_ms = at(DAY)
        self._untold = 0
        self._tries: dict[str, int] = {}
        self._events: list[tuple[re.Pattern[str], Callable[..., str]]] = [
            (re.compile(pattern + "$"), method)
            for pattern, method in (
                (rf"redis grants (\S+) {_AMOUNT} of (open|[\d.]+)", self._redis_grants),
                (rf"redis says (\S+) has {_AMOUNT} left", self._redis_says),
                (r"redis is told", self._told),
                (r"sql says (open|[\d.]+)", self._sql_says),
                (rf"(\S+) asks(?: {_AMOUNT})?(?: at least {_AMOUNT})?{_TOKENS}{_TRY}", self._asks),
                (rf"(\S+) lives{_TRY}", self._lives),
                (rf"(\S+) costs {_AMOUNT}{_TOKENS}{_TRY}", self._costs),
                (r"(\S+) is handed over", self._handed_over),
            )
        ]

    def tell(self, text: str) -> None:
        """AssertionError shows the table as it came out, where it is another one."""
        rows = [re.split(r"\s{2,}", line.strip()) for line in text.strip().splitlines()]
        came = [rows[0]]
        for time, event, *_ in rows[1:]:
            self._now_ms = at(time if " " in time else f"{DAY} {time}")
            answer = self._happens(event)
            came.append([time, event, answer, dollars(self.owed)])
        expected, told = ["  ".join(row) for row in rows], ["  ".join(row) for row in came]
        assert told == expected, "\n".join(ndiff(expected, told))

    @property
    def owed(self) -> int:
        return self._untold + sum(hold.granted_micro for hold in self.outage.open_holds())

    def _happens(self, event: str) -> str:
        for pattern, method in self._events:
            if found := pattern.match(event):
                return method(*found.groups())
        raise AssertionError(f"nobody knows what this is: {event}")

    def _saw(self, request_id: str, **found: Any) -> str:
        request = attempt_of(request_id, customer_id=CUSTOMER, now_ms=self._now_ms)
        was_away = self.outage.saw(request, Admission(Verdict.ADMITTED, FACTS, **found))
        return "was away" if was_away else "-"

    def _redis_grants(self, request_id: str, amount: str, balance: str) -> str:
        return self._saw(request_id, granted_micro=micro(amount), balance_micro=_maybe(balance))

    def _redis_says(self, kind: str, remaining: str) -> str:
        [limit] = [limit for limit in self._limits if limit.kind == kind]
        left = micro(remaining) if kind.startswith("spend") else int(remaining)
        return self._saw("another", states=(LimitState(limit, left, 0),))

    def _told(self) -> str:
        self._untold = 0
        return "-"

    def _sql_says(self, balance: str) -> str:
        self.outage.remember(CUSTOMER, Standing(_maybe(balance), self._now_ms))
        return "-"

    def _asks(
        self,
        request_id: str,
        amount: str | None,
        least: str | None,
        tokens: str | None,
        attempt: str | None,
    ) -> str:
        self._tries[request_id] = int(attempt or 1)
        request = attempt_of(
            request_id,
            attempt=int(attempt or 1),
            now_ms=self._now_ms,
            lease_ms=LEASE_MS,
            hold_micro=micro(amount or "0"),
            min_hold_micro=micro(least or amount or "0"),
            hold_tokens=int(tokens or 0),
            limits=self._limits,
            customer_id=CUSTOMER,
        )
        if not self.outage.is_served(self._now_ms):
            return "not served"
        standing = self.outage.standing(CUSTOMER, self._now_ms)
        admission = self.outage.admit(request, self._facts, standing, self._untold)
        assert admission is None or admission.local
        return "not served" if admission is None else _said(admission)

    def _record(self, request_id: str, attempt: str | None) -> UsageRecord:
        number = int(attempt or self._tries[request_id])
        started = record_of(request_id, attempts=number, customer_id=CUSTOMER, **NO_TOKENS)
        return replace(started, started_at_ms=self._now_ms, latency_ms=0)

    def _lives(self, request_id: str, attempt: str | None) -> str:
        record = self._record(request_id, attempt)
        hold = self.outage.renewed(record, self._now_ms, LEASE_MS)
        return "nobody's" if hold is None else "held"

    def _costs(self, request_id: str, cost: str, tokens: str | None, attempt: str | None) -> str:
        record = self._record(request_id, attempt)
        used = None if tokens is None else int(tokens)
        record = replace(record, cost_micro=micro(cost), output_tokens=used)
        if not self.outage.holds(record):
            return "nobody's"
        self.outage.settled(record)
        self._untold += micro(cost)
        return "waits"

    def _handed_over(self, request_id: str) -> str:
        self.outage.handed_over(request_id)
        return "-"


def _maybe(balance: str) -> int | None:
    return None if balance == "open" else micro(balance)


def _said(admission: Admission) -> str:
    match admission.verdict:
        case Verdict.ADMITTED:
            granted = admission.granted_micro
            said = f"granted {dollars(granted)}" if granted else "admitted"
            if admission.balance_micro is not None:
                said += f" of {dollars(admission.balance_micro)}"
        case Verdict.INSUFFICIENT_CREDIT:
            assert admission.balance_micro is not None
            said = f"insufficient: {dollars(admission.balance_micro)}"
        case Verdict.OVER_LIMIT:
            assert admission.refused is not None and admission.retry_after_ms is not None
            said = f"over {admission.refused.limit.kind}: {admission.retry_after_ms / 1000:g} s"
        case verdict:
            return verdict.name.lower()
    return " | ".join((said, *map(_left, admission.states)))


def _left(state: LimitState) -> str:
    spend = state.limit.kind.startswith("spend")
    left = dollars(state.remaining) if spend else str(state.remaining)
    return f"{left} ({state.reset_ms / 1000:g} s)" if state.reset_ms and not spend else left
