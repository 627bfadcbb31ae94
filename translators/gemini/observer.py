"""A Gemini stream, watched as it passes: server-sent events (`alt=sse`) or one JSON array.

There is no terminal marker. Events simply stop, so that only the end of the bytes tells whether a
stream was complete: it was, if the model had said why it stopped. An array has its closing bracket
besides. An error ends the stream too: the upstream said why, so no Truncated follows. Google breaks
off an event stream with its error as bare JSON, without `data:`; it is found where no event was.
"""

from collections.abc import Iterable

import orjson

from translators.canonical.stream import Ended, StreamEvent, Truncated
from translators.gemini.array import ArraySplitter
from translators.gemini.observed import Answer
from translators.protocol import StreamDecoder
from translators.sse import SseParser
from translators.whole import is_json


class EventsDecoder:
    """Of server-sent events: `feed` bytes as they come; `close` when the upstream ended."""

    __slots__ = ("_answer", "_closed", "_sse")

    def __init__(self) -> None:
        self._sse = SseParser()
        self._answer = Answer()
        self._closed = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for event in self._sse.feed(data):
            _read([event.data], self._answer, events)
        return events

    def close(self) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        if self._closed:
            return events
        self._closed = True
        _read((event.data for event in self._sse.close()), self._answer, events)
        _read(_errors_in(bytes(self._sse.stray)), self._answer, events)
        if not self._answer.failed:
            events.append(Ended() if self._answer.finish is not None else Truncated())
        return events


class ArrayDecoder:
    """Of one JSON array: `feed` bytes as they come; `close` when the upstream ended."""

    __slots__ = ("_answer", "_array", "_over")

    def __init__(self) -> None:
        self._array = ArraySplitter()
        self._answer = Answer()
        self._over = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        if self._over:
            return events
        _read(self._array.feed(data), self._answer, events)
        if self._answer.failed:
            self._over = True
        elif self._array.closed and self._answer.finish is not None:
            self._over = True
            events.append(Ended())
        return events

    def close(self) -> list[StreamEvent]:
        if self._over:
            return []
        self._over = True
        return [Truncated()]


def _read(chunks: Iterable[bytes], answer: Answer, events: list[StreamEvent]) -> None:
    for data in chunks:
        if answer.failed:
            return
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError:
            continue
        if isinstance(chunk, list) and chunk:
            chunk = chunk[0]
        if isinstance(chunk, dict):
            answer.read(chunk, events)


def _errors_in(stray: bytes) -> list[bytes]:
    """The lines outside of all events, where they can be an error."""
    return [stray] if b'"error"' in stray else []


def stream_observer(content_type: str) -> StreamDecoder:
    """The decoder for an answer of this content-type to a request that asked for a stream."""
    return ArrayDecoder() if is_json(content_type) else EventsDecoder()
