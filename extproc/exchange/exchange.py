"""One exchange: events in, actions out, every step through the table in phases.py.

This file dispatches. The request side is request_side.py, the response side extproc/relay.py, which
knows the exchange only by its ticket. Nothing here waits, reads a clock or talks to anybody.
"""

from collections.abc import Callable

from extproc import failures
from extproc.exchange.actions import Action, Close, SendBody
from extproc.exchange.events import (
    AdmissionDecided,
    AnswerLookedUp,
    AnswerOverdue,
    Event,
    Gone,
    HoldElapsed,
    RequestBody,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
    SealsLookedUp,
    Settled,
)
from extproc.exchange.phases import Phase, Signal, step
from extproc.exchange.request_side import RequestSide
from extproc.exchange.step import Step
from extproc.relay import Relay
from ledger.cooldowns import Reservation
from ledger.model import UsageRecord

# Smaller bodies are read, translated and written in some 30 ms at the worst, most in one or two.
HEAVY_BYTES = 128 * 1024

_STAY = Step(Signal.MORE, [])


class Exchange(RequestSide):
    """The state of one exchange. `handle` is the only way in."""

    __slots__ = ()

    def handle(self, event: Event, now_ms: int) -> list[Action]:
        """What to do about `event`. Raises IllegalTransition only for a bug of ours."""
        if self.phase is Phase.CLOSED:
            return []
        if isinstance(event, Gone):
            signal, actions = self._gone(now_ms)
        else:
            signal, actions = self._decided(event, now_ms)
        if signal is not Signal.MORE:
            self.phase = step(self.phase, signal)
            if self.phase is Phase.SETTLING:
                self._settlement = actions
        return actions

    def _decided(self, event: Event, now_ms: int) -> Step:
        try:
            return _HANDLERS[self.phase](self, event, now_ms)
        except failures.DEFECTS as error:
            if self.phase not in _ASKING or self._facts is None:
                raise
            # To ask again, here or at another worker, would break at the same place.
            self._defect = error
            return self._refuse_recorded(failures.defect(), now_ms)

    @property
    def defect(self) -> Exception | None:
        """A fault of ours, of which the caller was told as an error."""
        return self._relay.defect if self._relay is not None else self._defect

    def is_heavy(self, event: Event) -> bool:
        """Whether what follows from `event` may take longer than other exchanges should wait."""
        match event:
            case RequestBody():
                size = len(event.body)
            case AnswerLookedUp():
                size = len(event.kept or b"") + self._body_bytes
            case SealsLookedUp() | AdmissionDecided():
                size = self._body_bytes
            case ResponseBody() if event.end and self.phase is Phase.COLLECTING:
                assert self._relay is not None
                size = len(event.data) + self._relay.held_bytes
            case _:
                return False
        return size > HEAVY_BYTES

    @property
    def at_stake(self) -> bool:
        """True while a lease is open and the upstream may be producing."""
        return self.phase in _AT_STAKE

    def is_overdue(self, now_ms: int) -> bool:
        """Whether the upstream has not begun its answer within the time that it has for that."""
        if self.phase is not Phase.SENT or self._ticket is None:
            return False
        return now_ms - self._ticket.sent_at_ms > self._world.catalog.limits.first_byte_ms

    @property
    def reserved(self) -> Reservation | None:
        """The place at an upstream account that is held while something is at stake."""
        return self._ticket.reserved if self._ticket is not None else None

    @property
    def metered(self) -> tuple[int, object]:
        """Differs whenever something was metered since. Only while something is at stake."""
        assert self._relay is not None
        return self._relay.metered

    def so_far(self, now_ms: int) -> UsageRecord:
        """The record as it would be if this worker died now. Only while something is at stake."""
        assert self._relay is not None
        return self._relay.so_far(now_ms)

    def keep_alive(self, now_ms: int) -> list[SendBody]:
        """What to send to a caller who has heard nothing for a while."""
        if self.phase is not Phase.RELAYING:
            return []
        assert self._relay is not None
        return self._relay.keep_alive(now_ms)

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
                return relay.before_trailers(self._bytes(relay, b"", True, now_ms))
            case HoldElapsed():
                return relay.release(now_ms) if self.phase is Phase.HOLDING else _STAY
            case AnswerOverdue():
                return relay.overdue(now_ms) if self.phase is Phase.SENT else _STAY
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
            return self._relay.abandoned(now_ms, unseen=self.phase in _HELD)
        if self.phase is Phase.SETTLING:
            # Whether the store heard us is not known; settlement is idempotent, so say it again.
            return Step(Signal.ABANDONED, self._settlement)
        return Step(Signal.VANISHED, [Close()])


# Before an upstream has the request: a fault of ours can be told as a proper error.
_ASKING = frozenset({Phase.AUTHENTICATING, Phase.READING, Phase.RECALLING, Phase.ADMITTING})

_HELD = frozenset({Phase.HOLDING, Phase.COLLECTING})
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
