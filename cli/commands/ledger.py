"""`clavis ledger`: the record's schema, and the proof that everything clears."""

import asyncio
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import typer

from cli.commands.keys import opened
from cli.flags import DataDir, RedisUrl, SqlUrl
from cli.output import Json, answers, console, print_json, table
from cli.settings import Settings
from ledger.ledger import Ledger
from ledger.rebuild import Rebuilder, Rebuilt
from ledger.reconcile import Difference, Reconciliation
from ledger.reconcile import reconcile as audit
from ledger.store.record import Record

app = typer.Typer(no_args_is_help=True, help="Look after the ledger.")


@app.command()
@answers
def migrate(data_dir: DataDir = None, sql_url: SqlUrl = None, json: Json = False) -> None:
    """Bring the SQL schema up to date. `clavis up` does it by itself."""
    settings = Settings.read(data_dir=data_dir, sql_url=sql_url)
    if settings.sql_url is None:
        settings.places.prepare()

    async def run() -> None:
        record = Record.connect(settings.sql)
        try:
            await record.migrate()
        finally:
            await record.close()

    asyncio.run(run())
    if json:
        print_json({"migrated": True})
    else:
        console.print("The schema is up to date.")


@app.command()
@answers
def reconcile(
    data_dir: DataDir = None,
    redis_url: RedisUrl = None,
    sql_url: SqlUrl = None,
    json: Json = False,
) -> None:
    """Prove that entries, balances, holds and usage clear, or say what does not."""
    settings = Settings.read(data_dir=data_dir, redis_url=redis_url, sql_url=sql_url)

    async def run() -> tuple[Reconciliation, dict[str, str]]:
        async with opened(settings) as ledger:
            return await audit(ledger), await _names(ledger)

    found, names = asyncio.run(run())
    if json:
        print_json(_public(found, names))
    else:
        _show(found, names)
    if not found.clean:
        raise typer.Exit(1)


@app.command()
@answers
def rebuild(
    data_dir: DataDir = None,
    redis_url: RedisUrl = None,
    sql_url: SqlUrl = None,
    json: Json = False,
) -> None:
    """Make Redis true again from SQL and the streams; the gateway may run."""
    settings = Settings.read(data_dir=data_dir, redis_url=redis_url, sql_url=sql_url)

    async def run() -> tuple[Rebuilt, dict[str, str]]:
        async with opened(settings) as ledger:
            rebuilder = Rebuilder(ledger, settings.redis)
            try:
                done = await rebuilder.rebuild()
            finally:
                await rebuilder.close()
            return done, await _names(ledger)

    done, names = asyncio.run(run())
    if json:
        print_json(
            {
                "drained": done.drained,
                "keys": done.keys,
                "published": done.published,
                "accounts": done.accounts,
                "spending": done.spending,
                "corrected": _differences(done.corrected, names),
                "left": _differences(done.left, names),
                "reconciliation": _public(done.now, names),
            }
        )
    else:
        _show_rebuilt(done, names)
    if not done.now.clean:
        raise typer.Exit(1)


async def _names(ledger: Ledger) -> dict[str, str]:
    return {customer.id: customer.name for customer in await ledger.customers()}


def _public(found: Reconciliation, names: dict[str, str]) -> dict[str, Any]:
    return {
        **asdict(found),
        "clean": found.clean,
        "differences": _differences(found.differences, names),
    }


def _differences(some: Iterable[Difference], names: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "customer_id": one.customer_id,
            "customer": names.get(one.customer_id),
            "check": one.check.value,
            "expected": one.expected,
            "found": one.found,
        }
        for one in some
    ]


def _show(found: Reconciliation, names: dict[str, str]) -> None:
    rows = (
        ("customers", found.customers),
        ("requests", found.requests),
        ("cost", _usd(found.cost_micro)),
        ("charged", _usd(found.charged_micro)),
        ("not collected", _usd(found.uncollected_micro)),
        ("credit", _usd(found.credit_micro)),
        ("allowance", _usd(found.allowance_micro)),
        ("held", _usd(found.held_micro)),
        ("on their way to SQL", found.pending),
        ("not told to Redis yet", found.unpublished),
        ("unreadable", found.dead),
    )
    console.print(table(None, ("what", "how much"), rows))
    if found.clean:
        console.print("Everything clears.")
        return
    _show_differences("Does not clear:", found.differences, names)
    if found.dead:
        console.print("Unreadable entries of the streams charged what SQL does not know of.")


def _show_rebuilt(done: Rebuilt, names: dict[str, str]) -> None:
    rows = (
        ("records brought into SQL", done.drained),
        ("keys", done.keys),
        ("changes told", done.published),
        ("accounts made", done.accounts),
        ("limits whose spending was raised", done.spending),
        ("corrections", len(done.corrected)),
    )
    console.print(table(None, ("what", "how many"), rows))
    if done.corrected:
        _show_differences("Corrected:", done.corrected, names)
    if done.left:
        _show_differences("Not corrected, as requests hold it or it is nobody's:", done.left, names)
    _show(done.now, names)


def _show_differences(title: str, some: Iterable[Difference], names: dict[str, str]) -> None:
    rows = [
        (
            names.get(one.customer_id, "-"),
            one.customer_id,
            one.check.value,
            one.expected,
            one.found,
            one.found - one.expected,
        )
        for one in some
    ]
    columns = ("customer", "id", "check", "expected", "found", "difference")
    console.print(table(title, columns, rows))


def _usd(micro: int) -> str:
    """Exact, as an auditor wants it: six decimal places."""
    sign = "-" if micro < 0 else ""
    return f"{sign}{abs(micro) // 1_000_000}.{abs(micro) % 1_000_000:06d} USD"
