"""Proves that everything clears, or says what does not, by customer and amount.

Of each customer: what the entries in SQL sum up to is what Redis's account has, once what is still
in the stream is taken into account; what the account holds is what its open leases hold; charges
are what the rows of usage say, and those are their cost; the sums by day are the sums of the rows;
nothing is below zero.

Strategy: it runs beside full traffic. Redis says everything of a shard in one look, with the place
that its stream had reached; SQL answers afterwards, from one snapshot, and what it had by then and
Redis had not yet (or the other way round) is known by the id of each settlement and taken off. Only
entries made by hand in between cannot be placed: what differs is looked at again, a few times,
before it is called a difference.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from ledger.entries import AccountFacts, Balance
from ledger.errors import BadRecord
from ledger.keys import SHARDS
from ledger.ledger import Ledger
from ledger.model import Account
from ledger.plans import NO_RANK
from ledger.records import decode_record
from ledger.store.audit import Audit, Look
from ledger.store.proofs import Evidence, Ledgered
from ledger.store.streams import StreamEntry

TOGETHER = 500  # customers in one look
LOOKS = 5  # before a difference is one
PAUSE_MS = 300  # between them: an entry made by hand is in Redis within a few


class Check(StrEnum):
    """What can differ. The value expected is SQL's, the one found Redis's, unless it says else."""

    CREDIT = "credit"
    ALLOWANCE = "allowance"
    ALLOWANCE_UNTIL = "allowance_until"  # milliseconds, not money
    TURNED = "turned"  # 1 where Redis does not know of the last turn of a plan
    HELD = "held"  # expected: what the leases hold
    BELOW_ZERO = "below_zero"  # expected: 0
    CHARGED_CREDIT = "charged_credit"  # expected: the rows of usage; found: the entries
    CHARGED_ALLOWANCE = "charged_allowance"
    COSTS = "costs"  # rows whose charges and uncollected rest are not their cost; expected: 0
    SUMMED_REQUESTS = "summed_requests"  # expected: the rows of usage; found: the sums by day
    SUMMED_COSTS = "summed_costs"
    SUMMED_CHARGES = "summed_charges"
    MODE = "mode"  # 1 where they differ


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that does not clear. Micro-USD, unless the check counts something else."""

    customer_id: str
    check: Check
    expected: int
    found: int


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What was looked at, its sums, and what does not clear."""

    customers: int
    requests: int
    cost_micro: int
    charged_micro: int
    uncollected_micro: int
    credit_micro: int
    allowance_micro: int
    held_micro: int
    pending: int  # settlements in the streams
    unpublished: int  # entries that Redis was not told yet
    dead: int  # entries of streams that nobody could read: whatever they charged is missing in SQL
    differences: tuple[Difference, ...]

    @property
    def clean(self) -> bool:
        return not self.differences and not self.dead


@dataclass(slots=True)
class Accounts:
    """Both stores' word on accounts, as one look found it."""

    differences: list[Difference] = field(default_factory=list)
    credit_micro: int = 0
    allowance_micro: int = 0
    held_micro: int = 0
    pending: int = 0

    def add(self, other: "Accounts") -> None:
        self.differences += other.differences
        self.credit_micro += other.credit_micro
        self.allowance_micro += other.allowance_micro
        self.held_micro += other.held_micro
        self.pending += other.pending


class Auditor:
    """Compares the stores; changes nothing."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._audit = Audit(ledger.hot.wire)

    async def reconcile(self) -> Reconciliation:
        """Everything. Raises StoreUnavailable."""
        accounts = await self.accounts()
        ledgered = await self._ledger.record.ledgered()
        rows = [one for customer_id, sums in ledgered.items() for one in compare(customer_id, sums)]
        differences = [*accounts.differences, *rows]
        totals = list(ledgered.values())
        charged = sum(one.charged_credit_micro + one.charged_allowance_micro for one in totals)
        return Reconciliation(
            customers=len(await self._ledger.record.all_account_facts()),
            requests=sum(one.requests for one in totals),
            cost_micro=sum(one.cost_micro for one in totals),
            charged_micro=charged,
            uncollected_micro=sum(one.uncollected_micro for one in totals),
            credit_micro=accounts.credit_micro,
            allowance_micro=accounts.allowance_micro,
            held_micro=accounts.held_micro,
            pending=accounts.pending,
            unpublished=await self._ledger.record.uncounted_entries(),
            dead=await self._audit.dead(),
            differences=tuple(sorted(differences, key=lambda d: (d.customer_id, d.check))),
        )

    async def accounts(self) -> Accounts:
        """Only what both stores say of accounts."""
        found = Accounts()
        strangers = await self._strangers()
        for shard in map(str, range(SHARDS)):
            facts = await self._ledger.record.customers_of_shard(shard)
            found.add(await self.accounts_of(shard, facts + strangers.get(shard, [])))
        return found

    async def accounts_of(self, shard: str, facts: list[AccountFacts]) -> Accounts:
        """The same of some customers of a shard."""
        found = Accounts()
        for start in range(0, len(facts), TOGETHER):
            found.add(await self._shard(shard, facts[start : start + TOGETHER]))
        return found

    async def _strangers(self) -> dict[str, list[AccountFacts]]:
        """Accounts in Redis of customers whom SQL does not know: what they have differs."""
        known = {facts.customer_id for facts in await self._ledger.record.all_account_facts()}
        found: dict[str, dict[str, AccountFacts]] = {}
        async for shard, customer_id in self._audit.customers():
            if customer_id not in known:
                facts = AccountFacts(customer_id, shard, None, 0)
                found.setdefault(shard, {})[customer_id] = facts
        return {shard: list(some.values()) for shard, some in found.items()}

    async def _shard(self, shard: str, facts: list[AccountFacts]) -> Accounts:
        """Customers that differ are looked at again: what is under way has arrived by then."""
        first = found = await self._look(shard, facts)
        for _ in range(LOOKS - 1):
            if not found.differences:
                break
            await asyncio.sleep(PAUSE_MS / 1000)
            differing = {one.customer_id for one in found.differences}
            found = await self._look(shard, [one for one in facts if one.customer_id in differing])
        first.differences = found.differences
        return first

    async def _look(self, shard: str, facts: list[AccountFacts]) -> Accounts:
        ids = [one.customer_id for one in facts]
        look = await self._audit.look(shard, ids)
        pending = [entry async for page in self._audit.pending(look) for entry in page]
        named = _named(pending)
        evidence = await self._ledger.record.evidence(
            ids, look.at_ms, [request_id for _, request_id, _ in named], _now_ms()
        )
        balances = expected(look, named, evidence)
        found = Accounts(pending=len(pending))
        for one in facts:
            account = look.accounts[one.customer_id]
            holds = look.holds.get(one.customer_id, 0)
            balance = balances.get(one.customer_id, Balance())
            found.differences += compare_account(one, account, balance, holds, evidence)
            if account is not None:
                found.credit_micro += account.credit_micro
                found.allowance_micro += account.allowance_micro
                found.held_micro += account.held_micro
        return found


async def reconcile(ledger: Ledger) -> Reconciliation:
    """The whole proof. Raises StoreUnavailable when a store is away."""
    return await Auditor(ledger).reconcile()


def expected(
    look: Look, pending: Sequence[tuple[StreamEntry, str, str]], evidence: Evidence
) -> dict[str, Balance]:
    """What the accounts should have had at the moment of the look: what SQL has, without what was
    charged later, less what was charged and is not in SQL yet."""
    credit = {one: balance.credit_micro for one, balance in evidence.balances.items()}
    allowance = {one: balance.allowance_micro for one, balance in evidence.balances.items()}
    last = _place(look.last_id)
    for charge in evidence.late:
        place = _place((charge.settlement or "").partition("/")[2])
        if place > last and place[0] >= look.at_ms:
            credit[charge.customer_id] += charge.credit_micro
            allowance[charge.customer_id] += charge.allowance_micro
    for entry, request_id, customer_id in pending:
        if evidence.known.get(request_id) != entry.settlement:
            credit[customer_id] = credit.get(customer_id, 0) - entry.credit_micro
            allowance[customer_id] = allowance.get(customer_id, 0) - entry.allowance_micro
    return {one: Balance(credit.get(one, 0), allowance.get(one, 0)) for one in credit | allowance}


def compare_account(
    facts: AccountFacts,
    account: Account | None,
    balance: Balance,
    holds: int,
    evidence: Evidence,
) -> list[Difference]:
    """One customer. An account that Redis does not have is made of the entries when it is asked
    for, so it cannot differ; leases cannot hold anything of it."""
    who = facts.customer_id
    if account is None:
        return [Difference(who, Check.HELD, holds, 0)] if holds else []
    pairs = [
        (Check.CREDIT, balance.credit_micro, account.credit_micro),
        (Check.ALLOWANCE, balance.allowance_micro, account.allowance_micro),
        (Check.HELD, holds, account.held_micro),
    ]
    pairs += [
        (Check.BELOW_ZERO, 0, amount)
        for amount in (
            *(balance.credit_micro, balance.allowance_micro),
            *(account.credit_micro, account.allowance_micro, account.held_micro),
        )
        if amount < 0
    ]
    until_ms, turned = evidence.until_ms.get(who), evidence.turned.get(who, NO_RANK)
    if until_ms is not None and who not in evidence.turning and account.turned <= turned:
        pairs.append((Check.ALLOWANCE_UNTIL, until_ms, account.allowance_until_ms or 0))
    if NO_RANK != account.turned < turned:
        pairs.append((Check.TURNED, 0, 1))
    if facts.mode is not None and facts.mode is not account.mode:
        pairs.append((Check.MODE, 0, 1))
    return _differing(who, pairs)


def compare(customer_id: str, sums: Ledgered) -> list[Difference]:
    """One customer within SQL."""
    charged = sums.charged_credit_micro + sums.charged_allowance_micro + sums.uncollected_micro
    pairs = (
        (Check.CHARGED_CREDIT, sums.charged_credit_micro, -sums.entries_credit_micro),
        (Check.CHARGED_ALLOWANCE, sums.charged_allowance_micro, -sums.entries_allowance_micro),
        (Check.COSTS, 0, sums.unpriced_rows),
        (Check.SUMMED_REQUESTS, sums.requests, sums.summed_requests),
        (Check.SUMMED_COSTS, sums.cost_micro, sums.summed_cost_micro),
        (Check.SUMMED_CHARGES, charged, sums.summed_charged_micro),
    )
    return _differing(customer_id, pairs)


def _differing(customer_id: str, pairs: Sequence[tuple[Check, int, int]]) -> list[Difference]:
    return [
        Difference(customer_id, check, wanted, found)
        for check, wanted, found in pairs
        if wanted != found
    ]


def _named(pending: Sequence[StreamEntry]) -> list[tuple[StreamEntry, str, str]]:
    """With request and customer; what nobody can read is for the writer to bury."""
    named = []
    for entry in pending:
        try:
            record = decode_record(entry.data or b"")
        except BadRecord:
            continue
        named.append((entry, record.request_id, record.customer_id))
    return named


def _place(entry_id: str) -> tuple[int, int]:
    at_ms, _, number = entry_id.partition("-")
    return (int(at_ms), int(number)) if at_ms.isdigit() and number.isdigit() else (0, 0)


def _now_ms() -> int:
    return int(time.time() * 1000)
