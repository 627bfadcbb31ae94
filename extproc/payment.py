"""Between a plan and its sending: what is asked of the account and the limits, and what the answer
makes of the plan."""

from dataclasses import replace
from typing import TYPE_CHECKING

from extproc import admission, billing
from extproc.exchange.ticket import Ticket, draft
from extproc.planning import Plan, lowered
from extproc.world import World
from ledger.model import Admission, AdmissionRequest
from ledger.records import encode_record
from translators.canonical.failure import Failure, Kind

if TYPE_CHECKING:
    from ledger.keys import KeyHandle
    from ledger.model import KeyFacts


def asked(
    world: World, made: Plan, ticket: Ticket, handle: "KeyHandle", facts: "KeyFacts", now_ms: int
) -> AdmissionRequest:
    """The question to the hot store. What costs nothing holds nothing, but counts as a request."""
    request = AdmissionRequest(
        request_id=ticket.request_id,
        shard=handle.shard,
        key_hash=handle.key_hash,
        worker_id=world.worker_id,
        attempt=ticket.attempt,
        now_ms=now_ms,
        lease_ms=world.lease_ms,
        note=encode_record(draft(ticket)),
        limits=billing.limits_of(world.catalog, facts, made.group),
        customer_id=facts.customer_id,
    )
    if made.quote is None:
        return request
    return replace(
        request,
        hold_micro=made.quote.hold_micro,
        min_hold_micro=made.quote.min_hold_micro,
        hold_tokens=made.quote.hold_tokens,
    )


def refusal(world: World, made: Plan, decided: Admission) -> Failure | None:
    """Whose refusal it is: the account's, a limit's, the key's. None: admitted."""
    failure = billing.refusal(world, decided, made.quote)
    return failure or admission.refusal(decided.verdict, decided.retry_after_ms)


def granted(world: World, made: Plan, decided: Admission) -> Plan | Failure:
    """The plan on the money that was granted: with a lower output cap, where that pays for less."""
    quote = made.quote
    if quote is None:
        return made
    prepaid = decided.balance_micro is not None
    if made.route.price is None and not world.catalog.billing.allows_unpriced(prepaid=prepaid):
        return Failure(
            Kind.PERMISSION, "This model has no price here, so it cannot be used with this key."
        )
    if decided.granted_micro >= quote.hold_micro:
        return made
    balance = decided.balance_micro or 0
    affordable = quote.affordable(decided.granted_micro)
    if affordable is None:
        return billing.no_credit(world.catalog, balance, quote.min_hold_micro)
    if affordable < quote.output_cap and not made.has_cap(world):
        return billing.no_credit(world.catalog, balance, quote.hold_micro)
    return lowered(world, made, affordable) if affordable < quote.output_cap else made


def with_quotas(world: World, ticket: Ticket, decided: Admission, now_ms: int) -> Ticket:
    """The ticket with the headers that tell the caller what is left of his limits."""
    headers = quota_headers(world, ticket.protocol, decided, now_ms)
    return replace(ticket, quotas=tuple(headers.items())) if headers else ticket


def quota_headers(world: World, dialect: str, decided: Admission, now_ms: int) -> dict[str, str]:
    """What is left, in the dialect's own headers."""
    if not decided.states:
        return {}
    return world.protocol(dialect).quota_headers(billing.quotas(decided.states), now_ms)
