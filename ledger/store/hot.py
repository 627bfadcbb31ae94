"""The hot state in Redis: key facts, leases of running requests, settlements on their way to SQL.

Strategy: what must be true together is changed together, in one script of ledger/store/scripts, in
one round trip. Time is an argument, so the scripts are deterministic and the tests own the clock.

Keys, all of one customer under one hash tag, so that a script touches one slot of a Redis Cluster
(N is the shard, 0 to 31):

    {sN}:key:<hash>      hash    facts, disabled, expires_at_ms, version; empty facts: gone
    {sN}:lease:<id>      hash    worker, attempt, note, hold_micro, hold_tokens
    {sN}:leases          zset    request id by deadline_ms
    {sN}:usage:<id>      string  the settled record, for RECORD_TTL_MS: read at once, and the mark
                                 that makes settlement idempotent
    {sN}:stream          stream  settled records until the writer has them in SQL (field `record`)
    {sN}:dead            stream  entries that no version of the writer could read

Beside them are a customer's pins and keepsakes; see ledger.store.pins and ledger.store.keepsakes.

Rules:
- One request id is settled once, whoever tries: workers, later attempts, expiry.
- A lease belongs to (attempt, worker); see the scripts for who may do what with another's.
- Nothing here ever expires a lease silently: only settlement and expiry end one, with a record.
- What was settled in the last seconds is settled again after the connection was lost; see
  ledger.store.replay.
- Memory policy of the server must be `noeviction`: an evicted mark would charge twice.
"""

import asyncio
from collections import deque
from collections.abc import Mapping

import structlog

from ledger.errors import BadRecord, StoreUnavailable
from ledger.facts import FactsMemory, encode_facts
from ledger.keys import SHARDS, KeyHandle
from ledger.model import (
    Admission,
    AdmissionRequest,
    KeyFacts,
    Lapsed,
    Settled,
    Settlement,
    UsageRecord,
    Verdict,
)
from ledger.records import decode_record, encode_record, lost
from ledger.store.address import parse_address
from ledger.store.keepsakes import DROP, KEEP
from ledger.store.replay import Replay
from ledger.store.wire import DEFAULT_TIMEOUTS, Script, Timeouts, Wire

RECORD_TTL_MS = 600_000  # longer than any late message of a worker; the writer needs milliseconds
TOMBSTONE_TTL_MS = 3_600_000  # how long a revoked key's hash wins against a slow put of old facts
MAX_UNSETTLED = 50_000  # settlements kept for a Redis that is away: some 50 MB, minutes of load
SWEEP_COUNT = 200  # leases that one sweep takes from one shard: bounds the reply's size

ADMIT = Script.load("admit")
RENEW = Script.load("renew")
SETTLE = Script.load("settle")
EXPIRE = Script.load("expire")
PUT_KEY = Script.load("put_key")
SCRIPTS = (ADMIT, RENEW, SETTLE, EXPIRE, PUT_KEY, KEEP, DROP)

ALL_SHARDS = tuple(str(number) for number in range(SHARDS))
log = structlog.get_logger("ledger.hot")

_VERDICTS: Mapping[int, Verdict] = {int(verdict): verdict for verdict in Verdict}
_SETTLED: Mapping[int, Settled] = {int(settled): settled for settled in Settled}


class HotStore:
    """All methods raise StoreUnavailable when Redis is away, and may then be repeated."""

    def __init__(self, wire: Wire, record_ttl_ms: int = RECORD_TTL_MS) -> None:
        self.wire = wire
        self._record_ttl_ms = record_ttl_ms
        self._memory = FactsMemory()
        self._replay: Replay[Settlement] = Replay()
        self._unsettled: deque[Settlement] = deque(maxlen=MAX_UNSETTLED)
        self._replaying: set[asyncio.Task[None]] = set()
        wire.on_restored = self._on_restored

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        record_ttl_ms: int = RECORD_TTL_MS,
    ) -> "HotStore":
        """Connects at the first use. URL forms: see ledger.store.address. Raises BadUrl."""
        return cls(Wire(parse_address(url), SCRIPTS, timeouts), record_ttl_ms)

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

    async def admit(self, request: AdmissionRequest) -> Admission:
        """One round trip. A refused attempt leaves no lease; an admitted one lasts `lease_ms`."""
        tag = f"{{s{request.shard}}}:"
        verdict, facts, retry_after_ms, granted_micro = await self.wire.run(
            ADMIT,
            (
                f"{tag}key:{request.key_hash}",
                f"{tag}lease:{request.request_id}",
                f"{tag}leases",
                f"{tag}usage:{request.request_id}",
            ),
            request.request_id,
            request.worker_id,
            request.attempt,
            request.now_ms,
            request.now_ms + request.lease_ms,
            request.note,
            request.hold_micro,
            request.hold_tokens,
        )
        return Admission(
            _VERDICTS[verdict],
            self._memory.decode(facts) if facts else None,
            retry_after_ms or None,
            granted_micro,
        )

    async def renew(
        self,
        request_id: str,
        shard: str,
        worker_id: str,
        now_ms: int,
        lease_ms: int,
        note: bytes,
        attempt: int = 0,
    ) -> bool:
        """A sign of life with the draft record as metered so far. Name the attempt whenever one
        worker may run two of a request. False: the lease lapsed, is settled or was taken over, and
        this exchange's own settlement will not count."""
        tag = f"{{s{shard}}}:"
        keys = (f"{tag}lease:{request_id}", f"{tag}leases")
        renewed = await self.wire.run(
            RENEW, keys, request_id, worker_id, attempt, now_ms + lease_ms, note
        )
        return bool(renewed)

    async def settle(self, settlement: Settlement) -> Settled:
        """One round trip; see Settled for what each answer means."""
        try:
            settled = await self._settle(settlement)
        except StoreUnavailable:
            self._unsettled.append(settlement)  # said again when Redis is back
            raise
        if settled is Settled.SETTLED:
            self._replay.keep(settlement, asyncio.get_running_loop().time())
        return settled

    async def _settle(self, settlement: Settlement) -> Settled:
        record = settlement.record
        settled = await self.wire.run(
            SETTLE,
            _lease_keys(settlement.shard, record.request_id),
            record.request_id,
            settlement.worker_id,
            record.attempts,
            encode_record(record),
            self._record_ttl_ms,
        )
        return _SETTLED[settled]

    async def recent_usage(self, shard: str, request_id: str) -> UsageRecord | None:
        """The record of an exchange settled within RECORD_TTL_MS, in SQL by now or not."""
        data = await self.wire.call("GET", f"{{s{shard}}}:usage:{request_id}")
        return decode_record(data) if data else None

    async def lapsed(self, now_ms: int, worker_id: str | None = None) -> list[Lapsed]:
        """Leases whose time ran out by `now_ms`; with `worker_id` all of that worker's instead.

        At most SWEEP_COUNT of a shard in one call; a worker's are all given.
        """
        found = await asyncio.gather(
            *(self._lapsed_in(shard, now_ms, worker_id) for shard in ALL_SHARDS)
        )
        return [lease for leases in found for lease in leases]

    async def expire(self, now_ms: int, worker_id: str | None = None) -> int:
        """Settles what `lapsed` finds as LOST, with what was last metered. Gives how many.

        Safe against everything that runs meanwhile: each lease is settled by one script that first
        makes sure that nothing changed since it was read.
        """
        leases = await self.lapsed(now_ms, worker_id)
        settled = await asyncio.gather(*(self.expire_one(lease, now_ms) for lease in leases))
        return sum(settled)

    async def expire_one(self, lease: Lapsed, now_ms: int) -> int:
        """1 if this lease, unchanged since it was read, is settled as LOST by this call, else 0."""
        try:
            record = encode_record(lost(decode_record(lease.note), now_ms))
        except BadRecord:
            record = lease.note  # kept as it is: the writer puts it aside, and nothing is hidden
        settled = await self.wire.run(
            EXPIRE,
            _lease_keys(lease.shard, lease.request_id),
            lease.request_id,
            lease.worker_id,
            lease.attempt,
            lease.note,
            lease.deadline_ms,
            record,
            self._record_ttl_ms,
        )
        return int(settled)

    async def ping(self) -> None:
        await self.wire.call("PING")

    async def close(self) -> None:
        await self.wire.close()
        await asyncio.gather(*self._replaying)

    def _on_restored(self, broke_at_s: float) -> None:
        """Redis may have forgotten what it acknowledged just before the link broke."""
        again = [*self._replay.since(broke_at_s), *self._unsettled]
        self._unsettled.clear()
        if again:
            task = asyncio.create_task(self._settle_again(again))
            self._replaying.add(task)
            task.add_done_callback(self._replaying.discard)

    async def _settle_again(self, settlements: list[Settlement]) -> None:
        """A link that breaks meanwhile is restored too, and everything begins again."""
        settled = await asyncio.gather(
            *(self._settle(one) for one in settlements), return_exceptions=True
        )
        for one, outcome in zip(settlements, settled, strict=True):
            if isinstance(outcome, StoreUnavailable):
                self._unsettled.append(one)
        lost = settled.count(Settled.SETTLED)
        if lost:
            log.warning("settled_again", settlements=lost)

    async def _put(self, shard: str, key_hash: str, version: int, *rest: str | bytes | int) -> bool:
        key = f"{{s{shard}}}:key:{key_hash}"
        return bool(await self.wire.run(PUT_KEY, (key,), version, *rest))

    async def _lapsed_in(self, shard: str, now_ms: int, worker_id: str | None) -> list[Lapsed]:
        tag = f"{{s{shard}}}:"
        bounds: tuple[str | int, ...] = ("-inf", "+inf", "WITHSCORES")
        if worker_id is None:
            bounds = ("-inf", now_ms, "WITHSCORES", "LIMIT", 0, SWEEP_COUNT)
        flat = await self.wire.call("ZRANGEBYSCORE", f"{tag}leases", *bounds)
        ids = [name.decode() for name in flat[::2]]
        leases = await asyncio.gather(
            *(self.wire.call("HMGET", f"{tag}lease:{i}", "worker", "attempt", "note") for i in ids)
        )
        return [
            Lapsed(shard, request_id, worker.decode(), int(attempt), note, int(float(deadline)))
            for request_id, deadline, (worker, attempt, note) in zip(
                ids, flat[1::2], leases, strict=True
            )
            if worker is not None and worker_id in (None, worker.decode())
        ]


def _lease_keys(shard: str, request_id: str) -> tuple[str, str, str, str]:
    tag = f"{{s{shard}}}:"
    return (
        f"{tag}lease:{request_id}",
        f"{tag}leases",
        f"{tag}usage:{request_id}",
        f"{tag}stream",
    )
