"""Stories of money and limits as text tables: what happens, what is answered, what is in the books.

    at        what happens       answer                   credit  allowance  held
    09:00:00  entry 1: credit 5  applied                  5       0          0
    09:00:01  a asks 4           granted 4                5       0          4
    09:00:09  a costs 1.5        settled: 1.5 credit      3.5     0          0

Amounts are US dollars, times are UTC and go forward only; `03-01 23:59:59` sets the day as well. A
story is told to a real Redis, and what it answers is written into the same table: the two tables
must be one. Columns are divided by two spaces or more. What can happen:

    entry <id>: credit|allowance <amount>      an entry is applied
    turn [<plan>.]<n>: <amount> until <day>|never
                                               the plan turns, or is over
    <request> asks [<amount>] [at least <amount>] [tokens <n>] [try <n>]
    <request> metered <amount>                 a sign of life of its last attempt
    <request> costs <amount> [tokens <n>] [try <n>]
    sweep                                      what lapsed is settled
    w<n> dies                                  what that worker held is settled; try n runs in it
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from difflib import ndiff
from typing import Any

from ledger.model import (
    Account,
    Admission,
    Limit,
    LimitState,
    Outcome,
    Pot,
    Settlement,
    UsageRecord,
    Verdict,
)
from ledger.plans import Turning
from ledger.records import decode_record, encode_record
from ledger.store.hot import HotStore
from tests.ledger.samples import SHARD, attempt_of, record_of, turn_of

CUSTOMER = "cus_1"
YEAR = 2026
FIRST_DAY = "03-02"  # a Monday
LEASE_MS = 30_000

NO_TOKENS: dict[str, Any] = {
    "input_tokens": None,
    "cache_read_tokens": None,
    "cache_write_5m_tokens": None,
    "cache_write_1h_tokens": None,
    "output_tokens": None,
    "reasoning_tokens": None,
}
_PAYERS = ("allowance", "credit", "uncollected")
_AMOUNT = r"(-?[\d.]+)"
_TRY = r"(?: try (\d+))?"
_TOKENS = r"(?: tokens (\d+))?"


class Story:
    """One customer, one key, the limits that every request has."""

    def __init__(self, hot: HotStore, limits: tuple[Limit, ...] = ()) -> None:
        self._hot = hot
        self._limits = limits
        self._now_ms = at(f"{FIRST_DAY} 00:00:00")
        self._day = FIRST_DAY
        self._tries: dict[str, int] = {}
        self._started: dict[str, int] = {}
        self._streamed = 0
        self._events: list[tuple[re.Pattern[str], Callable[..., Awaitable[str]]]] = [
            (re.compile(pattern + "$"), method)
            for pattern, method in (
                (rf"entry (\S+): (credit|allowance) {_AMOUNT}", self._entry),
                (rf"turn (\S+): {_AMOUNT} until (.+)", self._turn),
                (rf"(\S+) asks(?: {_AMOUNT})?(?: at least {_AMOUNT})?{_TOKENS}{_TRY}", self._asks),
                (rf"(\S+) metered {_AMOUNT}", self._metered),
                (rf"(\S+) costs {_AMOUNT}{_TOKENS}{_TRY}", self._costs),
                (r"sweep", self._sweep),
                (r"(w\d+) dies", self._sweep),
            )
        ]

    def with_limits(self, limits: tuple[Limit, ...]) -> "Story":
        """The same story, with other limits from now on: the catalog was changed."""
        other = Story(self._hot, limits)
        other._now_ms, other._day, other._streamed = self._now_ms, self._day, self._streamed
        other._tries, other._started = self._tries, self._started
        return other

    async def tell(self, text: str) -> None:
        """AssertionError shows the table as it came out, where it is another one."""
        header, *rows = [re.split(r"\s{2,}", line.strip()) for line in text.strip().splitlines()]
        told = [header]
        for row in rows:
            self._tick(row[0])
            answer = await self._happens(row[1])
            told.append([row[0], row[1], answer, *await self._books(header[3:])])
        expected, came = _table([header, *rows]), _table(told)
        assert came == expected, "\n".join(ndiff(expected, came))

    def _tick(self, time: str) -> None:
        if " " in time:
            self._day = time.split()[0]
        now_ms = at(f"{self._day} {time.split()[-1]}")
        assert now_ms >= self._now_ms, f"{time} was before"
        self._now_ms = now_ms

    async def _happens(self, event: str) -> str:
        for pattern, method in self._events:
            if found := pattern.match(event):
                return await method(*found.groups())
        raise AssertionError(f"nobody knows what this is: {event}")

    async def _books(self, columns: list[str]) -> list[str]:
        account = await self._hot.account(SHARD, CUSTOMER)
        if account is None:
            return ["-" for _ in columns]
        return [dollars(_column(account, column)) for column in columns]

    async def _entry(self, entry_id: str, pot: str, amount: str) -> str:
        applied = await self._hot.apply_entry(
            SHARD, CUSTOMER, entry_id, Pot(pot), micro(amount), self._now_ms
        )
        return applied.name.lower()

    async def _turn(self, turn_id: str, amount: str, until: str) -> str:
        until_ms = 0 if until == "never" else at(until)
        plan, _, number = turn_id.rpartition(".")
        turn = turn_of(int(number), micro(amount), until_ms, plan=int(plan or 1), name=turn_id)
        turned = await self._hot.turn_plan(SHARD, turn, self._now_ms)
        if turned.turning is Turning.SUPERSEDED:
            return "superseded"
        told = "turned" if turned.turning is Turning.TURNED else "turned before"
        carried = f", {dollars(turned.carried_micro)} carried" if turned.carried_micro else ""
        return f"{told}: {dollars(turned.taken_micro)} ended{carried}"

    async def _asks(
        self,
        name: str,
        amount: str | None,
        least: str | None,
        tokens: str | None,
        attempt: str | None,
    ) -> str:
        number = int(attempt or 1)
        admission = await self._hot.admit(
            attempt_of(
                name,
                f"w{number}",
                number,
                now_ms=self._now_ms,
                lease_ms=LEASE_MS,
                note=encode_record(self._draft(name, number, 0)),
                hold_micro=micro(amount or "0"),
                min_hold_micro=micro(least or "0"),
                hold_tokens=int(tokens or 0),
                limits=self._limits,
                customer_id=CUSTOMER,
            )
        )
        if admission.verdict is Verdict.ADMITTED:
            self._tries[name] = number
        return " | ".join((_verdict(admission), *map(_state, admission.states)))

    async def _metered(self, name: str, amount: str) -> str:
        number = self._tries[name]
        note = encode_record(self._draft(name, number, micro(amount)))
        renewed = await self._hot.renew(
            name, SHARD, f"w{number}", self._now_ms, LEASE_MS, note, number
        )
        return "renewed" if renewed else "gone"

    async def _costs(self, name: str, cost: str, tokens: str | None, attempt: str | None) -> str:
        number = int(attempt or self._tries.get(name, 1))
        draft = self._draft(name, number, micro(cost))
        used = None if tokens is None else int(tokens)
        record = replace(draft, status=200, outcome=Outcome.COMPLETED, output_tokens=used)
        settled = await self._hot.settle(Settlement(SHARD, record, f"w{number}"))
        ends = [charges for _, charges in await self._ended()]
        return ": ".join((settled.name.lower(), *ends))

    async def _sweep(self, worker: str | None = None) -> str:
        await self._hot.expire(self._now_ms, worker)
        ends = [f"{name} lost: {charges}" for name, charges in await self._ended()]
        return ", ".join(sorted(ends)) or "nothing"

    def _draft(self, name: str, attempt: int, cost_micro: int) -> UsageRecord:
        """As metered by now."""
        started_ms = self._started.setdefault(name, self._now_ms)
        return replace(
            record_of(name, attempts=attempt, customer_id=CUSTOMER, **NO_TOKENS),
            status=0,
            outcome=Outcome.FAILED,
            started_at_ms=started_ms,
            latency_ms=self._now_ms - started_ms,
            cost_micro=cost_micro,
        )

    async def _ended(self) -> list[tuple[str, str]]:
        """Requests settled since the last question, and who paid."""
        entries = await self._hot.wire.call("XRANGE", f"{{s{SHARD}}}:stream", "-", "+")
        fresh, self._streamed = entries[self._streamed :], len(entries)
        ended = []
        for _, flat in fresh:
            values = dict(zip(flat[::2], flat[1::2], strict=True))
            record = decode_record(values[b"record"])
            ended.append((record.request_id, _charges(values)))
            assert b"credit" not in values or _sum(values) == record.cost_micro
        return ended


def at(time: str) -> int:
    """Unix ms of `03-01 23:59:59`, with or without parts of a second; of `03-01`: its beginning."""
    day, _, clock = time.partition(" ")
    moment = datetime.fromisoformat(f"{YEAR}-{day}T{clock or '00:00:00'}").replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def micro(amount: str) -> int:
    return int(Decimal(amount) * 1_000_000)


def dollars(amount_micro: int) -> str:
    return f"{Decimal(amount_micro) / 1_000_000:f}"


def _column(account: Account, name: str) -> int:
    columns = {
        "credit": account.credit_micro,
        "allowance": account.allowance_micro,
        "held": account.held_micro,
    }
    return columns[name]


def _verdict(admission: Admission) -> str:
    match admission.verdict:
        case Verdict.ADMITTED:
            granted = admission.granted_micro
            return f"granted {dollars(granted)}" if granted else "admitted"
        case Verdict.INSUFFICIENT_CREDIT:
            assert admission.balance_micro is not None
            return f"insufficient: {dollars(admission.balance_micro)}"
        case Verdict.OVER_LIMIT:
            assert admission.refused is not None and admission.retry_after_ms is not None
            limit, wait = admission.refused.limit, _seconds(admission.retry_after_ms)
            return f"over {limit.scope.partition(':')[0]} {limit.kind}: {wait}"
        case verdict:
            return verdict.name.lower()


def _state(state: LimitState) -> str:
    """What is left, and when it is whole again."""
    kind, remaining = state.limit.kind, state.remaining
    left = dollars(remaining) if kind.startswith("spend") else str(remaining)
    return f"{left} ({_seconds(state.reset_ms)})" if state.reset_ms else left


def _seconds(duration_ms: int) -> str:
    if duration_ms < 3_600_000:
        return f"{duration_ms / 1000:g} s"
    hours, rest_ms = divmod(duration_ms, 3_600_000)
    if not rest_ms:
        return f"{hours} h"
    return f"{hours}:{rest_ms // 60_000:02d}:{rest_ms % 60_000 / 1000:02g}"


def _charges(values: dict[bytes, bytes]) -> str:
    if b"credit" not in values:
        return "recorded"
    paid = [(int(values[name.encode()]), name) for name in _PAYERS]
    return ", ".join(f"{dollars(amount)} {name}" for amount, name in paid if amount) or "free"


def _sum(values: dict[bytes, bytes]) -> int:
    return sum(int(values[name.encode()]) for name in _PAYERS)


def _table(rows: list[list[str]]) -> list[str]:
    return ["  ".join(row) for row in rows]
