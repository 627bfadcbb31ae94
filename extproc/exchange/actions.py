"""What an exchange asks for. The union is closed: the driver and the wire must each know every one.

The first group is said to Envoy, in order; the second is asked of the driver, which answers with
an event; the third is told to the stores, and nobody waits for an answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ledger.cooldowns import Evidence, Reservation
from ledger.keys import KeyHandle
from ledger.model import AdmissionRequest, Attempt, UsageRecord


@dataclass(frozen=True, slots=True)
class ContinueRequest:
    """Go on and read the body."""


@dataclass(frozen=True, slots=True)
class SendUpstream:
    """The request as the upstream gets it. Header values replace what was there."""

    set_headers: dict[str, str]
    remove_headers: tuple[str, ...]
    body: bytes | None  # None: as it came
    after_body: bool  # False: the request has no body, and this answers its headers


@dataclass(frozen=True, slots=True)
class Refuse:
    """Our own answer instead of an upstream's."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class SendHeaders:
    """The answer's headers towards the client."""

    set_headers: dict[str, str]
    remove_headers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SendBody:
    """Bytes of the answer. `end` closes it."""

    data: bytes
    end: bool


@dataclass(frozen=True, slots=True)
class SendTrailers:
    """Let the trailers pass."""


@dataclass(frozen=True, slots=True)
class LookUpKey:
    """Answered by KeyLookedUp. `fresh`: what is remembered of the key will not do."""

    handle: KeyHandle
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class LookUpAnswer:
    """Who holds this stored answer: an account, or we? Answered by AnswerLookedUp."""

    shard: str
    customer_id: str
    subject: str


@dataclass(frozen=True, slots=True)
class LookUpSeals:
    """The reasoning kept for these tool calls. Answered by SealsLookedUp."""

    shard: str
    customer_id: str
    call_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ForgetAnswer:
    """Delete an answer that we hold. Answered by AnswerForgotten."""

    shard: str
    customer_id: str
    subject: str


@dataclass(frozen=True, slots=True)
class LookUpTries:
    """What became of the attempts before this one? Answered by TriesLookedUp."""

    shard: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Admit:
    """Answered by AdmissionDecided."""

    request: AdmissionRequest


@dataclass(frozen=True, slots=True)
class Reserve:
    """A place at the upstream account. Answered by PlaceDecided."""

    reservation: Reservation


@dataclass(frozen=True, slots=True)
class HoldHeaders:
    """Wake me after this time with HoldElapsed, unless the exchange is over by then."""

    hold_ms: int


@dataclass(frozen=True, slots=True)
class Settle:
    """Close the lease and record; answered by Settled. `pin` remembers who stores the answer;
    `kept` is what we keep of it ourselves, by kind and id (ledger/store/keepsakes.py). With
    `after_ms` not at once: another attempt may take the lease over meanwhile."""

    shard: str
    record: UsageRecord
    pin: tuple[str, str] | None = None  # (id of the stored answer, account)
    kept: Mapping[tuple[str, str], bytes] = field(default_factory=dict)
    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class NoteTry:
    """This attempt came to nothing: for the next one to know."""

    shard: str
    request_id: str
    number: int
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Accuse:
    """The upstream account failed."""

    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Praise:
    """The upstream account answered, which had failed before."""

    account: str
    model: str


@dataclass(frozen=True, slots=True)
class Release:
    """The attempt has left its upstream account, having used so many tokens."""

    reservation: Reservation
    tokens: int


@dataclass(frozen=True, slots=True)
class Close:
    """Nothing more will come: end the gRPC stream."""


def before_trailers(actions: "list[Action]") -> "list[Action]":
    """The same where the upstream ends with trailers: what was to close the answer is said before
    them."""
    rewritten: list[Action] = []
    for action in actions:
        if isinstance(action, SendBody) and action.end:
            if action.data:
                rewritten.append(SendBody(action.data, end=False))
            rewritten.append(SendTrailers())
        else:
            rewritten.append(action)
    return rewritten


Told = NoteTry | Accuse | Praise | Release

Action = (
    ContinueRequest
    | SendUpstream
    | Refuse
    | SendHeaders
    | SendBody
    | SendTrailers
    | LookUpKey
    | LookUpAnswer
    | LookUpSeals
    | ForgetAnswer
    | LookUpTries
    | Admit
    | Reserve
    | HoldHeaders
    | Settle
    | NoteTry
    | Accuse
    | Praise
    | Release
    | Close
)
