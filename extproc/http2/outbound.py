"""What a connection sends: frames in the order of their turns, as far as windows let them.

Bytes are collected here and taken once a tick of the event loop. A message goes out whole where the
peer's windows, its frame size and the transport allow it, which is nearly always. Else it waits,
and with it its writer; streams that wait take turns of one frame. What is collected and not taken
is bounded: a transport that is full takes nothing, and then nothing but small answers is added.
"""

from collections import OrderedDict

from extproc.http2 import frames, headers
from extproc.http2.frames import ConnectionFault, ErrorCode
from extproc.http2.messages import PREFIX, PREFIX_BYTES
from extproc.http2.streams import Stream

MAX_COLLECTED = 256 * 1024  # bytes of messages in one write to the transport
MAX_FRAME_BYTES = 64 * 1024  # even where the peer allows more, so that turns are short
MAX_CONTROLS = 50_000  # small answers that a peer lets pile up by not reading


class Outbound:
    """Of one connection. `streams` are those on the wire; a stream that is through is taken out."""

    def __init__(self, streams: dict[int, Stream]) -> None:
        self._streams = streams
        self.collected: list[bytes] = []
        self._size = 0
        self._controls = 0
        # They have something unsent and a window for it, in turn. A plain dict would walk over the
        # places of those that went before, each time that its first one is taken.
        self._waiting: OrderedDict[int, Stream] = OrderedDict()
        self._first_block = headers.NO_TABLE
        self._largest_frame = frames.DEFAULT_FRAME_SIZE
        self.initial_window = frames.DEFAULT_WINDOW
        self.window = frames.DEFAULT_WINDOW
        self.paused = False  # by the transport
        self.data_frames = 0  # that have gone, ever

    # ------------------------------------------------------------------ to the transport

    def __bool__(self) -> bool:
        """Whether there is something to take, or to pump."""
        return bool(self.collected or self._waiting)

    def take(self) -> bytes:
        data = b"".join(self.collected)
        self.collected.clear()
        self._size = self._controls = 0
        return data

    def control(self, frame: bytes) -> None:
        """Any frame without flow control."""
        self.collected.append(frame)
        self._controls += 1

    def check(self) -> None:
        """Raises ConnectionFault when the peer asks and does not read."""
        if self._controls > MAX_CONTROLS:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "answers pile up unread")

    # ------------------------------------------------------------------ from handlers

    def send(self, stream: Stream, message: bytes) -> bool:
        """Whether the message has gone, or never will; False while it waits."""
        if stream.over or stream.trailers is not None:
            return True
        if self.ready(stream, len(message)):
            size = PREFIX_BYTES + len(message)
            if not stream.answered:
                self._start(stream)
            self._spend(stream, size)
            self.collected.append(
                frames.HEAD.pack(size >> 8, size & 0xFF, frames.DATA, 0, stream.id)
                + PREFIX.pack(0, len(message))
            )
            self.collected.append(message)
            return True
        stream.unsent.append(PREFIX.pack(0, len(message)) + message)
        self.wake(stream)
        return False

    def ready(self, stream: Stream, length: int) -> bool:
        """Whether a message of that length would go at once, in one frame."""
        size = PREFIX_BYTES + length
        return (
            not stream.unsent
            and not self._waiting
            and size <= stream.window
            and size <= self.window
            and size <= self._largest_frame
            and self._room()
        )

    def finish(self, stream: Stream, trailers: bytes) -> None:
        """The end of the answer, after what is unsent."""
        if stream.over or stream.trailers is not None:
            return
        stream.trailers = trailers
        if not stream.unsent:
            self._close(stream)

    def cut(self, stream: Stream, trailers: bytes) -> None:
        """The end of the answer, instead of what is unsent. In mid-message only a reset is one."""
        if stream.over:
            return
        if stream.offset:
            self.reset(stream, ErrorCode.CANCEL)
            return
        stream.unsent.clear()
        stream.trailers = trailers
        self._close(stream)

    def refuse(self, stream: Stream, block: bytes) -> None:
        """An answer of headers alone."""
        stream.answered = True
        stream.trailers = block
        self._close(stream)

    def reset(self, stream: Stream, code: ErrorCode) -> None:
        if stream.id in self._streams:
            self.control(frames.rst_stream(stream.id, code))
        self.forget(stream)

    def forget(self, stream: Stream) -> None:
        """The stream is gone, and what is unsent with it."""
        stream.ended = stream.over = True
        stream.unsent.clear()
        stream.offset = 0
        self._waiting.pop(stream.id, None)
        self._streams.pop(stream.id, None)

    # ------------------------------------------------------------------ turns

    def wake(self, stream: Stream) -> None:
        """The stream may have got something to send, or a window for it."""
        if stream.unsent and stream.window > 0:
            self._waiting[stream.id] = stream

    def pump(self) -> list[Stream]:
        """Sends what windows and the transport allow. Gives the streams of which a message has gone
        (once for each message)."""
        gone: list[Stream] = []
        waiting = self._waiting
        while waiting and self.window > 0 and self._room():
            _, stream = waiting.popitem(last=False)
            if self._one_frame(stream):
                gone.append(stream)
            self.wake(stream)
        return gone

    def _one_frame(self, stream: Stream) -> bool:
        """Whether it ended a message."""
        message = stream.unsent[0]
        size = min(len(message) - stream.offset, stream.window, self.window, self._largest_frame)
        end = stream.offset + size
        if not stream.answered:
            self._start(stream)
        self._spend(stream, size)
        piece = message[stream.offset : end]
        self.collected.append(frames.frame(frames.DATA, 0, stream.id, piece))
        stream.offset = end
        if end < len(message):
            return False
        stream.unsent.popleft()
        stream.offset = 0
        if not stream.unsent and stream.trailers is not None:
            self._close(stream)
        return True

    def _spend(self, stream: Stream, size: int) -> None:
        stream.window -= size
        self.window -= size
        self._size += size
        self.data_frames += 1

    def _room(self) -> bool:
        return self._size < MAX_COLLECTED and not self.paused

    # ------------------------------------------------------------------ headers

    def _start(self, stream: Stream) -> None:
        stream.answered = True
        self._headers(stream, headers.START, 0)

    def _close(self, stream: Stream) -> None:
        """Trailers, alone or at the end; and the peer need not say more (RFC 9113, 8.1)."""
        block = stream.trailers or b""
        if not stream.answered:
            stream.answered = True
            block = headers.START + block
        self._headers(stream, block, frames.END_STREAM)
        self._controls += 1
        if not stream.ended:
            self.control(frames.rst_stream(stream.id, ErrorCode.NO_ERROR))
        self.forget(stream)

    def _headers(self, stream: Stream, block: bytes, flags: int) -> None:
        if self._first_block:
            block, self._first_block = self._first_block + block, b""
        flags |= frames.END_HEADERS
        self.collected.append(frames.frame(frames.HEADERS, flags, stream.id, block))

    # ------------------------------------------------------------------ what the peer allows

    def widen(self, stream: Stream | None, increment: int) -> None:
        """A WINDOW_UPDATE, of the connection where there is no stream. Raises OverflowError."""
        window = (self.window if stream is None else stream.window) + increment
        if window > frames.LARGEST_WINDOW:
            raise OverflowError
        if stream is None:
            self.window = window
        else:
            stream.window = window
            self.wake(stream)

    def obey(self, name: int, value: int) -> None:
        """One entry of the peer's SETTINGS. The others ask for nothing that we do: there is no
        table, no push, and no stream that we open."""
        if name == frames.INITIAL_WINDOW_SIZE:
            self._resize(value)
        elif name == frames.MAX_FRAME_SIZE:
            if not frames.DEFAULT_FRAME_SIZE <= value <= frames.LARGEST_FRAME_SIZE:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "MAX_FRAME_SIZE out of range")
            self._largest_frame = min(value, MAX_FRAME_BYTES)
        elif name == frames.ENABLE_PUSH and value > 1:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "ENABLE_PUSH is 0 or 1")

    def _resize(self, initial_window: int) -> None:
        """What is open changes by the difference, below zero too (RFC 9113, section 6.9.2)."""
        if initial_window > frames.LARGEST_WINDOW:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "initial window too large")
        difference, self.initial_window = initial_window - self.initial_window, initial_window
        for stream in self._streams.values():
            stream.window += difference
            if stream.window > frames.LARGEST_WINDOW:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "a window overflows")
            if stream.window > 0:
                self.wake(stream)
            else:
                self._waiting.pop(stream.id, None)
