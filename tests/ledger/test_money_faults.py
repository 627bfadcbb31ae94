"""A seeded simulation of money over both stores, in which every call may fail.

Customers pay, top up, take away, redeem codes and have plans while a sweeper publishes, turns and
drains, and another one does long afterwards what was due when it looked. Any call of a store may
fail before it did anything or after it did everything, as when its reply is lost: whoever asked
then asks again with the same reference, or leaves it to the sweeper. At the end nothing fails any
more, everything is swept, and an auditor, who counted only what was answered, compares. The seed in
the test's name replays a failure.
"""

import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from ledger import reconcile as reconcile_module
from ledger.entries import Booking, EntryKind, EntrySpec, Redemption
from ledger.errors import StoreUnavailable
from ledger.model import AccountMode, KeySpec, Verdict
from ledger.plans import DAY_MS, PlanPeriod, PlanSpec, Turn, turn_at
from ledger.reconcile import reconcile
from ledger.store.sql import Sql
from ledger.store.wire import Wire
from tests.ledger.gateway import Gateway, Payer
from tests.ledger.samples import LEASE_MS, NOW_MS
from tests.ledger.seeds import seeds

STEPS = 150
FAULTS = 0.08  # of all calls
SEEDS = seeds(4)
TRIES = 200


class Faults:
    """Makes calls of both stores fail while it is on."""

    def __init__(self, dice: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
        self.dice = dice
        self.on = False
        exchange, writing = Wire._exchange, Sql.writing

        async def faulty_exchange(wire: Wire, packed: bytes) -> Any:
            self.strike()
            answer = await exchange(wire, packed)
            self.strike()
            return answer

        @asynccontextmanager
        async def faulty_writing(sql: Sql) -> AsyncIterator[Any]:
            self.strike()
            async with writing(sql) as connection:
                yield connection
                self.strike()  # rolls back
            self.strike()

        monkeypatch.setattr(Wire, "_exchange", faulty_exchange)
        monkeypatch.setattr(Sql, "writing", faulty_writing)

    def strike(self) -> None:
        if self.on and self.dice.random() < FAULTS:
            raise StoreUnavailable("simulated")


class Simulation:
    def __init__(self, seed: int, gateway: Gateway, faults: Faults) -> None:
        self.dice = random.Random(seed)
        self.gateway = gateway
        self.ledger = gateway.ledger
        self.faults = faults
        self.now_ms = NOW_MS
        self.payers: list[Payer] = []
        self.number = 0
        self.answered: Counter[str] = Counter()  # by customer: what was answered as booked
        self.costs: Counter[str] = Counter()  # by customer: of every admitted request
        self.codes: list[str] = []
        self.redeemed: dict[str, str] = {}  # by whom
        self.late: list[Turn] = []  # what a slow sweeper has still to do

    async def run(self) -> None:
        for number in range(3):
            payer = await self.gateway.payer(f"p{number}", 0)
            self.payers.append(payer)
        codes = await self.ledger.record.create_codes(12, 500, NOW_MS)
        self.codes = [text for _, text in codes]
        self.faults.on = True
        for _ in range(STEPS):
            self.now_ms += self.dice.randrange(DAY_MS // 20)
            await self.step()
        self.faults.on = False
        await self.ledger.hot.expire(self.now_ms + 10 * LEASE_MS)
        await self.sweep()
        for turn in self.late:
            await self.ledger._turn(turn, self.now_ms)
        for _ in range(3):
            await self.sweep()

    async def step(self) -> None:
        payer = self.dice.choice(self.payers)
        acts: list[tuple[float, Callable[[Payer], Awaitable[None]]]] = [
            (0.4, self.pay),
            (0.15, self.top_up),
            (0.08, self.take),
            (0.06, self.redeem),
            (0.06, self.plan),
        ]
        for share, act in acts:
            if self.dice.random() < share:
                await act(payer)
                return
        with suppress(StoreUnavailable):
            await (self.sweep_slowly() if self.dice.random() < 0.3 else self.sweep())

    async def sweep_slowly(self) -> None:
        """It does one thing that was due some time ago, and looks what is due now, often when
        nobody has swept for a day and before nobody does for another one."""
        if self.late:
            late = self.late.pop(self.dice.randrange(len(self.late)))
            await self.ledger._turn(late, self.now_ms)
        passed_ms = self.dice.choice((0, DAY_MS))
        self.now_ms += passed_ms
        due = await self.ledger.record.due_plans(self.now_ms)
        self.late += [turn for plan in due if (turn := turn_at(plan, self.now_ms)) is not None]
        self.now_ms += passed_ms

    async def sweep(self) -> None:
        """What the writer does; it is not stopped by what fails."""
        await self.ledger.publish()
        await self.ledger.turn_plans(self.now_ms)
        while await self.gateway.drain_again():
            pass

    async def insist(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        """Until there is an answer."""
        for _ in range(TRIES):
            try:
                return await ask()
            except StoreUnavailable:
                continue
        raise AssertionError("no answer")

    async def pay(self, payer: Payer) -> None:
        self.number += 1
        request_id, cost = f"req_{self.number}", self.dice.randrange(1, 60)
        hold = cost + self.dice.randrange(20)
        admission = await self.insist(lambda: self.gateway.ask(payer, request_id, hold))
        if admission.verdict is not Verdict.ADMITTED:
            assert admission.verdict is Verdict.INSUFFICIENT_CREDIT
            return
        cost = min(cost, admission.granted_micro)
        await self.insist(lambda: self.gateway.settle(payer, request_id, cost))
        self.costs[payer.id] += cost

    async def top_up(self, payer: Payer) -> None:
        self.number += 1
        spec = EntrySpec(self.dice.randrange(1, 300), reference=f"pay_{self.number}")
        booked = await self.insist(lambda: self.ledger.book(payer.id, spec, self.now_ms))
        assert booked.booking is not Booking.INSUFFICIENT
        self.answered[payer.id] += spec.amount_micro

    async def take(self, payer: Payer) -> None:
        self.number += 1
        spec = EntrySpec(
            -self.dice.randrange(1, 300), EntryKind.ADJUSTMENT, reference=f"take_{self.number}"
        )
        while True:
            booked = await self.insist(lambda: self.ledger.book(payer.id, spec, self.now_ms))
            if booked.booking is not Booking.PENDING:
                break
        if booked.booking is not Booking.INSUFFICIENT:
            self.answered[payer.id] += spec.amount_micro

    async def redeem(self, payer: Payer) -> None:
        text = self.dice.choice(self.codes)
        redeemed = await self.insist(lambda: self.ledger.redeem(text, payer.id, self.now_ms))
        if redeemed.redemption in (Redemption.REDEEMED, Redemption.ALREADY):
            self.redeemed.setdefault(text, payer.id)
            assert self.redeemed[text] == payer.id

    async def plan(self, payer: Payer) -> None:
        if self.dice.random() < 0.3:
            await self.insist(lambda: self.ledger.end_plan(payer.id, self.now_ms))
            return
        period = self.dice.choice((PlanPeriod.DAY, *PlanPeriod))
        spec = PlanSpec("p", self.dice.randrange(20, 200), period)
        await self.insist(lambda: self.ledger.assign_plan(payer.id, spec, self.now_ms))


@pytest.mark.parametrize("seed", SEEDS)
async def test_nothing_appears_or_vanishes_whatever_fails(
    redis_url: str, sql_url: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile_module, "PAUSE_MS", 1)
    faults = Faults(random.Random(seed), monkeypatch)
    async with Gateway.open(redis_url, sql_url) as gateway:
        simulation = Simulation(seed, gateway, faults)
        await simulation.run()
        found = await reconcile(gateway.ledger)
        assert (found.differences, found.pending, found.unpublished, found.dead) == ((), 0, 0, 0)
        assert (found.held_micro, found.uncollected_micro) == (0, 0)
        assert found.charged_micro == found.cost_micro == simulation.costs.total()
        for payer in simulation.payers:
            await check(simulation, payer)


async def check(simulation: Simulation, payer: Payer) -> None:
    """By the auditor's own arithmetic, and by what requests see."""
    ledger = simulation.ledger
    listed = []
    before = None
    while page := await ledger.record.entries(payer.id, 500, before):
        listed += page
        before = (page[-1].created_at_ms, page[-1].id)
    of_kind: Counter[EntryKind] = Counter()
    for entry in listed:
        of_kind[entry.kind] += entry.amount_micro
    codes = [text for text, owner in simulation.redeemed.items() if owner == payer.id]
    assert (
        of_kind[EntryKind.TOPUP] + of_kind[EntryKind.ADJUSTMENT] == (simulation.answered[payer.id])
    )
    assert of_kind[EntryKind.REDEEM] == 500 * len(codes)
    assert -of_kind[EntryKind.CHARGE] == simulation.costs[payer.id]
    assert len({entry.id for entry in listed}) == len(listed)
    account = await ledger.account(payer.id)
    assert account.credit_micro + account.allowance_micro == sum(of_kind.values())
    assert min(account.credit_micro, account.allowance_micro, account.held_micro) >= 0
    if await ledger.record.plan(payer.id, simulation.now_ms) is not None:
        until_ms = await ledger.record.allowance_until(payer.id)
        assert until_ms is not None and until_ms > simulation.now_ms
        assert account.allowance_until_ms == until_ms


async def test_the_simulation_can_fail(redis_url: str, sqlite_url: str) -> None:
    """An auditor who never finds anything proves nothing."""
    async with Gateway.open(redis_url, sqlite_url) as gateway:
        customer = await gateway.ledger.create_customer("x", NOW_MS, AccountMode.PREPAID)
        await gateway.ledger.create_key(customer.id, KeySpec("ci"), NOW_MS)
        await gateway.ledger.book(customer.id, EntrySpec(5), NOW_MS)
        await gateway.redis("HSET", f"{{s{customer.shard}}}:acct:{customer.id}", "credit", 6)
        assert not (await reconcile(gateway.ledger)).clean
