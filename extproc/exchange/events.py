"""What can happen to an exchange. The union is closed.

The first group comes from Envoy, the second from the driver that performed an action.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ledger.cooldowns import Reserved
from ledger.model import Admission, Attempt, KeyFacts

Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class RequestHeaders:
    """Names in lower case, pseudo-headers included. `end` when there is no body."""

    headers: Headers
    end: bool


@dataclass(frozen=True, slots=True)
class RequestBody:
    """The whole body: Envoy buffers it."""

    body: bytes


@dataclass(frozen=True, slots=True)
class ResponseHeaders:
    headers: Headers
    end: bool


@dataclass(frozen=True, slots=True)
class ResponseBody:
    """Some bytes of the answer, as they came."""

    data: bytes
    end: bool


@dataclass(frozen=True, slots=True)
class ResponseTrailers:
    """The answer ends with trailers instead of an `end` on the last bytes."""


@dataclass(frozen=True, slots=True)
class Gone:
    """Envoy closed the stream before the end: the client hung up, or the upstream broke off."""


@dataclass(frozen=True, slots=True)
class KeyLookedUp:
    """Answer to LookUpKey. None: nobody knows this key."""

    facts: KeyFacts | None


@dataclass(frozen=True, slots=True)
class AnswerLookedUp:
    """Answer to LookUpAnswer: the account that holds a stored answer, or what we hold of it
    ourselves. Neither: not theirs, or gone."""

    account: str | None
    kept: bytes | None = None


@dataclass(frozen=True, slots=True)
class SealsLookedUp:
    """Answer to LookUpSeals: what was kept, by the id of the call."""

    found: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class AnswerForgotten:
    """Answer to ForgetAnswer."""


@dataclass(frozen=True, slots=True)
class TriesLookedUp:
    """Answer to LookUpTries: the attempts that failed, in their order."""

    tries: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class PlaceDecided:
    """Answer to Reserve."""

    place: Reserved


@dataclass(frozen=True, slots=True)
class AdmissionDecided:
    """Answer to Admit."""

    admission: Admission


@dataclass(frozen=True, slots=True)
class StoreFailed:
    """The hot store did not answer the last question."""


@dataclass(frozen=True, slots=True)
class AnswerOverdue:
    """The upstream has not begun its answer within the time that it has for that."""


@dataclass(frozen=True, slots=True)
class HoldElapsed:
    """The time for which response headers may be held back is over."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The usage record is in the stream (or queued, where the store failed)."""


Event = (
    RequestHeaders
    | RequestBody
    | ResponseHeaders
    | ResponseBody
    | ResponseTrailers
    | Gone
    | KeyLookedUp
    | AnswerLookedUp
    | SealsLookedUp
    | AnswerForgotten
    | TriesLookedUp
    | AdmissionDecided
    | PlaceDecided
    | StoreFailed
    | AnswerOverdue
    | HoldElapsed
    | Settled
)
