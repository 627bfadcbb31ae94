"""An answer as a stream of chunks, each with the shape of a whole answer.

- Server-sent events are `data: ` and JSON and a blank line, nothing else: the Python SDK fails on
  comments, on `event:` lines and on any other last word. CRLF ends lines, as Google writes them.
- Without `alt=sse` the chunks are the elements of one JSON array, which is closed at the end.
- The last chunk has the reason, and the sources of what was said. There is no terminal marker.
- A sign of life is an empty line: it ends no event in the one form and is white space in the other.
  A chunk without parts would do as well, but the SDKs' chats forget an answer that has one.
"""

from typing import Any, assert_never

from translators import text_json
from translators.canonical.failure import Failure, Kind
from translators.canonical.finish import Finish
from translators.canonical.loss import Loss, unique
from translators.canonical.reply import ReplyContext
from translators.canonical.stream import (
    Begun,
    Ended,
    Failed,
    Finished,
    Generated,
    Metered,
    PartBegun,
    PartCited,
    PartDelta,
    PartEnded,
    PartWhole,
    StreamEvent,
    Truncated,
)
from translators.canonical.usage import Usage
from translators.gemini.failure import render_failure, render_stream_failure
from translators.gemini.response_encoding import about, last_of, writer_of

_CUT_OFF = Failure(Kind.UPSTREAM, "The upstream's answer ended before it was complete.")
_ALIVE = b"\r\n"


class ChunkStream:
    """The encoder of one stream."""

    def __init__(self, context: ReplyContext) -> None:
        self._context = context
        self._writer = writer_of(context)
        self._usage: Usage | None = None
        self._finish: Finish | None = None
        self._started = False
        self._spoken = False
        self._over = False

    @property
    def content_type(self) -> str:
        return "text/event-stream" if self._context.sse else "application/json; charset=UTF-8"

    @property
    def losses(self) -> tuple[Loss, ...]:
        return unique(self._writer.losses)

    def ping(self) -> bytes:
        return b"" if self._over else _ALIVE

    def write(self, event: StreamEvent) -> bytes:
        if self._over:
            return b""
        match event:
            case PartBegun() | PartDelta() | PartCited() | PartEnded() | PartWhole():
                return self._parts([wire for _, wire in self._writer.write(event)])
            case Metered():
                self._usage = (
                    event.usage if self._usage is None else self._usage.merged(event.usage)
                )
                return b""
            case Finished():
                self._finish = event.finish
                return b""
            case Failed():
                return self._fail(event.failure)
            case Truncated():
                return self._fail(_CUT_OFF)
            case Ended():
                return self._end()
            case Begun() | Generated():
                return b""
            case _:
                assert_never(event)

    def _parts(self, parts: list[dict[str, Any]]) -> bytes:
        if not parts:
            return b""
        self._spoken = True
        candidate = {"content": {"parts": parts, "role": "model"}, "index": 0}
        usage = self._usage
        if usage is None and self._context.input_estimate is not None:
            usage = Usage(input_tokens=self._context.input_estimate)
        return self._chunk({"candidates": [candidate], **about(self._context, usage)})

    def _end(self) -> bytes:
        held = self._parts([wire for _, wire in self._writer.finish()])
        content = {"parts": [{"text": ""}], "role": "model"}
        last = last_of(content, self._spoken, self._writer, self._finish)
        written = held + self._chunk(last | about(self._context, self._usage))
        self._over = True
        return written if self._context.sse else written + b"]"

    def _chunk(self, chunk: dict[str, Any]) -> bytes:
        data = text_json.dumps(chunk)
        if self._context.sse:
            return b"data: " + data + b"\r\n\r\n"
        return self._element(data)

    def _element(self, data: bytes) -> bytes:
        before = b",\r\n" if self._started else b"["
        self._started = True
        return before + data

    def _fail(self, failure: Failure) -> bytes:
        """The error as the API writes it inside a stream. Calls that are not complete are lost."""
        self._over = True
        if self._context.sse:
            return render_stream_failure(failure, self._context.error_id)
        return self._element(render_failure(failure, self._context.error_id)) + b"]"


def stream_encoder(context: ReplyContext) -> ChunkStream:
    return ChunkStream(context)
