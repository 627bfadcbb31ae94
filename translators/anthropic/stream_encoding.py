"""An answer as a Messages stream: exactly the events that Anthropic's own server sends.

    message_start (content_block_start content_block_delta* content_block_stop)* message_delta
    message_stop

One block is open at a time and indexes count from 0 without gaps. A block of text or of thinking
begins with its first piece, so that nothing empty is sent; a call begins when it is named. The
signature comes last in its block. `message_start` has the estimate of the input, `message_delta`
the figures that count. An error, or an upstream that broke off, is an `error` event, and nothing
follows it.

Nearly all of a stream is deltas: the bytes around a piece are put together once for each block.
"""

from enum import StrEnum
from typing import Any, assert_never

import orjson

from translators.anthropic.citations import wrapped, written_citations
from translators.anthropic.failure import render_stream_failure
from translators.anthropic.request_encoding_blocks import RAW_ARGUMENTS
from translators.anthropic.response import message_id
from translators.anthropic.response_blocks import AnswerBlocks, Block
from translators.anthropic.usage import write_delta_usage, write_usage
from translators.canonical.failure import Failure, Kind
from translators.canonical.finish import Finish
from translators.canonical.loss import Loss, unique
from translators.canonical.parts import Reasoning, Refusal, Text, ToolCall, ToolKind
from translators.canonical.reply import ReplyContext
from translators.canonical.sealed import Sealed
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
from translators.fields import inner
from translators.ordering import OneAtATime
from translators.protocol import NotUnderstood
from translators.text_json import dumps

PING = b'event: ping\ndata: {"type": "ping"}\n\n'
BROKEN_OFF = Failure(Kind.UPSTREAM, "The upstream broke off before its answer was complete.")


# Free text that a call is made with, as the object that an input must be.
_FREE_HEAD, _FREE_TAIL = '{"input":"', '"}'


class _Phase(StrEnum):
    WAITING = "waiting"  # nothing was said
    STARTED = "started"  # message_start was
    OVER = "over"


class MessagesStreamEncoder:
    """Events in, bytes out; see StreamEncoder."""

    def __init__(self, context: ReplyContext) -> None:
        self._context = context
        self._order = OneAtATime()
        self._blocks = AnswerBlocks(context.seed)
        self._phase = _Phase.WAITING
        self._index = -1  # of the latest block
        self._part: Streamed | None = None  # the open part
        self._delta: bytes | None = None  # what stands before a piece of it; None: no block yet
        self._is_free = False  # the open part is a call with free text
        self._is_unheard = False  # it is a call whose arguments have not begun
        self._usage = Usage()
        self._finish: Finish | None = None

    @property
    def content_type(self) -> str:
        return "text/event-stream; charset=utf-8"

    @property
    def losses(self) -> tuple[Loss, ...]:
        return unique(self._blocks.losses)

    def ping(self) -> bytes:
        return PING

    def write(self, event: StreamEvent) -> bytes:
        try:
            return b"".join(self._write(each) for each in self._order.feed(event))
        except RecursionError:
            raise NotUnderstood("A part of the answer is nested too deeply.") from None

    def _write(self, event: StreamEvent) -> bytes:
        if self._phase is _Phase.OVER:
            return b""
        match event:
            case PartDelta():
                return self._piece(event.text)
            case PartBegun() | PartCited() | PartEnded() | PartWhole():
                return self._start() + self._of_part(event)
            case Begun():
                return self._start()
            case Metered() | Finished() | Generated():
                self._note(event)
                return b""
            case Ended():
                return self._start() + self._end()
            case Failed() | Truncated():
                return self._fail(event.failure if isinstance(event, Failed) else BROKEN_OFF)
            case _:
                assert_never(event)

    def _note(self, event: Metered | Finished | Generated) -> None:
        """What is said of the answer at its end."""
        if isinstance(event, Metered):
            self._usage = self._usage.merged(event.usage)
        elif isinstance(event, Finished):
            self._finish = event.finish

    # ------------------------------------------------------------------------------ the message

    def _start(self) -> bytes:
        if self._phase is not _Phase.WAITING:
            return b""
        self._phase = _Phase.STARTED
        estimated = Usage(input_tokens=self._context.input_estimate).merged(self._usage)
        message: Block = {
            "model": self._context.model,
            "id": message_id(self._context),
            "type": "message",
            "role": "assistant",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "stop_details": None,
            "usage": write_usage(estimated),
        }
        return _event("message_start", {"message": message})

    def _end(self) -> bytes:
        self._phase = _Phase.OVER
        asked = inner(self._context.echo).get("stop_sequences")
        last = {
            "delta": self._blocks.stop(self._finish, asked),
            "usage": write_delta_usage(self._usage),
        }
        return _event("message_delta", last) + _event("message_stop", {})

    def _fail(self, failure: Failure) -> bytes:
        self._phase = _Phase.OVER
        named = self._context.request_id or f"req_{self._context.seed}"
        return render_stream_failure(failure, named)

    # -------------------------------------------------------------------------------- its blocks

    def _of_part(self, event: PartBegun | PartCited | PartEnded | PartWhole) -> bytes:
        match event:
            case PartBegun():
                return self._begin(event.part)
            case PartCited():
                return self._cite(event)
            case PartEnded():
                return self._end_part(event.sealed)
            case PartWhole():
                blocks = self._blocks.blocks(event.part)
                return b"".join(self._whole(block) for block in blocks)
            case _:
                assert_never(event)

    def _begin(self, part: Streamed) -> bytes:
        self._blocks.saw(part)
        self._part = part
        self._delta = None
        self._is_free = isinstance(part, ToolCall) and part.kind is ToolKind.FREEFORM
        self._is_unheard = isinstance(part, ToolCall) and not self._is_free
        return self._open() if isinstance(part, ToolCall) else b""

    def _open(self) -> bytes:
        """Begins the block of the open part."""
        part = self._part
        match part:
            case Text() | Refusal() | None:
                block, kind, slot = {"type": "text", "text": ""}, "text_delta", "text"
            case Reasoning():
                block = {"type": "thinking", "thinking": "", "signature": ""}
                kind, slot = "thinking_delta", "thinking"
            case ToolCall():
                call = {"type": "tool_use", "id": part.id, "name": part.name, "input": {}}
                started = self._started(call)
                self._delta = _before(self._index, "input_json_delta", "partial_json")
                return started + self._raw_piece(_FREE_HEAD if self._is_free else "")
            case _:
                assert_never(part)
        started = self._started(block)
        self._delta = _before(self._index, kind, slot)
        return started

    def _started(self, block: Block) -> bytes:
        self._index += 1
        return _event("content_block_start", {"index": self._index, "content_block": block})

    def _piece(self, said: str) -> bytes:
        opened = b"" if self._delta is not None else self._open()
        if self._is_unheard:
            said = said.lstrip()  # white space alone is no JSON, which the SDKs read as it grows
            if not said:
                return opened
            opened += self._heard(said)
        return opened + self._raw_piece(_escaped(said) if self._is_free else said)

    def _heard(self, said: str) -> bytes:
        """Arguments that do not begin as an object are none: they go as the free text that they
        are, as in a whole answer."""
        self._is_unheard = False
        if said[0] == "{":
            return b""
        self._blocks.losses.append(RAW_ARGUMENTS)
        self._is_free = True
        return self._raw_piece(_FREE_HEAD)

    def _raw_piece(self, said: str) -> bytes:
        assert self._delta is not None
        return self._delta + orjson.dumps(said) + b"}}\n\n"

    def _cite(self, event: PartCited) -> bytes:
        written = written_citations([event.citation], self._blocks.losses)
        opened = self._open() if written and self._delta is None else b""
        deltas = ({"type": "citations_delta", "citation": citation} for citation in written)
        return opened + b"".join(self._more(delta) for delta in deltas)

    def _end_part(self, sealed: Sealed | None) -> bytes:
        part, self._part = self._part, None
        written = b""
        carried: list[Block] = []
        if isinstance(part, Reasoning) and sealed is not None:
            written = self._sign(wrapped(sealed))
        elif isinstance(part, ToolCall):
            written = self._raw_piece(_FREE_TAIL) if self._is_free else b""
            carried = self._blocks.seal_of_call(sealed)
        else:
            self._blocks.seal_of_text(sealed)
        if self._delta is not None:
            self._delta = None
            written += self._stopped()
        return written + b"".join(self._whole(block) for block in carried)

    def _sign(self, signature: str) -> bytes:
        """The signature of thinking, also of thinking that is not shown."""
        opened = b""
        if self._delta is None:
            opened = self._started({"type": "thinking", "thinking": "", "signature": ""})
            self._delta = b""
        return opened + self._more({"type": "signature_delta", "signature": signature})

    def _more(self, delta: Block) -> bytes:
        return _event("content_block_delta", {"index": self._index, "delta": delta})

    def _stopped(self) -> bytes:
        return _event("content_block_stop", {"index": self._index})

    def _whole(self, block: Block) -> bytes:
        """A block that came at once, told as the server tells it: begun empty, then its content."""
        begun, deltas = _spelled(block)
        started = self._started(begun)
        return started + b"".join(self._more(delta) for delta in deltas) + self._stopped()


def _spelled(block: Block) -> tuple[Block, list[Block]]:
    """A block's beginning, and the deltas that complete it."""
    match block["type"]:
        case "text":
            said = [{"type": "text_delta", "text": block["text"]}] if block["text"] else []
            cited = block.get("citations") or []
            citations = [{"type": "citations_delta", "citation": one} for one in cited]
            return {"type": "text", "text": ""}, said + citations
        case "thinking":
            thought = {"type": "thinking_delta", "thinking": block["thinking"]}
            signed = {"type": "signature_delta", "signature": block["signature"]}
            deltas = [*([thought] if block["thinking"] else []), signed]
            return {"type": "thinking", "thinking": "", "signature": ""}, deltas
        case "tool_use" | "server_tool_use":
            given = dumps(block["input"]).decode() if block.get("input") else ""
            pieces = ["", given] if given else [""]
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
            return {**block, "input": {}}, deltas
        case _:
            return block, []


def _escaped(said: str) -> str:
    """A piece of text inside of a JSON string."""
    return orjson.dumps(said)[1:-1].decode()


def _before(index: int, kind: str, slot: str) -> bytes:
    """The bytes of a delta before its text, for text that is written behind it as JSON."""
    head = f'{{"type":"content_block_delta","index":{index},"delta":{{"type":"{kind}","{slot}":'
    return b"event: content_block_delta\ndata: " + head.encode()


def _event(name: str, content: dict[str, Any]) -> bytes:
    data = dumps({"type": name, **content})
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
