"""A stream, written as OpenAI's server writes it.

A chunk with the role, chunks with one delta each, a chunk with the finish reason, the usage if it
was asked for, `[DONE]`. The finish waits for the end of the upstream's stream, so that an answer
that breaks off late has none: it ends with an error object and without `[DONE]`.

What is the same in all chunks is put into bytes once. Sources of a text come together in one chunk
at the end, as the vendor's SDK can add up a list without places only once.
"""

from typing import Any, assert_never

from translators import text_json
from translators.canonical.failure import Failure, Kind
from translators.canonical.finish import Finish, Reason
from translators.canonical.loss import Loss, unique
from translators.canonical.parts import (
    Citation,
    Media,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    SearchCall,
    Text,
    ToolCall,
    ToolKind,
    ToolResult,
)
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
    Streamed,
    StreamEvent,
    Truncated,
)
from translators.canonical.usage import Usage
from translators.openai_chat.failure import render_stream_failure
from translators.openai_chat.reasoning import SHOWN
from translators.openai_chat.response_encoding import UNCITED, unsayable
from translators.openai_chat.response_parts import (
    JOINT,
    annotation,
    call_object,
    carried_signature,
    completion_id,
    finish_word,
    picture,
)
from translators.openai_chat.usage import write_usage
from translators.openai_chat.vocabulary import NAME
from translators.protocol import StreamEncoder

BROKEN_OFF = Failure(Kind.UPSTREAM, "The upstream broke off its answer.")
GONE_WRONG = Failure(Kind.UPSTREAM, "The upstream ended its answer because of an error.")
_DONE = b"data: [DONE]\n\n"
_PING = b": ping\n\n"


class _Open:
    """A part that is being written. `head` and `tail` stand around each delta's JSON text."""

    __slots__ = ("citations", "empty", "head", "index", "part", "start", "tail")

    def __init__(self, part: Streamed, start: int) -> None:
        self.part = part
        self.start = start  # where a text begins, in characters of all texts
        self.empty = True
        self.index = 0  # of a call
        self.head = b""
        self.tail = b""
        self.citations: list[Citation] = []


class ChatEncoder:
    """See translators/protocol.py, StreamEncoder."""

    def __init__(self, context: ReplyContext) -> None:
        self._error_id = context.error_id
        self._shows = context.show_reasoning
        self._with_usage = context.include_usage
        base = {
            "id": completion_id(context.seed),
            "object": "chat.completion.chunk",
            "created": context.created_at_s,
            "model": context.model,
            "system_fingerprint": None,
        }
        self._base = b"data: " + text_json.dumps(base)[:-1]
        self._before = self._base + b',"choices":[{"index":0,"delta":'
        rest = b',"usage":null}\n\n' if self._with_usage else b"}\n\n"
        self._after = b',"logprobs":null,"finish_reason":null}]' + rest
        self._rest = rest
        self._opened = False
        self._over = False
        self._parts: dict[int, _Open] = {}
        self._calls = 0
        self._pictures = 0
        self._length = 0  # characters of all texts
        self._apart = False  # something stood after the last text
        self._thought = False  # some reasoning has been shown
        self._refused = False
        self._annotations: list[dict[str, Any]] = []
        self._finish: Finish | None = None
        self._usage: Usage | None = None
        self._losses: list[Loss] = []

    @property
    def content_type(self) -> str:
        return "text/event-stream; charset=utf-8"

    @property
    def losses(self) -> tuple[Loss, ...]:
        return unique(self._losses)

    def ping(self) -> bytes:
        return _PING

    def write(self, event: StreamEvent) -> bytes:
        if self._over:
            return b""
        match event:
            case PartDelta(key, text):
                return self._say(self._parts[key], text)
            case Begun():
                return self._begin()
            case PartBegun(key, part):
                return self._open(key, part)
            case PartCited(key, citation):
                self._parts[key].citations.append(citation)
                return b""
            case PartEnded(key):
                return self._close(self._parts.pop(key), event)
            case PartWhole(_, part):
                return self._whole(part)
            case _:
                return self._state(event)

    def _state(self, event: Generated | Metered | Finished | Failed | Ended | Truncated) -> bytes:
        match event:
            case Generated():
                return b""
            case Metered(usage):
                self._usage = self._usage.merged(usage) if self._usage else usage
                return b""
            case Finished(finish):
                self._finish = finish
                return b""
            case Ended():
                return self._end()
            case Failed(failure):
                return self._fail(failure)
            case Truncated():
                return self._fail(BROKEN_OFF)
            case _:
                assert_never(event)

    # --------------------------------------------------------------------------------- chunks

    def _begin(self) -> bytes:
        if self._opened:
            return b""
        self._opened = True
        return self._before + b'{"role":"assistant","content":"","refusal":null}' + self._after

    def _delta(self, delta: dict[str, Any]) -> bytes:
        return self._begin() + self._before + text_json.dumps(delta) + self._after

    def _end(self) -> bytes:
        """The end of a complete answer. A finish that is an error would read as a success here."""
        if self._finish is not None and self._finish.unified is Reason.ERROR:
            return self._fail(GONE_WRONG)
        self._over = True
        chunks = [self._begin()]
        if self._annotations:
            chunks.append(self._delta({"annotations": self._annotations}))
        word = text_json.dumps(finish_word(self._finish, self._calls > 0))
        chunks.append(
            self._before + b'{},"logprobs":null,"finish_reason":' + word + b"}]" + self._rest
        )
        if self._with_usage and self._usage is not None:
            usage = text_json.dumps(write_usage(self._usage))
            chunks.append(self._base + b',"choices":[],"usage":' + usage + b"}\n\n")
        chunks.append(_DONE)
        return b"".join(chunks)

    def _fail(self, failure: Failure) -> bytes:
        self._over = True
        return render_stream_failure(failure, self._error_id)

    # ---------------------------------------------------------------------------------- parts

    def _open(self, key: int, part: Streamed) -> bytes:
        opened = self._parts[key] = _Open(part, self._length)
        self._apart = self._apart or not isinstance(part, Text)
        match part:
            case Text():
                self._frame(opened, b'{"content":', b"}")
            case Reasoning():
                self._frame(opened, f'{{"{SHOWN}":'.encode(), b"}")
            case Refusal():
                self._frame(opened, b'{"refusal":', b"}")
            case ToolCall():
                return self._open_call(opened, part)
            case _:
                assert_never(part)
        # A part that opens with a text says it as its first delta.
        return self._say(opened, part.text) if part.text else b""

    def _frame(self, opened: _Open, head: bytes, tail: bytes) -> None:
        opened.head, opened.tail = self._before + head, tail + self._after

    def _open_call(self, opened: _Open, call: ToolCall) -> bytes:
        opened.index, self._calls = self._calls, self._calls + 1
        function = call.kind is ToolKind.FUNCTION
        slot = b'"function":{"arguments":' if function else b'"custom":{"input":'
        head = b'{"tool_calls":[{"index":%d,' % opened.index + slot
        self._frame(opened, head, b"}}]}")
        opened.empty = not call.arguments
        return self._delta({"tool_calls": [{"index": opened.index, **call_object(call)}]})

    def _say(self, opened: _Open, text: str) -> bytes:
        if not text:
            return b""
        if opened.empty:
            return self._say_first(opened, text)
        if type(opened.part) is Text:
            self._length += len(text)
        elif type(opened.part) is Reasoning and not self._shows:
            return b""
        return opened.head + text_json.dumps(text) + opened.tail

    def _say_first(self, opened: _Open, text: str) -> bytes:
        """The first words of a part; where others stood before, apart from them."""
        opened.empty = False
        match opened.part:
            case Text():
                if self._apart and self._length:
                    text = JOINT + text
                    opened.start = self._length + len(JOINT)
                else:
                    opened.start = self._length
                self._apart = False
                self._length += len(text)
            case Reasoning():
                if not self._shows:
                    return b""
                text = JOINT + text if self._thought else text
                self._thought = True
            case Refusal():
                text = JOINT + text if self._refused else text
                self._refused = True
            case ToolCall():
                pass
        return self._begin() + opened.head + text_json.dumps(text) + opened.tail

    def _close(self, opened: _Open, event: PartEnded) -> bytes:
        for citation in opened.citations:
            made = annotation(citation, opened.start, self._length)
            if made is None:
                self._losses.append(UNCITED)
            else:
                self._annotations.append(made)
        if not isinstance(opened.part, ToolCall):
            return b""
        function = opened.part.kind is ToolKind.FUNCTION
        written = self._say(opened, "{}") if opened.empty and function else b""
        if event.sealed is None:
            return written
        slot = {"function": {"arguments": ""}} if function else {"custom": {"input": ""}}
        signed = {"index": opened.index, **slot, "extra_content": carried_signature(event.sealed)}
        return written + self._delta({"tool_calls": [signed]})

    def _whole(self, part: Part) -> bytes:
        """A part that comes at once: as its beginning, its text and its end, if it has a text."""
        self._apart = self._apart or not isinstance(part, Text)
        match part:
            case Text() | Refusal() | Reasoning() | ToolCall():
                if isinstance(part, Reasoning) and part.redacted:
                    return b""
                return self._at_once(part)
            case Media() if (made := picture(part, self._pictures)) is not None:
                self._pictures += 1
                return self._delta({"images": [made]})
            case Opaque(issuer, "audio", data) if issuer == NAME:
                return self._delta({"audio": dict(data)})
            case Media() | Opaque() | SearchCall() | ToolResult():
                self._losses.append(unsayable(part))
                return b""
            case _:
                assert_never(part)

    def _at_once(self, part: Streamed) -> bytes:
        key = -1
        begun = self._open(key, part)
        if isinstance(part, Text):
            self._parts[key].citations += part.citations
        sealed = part.sealed if isinstance(part, ToolCall) else None
        return begun + self._close(self._parts.pop(key), PartEnded(key, sealed))


def stream_encoder(context: ReplyContext) -> StreamEncoder:
    """A writer of this dialect's streams, one for each answer."""
    return ChatEncoder(context)
