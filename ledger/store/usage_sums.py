"""Sums of usage for any period: whole days from usage_days, the rest from the rows themselves.

One statement, so that one snapshot of the database answers: the days that are covered whole, the
rows of the days at both ends, and the rows that are not in usage_days yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    Select,
    and_,
    case,
    cast,
    false,
    func,
    literal_column,
    select,
    union_all,
)

from ledger.model import Outcome
from ledger.schema import SUMS, usage, usage_days
from ledger.store.sql import Sql
from ledger.store.usage_rows import matching, started_in
from ledger.usage_sums import DAY_MS, Dimension, UsageFilter, UsageSum, whole_days

_DAY_COLUMN = {
    Dimension.DAY: "day_ms",
    Dimension.MODEL: "model",
    Dimension.KEY: "key_id",
    Dimension.CUSTOMER: "customer_id",
}


@dataclass(frozen=True, slots=True)
class Grouping:
    """Which requests, summed by what."""

    by: tuple[Dimension, ...]
    which: UsageFilter

    @property
    def names(self) -> list[str]:
        return [_DAY_COLUMN[dimension] for dimension in self.by]

    def days(self, *where: ColumnElement[bool]) -> Select[Any]:
        """From the sums of whole days."""
        wanted = (
            (usage_days.c.customer_id, self.which.customer_id),
            (usage_days.c.key_id, self.which.key_id),
            (usage_days.c.model, self.which.model),
        )
        columns = [usage_days.c[name] for name in self.names]
        return (
            select(*columns, *(_sum(usage_days.c[name]) for name in SUMS))
            .where(*where)
            .where(*(column == value for column, value in wanted if value is not None))
            .group_by(*columns)
        )

    def rows(self, *where: ColumnElement[bool]) -> Select[Any]:
        """From the rows themselves."""
        day = usage.c.started_at_ms - usage.c.started_at_ms % literal_column(str(DAY_MS))
        columns: list[Any] = [
            day.label("day_ms") if name == "day_ms" else usage.c[name] for name in self.names
        ]
        failed = case((usage.c.outcome == Outcome.COMPLETED.value, 0), else_=1)
        counted = {"requests": func.count(), "failures": func.sum(failed)}
        sums = [_labelled(counted.get(name), name) for name in SUMS]
        return select(*columns, *sums).where(*where, *matching(self.which)).group_by(*columns)


class UsageSums(Sql):
    """What was used, and what it cost."""

    async def usage_sums(
        self,
        from_ms: int,
        to_ms: int,
        group_by: Sequence[Dimension] = (),
        which: UsageFilter | None = None,
    ) -> list[UsageSum]:
        """Of requests that started in [from_ms, to_ms), in the order of the dimensions (days
        ascending, names in alphabetical order). Without dimensions one sum, or none where nothing
        was used."""
        grouping = Grouping(tuple(group_by), which or UsageFilter())
        parts = _parts(from_ms, to_ms, grouping)
        part = union_all(*parts).subquery()
        names = grouping.names
        statement = (
            select(*(part.c[name] for name in names), *(_sum(part.c[name]) for name in SUMS))
            .group_by(*(part.c[name] for name in names))
            .order_by(*(part.c[name] for name in names))
        )
        async with self.reading() as connection:
            rows = (await connection.execute(statement)).all()
        return [_read(row, names) for row in rows if row.requests]


def _parts(from_ms: int, to_ms: int, grouping: Grouping) -> list[Select[Any]]:
    first_ms, after_ms = whole_days(from_ms, to_ms)
    if first_ms > after_ms:  # within one day
        return [grouping.rows(*started_in(from_ms, to_ms))]
    parts = []
    if first_ms < after_ms:
        days = and_(usage_days.c.day_ms >= first_ms, usage_days.c.day_ms < after_ms)
        parts += [
            grouping.days(days),
            grouping.rows(_lacking(), *started_in(first_ms, after_ms)),
        ]
    if from_ms < first_ms:
        parts.append(grouping.rows(*started_in(from_ms, first_ms)))
    if after_ms < to_ms:
        parts += _last_day(after_ms, to_ms, grouping)
    return parts


def _last_day(day_ms: int, to_ms: int, grouping: Grouping) -> list[Select[Any]]:
    """The day in which the period ends. Mostly it ends now: where nothing started later, the sums
    of the whole day are those until then."""
    newest = select(func.max(usage.c.started_at_ms)).scalar_subquery()
    rows = started_in(day_ms, to_ms)
    return [
        grouping.days(usage_days.c.day_ms == day_ms, newest < to_ms),
        grouping.rows(_lacking(), *rows, newest < to_ms),
        grouping.rows(*rows, newest >= to_ms),
    ]


def _lacking() -> ColumnElement[bool]:
    """Rows that usage_days does not have yet."""
    return usage.c.summed.is_(false())


def _labelled(counted: Any, name: str) -> Any:
    return _sum(usage.c[name]) if counted is None else cast(counted, BigInteger).label(name)


def _sum(column: Any) -> Any:
    """PostgreSQL sums to numeric; none at all sum to nothing."""
    return cast(func.coalesce(func.sum(column), 0), BigInteger).label(column.name)


def _read(row: Row[Any], names: Sequence[str]) -> UsageSum:
    values = dict(row._mapping)
    by: dict[str, Any] = {n: values[n] if n in names else None for n in _DAY_COLUMN.values()}
    sums: dict[str, Any] = {name: int(values[name] or 0) for name in SUMS}
    return UsageSum(**by, **sums)
