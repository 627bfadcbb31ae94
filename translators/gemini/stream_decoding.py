"""Both kinds of stream, server-sent events and a JSON array, as events that tell every part.

What ends a stream is what ends it for observer.py: there is no terminal marker, so that the end of
the bytes after a finish reason is the end; an array has its closing bracket besides; an error ends
either. Google breaks off an event stream with its error as bare JSON, which is no event.
"""

from collections.abc import Iterable

from translators import text_json
from translators.canonical.stream import StreamEvent, Truncated
from translators.gemini.array import ArraySplitter
from translators.gemini.response_reading import Reader
from translators.protocol import NotUnderstood, StreamDecoder
from translators.sse import SseParser
from translators.whole import is_json


class SseStream:
    """Of server-sent events."""

    def __init__(self, issuer: str) -> None:
        self._sse = SseParser()
        self._reader = Reader(issuer)
        self._over = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        if not self._over:
            _read((event.data for event in self._sse.feed(data)), self._reader, events)
            self._over = self._reader.failed
        return events

    def close(self) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        if self._over:
            return events
        self._over = True
        _read((event.data for event in self._sse.close()), self._reader, events)
        stray = bytes(self._sse.stray)
        if b'"error"' in stray:
            _read((stray,), self._reader, events)
        if not self._reader.failed:
            _end(self._reader, events)
        return events


class ArrayStream:
    """Of one JSON array, or a lone object, which is an array of one."""

    def __init__(self, issuer: str) -> None:
        self._array = ArraySplitter()
        self._reader = Reader(issuer)
        self._over = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        if self._over:
            return events
        _read(self._array.feed(data), self._reader, events)
        if self._reader.failed:
            self._over = True
        elif self._array.closed and self._reader.has_finish:
            self._over = True
            self._reader.end(events)
        return events

    def close(self) -> list[StreamEvent]:
        if self._over:
            return []
        self._over = True
        return [Truncated()]


def stream_decoder(content_type: str, issuer: str) -> StreamDecoder:
    """The decoder for an answer of this content-type to a request that asked for a stream."""
    return ArrayStream(issuer) if is_json(content_type) else SseStream(issuer)


def _end(reader: Reader, events: list[StreamEvent]) -> None:
    if reader.has_finish:
        reader.end(events)
    else:
        events.append(Truncated())


def _read(chunks: Iterable[bytes], reader: Reader, events: list[StreamEvent]) -> None:
    for data in chunks:
        if reader.failed:
            return
        try:
            chunk = text_json.loads(data)
        except ValueError:
            continue
        except RecursionError:
            raise NotUnderstood("The upstream's answer is nested too deeply.") from None
        if isinstance(chunk, list) and chunk:
            chunk = chunk[0]
        if isinstance(chunk, dict):
            reader.read(chunk, events)
