"""The state of an exchange, and its own answers: refusals, and what needs no upstream."""

from collections.abc import Callable
from dataclasses import replace

from extproc import admission, payment, replies
from extproc.asking import Asked
from extproc.doors import NoDoor, Opened
from extproc.exchange.actions import Action, Close, Refuse, Settle
from extproc.exchange.phases import Phase, Signal
from extproc.exchange.step import Step
from extproc.exchange.ticket import Occasion, Ticket, record
from extproc.own_answers import OwnAnswer
from extproc.planning import Plan, refused
from extproc.relay import Relay
from extproc.world import World
from ledger.keys import KeyHandle
from ledger.model import Admission, Attempt, KeyFacts, Outcome
from translators.canonical.failure import Failure, Kind


class State:
    """What is known of an exchange by now."""

    __slots__ = (
        "_account",
        "_admission",
        "_asked",
        "_attempt",
        "_defect",
        "_facts",
        "_facts_version",
        "_handle",
        "_headers",
        "_new_id",
        "_opened",
        "_pending",
        "_places_asked",
        "_plan_made",
        "_relay",
        "_request_id",
        "_settlement",
        "_started_at_ms",
        "_ticket",
        "_tries",
        "_world",
        "lease_gone",
        "phase",
    )

    def __init__(self, world: World, new_id: Callable[[], str], now_ms: int) -> None:
        self.phase = Phase.OPENED
        self.lease_gone = False  # it lapsed or was taken over, and the answer goes on
        self._world = world
        self._request_id = ""
        self._new_id = new_id  # where Envoy sent no x-request-id
        self._started_at_ms = now_ms
        self._attempt = 1
        self._headers: dict[str, str] = {}
        self._opened: Opened | None = None
        self._handle: KeyHandle | None = None
        self._facts: KeyFacts | None = None
        self._facts_version = 0
        self._asked: Asked | None = None
        self._account: str | None = None  # the only one that can answer: it has what is asked for
        self._admission: Admission | None = None
        self._defect: Exception | None = None  # a fault of ours that the caller was told of
        self._plan_made: Plan | None = None
        self._ticket: Ticket | None = None
        self._tries: tuple[Attempt, ...] = ()  # the attempts before this one
        self._places_asked = 0
        self._relay: Relay | None = None
        self._pending: list[Action] = []
        self._settlement: list[Action] = []

    @property
    def shard(self) -> str:
        return self._handle.shard if self._handle else ""

    @property
    def _body_bytes(self) -> int:
        return len(self._asked.body or b"") if self._asked is not None else 0

    @property
    def request_id(self) -> str:
        return self._request_id

    def _occasion(self, now_ms: int) -> Occasion:
        return Occasion(self._request_id, self._attempt, self._started_at_ms, now_ms, self._tries)

    def _no_door(self, found: NoDoor) -> Step:
        if found.allow:
            failure = Failure(Kind.INVALID_REQUEST, found.message, status=405)
            return self._refuse(failure, found.protocol, {"allow": ", ".join(found.allow)})
        return self._refuse(Failure(Kind.NOT_FOUND, found.message), found.protocol)

    def _refusal(
        self, failure: Failure, protocol: str | None = None, extra: dict[str, str] | None = None
    ) -> Refuse:
        dialect = self._world.protocol(protocol or self._dialect())
        return Refuse(*replies.refusal(failure, dialect, self._request_id, extra))

    def _dialect(self) -> str:
        """The protocol in which the caller is answered."""
        assert self._opened is not None
        asked = self._asked.answer_in if self._asked else None
        return asked or admission.dialect_of(self._opened, self._headers)

    def _refuse(
        self, failure: Failure, protocol: str | None = None, extra: dict[str, str] | None = None
    ) -> Step:
        return Step(Signal.REFUSED, [self._refusal(failure, protocol, extra), Close()])

    def _refuse_recorded(self, failure: Failure, now_ms: int, protocol: str | None = None) -> Step:
        """A known key asked for what cannot be: its owner will want to see that in the usage."""
        assert self._opened is not None
        extra = {"x-clavis-hint": self._opened.hint} if self._opened.hint else {}
        if self._admission is not None:
            dialect, decided = protocol or self._dialect(), self._admission
            extra |= payment.quota_headers(self._world, dialect, decided, now_ms)
        refusal = self._refusal(failure, protocol, extra)
        return self._record_own(refusal, Outcome.REFUSED, (), now_ms)

    def _answer(self, made: OwnAnswer | Failure, now_ms: int) -> Step:
        """An answer of ours to a known key."""
        if isinstance(made, Failure):
            return self._refuse_recorded(made, now_ms)
        assert self._opened is not None
        headers = {
            **replies.identity(self._request_id, self._opened.hint),
            "content-type": "application/json",
            **made.headers,
        }
        if made.losses:
            headers["x-clavis-losses"] = replies.losses(made.losses)
        refusal = Refuse(200, headers, made.body)
        return self._record_own(refusal, Outcome.COMPLETED, made.losses, now_ms)

    def _record_own(
        self, answer: Refuse, outcome: Outcome, losses: tuple[str, ...], now_ms: int
    ) -> Step:
        assert self._opened is not None and self._facts is not None and self._handle is not None
        self._pending = [answer, Close()]
        ticket = refused(
            self._opened,
            self._asked,
            self._handle,
            self._facts,
            self._occasion(now_ms),
        )
        latency_ms = max(now_ms - self._started_at_ms, 0)
        free = 0 if outcome is Outcome.COMPLETED else None
        kept = record(
            replace(ticket, losses=losses),
            answer.status,
            outcome,
            latency_ms=latency_ms,
            cost_micro=free,
        )
        return Step(Signal.REFUSED_RECORDED, [Settle(ticket.shard, kept)])
