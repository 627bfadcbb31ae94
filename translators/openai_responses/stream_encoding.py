"""An answer written as the stream that OpenAI's own server would send.

Every event is typed and numbered without a gap; the terminal event carries the whole response, with
everything that the events before it told. Items may stand open side by side, so nothing is held
back, save the calls of built-in tools, whose items hold what their arguments mean. There is no
`[DONE]`. A stream that failed ends with `error` and `response.failed` and nothing after them.
"""

from dataclasses import replace
from enum import StrEnum
from typing import Any, assert_never

from translators.canonical.failure import Failure, Kind
from translators.canonical.finish import Finish, Reason
from translators.canonical.loss import Loss, LossKind, Neutral, of_part, unique
from translators.canonical.parts import (
    Inline,
    Media,
    MediaKind,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    SearchCall,
    Text,
    ToolCall,
    ToolResult,
)
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
    StreamEvent,
    Truncated,
)
from translators.canonical.usage import Usage
from translators.openai_responses import builtin, seals
from translators.openai_responses.citations import is_sayable
from translators.openai_responses.echo import envelope
from translators.openai_responses.failure import failed_events, response_error
from translators.openai_responses.output_items import (
    OpenCall,
    OpenMessage,
    OpenReasoning,
    OpenText,
    Output,
)
from translators.openai_responses.searches import search_item, wants_sources
from translators.openai_responses.usage import tool_usage_object, usage_object
from translators.openai_responses.vocabulary import CONTENT, NAME, SPOKEN_FINISH
from translators.openai_responses.wire import Wire
from translators.protocol import StreamEncoder

BROKEN_OFF = Failure(Kind.UPSTREAM, "The upstream broke off its answer before the end.")
GAVE_UP = Failure(Kind.UPSTREAM, "The model failed to generate a response.")

_SEARCH_STEPS = ("in_progress", "searching", "completed")
_IMAGE_STEPS = ("in_progress", "generating", "completed")


_State = Begun | Generated | Metered | Finished | Ended | Failed | Truncated


class Phase(StrEnum):
    NEW = "new"  # nothing was written
    OPEN = "open"
    OVER = "over"  # a terminal event was written: nothing may follow


class Waiting:
    """A part that is not written yet: a text without words, or the call of a built-in tool."""

    def __init__(self, part: Text | Refusal | ToolCall) -> None:
        self.part = part
        self.pieces: list[str] = []
        self.citations: list[PartCited] = []


_OpenPart = OpenText | OpenReasoning | OpenCall | Waiting


class ResponsesEncoder:
    """Events of an answer in, bytes of the client's stream out."""

    content_type = "text/event-stream; charset=utf-8"

    def __init__(self, context: ReplyContext, silent: bool = False) -> None:
        self._wire = Wire(silent)
        self._output = Output(self._wire, context.seed)
        self._envelope = envelope(context)
        self._with_sources = wants_sources(context.echo)
        self._open: dict[int, _OpenPart] = {}
        self._message: OpenMessage | None = None
        self._losses: list[Loss] = []
        self._usage: Usage | None = None
        self._finish: Finish | None = None
        self._refused = False
        self._phase = Phase.NEW
        self.final: dict[str, Any] = {}  # the response object of the terminal event

    @property
    def losses(self) -> tuple[Loss, ...]:
        return unique(self._losses)

    def ping(self) -> bytes:
        return b"" if self._phase is Phase.OVER else b": ping\n\n"

    def write(self, event: StreamEvent) -> bytes:
        if self._phase is Phase.OVER:
            return b""
        if self._phase is Phase.NEW:
            self._phase = Phase.OPEN
            for name in ("response.created", "response.in_progress"):
                self._wire.event(name, response=self._envelope)
        self._take(event)
        return self._wire.taken()

    def _take(self, event: StreamEvent) -> None:
        match event:
            case PartBegun():
                self._begin(event)
            case PartDelta():
                self._add(event)
            case PartCited():
                self._cite(event)
            case PartEnded():
                self._end(event.key, event.sealed)
            case PartWhole():
                self._whole(event.part)
            case _:
                self._take_state(event)

    def _take_state(self, event: _State) -> None:
        match event:
            case Metered():
                self._usage = self._usage.merged(event.usage) if self._usage else event.usage
            case Finished():
                self._finish = event.finish
            case Ended():
                self._close()
            case Failed():
                self._fail(event.failure)
            case Truncated():
                self._fail(BROKEN_OFF)
            case Begun() | Generated():
                pass  # what is to be said of them has been said
            case _:
                assert_never(event)

    # ---------------------------------------------------------------------------------------- parts

    def _begin(self, event: PartBegun) -> None:
        part = event.part
        match part:
            case Text() | Refusal():
                self._open[event.key] = Waiting(part)
            case Reasoning():
                self._leave_message()
                self._open[event.key] = OpenReasoning(self._output)
            case ToolCall():
                if part.origin in builtin.TOOLS:
                    self._open[event.key] = Waiting(part)
                else:
                    self._leave_message()
                    self._open[event.key] = OpenCall(self._output, part)
            case _:
                assert_never(part)

    def _add(self, event: PartDelta) -> None:
        part = self._open[event.key]
        if not isinstance(part, Waiting):
            part.add(event.text)
            return
        if isinstance(part.part, ToolCall):
            part.pieces.append(event.text)
            return
        if not event.text:
            return
        opened = self._open[event.key] = self._text(part.part)
        for cited in part.citations:
            opened.cite(cited.citation)
        opened.add(event.text)

    def _text(self, part: Text | Refusal) -> OpenText:
        refusal = isinstance(part, Refusal)
        self._refused = self._refused or refusal
        if self._message is None:
            self._message = OpenMessage(self._output)
        return OpenText(self._output, self._message, refusal)

    def _cite(self, event: PartCited) -> None:
        if not is_sayable(event.citation):
            self._losses.append(Loss(Neutral.CITATIONS, LossKind.DROPPED, "of no web page"))
            return
        part = self._open[event.key]
        if isinstance(part, OpenText):
            part.cite(event.citation)
        elif isinstance(part, Waiting):
            part.citations.append(event)

    def _end(self, key: int, sealed: Sealed | None) -> None:
        part = self._open.pop(key)
        match part:
            case OpenReasoning():
                part.end(seals.of_reasoning(sealed, redacted=False))
                return
            case OpenText() | OpenCall():
                part.end()
            case Waiting():
                if isinstance(part.part, ToolCall):
                    self._built_in(part.part, "".join(part.pieces))
            case _:
                assert_never(part)
        if sealed is not None:
            self._seal_behind(sealed)

    def _leave_message(self) -> None:
        """Another item comes: texts after it belong to a message of their own."""
        if self._message is not None:
            self._message.left = True
            self._message.close_if_over()
            self._message = None

    def _seal_behind(self, sealed: Sealed) -> None:
        self._leave_message()
        OpenReasoning(self._output).end(seals.of_part_before(sealed))

    # ---------------------------------------------------------------------------------- whole parts

    def _whole(self, part: Part) -> None:
        match part:
            case Reasoning():
                self._leave_message()
                self._reasoned(part)
            case SearchCall():
                self._leave_message()
                self._searched(part)
            case Media():
                self._pictured(part)
            case Opaque():
                self._opaque(part)
            case ToolResult():
                self._losses.append(Loss(of_part(part), LossKind.DROPPED))
            case Text() | Refusal() | ToolCall():
                self._at_once(part)
            case _:
                assert_never(part)

    def _at_once(self, part: Text | Refusal | ToolCall) -> None:
        """A part that could have come in pieces. No key is below zero, so this one is free."""
        match part:
            case Text(text=text):
                head: Text | Refusal | ToolCall = Text("")
            case Refusal(text=text):
                head = Refusal("")
            case ToolCall(arguments=text):
                head = replace(part, arguments="", sealed=None)
        self._begin(PartBegun(-1, head))
        if text:
            self._add(PartDelta(-1, text))
        if isinstance(part, Text):
            for citation in part.citations:
                self._cite(PartCited(-1, citation))
        self._end(-1, None if isinstance(part, Refusal) else part.sealed)

    def _reasoned(self, part: Reasoning) -> None:
        opened = OpenReasoning(self._output)
        if part.text:
            opened.add(part.text)
        opened.end(seals.of_reasoning(part.sealed, part.redacted))

    def _built_in(self, call: ToolCall, arguments: str) -> None:
        self._leave_message()
        kind = str(call.origin)
        item = builtin.call_item(replace(call, arguments=arguments), kind)
        begun = item | {"status": "in_progress"}
        self._output.whole(builtin.ID_PREFIXES[kind], begun, item)

    def _searched(self, part: SearchCall) -> None:
        if any(found.sealed is not None for found in part.found):
            self._losses.append(Loss(Neutral.SEARCH_FOUND, LossKind.UNSEALED))
        item = search_item(part, self._with_sources and bool(part.found))
        begun = item | {"status": "in_progress"}
        steps = _SEARCH_STEPS[:2] if part.error else _SEARCH_STEPS
        names = tuple(f"response.web_search_call.{step}" for step in steps)
        own = part.id if part.id.startswith("ws_") else None
        self._output.whole("ws", begun, item, names, item_id=own)

    def _pictured(self, part: Media) -> None:
        if part.kind is not MediaKind.IMAGE or not isinstance(part.source, Inline):
            self._losses.append(Loss(of_part(part), LossKind.DROPPED))
            return
        self._leave_message()
        item: dict[str, Any] = {
            "type": "image_generation_call",
            "status": "completed",
            "result": part.source.base64,
        }
        if part.media_type is not None:
            item["output_format"] = part.media_type.rpartition("/")[2]
        begun = {"type": "image_generation_call", "status": "in_progress", "result": None}
        names = tuple(f"response.image_generation_call.{step}" for step in _IMAGE_STEPS)
        self._output.whole("ig", begun, item, names)
        if part.sealed is not None:
            self._seal_behind(part.sealed)

    def _opaque(self, part: Opaque) -> None:
        """An item of this very dialect goes on as it is; its id is its own."""
        if part.issuer != NAME or part.type.startswith(CONTENT):
            self._losses.append(Loss(of_part(part), LossKind.DROPPED))
            return
        self._leave_message()
        item_id = part.data.get("id")
        item = {name: value for name, value in part.data.items() if name != "id"}
        own = item_id if isinstance(item_id, str) and item_id else None
        self._output.whole("item", item, item, item_id=own)

    # -------------------------------------------------------------------------------------- endings

    def _response(self, status: str, reason: str | None) -> dict[str, Any]:
        response = self._envelope | {
            "status": status,
            "incomplete_details": {"reason": reason} if reason else None,
            "output": self._output.finished,
        }
        if self._usage is not None:
            response["usage"] = usage_object(self._usage)
            if (tools := tool_usage_object(self._usage)) is not None:
                response["tool_usage"] = tools
        return response

    def _close(self) -> None:
        for key in list(self._open):
            self._end(key, None)
        self._leave_message()
        unified = self._finish.unified if self._finish is not None else Reason.STOP
        if unified is Reason.ERROR:
            self._fail(GAVE_UP)
            return
        status, reason = SPOKEN_FINISH[unified]
        if unified is Reason.REFUSAL and self._refused:
            status, reason = "completed", None  # its own words say it
        self._phase = Phase.OVER
        self.final = self._response(status, reason)
        self._wire.event(f"response.{status}", response=self.final)

    def _fail(self, failure: Failure) -> None:
        self._phase = Phase.OVER
        response = self._response("failed", None)
        self.final = response | {"error": response_error(failure)}
        self._wire.raw(failed_events(failure, self._wire.number, response), 2)


def stream_encoder(context: ReplyContext) -> StreamEncoder:
    """The encoder of one answer's stream."""
    return ResponsesEncoder(context)
