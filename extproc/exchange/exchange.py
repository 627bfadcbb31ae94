"""One exchange: events in, actions out, every step through the table in phases.py.

This file is the request side and the dispatch; the response side is extproc/relay.py, which knows
the exchange only by its ticket. Nothing here waits, reads a clock or talks to anybody.
"""

from collections.abc import Callable

from extproc import admission, failures, replies
from extproc.doors import NoDoor, Opened, open_door, portal_path
from extproc.exchange.actions import (
    Action,
    Admit,
    Close,
    ContinueRequest,
    LookUpKey,
    LookUpPin,
    Refuse,
    SendBody,
    SendHeaders,
    SendTrailers,
    SendUpstream,
    Settle,
)
from extproc.exchange.events import (
    AdmissionDecided,
    Event,
    Gone,
    HoldElapsed,
    KeyLookedUp,
    PinLookedUp,
    RequestBody,
    RequestHeaders,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
    Settled,
    StoreFailed,
)
from extproc.exchange.phases import Phase, Signal, step
from extproc.exchange.ticket import Ticket, draft, record
from extproc.planning import Asked, Plan, pin_missing, plan, read, refused
from extproc.relay import Relay, Step
from extproc.world import World
from ledger.keys import KeyHandle
from ledger.model import AdmissionRequest, KeyFacts, Outcome, UsageRecord
from ledger.records import encode_record
from translators.canonical.failure import Failure, Kind

_STAY = Step(Signal.MORE, [])


class Exchange:
    """The state of one exchange. `handle` is the only way in."""

    __slots__ = (
        "_asked",
        "_attempt",
        "_facts",
        "_facts_version",
        "_handle",
        "_headers",
        "_new_id",
        "_opened",
        "_pending",
        "_plan",
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
        self._plan: Plan | None = None
        self._ticket: Ticket | None = None
        self._relay: Relay | None = None
        self._pending: list[Action] = []
        self._settlement: list[Action] = []

    def handle(self, event: Event, now_ms: int) -> list[Action]:
        """What to do about `event`. Raises IllegalTransition only for a bug of ours."""
        if self.phase is Phase.CLOSED:
            return []
        if isinstance(event, Gone):
            signal, actions = self._gone(now_ms)
        else:
            signal, actions = _HANDLERS[self.phase](self, event, now_ms)
        if signal is not Signal.MORE:
            self.phase = step(self.phase, signal)
            if self.phase is Phase.SETTLING:
                self._settlement = actions
        return actions

    @property
    def shard(self) -> str:
        return self._handle.shard if self._handle else ""

    @property
    def request_id(self) -> str:
        return self._request_id

    @property
    def at_stake(self) -> bool:
        """True while a lease is open and the upstream may be producing."""
        return self.phase in _AT_STAKE

    def so_far(self, now_ms: int) -> UsageRecord:
        """The record as it would be if this worker died now. Only while something is at stake."""
        assert self._relay is not None
        return self._relay.so_far(now_ms)

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
        return Step(Signal.DOOR_OPEN, [LookUpKey(handle)])

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
            return self._to_portal(self._opened, whole=not self._pending)
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
            return Step(Signal.TO_PORTAL, [self._for_portal(self._opened, after_body=True)])
        if failure := self._too_large(len(event.body)):
            return self._refuse_recorded(failure, now_ms)
        return self._read(event.body, now_ms)

    def _read(self, body: bytes | None, now_ms: int) -> Step:
        assert self._opened is not None
        asked = read(self._world, self._opened, self._headers, body)
        if isinstance(asked, Failure):
            return self._refuse_recorded(asked, now_ms)
        self._asked = asked
        if asked.pin is not None:
            assert self._handle is not None and self._facts is not None
            pin = LookUpPin(self._handle.shard, self._facts.customer_id, asked.pin)
            return Step(Signal.NEEDS_PIN, [pin])
        return self._planned(None, now_ms)

    def _in_recalling(self, event: Event, now_ms: int) -> Step:
        if isinstance(event, StoreFailed):
            return self._refuse(failures.store_away())
        assert isinstance(event, PinLookedUp)
        assert self._asked is not None
        if event.account is None:
            return self._refuse_recorded(pin_missing(self._asked), now_ms)
        return self._planned(event.account, now_ms)

    def _planned(self, account: str | None, now_ms: int) -> Step:
        assert self._asked is not None and self._facts is not None and self._handle is not None
        made = plan(self._world, self._asked, self._facts, self._request_id, self._attempt, account)
        if isinstance(made, Failure):
            return self._refuse_recorded(made, now_ms)
        ticket = self._adopt(made)
        request = AdmissionRequest(
            request_id=self._request_id,
            shard=self._handle.shard,
            key_hash=self._handle.key_hash,
            worker_id=self._world.worker_id,
            attempt=self._attempt,
            now_ms=now_ms,
            lease_ms=self._world.lease_ms,
            note=encode_record(draft(ticket)),
        )
        return Step(Signal.PLANNED, [Admit(request)])

    def _in_admitting(self, event: Event, now_ms: int) -> Step:
        if isinstance(event, StoreFailed):
            return self._refuse(failures.store_away())
        assert isinstance(event, AdmissionDecided)
        decided = event.admission
        if failure := admission.refusal(decided.verdict, decided.retry_after_ms):
            return self._refuse(failure)
        if decided.facts is not None and decided.facts.version != self._facts_version:
            return self._changed(decided.facts, now_ms)
        return self._sent()

    def _changed(self, facts: KeyFacts, now_ms: int) -> Step:
        """The key was changed since its facts were remembered: judge and plan by the new ones."""
        assert self._asked is not None and self._plan is not None
        self._facts = facts
        client = admission.client_address(self._headers)
        failure = admission.judge(facts, client, now_ms)
        made = failure or plan(
            self._world,
            self._asked,
            facts,
            self._request_id,
            self._attempt,
            self._plan.route.account if self._asked.pin is not None else None,
        )
        if isinstance(made, Failure):
            return self._refuse_recorded(made, now_ms)
        self._adopt(made)
        return self._sent()

    def _adopt(self, made: Plan) -> Ticket:
        assert self._handle is not None and self._facts is not None
        self._plan = made
        self._facts_version = self._facts.version
        self._ticket = made.ticket(
            self._handle, self._facts, self._request_id, self._attempt, self._started_at_ms
        )
        return self._ticket

    def _sent(self) -> Step:
        assert self._plan is not None and self._ticket is not None
        self._relay = Relay(self._world, self._ticket, self._plan.tariff)
        headers, removed = self._plan.upstream(self._headers)
        send = SendUpstream(headers, removed, self._plan.body, self._plan.has_body)
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
            protocol = admission.dialect_of(self._opened, self._headers)
        dialect = self._world.protocol(protocol)
        return Refuse(*replies.refusal(failure, dialect, self._request_id, extra))

    def _refuse(
        self, failure: Failure, protocol: str | None = None, extra: dict[str, str] | None = None
    ) -> Step:
        return Step(Signal.REFUSED, [self._refusal(failure, protocol, extra), Close()])

    def _refuse_recorded(self, failure: Failure, now_ms: int) -> Step:
        """A known key asked for what cannot be: its owner will want to see that in the usage."""
        assert self._opened is not None and self._facts is not None and self._handle is not None
        extra = {"x-clavis-hint": self._opened.hint} if self._opened.hint else None
        self._pending = [self._refusal(failure, extra=extra), Close()]
        ticket = refused(
            self._opened,
            self._asked,
            self._handle,
            self._facts,
            (self._request_id, self._attempt, self._started_at_ms),
        )
        latency_ms = max(now_ms - self._started_at_ms, 0)
        kept = record(ticket, failure.http_status, Outcome.REFUSED, latency_ms=latency_ms)
        return Step(Signal.REFUSED_RECORDED, [Settle(ticket.shard, kept)])

    def _to_portal(self, opened: Opened, whole: bool) -> Step:
        """Models and usage: the portal answers. A body has no meaning there, but may come."""
        if not whole:
            return Step(Signal.KEY_KNOWN, self._pending)
        return Step(Signal.TO_PORTAL, [self._for_portal(opened, after_body=False)])

    def _for_portal(self, opened: Opened, after_body: bool) -> SendUpstream:
        """The request as the portal gets it, which checks the key itself."""
        set_headers = {":path": portal_path(opened), "x-clavis-cluster": "portal"}
        if client := admission.client_address(self._headers):
            set_headers["x-forwarded-for"] = client
        if opened.query_key and admission.is_key(
            opened.query_key, self._handle, self._world.key_prefixes
        ):
            set_headers["x-goog-api-key"] = opened.query_key
        return SendUpstream(set_headers, (), None, after_body)

    def _in_forwarded(self, event: Event, now_ms: int) -> Step:
        match event:
            case ResponseHeaders():
                assert self._opened is not None
                ids = replies.identity(self._request_id, self._opened.hint)
                headers = SendHeaders(ids, ())
                return Step(Signal.ENDED if event.end else Signal.MORE, [headers])
            case ResponseBody():
                body = SendBody(event.data, event.end)
                return Step(Signal.ENDED if event.end else Signal.MORE, [body])
            case ResponseTrailers():
                return Step(Signal.ENDED, [SendTrailers()])
            case _:
                return _STAY

    # ------------------------------------------------------------------ response side

    def _in_response(self, event: Event, now_ms: int) -> Step:
        relay = self._relay
        assert relay is not None
        match event:
            case ResponseHeaders():
                return relay.opened(event.headers, event.end, now_ms)
            case ResponseBody():
                return self._bytes(relay, event.data, event.end, now_ms)
            case ResponseTrailers():
                made = self._bytes(relay, b"", True, now_ms)
                relay.with_trailers()
                return made
            case HoldElapsed():
                return relay.release() if self.phase is Phase.HOLDING else _STAY
            case _:
                return _STAY

    def _bytes(self, relay: Relay, data: bytes, end: bool, now_ms: int) -> Step:
        match self.phase:
            case Phase.HOLDING:
                return relay.holding(data, end, now_ms)
            case Phase.COLLECTING:
                return relay.collecting(data, end, now_ms)
            case Phase.FINISHING:
                return relay.finishing(data, end)
            case _:
                return relay.relaying(data, end, now_ms)

    def _in_settling(self, event: Event, now_ms: int) -> Step:
        assert isinstance(event, Settled)
        if self._relay is not None:
            return self._relay.settled()
        return Step(Signal.SETTLED, self._pending)

    def _gone(self, now_ms: int) -> Step:
        if self.phase in _AT_STAKE:
            assert self._relay is not None
            return self._relay.abandoned(now_ms)
        if self.phase is Phase.SETTLING:
            # Whether the store heard us is not known; settlement is idempotent, so say it again.
            return Step(Signal.ABANDONED, self._settlement)
        return Step(Signal.VANISHED, [Close()])


def _whole_number(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else default


_AT_STAKE = frozenset({Phase.SENT, Phase.HOLDING, Phase.COLLECTING, Phase.RELAYING})

_HANDLERS: dict[Phase, Callable[[Exchange, Event, int], Step]] = {
    Phase.OPENED: Exchange._in_opened,
    Phase.AUTHENTICATING: Exchange._in_authenticating,
    Phase.READING: Exchange._in_reading,
    Phase.RECALLING: Exchange._in_recalling,
    Phase.ADMITTING: Exchange._in_admitting,
    Phase.SENT: Exchange._in_response,
    Phase.HOLDING: Exchange._in_response,
    Phase.COLLECTING: Exchange._in_response,
    Phase.RELAYING: Exchange._in_response,
    Phase.SETTLING: Exchange._in_settling,
    Phase.FINISHING: Exchange._in_response,
    Phase.FORWARDED: Exchange._in_forwarded,
}
