"""`clavis credits`: what customers have, top-ups, adjustments and redeem codes."""

import asyncio
from typing import Annotated, Any

import typer

from cli.commands.amounts import actor, micro_usd, money, usd
from cli.commands.customers import CustomerName, account_rows, find, public_account
from cli.commands.keys import declared_catalog, opened
from cli.commands.times import format_ms, later_ms, now_ms
from cli.flags import CatalogPath, DataDir, RedisUrl, SqlUrl
from cli.output import Json, OperatorError, answers, console, print_json, table
from cli.settings import Settings
from ledger.entries import Booked, Booking, Entry, EntryKind, EntrySpec, RedeemCode
from ledger.model import Account, Customer, Pot

app = typer.Typer(no_args_is_help=True, help="Add and show credit; make redeem codes.")

Amount = Annotated[str, typer.Argument(help="US dollars, such as 12.50.")]
Reason = Annotated[str, typer.Option(help="Why; kept with the entry.")]
Reference = Annotated[
    str | None,
    typer.Option(help="Idempotency key, a payment's id: the same once more adds nothing."),
]
InAllowance = Annotated[
    bool, typer.Option("--allowance", help="The plan's allowance instead of credit.")
]
FOLLOWS = "Redis does not answer now; requests see it when the gateway runs again."


@app.command()
@answers
def add(
    customer: CustomerName,
    amount: Amount,
    reason: Reason = "",
    reference: Reference = None,
    adjust: Annotated[
        bool, typer.Option("--adjust", help="An adjustment, which nobody paid for; needs a reason.")
    ] = False,
    allowance: InAllowance = False,
    data_dir: DataDir = None,
    redis_url: RedisUrl = None,
    sql_url: SqlUrl = None,
    json: Json = False,
) -> None:
    """Top up a customer's credit."""
    settings = Settings.read(data_dir=data_dir, redis_url=redis_url, sql_url=sql_url)
    kind = EntryKind.ADJUSTMENT if adjust else EntryKind.TOPUP
    _book(settings, customer, _spec(micro_usd(amount), kind, allowance, reason, reference), json)


@app.command()
@answers
def take(
    customer: CustomerName,
    amount: Amount,
    reason: Reason,
    reference: Reference = None,
    allowance: InAllowance = False,
    data_dir: DataDir = None,
    redis_url: RedisUrl = None,
    sql_url: SqlUrl = None,
    json: Json = False,
) -> None:
    """Take credit away: an adjustment. What requests that run rely on cannot be taken."""
    settings = Settings.read(data_dir=data_dir, redis_url=redis_url, sql_url=sql_url)
    micro = -micro_usd(amount)
    _book(
        settings, customer, _spec(micro, EntryKind.ADJUSTMENT, allowance, reason, reference), json
    )


@app.command()
@answers
def show(
    customer: CustomerName,
    entries: Annotated[int, typer.Option(min=0, max=500, help="How many entries.")] = 10,
    data_dir: DataDir = None,
    catalog: CatalogPath = None,
    redis_url: RedisUrl = None,
    sql_url: SqlUrl = None,
    json: Json = False,
) -> None:
    """Show a customer's balance and its newest entries."""
    settings = Settings.read(
        data_dir=data_dir, catalog=catalog, redis_url=redis_url, sql_url=sql_url
    )

    async def read() -> tuple[Customer, Account, list[Entry]]:
        async with opened(settings) as ledger:
            found = await find(ledger, customer)
            account = await ledger.account(found.id)
            listed = await ledger.record.entries(found.id, entries) if entries else []
            return found, account, listed

    found, account, listed = asyncio.run(read())
    if json:
        print_json(
            {
                "customer": found.name,
                "mode": found.mode.value,
                **public_account(account),
                "entries": [public(entry) for entry in listed],
            }
        )
        return
    declared = declared_catalog(settings)
    rows = account_rows(account)
    if declared is not None and declared.billing.currency.code != "USD":
        shown = declared.billing.currency.shown(account.available_micro(now_ms()))
        rows.append(("shown as", shown))
    console.print(table(f"{found.name} ({found.mode.value}), USD", ("", ""), rows))
    if listed:
        console.print(table("\nEntries", _ENTRY, [_entry_row(entry) for entry in listed]))


@app.command("redeem-codes")
@answers
def redeem_codes(
    amount: Annotated[
        str | None, typer.Argument(help="US dollars of each new code; absent: list codes.")
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(min=1, max=1000, help="How many; default: make 1, or list the newest 100."),
    ] = None,
    expires: Annotated[str | None, typer.Option(help="30d, 2027-01-31, or ISO 8601.")] = None,
    reason: Reason = "",
    data_dir: DataDir = None,
    redis_url: RedisUrl = None,
    sql_url: SqlUrl = None,
    json: Json = False,
) -> None:
    """Make redeem codes and show them, once; or list those that there are."""
    settings = Settings.read(data_dir=data_dir, redis_url=redis_url, sql_url=sql_url)
    if amount is None:
        _list_codes(settings, count or 100, json)
        return
    micro = micro_usd(amount)
    expires_at_ms = None if expires is None else later_ms(expires, now_ms())

    async def make() -> list[tuple[RedeemCode, str]]:
        async with opened(settings) as ledger:
            try:
                return await ledger.record.create_codes(
                    *(count or 1, micro, now_ms()),
                    expires_at_ms=expires_at_ms,
                    actor=actor(),
                    reason=reason,
                )
            except ValueError as error:
                raise OperatorError(f"{error}.") from None

    made = asyncio.run(make())
    if json:
        print_json([{**public_code(code), "code": text} for code, text in made])
        return
    for _, text in made:
        console.print(text, style="bold", markup=False)
    console.print(f"Each gives {usd(micro)} USD once. They are not shown again.")


def _list_codes(settings: Settings, count: int, as_json: bool) -> None:
    async def read() -> list[RedeemCode]:
        async with opened(settings) as ledger:
            return await ledger.record.codes(count)

    listed = asyncio.run(read())
    if as_json:
        print_json([public_code(code) for code in listed])
        return
    rows = [
        (
            f"…{code.hint}",
            money(code.amount_micro),
            format_ms(code.expires_at_ms),
            code.used_by,
            code.reason or None,
        )
        for code in listed
    ]
    console.print(table(None, ("code", "USD", "expires", "redeemed by", "reason"), rows))


def _spec(
    micro: int, kind: EntryKind, allowance: bool, reason: str, reference: str | None
) -> EntrySpec:
    if kind is EntryKind.ADJUSTMENT and not reason.strip():
        raise OperatorError("An adjustment says why: --reason.")
    pot = Pot.ALLOWANCE if allowance else Pot.CREDIT
    try:
        return EntrySpec(micro, kind, pot, actor=actor(), reason=reason, reference=reference)
    except ValueError as error:
        raise OperatorError(f"{error}.") from None


def _book(settings: Settings, customer: str, spec: EntrySpec, as_json: bool) -> None:
    async def book() -> tuple[Booked, Account]:
        async with opened(settings) as ledger:
            found = await find(ledger, customer)
            booked = await ledger.book(found.id, spec, now_ms())
            return booked, await ledger.account(found.id)

    booked, account = asyncio.run(book())
    if booked.booking is Booking.INSUFFICIENT or booked.entry is None:
        raise OperatorError(f"{customer} has less than that, or requests that run rely on it.")
    if as_json:
        answer = {"booking": booked.booking.name.lower(), "entry": public(booked.entry)}
        print_json({**answer, "account": public_account(account)})
        return
    if booked.booking is Booking.ALREADY:
        console.print("This reference was booked before; nothing was added.")
    else:
        entry = booked.entry
        console.print(f"{entry.kind.value} of {usd(entry.amount_micro)} USD ({entry.id}).")
    console.print(f"Available: {money(account.available_micro(now_ms()))} USD.")
    if booked.booking is Booking.PENDING:
        console.print(FOLLOWS)


def public(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "pot": entry.pot.value,
        "kind": entry.kind.value,
        "amount_micro": entry.amount_micro,
        "request_id": entry.request_id,
        "reference": entry.reference,
        "actor": entry.actor,
        "reason": entry.reason,
        "created_at_ms": entry.created_at_ms,
    }


def public_code(code: RedeemCode) -> dict[str, Any]:
    return {
        "hint": code.hint,
        "amount_micro": code.amount_micro,
        "expires_at_ms": code.expires_at_ms,
        "actor": code.actor,
        "reason": code.reason,
        "created_at_ms": code.created_at_ms,
        "used_by": code.used_by,
        "used_at_ms": code.used_at_ms,
    }


_ENTRY = ("when", "kind", "pot", "USD", "by", "why")


def _entry_row(entry: Entry) -> tuple[object, ...]:
    why = entry.reason or entry.reference or entry.request_id
    when = format_ms(entry.created_at_ms)
    return (when, entry.kind.value, entry.pot.value, money(entry.amount_micro), entry.actor, why)
