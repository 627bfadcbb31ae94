"""An upstream's stream, every part of it.

Rules:
- a part begins with the first event that shows what it is: a call with its item, a text with its
  content part, reasoning with its first words or, if it shows none, with its seal;
- the seal of reasoning is the one of `output_item.done`: an earlier one may be another;
- several summaries of one item are one text, joined by a blank line;
- items that come whole (searches, images, what is not known here) are told at their end;
- the response of the terminal event is read for finish, usage and failure, and for the items that
  no event of their own told of: some upstreams send nothing else;
- an `error` is held back until `response.failed`, which has the usage, or the end of the bytes.
"""

from collections.abc import Callable
from typing import Any

import orjson

from translators.canonical.failure import Failure
from translators.canonical.parts import Part, Reasoning, Refusal, Text, ToolCall
from translators.canonical.response import unfold
from translators.canonical.stream import (
    Ended,
    Failed,
    PartWhole,
    Streamed,
    StreamEvent,
    Truncated,
)
from translators.fields import inner, text
from translators.openai_chat.failure import failure_inside
from translators.openai_responses import builtin
from translators.openai_responses.citations import read_citation
from translators.openai_responses.observed import Items, begun_of, outcome_of
from translators.openai_responses.open_parts import OpenParts, Place
from translators.openai_responses.response_decoding import (
    call_of,
    decode_response,
    parts_of,
    seal_of,
)
from translators.openai_responses.vocabulary import HEARD_ERRORS, TERMINAL
from translators.protocol import StreamDecoder
from translators.sse import SseParser
from translators.whole import WholeAnswerDecoder, is_json

Event = dict[str, Any]
Events = list[StreamEvent]

_GAP = "\n\n"  # between two summaries


class PartsDecoder:
    """`feed` bytes as they come; `close` when the upstream ended."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._sse = SseParser()
        self._parts = OpenParts()
        self._items = Items()
        self._slots: dict[int, int] = {}  # by output_index
        self._count = 0  # of items
        self._done: set[int] = set()  # items that were told to their end
        self._summaries: dict[
            int, set[tuple[str, int]]
        ] = {}  # by item: the summaries that were begun
        self._begun = False
        self._ended = False
        self._failure: Failure | None = None

    def feed(self, data: bytes) -> Events:
        events: Events = []
        for event in self._sse.feed(data):
            self._read(event.event, event.data, events)
        self._begun = self._begun or bool(events)
        return events

    def close(self) -> Events:
        events: Events = []
        for event in self._sse.close():
            self._read(event.event, event.data, events)
        if b'"error"' in self._sse.stray:  # bare JSON: how some upstreams break off a stream
            self._read(None, bytes(self._sse.stray), events)
        if not self._ended:
            self._ended = True
            events.append(Failed(self._failure) if self._failure else Truncated())
        return events

    def _read(self, name: str | None, data: bytes, events: Events) -> None:
        if self._ended:
            return
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError:
            return
        if not isinstance(event, dict):
            return
        kind = str(event.get("type") or name)
        if (read := _READERS.get(kind)) is not None:
            if self._failure is None:
                read(self, event, events)
        elif isinstance(response := event.get("response"), dict):
            self._response(kind, response, events)
        elif kind == "error" or event.get("error"):
            self._failure = self._failure or failure_inside(
                event.get("error") or event, HEARD_ERRORS
            )

    # --------------------------------------------------------------------------------- the response

    def _response(self, kind: str, response: Event, events: Events) -> None:
        # What was told already cannot begin any more.
        if not (self._begun or events) and (begun := begun_of(response)) is not None:
            events.append(begun)
        if kind not in TERMINAL:
            return
        self._ended = True
        response.setdefault("status", kind.removeprefix("response."))
        output = response.get("output")
        items = self._items
        if isinstance(output, list) and output:
            items = Items(output)
            self._untold(output, events)
        self._parts.end_all(events)
        outcome = outcome_of(response, items)
        failures = [event for event in outcome if isinstance(event, Failed)]
        events += [event for event in outcome if not isinstance(event, Failed)]
        if self._failure is not None:
            events.append(Failed(self._failure))
        else:
            events.append(failures[0] if failures else Ended())

    def _untold(self, output: list[Any], events: Events) -> None:
        """Items that no event of their own ended."""
        for place, item in enumerate(output):
            if place not in self._done and isinstance(item, dict):
                self._finish_item(place, item, events)

    # ---------------------------------------------------------------------------------------- items

    def item_added(self, event: Event, events: Events) -> None:
        """Only calls show at once what they are."""
        item = inner(event.get("item"))
        place = Place(self._new_slot(event))
        kind = str(item.get("type"))
        call = call_of(dict(item), kind)
        if call is not None and kind not in builtin.CALL_TYPES:
            self._parts.begin(place, _emptied(call), events)

    def _new_slot(self, event: Event) -> int:
        """Items are numbered as they come: some upstreams give two of them one output_index."""
        self._slots[_index(event, "output_index")] = self._count
        self._count += 1
        return self._count - 1

    def _slot(self, event: Event) -> int:
        found = self._slots.get(_index(event, "output_index"))
        return self._new_slot(event) if found is None else found

    def _place(self, event: Event) -> Place:
        return Place(self._slot(event), _index(event, "content_index"))

    def item_done(self, event: Event, events: Events) -> None:
        item = event.get("item")
        if isinstance(item, dict):
            self._items.note(item)
            self._finish_item(self._slot(event), item, events)

    def _finish_item(self, output: int, item: Event, events: Events) -> None:
        if output in self._done:
            return
        self._done.add(output)
        kind = str(item.get("type"))
        place = Place(output)
        if kind == "message":
            self._finish_message(output, item, events)
        elif kind == "reasoning":
            self._finish_reasoning(place, item, events)
        elif kind not in builtin.CALL_TYPES and (call := call_of(item, kind)) is not None:
            self._parts.begin(place, _emptied(call), events)
            self._parts.complete(place, call.arguments, events)
            self._parts.end(place, None, events)
        else:
            for part in parts_of(item, self._issuer):
                events.append(PartWhole(self._parts.key(), part))
        self._parts.end_item(output, events)

    def _finish_message(self, output: int, item: Event, events: Events) -> None:
        content = item.get("content")
        for index, piece in enumerate(content if isinstance(content, list) else ()):
            if inner(piece).get("type") == "reasoning_text":
                events += [PartWhole(self._parts.key(), p) for p in _pieces(piece, self._issuer)]
            else:
                self._finish_content(Place(output, index), piece, events)

    def _finish_reasoning(self, place: Place, item: Event, events: Events) -> None:
        for part in parts_of(item, self._issuer):
            if isinstance(part, Reasoning):
                self._parts.begin(place, Reasoning("", id=part.id), events)
                if place.output not in self._summaries:
                    self._parts.complete(place, part.text, events)
        self._parts.end(place, seal_of(item, self._issuer), events)

    # -------------------------------------------------------------------------------------- content

    def content_done(self, event: Event, events: Events) -> None:
        self._finish_content(self._place(event), event.get("part"), events)

    def _finish_content(self, place: Place, piece: object, events: Events) -> None:
        for part in _pieces(piece, self._issuer):
            match part:
                case Text():
                    self._parts.begin(place, Text(""), events)
                    self._parts.complete(place, part.text, events)
                    self._parts.complete_citations(place, part.citations, events)
                case Refusal():
                    self._parts.begin(place, Refusal(""), events)
                    self._parts.complete(place, part.text, events)
                case Reasoning():
                    return  # raw reasoning: the end of its item tells it, with the seal
                case _:
                    if not self._parts.is_known(place):
                        events.append(PartWhole(self._parts.key(), part))
        self._parts.end(place, None, events)

    def text_delta(self, event: Event, events: Events) -> None:
        self._grow(self._place(event), Text(""), event.get("delta"), events)

    def text_done(self, event: Event, events: Events) -> None:
        self._complete(self._place(event), Text(""), event.get("text"), events)

    def refusal_delta(self, event: Event, events: Events) -> None:
        self._grow(self._place(event), Refusal(""), event.get("delta"), events)

    def refusal_done(self, event: Event, events: Events) -> None:
        self._complete(self._place(event), Refusal(""), event.get("refusal"), events)

    def annotation_added(self, event: Event, events: Events) -> None:
        if (citation := read_citation(event.get("annotation"))) is not None:
            self._parts.cite(self._place(event), citation, events)

    def _grow(self, place: Place, part: Streamed, delta: object, events: Events) -> None:
        if isinstance(delta, str) and delta:
            self._parts.begin(place, part, events)
            self._parts.add(place, delta, events)

    def _complete(self, place: Place, part: Streamed, whole: object, events: Events) -> None:
        if isinstance(whole, str) and whole:
            self._parts.begin(place, part, events)
            self._parts.complete(place, whole, events)

    # ----------------------------------------------------------------------------- reasoning, calls

    def summary_delta(self, event: Event, events: Events) -> None:
        self._think(event, ("summary", _index(event, "summary_index")), events)

    def thought_delta(self, event: Event, events: Events) -> None:
        """Raw reasoning, of upstreams that show it; beside summaries it would say all twice."""
        self._think(event, ("content", _index(event, "content_index")), events)

    def _think(self, event: Event, piece: tuple[str, int], events: Events) -> None:
        delta = event.get("delta")
        if not isinstance(delta, str) or not delta:
            return
        place = Place(self._slot(event))
        begun = self._summaries.setdefault(place.output, set())
        self._parts.begin(place, Reasoning("", id=text(event.get("item_id"))), events)
        if piece not in begun and begun:
            self._parts.add(place, _GAP, events)
        begun.add(piece)
        self._parts.add(place, delta, events)

    def call_delta(self, event: Event, events: Events) -> None:
        delta = event.get("delta")
        if isinstance(delta, str):
            self._parts.add(Place(self._slot(event)), delta, events)

    def call_done(self, event: Event, events: Events) -> None:
        given = event.get("arguments", event.get("input"))
        if isinstance(given, str):
            self._parts.complete(Place(self._slot(event)), given, events)


def _pieces(piece: object, issuer: str) -> list[Part]:
    """The part in one piece of a message's content, if there is one."""
    return parts_of({"type": "message", "content": [piece]}, issuer)


def _emptied(call: ToolCall) -> ToolCall:
    return ToolCall(
        call.id, call.name, "", call.kind, call.namespace, call.origin, item_id=call.item_id
    )


def _index(event: Event, name: str) -> int:
    value = event.get(name)
    return value if isinstance(value, int) else 0


_READERS: dict[str, Callable[[PartsDecoder, Event, Events], None]] = {
    "response.output_item.added": PartsDecoder.item_added,
    "response.output_item.done": PartsDecoder.item_done,
    "response.content_part.done": PartsDecoder.content_done,
    "response.output_text.delta": PartsDecoder.text_delta,
    "response.output_text.done": PartsDecoder.text_done,
    "response.output_text.annotation.added": PartsDecoder.annotation_added,
    "response.refusal.delta": PartsDecoder.refusal_delta,
    "response.refusal.done": PartsDecoder.refusal_done,
    "response.reasoning_summary_text.delta": PartsDecoder.summary_delta,
    "response.reasoning_text.delta": PartsDecoder.thought_delta,
    "response.function_call_arguments.delta": PartsDecoder.call_delta,
    "response.function_call_arguments.done": PartsDecoder.call_done,
    "response.custom_tool_call_input.delta": PartsDecoder.call_delta,
    "response.custom_tool_call_input.done": PartsDecoder.call_done,
}


def stream_decoder(content_type: str, issuer: str) -> StreamDecoder:
    """The decoder for an answer of this content-type to a request that asked for a stream."""
    if is_json(content_type):
        return WholeAnswerDecoder(
            lambda body: list(unfold(decode_response(body, issuer))), passes=False
        )
    return PartsDecoder(issuer)
