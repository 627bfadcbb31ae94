"""Leases: what a request may do while it runs, and what is settled when it does not come back.

    {sN}:lease:<id>   hash    worker, attempt, note, customer; hold_micro and hold_tokens as
                              granted; held: what of it the account counts; limits: where it counts
    {sN}:leases       zset    request id by deadline_ms

Rules:
- A lease belongs to (attempt, worker); see the scripts for who may do what with another's.
- Nothing here ever ends a lease silently: only settlement and expiry end one, with a record.
- A script names all its keys, and who settles or renews cannot know for sure where a lease counts:
  he says what he believes, and where the lease says otherwise the script changes nothing and is
  asked again with that. The worker that admitted remembers, so that this is rare.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from ledger.errors import BadRecord, StoreUnavailable
from ledger.facts import FactsMemory
from ledger.keys import SHARDS
from ledger.model import (
    Admission,
    AdmissionRequest,
    Lapsed,
    LimitState,
    Settled,
    UsageRecord,
    Verdict,
)
from ledger.records import decode_record, decode_settled, encode_record, lost, total_tokens
from ledger.store.accounts import Accounts
from ledger.store.limits import NO_BOOKS, Books, books_of, books_of_lease
from ledger.store.link import Reply
from ledger.store.wire import Argument, Script, Wire

SWEEP_COUNT = 200  # leases that one sweep takes from one shard: bounds the reply's size
MAX_BOOKS = 50_000  # running requests of which is remembered where they count
MAX_TOKENS = 10**9  # of one exchange; what is beyond counts as a mistake of the upstream
OUTAGE_S = 5.0  # a Redis that was away for longer has kept workers from their signs of life
MERCY_S = 15.0  # until when every worker that lives has given one, or settled what waited
ROUNDS = 4  # how often a script may ask for something else before this is given up

ADMIT = Script.load("admit")
RENEW = Script.load("renew")
SETTLE = Script.load("settle")

ALL_SHARDS = tuple(str(number) for number in range(SHARDS))

_VERDICTS: Mapping[int, Verdict] = {int(verdict): verdict for verdict in Verdict}
_SETTLED: Mapping[int, Settled] = {int(settled): settled for settled in Settled}
_ASK_AGAIN = 0  # a script's answer: nothing was done, something else is needed
_LEASE = ("worker", "attempt", "note", "customer", "limits")


class Leases(Accounts):
    """All methods raise StoreUnavailable when Redis is away, and may then be repeated."""

    def __init__(self, wire: Wire, record_ttl_ms: int) -> None:
        super().__init__(wire)
        self._record_ttl_ms = record_ttl_ms
        self._memory = FactsMemory()
        self._books: dict[str, Books] = {}  # by request id, of those that have limits
        self._mercy_until_s = 0.0

    async def admit(self, request: AdmissionRequest) -> Admission:
        """One round trip. A refused attempt leaves no lease; an admitted one lasts `lease_ms`."""
        limits = request.limits
        books = books_of(request.shard, limits, request.now_ms) if limits else NO_BOOKS
        keys, told = self._asked(request, books)
        reply = await self.wire.run(ADMIT, keys, *told)
        if reply[0] == _ASK_AGAIN:
            reply, books = await self._ask_again(request, reply)
        if len(reply) > 5:
            if books.limits and reply[0] == Verdict.ADMITTED:
                self._remember(request.request_id, books)
            return self._admission(reply, books)
        verdict, facts = _VERDICTS[reply[0]], reply[1]
        known = self._memory.decode(facts) if facts else None
        if verdict is Verdict.DUPLICATE:
            settled = decode_settled(reply[3]).outcome if reply[3] else None
            return Admission(verdict, known, settled=settled)
        return Admission(verdict, known, None, reply[3], reply[4] if len(reply) == 5 else None)

    def _asked(
        self, request: AdmissionRequest, books: Books
    ) -> tuple[tuple[str, ...], tuple[Argument, ...]]:
        tag = f"{{s{request.shard}}}:"
        request_id, customer_id = request.request_id, request.customer_id
        hold_micro = request.hold_micro
        keys = (
            f"{tag}key:{request.key_hash}",
            f"{tag}lease:{request_id}",
            f"{tag}leases",
            f"{tag}usage:{request_id}",
            f"{tag}acct:{customer_id}",
            *books.keys,
        )
        return keys, (
            request_id,
            request.worker_id,
            request.attempt,
            request.now_ms,
            request.now_ms + request.lease_ms,
            request.note,
            hold_micro,
            request.hold_tokens,
            hold_micro and min(max(request.min_hold_micro, 1), hold_micro),
            customer_id,
            "1" if self.load_account else "",
            *books.at_admission,
        )

    async def _ask_again(self, request: AdmissionRequest, reply: Reply) -> tuple[Reply, Books]:
        books = books_of(request.shard, request.limits, request.now_ms)
        for _ in range(ROUNDS):
            if reply[1] is None:
                await self.bring_account(request.shard, request.customer_id)
            else:
                books = books_of_lease(request.shard, reply[1])
            keys, told = self._asked(request, books)
            reply = await self.wire.run(ADMIT, keys, *told)
            if reply[0] != _ASK_AGAIN:
                return reply, books
        raise StoreUnavailable("admission did not come to an end")

    def _admission(self, reply: Reply, books: Books) -> Admission:
        verdict, facts, retry_after_ms, granted_micro, balance_micro, refused, *figures = reply
        states = tuple(
            LimitState(limit, remaining, reset_ms)
            for limit, remaining, reset_ms in zip(
                books.limits, figures[::2], figures[1::2], strict=True
            )
        )
        return Admission(
            _VERDICTS[verdict],
            self._memory.decode(facts) if facts else None,
            retry_after_ms or None,
            granted_micro,
            balance_micro,
            states[refused - 1] if refused else None,
            states,
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
        keys: tuple[str, ...] = (f"{tag}lease:{request_id}", f"{tag}leases")
        books = self._books.get(request_id, NO_BOOKS)
        told = (request_id, worker_id, attempt, now_ms + lease_ms, note)
        for _ in range(ROUNDS):
            renewed = await self.wire.run(RENEW, keys + books.runs, *told, *books.at_renewal)
            if isinstance(renewed, int):
                return bool(renewed)
            books = books_of_lease(shard, renewed)
            self._remember(request_id, books)
        raise StoreUnavailable("renewal did not come to an end")

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
        makes sure that nothing changed since it was read. After an outage nothing is settled for a
        while, as workers that live could not say so; those that are known to be dead have no mercy.
        """
        if worker_id is None and asyncio.get_running_loop().time() < self._mercy_until_s:
            return 0
        leases = await self.lapsed(now_ms, worker_id)
        settled = await asyncio.gather(*(self.expire_one(lease, now_ms) for lease in leases))
        return sum(settled)

    async def expire_one(self, lease: Lapsed, now_ms: int) -> int:
        """1 if this lease, unchanged since it was read, is settled as LOST by this call, else 0."""
        record = None
        encoded = lease.note
        with suppress(BadRecord):  # kept as it is: the writer puts it aside, and nothing is hidden
            record = lost(decode_record(lease.note), now_ms)
            encoded = encode_record(record)
        settled = await self._close_lease(
            lease.shard,
            (lease.request_id, lease.worker_id, lease.attempt),
            encoded,
            record,
            lease.customer_id or (record.customer_id if record else ""),
            books_of_lease(lease.shard, lease.limits),
            (lease.note, lease.deadline_ms),
        )
        return int(settled is Settled.SETTLED)

    async def _close_lease(
        self,
        shard: str,
        owner: tuple[str, str, int],  # request id, worker, attempt
        encoded: bytes,
        record: UsageRecord | None,  # None: `encoded` is no record
        customer_id: str,
        books: Books,
        as_read: tuple[bytes, int] | None = None,  # by a sweeper: note and deadline
    ) -> Settled:
        tag = f"{{s{shard}}}:"
        name = owner[0]
        keys = (f"{tag}lease:{name}", f"{tag}leases", f"{tag}usage:{name}", f"{tag}stream")
        cost_micro = started_ms = 0
        if record is not None:
            cost_micro, started_ms = record.cost_micro or 0, record.started_at_ms
        for _ in range(ROUNDS):
            settled = await self.wire.run(
                SETTLE,
                (*keys, f"{tag}acct:{customer_id}", *books.keys),
                *owner,
                encoded,
                self._record_ttl_ms,
                cost_micro,
                started_ms,
                customer_id,
                "1" if self.load_account else "",
                *(_corrections(record, books, as_read) if books.at_settlement or as_read else ()),
            )
            if settled == _ASK_AGAIN:
                await self.bring_account(shard, customer_id)
            elif isinstance(settled, int):
                return _SETTLED[settled]
            else:
                customer_id = settled[0].decode() or customer_id
                books = books_of_lease(shard, settled[1])
        raise StoreUnavailable("settlement did not come to an end")

    def _remember(self, request_id: str, books: Books) -> None:
        """Where a request counts; of requests that others settled it is forgotten when full."""
        if len(self._books) >= MAX_BOOKS:
            del self._books[next(iter(self._books))]
        self._books[request_id] = books

    async def _lapsed_in(self, shard: str, now_ms: int, worker_id: str | None) -> list[Lapsed]:
        tag = f"{{s{shard}}}:"
        bounds: tuple[str | int, ...] = ("-inf", "+inf", "WITHSCORES")
        if worker_id is None:
            bounds = ("-inf", now_ms, "WITHSCORES", "LIMIT", 0, SWEEP_COUNT)
        flat = await self.wire.call("ZRANGEBYSCORE", f"{tag}leases", *bounds)
        ids = [name.decode() for name in flat[::2]]
        leases = await asyncio.gather(
            *(self.wire.call("HMGET", f"{tag}lease:{i}", *_LEASE) for i in ids)
        )
        return [
            Lapsed(
                shard,
                request_id,
                worker.decode(),
                int(attempt),
                note,
                int(float(deadline)),
                (customer or b"").decode(),
                limits or b"",
            )
            for request_id, deadline, (worker, attempt, note, customer, limits) in zip(
                ids, flat[1::2], leases, strict=True
            )
            if worker is not None and worker_id in (None, worker.decode())
        ]


def _corrections(
    record: UsageRecord | None, books: Books, as_read: tuple[bytes, int] | None
) -> tuple[Argument, ...]:
    """The rest of what a settlement is told, where there is a sweeper or a limit."""
    tokens = ended_ms = 0
    if record is not None:
        tokens = min(total_tokens(record), MAX_TOKENS)
        ended_ms = record.started_at_ms + record.latency_ms
    return (*(as_read or ("", "")), tokens, ended_ms, *books.at_settlement)
