"""The local allowance: what a worker does while Redis is away, where the operator allows it.

What may be admitted is decided by ledger.outage; here is what it has to ask and to tell. Keys that
were not seen lately and how customers pay are asked of SQL; where that is away too, what this
worker remembers must do. As soon as Redis answers again, what still runs gets a lease there: its
hold keeps others from the money, its attempts are ordered with those of other workers, and should
this worker die it is recorded.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from ledger.errors import LedgerError, StoreUnavailable
from ledger.keys import KeyHandle
from ledger.ledger import Ledger
from ledger.model import (
    AccountMode,
    Admission,
    AdmissionRequest,
    KeyFacts,
    Settlement,
    UsageRecord,
    Verdict,
)
from ledger.outage import LocalHold, Outage, Standing, Terms
from ledger.records import encode_record

if TYPE_CHECKING:
    from catalog.billing import Outage as Declared

FRESH_MS = 10_000  # how long a balance is believed before it is asked for again
PATIENCE_S = 1.0  # for SQL, where a memory would do: Envoy gives a worker five seconds
MAX_LATE = 100  # questions to SQL that nobody waits for any more; beyond it none is asked
HANDED_TOGETHER = 200  # leases asked for at once: a tick of Redis
TOLD_EVERY_MS = 60_000  # a Redis that comes and goes does not fill the log

log = structlog.get_logger("extproc")

Found = TypeVar("Found")
LookUp = Callable[[KeyHandle, int], Awaitable[KeyFacts | None]]


class Allowance:
    """Of one worker. Without an allowance declared everything stays refused."""

    def __init__(self, ledger: Ledger) -> None:
        self.patience_s = PATIENCE_S
        self._ledger = ledger
        self._outage = Outage()
        self._handing: asyncio.Task[None] | None = None
        self._asked: set[asyncio.Task[Any]] = set()
        self._late: set[asyncio.Task[Any]] = set()  # of these
        self._now_ms = 0  # when this was last asked anything
        self._served = 0  # in this outage
        self._told_ms = 0
        ledger.hot.on_back = self._hand_all_over

    def declare(self, declared: "Declared | None") -> None:
        """The operator's choice, now and from now on."""
        terms = None
        if declared is not None:
            terms = Terms(
                declared.allowance_micro, declared.for_s * 1000, declared.requests_per_minute
            )
        self._outage.terms = terms

    def believes(self, seen_ms: int, now_ms: int) -> bool:
        """Whether what was seen then will do where neither store answers."""
        return self._outage.believes(seen_ms, now_ms)

    async def patiently(self, ask: Callable[[], Coroutine[object, object, Found]]) -> Found:
        """The answer to a question that a memory could answer too. Raises StoreUnavailable where it
        is late. The question is not taken back: half a connection to SQL would be left."""
        if len(self._late) >= MAX_LATE:
            raise StoreUnavailable("SQL has not answered others")
        asked = asyncio.create_task(ask())
        self._asked.add(asked)
        asked.add_done_callback(self._answered)
        done, _ = await asyncio.wait((asked,), timeout=self.patience_s)
        if not done:
            self._late.add(asked)
            raise StoreUnavailable(f"no answer within {self.patience_s:g} s")
        return asked.result()

    def _answered(self, asked: asyncio.Task[Any]) -> None:
        self._asked.discard(asked)
        self._late.discard(asked)
        if not asked.cancelled():
            asked.exception()  # somebody knows of it

    def saw(self, request: AdmissionRequest, admission: Admission) -> None:
        """Redis has decided."""
        if self._outage.terms is None:
            return
        self._now_ms = request.now_ms
        if self._outage.saw(request, admission):
            self._over()

    async def admit(self, request: AdmissionRequest, look_up: LookUp) -> Admission | None:
        """Redis did not answer. None: this worker cannot, or may not, decide by itself."""
        now_ms, customer_id = request.now_ms, request.customer_id
        self._now_ms = now_ms
        if not self._outage.is_served(now_ms):
            return None
        facts = await look_up(KeyHandle(request.key_hash, request.shard), now_ms)
        standing = await self._standing(customer_id, now_ms)
        untold_micro = self._ledger.hot.untold_micro(customer_id)
        admission = self._outage.admit(request, facts, standing, untold_micro)
        if admission is not None and admission.verdict is Verdict.ADMITTED:
            self._begun(now_ms)
        return admission

    def marked(self, settlement: Settlement) -> Settlement:
        """Says so where no lease holds the money."""
        if self._outage.holds(settlement.record):
            return replace(settlement, local=True)
        return settlement

    def settled(self, settlement: Settlement) -> None:
        """Redis was told, or will be."""
        if settlement.local:
            self._outage.settled(settlement.record)

    async def renew(self, record: UsageRecord, now_ms: int, lease_ms: int) -> bool:
        """A sign of life of a request without a lease, which it is given where Redis answers.
        False: it has none because it was never admitted here."""
        self._now_ms = now_ms
        hold = self._outage.renewed(record, now_ms, lease_ms)
        if hold is None:
            return False
        await self._hand_over(hold, encode_record(record))
        return True

    async def _standing(self, customer_id: str, now_ms: int) -> Standing | None:
        """By the nearest who knows: this worker's memory, SQL, an older memory."""
        known = self._outage.standing(customer_id, now_ms)
        if known is not None and now_ms - known.seen_ms < FRESH_MS:
            return known
        try:
            account = await self.patiently(lambda: self._ledger.recorded_account(customer_id))
        except LedgerError:
            return known
        prepaid = account.mode is AccountMode.PREPAID
        available_micro = max(0, account.available_micro(now_ms))
        standing = Standing(available_micro if prepaid else None, now_ms)
        self._outage.remember(customer_id, standing)
        return standing

    async def _hand_over(self, hold: LocalHold, note: bytes) -> None:
        """A lease for what runs already: what is short, or a limit that is reached, only means that
        it holds nothing, or counts nowhere."""
        request = replace(
            hold.request,
            now_ms=self._now_ms,
            note=note,
            hold_micro=hold.granted_micro,
            min_hold_micro=1,
        )
        try:
            admission = await self._ledger.hot.admit(request)
            if admission.verdict is Verdict.INSUFFICIENT_CREDIT:
                request = replace(request, hold_micro=0, min_hold_micro=0)
                admission = await self._ledger.hot.admit(request)
            if admission.verdict is Verdict.OVER_LIMIT:
                admission = await self._ledger.hot.admit(replace(request, limits=()))
        except LedgerError:
            return  # it goes on without
        if admission.verdict is Verdict.ADMITTED:
            self._outage.handed_over(request.request_id)

    def _hand_all_over(self) -> None:
        """Leases for all that runs, at once: an earlier attempt must not be settled before."""
        holds = self._outage.open_holds()
        if holds and (self._handing is None or self._handing.done()):
            self._handing = asyncio.create_task(self._hand_these_over(holds))

    async def _hand_these_over(self, holds: list[LocalHold]) -> None:
        for start in range(0, len(holds), HANDED_TOGETHER):
            some = holds[start : start + HANDED_TOGETHER]
            await asyncio.gather(*(self._hand_over(hold, hold.request.note) for hold in some))

    def _begun(self, now_ms: int) -> None:
        self._served += 1
        if now_ms - self._told_ms >= TOLD_EVERY_MS:
            self._told_ms = now_ms
            log.warning("serving on the local allowance")

    def _over(self) -> None:
        if self._served:
            log.warning("redis answers again", served=self._served)
        self._served = 0
        self._hand_all_over()
