"""Sums of usage: exact for every period, whatever of it is kept ready. Checked by adding up."""

import asyncio
import os
import random
import time
from collections.abc import Sequence
from dataclasses import fields, replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text, update

from ledger.model import Outcome, UsageRecord
from ledger.schema import SUMS, usage, usage_days
from ledger.store.record import Record
from ledger.usage_sums import (
    DAY_MS,
    Dimension,
    UsageFilter,
    UsageSum,
    day_of,
    sums_by_day,
    whole_days,
)
from tests.ledger.samples import record_of

DAY = 20_400 * DAY_MS  # midnight
GROUPINGS: tuple[tuple[Dimension, ...], ...] = (
    (),
    (Dimension.DAY,),
    (Dimension.MODEL,),
    (Dimension.KEY,),
    (Dimension.DAY, Dimension.MODEL),
    (Dimension.CUSTOMER, Dimension.DAY, Dimension.KEY),
)
COLUMN = {"day": "day_ms", "model": "model", "key": "key_id", "customer": "customer_id"}


def some_records(count: int, seed: int = 1) -> list[UsageRecord]:
    dice = random.Random(seed)
    return [
        record_of(
            f"req_{number}",
            key_id=f"key_{dice.randrange(3)}",
            customer_id=f"cus_{dice.randrange(2)}",
            model=f"model-{dice.randrange(3)}",
            started_at_ms=DAY + dice.randrange(4 * DAY_MS),
            outcome=dice.choice([Outcome.COMPLETED, Outcome.FAILED]),
            input_tokens=dice.choice([None, 5, 2**40]),
            image_input_tokens=dice.choice([None, 11]),
            audio_input_tokens=dice.choice([None, 13]),
            image_output_tokens=dice.choice([None, 17]),
            audio_output_tokens=dice.choice([None, 19]),
            web_searches=dice.choice([None, 1]),
            file_searches=dice.choice([None, 2]),
            cost_micro=dice.choice([None, 7]),
            charged_credit_micro=dice.randrange(9),
        )
        for number in range(count)
    ]


def added_up(
    records: Sequence[UsageRecord],
    from_ms: int,
    to_ms: int,
    group_by: Sequence[Dimension],
    which: UsageFilter,
) -> list[UsageSum]:
    """The slow and simple way."""
    sums: dict[tuple[Any, ...], dict[str, Any]] = {}
    for one in records:
        wanted = (which.customer_id, which.key_id, which.model)
        its = (one.customer_id, one.key_id, one.model)
        if not from_ms <= one.started_at_ms < to_ms:
            continue
        if any(w is not None and w != i for w, i in zip(wanted, its, strict=True)):
            continue
        name = {"day": day_of(one.started_at_ms), "model": one.model}
        name |= {"key": one.key_id, "customer": one.customer_id}
        group = sums.setdefault(tuple(name[d] for d in group_by), dict.fromkeys(SUMS, 0))
        group["requests"] += 1
        group["failures"] += one.outcome is not Outcome.COMPLETED
        for column in SUMS[2:]:
            group[column] += getattr(one, column) or 0
    found = []
    for names, group in sorted(sums.items()):
        by: dict[str, Any] = dict.fromkeys(COLUMN.values())
        by |= dict(zip((COLUMN[dimension] for dimension in group_by), names, strict=True))
        found.append(UsageSum(**by, **group))
    return found


PERIODS = {
    "whole days": (DAY, DAY + 4 * DAY_MS),
    "a part of one day": (DAY + 5, DAY + DAY_MS - 5),
    "from midnight to noon": (DAY, DAY + DAY_MS // 2),
    "from noon to noon": (DAY + DAY_MS // 2, DAY + 3 * DAY_MS + DAY_MS // 2),
    "from noon to the noon after": (DAY + DAY_MS // 2, DAY + 3 * DAY_MS // 2),
    "until after everything": (DAY + 5, DAY + 9 * DAY_MS + 5),
    "ending in the day of the newest": (DAY, DAY + 4 * DAY_MS - 1),
    "nothing": (DAY + 10, DAY + 10),
    "long ago": (0, 5),
}


@pytest.mark.parametrize("period", PERIODS)
async def test_sums_are_exact(record: Record, period: str) -> None:
    records = some_records(400)
    await record.add_usage(records[:200])
    await record.add_usage(records)
    from_ms, to_ms = PERIODS[period]
    filters = (
        UsageFilter(),
        UsageFilter(customer_id="cus_1"),
        UsageFilter(key_id="key_2", model="model-0"),
        UsageFilter(model="none"),
    )
    for group_by, which in product(GROUPINGS, filters):
        found = await record.usage_sums(from_ms, to_ms, group_by, which)
        assert found == added_up(records, from_ms, to_ms, group_by, which)


async def test_rows_of_an_older_version_count_at_once_and_are_taken_in_later(
    record: Record,
) -> None:
    records = some_records(300)
    await record.add_usage(records)
    async with record.writing() as connection:
        await connection.execute(update(usage).values(summed=False))
        await connection.execute(usage_days.delete())
    await record.add_usage([record_of("req_new", started_at_ms=DAY)])
    records.append(record_of("req_new", started_at_ms=DAY))
    for _ in range(3):
        for from_ms, to_ms in PERIODS.values():
            found = await record.usage_sums(from_ms, to_ms, [Dimension.DAY])
            assert found == added_up(records, from_ms, to_ms, [Dimension.DAY], UsageFilter())
        await record.sum_older_usage()
    assert await record.sum_older_usage() == 0


async def test_sweepers_and_writers_at_once_sum_every_row_once(record: Record) -> None:
    records = some_records(400)
    await record.add_usage(records[:300])
    async with record.writing() as connection:
        await connection.execute(update(usage).values(summed=False))
        await connection.execute(usage_days.delete())
    await asyncio.gather(
        *(record.sum_older_usage() for _ in range(3)),
        *(record.add_usage(records[n : n + 150]) for n in (250, 200, 250)),
    )
    await record.sum_older_usage()
    [found] = await record.usage_sums(DAY, DAY + 4 * DAY_MS)
    assert [found] == added_up(records, 0, 2**60, (), UsageFilter())


async def test_what_comes_twice_is_summed_once(record: Record) -> None:
    records = some_records(50)
    for _ in range(3):
        await record.add_usage([*records, *records])
    [found] = await record.usage_sums(0, DAY + 9 * DAY_MS)
    assert found.requests == 50


async def test_a_failed_transaction_sums_nothing(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(record, "_add_sums", die)
    with pytest.raises(RuntimeError):
        await record.add_usage(some_records(3))
    assert await record.usage_count() == 0
    assert await record.usage_sums(0, 2**60) == []


async def test_usage_is_listed_by_customer_and_model(record: Record) -> None:
    records = some_records(60)
    await record.add_usage(records)
    which = UsageFilter(customer_id="cus_1", model="model-2")
    pages = [page async for page in record.all_usage(which, DAY, DAY + 9 * DAY_MS)]
    listed = [one.request_id for page in pages for one in page]
    wanted = [one for one in records if (one.customer_id, one.model) == ("cus_1", "model-2")]
    newest_first = sorted(wanted, key=lambda one: (one.started_at_ms, one.request_id), reverse=True)
    assert listed == [one.request_id for one in newest_first]
    first = await record.usage_list(which, DAY, DAY + 9 * DAY_MS, 3)
    assert [one.request_id for one in first] == listed[:3]


def test_days_that_a_period_covers_whole() -> None:
    assert whole_days(0, DAY_MS) == (0, DAY_MS)
    assert whole_days(1, 2 * DAY_MS) == (DAY_MS, 2 * DAY_MS)
    assert whole_days(1, DAY_MS - 1) == (DAY_MS, 0)


def test_the_sums_are_the_columns() -> None:
    assert [field.name for field in fields(UsageSum)][4:] == list(SUMS)
    assert sums_by_day([]) == {}
    [(key, values)] = sums_by_day([record_of("req_1"), record_of("req_2", cost_micro=None)]).items()
    assert key[1:] == ("cus_1", "key_1", "claude-sonnet")
    assert dict(zip(SUMS, values, strict=True))["cost_micro"] == 70


# -- how long it takes

ROWS = int(os.environ.get("CLAVIS_TEST_ROWS", "1000000"))


async def filled(record: Record, rows: int) -> tuple[int, int]:
    """Some months of rows, put in as quickly as can be; gives their period."""
    whole = replace(record_of("req"), losses=(), charged_credit_micro=70)
    template: dict[str, Any] = {
        **{column.name: getattr(whole, column.name, None) for column in usage.c},
        "outcome": "completed",
        "usage_source": "upstream",
        "losses": [],
        "attempts_detail": [],
        "summed": False,
        "stream_id": "7/1763200000000-0",
    }
    step_ms = 90 * DAY_MS // rows
    for start in range(0, rows, 20_000):
        some = [
            template
            | {
                "request_id": f"0d9c6e2a-4f0b-4d6e-9a43-{number:012d}",
                "key_id": f"key_{number % 97}",
                "customer_id": f"cus_{number % 97 % 23}",
                "model": f"model-{number % 11}",
                "started_at_ms": DAY + number * step_ms,
            }
            for number in range(start, min(rows, start + 20_000))
        ]
        async with record.writing() as connection:
            await connection.execute(insert(usage), some)
    while await record.sum_older_usage():
        pass
    return DAY, DAY + rows * step_ms


async def measured(record: Record, from_ms: int, to_ms: int) -> float:
    """Seconds of the slowest of the sums that people ask for."""
    slowest = 0.0
    noon = DAY_MS // 2
    for begin, end in ((from_ms, to_ms + 1), (from_ms + noon, to_ms - noon), (from_ms, 2**60)):
        for which in (UsageFilter(), UsageFilter(customer_id="cus_3"), UsageFilter(key_id="key_5")):
            began = time.perf_counter()
            await record.usage_sums(begin, end, [Dimension.DAY, Dimension.MODEL], which)
            slowest = max(slowest, time.perf_counter() - began)
    return slowest


async def test_ten_thousand_rows_are_summed_at_once(sqlite_url: str) -> None:
    record = Record.connect(sqlite_url)
    await record.migrate()
    assert await measured(record, *await filled(record, 10_000)) < 1.0
    [found] = await record.usage_sums(0, 2**60)
    assert (found.requests, found.cost_micro) == (10_000, 700_000)
    await record.close()


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_a_million_rows_are_summed_in_less_than_a_second(tmp_path: Path) -> None:
    record = Record.connect(f"sqlite:///{tmp_path / 'large.sqlite3'}")
    await record.migrate()
    period = await filled(record, ROWS)
    slowest = await measured(record, *period)
    print(f"{ROWS} rows: {slowest * 1000:.0f} ms")
    assert slowest < 1.0
    await record.close()


@pytest.mark.parametrize("index", ["ix_usage_unsummed", "ix_entries_unpublished"])
async def test_what_is_almost_always_nothing_is_found_by_an_index(
    sqlite_url: str, index: str
) -> None:
    """SQLite uses a partial index only for the very condition that it was made with."""
    record = Record.connect(sqlite_url)
    await record.migrate()
    table = "usage" if "usage" in index else "entries"
    column = "summed" if table == "usage" else "published"
    asked = text(f"EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE {column} IS 0")
    async with record.reading() as connection:
        plan = " ".join(str(row) for row in await connection.execute(asked))
    assert index in plan
    await record.close()
