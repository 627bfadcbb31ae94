"""What the data plane asks of the ledger, and the little it remembers itself.

Key facts are remembered for a short while, so that an unknown key is refused before the body is
read. Admission reads them anew in Redis: a key disabled anywhere is refused by the very next
admission, and the request of a key that was changed is planned again. While Redis is away
extproc.allowance decides, where the operator gave it something to decide on.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial

from extproc.allowance import Allowance
from extproc.exchange.actions import (
    ForgetAnswer,
    LookUpAnswer,
    LookUpSeals,
    LookUpTries,
    NoteTry,
)
from ledger.cooldowns import WHOLE, Cooldowns, Evidence, Reservation, Reserved
from ledger.errors import StoreUnavailable
from ledger.keys import KeyHandle
from ledger.ledger import Ledger
from ledger.model import (
    WORKER_LOST,
    Admission,
    AdmissionRequest,
    Attempt,
    KeyFacts,
    Settlement,
    UsageRecord,
)
from ledger.records import encode_record
from ledger.store.keepsakes import ANSWER, DEFAULT_QUOTA_BYTES, MAX_VALUE_BYTES, SEAL

KNOWN_LIMIT = 10_000  # keys remembered by one worker: a few megabytes
KNOWN_MS = 10_000  # a disabled key may have its body read for this long; it is refused all the same
LATE_NOTE_S = 0.03  # how long an attempt that ended may take to say why
MOST_BLOCKED_MS = 1_000  # a place may be free sooner than was foreseen: ask again now and then
PIN_SECONDS = 30 * 24 * 3600  # how long OpenAI keeps a stored response


class Stores:
    """The ledger as one worker sees it. Raises StoreUnavailable."""

    def __init__(self, ledger: Ledger, cooldowns: Cooldowns | None = None) -> None:
        self._ledger = ledger
        self.cooldowns = cooldowns if cooldowns is not None else Cooldowns()
        self.allowance = Allowance(ledger)
        # How long we keep what upstreams do not, and how much of it; the catalog says.
        self.keep_s = 86_400
        self.keep_bytes = DEFAULT_QUOTA_BYTES
        self._known: OrderedDict[str, tuple[int, KeyFacts]] = OrderedDict()

    async def key_facts(
        self, handle: KeyHandle, now_ms: int, *, fresh: bool = False
    ) -> KeyFacts | None:
        """Facts of a key, at most KNOWN_MS old; `fresh`: as they are now. None: nobody knows it."""
        found = None if fresh else self._known.get(handle.key_hash)
        if found is not None and now_ms - found[0] < KNOWN_MS:
            return found[1]
        if found is None or not self.allowance.believes(found[0], now_ms):
            facts = await self._ledger.authenticate(handle, now_ms)
        else:
            try:
                ask = partial(self._ledger.authenticate, handle, now_ms)
                facts = await self.allowance.patiently(ask)
            except StoreUnavailable:
                return found[1]  # should neither store answer, what is remembered must do
        if facts is None:
            self._known.pop(handle.key_hash, None)
            return None
        self._remember(handle.key_hash, facts, now_ms)
        return facts

    def _remember(self, key_hash: str, facts: KeyFacts, now_ms: int) -> None:
        if facts.disabled:
            self._known.pop(key_hash, None)  # once enabled again it works at once
            return
        self._known[key_hash] = (now_ms, facts)
        self._known.move_to_end(key_hash)
        if len(self._known) > KNOWN_LIMIT:
            self._known.popitem(last=False)

    async def admit(self, request: AdmissionRequest) -> Admission:
        """The hot store's decision, with the facts it decided on; or, where it is away and the
        operator allows it, this worker's own."""
        try:
            admission = await self._ledger.hot.admit(request)
        except StoreUnavailable:
            local = await self.allowance.admit(request, self.key_facts)
            if local is None:
                raise
            return local
        self.allowance.saw(request, admission)
        if admission.facts is not None:
            self._remember(request.key_hash, admission.facts, request.now_ms)
        else:
            self._known.pop(request.key_hash, None)
        return admission

    async def settle(
        self,
        settlement: Settlement,
        pin: tuple[str, str] | None,
        kept: Mapping[tuple[str, str], bytes],
    ) -> None:
        """Records the exchange once; a stored answer's account, and what we keep of an answer
        ourselves, are remembered beside it."""
        settlement = self.allowance.marked(settlement)
        try:
            await self._ledger.hot.settle(settlement)
        except StoreUnavailable:
            self.allowance.settled(settlement)  # it waits for Redis
            if not settlement.local:
                raise
            return
        self.allowance.settled(settlement)
        shard, customer = settlement.shard, settlement.record.customer_id
        if pin is not None:
            subject, account = pin
            await self._ledger.pins.put(shard, customer, subject, account, PIN_SECONDS)
        if kept:
            await self._ledger.keepsakes.put_many(
                shard, customer, kept, self.keep_s, MAX_VALUE_BYTES, self.keep_bytes
            )

    async def answer(self, asked: LookUpAnswer) -> tuple[str | None, bytes | None]:
        """The account that holds a customer's stored answer, or what we hold of it ourselves."""
        return await self._ledger.keepsakes.find_answer(
            asked.shard, asked.customer_id, asked.subject
        )

    async def forget(self, asked: ForgetAnswer) -> None:
        """Delete a stored answer that we hold."""
        await self._ledger.keepsakes.delete(asked.shard, asked.customer_id, ANSWER, asked.subject)

    async def seals(self, asked: LookUpSeals) -> dict[str, bytes]:
        """The reasoning kept for these calls."""
        return await self._ledger.keepsakes.get_many(
            asked.shard, asked.customer_id, SEAL, asked.call_ids
        )

    async def renew(
        self, shard: str, worker_id: str, record: UsageRecord, now_ms: int, lease_ms: int
    ) -> bool:
        """A sign of life with what was metered so far. False: the lease lapsed or was taken over,
        and what comes from now on is nobody's to pay."""
        if await self.allowance.renew(record, now_ms, lease_ms):
            return True
        return await self._ledger.hot.renew(
            record.request_id,
            shard,
            worker_id,
            now_ms,
            lease_ms,
            encode_record(record),
            record.attempts,
        )

    # ------------------------------------------------------------------ upstream accounts

    async def note(self, said: NoteTry, worker_id: str) -> None:
        """An attempt that came to nothing, for the next one to know."""
        await self._ledger.tries.note(
            said.shard, said.request_id, worker_id, said.number, said.attempt
        )

    async def tries(self, asked: LookUpTries) -> tuple[Attempt, ...]:
        """The attempts before this one. One that took nothing down gets a moment for it: the edge
        may be faster than the worker that has to hear of an upstream that broke off."""
        found = await self._ledger.tries.find(asked.shard, asked.request_id)
        if found and found[-1].reason == WORKER_LOST:
            await asyncio.sleep(LATE_NOTE_S)
            found = await self._ledger.tries.find(asked.shard, asked.request_id)
        return found

    async def accuse(self, evidence: Evidence, now_ms: int) -> None:
        """An account failed: all workers know it, this one at once."""
        self.cooldowns.learn(await self._ledger.upstreams.rest(evidence, now_ms))

    async def praise(self, account: str, model: str, now_ms: int) -> None:
        """An account answered that had failed."""
        known = self.cooldowns.known(account, model)
        if known is None:
            return  # another exchange told it meanwhile
        await self._ledger.upstreams.recovered(account, model, now_ms)
        for name in (model, WHOLE):
            rest = self.cooldowns.rest_of(account, name)
            if rest is not None and rest.until_ms <= now_ms:
                self.cooldowns.forget(account, name)

    async def reserve(self, asked: Reservation, now_ms: int) -> Reserved:
        """A place at an account; where there is none, this worker does not ask for a while."""
        place = await self._ledger.upstreams.reserve(asked, now_ms)
        if not place.granted:
            model = WHOLE if place.what in ("requests", "tokens", "concurrency") else asked.model
            self.cooldowns.block(
                asked.account,
                model,
                now_ms + min(place.wait_ms, MOST_BLOCKED_MS),
                limited=place.what != "rest" and place.what != "probe",
            )
        return place

    async def release(self, held: Reservation, tokens: int, now_ms: int) -> None:
        """The place is free again."""
        await self._ledger.upstreams.release(held, tokens, now_ms)

    async def hold_on(self, held: Reservation, deadline_ms: int) -> None:
        """A sign of life for a place that is held."""
        await self._ledger.upstreams.renew(held, deadline_ms)
