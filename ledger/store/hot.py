"""The hot state in Redis: key facts, leases of running requests, settlements on their way to SQL.

Strategy: what must be true together is changed together, in one script of ledger/store/scripts, in
one round trip. Time is an argument, so the scripts are deterministic and the tests own the clock.

Keys, all of one customer under one hash tag, so that a script touches one slot of a Redis Cluster
(N is the shard, 0 to 31):

    {sN}:key:<hash>      hash    facts, disabled, expires_at_ms, version; empty facts: gone
    {sN}:usage:<id>      string  the settled record and, after a line feed, what was charged, for
                                 RECORD_TTL_MS: read at once, and the mark that makes settlement
                                 idempotent
    {sN}:stream          stream  settled records until the writer has them in SQL: `record`, and for
                                 prepaid customers `credit`, `allowance`, `uncollected`
    {sN}:dead            stream  entries that no version of the writer could read

Beside them are leases, and a customer's account, limits, pins and keepsakes; see the modules of
these names.

Rules:
- One request id is settled once, whoever tries: workers, later attempts, expiry.
- What was settled in the last seconds is settled again after the connection was lost, and what
  could not be settled waits; see ledger.store.replay.
- Memory policy of the server must be `noeviction`: an evicted mark would charge twice.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from ledger.errors import StoreUnavailable
from ledger.facts import encode_facts
from ledger.keys import KeyHandle
from ledger.model import KeyFacts, Settled, Settlement, UsageRecord
from ledger.records import decode_settled, encode_record
from ledger.store.accounts import ACCOUNT, CREDIT, TURN
from ledger.store.address import parse_address
from ledger.store.keepsakes import DROP, KEEP
from ledger.store.leases import (
    ADMIT,
    ALL_SHARDS,
    MERCY_S,
    OUTAGE_S,
    RENEW,
    SETTLE,
    Leases,
)
from ledger.store.limits import NO_BOOKS
from ledger.store.replay import Backlog, Replay
from ledger.store.spool import Spool, Waiting
from ledger.store.tries import NOTE_TRY
from ledger.store.upstreams import RECOVER, RELEASE, RESERVE, REST
from ledger.store.wire import DEFAULT_TIMEOUTS, Script, Timeouts, Wire

__all__ = ["ALL_SHARDS", "HotStore", "RECORD_TTL_MS", "SCRIPTS"]

RECORD_TTL_MS = 600_000  # longer than any late message of a worker; the writer needs milliseconds
TOMBSTONE_TTL_MS = 3_600_000  # how long a revoked key's hash wins against a slow put of old facts
STREAM_LAG_MS = 60_000  # how far the clocks of a worker and of Redis may be apart

PUT_KEY = Script.load("put_key")
_OF_UPSTREAMS = (NOTE_TRY, REST, RECOVER, RESERVE, RELEASE)
SCRIPTS = (ADMIT, RENEW, SETTLE, PUT_KEY, ACCOUNT, CREDIT, TURN, KEEP, DROP, *_OF_UPSTREAMS)


class HotStore(Leases):
    """All methods raise StoreUnavailable when Redis is away, and may then be repeated."""

    def __init__(
        self, wire: Wire, record_ttl_ms: int = RECORD_TTL_MS, spool: Path | None = None
    ) -> None:
        super().__init__(wire, record_ttl_ms)
        self._replay: Replay[Settlement] = Replay()
        waiting = None if spool is None else Spool(spool)
        self._backlog = Backlog(self._settle_again, waiting, self.ping)
        # Whether the record has a request id: asked before a settlement is told again so late that
        # Redis may have forgotten that it was told.
        self.recorded: Callable[[str], Awaitable[bool]] | None = None
        self.on_back: Callable[[], None] = _ignore  # Redis answers again
        wire.on_restored = self._on_restored

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        record_ttl_ms: int = RECORD_TTL_MS,
        spool: Path | None = None,
    ) -> "HotStore":
        """Connects at the first use. URL forms: see ledger.store.address. Raises BadUrl. In the
        directory `spool` settlements wait for a Redis that is away; without one, in memory."""
        return cls(Wire(parse_address(url), SCRIPTS, timeouts), record_ttl_ms, spool)

    async def key_facts(self, handle: KeyHandle) -> KeyFacts | None:
        """What is known of a key, disabled and expired ones too; None when Redis has nothing."""
        data = await self.wire.call("HGET", f"{{s{handle.shard}}}:key:{handle.key_hash}", "facts")
        return self._memory.decode(data) if data else None

    async def put_key(self, shard: str, key_hash: str, facts: KeyFacts) -> bool:
        """Effective with the next admission anywhere. False: newer facts are there and stay."""
        expires = "" if facts.expires_at_ms is None else facts.expires_at_ms
        return await self._put(
            shard, key_hash, facts.version, encode_facts(facts), int(facts.disabled), expires, 0
        )

    async def drop_key(self, shard: str, key_hash: str, version: int) -> bool:
        """Marks a key as gone as of `version`, so that no slow put of older facts revives it."""
        return await self._put(shard, key_hash, version, b"", 0, "", TOMBSTONE_TTL_MS)

    async def settle(self, settlement: Settlement) -> Settled:
        """One round trip; see Settled for what each answer means. What raises StoreUnavailable is
        kept and told again when Redis is back."""
        try:
            settled = await self._settle(settlement)
        except StoreUnavailable:
            await self._backlog.add(settlement)
            raise
        if settled is Settled.SETTLED:
            self._replay.keep(settlement, asyncio.get_running_loop().time())
        return settled

    def untold_micro(self, customer_id: str) -> int:
        """What this process has to tell Redis of exchanges that no lease holds the money of."""
        return self._backlog.untold_micro(customer_id)

    async def adopt_spools(self) -> None:
        """Settles what workers that are gone had spooled: at the start, as one that died left it,
        and from time to time, as one that ends later does. Raises OSError."""
        await self._backlog.adopt()

    async def _settle(self, settlement: Settlement) -> Settled:
        record = settlement.record
        name = record.request_id
        return await self._close_lease(
            settlement.shard,
            (name, settlement.worker_id, record.attempts),
            encode_record(record),
            record,
            record.customer_id,
            self._books.pop(name, NO_BOOKS) if self._books else NO_BOOKS,
        )

    async def recent_usage(self, shard: str, request_id: str) -> UsageRecord | None:
        """The record of an exchange settled within RECORD_TTL_MS, in SQL by now or not."""
        data = await self.wire.call("GET", f"{{s{shard}}}:usage:{request_id}")
        return decode_settled(data) if data else None

    async def ping(self) -> None:
        await self.wire.call("PING")

    async def close(self) -> None:
        await self.wire.close()
        await self._backlog.close()

    def _on_restored(self, broke_at_s: float) -> None:
        """Redis may have forgotten what it acknowledged just before the link broke."""
        now_s = asyncio.get_running_loop().time()
        if now_s - broke_at_s > OUTAGE_S:
            self._mercy_until_s = now_s + MERCY_S
        since_ms = _unix_ms() - int((now_s - broke_at_s) * 1000)
        self._backlog.resume([Waiting(one, since_ms) for one in self._replay.since(broke_at_s)])
        self.on_back()

    async def _settle_again(self, waiting: Waiting) -> Settled:
        settlement = waiting.settlement
        if await self._is_recorded(waiting):
            return Settled.ALREADY
        return await self._settle(settlement)

    async def _is_recorded(self, waiting: Waiting) -> bool:
        """The mark of a settlement lives for a while only. After that the record knows it, once the
        stream has nothing left of that time."""
        if self.recorded is None or _unix_ms() - waiting.since_ms < self._record_ttl_ms // 2:
            return False
        shard, request_id = waiting.settlement.shard, waiting.settlement.record.request_id
        stream = f"{{s{shard}}}:stream"
        oldest = await self.wire.call("XRANGE", stream, "-", "+", "COUNT", 1)
        if oldest and int(oldest[0][0].partition(b"-")[0]) < waiting.since_ms + STREAM_LAG_MS:
            raise StoreUnavailable("the stream is not in SQL yet")
        return await self.recorded(request_id)

    async def _put(self, shard: str, key_hash: str, version: int, *rest: str | bytes | int) -> bool:
        key = f"{{s{shard}}}:key:{key_hash}"
        return bool(await self.wire.run(PUT_KEY, (key,), version, *rest))


def _ignore() -> None:
    """Nobody wants to know."""


def _unix_ms() -> int:
    return time.time_ns() // 1_000_000
