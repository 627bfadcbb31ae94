"""Credit: top-ups, adjustments, redeem codes, and the entries that they all become."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response

from ledger.entries import MAX_REFERENCE, Booking, EntryKind, EntrySpec
from ledger.errors import Conflict
from ledger.model import Pot
from portal.manage.asking import (
    ADMIN,
    BASE,
    DEFAULT_LIMIT,
    Cursor,
    CustomerRef,
    Limit,
    actor_of,
    customer_of,
    errors,
    later,
    understood,
)
from portal.manage.shapes import (
    CodeList,
    CodesBody,
    CodesMade,
    CreditBody,
    EntryBooked,
    EntryList,
    EntryShown,
    shown_code,
    shown_entry,
)
from portal.manage.tables import CSV_ANSWER, csv_answer, wants_csv
from portal.refusals import Kind, Refusal
from portal.requests import services_of
from portal.usage.period import from_token, to_token

router = APIRouter(prefix=BASE, tags=["Management"], dependencies=[ADMIN])


@router.post(
    "/customers/{customer}/credit",
    operation_id="add_credit",
    summary="Top up or adjust credit",
    response_description="The entry of before: the reference was used for it.",
    responses={
        201: {"model": EntryBooked, "description": "The new entry."},
        **errors(400, 409, 413),
    },
)
async def add_credit(
    request: Request,
    response: Response,
    customer: CustomerRef,
    body: CreditBody,
    idempotency_key: Annotated[
        str | None,
        Header(
            description="The reference, where the body has none.",
            min_length=1,
            max_length=MAX_REFERENCE,
        ),
    ] = None,
) -> EntryBooked:
    """One entry, once for each reference. What requests that run rely on cannot be taken away: an
    adjustment that would is refused with 409."""
    services = services_of(request)
    found = await customer_of(request, customer)
    if body.kind == "adjustment" and not body.reason.strip():
        raise Refusal(Kind.INVALID_REQUEST, "reason: an adjustment says why.", param="reason")
    with understood():
        spec = EntrySpec(
            body.amount_micro,
            EntryKind(body.kind),
            Pot(body.pot),
            actor=actor_of(request),
            reason=body.reason,
            reference=body.reference or idempotency_key,
        )
    try:
        booked = await services.ledger.book(found.id, spec, services.now_ms())
    except Conflict:
        message = "This reference was used for another entry."
        raise Refusal(Kind.CONFLICT, message, param="reference") from None
    if booked.booking is Booking.INSUFFICIENT or booked.entry is None:
        message = "The customer has less than that, or requests that run rely on it."
        raise Refusal(Kind.CONFLICT, message, param="amount_micro")
    response.status_code = 200 if booked.booking is Booking.ALREADY else 201
    return EntryBooked.model_validate(
        {"booking": booked.booking.name.lower(), "entry": shown_entry(booked.entry)}
    )


@router.get(
    "/customers/{customer}/entries",
    operation_id="list_entries",
    summary="Entries of a customer",
    response_description="A page of entries.",
    response_model=EntryList,
    responses={200: CSV_ANSWER, **errors(400)},
)
async def list_entries(
    request: Request, customer: CustomerRef, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> EntryList | Response:
    """Every change of the customer's money, newest first; the sum of a pot's entries is its
    balance, what is on its way from running requests excepted. CSV with `accept: text/csv`."""
    ledger = services_of(request).ledger
    found = await customer_of(request, customer)
    before = from_token(cursor) if cursor else None
    entries = await ledger.record.entries(found.id, limit + 1, before)
    page = [shown_entry(entry) for entry in entries[:limit]]
    last = entries[limit - 1] if len(entries) > limit else None
    more = to_token((last.created_at_ms, last.id)) if last else None
    if wants_csv(request):
        rows = [entry.model_dump() for entry in page]
        return csv_answer(rows, tuple(EntryShown.model_fields), more)
    return EntryList(data=page, has_more=last is not None, next_cursor=more)


@router.post(
    "/redeem-codes",
    operation_id="create_redeem_codes",
    summary="Make redeem codes",
    response_description="The codes, which are not shown again.",
    status_code=201,
    responses=errors(400, 413),
)
async def create_redeem_codes(request: Request, body: CodesBody) -> CodesMade:
    """Each gives its amount once, to the customer of whoever redeems it first."""
    services = services_of(request)
    now_ms = services.now_ms()
    with understood():
        made = await services.ledger.record.create_codes(
            body.count,
            body.amount_micro,
            now_ms,
            expires_at_ms=later(body.expires_at, "expires_at", now_ms),
            actor=actor_of(request),
            reason=body.reason,
        )
    return CodesMade.model_validate(
        {"data": [{**shown_code(code), "code": text} for code, text in made]}
    )


@router.get(
    "/redeem-codes",
    operation_id="list_redeem_codes",
    summary="List redeem codes",
    response_description="A page of codes.",
    responses=errors(400),
)
async def list_redeem_codes(
    request: Request, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None
) -> CodeList:
    """Newest first, with who used them."""
    ledger = services_of(request).ledger
    before = from_token(cursor) if cursor else None
    codes = await ledger.record.codes(limit + 1, before)
    last = codes[limit - 1] if len(codes) > limit else None
    return CodeList.model_validate(
        {
            "data": [shown_code(code) for code in codes[:limit]],
            "has_more": last is not None,
            "next_cursor": to_token((last.created_at_ms, last.code_hash)) if last else None,
        }
    )


@router.delete(
    "/redeem-codes/{code}",
    operation_id="revoke_redeem_code",
    summary="Revoke a redeem code",
    response_description="It is worth nothing now.",
    status_code=204,
    responses=errors(400),
)
async def revoke_redeem_code(
    request: Request,
    code: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="The code's id.")],
) -> None:
    """404 where it was used, has expired, or never was."""
    services = services_of(request)
    if not await services.ledger.record.revoke_code(code, services.now_ms()):
        raise Refusal(Kind.NOT_FOUND, "There is no such code to be redeemed.", param="code")
