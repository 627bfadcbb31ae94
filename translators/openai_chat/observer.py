"""A Chat Completions stream, watched as it passes.

Each `data:` line is a chunk; `[DONE]` is the only terminal marker. The decoder observes bytes that
somebody else sends on, so what it cannot read it skips: a stream of nothing but nonsense ends
Truncated, which says it. After `[DONE]` nothing is read any more. An error object ends the stream
too (the upstream said why), so no Truncated follows it.

Variants met in the field and taken as they come: usage in every chunk, in the last choice's chunk
or in a final one with `choices: []`; `usage: null`; content and finish reason in one chunk; several
choices; a repeated finish; an empty string for a finish reason not yet known; several tool calls in
one chunk.
"""

from typing import Any

import orjson

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
from translators.openai_chat.failure import failure_inside
from translators.openai_chat.observed import (
    begun_of,
    calls_tools,
    error_in,
    finish_of,
    holds_something,
    observe_response,
)
from translators.openai_chat.usage import read_usage
from translators.protocol import StreamDecoder
from translators.sse import SseParser
from translators.whole import WholeAnswerDecoder, is_json

_NO_DELTA: dict[str, Any] = {}


class _Choice:
    """What one choice has held so far, as far as its end is judged by it."""

    __slots__ = ("finish", "refused", "tools")

    def __init__(self) -> None:
        self.tools = False
        self.refused = False
        self.finish: Finish | None = None


class ChatStreamDecoder:
    """`feed` bytes as they come; `close` when the upstream ended."""

    __slots__ = ("_begun", "_choices", "_ended", "_failed", "_generated", "_sse", "_usage")

    def __init__(self) -> None:
        self._sse = SseParser()
        self._choices: dict[int, _Choice] = {}
        self._usage: object = None
        self._begun = False
        self._generated = False
        self._failed = False
        self._ended = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for event in self._sse.feed(data):
            self._read(event.data, events)
        return events

    def close(self) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for event in self._sse.close():
            self._read(event.data, events)
        if b'"error"' in self._sse.stray:  # bare JSON: how some upstreams break off a stream
            self._read(bytes(self._sse.stray), events)
        if not (self._ended or self._failed):
            events.append(Truncated())
        self._ended = True
        return events

    def _read(self, data: bytes, events: list[StreamEvent]) -> None:
        if self._ended:
            return
        if data.startswith(b"[DONE]"):
            self._ended = True
            events.append(Ended())
            return
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError:
            return
        if isinstance(chunk, dict):
            self._read_chunk(chunk, events)

    def _read_chunk(self, chunk: dict[str, Any], events: list[StreamEvent]) -> None:
        if not self._begun and (begun := begun_of(chunk)) is not None:
            self._begun = True
            events.append(begun)
        choices = chunk.get("choices")
        if isinstance(choices, list):
            for choice in choices:
                if isinstance(choice, dict):
                    self._read_choice(choice, events)
        usage = chunk.get("usage") or usage_of_groq(chunk)
        if usage and usage != self._usage:
            self._usage = usage
            if (read := read_usage(usage)) is not None:
                events.append(Metered(read))
        if error := error_in(chunk):
            self._fail(error, events)

    def _read_choice(self, choice: dict[str, Any], events: list[StreamEvent]) -> None:
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            delta = {"content": choice["text"]} if "text" in choice else _NO_DELTA
        if not self._generated and holds_something(delta):
            self._generated = True
            events.append(Generated())
        raw = choice.get("finish_reason")
        if raw or "tool_calls" in delta or "refusal" in delta or "function_call" in delta:
            self._note(choice, delta, raw, events)
        if error := choice.get("error"):
            self._fail(error, events)

    def _note(
        self, choice: dict[str, Any], delta: dict[str, Any], raw: object, events: list[StreamEvent]
    ) -> None:
        index = choice.get("index")
        state = self._choices.setdefault(index if isinstance(index, int) else 0, _Choice())
        state.tools = state.tools or calls_tools(delta)
        state.refused = state.refused or bool(delta.get("refusal"))
        if not isinstance(raw, str) or not raw:
            return
        finish = finish_of(raw, tools=state.tools, refused=state.refused)
        if finish != state.finish:
            state.finish = finish
            events.append(Finished(finish))

    def _fail(self, error: object, events: list[StreamEvent]) -> None:
        if not self._failed:
            self._failed = True
            events.append(Failed(failure_inside(error)))


def usage_of_groq(chunk: dict[str, Any]) -> object:
    """Groq sends usage unasked, in a field of its own."""
    own = chunk.get("x_groq")
    return own.get("usage") if isinstance(own, dict) else None


def stream_observer(content_type: str) -> StreamDecoder:
    """The decoder for an answer of this content-type to a request that asked for a stream."""
    return WholeAnswerDecoder(observe_response) if is_json(content_type) else ChatStreamDecoder()
