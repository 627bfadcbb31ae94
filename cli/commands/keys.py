"""`clavis keys`: who may ask. A secret is printed once, at its making, and never again."""

import asyncio
import ipaddress
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Annotated, Any

import typer

from catalog import DEFAULT_GROUP, Catalog, load
from catalog.surfaces import DOOR_KINDS
from cli.commands import limits
from cli.commands.limits import AtOnce, PerDay, PerMonth, PerWeek, Rpm, Tpm
from cli.commands.times import format_ms, later_ms, now_ms, span_ms
from cli.flags import CatalogPath, DataDir, RedisUrl, SqlUrl
from cli.output import Json, OperatorError, answers, console, print_json, table
from cli.settings import Settings
from ledger.errors import StoreUnavailable
from ledger.ledger import Ledger
from ledger.model import AccountMode, KeyRow, KeySpec

app = typer.Typer(no_args_is_help=True, help="Create, list, disable, enable and rotate keys.")

KeyId = Annotated[str, typer.Argument(help="A key's id, its name, or the end of its secret.")]
DEFAULT_CUSTOMER = "default"
FOLLOWS = "Redis does not answer now; it takes effect when the gateway runs again."


@app.command()
@answers
def create(
    name: Annotated[str, typer.Argument(help="What the key is called.")],
    customer: Annotated[str, typer.Option(help="Whose it is; made if new.")] = DEFAULT_CUSTOMER,
    group: Annotated[list[str] | None, typer.Option(help="A group; repeat for more.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="A pattern of model names.")] = None,
    endpoint: Annotated[list[str] | None, typer.Option(help=", ".join(DOOR_KINDS))] = None,
    network: Annotated[list[str] | None, typer.Option(help="A source network, as CIDR.")] = None,
    expires: Annotated[str | None, typer.Option(help="30d, 12h, 2027-01-31, or ISO 8601.")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse a request that conversion would lose part of.")
    ] = False,
    rpm: Rpm = None,
    tpm: Tpm = None,
    concurrency: AtOnce = None,
    spend_per_day: PerDay = None,
    spend_per_week: PerWeek = None,
    spend_per_month: PerMonth = None,
    data_dir: DataDir = None,
    catalog: CatalogPath = None,
    redis_url: RedisUrl = None,
    sql_url: SqlUrl = None,
    json: Json = False,
) -> None:
    """Create a key and show its secret, once."""
    settings = Settings.read(
        data_dir=data_dir, catalog=catalog, redis_url=redis_url, sql_url=sql_url
    )
    declared = declared_catalog(settings)
    _check(declared, group or [], endpoint or [], network or [])
    spec = KeySpec(
        name=name,
        groups=tuple(group or ()),
        models=tuple(model or ()),
        endpoints=tuple(endpoint or ()),
        networks=tuple(network or ()),
        expires_at_ms=None if expires is None else later_ms(expires, now_ms()),
        strict=strict,
        limits=limits.ceilings(
            rpm, tpm, concurrency, spend_per_day, spend_per_week, spend_per_month
        ),
    )
    prepaid = declared is not None and declared.billing.prepaid

    async def make() -> tuple[KeyRow, str]:
        async with opened(settings) as ledger:
            owner = await ledger.record.customer(customer)
            if owner is None:
                mode = AccountMode.PREPAID if prepaid else AccountMode.OPEN
                owner = await ledger.create_customer(customer, now_ms(), mode=mode)
            prefix = declared.key_prefix if declared else "sk-"
            return await ledger.create_key(owner.id, spec, now_ms(), prefix)

    _show_new(*asyncio.run(make()), as_json=json)


@app.command("list")
@answers
def list_keys(
    customer: Annotated[str | None, typer.Option(help="Only this customer's.")] = None,
    data_dir: DataDir = None,
    redis_url: RedisUrl = None,
    sql_url: SqlUrl = None,
    json: Json = False,
) -> None:
    """List keys, without their secrets."""
    settings = Settings.read(data_dir=data_dir, redis_url=redis_url, sql_url=sql_url)

    async def read() -> tuple[list[KeyRow], dict[str, str]]:
        async with opened(settings) as ledger:
            customers = {one.id: one.name for one in await ledger.customers()}
            owner = None
            if customer is not None:
                found = await ledger.record.customer(customer)
                if found is None:
                    raise OperatorError(f"There is no customer {customer!r}.")
                owner = found.id
            return await ledger.keys(owner), customers

    keys, customers = asyncio.run(read())
    if json:
        print_json([{**public(key), "customer": customers[key.customer_id]} for key in keys])
        return
    rows = [
        (
            key.id,
            key.name,
            customers[key.customer_id],
            key.hint,
            state(key, now_ms()),
            ", ".join(key.groups) or DEFAULT_GROUP,
            format_ms(key.expires_at_ms),
            limits.shown(key.limits),
        )
        for key in keys
    ]
    headings = ("id", "name", "customer", "secret", "state", "groups", "expires", "limits")
    console.print(table(None, headings, rows))


@app.command()
@answers
def disable(
    key: KeyId,
    data_dir: DataDir = None,
    redis_url: RedisUrl = None,
    sql_url: SqlUrl = None,
    json: Json = False,
) -> None:
    """Refuse a key from now on, everywhere."""
    settings = Settings.read(data_dir=data_dir, redis_url=redis_url, sql_url=sql_url)
    _set_disabled(settings, key, True, json)


@app.command()
@answers
def enable(
    key: KeyId,
    data_dir: DataDir = None,
    redis_url: RedisUrl = None,
    sql_url: SqlUrl = None,
    json: Json = False,
) -> None:
    """Accept a disabled key again."""
    settings = Settings.read(data_dir=data_dir, redis_url=redis_url, sql_url=sql_url)
    _set_disabled(settings, key, False, json)


@app.command()
@answers
def rotate(
    key: KeyId,
    grace: Annotated[
        str, typer.Option(help="How long the old secret still works: 24h, 0s.")
    ] = "0s",
    data_dir: DataDir = None,
    catalog: CatalogPath = None,
    redis_url: RedisUrl = None,
    sql_url: SqlUrl = None,
    json: Json = False,
) -> None:
    """Give a key a new secret, shown once."""
    settings = Settings.read(
        data_dir=data_dir, catalog=catalog, redis_url=redis_url, sql_url=sql_url
    )
    declared = declared_catalog(settings)
    grace_ms = span_ms(grace)

    async def turn() -> tuple[KeyRow, str]:
        async with opened(settings) as ledger:
            found = await find(ledger, key)
            prefix = declared.key_prefix if declared else "sk-"
            return await ledger.rotate_key(found.id, now_ms(), grace_ms, prefix)

    _show_new(*asyncio.run(turn()), as_json=json)


@app.command("limit")
@answers
def set_limits(
    key: KeyId,
    rpm: Rpm = None,
    tpm: Tpm = None,
    concurrency: AtOnce = None,
    spend_per_day: PerDay = None,
    spend_per_week: PerWeek = None,
    spend_per_month: PerMonth = None,
    no_limits: Annotated[
        bool, typer.Option("--no-limits", help="Take all ceilings away first.")
    ] = False,
    data_dir: DataDir = None,
    redis_url: RedisUrl = None,
    sql_url: SqlUrl = None,
    json: Json = False,
) -> None:
    """Change a key's ceilings; what is not named stays."""
    settings = Settings.read(data_dir=data_dir, redis_url=redis_url, sql_url=sql_url)
    named = limits.ceilings(rpm, tpm, concurrency, spend_per_day, spend_per_week, spend_per_month)
    if not named and not no_limits:
        raise OperatorError("Nothing to change: name a limit.")

    async def turn() -> tuple[KeyRow, bool]:
        async with opened(settings) as ledger:
            found = await find(ledger, key)
            merged = limits.merged(found.limits, named, no_limits)
            try:
                return await ledger.set_key_limits(found.id, merged, now_ms()), True
            except StoreUnavailable:
                changed = await ledger.record.key(found.id)
                if dict(changed.limits) != dict(merged):
                    raise
                return changed, False  # the record has it: Redis follows

    found, at_once = asyncio.run(turn())
    if json:
        print_json({**public(found), "effective": at_once})
        return
    console.print(f"{found.name} ({found.id}): {limits.shown(found.limits)}.", markup=False)
    if not at_once:
        console.print(FOLLOWS)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Ledger]:
    """The ledger of these settings, with its schema up to date."""
    settings.places.prepare()
    ledger = await Ledger.open(settings.redis, settings.sql, migrate=True)
    try:
        yield ledger
    finally:
        await ledger.close()


async def find(ledger: Ledger, text: str) -> KeyRow:
    """By id, else by a name or a secret's end that only one key has. Raises OperatorError."""
    keys = await ledger.keys()
    for match in (
        [key for key in keys if key.id == text],
        [key for key in keys if text in (key.name, key.hint)],
        [key for key in keys if key.hint.endswith(text[-4:]) and len(text) >= 4],
    ):
        if len(match) == 1:
            return match[0]
        if match:
            raise OperatorError(f"{text!r} is not one key.", [f"{k.id}  {k.name}" for k in match])
    raise OperatorError(f"There is no key {text!r}: `clavis keys list` shows all.")


def public(key: KeyRow) -> dict[str, Any]:
    """A key for other programs: no hash, and no secret, which nobody has."""
    hidden = {"key_hash", "previous_hash"}
    shown = {name: value for name, value in asdict(key).items() if name not in hidden}
    return {**shown, "limits": limits.public(key.limits)}


def state(key: KeyRow, at_ms: int) -> str:
    if key.disabled:
        return "disabled"
    if key.expires_at_ms is not None and key.expires_at_ms <= at_ms:
        return "expired"
    return "active"


def _set_disabled(settings: Settings, text: str, disabled: bool, as_json: bool) -> None:
    async def change() -> tuple[KeyRow, bool]:
        async with opened(settings) as ledger:
            found = await find(ledger, text)
            turn = ledger.disable_key if disabled else ledger.enable_key
            try:
                return await turn(found.id, now_ms()), True
            except StoreUnavailable:
                changed = await ledger.record.key(found.id)
                if changed.disabled is not disabled:
                    raise
                return changed, False  # the record has it: Redis follows

    key, at_once = asyncio.run(change())
    if as_json:
        print_json({**public(key), "effective": at_once})
        return
    console.print(f"{key.name} ({key.id}) is {'disabled' if disabled else 'enabled'}.")
    if not at_once:
        console.print(FOLLOWS)


def _show_new(key: KeyRow, secret: str, as_json: bool) -> None:
    if as_json:
        print_json({**public(key), "secret": secret})
        return
    console.print(secret, style="bold", markup=False)
    console.print(f"This is the secret of {key.name} ({key.id}). It is not shown again.")


def declared_catalog(settings: Settings) -> Catalog | None:
    """What is declared, so that keys fit it; None where no catalog is."""
    for path in (settings.catalog, settings.places.accepted_catalog):
        if path.exists():
            return load(path, os.environ)
    return None


def _check(
    declared: Catalog | None, groups: list[str], endpoints: list[str], networks: list[str]
) -> None:
    problems = [
        f"--group {name}: the catalog has no such group"
        for name in groups
        if declared is not None and name not in declared.groups
    ]
    problems += [
        f"--endpoint {name}: one of {', '.join(DOOR_KINDS)}"
        for name in endpoints
        if name not in DOOR_KINDS
    ]
    for text in networks:
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            problems.append(f"--network {error}")
    if problems:
        raise OperatorError("The key cannot be made.", problems)
