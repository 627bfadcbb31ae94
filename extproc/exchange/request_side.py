"""The request side of an exchange: door, key, body, what is kept, plan, admission.

The handlers of the phases before an upstream has the request; extproc/exchange/exchange.py
dispatches to them. Nothing here waits, reads a clock or talks to anybody.
"""

from collections.abc import Callable
from dataclasses import replace

from extproc import (
    admission,
    failures,
    forwarding,
    own_answers,
    payment,
    replies,
    translation,
)
from extproc.asking import Asked, answer_in, pin_missing, read
from extproc.doors import NoDoor, Opened, open_door
from extproc.exchange.actions import (
    Action,
    Admit,
    Close,
    ContinueRequest,
    ForgetAnswer,
    LookUpAnswer,
    LookUpKey,
    LookUpSeals,
    Refuse,
    SendUpstream,
    Settle,
)
from extproc.exchange.events import (
    AdmissionDecided,
    AnswerForgotten,
    AnswerLookedUp,
    Event,
    KeyLookedUp,
    RequestBody,
    RequestHeaders,
    ResponseHeaders,
    SealsLookedUp,
    StoreFailed,
)
from extproc.exchange.phases import Phase, Signal
from extproc.exchange.ticket import Ticket, record
from extproc.own_answers import OwnAnswer
from extproc.planning import Plan, plan, recalled, refused
from extproc.relay import Relay, Step
from extproc.world import World
from ledger.keys import KeyHandle
from ledger.model import Admission, KeyFacts, Outcome, Verdict
from translators.canonical.failure import Failure, Kind

_STAY = Step(Signal.MORE, [])


class RequestSide:
    """The state of an exchange, and what is decided before the upstream has the request."""

    __slots__ = (
        "_account",
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
        "_plan_made",
        "_relay",
        "_request_id",
        "_settlement",
        "_started_at_ms",
        "_ticket",
        "_world",
        "phase",
    )

    def __init__(self, world: World, new_id: Callable[[], str], now_ms: int) -> None:
        self.phase = Phase.OPENED
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
        self._defect: Exception | None = None  # a fault of ours that the caller was told of
        self._plan_made: Plan | None = None
        self._ticket: Ticket | None = None
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

    # ------------------------------------------------------------------ request side

    def _in_opened(self, event: Event, now_ms: int) -> Step:
        assert isinstance(event, RequestHeaders)
        headers = self._headers = event.headers
        self._request_id = headers.get("x-request-id") or self._new_id()
        self._attempt = _whole_number(headers.get("x-envoy-attempt-count"), 1)
        self._started_at_ms = _whole_number(headers.get("x-clavis-started"), now_ms)
        found = open_door(headers.get(":method", ""), headers.get(":path", ""))
        if isinstance(found, NoDoor):
            return self._no_door(found)
        self._opened = found
        handle = admission.find_key(headers, found.query_key, self._world.key_prefixes)
        if isinstance(handle, Failure):
            return self._refuse(handle)
        self._handle = handle
        self._pending = [ContinueRequest()] if not event.end else []
        # A stored answer is shown without an admission, which would look at the key anew.
        return Step(Signal.DOOR_OPEN, [LookUpKey(handle, fresh=found.door.stored)])

    def _in_authenticating(self, event: Event, now_ms: int) -> Step:
        if isinstance(event, StoreFailed):
            return self._refuse(failures.store_away())
        assert isinstance(event, KeyLookedUp)
        assert self._opened is not None
        facts = event.facts
        client = admission.client_address(self._headers)
        if failure := admission.judge(facts, client, now_ms):
            return self._refuse(failure)
        self._facts = facts
        if self._opened.door.surface is None:
            return self._to_portal(self._opened, whole=not self._pending, after_body=False)
        if failure := self._too_large(_whole_number(self._headers.get("content-length"), 0)):
            return self._refuse_recorded(failure, now_ms)
        if self._pending:
            return Step(Signal.KEY_KNOWN, self._pending)
        return self._read(None, now_ms)

    def _in_reading(self, event: Event, now_ms: int) -> Step:
        if isinstance(event, ResponseHeaders):
            return Step(Signal.ENVOY_ANSWERED, self._in_forwarded(event, now_ms).actions)
        assert isinstance(event, RequestBody)
        assert self._opened is not None
        if self._opened.door.surface is None:
            return self._to_portal(self._opened, whole=True, after_body=True)
        if failure := self._too_large(len(event.body)):
            return self._refuse_recorded(failure, now_ms)
        return self._read(event.body, now_ms)

    def _read(self, body: bytes | None, now_ms: int) -> Step:
        assert self._opened is not None
        asked = read(self._world, self._opened, self._headers, body)
        if isinstance(asked, Failure):
            dialect = answer_in(self._world, self._opened, body)
            return self._refuse_recorded(asked, now_ms, dialect)
        self._asked = asked
        assert self._handle is not None and self._facts is not None
        if asked.dry is not None:
            return self._answer(
                own_answers.dry_run(self._world, asked, self._facts, self._request_id), now_ms
            )
        shard, customer = self._handle.shard, self._facts.customer_id
        if asked.pin is not None:
            return Step(Signal.RECALL, [LookUpAnswer(shard, customer, asked.pin)])
        self._asked, calls = recalled(
            self._world, asked, self._facts, self._request_id, self._attempt
        )
        if calls:
            return Step(Signal.RECALL, [LookUpSeals(shard, customer, calls)])
        return self._planned(now_ms)

    def _in_recalling(self, event: Event, now_ms: int) -> Step:
        assert self._asked is not None
        match event:
            case AnswerLookedUp():
                return self._recalled(self._asked, event, now_ms)
            case SealsLookedUp():
                self._asked = translation.with_seals(self._asked, event.found)
                return self._planned(now_ms)
            case AnswerForgotten():
                return self._answer(own_answers.deleted(self._world, self._asked), now_ms)
            case _:
                return self._refuse(failures.store_away())

    def _recalled(self, asked: Asked, event: AnswerLookedUp, now_ms: int) -> Step:
        if event.kept is None:
            if event.account is None:
                return self._refuse_recorded(pin_missing(asked), now_ms)
            self._account = event.account
            return self._planned(now_ms)
        if not asked.opened.door.stored:
            continued = own_answers.continued(self._world, asked, event.kept)
            if isinstance(continued, Failure):
                return self._refuse_recorded(continued, now_ms)
            self._asked = continued
            return self._planned(now_ms)
        method = self._headers.get(":method", "")
        if method == "DELETE":
            assert self._handle is not None and self._facts is not None and asked.pin is not None
            forget = ForgetAnswer(self._handle.shard, self._facts.customer_id, asked.pin)
            return Step(Signal.RECALL, [forget])
        return self._answer(own_answers.stored(self._world, asked, event.kept, method), now_ms)

    def _plan(self) -> Plan | OwnAnswer | Failure:
        assert self._asked is not None and self._facts is not None
        identity = (self._request_id, self._attempt, self._started_at_ms)
        made = plan(self._world, self._asked, self._facts, self._account, identity)
        if isinstance(made, translation.Counted):
            return own_answers.counted(made)
        return made

    def _planned(self, now_ms: int) -> Step:
        assert self._handle is not None
        made = self._plan()
        if not isinstance(made, Plan):
            return self._answer(made, now_ms)
        ticket = self._adopt(made)
        assert self._facts is not None
        request = payment.asked(self._world, made, ticket, self._handle, self._facts, now_ms)
        return Step(Signal.PLANNED, [Admit(request)])

    def _in_admitting(self, event: Event, now_ms: int) -> Step:
        if isinstance(event, StoreFailed):
            return self._refuse(failures.store_away())
        assert isinstance(event, AdmissionDecided)
        decided = event.admission
        if decided.verdict is Verdict.DUPLICATE and self._attempt > 1:
            # The attempt before settled, and its worker died before the caller had the answer. He
            # has paid, so he gets one: this attempt's settlement will be the second, and nothing.
            return self._sent()
        made = self._plan_made
        assert made is not None and self._asked is not None
        if failure := payment.refusal(self._world, made, decided):
            left = payment.quota_headers(self._world, self._asked.dialect, decided, now_ms)
            return self._refuse(failure, extra=left)
        if decided.facts is not None and decided.facts.version != self._facts_version:
            return self._changed(decided, decided.facts, now_ms)
        return self._granted(made, decided, now_ms)

    def _granted(self, made: Plan, decided: Admission, now_ms: int) -> Step:
        paid = payment.granted(self._world, made, decided)
        if isinstance(paid, Failure):
            return self._refuse_recorded(paid, now_ms)
        ticket = self._adopt(paid) if paid is not made or self._ticket is None else self._ticket
        self._ticket = payment.with_quotas(self._world, ticket, decided, now_ms)
        return self._sent()

    def _changed(self, decided: Admission, facts: KeyFacts, now_ms: int) -> Step:
        """The key was changed since its facts were remembered: judge and plan by the new ones."""
        self._facts = facts
        client = admission.client_address(self._headers)
        made = admission.judge(facts, client, now_ms) or self._plan()
        if not isinstance(made, Plan):
            return self._answer(made, now_ms)
        self._adopt(made)
        return self._granted(made, decided, now_ms)

    def _adopt(self, made: Plan) -> Ticket:
        assert self._handle is not None and self._facts is not None
        self._plan_made = made
        self._facts_version = self._facts.version
        self._ticket = made.ticket(
            self._handle, self._facts, self._request_id, self._attempt, self._started_at_ms
        )
        return self._ticket

    def _sent(self) -> Step:
        assert self._plan_made is not None and self._ticket is not None
        self._relay = Relay(self._world, self._ticket, self._plan_made.tariff)
        headers, removed = self._plan_made.upstream(self._headers)
        send = SendUpstream(headers, removed, self._plan_made.body, self._plan_made.has_body)
        self._asked = self._plan_made = None  # a stream may last for hours: let go of the bodies
        return Step(Signal.ADMITTED, [send])

    def _too_large(self, size: int) -> Failure | None:
        if size <= (limit := self._world.max_body_bytes):
            return None
        return Failure(Kind.TOO_LARGE, f"The request body exceeds this gateway's {limit} bytes.")

    # ------------------------------------------------------------------ refusals, the portal

    def _no_door(self, found: NoDoor) -> Step:
        if found.allow:
            failure = Failure(Kind.INVALID_REQUEST, found.message, status=405)
            return self._refuse(failure, found.protocol, {"allow": ", ".join(found.allow)})
        return self._refuse(Failure(Kind.NOT_FOUND, found.message), found.protocol)

    def _refusal(
        self, failure: Failure, protocol: str | None = None, extra: dict[str, str] | None = None
    ) -> Refuse:
        if protocol is None:
            assert self._opened is not None
            asked = self._asked.answer_in if self._asked else None
            protocol = asked or admission.dialect_of(self._opened, self._headers)
        dialect = self._world.protocol(protocol)
        return Refuse(*replies.refusal(failure, dialect, self._request_id, extra))

    def _refuse(
        self, failure: Failure, protocol: str | None = None, extra: dict[str, str] | None = None
    ) -> Step:
        return Step(Signal.REFUSED, [self._refusal(failure, protocol, extra), Close()])

    def _refuse_recorded(self, failure: Failure, now_ms: int, protocol: str | None = None) -> Step:
        """A known key asked for what cannot be: its owner will want to see that in the usage."""
        assert self._opened is not None
        extra = {"x-clavis-hint": self._opened.hint} if self._opened.hint else None
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
            (self._request_id, self._attempt, self._started_at_ms),
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

    def _to_portal(self, opened: Opened, whole: bool, after_body: bool) -> Step:
        """Models and usage: the portal answers. A body has no meaning there, but may come."""
        if not whole:
            return Step(Signal.KEY_KNOWN, self._pending)
        send = forwarding.to_portal(
            opened, self._headers, self._handle, self._world.key_prefixes, after_body
        )
        return Step(Signal.TO_PORTAL, [send])

    def _in_forwarded(self, event: Event, now_ms: int) -> Step:
        assert self._opened is not None
        return forwarding.forwarded(event, self._request_id, self._opened.hint)


def _whole_number(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else default
