"""The nouns of the ledger: what a worker learns of a key, what it promises, what it reports.

Values only: nothing here does I/O or reads a clock. Times are Unix milliseconds and are passed in.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

from ledger.plans import NO_RANK, Rank


class LimitKind(StrEnum):
    """What a limit counts. Requests and tokens are per minute, spend is micro-USD per period."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    CONCURRENCY = "concurrency"
    SPEND_DAY = "spend_day"
    SPEND_WEEK = "spend_week"
    SPEND_MONTH = "spend_month"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` of a kind. `scope` is key:<id>, customer:<id> or group:<name>:<key id>."""

    scope: str
    kind: LimitKind
    most: int


Ceilings = tuple[tuple[LimitKind, int], ...]  # limits without scope: of a key or customer to be


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What the data plane must know of a key. Never holds the key itself, only its hash."""

    key_id: str
    customer_id: str
    name: str
    groups: tuple[str, ...] = ()  # empty: the catalog's default group
    models: tuple[str, ...] = ()  # glob patterns; empty: whatever the groups allow
    endpoints: tuple[str, ...] = ()  # door kinds; empty: whatever the groups allow
    networks: tuple[str, ...] = ()  # CIDR; empty: from anywhere
    expires_at_ms: int | None = None
    disabled: bool = False
    version: int = 0  # grows with every change of the key
    strict: bool = False  # refused with 400 rather than anything lost in translation
    limits: tuple[Limit, ...] = ()  # of the key itself and of its customer; groups add theirs


class Verdict(IntEnum):
    """Result of admission, in order of precedence: the first that applies is the answer."""

    UNKNOWN_KEY = 1
    DISABLED = 2
    EXPIRED = 3
    DUPLICATE = 4  # settled already, or a later attempt runs: a replay, never a second charge
    INSUFFICIENT_CREDIT = 5
    OVER_LIMIT = 6
    ADMITTED = 10


@dataclass(frozen=True, slots=True)
class LimitState:
    """What is left of a limit after this admission, or without it when it was refused.

    `reset_ms`: until it is whole again (requests, tokens), until the period ends (spend), 0 for
    concurrency, of which nobody can say.
    """

    limit: Limit
    remaining: int
    reset_ms: int


@dataclass(frozen=True, slots=True)
class AdmissionRequest:
    """One attempt asks to run. The request id is the idempotency key, shared by its attempts.

    With a `customer_id` the account of that customer is asked; without one nobody pays. Limits
    and hold are the first attempt's: a later one takes over what that one was granted.
    """

    request_id: str
    shard: str
    key_hash: str
    worker_id: str
    attempt: int  # 1, 2, ...
    now_ms: int
    lease_ms: int  # the hold lapses this long after the last sign of life
    note: bytes  # JSON of the draft usage record: what is recorded if this worker dies
    hold_micro: int = 0  # worst case cost; 0: free
    hold_tokens: int = 0  # worst case tokens
    limits: tuple[Limit, ...] = ()
    min_hold_micro: int = 0  # less than this is no use; never below 1 where something is held
    customer_id: str = ""


@dataclass(frozen=True, slots=True)
class Admission:
    """`facts` are present whenever the key is known; `retry_after_ms` and `refused`, the limit that
    takes longest to let this request pass, with OVER_LIMIT."""

    verdict: Verdict
    facts: KeyFacts | None = None
    retry_after_ms: int | None = None
    granted_micro: int = 0  # what was held; less than asked where no more can be paid
    balance_micro: int | None = None  # available before this hold; None: an open account
    refused: LimitState | None = None
    states: tuple[LimitState, ...] = ()  # in the order of the limits asked for
    settled: "Outcome | None" = None  # with DUPLICATE: how; None: a later attempt runs
    local: bool = False  # the worker decided by itself, as the hot store was away


class AccountMode(StrEnum):
    """Whether a customer's balance is checked (prepaid) or costs are only recorded (open)."""

    OPEN = "open"
    PREPAID = "prepaid"


class Pot(StrEnum):
    """The two pots of an account. The allowance of the plan is spent first."""

    CREDIT = "credit"
    ALLOWANCE = "allowance"


@dataclass(frozen=True, slots=True)
class Account:
    """A customer's money as Redis has it. `held` is the sum of the holds of open leases, and never
    more than both pots together."""

    mode: AccountMode
    credit_micro: int = 0
    allowance_micro: int = 0
    allowance_until_ms: int | None = None
    held_micro: int = 0
    version: int = 0  # of the last setting of the account as a whole, or of its mode
    turned: Rank = NO_RANK  # of the last turn of a plan

    def available_micro(self, now_ms: int) -> int:
        """What a new hold could take; below zero while holds rely on an allowance that ended."""
        valid = self.allowance_until_ms is not None and now_ms < self.allowance_until_ms
        return self.credit_micro + (self.allowance_micro if valid else 0) - self.held_micro


class Applied(IntEnum):
    """What became of an entry, in order of precedence. The same entry again changes nothing.

    REFUSED: it would take more than there is, or what open holds need; the same for ever.
    ALREADY: it was applied before.
    """

    REFUSED = 1
    ALREADY = 2
    APPLIED = 3


@dataclass(frozen=True, slots=True)
class Hold:
    """What one open lease holds of its customer's account."""

    shard: str
    request_id: str
    customer_id: str
    held_micro: int
    deadline_ms: int


class Outcome(StrEnum):
    """How an exchange ended, as recorded."""

    COMPLETED = "completed"
    REFUSED = "refused"  # by us: model, endpoint, limit
    FAILED = "failed"  # the upstream answered an error, or nothing
    TRUNCATED = "truncated"  # the upstream broke off inside the answer
    ABANDONED = "abandoned"  # the client hung up
    LOST = "lost"  # our worker died; settled by expiry with what was last metered


class UsageSource(StrEnum):
    """Where the token figures of a record come from."""

    UPSTREAM = "upstream"
    COUNTED = "counted"
    ESTIMATED = "estimated"
    CLAMPED = "clamped"
    NONE = "none"  # nothing was produced


# Why an attempt came to nothing, where its worker could not tell.
WORKER_LOST = "worker_lost"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at an upstream, within the exchange of a record."""

    upstream: str | None
    account: str | None  # for operators only
    status: int  # HTTP status of the upstream; 0: none came
    reason: str | None  # why it failed; None: it did not
    duration_ms: int
    tokens: int | None = None
    cost_micro: int | None = None
    upstream_model: str | None = None  # for operators only


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """One exchange, as it is kept. Token buckets are disjoint; None means not reported.

    What was charged is decided by the settlement: an open account is charged nothing, a prepaid one
    exactly `cost_micro`, in three parts of which the last is the cost that nothing was there for.
    """

    request_id: str
    key_id: str
    customer_id: str
    protocol: str  # the client's
    endpoint: str  # door kind: messages, chat, responses, generate, images, embeddings, ...
    model: str  # the public name asked for
    upstream: str | None  # provider name, safe to show
    account: str | None  # upstream account, for operators only
    upstream_model: str | None
    upstream_request_id: str | None
    status: int  # HTTP status the client saw; 499 when it hung up
    outcome: Outcome
    finish: str | None
    streamed: bool
    attempts: int
    started_at_ms: int
    latency_ms: int
    ttft_ms: int | None  # time to the first generated byte
    input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_5m_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    output_tokens: int | None = None  # without reasoning, images and audio
    reasoning_tokens: int | None = None
    cost_micro: int | None = None
    usage_source: UsageSource = UsageSource.NONE
    losses: tuple[str, ...] = ()
    upstream_protocol: str | None = None  # what the upstream was spoken to in; None: not known
    price_source: str | None = None  # where the price came from, with its version
    attempts_detail: tuple[Attempt, ...] = ()  # empty: one attempt, of which the record tells all
    # From here on most requests have nothing to say; see ledger.records.
    image_input_tokens: int | None = None
    audio_input_tokens: int | None = None
    image_output_tokens: int | None = None
    audio_output_tokens: int | None = None
    web_searches: int | None = None
    file_searches: int | None = None
    charged_credit_micro: int = 0
    charged_allowance_micro: int = 0
    uncollected_micro: int = 0


@dataclass(frozen=True, slots=True)
class Settlement:
    """Closes the lease of `record.request_id` and appends the record to the stream, once.

    `worker_id` and `record.attempts` (the number of the attempt that settles) say whose lease is
    meant: an attempt that another one took over can no longer settle.
    """

    shard: str
    record: UsageRecord
    worker_id: str
    local: bool = False  # admitted by the worker itself: no lease holds the cost


class Settled(IntEnum):
    """Result of settlement, in order of precedence. None of them is an error for the caller.

    ALREADY: this request id was settled before, the record given now is dropped.
    SUPERSEDED: a later attempt (or the same attempt in another worker) holds the lease and will
    settle; the record given now is dropped.
    """

    ALREADY = 1
    SUPERSEDED = 2
    SETTLED = 3


@dataclass(frozen=True, slots=True)
class Lapsed:
    """A lease whose time ran out or whose worker is dead; what expiry settles from."""

    shard: str
    request_id: str
    worker_id: str
    attempt: int
    note: bytes
    deadline_ms: int
    customer_id: str = ""  # whose account has the hold; "": nobody's
    limits: bytes = b""  # what the lease counts against; see ledger.store.limits


@dataclass(frozen=True, slots=True)
class Customer:
    """Who pays. All keys of a customer live in one shard of the hot store."""

    id: str
    name: str
    shard: str
    created_at_ms: int
    mode: AccountMode = AccountMode.OPEN
    limits: Ceilings = ()  # of all its keys together


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as an administrator sees it: everything but the secret, which nobody has any more."""

    id: str
    customer_id: str
    name: str
    hint: str
    shard: str
    key_hash: str
    previous_hash: str | None  # after a rotation with grace: still valid until previous_until_ms
    previous_until_ms: int | None
    groups: tuple[str, ...]
    models: tuple[str, ...]
    endpoints: tuple[str, ...]
    networks: tuple[str, ...]
    expires_at_ms: int | None
    disabled: bool
    version: int
    created_at_ms: int
    updated_at_ms: int
    strict: bool = False
    limits: Ceilings = ()


@dataclass(frozen=True, slots=True)
class Revocation:
    """A hash that a rotation made worthless as of `version` of its key."""

    shard: str
    key_hash: str
    version: int


@dataclass(frozen=True, slots=True)
class KeySpec:
    """What an administrator says of a new key. Empty tuples: whatever the groups allow."""

    name: str
    groups: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    expires_at_ms: int | None = None
    strict: bool = False
    limits: Ceilings = ()


Json = dict[str, Any]
