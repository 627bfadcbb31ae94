"""Money of both stores: what comes and goes, plans and codes, and the account that requests see.

An entry is written in SQL, then applied to the account in Redis, once by its id. What Redis refuses
(it would go below zero) is reversed by another entry. A charge goes the other way: Redis decides,
and the writer makes the entry. So does a plan's turn, as only Redis knows what is left of an
allowance; its id makes it the same however often it is tried.

An account that Redis does not have is made of the entries that it had been told, so that those that
it was not told yet can still be told, once.
"""

import time
from collections.abc import Awaitable, Iterable
from contextlib import suppress
from dataclasses import replace

from ledger.codes import parse_code
from ledger.entries import (
    Balance,
    Booked,
    Booking,
    Entry,
    EntrySpec,
    Redeemed,
    Redemption,
)
from ledger.errors import NotFound, StoreRefused, StoreUnavailable
from ledger.keys import shard_of
from ledger.model import Account, AccountMode, Applied, Pot
from ledger.plans import Plan, PlanSpec, Turn, Turning, turn_at
from ledger.store.hot import HotStore
from ledger.store.record import Record

CARRIED_MS = 60_000  # when to look again for what a plan that ended left to running requests


class Money:
    """All methods raise StoreUnavailable when a store they need is away."""

    def __init__(self, hot: HotStore, record: Record) -> None:
        self.hot = hot
        self.record = record
        hot.load_account = self._load_account
        hot.recorded = record.has_usage

    async def account(self, customer_id: str) -> Account:
        """As requests see it; where Redis is away or has none, as it will be when it was told of
        every entry. Raises NotFound."""
        facts = await self.record.account_facts(customer_id)
        if facts is None:
            raise NotFound(f"no customer {customer_id}")
        with suppress(StoreUnavailable):
            known = await self.hot.account(facts.shard, customer_id)
            if known is not None:
                return known
        return await self._recorded_account(customer_id, await self.record.balance(customer_id))

    async def recorded_account(self, customer_id: str) -> Account:
        """As SQL alone knows it, with every entry and nothing held: Redis is not asked. Raises
        NotFound."""
        if await self.record.account_facts(customer_id) is None:
            raise NotFound(f"no customer {customer_id}")
        return await self._recorded_account(customer_id, await self.record.balance(customer_id))

    async def book(self, customer_id: str, spec: EntrySpec, now_ms: int) -> Booked:
        """A top-up or an adjustment. Repeat it with the same reference until there is an answer.
        Raises NotFound, Conflict."""
        if spec.amount_micro < 0 and not await self._may_go(customer_id, spec):
            return Booked(Booking.INSUFFICIENT, None)
        entry, new = await self.record.add_entry(customer_id, spec, now_ms)
        booking = await self._apply_softly(entry, now_ms)
        if not new and booking is Booking.BOOKED:
            booking = Booking.ALREADY
        return Booked(booking, entry)

    async def redeem(self, typed: str, customer_id: str, now_ms: int) -> Redeemed:
        """A code as a person typed it. Raises NotFound for the customer."""
        code_hash = parse_code(typed)
        if code_hash is None:
            return Redeemed(Redemption.UNKNOWN)
        redeemed = await self.record.redeem_code(code_hash, customer_id, now_ms)
        if redeemed.redemption is Redemption.REDEEMED and redeemed.entry is not None:
            await self._apply_softly(redeemed.entry, now_ms)
        return redeemed

    async def assign_plan(
        self, customer_id: str, spec: PlanSpec, now_ms: int, actor: str = ""
    ) -> Plan:
        """See Plans.assign_plan; its first allowance is there at once, if it begins now."""
        plan = await self.record.assign_plan(customer_id, spec, now_ms, actor)
        with suppress(StoreUnavailable):
            await self.turn_plans(now_ms, customer_id)
        return plan

    async def end_plan(self, customer_id: str, now_ms: int, at_ms: int | None = None) -> list[Plan]:
        """See Plans.end_plan."""
        ended = await self.record.end_plan(customer_id, now_ms, at_ms)
        with suppress(StoreUnavailable):
            await self.turn_plans(now_ms, customer_id)
        return ended

    async def turn_plans(self, now_ms: int, customer_id: str | None = None) -> int:
        """Does what plans have to do by now; how many did. The writer does this always."""
        plans = await self.record.due_plans(now_ms, customer_id)
        turns = [turn for turn in (turn_at(plan, now_ms) for plan in plans) if turn is not None]
        await _each(self._turn(turn, now_ms) for turn in turns)
        return len(turns)

    async def publish_entries(self) -> int:
        """Tells Redis of entries that it was not told; how many. The writer does this always."""
        entries = await self.record.unpublished_entries()
        now_ms = _now_ms()
        await _each(self._apply(entry, max(entry.created_at_ms, now_ms)) for entry in entries)
        return len(entries)

    async def _turn(self, turn: Turn, now_ms: int) -> None:
        customer_id = turn.plan.customer_id
        if turn.number is None and await self.record.plan(customer_id, now_ms) is not None:
            # Another plan took its place: the turn with which that one began did this one's too.
            await self.record.finish_turn(turn, None, now_ms)
            return
        turned = await self.hot.turn_plan(shard_of(customer_id), turn, now_ms)
        if turned.before is not None:
            await self.record.keep_turn(customer_id, turned.before, now_ms)
        if turned.turning is Turning.SUPERSEDED:
            await self.record.finish_turn(turn, None, now_ms)
            return
        if turn.number is None and turned.carried_micro:
            turn = replace(turn, next_turn_ms=now_ms + CARRIED_MS)
        await self.record.finish_turn(turn, turned.taken_micro, now_ms)

    async def _may_go(self, customer_id: str, spec: EntrySpec) -> bool:
        """Whether there could be so much: Redis has the last word, but never has more than this."""
        if spec.reference and await self.record.entry_by_reference(spec.reference) is not None:
            return True
        balance = await self.record.balance(customer_id)
        pot = balance.credit_micro if spec.pot is Pot.CREDIT else balance.allowance_micro
        return pot + spec.amount_micro >= 0

    async def _apply_softly(self, entry: Entry, now_ms: int) -> Booking:
        """What the record has is true even when Redis is away: the writer tells it then."""
        try:
            return await self._apply(entry, now_ms)
        except StoreUnavailable:
            return Booking.PENDING

    async def _apply(self, entry: Entry, now_ms: int) -> Booking:
        applied = await self.hot.apply_entry(
            shard_of(entry.customer_id),
            entry.customer_id,
            entry.id,
            entry.pot,
            entry.amount_micro,
            now_ms,
        )
        if applied is Applied.REFUSED:
            await self.record.reverse_entry(entry, now_ms)
            return Booking.INSUFFICIENT
        await self.record.entry_published(entry.id)
        return Booking.BOOKED

    async def _load_account(self, shard: str, customer_id: str) -> Account:
        """The account of a customer whom Redis does not have."""
        await self.record.set_loaded([customer_id], await self._redis_now_ms())
        told = await self.record.published_balance(customer_id)
        return await self._recorded_account(customer_id, told)

    async def _redis_now_ms(self) -> int:
        """By the clock that names settlements."""
        seconds, micros = await self.hot.wire.call("TIME")
        return int(seconds) * 1000 + int(micros) // 1000

    async def _recorded_account(self, customer_id: str, balance: Balance) -> Account:
        facts = await self.record.account_facts(customer_id)
        if facts is None or facts.mode is None:
            return Account(AccountMode.OPEN)
        return Account(
            mode=facts.mode,
            credit_micro=balance.credit_micro,
            allowance_micro=balance.allowance_micro,
            allowance_until_ms=await self.record.allowance_until(customer_id),
            version=facts.version,
            turned=await self.record.last_turn(customer_id),
        )


async def _each(some: Iterable[Awaitable[object]]) -> None:
    """One after the other. What Redis or SQL refuses of one does not keep the others; it is raised
    when they are done."""
    refused: StoreRefused | None = None
    for one in some:
        try:
            await one
        except StoreRefused as error:
            refused = error
    if refused is not None:
        raise refused


def _now_ms() -> int:
    return int(time.time() * 1000)
