"""`clavis upstreams list` and `reset`: which upstream accounts rest, why, and until when."""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

import typer

from catalog import Account, Catalog
from cli.commands.keys import declared_catalog, opened
from cli.commands.times import now_ms
from cli.flags import CatalogPath, DataDir, RedisUrl, SqlUrl
from cli.output import Json, OperatorError, answers, console, print_json, table
from cli.settings import Settings
from ledger.cooldowns import Rest

app = typer.Typer(no_args_is_help=True, help="Look after upstream accounts.")


@app.command("list")
@answers
def list_(
    catalog: CatalogPath = None,
    data_dir: DataDir = None,
    redis_url: RedisUrl = None,
    sql_url: SqlUrl = None,
    json: Json = False,
) -> None:
    """Every upstream account, and for which models it rests."""
    settings = Settings.read(
        data_dir=data_dir, catalog=catalog, redis_url=redis_url, sql_url=sql_url
    )
    declared = _declared(settings)
    found = asyncio.run(_look(settings, declared))
    if json:
        print_json([_public(account, running, rests) for account, running, rests in found])
        return
    rows = [row for one in found for row in _rows(*one)]
    columns = ("account", "provider", "running", "model", "state", "why")
    console.print(table("Upstream accounts", columns, rows))


@app.command()
@answers
def reset(
    account: Annotated[str, typer.Argument(help="Name of the account.")],
    model: Annotated[
        str | None, typer.Option(help="Only for this model, by the provider's own name.")
    ] = None,
    catalog: CatalogPath = None,
    data_dir: DataDir = None,
    redis_url: RedisUrl = None,
    sql_url: SqlUrl = None,
    json: Json = False,
) -> None:
    """Forget what is known against an account: it is asked again at once."""
    settings = Settings.read(
        data_dir=data_dir, catalog=catalog, redis_url=redis_url, sql_url=sql_url
    )
    if account not in _declared(settings).accounts:
        raise OperatorError(f"There is no account {account!r} in the catalog.")

    async def run() -> int:
        async with opened(settings) as ledger:
            return await ledger.upstreams.reset(account, model)

    forgotten = asyncio.run(run())
    if json:
        print_json({"account": account, "model": model, "forgotten": forgotten})
        return
    console.print(f"{account}: {forgotten} forgotten" if forgotten else f"{account} did not rest")


def _declared(settings: Settings) -> Catalog:
    declared = declared_catalog(settings)
    if declared is None:
        raise OperatorError("There is no catalog: name one with --catalog or CLAVIS_CATALOG.")
    return declared


Found = tuple[Account, int | None, list[Rest]]


async def _look(settings: Settings, declared: Catalog) -> list[Found]:
    accounts = list(declared.accounts.values())
    async with opened(settings) as ledger:
        upstreams, now = ledger.upstreams, now_ms()
        rests = await upstreams.rests(account.name for account in accounts)
        running = await asyncio.gather(
            *(
                upstreams.running(account.name, now) if account.limits.concurrency else _unknown()
                for account in accounts
            )
        )
    by_account: dict[str, list[Rest]] = {}
    for rest in rests:
        by_account.setdefault(rest.account, []).append(rest)
    return [
        (account, count, by_account.get(account.name, []))
        for account, count in zip(accounts, running, strict=True)
    ]


async def _unknown() -> int | None:
    """Only accounts with a limit for it are counted."""
    return None


def _rows(account: Account, running: int | None, rests: list[Rest]) -> list[tuple[str, ...]]:
    most = account.limits.concurrency
    shown = "-" if running is None else f"{running} of {most}"
    head = (account.name, account.provider, shown)
    if not rests:
        return [(*head, "all", "ready", "-")]
    return [
        (*head, rest.model or "all", _state(rest), f"{rest.reason}, status {rest.status or '-'}")
        for rest in sorted(rests, key=lambda rest: rest.model)
    ]


def _state(rest: Rest) -> str:
    left_ms = rest.until_ms - now_ms()
    if left_ms > 0:
        return f"rests {max(left_ms // 1000, 1)} s more"
    return "due" if rest.until_ms else "suspect"


def _public(account: Account, running: int | None, rests: list[Rest]) -> dict[str, Any]:
    shown = [
        {**asdict(rest), "state": _state(rest).partition(" ")[0], "model": rest.model or None}
        for rest in rests
    ]
    for one in shown:
        del one["account"]
    return {
        "account": account.name,
        "provider": account.provider,
        "pool": account.pool,
        "weight": account.weight,
        "running": running,
        "rests": shown,
    }
