"""`clavis usage`: what was used and what it cost, in sums."""

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from cli.commands.amounts import money
from cli.commands.customers import find as find_customer
from cli.commands.keys import find as find_key
from cli.commands.keys import opened
from cli.commands.times import moment_ms, now_ms
from cli.flags import DataDir, RedisUrl, SqlUrl
from cli.output import Json, OperatorError, answers, console, print_json, table
from cli.settings import Settings
from ledger.ledger import Ledger
from ledger.model import UsageRecord
from ledger.usage_sums import Dimension, UsageFilter, UsageSum
from portal.spreadsheet import write_csv

DAY_MS = 86_400_000
_FIELDS = {
    Dimension.DAY: "day",
    Dimension.MODEL: "model",
    Dimension.KEY: "key_id",
    Dimension.CUSTOMER: "customer_id",
}
_COUNTS = tuple(
    name for name in UsageSum.__dataclass_fields__ if name not in ("day_ms", *_FIELDS.values())
)

# Of a request; its single attempts are in `GET /v1/usage/{request_id}`.
_EACH = (
    "started_at",
    *(
        name
        for name in UsageRecord.__dataclass_fields__
        if name not in ("started_at_ms", "attempts_detail")
    ),
)

_MADE = tuple(name for name in _COUNTS if name.endswith(("output_tokens", "reasoning_tokens")))
_GIVEN = tuple(name for name in _COUNTS if name.endswith("_tokens") and name not in _MADE)


@answers
def usage(
    since: Annotated[
        str, typer.Option("--from", help="Begin: 2027-01-31, ISO 8601, or 7d for seven days ago.")
    ] = "30d",
    until: Annotated[
        str | None, typer.Option("--to", help="End; a date includes its day. Absent: now.")
    ] = None,
    by: Annotated[str, typer.Option(help="Any of day, model, key, customer.")] = "day,model",
    customer: Annotated[str | None, typer.Option(help="Only this customer's.")] = None,
    key: Annotated[str | None, typer.Option(help="Only this key's.")] = None,
    model: Annotated[str | None, typer.Option(help="Only of this model.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Answer in CSV.")] = False,
    each: Annotated[
        bool, typer.Option(help="With --csv: a row for each request, newest first, and no sums.")
    ] = False,
    data_dir: DataDir = None,
    redis_url: RedisUrl = None,
    sql_url: SqlUrl = None,
    json: Json = False,
) -> None:
    """Show requests, tokens and cost, by day and model or as asked."""
    settings = Settings.read(data_dir=data_dir, redis_url=redis_url, sql_url=sql_url)
    at_ms = now_ms()
    from_ms = moment_ms(since, at_ms)
    to_ms = at_ms + 1 if until is None else moment_ms(until, at_ms, end_of_day=True)
    if from_ms > to_ms:
        raise OperatorError("--from lies after --to.")
    group_by = _dimensions(by)
    if each and not as_csv:
        raise OperatorError("--each needs --csv.")

    async def asked(ledger: Ledger) -> UsageFilter:
        return UsageFilter(
            (await find_customer(ledger, customer)).id if customer else None,
            (await find_key(ledger, key)).id if key else None,
            model,
        )

    async def read() -> tuple[list[UsageSum], dict[str, str]]:
        async with opened(settings) as ledger:
            which = await asked(ledger)
            sums = await ledger.record.usage_sums(from_ms, to_ms, group_by, which)
            return sums, await _names(ledger)

    async def export() -> None:
        async with opened(settings) as ledger:
            pages = ledger.record.all_usage(await asked(ledger), from_ms, to_ms)
            await _write_each(pages)

    if each:
        asyncio.run(export())
        return
    sums, names = asyncio.run(read())
    rows = [_row(one, group_by) for one in sums]
    if json:
        print_json({"from_ms": from_ms, "to_ms": to_ms, "data": rows})
    elif as_csv:
        _write_csv(rows, group_by)
    else:
        _print(rows, group_by, names)


def _dimensions(text: str) -> tuple[Dimension, ...]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = [dimension.value for dimension in Dimension]
    if not set(names) <= set(known) or len(set(names)) < len(names):
        raise OperatorError(f"--by {text}: any of {', '.join(known)}, with commas between.")
    return tuple(Dimension(name) for name in names)


async def _names(ledger: Ledger) -> dict[str, str]:
    """Names of customers and keys by their ids, for people."""
    customers, keys = await asyncio.gather(ledger.customers(), ledger.keys())
    return {one.id: one.name for one in customers} | {one.id: one.name for one in keys}


def _row(one: UsageSum, group_by: tuple[Dimension, ...]) -> dict[str, Any]:
    values = asdict(one)
    values["day"] = None if one.day_ms is None else _day(one.day_ms)
    return {name: values[name] for name in (*(_FIELDS[d] for d in group_by), *_COUNTS)}


def _day(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d}"


async def _write_each(pages: AsyncIterator[list[UsageRecord]]) -> None:
    """Page by page: a year of requests does not fit into memory."""
    heading = True
    async for page in pages:
        write_csv(sys.stdout, map(_flat, page), _EACH, line_end="\n", heading=heading)
        heading = False
    if heading:
        write_csv(sys.stdout, (), _EACH, line_end="\n")


def _flat(record: UsageRecord) -> dict[str, object]:
    row = {name: getattr(record, name) for name in _EACH if name != "started_at"}
    row["started_at"] = _moment(record.started_at_ms)
    row["losses"] = " ".join(record.losses)
    return row


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")


def _write_csv(rows: list[dict[str, Any]], group_by: tuple[Dimension, ...]) -> None:
    columns = (*(_FIELDS[dimension] for dimension in group_by), *_COUNTS)
    write_csv(sys.stdout, rows, columns, line_end="\n")


def _print(
    rows: list[dict[str, Any]], group_by: tuple[Dimension, ...], names: dict[str, str]
) -> None:
    total: dict[str, Any] = {name: sum(row[name] for row in rows) for name in _COUNTS}
    headings = (*(d.value for d in group_by), "requests", "failed", "input", "output", "USD")
    shown = [
        (*(names.get(row[_FIELDS[d]], row[_FIELDS[d]]) for d in group_by), *_figures(row))
        for row in rows
    ]
    if len(rows) > 1:
        shown.append((*("total" if n == 0 else "" for n in range(len(group_by))), *_figures(total)))
    console.print(table(None, headings, shown))


def _figures(row: dict[str, Any]) -> tuple[object, ...]:
    """Input with what caches read and took, output with reasoning, images and audio in both."""
    given = sum(row[name] for name in _GIVEN)
    made = sum(row[name] for name in _MADE)
    return (row["requests"], row["failures"], given, made, money(row["cost_micro"]))
