"""From the streams into SQL: what is settled becomes rows, charges and sums, once.

Rules:
- One transaction for a batch, retired from the stream after the commit: a crash anywhere leaves
  entries to be read again, and the request id makes the second insert nothing.
- An entry that cannot be a record goes to the stream of the dead, and its id to the log, never its
  content. SQL refusing a whole statement is not an entry's fault: it is waited out, loudly.
- A request may be settled twice in Redis, when Redis lost the first settlement after SQL had it.
  SQL keeps the first; Redis's account is corrected, so that it was charged what SQL says.
"""

import time

import structlog

from ledger.errors import BadRecord, Conflict, LedgerError
from ledger.ledger import Ledger
from ledger.model import Applied, Pot
from ledger.records import decode_record
from ledger.store.hot import RECORD_TTL_MS
from ledger.store.streams import StreamEntry, Streams
from ledger.store.usage_rows import Arrival, KeptCharge

MAX_TOGETHER = 2_000  # records in one transaction
_CHARGED = b'%b,"charged_credit_micro":%d,"charged_allowance_micro":%d,"uncollected_micro":%d}'

log = structlog.get_logger("ledger.writer")


class Intake:
    """Writes what a consumer of the streams has read."""

    def __init__(self, ledger: Ledger, streams: Streams) -> None:
        self._ledger = ledger
        self._streams = streams

    async def write(self, entries: list[StreamEntry]) -> int:
        """All of them, in SQL and out of the streams; how many. Raises StoreUnavailable."""
        for start in range(0, len(entries), MAX_TOGETHER):
            await self._write_some(entries[start : start + MAX_TOGETHER])
        return len(entries)

    async def _write_some(self, entries: list[StreamEntry]) -> None:
        arrivals: list[Arrival] = []
        good: list[StreamEntry] = []
        for entry in entries:
            arrival = await self._readable(entry)
            if arrival is not None:
                arrivals.append(arrival)
                good.append(entry)
            elif entry.data is None:
                good.append(entry)  # deleted before it was acknowledged: acknowledge it
        try:
            again = await self._ledger.record.add_arrivals(arrivals)
        except (BadRecord, Conflict):
            await self._write_one_by_one(good)
        else:
            await self._came_again(again)
            await self._streams.retire(good)

    async def _readable(self, entry: StreamEntry) -> Arrival | None:
        if entry.data is None:
            return None
        try:
            return arrival_of(entry)
        except BadRecord as error:
            await self._bury(entry, error)
            return None

    async def _write_one_by_one(self, entries: list[StreamEntry]) -> None:
        """SQL refused something in a batch: find out what, and write the rest."""
        for entry in entries:
            try:
                if entry.data is not None:
                    await self._came_again(
                        await self._ledger.record.add_arrivals([arrival_of(entry)])
                    )
            except (BadRecord, Conflict) as error:
                await self._bury(entry, error)
            else:
                await self._streams.retire([entry])

    async def _bury(self, entry: StreamEntry, error: LedgerError) -> None:
        where = {"shard": entry.shard, "entry": entry.id.decode()}
        log.error("record_unreadable", **where, why=str(error), size=len(entry.data or b""))
        await self._streams.bury(entry)

    async def _came_again(self, again: list[tuple[Arrival, KeptCharge]]) -> None:
        for arrival, kept in again:
            if kept.stream_id not in (None, arrival.stream_id):
                await self._settled_twice(arrival, kept)

    async def _settled_twice(self, arrival: Arrival, kept: KeptCharge) -> None:
        """Before it is retired, and under an id of this settlement: done again, it is nothing."""
        record = arrival.record
        credit, allowance = record.charged_credit_micro, record.charged_allowance_micro
        loaded_at_ms = await self._ledger.record.loaded_at_ms(record.customer_id)
        kept_at_ms = settled_at_ms(kept.stream_id)
        if loaded_at_ms <= kept_at_ms > arrival.settled_at_ms - RECORD_TTL_MS:
            # Redis lost the first charge with its mark. Otherwise it has it: its account was made
            # of entries with the charge since, or only the mark went, as its time was over.
            credit -= kept.credit_micro
            allowance -= kept.allowance_micro
        shard, _, _ = arrival.stream_id.partition("/")
        now_ms = int(time.time() * 1000)
        for pot, back in ((Pot.CREDIT, credit), (Pot.ALLOWANCE, allowance)):
            if not back:
                continue
            mark = f"again:{arrival.stream_id}:{pot.value}"
            applied = await self._ledger.hot.apply_entry(
                shard, record.customer_id, mark, pot, back, now_ms
            )
            log.warning(
                "settled_twice",
                request_id=record.request_id,
                customer=record.customer_id,
                pot=pot.value,
                given_back_micro=back,
                corrected=applied is not Applied.REFUSED,
            )


def arrival_of(entry: StreamEntry) -> Arrival:
    """Raises BadRecord."""
    data = entry.data or b""
    if entry.credit_micro or entry.allowance_micro or entry.uncollected_micro:
        # The last of equal names counts: cheaper than to change the record that was decoded.
        data = _CHARGED % (
            data[:-1],
            entry.credit_micro,
            entry.allowance_micro,
            entry.uncollected_micro,
        )
    return Arrival(decode_record(data), entry.settlement, entry.settled_at_ms)


def settled_at_ms(settlement: str | None) -> int:
    """When a settlement, by its name in SQL, was made; 0 where that is not known."""
    _, _, entry_id = (settlement or "").partition("/")
    digits = entry_id.partition("-")[0]
    return int(digits) if digits.isdigit() else 0
