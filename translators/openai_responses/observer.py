"""A Responses or Images stream, watched as it passes.

Events are told apart by their `event:` name (by `type`, where an upstream leaves the name out), and
only the few that say something to a gateway are parsed: who answers, what kind of item began or
ended, how it all ended. The deltas, nearly all of the traffic, and the partial images, megabytes
each, are never parsed.

Rules:
- the terminal events, completed, incomplete and failed alike, carry the response with its usage;
- OpenAI sends `error` and then `response.failed`: after an `error` the decoder reads on for the
  usage, but reports one failure; either of the two suffices for the stream not to be truncated;
- a finished image does not end its stream: several may have been asked for, each with its usage;
- some upstreams leave `output` empty in the terminal event; what the items were is then known from
  their own events.
"""

from typing import Any

import orjson

from translators.canonical.stream import (
    Ended,
    Failed,
    Generated,
    Metered,
    StreamEvent,
    Truncated,
)
from translators.canonical.usage import Usage
from translators.openai_chat.failure import failure_inside
from translators.openai_responses.observed import (
    Items,
    begun_of,
    image_usage_of,
    observe_response,
    outcome_of,
)
from translators.openai_responses.usage import added
from translators.openai_responses.vocabulary import (
    HEARD_ERRORS,
    IMAGE_PARTIAL,
    IMAGE_TERMINAL,
    NOT_GENERATED,
    TERMINAL,
)
from translators.protocol import StreamDecoder
from translators.sse import SseParser
from translators.whole import WholeAnswerDecoder, is_json

# The named events worth parsing. Other `response.*` events tell nothing that these do not.
_READ = (
    TERMINAL
    | IMAGE_TERMINAL
    | {
        "error",
        "response.created",
        "response.queued",
        "response.in_progress",
        "response.output_item.added",
        "response.output_item.done",
    }
)


class ResponsesStreamDecoder:
    """`feed` bytes as they come; `close` when the upstream ended."""

    __slots__ = ("_begun", "_drawn", "_ended", "_failed", "_generated", "_items", "_sse", "_usage")

    def __init__(self) -> None:
        self._sse = SseParser()
        self._items = Items()
        self._usage: Usage | None = None
        self._begun = False
        self._drawn = False
        self._generated = False
        self._failed = False
        self._ended = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for event in self._sse.feed(data):
            self._read(event.event, event.data, events)
        return events

    def close(self) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for event in self._sse.close():
            self._read(event.event, event.data, events)
        if b'"error"' in self._sse.stray:  # bare JSON: how some upstreams break off a stream
            self._read(None, bytes(self._sse.stray), events)
        if not (self._ended or self._failed):
            events.append(Ended() if self._drawn else Truncated())
        self._ended = True
        return events

    def _read(self, name: str | None, data: bytes, events: list[StreamEvent]) -> None:
        kind = name or _type_at_start(data)
        if self._ended:
            return
        if kind is not None and kind not in _READ:
            if kind.endswith(".delta") or kind in IMAGE_PARTIAL:
                self._has_generated(events)
                return
            if kind.startswith("response."):
                return
        try:
            parsed = orjson.loads(data)
        except orjson.JSONDecodeError:
            return
        if isinstance(parsed, dict):
            self._read_event(str(parsed.get("type") or name), parsed, events)

    def _read_event(self, kind: str, event: dict[str, Any], events: list[StreamEvent]) -> None:
        response = event.get("response")
        if isinstance(response, dict):
            self._read_response(kind, response, events)
        elif kind in IMAGE_TERMINAL:
            self._read_image(event, events)
        elif kind.startswith("response.output_item."):
            self._read_item(kind, event.get("item"), events)
        elif kind == "error" or event.get("error"):
            self._fail(event, events)

    def _read_response(
        self, kind: str, response: dict[str, Any], events: list[StreamEvent]
    ) -> None:
        if not self._begun and (begun := begun_of(response)) is not None:
            self._begun = True
            events.append(begun)
        if kind not in TERMINAL:
            return
        self._ended = True
        response.setdefault("status", kind.removeprefix("response."))
        output = response.get("output")
        items = Items(output) if isinstance(output, list) and output else self._items
        if items.generated:
            self._has_generated(events)
        for event in outcome_of(response, items):
            if not isinstance(event, Failed):
                events.append(event)
            elif not self._failed:
                self._failed = True
                events.append(event)
        events.append(Ended())

    def _read_item(self, kind: str, item: object, events: list[StreamEvent]) -> None:
        if not isinstance(item, dict):
            return
        if str(item.get("type")) not in NOT_GENERATED:
            self._has_generated(events)
        if kind == "response.output_item.done":
            self._items.note(item)

    def _read_image(self, event: dict[str, Any], events: list[StreamEvent]) -> None:
        """One finished image. Usage grows with each of several; only `close` knows the last."""
        self._drawn = True
        self._has_generated(events)
        usage = image_usage_of(event)
        if usage is not None:
            self._usage = added(self._usage, usage)
            events.append(Metered(self._usage or usage))

    def _has_generated(self, events: list[StreamEvent]) -> None:
        if not self._generated:
            self._generated = True
            events.append(Generated())

    def _fail(self, event: dict[str, Any], events: list[StreamEvent]) -> None:
        """An `error` event, flat as documented or with the object nested as sent."""
        if self._failed or self._ended:
            return
        self._failed = True
        events.append(Failed(failure_inside(event.get("error") or event, HEARD_ERRORS)))


def _type_at_start(data: bytes) -> str | None:
    """The `type` of an event without a name, if it comes first; None sends it to the parser."""
    if not data.startswith(b'{"type":"'):
        return None
    end = data.find(b'"', 9, 90)
    return data[9:end].decode("ascii", "replace") if end > 0 else None


def stream_observer(content_type: str) -> StreamDecoder:
    """The decoder for an answer of this content-type to a request that asked for a stream."""
    return (
        WholeAnswerDecoder(observe_response) if is_json(content_type) else ResponsesStreamDecoder()
    )
