"""What went wrong, in neutral words. Each protocol renders a Failure in its own shape and reads
its own.

A Failure is a value that travels to the caller, so its message must be safe to show: no
credential, no account name, no host of ours.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Kinds of failure with the HTTP status that each one has in every dialect (see STATUS)."""

    INVALID_REQUEST = "invalid_request"
    AUTHENTICATION = "authentication"
    CREDIT = "credit"
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    TIMEOUT = "timeout"
    TOO_LARGE = "too_large"
    UPGRADE_REQUIRED = "upgrade_required"
    RATE_LIMITED = "rate_limited"
    INTERNAL = "internal"
    UPSTREAM = "upstream"
    UNAVAILABLE = "unavailable"
    OVERLOADED = "overloaded"


STATUS: dict[Kind, int] = {
    Kind.INVALID_REQUEST: 400,
    Kind.AUTHENTICATION: 401,
    Kind.CREDIT: 402,
    Kind.PERMISSION: 403,
    Kind.NOT_FOUND: 404,
    Kind.TOO_LARGE: 413,
    Kind.UPGRADE_REQUIRED: 426,
    Kind.RATE_LIMITED: 429,
    Kind.INTERNAL: 500,
    Kind.UPSTREAM: 502,
    Kind.UNAVAILABLE: 503,
    Kind.TIMEOUT: 504,
    Kind.OVERLOADED: 529,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure. `status` overrides the kind's own status; `retry_after_s` is sent when known."""

    kind: Kind
    message: str
    code: str | None = None  # the dialect's machine-readable code, where the upstream gave one
    param: str | None = None  # the request field at fault
    status: int | None = None
    retry_after_s: float | None = None
    seal_refused: bool = False  # the upstream does not take its own sealed reasoning back

    @property
    def http_status(self) -> int:
        return self.status if self.status is not None else STATUS[self.kind]
