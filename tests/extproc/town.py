"""A small town for tests of outages: a real Redis that falls and rises, real SQL, workers of which
each has its own memory, and whoever drains the streams."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from catalog.billing import Outage
from extproc.stores import Stores
from ledger.errors import StoreUnavailable
from ledger.keys import KeyHandle
from ledger.ledger import Ledger
from ledger.model import (
    Admission,
    AdmissionRequest,
    KeySpec,
    LimitKind,
    Outcome,
    Settlement,
    UsageRecord,
)
from ledger.reconcile import reconcile
from ledger.records import decode_record, encode_record
from ledger.store.hot import HotStore
from ledger.store.record import Record
from ledger.store.wire import Timeouts
from tests.ledger.conftest import RedisServer, answers, until
from tests.ledger.gateway import Gateway, Payer
from tests.ledger.samples import LEASE_MS, NOW_MS, attempt_of, record_of

IMPATIENT = Timeouts(patience_ms=20)
NO_SQL = "postgresql://nobody:nothing@127.0.0.1:9/none"  # the port of discard: nobody listens
DEFAULT = Outage(allowance_usd=Decimal("0.0001"))  # a hundred micro-USD


@dataclass
class Town:
    """Redis and SQL that workers share, and whoever drains the streams."""

    redis: RedisServer
    sql_url: str
    directory: Path
    gateway: Gateway
    stack: AsyncExitStack
    now_ms: int = NOW_MS
    customers: int = 0

    async def worker(self, name: str = "w0", declared: Outage | None = DEFAULT) -> "Worker":
        return await self.stack.enter_async_context(self.working(name, self.sql_url, declared))

    @asynccontextmanager
    async def working(
        self, name: str, sql_url: str, declared: Outage | None = DEFAULT
    ) -> AsyncIterator["Worker"]:
        spool = self.directory / "spool"
        hot = HotStore.connect(self.redis.url, timeouts=IMPATIENT, spool=spool)
        ledger = Ledger(hot, Record.connect(sql_url))
        stores = Stores(ledger)
        stores.allowance.declare(declared)
        try:
            yield Worker(self, name, ledger, stores)
        finally:
            await ledger.close()

    async def payer(self, credit_micro: int, **limits: int) -> Payer:
        """With nothing: an open customer."""
        self.customers += 1
        name = f"customer-{self.customers}"
        if not credit_micro:
            customer = await self.gateway.ledger.create_customer(name, NOW_MS)
        else:
            customer = (await self.gateway.payer(name, credit_micro)).customer
        ceilings = tuple((LimitKind(kind), most) for kind, most in limits.items())
        spec = KeySpec("key", limits=ceilings)
        key, _ = await self.gateway.ledger.create_key(customer.id, spec, NOW_MS)
        return Payer(customer, key)

    def fall(self) -> None:
        self.redis.kill()

    async def rise(self, *workers: "Worker") -> None:
        self.redis.start()
        for ledger in (self.gateway.ledger, *(worker.ledger for worker in workers)):
            await until(lambda hot=ledger.hot: answers(hot))  # type: ignore[misc]

    async def records(self) -> list[UsageRecord]:
        """All that Redis was told and SQL was not, oldest first."""
        found = []
        for shard in range(32):
            entries = await self.gateway.redis("XRANGE", f"{{s{shard}}}:stream", "-", "+")
            assert isinstance(entries, list)
            found += [decode_record(fields[1]) for _, fields in entries]
        return found

    async def told(self, count: int) -> list[UsageRecord]:
        """Waits until Redis was told of so many."""

        async def enough() -> bool:
            return len(await self.records()) >= count

        await until(enough)
        return await self.records()

    async def idle(self, worker: "Worker") -> bool:
        """Whether this worker has told Redis everything."""
        return worker.ledger.hot._backlog.idle

    async def money(self, payer: Payer) -> tuple[int, int]:
        """Credit, and what leases hold of it."""
        account = await self.gateway.ledger.hot.account(payer.customer.shard, payer.id)
        assert account is not None
        return account.credit_micro, account.held_micro

    async def clears(self) -> tuple[int, int]:
        """What was charged, and what nothing was there for. The books are in order."""
        while await self.gateway.drain_again():
            pass
        found = await reconcile(self.gateway.ledger)
        assert found.clean and not found.pending, found
        return found.charged_micro, found.uncollected_micro


@dataclass
class Worker:
    town: Town
    name: str
    ledger: Ledger
    stores: Stores
    admitted: dict[str, AdmissionRequest] = field(default_factory=dict)

    def request(self, payer: Payer, name: str, hold: int, **changes: Any) -> AdmissionRequest:
        draft = record_of(name, customer_id=payer.id, cost_micro=0, account=self.name)
        request = attempt_of(
            name,
            self.name,
            shard=payer.customer.shard,
            key_hash=payer.key.key_hash,
            customer_id=payer.id,
            now_ms=self.town.now_ms,
            hold_micro=hold,
            min_hold_micro=hold,
            note=encode_record(draft),
        )
        return replace(request, **changes)

    async def ask(self, payer: Payer, name: str, hold: int = 1, **changes: Any) -> Admission:
        """As an exchange does: its key, then its admission."""
        handle = KeyHandle(payer.key.key_hash, payer.customer.shard)
        facts = await self.stores.key_facts(handle, self.town.now_ms)
        limits = facts.limits if facts is not None else ()
        request = self.request(payer, name, hold, limits=limits, **changes)
        admission = await self.stores.admit(request)
        self.admitted[name] = request
        return admission

    async def refused(self, payer: Payer, name: str, hold: int = 1) -> bool:
        """Whether the caller is told that the store is away."""
        try:
            await self.ask(payer, name, hold)
        except StoreUnavailable:
            return True
        return False

    def record(self, name: str, cost: int) -> UsageRecord:
        request = self.admitted[name]
        return record_of(
            name,
            attempts=request.attempt,
            customer_id=request.customer_id,
            cost_micro=cost,
            started_at_ms=request.now_ms,
            latency_ms=0,
        )

    async def costs(
        self, name: str, cost: int, outcome: Outcome = Outcome.COMPLETED, attempt: int = 0
    ) -> None:
        record = replace(self.record(name, cost), outcome=outcome)
        if attempt:
            record = replace(record, attempts=attempt)
        settlement = Settlement(self.admitted[name].shard, record, self.name)
        await self.stores.settle(settlement, None, {})

    async def lives(self, name: str, cost: int) -> None:
        shard = self.admitted[name].shard
        record = self.record(name, cost)
        await self.stores.renew(shard, self.name, record, self.town.now_ms, LEASE_MS)
