"""What a connection is sent: the state machine of one HTTP/2 connection, the server's side. Pure.

`receive` takes bytes and the time, and gives events; what is to be sent is collected in `outbound`.
A peer that breaks the protocol, or floods, gets a GOAWAY and `closing` is true: write what is
collected and close. No input raises anything.

Frames on a stream that is gone are read over, as both sides must while their words cross (RFC 9113,
section 5.1); what they cost is counted in `floods`.
"""

from dataclasses import dataclass

from extproc.http2 import frames, headers
from extproc.http2.blocks import Block
from extproc.http2.events import Event, Gone, Opened, Readable, Sent
from extproc.http2.floods import Allowance
from extproc.http2.frames import ConnectionFault, ErrorCode
from extproc.http2.headers import HeaderReader, Malformed, Request
from extproc.http2.messages import Abort, Status
from extproc.http2.outbound import Outbound
from extproc.http2.streams import RECEIVE_WINDOW, Stream

CONNECTION_WINDOW = 64 * 1024 * 1024  # granted as it comes: streams, not the connection, wait
_WORTH_GRANTING = CONNECTION_WINDOW // 2

_LEAVING = b"leaving."  # the PING that tells when the first GOAWAY has been read
_STREAMS_A_COST = 64  # a SETTINGS frame touches every open stream


@dataclass(frozen=True, slots=True)
class Limits:
    """`max_message` in bytes, both of what is read; `max_streams` on one connection at once."""

    max_message: int
    max_streams: int = 16_384


class Connection:
    """`calls` is how many handlers run, also those whose stream is gone; see `finished`."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._frames = frames.FrameReader()
        self._headers = HeaderReader()
        self._allowance = Allowance()
        self._preface: bytes | None = b""  # what came of it; None: all, and the first frame too
        self._greeted = False
        self._block: Block | None = None
        self._events: list[Event] = []
        self._now = 0.0
        self._owed = 0
        self._last_id = 0
        self._leaving = self._left = False
        self._earned = 0
        self.streams: dict[int, Stream] = {}
        self.outbound = Outbound(self.streams)
        self.calls = 0
        self.closing = False
        self._readers = (
            self._on_data, self._on_headers, self._on_priority, self._on_reset, self._on_settings,
            self._on_promise, self._on_ping, self._on_goaway, self._on_window, self._on_continued,
        )  # fmt: skip
        self._greet()

    def _greet(self) -> None:
        entries = {
            frames.MAX_CONCURRENT_STREAMS: self._limits.max_streams,
            frames.INITIAL_WINDOW_SIZE: RECEIVE_WINDOW,
            frames.MAX_HEADER_LIST_SIZE: headers.MAX_LIST_BYTES,
        }
        self.outbound.control(frames.settings(entries))
        increment = CONNECTION_WINDOW - frames.DEFAULT_WINDOW
        self.outbound.control(frames.window_update(0, increment))

    @property
    def greeted(self) -> bool:
        """Whether the peer has said that it speaks HTTP/2."""
        return self._greeted

    @property
    def finished(self) -> bool:
        """Whether we have left: no stream is open, and none will be."""
        return self._left and not self.streams and not self.calls

    # ------------------------------------------------------------------ bytes

    def receive(self, data: bytes, now: float) -> list[Event]:
        """What the bytes say, however they are cut. `now`: seconds of a clock that only rises."""
        if self.closing:
            return []
        self._now = now
        try:
            self._read(data)
            self.outbound.check()
        except ConnectionFault as fault:
            self.fail(fault.code, fault.text)
        events, self._events = self._events, []
        return events

    def _read(self, data: bytes) -> None:
        if self._preface is not None:
            data = self._after_preface(data)
        for kind, flags, stream_id, payload in self._frames.feed(data):
            if self._block is not None and kind != frames.CONTINUATION:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a header block was left open")
            if not self._greeted:
                if kind != frames.SETTINGS or flags & frames.ACK:
                    raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "no SETTINGS at the start")
                self._greeted = True
            if kind < len(self._readers):
                self._readers[kind](flags, stream_id, payload)
            else:
                self._spend()  # RFC 9113, 4.1: of an unknown kind

    def _after_preface(self, data: bytes) -> bytes:
        seen = (self._preface or b"") + data[: len(frames.PREFACE)]
        size = min(len(seen), len(frames.PREFACE))
        if seen[:size] != frames.PREFACE[:size]:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "not HTTP/2")
        missing = len(frames.PREFACE) - len(self._preface or b"")
        self._preface = None if size == len(frames.PREFACE) else seen
        return data[missing:]

    def fail(self, code: ErrorCode, text: str) -> None:
        """End the connection, and all streams with it."""
        self.outbound.control(frames.goaway(self._last_id, code, text))
        self.closing = True
        self.lose()

    def lose(self) -> None:
        """The transport is gone, or will be. The events are for `leftover`."""
        self.closing = True
        for stream in list(self.streams.values()):
            self.outbound.forget(stream)
            self._events.append(Gone(stream))

    def leftover(self) -> list[Event]:
        """Events of what was done from our side."""
        events, self._events = self._events, []
        return events

    def pump(self) -> list[Event]:
        """Collect what waits, as far as there is room."""
        gone = self.outbound.pump()
        return [Sent(stream) for stream in gone]

    def _spend(self, cost: int = 1) -> None:
        """For a frame that is of no use by itself. What we sent since the last has earned."""
        sent, self._earned = self.outbound.data_frames - self._earned, self.outbound.data_frames
        self._allowance.earn(2 * sent)
        self._allowance.spend(self._now, cost)

    # ------------------------------------------------------------------ from handlers

    def next_message(self, stream: Stream) -> bytes:
        """Take the oldest message that came; there must be one."""
        message = stream.inbox.popleft()
        if not stream.inbox:
            self._grant(stream)
        return message

    def end_call(self, stream: Stream, status: Status, text: str = "") -> None:
        """The handler is through."""
        self.calls -= 1
        self.outbound.finish(stream, headers.trailers(status, text))

    def abandon(self, stream: Stream, status: Status, text: str = "") -> None:
        """End a call over its handler's head: a deadline, a limit, a drain. It reads the end."""
        self.outbound.cut(stream, headers.trailers(status, text))
        stream.ended = True
        self._events.append(Gone(stream))

    # ------------------------------------------------------------------ leaving

    def leave(self) -> None:
        """Announce the end: streams that are on their way are taken still (RFC 9113, 6.8)."""
        if not self._leaving and not self.closing:
            self._leaving = True
            out = self.outbound
            out.control(frames.goaway(frames.LARGEST_STREAM_ID, ErrorCode.NO_ERROR))
            out.control(frames.frame(frames.PING, 0, 0, _LEAVING))

    def left(self) -> None:
        """The peer knows, or had time enough: what it opens now is not answered."""
        if not self._left and not self.closing:
            self._leaving = self._left = True
            self.outbound.control(frames.goaway(self._last_id, ErrorCode.NO_ERROR))

    # ------------------------------------------------------------------ DATA

    def _on_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        size = len(payload)
        self._owed += size
        if self._owed >= _WORTH_GRANTING:
            self.outbound.control(frames.window_update(0, self._owed))
            self._owed = 0
        stream = self.streams.get(stream_id)
        if stream is None:
            self._known(stream_id)
            self._spend()
            return
        if stream.ended:
            self._reset(stream, ErrorCode.STREAM_CLOSED)
            return
        if flags & frames.PADDED:
            payload = frames.unpadded(flags, payload)
        stream.charge(size)
        self._content(stream, payload, bool(flags & frames.END_STREAM))

    def _content(self, stream: Stream, content: bytes, end: bool) -> None:
        if content:
            self._allowance.earn()
            try:
                messages = stream.messages.feed(content)
            except Abort as refusal:
                self.abandon(stream, refusal.status, refusal.text)
                return
            stream.inbox += messages
            if messages:
                stream.asked = True
                self._events.append(Readable(stream))
            self._grant(stream)
        elif not end:
            self._spend()
        if end:
            self._half_closed(stream)

    def _half_closed(self, stream: Stream) -> None:
        if stream.messages.partial:
            self.abandon(stream, Status.INTERNAL, "the request ended within a message")
            return
        stream.ended = True
        self._events.append(Readable(stream))

    def _grant(self, stream: Stream) -> None:
        if granted := stream.grant():
            self.outbound.control(frames.window_update(stream.id, granted))

    def _reset(self, stream: Stream, code: ErrorCode) -> None:
        self.outbound.reset(stream, code)
        self._events.append(Gone(stream))

    def _known(self, stream_id: int) -> None:
        """A frame on a stream that nobody opened is a fault; one on a stream that is gone, none."""
        ours = not stream_id & 1  # the connection is 0
        unopened = stream_id > self._last_id and not self._left
        if ours or unopened:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a frame on an idle stream")

    # ------------------------------------------------------------------ HEADERS

    def _on_headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        if not stream_id & 1:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "HEADERS on a stream of ours")
        piece = frames.fragment(flags, payload)
        end = bool(flags & frames.END_STREAM)
        if flags & frames.END_HEADERS:
            self._complete(stream_id, piece, end)
        else:
            self._spend()
            self._block = Block(stream_id, end, piece)

    def _on_continued(self, flags: int, stream_id: int, payload: bytes) -> None:
        block = self._block
        if block is None or block.stream_id != stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "CONTINUATION of nothing")
        block.add(payload)
        if flags & frames.END_HEADERS:
            self._block = None
            self._complete(stream_id, block.data, block.end_stream)

    def _complete(self, stream_id: int, block: bytes, end: bool) -> None:
        if stream_id <= self._last_id:
            self._trailers(stream_id, block, end)
            return
        if self._left:
            self._headers.fields(block)  # for the table
            self._spend()
            return
        try:
            request: Request | None = self._headers.request(block)
        except Malformed:
            request = None
        self._last_id = stream_id
        if request is None:
            self._turn_away(stream_id, ErrorCode.PROTOCOL_ERROR)
        elif max(self.calls, len(self.streams)) >= self._limits.max_streams:
            self._turn_away(stream_id, ErrorCode.REFUSED_STREAM)
        else:
            self._open(stream_id, request, end)

    def _turn_away(self, stream_id: int, code: ErrorCode) -> None:
        self._spend()
        self.outbound.control(frames.rst_stream(stream_id, code))

    def _open(self, stream_id: int, request: Request, end: bool) -> None:
        window = self.outbound.initial_window
        stream = Stream(stream_id, request, window, self._limits.max_message)
        stream.ended = end
        self.streams[stream_id] = stream
        if request.refusal is not None:
            self._spend()
            self.outbound.refuse(stream, headers.refusal(request.refusal))
            return
        self.calls += 1
        self._events.append(Opened(stream))

    def _trailers(self, stream_id: int, block: bytes, end: bool) -> None:
        """A request's trailers say nothing that gRPC wants, but they end it."""
        fields = self._headers.fields(block)
        self._spend()
        stream = self.streams.get(stream_id)
        if stream is None:
            return
        if stream.ended:
            self._reset(stream, ErrorCode.STREAM_CLOSED)
        elif end and not any(name[:1] == b":" for name, _ in fields):
            self._half_closed(stream)
        else:
            self._reset(stream, ErrorCode.PROTOCOL_ERROR)

    def _on_priority(self, _flags: int, stream_id: int, payload: bytes) -> None:
        self._spend()
        if stream_id == 0 or len(payload) != frames.PRIORITY_BYTES:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "a wrong PRIORITY")

    def _on_promise(self, _flags: int, _stream_id: int, _payload: bytes) -> None:
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE from a client")

    def _on_reset(self, _flags: int, stream_id: int, payload: bytes) -> None:
        if len(payload) != frames.NUMBER_BYTES:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM of a wrong length")
        self._known(stream_id)
        stream = self.streams.get(stream_id)
        # One that has asked nothing is the cheap half of a rapid reset; a message has earned it.
        self._spend(1 if stream is None or stream.asked else 2)
        if stream is not None:
            self.outbound.forget(stream)
            self._events.append(Gone(stream))

    # ------------------------------------------------------------------ the connection's own

    def _on_settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "SETTINGS on a stream")
        self._spend(1 + len(self.streams) // _STREAMS_A_COST)
        if flags & frames.ACK:
            if payload:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "an ACK with SETTINGS")
            return
        for name, value in frames.pairs(payload):
            if name == frames.INITIAL_WINDOW_SIZE:
                self._spend(1 + len(self.streams) // _STREAMS_A_COST)
            self.outbound.obey(name, value)
        self.outbound.control(frames.frame(frames.SETTINGS, frames.ACK, 0))

    def _on_ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PING on a stream")
        if len(payload) != frames.PING_BYTES:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "PING of a wrong length")
        self._spend()
        if not flags & frames.ACK:
            self.outbound.control(frames.frame(frames.PING, frames.ACK, 0, payload))
        elif payload == _LEAVING and self._leaving:
            self.left()

    def _on_goaway(self, _flags: int, stream_id: int, payload: bytes) -> None:
        """A client that leaves opens nothing more; what is open goes on."""
        if stream_id or len(payload) < frames.GOAWAY_BYTES:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a wrong GOAWAY")
        self._spend()

    def _on_window(self, _flags: int, stream_id: int, payload: bytes) -> None:
        if len(payload) != frames.NUMBER_BYTES:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE of a wrong length")
        self._spend()
        increment = frames.number(payload) & frames.LARGEST_WINDOW
        stream = None
        if stream_id:
            self._known(stream_id)
            stream = self.streams.get(stream_id)
            if stream is None:
                return
        self._widen(stream, increment)

    def _widen(self, stream: Stream | None, increment: int) -> None:
        try:
            if not increment:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE by nothing")
            self.outbound.widen(stream, increment)
        except OverflowError as error:
            if stream is None:
                raise ConnectionFault(
                    ErrorCode.FLOW_CONTROL_ERROR, "the connection's window overflows"
                ) from error
            self._reset(stream, ErrorCode.FLOW_CONTROL_ERROR)
