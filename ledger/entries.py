"""Entries: every change of a customer's money, added once and never altered.

A pot's balance is the sum of its entries. Charges come with the usage record of their request;
everything else has an actor who did it and a reason. Values only.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from ledger.model import AccountMode, Pot

MAX_AMOUNT_MICRO = 10**15  # a thousand million dollars; Redis counts exactly to nine times that
MAX_REFERENCE = 256
MAX_REASON = 1024
MAX_ACTOR = 256


class EntryKind(StrEnum):
    """What an entry is for."""

    TOPUP = "topup"
    ADJUSTMENT = "adjustment"
    REDEEM = "redeem"
    PLAN_GRANT = "plan_grant"
    PLAN_EXPIRY = "plan_expiry"
    CHARGE = "charge"


@dataclass(frozen=True, slots=True)
class EntrySpec:
    """What somebody wants booked. `reference` is the caller's idempotency key: the same once more
    is the same entry, and never a second one."""

    amount_micro: int
    kind: EntryKind = EntryKind.TOPUP
    pot: Pot = Pot.CREDIT
    actor: str = ""
    reason: str = ""
    reference: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for what no entry may be."""
        if not 0 < abs(self.amount_micro) <= MAX_AMOUNT_MICRO:
            raise ValueError(f"an amount is 1 to {MAX_AMOUNT_MICRO} micro-USD")
        if self.amount_micro < 0 and self.kind is not EntryKind.ADJUSTMENT:
            raise ValueError("only an adjustment takes away")
        if self.reference is not None and not 0 < len(self.reference) <= MAX_REFERENCE:
            raise ValueError(f"a reference has 1 to {MAX_REFERENCE} characters")
        if len(self.reason) > MAX_REASON or len(self.actor) > MAX_ACTOR:
            raise ValueError(f"a reason has {MAX_REASON} characters at most, an actor {MAX_ACTOR}")
        if "\0" in f"{self.reference}{self.reason}{self.actor}":
            raise ValueError("a NUL is no character for a text")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. `amount_micro` is negative where money goes out of the pot."""

    id: str
    customer_id: str
    pot: Pot
    kind: EntryKind
    amount_micro: int
    request_id: str | None
    reference: str | None
    actor: str
    reason: str
    created_at_ms: int


@dataclass(frozen=True, slots=True)
class Balance:
    """The sums of a customer's entries: what the record says of both pots."""

    credit_micro: int = 0
    allowance_micro: int = 0


class Booking(IntEnum):
    """What became of an entry that somebody wanted, in order of precedence.

    INSUFFICIENT: it would have taken more than there is; the record has it with its reversal.
    ALREADY: the reference was used for this very entry before.
    PENDING: the record has it, Redis will be told as soon as it is back.
    BOOKED: requests see it from now on.
    """

    INSUFFICIENT = 1
    ALREADY = 2
    PENDING = 3
    BOOKED = 10


@dataclass(frozen=True, slots=True)
class Booked:
    """`entry` is None only where nothing was written."""

    booking: Booking
    entry: Entry | None


class Redemption(IntEnum):
    """What became of a code, in order of precedence. All but the last change nothing.

    ALREADY: this customer redeemed it before; the entry of then comes with it.
    USED: somebody else did.
    """

    UNKNOWN = 1
    ALREADY = 2
    USED = 3
    EXPIRED = 4
    REDEEMED = 10


@dataclass(frozen=True, slots=True)
class Redeemed:
    redemption: Redemption
    entry: Entry | None = None


@dataclass(frozen=True, slots=True)
class RedeemCode:
    """A code as an administrator sees it: nobody has its text any more."""

    code_hash: str
    hint: str
    amount_micro: int
    expires_at_ms: int | None
    actor: str
    reason: str
    created_at_ms: int
    used_by: str | None
    used_at_ms: int | None


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What Redis must know of a customer's account besides its pots. `mode` None: SQL knows no such
    customer."""

    customer_id: str
    shard: str
    mode: AccountMode | None
    version: int
