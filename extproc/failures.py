"""What callers see when something fails. One rule: an upstream's trouble with us is not the
caller's trouble.

An upstream's 401, 402 and 403 speak of our account, so the caller gets 502. Its 5xx are 502, but
overload keeps its meaning (529 towards clients whose dialect has it, else 503). Its verdict on the
request itself (400, 404, 413, 422, 429, ...) goes through as it came.
"""

from dataclasses import replace

from translators.canonical.failure import Failure, Kind
from translators.protocol import Protocol

# Our account's affairs. The caller's key is fine.
_OURS = frozenset({Kind.AUTHENTICATION, Kind.CREDIT, Kind.PERMISSION})
_OURS_STATUS = frozenset({401, 402, 403, 407})

# Another target may still save these. Never the caller's own 4xx.
_RETRIABLE_STATUS = frozenset({401, 402, 403, 407, 408, 429})

_BROKEN = frozenset({Kind.UPSTREAM, Kind.UNAVAILABLE, Kind.OVERLOADED, Kind.INTERNAL, Kind.TIMEOUT})

# Envoy's response flags for an answer that no upstream gave (x-clavis-local).
_LOCAL = {
    "UH": (Kind.UNAVAILABLE, "No healthy upstream is available for this model."),
    "NC": (Kind.UNAVAILABLE, "No healthy upstream is available for this model."),
    "NR": (Kind.UNAVAILABLE, "No healthy upstream is available for this model."),
    "UO": (Kind.UNAVAILABLE, "The upstream has too many requests in flight."),
    "UT": (Kind.TIMEOUT, "The upstream did not answer in time."),
    "DF": (Kind.UPSTREAM, "The upstream's name could not be resolved."),
    "UF": (Kind.UPSTREAM, "The upstream could not be reached."),
}
_DEFAULT_LOCAL = (Kind.UPSTREAM, "The upstream closed the connection before it answered.")


def local(flags: str) -> Failure:
    """Envoy could not get an answer from the upstream; `flags` are its response flags."""
    for flag in flags.split(","):
        if flag in _LOCAL:
            kind, message = _LOCAL[flag]
            return Failure(kind, message)
    kind, message = _DEFAULT_LOCAL
    return Failure(kind, message)


def is_verbatim(status: int) -> bool:
    """True when an upstream's error concerns the request itself and passes as it came."""
    return 400 <= status < 500 and status not in _OURS_STATUS


def is_retriable(status: int, kind: Kind) -> bool:
    """True when another target may still answer."""
    return status >= 500 or status in _RETRIABLE_STATUS or kind in _OURS or kind in _BROKEN


def is_ours(failure: Failure) -> bool:
    """True when the upstream speaks of the gateway's own account."""
    return failure.kind in _OURS


def for_caller(failure: Failure, protocol: Protocol) -> Failure:
    """The upstream's failure as the caller may know it. `protocol` is the caller's."""
    if failure.kind in _OURS or failure.status in _OURS_STATUS:
        return Failure(
            Kind.UPSTREAM, "The upstream refused the gateway's own account; the operator is told."
        )
    if failure.kind is Kind.OVERLOADED:
        return replace(failure, status=protocol.overloaded_status)
    if failure.kind in (Kind.UNAVAILABLE, Kind.TIMEOUT):
        return replace(failure, status=None)
    if failure.kind in (Kind.UPSTREAM, Kind.INTERNAL):
        return replace(failure, kind=Kind.UPSTREAM, status=None)
    return failure


# What a defect of our own raises. The caller is told no more than that it is ours.
DEFECTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


def defect() -> Failure:
    return Failure(Kind.INTERNAL, "The gateway could not handle this request; it is our fault.")


def truncated() -> Failure:
    return Failure(Kind.UPSTREAM, "The upstream's answer broke off before it was complete.")


def unreadable() -> Failure:
    return Failure(Kind.UPSTREAM, "The upstream's answer could not be understood.")


def store_away() -> Failure:
    return Failure(
        Kind.UNAVAILABLE, "The gateway's store does not answer; try again.", retry_after_s=1
    )


def lost() -> Failure:
    """An attempt comes when the request is settled already, and not by an answer."""
    return Failure(
        Kind.UNAVAILABLE, "The request was lost within the gateway; ask again.", retry_after_s=1
    )
