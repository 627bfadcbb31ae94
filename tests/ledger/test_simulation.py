"""A seeded simulation of workers that die, retries, repeats and late messages, with an auditor.

Workers run requests through the hot store while the clock ticks: they admit, renew, settle, repeat
themselves as if a reply was lost, and die at any moment. A dead one's request is retried by another
one; sometimes the dead one was only slow and goes on acting. Sweepers read what lapsed and settle
it some steps later, when it may not be so any more. Redis runs one script at a time, so running one
step at a time in random order loses no interleaving, and the seed in the test's name replays a
failure. At the end everything is expired, and the auditor, who saw only the calls and their
results, checks the records.
"""

import random
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, field

import pytest

from ledger.model import Lapsed, Outcome, Settled, UsageRecord, Verdict
from ledger.records import decode_record, encode_record
from ledger.store.hot import HotStore
from tests.ledger.samples import (
    FACTS,
    KEY_HASH,
    LEASE_MS,
    NOW_MS,
    SHARD,
    attempt_of,
    record_of,
    settlement_of,
)
from tests.ledger.seeds import seeds

REQUESTS = 60
MAX_ATTEMPTS = 4
MAX_RUNNING = 8
STEPS = 900
SEEDS = seeds(8)


@dataclass(eq=False)
class Running:
    """One attempt of one request in one worker."""

    request_id: str
    worker: str
    attempt: int
    zombie: bool = False  # taken for dead, but still acting


@dataclass(frozen=True)
class Known:
    newest: int
    settled: bool


@dataclass(frozen=True)
class Lease:
    """As the last call that was granted left it; `tokens` is what its note says."""

    worker: str
    deadline_ms: int
    tokens: int


@dataclass
class Auditor:
    """Counts on its own. `newest` is the highest attempt known to be admitted, per request."""

    admitted: set[str] = field(default_factory=set)
    newest: Counter[str] = field(default_factory=Counter)
    settled: Counter[str] = field(default_factory=Counter)
    leases: dict[str, "Lease"] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def saw_admission(
        self, run: Running, before: "Known", verdict: Verdict, lease: "Lease"
    ) -> None:
        if verdict is Verdict.ADMITTED:
            self.admitted.add(run.request_id)
            self.leases[run.request_id] = lease
            self.newest[run.request_id] = max(self.newest[run.request_id], run.attempt)
            if before.settled:
                self.faults.append(f"{run} was admitted although it is settled")
            if run.attempt < before.newest:
                self.faults.append(f"{run} was admitted although attempt {before.newest} runs")

    def saw_settlement(self, run: Running, before: "Known", settled: Settled) -> None:
        if settled is Settled.SETTLED:
            self.settled[run.request_id] += 1
            if run.attempt < before.newest:
                self.faults.append(f"{run} settled although attempt {before.newest} runs")

    def saw_expiry(self, request_id: str, now_ms: int, dead_worker: str | None) -> None:
        lease = self.leases[request_id]
        if lease.deadline_ms > now_ms and lease.worker != dead_worker:
            self.faults.append(f"{lease} of {request_id} was expired at {now_ms}")

    def known(self, request_id: str) -> "Known":
        """To be asked before a call: what is certain to hold while it runs."""
        return Known(self.newest[request_id], self.settled[request_id] > 0)

    def check(self, records: list[UsageRecord]) -> None:
        kept = Counter(record.request_id for record in records)
        assert self.faults == []
        assert kept == Counter(self.admitted), "exactly one record for each admitted request"
        lost = {r.request_id: r.output_tokens for r in records if r.outcome is Outcome.LOST}
        assert lost == {request_id: self.leases[request_id].tokens for request_id in lost}
        assert set(self.settled) == self.admitted - set(lost)
        assert set(self.settled.values()) <= {1}


class Simulation:
    def __init__(self, seed: int, hot: HotStore) -> None:
        self.dice = random.Random(seed)
        self.hot = hot
        self.now_ms = NOW_MS
        self.auditor = Auditor()
        self.waiting = [Running(f"req_{n}", "", 1) for n in range(REQUESTS)]
        self.running: list[Running] = []
        self.generation = 0
        self.read: list[Lapsed] = []
        self.read_of: str | None = None
        self.tokens = 0

    async def run(self) -> None:
        for _ in range(STEPS):
            self.now_ms += self.dice.randrange(LEASE_MS // 60)
            await self.step()
        await self.hot.expire(self.now_ms + 10 * LEASE_MS)
        assert await self.hot.lapsed(self.now_ms + 10 * LEASE_MS) == []

    def step(self) -> Awaitable[None]:
        roll = self.dice.random()
        if roll < 0.4 and self.waiting and len(self.running) < MAX_RUNNING:
            return self.begin(self.waiting.pop())  # a retry before anything new
        if not self.running:
            return self.sweep(None)
        run = self.dice.choice(self.running)
        if roll < 0.55:
            return self.renew(run)
        if roll < 0.65:
            return self.repeat(run)
        if roll < 0.8:
            if not run.zombie or self.dice.random() < 0.5:
                self.running.remove(run)
            return self.settle(run)
        if roll < 0.98:
            return self.die(run)
        return self.sweep(None)

    async def begin(self, run: Running) -> None:
        self.generation += 1
        run.worker = f"w{self.generation % 3}"  # often the same worker as the attempt before
        if await self.admit(run) is Verdict.ADMITTED:
            self.running.append(run)

    async def admit(self, run: Running) -> Verdict:
        """Also later, by somebody who was stuck: it must not bring anything back to life."""
        note, lease = self.metered(run)
        request = attempt_of(run.request_id, run.worker, run.attempt, now_ms=self.now_ms, note=note)
        for _ in range(self.dice.choice((1, 1, 2))):
            before = self.auditor.known(run.request_id)
            verdict = (await self.hot.admit(request)).verdict
            self.auditor.saw_admission(run, before, verdict, lease)
        return verdict

    async def repeat(self, run: Running) -> None:
        await self.admit(run)

    async def renew(self, run: Running) -> None:
        note, lease = self.metered(run)
        if await self.hot.renew(
            run.request_id, SHARD, run.worker, self.now_ms, LEASE_MS, note, run.attempt
        ):
            self.auditor.leases[run.request_id] = lease

    def metered(self, run: Running) -> tuple[bytes, Lease]:
        """A note of its own for every call, and the lease that will carry it if it is granted."""
        self.tokens += 1
        draft = record_of(run.request_id, attempts=run.attempt, output_tokens=self.tokens)
        return encode_record(draft), Lease(run.worker, self.now_ms + LEASE_MS, self.tokens)

    async def settle(self, run: Running) -> None:
        settlement = settlement_of(run.request_id, run.worker, run.attempt)
        for _ in range(self.dice.choice((1, 1, 2))):
            before = self.auditor.known(run.request_id)
            settled = await self.hot.settle(settlement)
            self.auditor.saw_settlement(run, before, settled)

    def die(self, run: Running) -> Awaitable[None]:
        """The edge retries elsewhere; perhaps the worker only seemed dead."""
        retried = run.attempt < MAX_ATTEMPTS and not run.zombie
        if retried and self.dice.random() < 0.7:
            self.waiting.append(Running(run.request_id, "", run.attempt + 1))
        if not run.zombie or self.dice.random() < 0.8:
            run.zombie = True
        else:
            self.running.remove(run)
        return self.sweep(run.worker if self.dice.random() < 0.1 else None)

    async def sweep(self, worker: str | None) -> None:
        """Settles what it read when it came by before, and reads anew."""
        for lease in self.read:
            if await self.hot.expire_one(lease, self.now_ms):
                self.auditor.saw_expiry(lease.request_id, self.now_ms, self.read_of)
        self.read = await self.hot.lapsed(self.now_ms, worker)
        self.read_of = worker


@pytest.mark.parametrize("seed", SEEDS)
async def test_every_admitted_request_is_recorded_once(hot: HotStore, seed: int) -> None:
    await hot.put_key(SHARD, KEY_HASH, FACTS)
    simulation = Simulation(seed, hot)
    await simulation.run()
    entries = await hot.wire.call("XRANGE", f"{{s{SHARD}}}:stream", "-", "+")
    simulation.auditor.check([decode_record(fields[1]) for _, fields in entries])
