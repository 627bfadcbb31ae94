"""What a failure says of the upstream account, and of how long to leave it alone.

The caller's own mistakes say nothing. A refused credential or credit is the account's as a whole; a
limit, overload or a model that the account may not use is this model's there. A 500 or a broken
connection may be chance: the second in a row counts.
"""

from typing import TYPE_CHECKING

from extproc import failures
from extproc.exchange.actions import Accuse, Action
from extproc.exchange.ticket import Ticket
from ledger.cooldowns import WHOLE, Evidence
from ledger.model import Attempt
from translators.canonical.failure import Failure, Kind

if TYPE_CHECKING:
    from catalog import Cooldown
    from extproc.world import World

BROKE_OFF = "broke_off"  # why an attempt failed, whose answer ended while it was held

_ACCOUNTS = frozenset({Kind.AUTHENTICATION, Kind.CREDIT})
_ACCOUNT_STATUS = frozenset({401, 402, 407})
_AT_ONCE = frozenset({Kind.RATE_LIMITED, Kind.OVERLOADED})
# The request's own, whatever the status: a rate limit of tokens that one request alone exceeds.
_REQUESTS = frozenset({Kind.INVALID_REQUEST, Kind.NOT_FOUND, Kind.TOO_LARGE})
_LONGEST = 15  # times the first rest of an account


def of_the_last(world: "World", tries: tuple[Attempt, ...]) -> list[Action]:
    """What the last attempt says of its account, where that attempt could not tell: its upstream
    broke off while the answer was held, or its caller left; only the next one knows."""
    last = tries[-1] if tries else None
    start_ms = world.catalog.limits.cooldown.start_ms
    if last is None or last.reason != BROKE_OFF or last.account is None or not start_ms:
        return []
    said = Evidence(
        account=last.account,
        model=last.upstream_model or WHOLE,
        reason=BROKE_OFF,
        status=last.status,
        at_once=False,
        start_ms=start_ms,
        most_ms=world.catalog.limits.cooldown.most_ms,
    )
    return [Accuse(said)]


def evidence(
    cooldown: "Cooldown", ticket: Ticket, failure: Failure, status: int
) -> Evidence | None:
    """What the failure says. `status` is the upstream's, 0 where none came. None: nothing."""
    if ticket.account is None or failure.seal_refused or failure.kind in _REQUESTS:
        return None
    if not failures.is_retriable(failure.http_status, failure.kind):
        return None
    model, at_once = ticket.upstream_model or WHOLE, failure.kind in _AT_ONCE
    start_ms, most_ms = cooldown.start_ms, cooldown.most_ms
    if failures.is_ours(failure) or failure.http_status in _ACCOUNT_STATUS:
        at_once, start_ms, most_ms = True, cooldown.account_ms, cooldown.account_ms * _LONGEST
        if ticket.vouched and failure.kind is Kind.AUTHENTICATION and cooldown.start_ms:
            start_ms = min(cooldown.start_ms, start_ms)  # a new token is being fetched
        if failure.kind in _ACCOUNTS or failure.http_status in _ACCOUNT_STATUS:
            model = WHOLE
    told_ms = None
    if failure.retry_after_s is not None and (at_once or failure.kind is Kind.UNAVAILABLE):
        told_ms = min(int(failure.retry_after_s * 1000), cooldown.told_most_ms)
    if not (told_ms or start_ms):
        return None
    return Evidence(
        account=ticket.account,
        model=model,
        reason=failure.kind.value,
        status=status,
        at_once=at_once,
        start_ms=start_ms,
        most_ms=most_ms,
        told_ms=told_ms or None,
    )
