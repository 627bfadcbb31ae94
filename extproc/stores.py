"""What the data plane asks of the ledger, and the little it remembers itself.

Key facts are remembered for a short while, so that an unknown key is refused before the body is
read. Admission reads them anew in Redis: a key disabled anywhere is refused by the very next
admission, and the request of a key that was changed is planned again.
"""

from collections import OrderedDict
from collections.abc import Mapping

from extproc.exchange.actions import ForgetAnswer, LookUpAnswer, LookUpSeals
from ledger.keys import KeyHandle
from ledger.ledger import Ledger
from ledger.model import Admission, AdmissionRequest, KeyFacts, Settlement, UsageRecord
from ledger.records import encode_record
from ledger.store.keepsakes import ANSWER, DEFAULT_QUOTA_BYTES, MAX_VALUE_BYTES, SEAL

KNOWN_LIMIT = 10_000  # keys remembered by one worker: a few megabytes
KNOWN_MS = 10_000  # a disabled key may have its body read for this long; it is refused all the same
PIN_SECONDS = 30 * 24 * 3600  # how long OpenAI keeps a stored response


class Stores:
    """The ledger as one worker sees it. Raises StoreUnavailable."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
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
        facts = await self._ledger.authenticate(handle, now_ms)
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
        """The hot store's decision, with the facts it decided on."""
        admission = await self._ledger.hot.admit(request)
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
        await self._ledger.hot.settle(settlement)
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
    ) -> None:
        """A sign of life with what was metered so far."""
        await self._ledger.hot.renew(
            record.request_id,
            shard,
            worker_id,
            now_ms,
            lease_ms,
            encode_record(record),
            record.attempts,
        )
