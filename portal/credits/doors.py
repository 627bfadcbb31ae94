"""GET …/v1/credits and POST …/v1/credits/redeem under every prefix of usage.

One shape for all: no vendor has it. Errors come in the dialect of the path. What a key sees is its
customer's: the keys of one customer share the money.
"""

from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from ledger.entries import Redemption
from portal.credentials import DOCUMENTED, SignedIn
from portal.description import errors_of
from portal.manage.shapes import PlanShown, shown_account, shown_plan
from portal.refusals import Kind, Refusal
from portal.requests import services_of
from portal.usage.doors import BASES

_EXAMPLE: dict[str, Any] = {
    "object": "credits",
    "mode": "prepaid",
    "available_micro": 11_250_000,
    "credit_micro": 9_500_000,
    "allowance_micro": 2_000_000,
    "allowance_until": "2026-12-01T00:00:00.000Z",
    "held_micro": 250_000,
    "available": "11.25 USD",
    "plan": {
        "id": "plan_4fJ0Zp8Lq2vXw7Rk1TyB",
        "name": "team",
        "allowance_micro": 20_000_000,
        "period": "month",
        "since": "2026-11-01T00:00:00.000Z",
        "until": None,
    },
}


class Credits(BaseModel):
    """What the customer of this key has. Amounts in micro-USD."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    object: Literal["credits"] = "credits"
    mode: Literal["open", "prepaid"] = Field(
        description="prepaid: a request needs credit or allowance; open: costs are recorded."
    )
    available_micro: int = Field(description="What a new request could use: both less held.")
    credit_micro: int = Field(description="Prepaid, what is held included.")
    allowance_micro: int = Field(description="Left of the plan's current period; spent first.")
    allowance_until: str | None = Field(description="When the allowance ends, RFC 3339.")
    held_micro: int = Field(description="Held for requests that run.")
    available: str = Field(description="For people, in the currency that the operator shows.")
    plan: PlanShown | None


class RedeemBody(BaseModel):
    """A code."""

    model_config = ConfigDict(extra="forbid", strict=True)

    code: str = Field(
        min_length=1, max_length=100, description="As it was given; case and hyphens do not matter."
    )


class Redeemed(BaseModel):
    """What a code gave."""

    object: Literal["redemption"] = "redemption"
    credited_micro: int = Field(description="Micro-USD.")
    already: bool = Field(description="Whether this customer had redeemed it before: once is all.")
    credits: Credits = Field(description="What the customer has now.")


_REFUSED = {
    Redemption.UNKNOWN: "This is no redeem code, or it was not copied whole.",
    Redemption.USED: "This code was redeemed by somebody else.",
    Redemption.EXPIRED: "This code has expired.",
}


def router() -> APIRouter:
    """Both doors under every base."""
    made = APIRouter(tags=["Credits"], dependencies=[DOCUMENTED])
    for base, dialect in BASES.items():
        slug = base.strip("/").replace("/", "_")
        made.add_api_route(
            f"{base}/credits",
            get_credits,
            operation_id=f"get_credits_{slug}",
            summary="Balance of this key's customer",
            response_description="The balance.",
            response_model=Credits,
            responses=errors_of(dialect, 401, 403, 503),
        )
        made.add_api_route(
            f"{base}/credits/redeem",
            redeem,
            methods=["POST"],
            operation_id=f"redeem_{slug}",
            summary="Redeem a code",
            response_description="What it gave.",
            response_model=Redeemed,
            responses=errors_of(dialect, 400, 401, 403, 404, 409, 413, 503),
        )
    return made


async def get_credits(request: Request, caller: SignedIn) -> Credits:
    """Credit, the plan's allowance, what is held for requests that run, and what is left for new
    ones, at this moment."""
    return await _credits(request, caller.facts.customer_id)


async def redeem(request: Request, caller: SignedIn, body: RedeemBody) -> Redeemed:
    """The code's amount goes to the credit of this key's customer, once; the same code once more
    by the same customer gives nothing and is no error."""
    services = services_of(request)
    customer_id = caller.facts.customer_id
    found = await services.ledger.redeem(body.code, customer_id, services.now_ms())
    if found.redemption in _REFUSED:
        kind = Kind.NOT_FOUND if found.redemption is Redemption.UNKNOWN else Kind.CONFLICT
        raise Refusal(kind, _REFUSED[found.redemption], param="code")
    assert found.entry is not None
    return Redeemed(
        credited_micro=found.entry.amount_micro,
        already=found.redemption is Redemption.ALREADY,
        credits=await _credits(request, customer_id),
    )


async def _credits(request: Request, customer_id: str) -> Credits:
    services = services_of(request)
    now_ms = services.now_ms()
    account = await services.ledger.account(customer_id)
    shown = shown_account(account, now_ms)
    plan = await services.ledger.record.plan(customer_id, now_ms)
    return Credits(
        mode=account.mode.value,
        **shown.model_dump(),
        available=services.catalog.billing.currency.shown(shown.available_micro),
        plan=shown_plan(plan),
    )
