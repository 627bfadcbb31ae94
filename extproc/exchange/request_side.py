"""The request side of an exchange: door, key, body, what is kept, plan, admission.

The handlers of the phases before an upstream has the request; extproc/exchange/exchange.py
dispatches to them. Nothing here waits, reads a clock or talks to anybody.
"""

from dataclasses import replace

from extproc import (
    admission,
    failures,
    forwarding,
    health,
    own_answers,
    payment,
    translation,
)
from extproc.asking import Asked, answer_in, pin_missing, read
from extproc.doors import NoDoor, Opened, open_door
from extproc.exchange.actions import (
    Admit,
    ContinueRequest,
    ForgetAnswer,
    LookUpAnswer,
    LookUpKey,
    LookUpSeals,
    LookUpTries,
    Reserve,
    SendUpstream,
)
from extproc.exchange.events import (
    AdmissionDecided,
    AnswerForgotten,
    AnswerLookedUp,
    Event,
    KeyLookedUp,
    PlaceDecided,
    RequestBody,
    RequestHeaders,
    ResponseHeaders,
    SealsLookedUp,
    StoreFailed,
    TriesLookedUp,
)
from extproc.exchange.phases import Signal
from extproc.exchange.state import State
from extproc.exchange.step import Step
from extproc.exchange.ticket import Ticket
from extproc.own_answers import OwnAnswer
from extproc.planning import Plan, plan, recalled
from extproc.relay import Relay
from ledger.model import Admission, KeyFacts, Outcome, Verdict
from translators.canonical.failure import Failure, Kind

# Accounts that are asked for a place, one after the other, until one has any.
MOST_PLACES = 10

_STAY = Step(Signal.MORE, [])


class RequestSide(State):
    """What is decided before the upstream has the request."""

    __slots__ = ()

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
            made = own_answers.dry_run(
                self._world, asked, self._facts, self._request_id, self._headers
            )
            return self._answer(made, now_ms)
        if self._attempt > 1:
            return Step(Signal.RECALL, [LookUpTries(self._handle.shard, self._request_id)])
        return self._recall(asked, now_ms)

    def _recall(self, asked: Asked, now_ms: int) -> Step:
        """Look up what is kept of earlier answers, where the request stands on it."""
        assert self._handle is not None and self._facts is not None
        shard, customer = self._handle.shard, self._facts.customer_id
        if asked.pin is not None:
            return Step(Signal.RECALL, [LookUpAnswer(shard, customer, asked.pin)])
        self._asked, calls = recalled(
            self._world, asked, self._facts, self._request_id, self._headers
        )
        if calls:
            return Step(Signal.RECALL, [LookUpSeals(shard, customer, calls)])
        return self._planned(now_ms)

    def _in_recalling(self, event: Event, now_ms: int) -> Step:
        assert self._asked is not None
        match event:
            case TriesLookedUp():
                self._tries = event.tries
                signal, actions = self._recall(self._asked, now_ms)
                return Step(signal, [*health.of_the_last(self._world, event.tries), *actions])
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

    def _plan(self, now_ms: int) -> Plan | OwnAnswer | Failure:
        assert self._asked is not None and self._facts is not None
        occasion = self._occasion(now_ms)
        made = plan(self._world, self._asked, self._facts, self._account, occasion, self._headers)
        if isinstance(made, translation.Counted):
            return own_answers.counted(made)
        return made

    def _planned(self, now_ms: int) -> Step:
        assert self._handle is not None
        made = self._plan(now_ms)
        if not isinstance(made, Plan):
            return self._answer(made, now_ms)
        ticket = self._adopt(made, now_ms)
        assert self._facts is not None
        request = payment.asked(self._world, made, ticket, self._handle, self._facts, now_ms)
        return Step(Signal.PLANNED, [Admit(request)])

    def _in_admitting(self, event: Event, now_ms: int) -> Step:
        if isinstance(event, StoreFailed):
            return self._refuse(failures.store_away())
        if isinstance(event, PlaceDecided):
            return self._place(event, now_ms)
        assert isinstance(event, AdmissionDecided)
        decided = self._admission = event.admission
        if decided.verdict is Verdict.DUPLICATE and self._attempt > 1:
            if decided.settled is not Outcome.COMPLETED:
                return self._refuse(failures.lost())
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
        ticket = self._ticket
        if paid is not made or ticket is None:
            ticket = self._adopt(paid, now_ms)
        self._ticket = payment.with_quotas(self._world, ticket, decided, now_ms)
        return self._send(paid, now_ms)

    def _send(self, made: Plan, now_ms: int) -> Step:
        """To the upstream, once the account has a place for it."""
        wanted = made.reservation(self._occasion(now_ms), self._world.lease_ms)
        if wanted is None:
            return self._sent()
        self._places_asked += 1
        assert self._ticket is not None
        self._ticket = replace(self._ticket, reserved=wanted)
        return Step(Signal.MORE, [Reserve(wanted)])

    def _place(self, event: PlaceDecided, now_ms: int) -> Step:
        """A place, or the next account: the view of accounts knows by now that this has none."""
        if event.place.granted:
            return self._sent()
        assert self._admission is not None
        if self._places_asked >= MOST_PLACES:
            busy = Failure(Kind.RATE_LIMITED, "Every upstream account of this model is busy.")
            return self._refuse_recorded(busy, now_ms)
        made = self._plan(now_ms)
        if not isinstance(made, Plan):
            return self._answer(made, now_ms)
        self._adopt(made, now_ms)
        return self._granted(made, self._admission, now_ms)

    def _changed(self, decided: Admission, facts: KeyFacts, now_ms: int) -> Step:
        """The key was changed since its facts were remembered: judge and plan by the new ones."""
        self._facts = facts
        client = admission.client_address(self._headers)
        made = admission.judge(facts, client, now_ms) or self._plan(now_ms)
        if not isinstance(made, Plan):
            return self._answer(made, now_ms)
        self._adopt(made, now_ms)
        return self._granted(made, decided, now_ms)

    def _adopt(self, made: Plan, now_ms: int) -> Ticket:
        assert self._handle is not None and self._facts is not None
        self._plan_made = made
        self._facts_version = self._facts.version
        self._ticket = made.ticket(self._handle, self._facts, self._occasion(now_ms))
        return self._ticket

    def _sent(self) -> Step:
        assert self._plan_made is not None and self._ticket is not None
        self._relay = Relay(self._world, self._ticket, self._plan_made.tariff)
        headers, removed = self._plan_made.upstream(self._headers, self._world.vouching)
        send = SendUpstream(headers, removed, self._plan_made.body, self._plan_made.has_body)
        self._asked = self._plan_made = None  # a stream may last for hours: let go of the bodies
        return Step(Signal.ADMITTED, [send])

    def _too_large(self, size: int) -> Failure | None:
        if size <= (limit := self._world.max_body_bytes):
            return None
        return Failure(Kind.TOO_LARGE, f"The request body exceeds this gateway's {limit} bytes.")

    # ------------------------------------------------------------------ the portal

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
