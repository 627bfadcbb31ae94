"""Both stores together: what the data plane, the portal and the command line use.

Strategy: SQL first, then Redis. A change is true once SQL has it; Redis is told at once, and every
admission reads Redis, so that a disabled key is refused by the very next request anywhere. Should
Redis be away in between, the change stands, the caller is told, and the writer publishes it later.

Rules: - A key that Redis does not know is looked up in SQL and put back. Puts carry the key's
version, so a slow one never undoes a change. - A hash that SQL does not know either is remembered
here for a moment, bounded: whoever invents keys costs one query each, not one per request. A key
made later has another hash.
- Somebody else's request id is answered like one that never was.
- Money is ledger.money.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ledger.errors import StoreUnavailable
from ledger.keys import KeyHandle
from ledger.model import (
    AccountMode,
    Ceilings,
    Customer,
    KeyFacts,
    KeyRow,
    KeySpec,
    UsageRecord,
)
from ledger.money import Money
from ledger.store.hot import HotStore
from ledger.store.keepsakes import Keepsakes
from ledger.store.pins import Pins
from ledger.store.record import Record, facts_of
from ledger.store.tries import Tries
from ledger.store.upstreams import Upstreams

UNKNOWN_FOR_MS = 5_000  # how long a hash that nobody knows is not asked for again
MAX_UNKNOWN = 10_000  # hashes remembered as unknown; beyond it all are forgotten
PUT_TOGETHER = 1_000  # keys sent to Redis in one go while warming up

NewKey = tuple[KeyRow, str]  # the row and the secret, which exists nowhere else


class Ledger(Money):
    """All methods raise StoreUnavailable when a store they need is away."""

    def __init__(self, hot: HotStore, record: Record) -> None:
        super().__init__(hot, record)
        self.pins = Pins(hot.wire)
        self.keepsakes = Keepsakes(hot.wire)
        self.tries = Tries(hot.wire)
        self.upstreams = Upstreams(hot.wire)
        self._unknown: dict[str, int] = {}  # hash: until when, Unix ms

    @classmethod
    async def open(
        cls, redis_url: str, sql_url: str, *, migrate: bool = False, spool: Path | None = None
    ) -> "Ledger":
        """Connects at the first use; with `migrate` brings the SQL schema up to date first. In the
        directory `spool` settlements wait for a Redis that is away."""
        ledger = cls(HotStore.connect(redis_url, spool=spool), Record.connect(sql_url))
        if migrate:
            await ledger.record.migrate()
        return ledger

    async def close(self) -> None:
        await asyncio.gather(self.hot.close(), self.record.close())

    # -- for every request

    async def authenticate(self, handle: KeyHandle, now_ms: int) -> KeyFacts | None:
        """The facts of a key, disabled or expired ones too; None: there is no such key."""
        redis_here = True
        try:
            facts = await self.hot.key_facts(handle)
        except StoreUnavailable:
            facts, redis_here = None, False
        if facts is not None:
            return facts
        if self._unknown.get(handle.key_hash, 0) > now_ms:
            return None
        found = await self.record.facts_by_hash(handle.key_hash)
        if found is None or found[0] != handle.shard:
            self._remember_unknown(handle.key_hash, now_ms)
            return None
        if redis_here:
            with suppress(StoreUnavailable):
                await self.hot.put_key(handle.shard, handle.key_hash, found[1])
        return found[1]

    async def usage(self, shard: str, key_id: str, request_id: str) -> UsageRecord | None:
        """The record of a settled request that this key made."""
        try:
            record = await self.hot.recent_usage(shard, request_id)
        except StoreUnavailable:
            record = None
        if record is not None:
            return record if record.key_id == key_id else None
        return await self.record.usage(request_id, key_id)

    # -- administration

    async def create_customer(
        self,
        name: str,
        now_ms: int,
        mode: AccountMode = AccountMode.OPEN,
        limits: Ceilings = (),
    ) -> Customer:
        return await self.record.create_customer(name, now_ms, mode, limits)

    async def set_customer_limits(
        self, customer_id: str, limits: Ceilings, now_ms: int
    ) -> Customer:
        """Effective as `disable_key` is."""
        customer = await self.record.set_customer_limits(customer_id, limits, now_ms)
        await self.publish()
        return customer

    async def set_mode(self, customer_id: str, mode: AccountMode) -> Customer:
        """Effective with the next admission. StoreUnavailable about Redis: it follows by itself."""
        customer = await self.record.set_mode(customer_id, mode)
        await self._publish_accounts()
        return customer

    async def customers(self) -> list[Customer]:
        return await self.record.customers()

    async def create_key(
        self, customer_id: str, spec: KeySpec, now_ms: int, prefix: str = "sk-"
    ) -> NewKey:
        key, secret = await self.record.create_key(customer_id, spec, now_ms, prefix)
        await self._publish_softly()
        return key, secret

    async def rotate_key(
        self, key_id: str, now_ms: int, grace_ms: int = 0, prefix: str = "sk-"
    ) -> NewKey:
        """A new secret, shown once; the old one works for `grace_ms` more."""
        key, secret = await self.record.rotate(key_id, now_ms, grace_ms, prefix)
        await self._publish_softly()
        return key, secret

    async def keys(self, customer_id: str | None = None) -> list[KeyRow]:
        return await self.record.keys(customer_id)

    async def disable_key(self, key_id: str, now_ms: int) -> KeyRow:
        """Effective with the next admission. StoreUnavailable about Redis: it follows by itself."""
        return await self._set_disabled(key_id, True, now_ms)

    async def enable_key(self, key_id: str, now_ms: int) -> KeyRow:
        return await self._set_disabled(key_id, False, now_ms)

    async def set_key_limits(self, key_id: str, limits: Ceilings, now_ms: int) -> KeyRow:
        return await self._changed(await self.record.set_key_limits(key_id, limits, now_ms))

    async def set_key_strict(self, key_id: str, strict: bool, now_ms: int) -> KeyRow:
        return await self._changed(await self.record.set_key_strict(key_id, strict, now_ms))

    # -- keeping Redis true

    async def publish(self) -> int:
        """Tells Redis what it has not been told; how many changes. The writer does this always."""
        changed, gone = await self.record.unpublished()
        for revocation in gone:
            await self.hot.drop_key(revocation.shard, revocation.key_hash, revocation.version)
            await self.record.revoked(revocation)
        for key in changed:
            await self._publish_key(key)
        money = await self.publish_entries() + await self._publish_accounts()
        return len(changed) + len(gone) + money

    async def warm(self) -> int:
        """Puts the facts of every key into Redis: after it was emptied, or lost its last second."""
        all_facts = await self.record.all_facts()
        for start in range(0, len(all_facts), PUT_TOGETHER):
            await self._put(all_facts[start : start + PUT_TOGETHER])
        return len(all_facts)

    async def bring_accounts(self) -> int:
        """Makes the accounts that Redis does not have, so that nobody needs SQL for his first
        request; how many. An account that was asked for meanwhile is there already."""
        everybody = await self.record.all_account_facts()
        brought = 0
        for start in range(0, len(everybody), PUT_TOGETHER):
            some = everybody[start : start + PUT_TOGETHER]
            found = await asyncio.gather(*(self.hot.account(f.shard, f.customer_id) for f in some))
            for facts, account in zip(some, found, strict=True):
                if account is None:
                    await self.hot.bring_account(facts.shard, facts.customer_id)
                    brought += 1
        return brought

    async def _publish_accounts(self) -> int:
        changed = await self.record.unpublished_accounts()
        for facts in changed:
            assert facts.mode is not None
            # An account that is not there is brought whole first: a mode alone is no account.
            await self.hot.bring_account(facts.shard, facts.customer_id)
            await self.hot.set_mode(facts.shard, facts.customer_id, facts.mode, facts.version)
            await self.record.account_published(facts)
        return len(changed)

    async def _set_disabled(self, key_id: str, disabled: bool, now_ms: int) -> KeyRow:
        return await self._changed(await self.record.set_disabled(key_id, disabled, now_ms))

    async def _changed(self, key: KeyRow) -> KeyRow:
        await self._publish_key(key)
        return key

    async def _publish_softly(self) -> None:
        """A new secret must reach its owner even when Redis is away: the writer publishes then."""
        with suppress(StoreUnavailable):
            await self.publish()

    async def _publish_key(self, key: KeyRow) -> None:
        limits = await self.record.customer_limits(key.customer_id)
        await self._put([(key.shard, hashed, facts) for hashed, facts in facts_of(key, limits)])
        await self.record.published(key)

    async def _put(self, facts: Sequence[tuple[str, str, KeyFacts]]) -> None:
        await asyncio.gather(*(self.hot.put_key(*one) for one in facts))

    def _remember_unknown(self, key_hash: str, now_ms: int) -> None:
        if len(self._unknown) >= MAX_UNKNOWN:
            self._unknown.clear()
        self._unknown[key_hash] = now_ms + UNKNOWN_FOR_MS
