"""A Messages stream, read into every part of the answer.

`message_start`, then blocks by their index, `message_delta`, `message_stop`. Blocks may be open
side by side for all that this reader cares; one that was never closed is closed at the end. What
comes at once is told at once: redacted thinking, a search with what it found, a block that only
this dialect knows. A search is a `server_tool_use` and, later, its `web_search_tool_result`; it is
told when the result comes, and without one when the message stops.

Tolerated: input that stands in the block's start and in no delta, deltas without a start, several
`message_delta` with a stop reason (the first counts), `end_turn` after a call, unknown events. A
message that is named only after something was said of it has no name: Begun comes first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from translators import text_json
from translators.anthropic.citations import OWN, read_citation, read_search
from translators.anthropic.observed import begun_of, finish_of
from translators.anthropic.usage import merge, read_usage
from translators.canonical.finish import Finish, Reason
from translators.canonical.parts import Opaque, Part, Reasoning, Refusal, Text, ToolCall
from translators.canonical.sealed import Sealed
from translators.canonical.stream import (
    Ended,
    Finished,
    Metered,
    PartBegun,
    PartCited,
    PartDelta,
    PartEnded,
    PartWhole,
    Streamed,
    StreamEvent,
)
from translators.canonical.usage import Usage
from translators.fields import inner, text

_WEB_SEARCH = "web_search"
_RESULT = "web_search_tool_result"


@dataclass(slots=True)
class _Open:
    """A block that is being read. `key` is the part's, where it is told in pieces. `data` is what
    the start of another block held; `pieces` is its input as JSON text."""

    key: int | None = None
    given: object = None  # a call's input, as its block's start had it
    written: bool = False  # a delta has come
    seal: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    pieces: list[str] = field(default_factory=list)


class AnswerReader:
    """Reads one message, event by event. Whatever the event holds, nothing is raised."""

    __slots__ = (
        "_begun", "_called", "_figures", "_finish", "_issuer", "_key", "_open", "_searches",
        "_usage",
    )  # fmt: skip

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._begun = False
        self._key = -1
        self._open: dict[object, _Open] = {}
        self._searches: dict[str, Mapping[str, Any]] = {}  # asked, with no result yet
        self._figures: dict[str, Any] = {}
        self._usage: Usage | None = None
        self._finish: Finish | None = None
        self._called = False

    # ----------------------------------------------------------------------------- the message

    def start(self, message: Mapping[str, Any]) -> list[StreamEvent]:
        """`message_start`. Some upstreams put content into it; a whole answer has all of it."""
        events: list[StreamEvent] = []
        untold = self._key < 0 and self._usage is None and self._finish is None
        if untold and not self._begun and (begun := begun_of(message)) is not None:
            self._begun = True
            events.append(begun)
        events += self._meter(message.get("usage"))
        content = message.get("content")
        for place, block in enumerate(content if isinstance(content, list) else ()):
            events += self.block_start(("whole", place), block)
            events += self.block_stop(("whole", place))
        return events

    def delta(self, delta: Mapping[str, Any], usage: object) -> list[StreamEvent]:
        """`message_delta`."""
        events = self._meter(usage)
        finish = finish_of(delta)
        if finish is None or self._finish is not None:
            return events
        events += self._close_all()
        if finish.unified is Reason.STOP and self._called:
            finish = Finish(Reason.TOOL_CALLS, finish.raw)
        explanation = text(inner(delta.get("stop_details")).get("explanation"))
        if finish.unified is Reason.REFUSAL and explanation:
            events.append(self._whole(Refusal(explanation)))
        self._finish = finish
        return [*events, Finished(finish)]

    def stop(self) -> list[StreamEvent]:
        """`message_stop`."""
        return [*self._close_all(), Ended()]

    def _close_all(self) -> list[StreamEvent]:
        events = [event for index in list(self._open) for event in self.block_stop(index)]
        for call_id, given in self._searches.items():
            events.append(self._whole(read_search(call_id, given, None, self._sealed)))
        self._searches.clear()
        return events

    def _meter(self, figures: object) -> list[StreamEvent]:
        self._figures = merge(self._figures, inner(figures))
        usage = read_usage(self._figures)
        if usage is None or usage == self._usage:
            return []
        self._usage = usage
        return [Metered(usage)]

    # -------------------------------------------------------------------------------- its parts

    def _sealed(self, payload: str) -> Sealed:
        return Sealed(self._issuer, payload)

    def _whole(self, part: Part) -> PartWhole:
        self._key += 1
        return PartWhole(self._key, part)

    def _begin(self, index: object, part: Streamed) -> PartBegun:
        self._key += 1
        self._open[index] = _Open(self._key)
        return PartBegun(self._key, part)

    def block_start(self, index: object, block: object) -> list[StreamEvent]:
        """`content_block_start`."""
        events = self.block_stop(index) if index in self._open else []
        content = inner(block)
        kind = content.get("type")
        if kind == "text":
            return [*events, *self._text_start(index, content)]
        if kind == "thinking":
            return [*events, *self._thinking_start(index, content)]
        if kind == "tool_use":
            return [*events, *self._call_start(index, content)]
        if kind == "redacted_thinking":
            data = text(content.get("data"))
            sealed = self._sealed(data) if data else None
            return [*events, self._whole(Reasoning("", sealed, redacted=True))]
        if kind == _RESULT:
            return [*events, self._search_result(content)]
        if isinstance(kind, str):
            self._open[index] = _Open(data=dict(content))
        return events

    def _text_start(self, index: object, content: Mapping[str, Any]) -> list[StreamEvent]:
        events: list[StreamEvent] = [self._begin(index, Text(""))]
        if said := text(content.get("text")):
            events.append(PartDelta(self._key, said))
        citations = content.get("citations")
        for one in citations if isinstance(citations, list) else ():
            if (citation := read_citation(one)) is not None:
                events.append(PartCited(self._key, citation))
        return events

    def _thinking_start(self, index: object, content: Mapping[str, Any]) -> list[StreamEvent]:
        events: list[StreamEvent] = [self._begin(index, Reasoning(""))]
        self._open[index].seal = text(content.get("signature")) or ""
        if thought := text(content.get("thinking")):
            events.append(PartDelta(self._key, thought))
        return events

    def _call_start(self, index: object, content: Mapping[str, Any]) -> list[StreamEvent]:
        self._called = True
        call = ToolCall(text(content.get("id")) or "", text(content.get("name")) or "", "")
        begun = self._begin(index, call)
        self._open[index].given = content.get("input")
        return [begun]

    def _search_result(self, content: Mapping[str, Any]) -> StreamEvent:
        call_id = text(content.get("tool_use_id")) or ""
        given = self._searches.pop(call_id, {})
        return self._whole(read_search(call_id, given, content, self._sealed))

    def block_delta(self, index: object, delta: Mapping[str, Any]) -> list[StreamEvent]:
        """`content_block_delta`."""
        block = self._open.get(index)
        if block is None:
            return self._delta_without_start(index, delta)
        if block.key is None:
            _gather(block, delta)
            return []
        if said := _said(delta):  # nearly all of a stream
            block.written = True
            return [PartDelta(block.key, said)]
        kind = delta.get("type")
        if kind == "signature_delta":
            block.seal = text(delta.get("signature")) or block.seal
        elif kind == "citations_delta":
            citation = read_citation(delta.get("citation"))
            return [PartCited(block.key, citation)] if citation is not None else []
        return []

    def _delta_without_start(self, index: object, delta: Mapping[str, Any]) -> list[StreamEvent]:
        """Text and thinking explain themselves; a call without its name does not."""
        opened_by = _OPENED_BY.get(str(delta.get("type")))
        if opened_by is None or not _said(delta):
            return []
        begun = self._begin(index, opened_by())
        return [begun, *self.block_delta(index, delta)]

    def block_stop(self, index: object) -> list[StreamEvent]:
        """`content_block_stop`."""
        block = self._open.pop(index, None)
        if block is None:
            return []
        if block.key is None:
            return self._other_stop(block)
        events: list[StreamEvent] = []
        if not block.written and block.given and isinstance(block.given, dict | str):
            given = block.given if isinstance(block.given, str) else text_json.text(block.given)
            events.append(PartDelta(block.key, given))
        return [*events, PartEnded(block.key, self._sealed(block.seal) if block.seal else None)]

    def _other_stop(self, block: _Open) -> list[StreamEvent]:
        data = block.data
        if block.pieces:
            data["input"] = _parsed("".join(block.pieces))
        call_id = text(data.get("id"))
        if data["type"] == "server_tool_use" and data.get("name") == _WEB_SEARCH and call_id:
            self._searches[call_id] = inner(data.get("input"))
            return []
        return [self._whole(Opaque(OWN, data["type"], data))]


_OPENED_BY: dict[str, Callable[[], Streamed]] = {
    "text_delta": lambda: Text(""),
    "thinking_delta": lambda: Reasoning(""),
}
_SAID_IN = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
}


def _said(delta: Mapping[str, Any]) -> str | None:
    """The piece of text, of thinking, or of a call's input that a delta holds."""
    kind = delta.get("type")
    name = _SAID_IN.get(kind) if isinstance(kind, str) else None
    return text(delta.get(name)) if name is not None else None


def _gather(block: _Open, delta: Mapping[str, Any]) -> None:
    """A delta of a block that is told whole: a piece of its input, or fields of it."""
    if delta.get("type") == "input_json_delta":
        block.pieces.append(text(delta.get("partial_json")) or "")
        return
    for name, value in delta.items():
        if name != "type" and value is not None:
            block.data[name] = value


def _parsed(json_text: str) -> Any:
    """A block's input. What is no JSON stays the text that it is."""
    try:
        return text_json.loads(json_text) if json_text else {}
    except (ValueError, RecursionError):
        return json_text
