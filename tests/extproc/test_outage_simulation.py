"""A seeded simulation of outages: workers that lose Redis, or SQL too, each by itself or together.

Workers admit requests of prepaid customers, by Redis or alone, give signs of life, are retried
elsewhere, settle, settle twice and die; one that comes later takes over the spool of one that
died. In worlds where all lose Redis together, attempts whose upstream broke off say so when
another one runs already. What a worker asks of a Redis that it has lost may still be done there
when nobody waits for it any more, as by a process that was stopped and goes on. Leases lapse, but
as the writer does it: not before all that live have given a sign of life. The auditor counts what
was granted and what was answered by himself. The seed in the test's name replays a failure.
"""

import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from catalog.billing import Outage
from ledger import reconcile as reconcile_module
from ledger.errors import StoreUnavailable
from ledger.model import Outcome, Verdict
from ledger.store import replay
from tests.extproc.town import Town, Worker
from tests.ledger.conftest import RedisServer, redis_url, shared_redis, sqlite_url, until
from tests.ledger.gateway import Gateway, Payer
from tests.ledger.samples import LEASE_MS
from tests.ledger.seeds import seeds

__all__ = ["redis_url", "shared_redis", "sqlite_url"]

SLOTS = 3
STEPS = 250
MAX_RUNNING = 12
MAX_ATTEMPTS = 4
LIVES_MS = LEASE_MS // 3
ALLOWANCE = 200  # micro-USD: a few requests of up to 120
DECLARED = Outage(
    allowance_usd=Decimal(ALLOWANCE) / 1_000_000, for_s=86_400, requests_per_minute=1000
)


@dataclass(eq=False)
class Slot:
    """A place for a worker, and what it can reach."""

    number: int
    worker: Worker = field(init=False)
    stack: AsyncExitStack = field(init=False)
    cut: bool = False  # from Redis
    unread: int = 0  # commands that Redis will have, before the line is given up
    blind: bool = False  # to SQL
    late: list[bytes] = field(default_factory=list)  # those that it has and did not read yet


@dataclass(eq=False)
class Run:
    """The newest attempt of a request."""

    request_id: str
    payer: Payer
    slot: Slot
    worker: Worker
    attempt: int
    granted: int
    local: bool
    alive_ms: int


@dataclass
class Auditor:
    """`costs`: what each request may have cost, by what was settled for it; `answered`: those of
    which a caller has the answer. `waits`: what ended without Redis, by slot and customer, until
    that slot has told Redis everything."""

    costs: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    answered: set[str] = field(default_factory=set)
    waits: dict[Slot, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    alone: int = 0  # requests admitted without Redis

    def look(self, run: Run, running: list[Run]) -> None:
        """Whoever is admitted owes a worker no more than the allowance."""
        others = (one for one in running if one.local and one.slot is run.slot)
        owed = sum(one.granted for one in others if one.payer is run.payer)
        assert owed + self.waits[run.slot][run.payer.id] <= ALLOWANCE


class Simulation:
    def __init__(self, seed: int, town: Town, patch: pytest.MonkeyPatch) -> None:
        self.dice = random.Random(seed)
        self.town = town
        self.patch = patch
        self.auditor = Auditor()
        self.slots = [Slot(number) for number in range(SLOTS)]
        self.payers: list[Payer] = []
        self.running: list[Run] = []
        self.number = 0
        self.together = seed % 2 == 1

    async def run(self) -> None:
        self.payers = [await self.town.payer(credit) for credit in (100_000, 3_000, 400, 0)]
        for slot in self.slots:
            await self.start(slot)
        for _ in range(STEPS):
            self.town.now_ms += self.dice.randrange(LEASE_MS // 12)
            await self.step()
            await self.signs_of_life()
        await self.heal()
        while self.running:
            await self.settle(self.running[0])
        await self.sweep()
        for slot in self.slots:
            for payer in self.payers:
                assert slot.worker.ledger.hot.untold_micro(payer.id) == 0
            outage = slot.worker.stores.allowance._outage
            held = sum(hold.granted_micro for hold in outage.open_holds())
            assert outage._held.total() == held
            await slot.stack.aclose()

    async def step(self) -> None:
        acts: list[tuple[float, Callable[[], Awaitable[None]]]] = [
            (0.40, self.begin),
            (0.22, self.end),
            (0.12, self.retry),
            (0.09, self.cut),
            (0.04, self.heal),
            (0.04, self.die),
            (0.07, self.sweep),
            (0.02, self.answer_lost),
        ]
        [act] = self.dice.choices([act for _, act in acts], [share for share, _ in acts])
        await act()

    # -- requests

    async def begin(self) -> None:
        if len(self.running) < MAX_RUNNING:
            self.number += 1
            payer = self.dice.choice(self.payers)
            await self.ask(f"req_{self.number}", payer, 1, self.dice.choice(self.slots))

    async def ask(self, request_id: str, payer: Payer, attempt: int, slot: Slot) -> None:
        hold = self.dice.randrange(1, 120)
        least = self.dice.randrange(1, hold + 1)
        try:
            admission = await slot.worker.ask(
                payer, request_id, hold, attempt=attempt, min_hold_micro=least
            )
        except StoreUnavailable:
            return
        if admission.verdict is Verdict.ADMITTED:
            assert admission.local or not slot.cut
            self.auditor.alone += admission.local
            granted, now_ms = admission.granted_micro, self.town.now_ms
            local = admission.local
            run = Run(request_id, payer, slot, slot.worker, attempt, granted, local, now_ms)
            self.running.append(run)
            if run.local and attempt == 1:
                without = [one for one in self.running if not await self.has_lease(one)]
                self.auditor.look(run, without)
        else:
            # Or the answer was lost with its worker, and this one gets it for nothing.
            if admission.verdict is Verdict.DUPLICATE:
                assert self.auditor.costs[request_id]
                self.auditor.answered.add(request_id)
            else:
                assert admission.verdict is Verdict.INSUFFICIENT_CREDIT

    async def retry(self) -> None:
        """The upstream failed: another attempt, anywhere. The one before says nothing."""
        if self.running:
            await self.again(self.dice.choice(self.running))

    async def again(self, run: Run) -> None:
        self.running.remove(run)
        if run.attempt == MAX_ATTEMPTS:
            return
        slot = self.dice.choice(self.slots)
        await self.ask(run.request_id, run.payer, run.attempt + 1, slot)
        follows = self.running and self.running[-1].request_id == run.request_id
        if self.together and follows and run.worker is run.slot.worker and self.dice.random() < 0.5:
            run.slot.unread = 0  # it says so after two seconds: the line is given up
            with suppress(StoreUnavailable):
                await run.worker.costs(run.request_id, 1, Outcome.ABANDONED, run.attempt)

    async def end(self) -> None:
        if self.running:
            await self.settle(self.dice.choice(self.running))

    async def settle(self, run: Run, *, answered: bool = True) -> None:
        """Within what was granted; where nobody hears that it was done, again."""
        self.running.remove(run)
        cost = self.dice.randrange(run.granted + 1)
        self.auditor.costs[run.request_id].add(cost)
        if answered:
            self.auditor.answered.add(run.request_id)
        if run.local and run.slot.cut and not await self.has_lease(run):
            self.auditor.waits[run.slot][run.payer.id] += cost
        for _ in range(self.dice.choice((1, 1, 1, 2))):
            try:
                await run.slot.worker.costs(run.request_id, cost)
            except StoreUnavailable:
                assert run.slot.cut

    async def has_lease(self, run: Run) -> bool:
        """Whether Redis holds the money."""
        key = f"{{s{run.payer.customer.shard}}}:lease:{run.request_id}"
        lease = await self.town.gateway.redis("HMGET", key, "worker", "attempt")
        return lease == [run.slot.worker.name.encode(), str(run.attempt).encode()]

    async def answer_lost(self) -> None:
        """Settled, and its worker dies before the caller has the answer: another attempt."""
        if self.running:
            run = self.dice.choice(self.running)
            await self.settle(run, answered=False)
            self.running.append(run)
            await self.die(run.slot)

    async def signs_of_life(self) -> None:
        for run in self.running:
            if self.town.now_ms - run.alive_ms >= LIVES_MS:
                await self.lives(run)

    async def lives(self, run: Run) -> None:
        run.alive_ms = self.town.now_ms
        try:
            await run.slot.worker.lives(run.request_id, 0)
        except StoreUnavailable:
            assert run.slot.cut

    # -- workers and stores

    async def start(self, slot: Slot) -> None:
        self.number += 1
        slot.stack = AsyncExitStack()
        working = self.town.working(f"w{slot.number}-{self.number}", self.town.sql_url, DECLARED)
        slot.worker = await slot.stack.enter_async_context(working)
        ledger = slot.worker.ledger
        exchange, reading = ledger.hot.wire._exchange, ledger.record.reading

        async def perhaps(packed: bytes) -> Any:
            if not slot.cut:
                return await exchange(packed)
            if slot.unread:
                slot.unread -= 1
                slot.late.append(packed)
            raise StoreUnavailable("simulated")

        @asynccontextmanager
        async def perhaps_reading() -> AsyncIterator[Any]:
            if slot.blind:
                raise StoreUnavailable("simulated")
            async with reading() as connection:
                yield connection

        self.patch.setattr(ledger.hot.wire, "_exchange", perhaps)
        self.patch.setattr(ledger.record, "reading", perhaps_reading)
        await ledger.hot.adopt_spools()

    async def cut(self) -> None:
        """One worker's line to Redis, or everybody's; perhaps that to SQL as well."""
        everybody = self.together or self.dice.random() < 0.5
        for slot in self.slots if everybody else [self.dice.choice(self.slots)]:
            slot.unread = 0 if slot.cut else self.dice.randrange(4)
            slot.cut = True
            slot.blind = self.dice.random() < 0.3

    async def heal(self) -> None:
        """What was asked late is done somewhere between what comes now."""
        late = [packed for slot in self.slots for packed in slot.late]
        sooner = self.dice.random() < 0.5
        for slot in self.slots:
            slot.cut, slot.blind, slot.unread = False, False, 0
            slot.late.clear()
        if sooner:
            await self.do(late)
        for slot in self.slots:
            slot.worker.ledger.hot.on_back()
            slot.worker.ledger.hot._backlog.resume([])
        if not sooner:
            await self.do(late)
        for slot in self.slots:
            await self.tell(slot)

    async def do(self, commands: list[bytes]) -> None:
        for packed in commands:
            await self.town.gateway.ledger.hot.wire._exchange(packed)

    async def tell(self, slot: Slot) -> None:
        """Until Redis was told all that waits, of which the auditor forgets."""
        backlog = slot.worker.ledger.hot._backlog
        backlog.resume([])

        async def idle() -> bool:
            return backlog.idle

        await until(idle)
        self.auditor.waits.pop(slot, None)

    async def die(self, slot: Slot | None = None) -> None:
        """With what it had not settled. Its neighbours take its spool over, and so its debts."""
        slot = slot or self.dice.choice(self.slots)
        await slot.stack.aclose()
        heir = self.dice.choice(self.slots)
        if heir is not slot:
            await heir.worker.ledger.hot.adopt_spools()
            self.auditor.waits[heir] += self.auditor.waits.pop(slot, Counter())
        await self.start(slot)
        for run in [run for run in self.running if run.slot is slot]:
            if self.dice.random() < 0.8:
                await self.again(run)
            else:
                self.running.remove(run)
        for one in (heir, slot):
            if not one.cut:
                await self.tell(one)

    async def sweep(self) -> None:
        """When all are there and have said what they know."""
        if any(slot.cut for slot in self.slots):
            return
        for slot in self.slots:
            await self.tell(slot)
        for run in self.running:
            await self.lives(run)
        await self.town.gateway.ledger.hot.expire(self.town.now_ms)


@pytest.fixture
async def town(
    shared_redis: RedisServer,
    redis_url: str,
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Town]:
    monkeypatch.setattr(reconcile_module, "PAUSE_MS", 1)
    monkeypatch.setattr(replay, "LAST_S", 0.2)
    async with Gateway.open(redis_url, sqlite_url) as gateway, AsyncExitStack() as stack:
        yield Town(shared_redis, sqlite_url, tmp_path, gateway, stack)


@pytest.mark.parametrize("seed", seeds(4))
async def test_nothing_is_lost_or_paid_twice_whoever_loses_whom(
    town: Town, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulation = Simulation(seed, town, monkeypatch)
    await simulation.run()
    hot = town.gateway.ledger.hot
    await hot.expire(town.now_ms + 10 * LEASE_MS)
    records = await town.records()
    once = Counter(record.request_id for record in records)
    assert set(once.values()) == {1}
    costs, answered = simulation.auditor.costs, simulation.auditor.answered
    assert answered <= set(once)
    for record in records:
        if record.outcome is Outcome.COMPLETED:
            assert record.cost_micro in costs[record.request_id]
        else:
            ends = {Outcome.LOST: 0, Outcome.ABANDONED: 1}
            assert record.cost_micro == ends[record.outcome]
            assert record.request_id not in answered
    charged, uncollected = await town.clears()
    prepaid = {payer.id for payer in simulation.payers[:-1]}
    paid = sum(record.cost_micro or 0 for record in records if record.customer_id in prepaid)
    assert charged + uncollected == paid
    for payer in simulation.payers:
        credit, held = await town.money(payer)
        assert credit >= 0 and held == 0
    assert simulation.auditor.alone > 5
