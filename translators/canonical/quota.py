"""What is left of a caller's limit, in neutral words. Each protocol has its own headers for it."""

from dataclasses import dataclass
from enum import StrEnum


class QuotaKind(StrEnum):
    """What the vendors' own headers tell of."""

    REQUESTS = "requests"
    TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class Quota:
    """`most` a minute, `remaining` of it, whole again in `reset_ms`."""

    kind: QuotaKind
    most: int
    remaining: int
    reset_ms: int
