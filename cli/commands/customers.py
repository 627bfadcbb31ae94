"""`clavis customers`: who pays, how, with which ceilings and which plan."""

import asyncio
from typing import Annotated, Any

import typer

from cli.commands import limits
from cli.commands.amounts import actor, micro_usd, money, usd
from cli.commands.keys import FOLLOWS, declared_catalog, opened
from cli.commands.limits import AtOnce, PerDay, PerMonth, PerWeek, Rpm, Tpm
from cli.commands.times import format_ms, later_ms, now_ms
from cli.flags import CatalogPath, DataDir, RedisUrl, SqlUrl
from cli.output import Json, OperatorError, answers, console, print_json, table
from cli.settings import Settings
from ledger.errors import StoreUnavailable
from ledger.ledger import Ledger
from ledger.model import Account, AccountMode, Ceilings, Customer
from ledger.plans import Plan, PlanPeriod, PlanSpec

app = typer.Typer(no_args_is_help=True, help="Create, list, show and change customers.")

CustomerName = Annotated[str, typer.Argument(help="A customer's name or id.")]
Mode = Annotated[
    AccountMode | None,
    typer.Option(help="prepaid: a request needs credit; open: costs are recorded."),
]


@app.command()
@answers
def create(
    name: Annotated[str, typer.Argument(help="What the customer is called; unique.")],
    mode: Mode = None,
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
    """Create a customer; without --mode as the catalog's `billing.prepaid` says."""
    settings = Settings.read(
        data_dir=data_dir, catalog=catalog, redis_url=redis_url, sql_url=sql_url
    )
    ceilings = limits.ceilings(
        rpm, tpm, concurrency, spend_per_day, spend_per_week, spend_per_month
    )
    chosen = mode or default_mode(settings)

    async def make() -> Customer:
        async with opened(settings) as ledger:
            return await ledger.create_customer(name, now_ms(), mode=chosen, limits=ceilings)

    made = asyncio.run(make())
    if json:
        print_json(public(made))
        return
    console.print(f"{made.name} ({made.id}) is {made.mode.value}.", markup=False)


@app.command("list")
@answers
def list_customers(
    data_dir: DataDir = None,
    redis_url: RedisUrl = None,
    sql_url: SqlUrl = None,
    json: Json = False,
) -> None:
    """List customers."""
    settings = Settings.read(data_dir=data_dir, redis_url=redis_url, sql_url=sql_url)

    async def read() -> list[Customer]:
        async with opened(settings) as ledger:
            return await ledger.customers()

    found = asyncio.run(read())
    if json:
        print_json([public(one) for one in found])
        return
    rows = [
        (one.id, one.name, one.mode.value, limits.shown(one.limits), format_ms(one.created_at_ms))
        for one in found
    ]
    console.print(table(None, ("id", "name", "mode", "limits", "created"), rows))


@app.command()
@answers
def show(
    customer: CustomerName,
    data_dir: DataDir = None,
    redis_url: RedisUrl = None,
    sql_url: SqlUrl = None,
    json: Json = False,
) -> None:
    """Show a customer with its money, its plan and its keys."""
    settings = Settings.read(data_dir=data_dir, redis_url=redis_url, sql_url=sql_url)

    async def read() -> tuple[Customer, Account, Plan | None, int]:
        async with opened(settings) as ledger:
            found = await find(ledger, customer)
            at_ms = now_ms()
            account = await ledger.account(found.id)
            plan = await ledger.record.plan(found.id, at_ms)
            return found, account, plan, len(await ledger.keys(found.id))

    found, account, plan, keys = asyncio.run(read())
    if json:
        shown = {"account": public_account(account), "plan": public_plan(plan), "keys": keys}
        print_json({**public(found), **shown})
        return
    rows = [
        ("id", found.id),
        ("name", found.name),
        ("mode", found.mode.value),
        *account_rows(account),
        ("plan", None if plan is None else said_plan(plan)),
        ("limits", limits.shown(found.limits)),
        ("keys", keys),
    ]
    console.print(table(None, ("", ""), rows))


@app.command("set")
@answers
def change(
    customer: CustomerName,
    mode: Mode = None,
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
    """Change a customer's mode or ceilings; what is not named stays."""
    settings = Settings.read(data_dir=data_dir, redis_url=redis_url, sql_url=sql_url)
    named = limits.ceilings(rpm, tpm, concurrency, spend_per_day, spend_per_week, spend_per_month)
    if mode is None and not named and not no_limits:
        raise OperatorError("Nothing to change: name a mode or a limit.")

    async def turn() -> tuple[Customer, bool]:
        async with opened(settings) as ledger:
            found = await find(ledger, customer)
            ceilings = limits.merged(found.limits, named, no_limits)
            return await _changed(ledger, found, mode or found.mode, ceilings)

    found, at_once = asyncio.run(turn())
    if json:
        print_json({**public(found), "effective": at_once})
        return
    said = f"{found.name} ({found.id}) is {found.mode.value}; limits: {limits.shown(found.limits)}."
    console.print(said, markup=False)
    if not at_once:
        console.print(FOLLOWS)


async def _changed(
    ledger: Ledger, found: Customer, mode: AccountMode, ceilings: Ceilings
) -> tuple[Customer, bool]:
    """The customer as the record has it now, and whether Redis has it too."""
    at_once = True
    if dict(ceilings) != dict(found.limits):
        try:
            await ledger.set_customer_limits(found.id, ceilings, now_ms())
        except StoreUnavailable:
            at_once = False
    if mode is not found.mode:
        try:
            await ledger.set_mode(found.id, mode)
        except StoreUnavailable:
            at_once = False
    changed = await find(ledger, found.id)
    if (changed.mode, dict(changed.limits)) != (mode, dict(ceilings)):
        raise StoreUnavailable
    return changed, at_once


@app.command("plan")
@answers
def set_plan(
    customer: CustomerName,
    allowance: Annotated[
        str | None, typer.Option(help="US dollars of every period; absent: show the plan.")
    ] = None,
    period: Annotated[PlanPeriod, typer.Option(help="How long one lasts.")] = PlanPeriod.MONTH,
    name: Annotated[str, typer.Option(help="What the plan is called.")] = "plan",
    until: Annotated[str | None, typer.Option(help="When it ends: 365d, 2027-01-31.")] = None,
    end: Annotated[bool, typer.Option("--end", help="End the plan and its allowance now.")] = False,
    data_dir: DataDir = None,
    redis_url: RedisUrl = None,
    sql_url: SqlUrl = None,
    json: Json = False,
) -> None:
    """Give a customer an allowance per period, spent before credit; or show it, or end it."""
    settings = Settings.read(data_dir=data_dir, redis_url=redis_url, sql_url=sql_url)
    if end and allowance is not None:
        raise OperatorError("Either --end or --allowance.")
    until_ms = None if until is None else later_ms(until, now_ms())
    micro = None if allowance is None else micro_usd(allowance)

    async def turn() -> Plan | None:
        async with opened(settings) as ledger:
            found = await find(ledger, customer)
            at_ms = now_ms()
            if end:
                await ledger.end_plan(found.id, at_ms)
            elif micro is not None:
                spec = PlanSpec(name, micro, period, None, until_ms)
                return await ledger.assign_plan(found.id, spec, at_ms, actor())
            return await ledger.record.plan(found.id, at_ms)

    plan = asyncio.run(turn())
    if json:
        print_json(public_plan(plan))
        return
    console.print("No plan." if plan is None else said_plan(plan), markup=False)


def default_mode(settings: Settings) -> AccountMode:
    """What a new customer is."""
    declared = declared_catalog(settings)
    prepaid = declared is not None and declared.billing.prepaid
    return AccountMode.PREPAID if prepaid else AccountMode.OPEN


async def find(ledger: Ledger, text: str) -> Customer:
    """By id or name. Raises OperatorError."""
    found = await ledger.record.customer(text)
    if found is None:
        raise OperatorError(f"There is no customer {text!r}: `clavis customers list` shows all.")
    return found


def public(customer: Customer) -> dict[str, Any]:
    return {
        "id": customer.id,
        "name": customer.name,
        "mode": customer.mode.value,
        "limits": limits.public(customer.limits),
        "created_at_ms": customer.created_at_ms,
    }


def public_account(account: Account) -> dict[str, Any]:
    return {
        "credit_micro": account.credit_micro,
        "allowance_micro": account.allowance_micro,
        "allowance_until_ms": account.allowance_until_ms,
        "held_micro": account.held_micro,
        "available_micro": account.available_micro(now_ms()),
    }


def account_rows(account: Account) -> list[tuple[str, object]]:
    """For people, US dollars."""
    until = format_ms(account.allowance_until_ms)
    return [
        ("credit", money(account.credit_micro)),
        ("allowance", f"{money(account.allowance_micro)}{f' until {until}' if until else ''}"),
        ("held", money(account.held_micro)),
        ("available", money(account.available_micro(now_ms()))),
    ]


def public_plan(plan: Plan | None) -> dict[str, Any] | None:
    if plan is None:
        return None
    return {
        "id": plan.id,
        "name": plan.name,
        "allowance_micro": plan.allowance_micro,
        "period": plan.period.value,
        "since_ms": plan.since_ms,
        "until_ms": plan.until_ms,
    }


def said_plan(plan: Plan) -> str:
    until = f" until {format_ms(plan.until_ms)}" if plan.until_ms is not None else ""
    return f"{plan.name}: {usd(plan.allowance_micro)} USD a {plan.period.value}{until}"
