"""What the management API takes and gives. Amounts are integers of micro-USD, limits of spending US
dollars as in the catalog, moments RFC 3339 in UTC."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from catalog import RateLimits
from ledger.entries import MAX_AMOUNT_MICRO, MAX_REASON, MAX_REFERENCE, Entry, RedeemCode
from ledger.model import Account, AccountMode, Ceilings, Customer, KeyRow, LimitKind
from ledger.plans import Plan
from portal.usage.period import rfc3339

Text = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00]*$")]
Reason = Annotated[str, StringConstraints(max_length=MAX_REASON, pattern=r"^[^\x00]*$")]
Reference = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_REFERENCE, pattern=r"^[^\x00]*$")
]
Micro = Annotated[int, Field(ge=0, le=MAX_AMOUNT_MICRO)]
Mode = Literal["open", "prepaid"]
Pot = Literal["credit", "allowance"]
Moment = Annotated[
    str, Field(description="A date (UTC), RFC 3339 or Unix seconds.", min_length=1, max_length=40)
]


class Body(BaseModel):
    """Base of what is sent: nothing unknown, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


# ---- customers


class PlanBody(Body):
    """A plan: an allowance that begins anew every period and is spent before credit."""

    name: Text = Field(description="What it is called.")
    allowance_micro: Micro = Field(description="Micro-USD of every period.")
    period: Literal["day", "week", "month"] = Field(
        description="How long an allowance lasts, counted from the plan's beginning."
    )
    since: Moment | None = Field(default=None, description="When it begins; absent: now.")
    until: Moment | None = Field(default=None, description="When it ends; absent: until changed.")


class CustomerBody(Body):
    """A new customer."""

    name: Text = Field(description="What it is called; unique.")
    mode: Mode | None = Field(
        default=None, description="Absent: as the catalog's `billing.prepaid` says."
    )
    limits: RateLimits = Field(
        default_factory=RateLimits, description="Ceilings of all its keys together."
    )


class CustomerChange(Body):
    """What is to be changed; what is absent stays."""

    mode: Mode | None = Field(default=None, description="Whether its balance is asked for.")
    limits: RateLimits | None = Field(
        default=None, description="All of its ceilings anew: what is absent within is no ceiling."
    )


class CustomerShown(BaseModel):
    """A customer."""

    id: str
    name: str
    mode: Mode = Field(description="prepaid: a request needs credit or allowance.")
    limits: RateLimits = Field(description="Ceilings of all its keys together.")
    created_at: str


class PlanShown(BaseModel):
    """The plan that a customer has now."""

    id: str
    name: str
    allowance_micro: int
    period: str
    since: str
    until: str | None = Field(default=None, description="Null: until it is changed or ended.")


class AccountShown(BaseModel):
    """A customer's money at this moment, micro-USD."""

    credit_micro: int = Field(description="Prepaid, what is held included.")
    allowance_micro: int = Field(description="Of the plan's current period; spent first.")
    allowance_until: str | None = Field(description="When the allowance ends.")
    held_micro: int = Field(description="Held for requests that run.")
    available_micro: int = Field(description="What a new request could use: both less held.")


class CustomerDetail(CustomerShown):
    """A customer with its money."""

    account: AccountShown
    plan: PlanShown | None


class CustomerList(BaseModel):
    """All customers, the oldest first."""

    data: list[CustomerShown]


# ---- keys


class KeyBody(Body):
    """A new key. Empty lists: whatever the groups allow."""

    name: Text = Field(description="What it is called.")
    groups: list[Text] = Field(default=[], description="Groups of the catalog, in their order.")
    models: list[Text] = Field(default=[], description="Patterns of model names.")
    endpoints: list[Text] = Field(default=[], description="Doors.")
    networks: list[Text] = Field(default=[], description="Source networks, as CIDR.")
    expires_at: Moment | None = Field(default=None, description="When it ends; absent: never.")
    strict: bool = Field(default=False, description="Refuse what conversion would lose part of.")
    limits: RateLimits = Field(default_factory=RateLimits, description="Ceilings of the key.")


class KeyChange(Body):
    """What is to be changed; what is absent stays."""

    strict: bool | None = Field(
        default=None, description="Refuse what conversion would lose part of."
    )
    limits: RateLimits | None = Field(
        default=None, description="All of its ceilings anew: what is absent within is no ceiling."
    )


class RotationBody(Body):
    """How a key gets a new secret."""

    grace_s: int = Field(
        default=0, ge=0, le=90 * 86_400, description="How long the old secret still works."
    )


class KeyShown(BaseModel):
    """A key without its secret, which nobody has."""

    id: str
    customer_id: str
    name: str
    hint: str = Field(description="Prefix and last characters of the secret.")
    groups: list[str]
    models: list[str]
    endpoints: list[str]
    networks: list[str]
    expires_at: str | None
    disabled: bool
    strict: bool
    limits: RateLimits
    created_at: str
    updated_at: str


class KeyMade(KeyShown):
    """A key with its new secret."""

    secret: str = Field(description="Shown this once.")


class KeyList(BaseModel):
    """Keys, the oldest first."""

    data: list[KeyShown]


# ---- credit


class CreditBody(Body):
    """Money that goes into or out of a pot."""

    amount_micro: int = Field(
        ge=-MAX_AMOUNT_MICRO, le=MAX_AMOUNT_MICRO, description="Below zero: taken away."
    )
    kind: Literal["topup", "adjustment"] = Field(
        default="topup", description="A top-up was paid for; an adjustment has a reason."
    )
    pot: Pot = Field(default="credit", description="Where it goes.")
    reason: Reason = Field(default="", description="Why; an adjustment must say it.")
    reference: Reference | None = Field(
        default=None,
        description="Idempotency key, the payment's id for instance: the same once more is the "
        "same entry. The header `idempotency-key` says it too.",
    )


class EntryShown(BaseModel):
    """One change of a customer's money. It never changes itself."""

    id: str
    customer_id: str
    pot: Pot
    kind: str
    amount_micro: int = Field(description="Below zero: taken away.")
    request_id: str | None = Field(description="Of a charge: the request that cost it.")
    reference: str | None
    actor: str = Field(description="Who did it.")
    reason: str
    created_at: str


class EntryBooked(BaseModel):
    """An entry, and whether requests see it."""

    booking: Literal["booked", "pending", "already"] = Field(
        description="booked: from now on; pending: as soon as the hot store is back; already: the "
        "reference was used for this very entry before."
    )
    entry: EntryShown


class EntryList(BaseModel):
    """Entries of a customer, the newest first."""

    data: list[EntryShown]
    has_more: bool
    next_cursor: str | None = Field(description="`cursor` of the next page.")


class CodesBody(Body):
    """Codes to be made."""

    amount_micro: Annotated[int, Field(gt=0, le=MAX_AMOUNT_MICRO)] = Field(
        description="What each is worth, micro-USD."
    )
    count: int = Field(default=1, ge=1, le=1000, description="How many.")
    expires_at: Moment | None = Field(default=None, description="Until when; absent: for ever.")
    reason: Reason = Field(default="", description="What they are for.")


class CodeShown(BaseModel):
    """A redeem code without its text, which nobody has."""

    id: str
    hint: str = Field(description="Its last characters.")
    amount_micro: int
    expires_at: str | None
    actor: str
    reason: str
    created_at: str
    used_by: str | None = Field(description="The customer who redeemed it.")
    used_at: str | None


class CodeMade(CodeShown):
    """A new code."""

    code: str = Field(description="Shown this once.")


class CodesMade(BaseModel):
    """The new codes."""

    data: list[CodeMade]


class CodeList(BaseModel):
    """Codes, the newest first."""

    data: list[CodeShown]
    has_more: bool
    next_cursor: str | None = Field(description="`cursor` of the next page.")


# ---- from the ledger's values


def ceilings_of(limits: RateLimits) -> Ceilings:
    """Limits as the ledger keeps them."""
    return tuple((LimitKind(kind), most) for kind, most in limits.ceilings())


def shown_customer(customer: Customer) -> dict[str, Any]:
    return {
        "id": customer.id,
        "name": customer.name,
        "mode": customer.mode.value,
        "limits": RateLimits.of(customer.limits),
        "created_at": rfc3339(customer.created_at_ms),
    }


def shown_account(account: Account, now_ms: int) -> AccountShown:
    until = account.allowance_until_ms
    valid = until is not None and now_ms < until
    return AccountShown(
        credit_micro=account.credit_micro,
        allowance_micro=account.allowance_micro if valid else 0,
        allowance_until=_moment(until) if valid else None,
        held_micro=account.held_micro,
        available_micro=max(account.available_micro(now_ms), 0),
    )


def shown_plan(plan: Plan | None) -> PlanShown | None:
    if plan is None:
        return None
    return PlanShown(
        id=plan.id,
        name=plan.name,
        allowance_micro=plan.allowance_micro,
        period=plan.period.value,
        since=rfc3339(plan.since_ms),
        until=_moment(plan.until_ms),
    )


def shown_key(key: KeyRow) -> dict[str, Any]:
    return {
        "id": key.id,
        "customer_id": key.customer_id,
        "name": key.name,
        "hint": key.hint,
        "groups": list(key.groups),
        "models": list(key.models),
        "endpoints": list(key.endpoints),
        "networks": list(key.networks),
        "expires_at": _moment(key.expires_at_ms),
        "disabled": key.disabled,
        "strict": key.strict,
        "limits": RateLimits.of(key.limits),
        "created_at": rfc3339(key.created_at_ms),
        "updated_at": rfc3339(key.updated_at_ms),
    }


def shown_entry(entry: Entry) -> EntryShown:
    return EntryShown(
        id=entry.id,
        customer_id=entry.customer_id,
        pot=entry.pot.value,
        kind=entry.kind.value,
        amount_micro=entry.amount_micro,
        request_id=entry.request_id,
        reference=entry.reference,
        actor=entry.actor,
        reason=entry.reason,
        created_at=rfc3339(entry.created_at_ms),
    )


def shown_code(code: RedeemCode) -> dict[str, Any]:
    return {
        "id": code.code_hash,
        "hint": code.hint,
        "amount_micro": code.amount_micro,
        "expires_at": _moment(code.expires_at_ms),
        "actor": code.actor,
        "reason": code.reason,
        "created_at": rfc3339(code.created_at_ms),
        "used_by": code.used_by,
        "used_at": _moment(code.used_at_ms),
    }


def mode_of(said: Mode | None, prepaid: bool) -> AccountMode:
    """The mode that was asked for, else the catalog's."""
    return AccountMode(said or ("prepaid" if prepaid else "open"))


def _moment(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)
