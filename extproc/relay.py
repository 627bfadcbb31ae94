"""The response side of an exchange: hold, collect, relay, and know when it is over.

Three ways through. A stream's headers are held until its first meaningful event (bounded by time
and size), so that an error before it can still become a proper status or another attempt. A whole
answer is gathered, so that tokens and cost can be headers. Everything else passes as it comes.
Where the upstream speaks the caller's protocol, bytes are never changed and an observer reads
along; otherwise they are said anew (extproc/passage.py).

The usage record is settled before the client can have seen the end: at the protocol's terminal
marker, or with the last byte, whichever comes first.
"""

from extproc import failures, replies
from extproc.collected import Collected
from extproc.exchange.actions import (
    Action,
    Close,
    HoldHeaders,
    Refuse,
    SendBody,
    SendHeaders,
    before_trailers,
)
from extproc.exchange.phases import Signal
from extproc.exchange.step import Step
from extproc.exchange.ticket import Ticket
from extproc.keeping import Keeping
from extproc.passage import Passage, way
from extproc.reckoning import Reckoning
from extproc.seals import SEAL_REFUSED
from extproc.tariff import Tariff
from extproc.world import World
from ledger.model import Outcome, UsageRecord
from translators.canonical.failure import Failure, Kind
from translators.canonical.stream import StreamEvent
from translators.protocol import NotUnderstood

HELD_LIMIT = 256 * 1024  # bytes of a stream held back: far above any opening without content
COLLECTED_LIMIT = 64 * 1024 * 1024  # bytes of a whole answer: images in base64 fit
ERROR_LIMIT = 1024 * 1024  # bytes of an upstream's error: more is not an error message

_MORE = Step(Signal.MORE, [])


class Relay:
    """One attempt's answer on its way to the client."""

    __slots__ = (
        "_after_settlement",
        "_collected",
        "_error_status",
        "_headers",
        "_keeping",
        "_kept",
        "_passage",
        "_reckoning",
        "_sent_at_ms",
        "_way",
        "_world",
        "defect",
        "meter",
        "ticket",
    )

    def __init__(self, world: World, ticket: Ticket, tariff: Tariff) -> None:
        self.ticket = ticket
        self.defect: Exception | None = None  # a fault of ours that the caller was told of
        self._reckoning = Reckoning(world, ticket, tariff)
        self.meter = self._reckoning.meter
        self._world = world
        self._way = way(world, ticket)
        self._keeping = Keeping(world, ticket) if ticket.reply is not None else None
        self._passage: Passage | None = None
        self._sent_at_ms = 0
        self._headers: dict[str, str] = {}
        self._kept: tuple[str, ...] = ()
        upstream = world.protocol(ticket.upstream_protocol)
        self._collected = Collected(upstream.whole_text_fields or upstream.text_fields)
        self._error_status: int | None = None
        self._after_settlement: list[Action] = []

    @property
    def held_bytes(self) -> int:
        """What is gathered by now."""
        return self._collected.size

    # ------------------------------------------------------------------ phase SENT

    def opened(self, headers: dict[str, str], end: bool, now_ms: int) -> Step:
        """The upstream's headers have come (or Envoy's, where no upstream answered)."""
        status = int(headers.get(":status", "502"))
        self._kept = replies.kept_from_client(headers)
        headers = self._way.opened(headers)
        books = self._reckoning
        books.upstream_request_id = headers.get("request-id") or headers.get("x-request-id")
        self._headers = headers
        if flags := headers.get("x-clavis-local"):
            return self._fail(failures.local(flags), now_ms, bodiless=end)
        books.upstream_status = status
        if end:
            return self._bodiless(status, now_ms)
        if status >= 400:
            self._error_status = status
            return Step(Signal.ANSWER_BEGAN, [])
        kind = self._media_type()
        is_stream = kind.startswith("text/event-stream") and (
            self.ticket.streamed or not self._way.translated
        )
        if is_stream or (self.ticket.streamed and kind.startswith("application/json")):
            self._passage = self._way.stream(kind)
            hold_ms = self._world.catalog.limits.header_hold_ms
            return Step(Signal.STREAM_BEGAN, [HoldHeaders(hold_ms)])
        return Step(Signal.ANSWER_BEGAN, [])

    def _media_type(self) -> str:
        return self._headers.get("content-type", "").lower()

    def _bodiless(self, status: int, now_ms: int) -> Step:
        translated = self._way.translated
        if status < 400 and (translated or (status < 300 and status != 204 and self.ticket.billed)):
            return self._fail(failures.truncated(), now_ms, bodiless=True)
        if not translated and (status < 400 or failures.is_verbatim(status)):
            outcome = Outcome.COMPLETED if status < 400 else Outcome.FAILED
            return self._settle(status, outcome, now_ms, [self._send_headers({}), Close()])
        failure = Failure(Kind.UPSTREAM, "The upstream answered without saying why.", status=status)
        if translated:
            protocol = self._world.protocol(self.ticket.upstream_protocol)
            failure = protocol.decode_failure(status, self._headers, b"")
        return self._fail(failure, now_ms, bodiless=True)

    # ------------------------------------------------------------------ phase HOLDING

    def holding(self, data: bytes, end: bool, now_ms: int) -> Step:
        """A stream's bytes before anything meaningful was seen."""
        data = self._through(data, end, now_ms)
        meter = self.meter
        if meter.failure is not None and not meter.generated:
            return self._fail(meter.failure, now_ms)
        if meter.truncated and not meter.generated:
            return self._fail(failures.truncated(), now_ms)
        self._collected.hold(data)
        if end or self._is_over():
            return self._ended(self._collected.take(), end, now_ms, headers=True)
        if meter.generated or self._collected.size > HELD_LIMIT:
            return self.release(now_ms)
        return _MORE

    def release(self, now_ms: int) -> Step:
        """Send what was held, headers first."""
        self._sent_at_ms = now_ms
        actions: list[Action] = [self._send_headers({})]
        if self.meter.generated:
            actions += self._reckoning.went_well()
        if body := self._collected.take():
            actions.append(SendBody(body, end=False))
        return Step(Signal.RELEASED, actions)

    # ------------------------------------------------------------------ phase RELAYING

    def relaying(self, data: bytes, end: bool, now_ms: int) -> Step:
        """Bytes pass as they come, or as they are said anew."""
        data = self._through(data, end, now_ms)
        if end or self._is_over():
            return self._ended(data, end, now_ms, headers=False)
        if not data:
            return _MORE
        self._sent_at_ms = now_ms
        return Step(Signal.MORE, [SendBody(data, end=False)])

    def keep_alive(self, now_ms: int) -> list[SendBody]:
        """A sign of life for a caller who has heard nothing for a while."""
        silence_ms = self._world.catalog.limits.keep_alive_ms
        if self._passage is None or now_ms - self._sent_at_ms < silence_ms:
            return []
        self._sent_at_ms = now_ms
        ping = self._passage.ping()
        return [SendBody(ping, end=False)] if ping else []

    def _is_over(self) -> bool:
        """The client has it all: a terminal marker, or an error behind which nothing is said."""
        meter = self.meter
        return meter.ended or (self._way.drops_rest and meter.failure is not None)

    def _ended(self, data: bytes, end: bool, now_ms: int, *, headers: bool) -> Step:
        """The terminal marker or the last byte is here: settle, then let the client see it."""
        last: list[Action] = [self._send_headers({})] if headers else []
        if data or end:
            last.append(SendBody(data, end))
        if end:
            last.append(Close())
        status = int(self._headers.get(":status", "200"))
        if self._passage is not None:
            self._reckoning.losses = tuple(str(loss) for loss in self._passage.losses)
            self.defect = self._passage.defect
        return self._settle(status, self._outcome(), now_ms, last)

    def _outcome(self) -> Outcome:
        if self.meter.truncated:
            return Outcome.TRUNCATED
        return Outcome.FAILED if self.meter.failure is not None else Outcome.COMPLETED

    def _through(self, data: bytes, end: bool, now_ms: int) -> bytes:
        """The client's bytes for these of the upstream's; what they say is folded in."""
        if self._passage is None:  # a whole answer that is too large to be gathered
            self._collected.passed(data)
            return data
        out, events = self._passage.feed(data) if data else (b"", [])
        if end:
            more, last = self._passage.close()
            out, events = out + more, [*events, *last]
        if events:
            self._take(events, now_ms)
        return out

    def _take(self, events: list[StreamEvent], now_ms: int) -> None:
        self.meter.take(events, now_ms - self.ticket.started_at_ms)
        if self._keeping is not None:
            self._keeping.take(events)

    # ------------------------------------------------------------------ phase COLLECTING

    def collecting(self, data: bytes, end: bool, now_ms: int) -> Step:
        """A whole answer, or an error, is gathered."""
        self._collected.gather(data)
        if end:
            return self._whole(now_ms)
        if self._error_status is not None and self._collected.size > ERROR_LIMIT:
            return self._fail(failures.unreadable(), now_ms)
        if self._collected.size > COLLECTED_LIMIT:
            if self._way.translated:
                return self._fail(failures.unreadable(), now_ms)
            return self.release(now_ms)
        return _MORE

    def _whole(self, now_ms: int) -> Step:
        body = self._collected.take()
        if self._error_status is not None:
            return self._upstream_error(self._error_status, body, now_ms)
        try:
            whole = self._way.whole(body, self._media_type())
        except NotUnderstood:
            return self._fail(failures.unreadable(), now_ms)
        body, self.defect = whole.body, whole.defect
        self._take(whole.events, now_ms)
        self._reckoning.losses = tuple(str(loss) for loss in whole.losses)
        translated, failure = self._way.translated, self.meter.failure
        if translated and self.meter.truncated:
            failure = failures.truncated()
        if failure is not None and (translated or self._may_retry(failure, now_ms)):
            return self._fail(failure, now_ms)
        status = int(self._headers[":status"])
        kept = self._record(status, self._outcome(), now_ms)
        extra = replies.figures(kept)
        if kept.losses:
            extra["x-clavis-losses"] = replies.losses(kept.losses)
        last: list[Action] = [self._send_headers(extra), SendBody(body, end=True), Close()]
        return self._settle_record(kept, last)

    def _upstream_error(self, status: int, body: bytes, now_ms: int) -> Step:
        protocol = self._world.protocol(self.ticket.upstream_protocol)
        status, body, same = self._way.refusal(status, self._headers, body)
        failure = protocol.decode_failure(status, self._headers, body)
        if self._may_retry(failure, now_ms, status) or self._to_be_unsealed(failure):
            return self._fail(failure, now_ms)
        same = same and self.ticket.protocol == self.ticket.upstream_protocol
        if same and failures.is_verbatim(status) and not failures.is_ours(failure):
            self.meter.failure = failure
            last: list[Action] = [self._send_headers({}), SendBody(body, end=True), Close()]
            return self._settle(status, Outcome.FAILED, now_ms, last)
        return self._fail(failure, now_ms)

    def overdue(self, now_ms: int) -> Step:
        """The upstream has not even begun: nobody waits any longer."""
        failure = Failure(Kind.TIMEOUT, "The upstream did not begin its answer in time.")
        return self._fail(failure, now_ms, bodiless=True)

    # ------------------------------------------------------------------ ends

    def _fail(self, failure: Failure, now_ms: int, *, bodiless: bool = False) -> Step:
        """Failed before the client saw anything: another attempt, or the caller's dialect."""
        protocol = self._world.protocol(self.ticket.protocol)
        seen = failures.for_caller(failure, protocol)
        extra = replies.answered(self.ticket)
        unseal = self._to_be_unsealed(failure)
        retry = unseal or self._may_retry(failure, now_ms)
        if retry:
            extra["x-clavis-retry"] = "upstream"
        status, headers, body = replies.refusal(seen, protocol, self.ticket.request_id, extra)
        actions = self._replace_answer(status, headers, body, bodiless)
        if retry:
            reason = SEAL_REFUSED if unseal else failure.kind.value
            return Step(Signal.RETRY, [*self._reckoning.retried(failure, reason, now_ms), *actions])
        self.meter.failure = failure
        return self._settle(status, Outcome.FAILED, now_ms, actions)

    def _may_retry(self, failure: Failure, now_ms: int, status: int | None = None) -> bool:
        """Whether another attempt may follow: another upstream may answer, and there is time."""
        if not failures.is_retriable(status or failure.http_status, failure.kind):
            return False
        within_ms = self._world.catalog.limits.failover_within_ms
        return not self.ticket.last_attempt and now_ms - self.ticket.started_at_ms < within_ms

    def _to_be_unsealed(self, failure: Failure) -> bool:
        """Whether to ask once more, the same account, without what it does not take back."""
        return failure.seal_refused and not self.ticket.unsealed

    def _replace_answer(
        self, status: int, headers: dict[str, str], body: bytes, bodiless: bool
    ) -> list[Action]:
        if bodiless:
            return [Refuse(status, headers, body), Close()]
        kept = replies.kept_of_translated(self._headers) if self._way.translated else self._kept
        told = {":status": str(status), **headers}
        return [SendHeaders(told, replies.replaced(told, kept)), SendBody(body, end=True), Close()]

    def abandoned(self, now_ms: int, *, unseen: bool) -> Step:
        """Envoy closed the stream: what was produced is recorded. `unseen`: while the answer was
        held, so that the upstream may have broken off, and another attempt takes the lease over."""
        made = self._settle(499, Outcome.ABANDONED, now_ms, [Close()], Signal.ABANDONED)
        return (
            Step(made.signal, self._reckoning.broke_off(made.actions, now_ms)) if unseen else made
        )

    def finishing(self, data: bytes, end: bool) -> Step:
        """After settlement: what is left passes. A translated answer has been said whole."""
        data = b"" if self._way.drops_rest else data
        if end:
            return Step(Signal.ENDED, [SendBody(data, end=True), Close()])
        return Step(Signal.MORE, [SendBody(data, end=False)]) if data else _MORE

    def before_trailers(self, made: Step) -> Step:
        """The upstream ended with trailers: what was to close the answer comes before them."""
        self._after_settlement = before_trailers(self._after_settlement)
        return Step(made.signal, before_trailers(made.actions))

    def settled(self) -> Step:
        """The record is safe: say the rest."""
        actions, self._after_settlement = self._after_settlement, []
        closed = any(isinstance(action, Close) for action in actions)
        return Step(Signal.SETTLED if closed else Signal.RECORDED, actions)

    def _settle(
        self,
        status: int,
        outcome: Outcome,
        now_ms: int,
        last: list[Action],
        signal: Signal = Signal.ENDED,
    ) -> Step:
        return self._settle_record(self._record(status, outcome, now_ms), last, signal)

    def _settle_record(
        self, kept: UsageRecord, last: list[Action], signal: Signal = Signal.ENDED
    ) -> Step:
        self._after_settlement = last
        ticket, failure = self.ticket, self.meter.failure
        pin = None
        if ticket.keeps_answer and self.meter.answer_id and ticket.account:
            pin = (self.meter.answer_id, ticket.account)
        keep = {}
        if self._keeping is not None:
            keep = self._keeping.kept()
            self.defect = self.defect or self._keeping.defect
        if failure is None and self.meter.truncated:
            failure = failures.truncated()
        said: list[Action] = []
        if failure is not None:
            said = self._reckoning.failed(failure)
        elif kept.outcome is Outcome.COMPLETED:
            said = self._reckoning.went_well()
        return Step(signal, [*said, *self._reckoning.settle(kept, pin, keep)])

    def _record(self, status: int, outcome: Outcome, now_ms: int) -> UsageRecord:
        self._reckoning.counted = self.metered[0]
        return self._reckoning.record(status, outcome, now_ms)

    @property
    def metered(self) -> tuple[int, object]:
        """What was counted and what was reported: the same as long as nothing new is produced."""
        if self._error_status is not None:
            return 0, self.meter.usage
        counted = self._passage.counted if self._passage is not None else self._collected.tokens
        return counted, self.meter.usage

    def so_far(self, now_ms: int) -> UsageRecord:
        """The record as it would be if this worker died now."""
        return self._record(0, Outcome.LOST, now_ms)

    def _send_headers(self, extra: dict[str, str]) -> SendHeaders:
        set_headers = replies.answered(self.ticket)
        set_headers.update(extra)
        removed = self._kept
        if self._way.translated:
            written = self._passage.content_type if self._passage is not None else None
            set_headers["content-type"] = written or "application/json"
            removed = replies.kept_of_translated(self._headers)
        elif (answers := self._way.answers) is not None:
            set_headers, removed = set_headers | answers, (*removed, "content-length")
        return SendHeaders(set_headers, tuple(n for n in removed if n not in set_headers))
