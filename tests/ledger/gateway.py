"""A small gateway for tests of both stores: customers who pay, requests that are admitted and
settled, and a writer that runs when it is told to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from ledger.entries import EntrySpec
from ledger.intake import Intake
from ledger.ledger import Ledger
from ledger.model import AccountMode, Admission, Customer, KeyRow, KeySpec, Limit, Settled
from ledger.store.streams import Streams
from ledger.writer import Settings, Writer
from tests.ledger.samples import NOW_MS, attempt_of, record_of, settlement_of

READ = 1000


@dataclass(frozen=True)
class Payer:
    """A prepaid customer with one key."""

    customer: Customer
    key: KeyRow

    @property
    def id(self) -> str:
        return self.customer.id


class Gateway:
    def __init__(self, ledger: Ledger, redis_url: str) -> None:
        self.ledger = ledger
        self.url = redis_url
        self.streams = Streams(redis_url, "by-hand", block_ms=10)

    @classmethod
    @asynccontextmanager
    async def open(cls, redis_url: str, sql_url: str) -> AsyncIterator["Gateway"]:
        ledger = await Ledger.open(redis_url, sql_url, migrate=True)
        gateway = cls(ledger, redis_url)
        try:
            yield gateway
        finally:
            await gateway.streams.close()
            await ledger.close()

    async def payer(self, name: str, credit_micro: int, now_ms: int = NOW_MS) -> Payer:
        ledger = self.ledger
        customer = await ledger.create_customer(name, now_ms, AccountMode.PREPAID)
        if credit_micro:
            await ledger.book(customer.id, EntrySpec(credit_micro), now_ms)
        key, _ = await ledger.create_key(customer.id, KeySpec("ci"), now_ms)
        return Payer(customer, key)

    async def ask(
        self, payer: Payer, request_id: str, hold_micro: int, limits: tuple[Limit, ...] = ()
    ) -> Admission:
        request = attempt_of(
            request_id,
            shard=payer.customer.shard,
            key_hash=payer.key.key_hash,
            customer_id=payer.id,
            hold_micro=hold_micro,
            min_hold_micro=hold_micro if limits else 1,
        )
        return await self.ledger.hot.admit(replace(request, limits=limits))

    async def settle(self, payer: Payer, request_id: str, cost_micro: int, **more: Any) -> Settled:
        record = record_of(
            request_id,
            account="w0",
            customer_id=payer.id,
            key_id=payer.key.id,
            cost_micro=cost_micro,
            **more,
        )
        settlement = replace(settlement_of(request_id), shard=payer.customer.shard, record=record)
        return await self.ledger.hot.settle(settlement)

    async def pay(self, payer: Payer, request_id: str, cost_micro: int) -> None:
        await self.ask(payer, request_id, cost_micro)
        await self.settle(payer, request_id, cost_micro)

    async def drain(self) -> int:
        """What the writer would do, now."""
        await self.streams.create_groups()
        entries = await self.streams.read_new(READ, block=False)
        return await Intake(self.ledger, self.streams).write(entries)

    async def drain_again(self) -> int:
        """The same, with what was read before and could not be written."""
        await self.streams.create_groups()
        entries = await self.streams.read_own(READ) or await self.streams.read_new(READ, False)
        return await Intake(self.ledger, self.streams).write(entries)

    @asynccontextmanager
    async def writer(self, **settings: int) -> AsyncIterator[None]:
        stop = asyncio.Event()
        numbers = {"sweep_ms": 20, "block_ms": 20, "claim_idle_ms": 60_000} | settings
        writer = Writer(Settings(self.url, "", "writer", **numbers), self.ledger, stop)
        running = asyncio.create_task(writer.run())
        try:
            yield
        finally:
            stop.set()
            await running

    async def redis(self, *command: str | int | bytes) -> object:
        return await self.ledger.hot.wire.call(*command)

    def account_key(self, payer: Payer) -> str:
        return f"{{s{payer.customer.shard}}}:acct:{payer.id}"
