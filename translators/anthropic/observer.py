"""A Messages stream, watched as it passes.

`message_start` names the message and what its input used; deltas follow; `message_delta` says why
it stopped and what was used in all; `message_stop` is the only terminal marker. An `error` event
ends the stream too: the upstream said why, so no Truncated follows. Unknown events are passed over,
as the API's versioning policy asks.

Nearly all of a stream is `content_block_delta`. Once the first that holds something was seen, they
cannot say anything that matters here, and are no longer parsed if both the event's name and the
beginning of its data say what they are.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from translators.anthropic.failure import failure_inside
from translators.anthropic.observed import (
    begun_of,
    block_holds,
    finish_of,
    holds_blocks,
    observe_response,
)
from translators.anthropic.usage import merge, read_usage
from translators.canonical.finish import Finish
from translators.canonical.stream import (
    Ended,
    Failed,
    Finished,
    Generated,
    Metered,
    StreamEvent,
    Truncated,
)
from translators.canonical.usage import Usage
from translators.fields import inner
from translators.protocol import StreamDecoder
from translators.sse import SseParser
from translators.whole import WholeAnswerDecoder, is_json

_DELTA = "content_block_delta"
_DELTA_DATA = (b'{"type":"content_block_delta"', b'{"type": "content_block_delta"')


class MessagesStreamDecoder:
    """`feed` bytes as they come; `close` when the upstream ended."""

    __slots__ = ("_begun", "_figures", "_finish", "_generated", "_over", "_sse", "_usage")

    def __init__(self) -> None:
        self._sse = SseParser()
        self._figures: dict[str, Any] = {}  # usage as the wire told it so far
        self._usage: Usage | None = None
        self._finish: Finish | None = None
        self._begun = False
        self._generated = False
        self._over = False  # its end, or its failure, was seen

    def feed(self, data: bytes) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for event in self._sse.feed(data):
            self._read(event.event, event.data, events)
        return events

    def close(self) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for event in self._sse.close():
            self._read(event.event, event.data, events)
        if not self._over:
            self._over = True
            events.append(Truncated())
        return events

    def _read(self, name: str | None, data: bytes, events: list[StreamEvent]) -> None:
        if self._over or name == "ping":
            return
        if self._generated and name == _DELTA and data.startswith(_DELTA_DATA):
            return
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError:
            event = None
        if isinstance(event, dict):
            self._read_event(event.get("type") or name, event, events)
        elif name == "error":
            self._read_event(name, {}, events)

    def _read_event(
        self, kind: object, event: Mapping[str, Any], events: list[StreamEvent]
    ) -> None:
        if kind == _DELTA:
            delta = inner(event.get("delta"))
            if any(value for key, value in delta.items() if key != "type"):
                self._has_generated(events)
        elif kind == "content_block_start":
            if block_holds(event.get("content_block")):
                self._has_generated(events)
        elif kind == "message_start":
            self._start(inner(event.get("message")), events)
        elif kind == "message_delta":
            self._meter(event.get("usage"), events)
            self._stop(inner(event.get("delta")), events)
        elif kind == "message_stop":
            self._over = True
            events.append(Ended())
        elif kind == "error":
            self._over = True
            events.append(Failed(failure_inside(event)))

    def _start(self, message: Mapping[str, Any], events: list[StreamEvent]) -> None:
        if not self._begun and (begun := begun_of(message)) is not None:
            self._begun = True
            events.append(begun)
        self._meter(message.get("usage"), events)
        if holds_blocks(message):
            self._has_generated(events)

    def _meter(self, figures: object, events: list[StreamEvent]) -> None:
        self._figures = merge(self._figures, inner(figures))
        usage = read_usage(self._figures)
        if usage is not None and usage != self._usage:
            self._usage = usage
            events.append(Metered(usage))

    def _stop(self, delta: Mapping[str, Any], events: list[StreamEvent]) -> None:
        finish = finish_of(delta)
        if finish is not None and finish != self._finish:
            self._finish = finish
            events.append(Finished(finish))

    def _has_generated(self, events: list[StreamEvent]) -> None:
        if not self._generated:
            self._generated = True
            events.append(Generated())


def stream_observer(content_type: str) -> StreamDecoder:
    """The decoder for an answer of this content-type to a request that asked for a stream."""
    return (
        WholeAnswerDecoder(observe_response) if is_json(content_type) else MessagesStreamDecoder()
    )
