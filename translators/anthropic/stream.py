"""Streams, read and written: which reader an answer gets, and how its bytes become events."""

from collections.abc import Mapping
from typing import Any

import orjson

from translators import text_json
from translators.anthropic.failure import failure_inside
from translators.anthropic.response import decode_response
from translators.anthropic.stream_decoding import AnswerReader
from translators.anthropic.stream_encoding import MessagesStreamEncoder
from translators.canonical.failure import Failure, Kind
from translators.canonical.reply import ReplyContext
from translators.canonical.response import unfold
from translators.canonical.stream import Failed, StreamEvent, Truncated
from translators.fields import inner
from translators.protocol import StreamDecoder, StreamEncoder
from translators.sse import SseParser
from translators.whole import WholeAnswerDecoder, is_json

# An event that carries a piece of the answer. One that cannot be read is a hole in the answer; it
# is said to be one. Other events that cannot be read are passed over.
_CONTENT = frozenset(
    {
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
    }
)
_DELTA = "content_block_delta"
UNREADABLE = Failure(Kind.UPSTREAM, "The upstream sent a part of its answer that is unreadable.")


class MessagesDecoder:
    """`feed` bytes as they come; `close` when the upstream ended."""

    __slots__ = ("_answer", "_over", "_sse")

    def __init__(self, issuer: str) -> None:
        self._sse = SseParser()
        self._answer = AnswerReader(issuer)
        self._over = False  # its end, or its failure, was seen

    def feed(self, data: bytes) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for event in self._sse.feed(data):
            if not self._over:
                events += self._read(event.event, event.data, last=False)
        return events

    def close(self) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for event in self._sse.close():
            if not self._over:
                events += self._read(event.event, event.data, last=True)
        if not self._over and b'"error"' in self._sse.stray:
            # Bare JSON: how some upstreams break off a stream.
            events += self._read("error", bytes(self._sse.stray), last=True)
        if not self._over:
            self._over = True
            events.append(Truncated())
        return events

    def _read(self, name: str | None, data: bytes, *, last: bool) -> list[StreamEvent]:
        """`last`: these bytes may be the beginning of an event that was cut off."""
        if name == "ping":
            return []
        try:
            # A delta holds texts alone: no number in it can be too long for the fast reader.
            event = orjson.loads(data) if name == _DELTA else text_json.loads(data)
        except (ValueError, RecursionError):
            event = None
        if isinstance(event, dict):
            kind = event.get("type") or name
            return self._read_event(kind if isinstance(kind, str) else None, event)
        if name == "error":
            return self._read_event(name, {})
        if name in _CONTENT and not last:
            return self._fail(UNREADABLE)
        return []

    def _read_event(self, kind: str | None, event: Mapping[str, Any]) -> list[StreamEvent]:
        answer = self._answer
        match kind:
            case "content_block_delta":
                return answer.block_delta(_index(event), inner(event.get("delta")))
            case "content_block_start":
                return answer.block_start(_index(event), event.get("content_block"))
            case "content_block_stop":
                return answer.block_stop(_index(event))
            case "message_start":
                return answer.start(inner(event.get("message")))
            case "message_delta":
                return answer.delta(inner(event.get("delta")), event.get("usage"))
            case "message_stop":
                self._over = True
                return answer.stop()
            case "error":
                return self._fail(failure_inside(event))
            case _:
                return []

    def _fail(self, failure: Failure) -> list[StreamEvent]:
        self._over = True
        return [Failed(failure)]


def _index(event: Mapping[str, Any]) -> int:
    index = event.get("index")
    return index if isinstance(index, int) else 0


def stream_decoder(content_type: str, issuer: str) -> StreamDecoder:
    """The reader for an answer of this content-type to a request that asked for a stream."""
    if not is_json(content_type):
        return MessagesDecoder(issuer)
    return WholeAnswerDecoder(
        lambda body: list(unfold(decode_response(body, issuer))), passes=False
    )


def stream_encoder(context: ReplyContext) -> StreamEncoder:
    return MessagesStreamEncoder(context)
