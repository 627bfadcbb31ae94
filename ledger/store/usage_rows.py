"""Usage in SQL: one row for each settled request, with its charges and its share of the daily sums.

The row, the entries of its charges and the sums are one transaction, made once for each request id:
whatever comes twice adds nothing. A row remembers which settlement it is of (`stream_id`), so that
whoever brings another settlement of the same request can tell.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, false, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ledger.model import Attempt, Outcome, UsageRecord, UsageSource
from ledger.schema import SUMS, entries, usage, usage_days
from ledger.store.entries import charge_rows
from ledger.store.sql import MAX_LISTED, Sql
from ledger.usage_sums import DayKey, UsageFilter, sums_by_day

SUMMED_TOGETHER = 5_000  # rows of older versions that one sweep adds to the sums

_NAMES = [field.name for field in fields(UsageRecord)]
_COLUMNS = [usage.c[name] for name in _NAMES]
_values_of = attrgetter(*_NAMES)
_ATTEMPT_NAMES = [field.name for field in fields(Attempt)]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A settled record from a stream. `stream_id` names the settlement, `settled_at_ms` when."""

    record: UsageRecord
    stream_id: str
    settled_at_ms: int


@dataclass(frozen=True, slots=True)
class KeptCharge:
    """What the record has of a request that came again."""

    request_id: str
    stream_id: str | None
    credit_micro: int
    allowance_micro: int


class UsageRows(Sql):
    """All that is kept of requests."""

    async def add_usage(self, records: Sequence[UsageRecord]) -> int:
        """All or nothing; how many were new. Records that are there already are left alone."""
        ended = [record.started_at_ms + record.latency_ms for record in records]
        arrivals = [Arrival(one, "", at) for one, at in zip(records, ended, strict=True)]
        return len(records) - len(await self.add_arrivals(arrivals))

    async def add_arrivals(self, arrivals: Sequence[Arrival]) -> list[tuple[Arrival, KeptCharge]]:
        """All or nothing. Gives those that were there already, with what is kept of them."""
        if not arrivals:
            return []
        rows = [_row(one) for one in arrivals]
        statement = (
            self.adding(usage)
            .on_conflict_do_nothing(index_elements=[usage.c.request_id])
            .returning(usage.c.request_id)
        )
        async with self.writing() as connection:
            new = {row[0] for row in await connection.execute(statement, rows)}
            added, again = [], []
            for one in arrivals:
                if one.record.request_id in new:
                    new.remove(one.record.request_id)
                    added.append(one)
                else:
                    again.append(one)
            charges = [row for one in added for row in charge_rows(one.record, one.settled_at_ms)]
            if charges:
                await connection.execute(insert(entries), charges)
            await self._add_sums(connection, sums_by_day(one.record for one in added))
            return await _kept(connection, again)

    async def usage(self, request_id: str, key_id: str) -> UsageRecord | None:
        """The record of this request if this key made it."""
        return await self._one(usage.c.request_id == request_id, usage.c.key_id == key_id)

    async def usage_by_request(self, request_id: str) -> UsageRecord | None:
        """The record of this request, whoever made it: for operators."""
        return await self._one(usage.c.request_id == request_id)

    async def usage_of_key(
        self,
        key_id: str,
        from_ms: int,
        to_ms: int,
        limit: int = 100,
        before: tuple[int, str] | None = None,
    ) -> list[UsageRecord]:
        """Newest first, started in [from_ms, to_ms). `before` is (started_at_ms, request_id) of the
        last one of the page before."""
        return await self.usage_list(UsageFilter(key_id=key_id), from_ms, to_ms, limit, before)

    async def usage_list(
        self,
        which: UsageFilter,
        from_ms: int,
        to_ms: int,
        limit: int = 100,
        before: tuple[int, str] | None = None,
    ) -> list[UsageRecord]:
        """The same of whatever the filter says."""
        where = [*started_in(from_ms, to_ms), *matching(which)]
        if before is not None:
            at_ms, request_id = before
            same_time = and_(usage.c.started_at_ms == at_ms, usage.c.request_id < request_id)
            where.append(or_(usage.c.started_at_ms < at_ms, same_time))
        statement = (
            select(*_COLUMNS)
            .where(*where)
            .order_by(usage.c.started_at_ms.desc(), usage.c.request_id.desc())
            .limit(min(limit, MAX_LISTED))
        )
        async with self.reading() as connection:
            return [_usage(row) for row in await connection.execute(statement)]

    async def all_usage(
        self, which: UsageFilter, from_ms: int, to_ms: int
    ) -> AsyncIterator[list[UsageRecord]]:
        """Page by page until the end, for exports: what arrives meanwhile is not missed or twice,
        and no transaction stays open."""
        before = None
        while page := await self.usage_list(which, from_ms, to_ms, MAX_LISTED, before):
            yield page
            before = (page[-1].started_at_ms, page[-1].request_id)

    async def has_usage(self, request_id: str) -> bool:
        found = select(usage.c.request_id).where(usage.c.request_id == request_id)
        async with self.reading() as connection:
            return (await connection.execute(found)).first() is not None

    async def usage_count(self) -> int:
        async with self.reading() as connection:
            result = await connection.execute(select(func.count()).select_from(usage))
            return int(result.scalar_one())

    async def sum_older_usage(self) -> int:
        """Adds rows that a process of an older version wrote to the daily sums; how many."""
        pending = (
            select(*_COLUMNS)
            .where(usage.c.summed.is_(false()))
            .limit(SUMMED_TOGETHER)
            .with_for_update(skip_locked=True)
        )
        async with self.writing() as connection:
            records = [_usage(row) for row in await connection.execute(pending)]
            if records:
                ids = [record.request_id for record in records]
                await self._add_sums(connection, sums_by_day(records))
                marked = update(usage).where(usage.c.request_id.in_(ids)).values(summed=True)
                await connection.execute(marked)
        return len(records)

    # -- inside

    async def _one(self, *where: ColumnElement[bool]) -> UsageRecord | None:
        async with self.reading() as connection:
            row = (await connection.execute(select(*_COLUMNS).where(*where))).first()
        return _usage(row) if row else None

    async def _add_sums(self, connection: AsyncConnection, sums: dict[DayKey, list[int]]) -> None:
        """In the order of their keys: two writers wait for each other and never in a circle."""
        if not sums:
            return
        rows = [
            dict(zip(("day_ms", "customer_id", "key_id", "model"), key, strict=True))
            | dict(zip(SUMS, values, strict=True))
            for key, values in sorted(sums.items())
        ]
        adding = self.adding(usage_days)
        statement = adding.on_conflict_do_update(
            index_elements=list(usage_days.primary_key),
            set_={name: usage_days.c[name] + adding.excluded[name] for name in SUMS},
        )
        await connection.execute(statement, rows)


def started_in(from_ms: int, to_ms: int) -> list[ColumnElement[bool]]:
    return [usage.c.started_at_ms >= from_ms, usage.c.started_at_ms < to_ms]


def matching(which: UsageFilter) -> list[ColumnElement[bool]]:
    """The filter as conditions on rows of usage."""
    wanted = (
        (usage.c.customer_id, which.customer_id),
        (usage.c.key_id, which.key_id),
        (usage.c.model, which.model),
    )
    return [column == value for column, value in wanted if value is not None]


async def _kept(
    connection: AsyncConnection, again: Sequence[Arrival]
) -> list[tuple[Arrival, KeptCharge]]:
    if not again:
        return []
    statement = select(
        usage.c.request_id,
        usage.c.stream_id,
        usage.c.charged_credit_micro,
        usage.c.charged_allowance_micro,
    ).where(usage.c.request_id.in_([one.record.request_id for one in again]))
    found = {row[0]: KeptCharge(*row) for row in await connection.execute(statement)}
    return [(one, found[one.record.request_id]) for one in again]


def _row(arrival: Arrival) -> dict[str, Any]:
    record = arrival.record
    row: dict[str, Any] = dict(zip(_NAMES, _values_of(record), strict=True))
    row["outcome"] = record.outcome.value
    row["usage_source"] = record.usage_source.value
    row["losses"] = list(record.losses)
    row["attempts_detail"] = [
        {name: getattr(attempt, name) for name in _ATTEMPT_NAMES}
        for attempt in record.attempts_detail
    ]
    row["stream_id"] = arrival.stream_id or None
    row["summed"] = True
    return row


def _usage(row: Row[Any]) -> UsageRecord:
    values = dict(row._mapping)
    values["outcome"] = Outcome(values["outcome"])
    values["usage_source"] = UsageSource(values["usage_source"])
    values["losses"] = tuple(values["losses"])
    values["attempts_detail"] = tuple(Attempt(**one) for one in values["attempts_detail"])
    return UsageRecord(**values)
