"""A Chat Completions stream, read into parts.

What ends the stream and what is skipped is as the observer has it (observer.py): `[DONE]` ends it,
an error object ends it, anything else that ends is Truncated. Only the first choice is read.

The finish and the ends of the parts wait for `[DONE]`: servers send content in the finish's chunk,
after it, and a second finish that knows better. Text, reasoning and refusal follow each other, so
one ends where the next begins; calls stay open side by side, for servers mix their deltas.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from translators.canonical.parts import Citation, Opaque, Reasoning, Refusal, Text
from translators.canonical.response import unfold
from translators.canonical.stream import (
    Begun,
    Ended,
    Failed,
    Finished,
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
from translators.fields import text
from translators.openai_chat.failure import failure_inside
from translators.openai_chat.observed import begun_of, error_in, finish_of
from translators.openai_chat.observer import usage_of_groq
from translators.openai_chat.reasoning import DETAILS, Details, reasoning_in
from translators.openai_chat.request_parts import citations
from translators.openai_chat.response_decoding import decode_response, is_first
from translators.openai_chat.response_parts import pictures_in, texts_in
from translators.openai_chat.stream_calls import Calls
from translators.openai_chat.usage import read_usage
from translators.openai_chat.vocabulary import NAME
from translators.protocol import StreamDecoder
from translators.sse import SseParser
from translators.whole import WholeAnswerDecoder, is_json

_THOUGHT = "thinking"  # reasoning inside the content; a field's name otherwise
_HEADS: dict[str, Streamed] = {"content": Text(""), "refusal": Refusal("")}
_REASONING = Reasoning("")


class ChatDecoder:
    """`feed` bytes as they come; `close` when the upstream ended."""

    def __init__(self, issuer: str) -> None:
        self._details = Details(issuer)
        self._sse = SseParser()
        self._begun: Begun | None = None
        self._keys = 0
        self._open: tuple[str, int] | None = None  # the field that is being read, its part's key
        self._calls = Calls(issuer)
        self._audio: dict[str, Any] = {}
        self._sound: dict[str, list[str]] = {}
        self._refused = False
        self._raw: str | None = None
        self._usage: object = None
        self._over = False

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
        if not self._over:
            self._over = True
            events.append(Truncated())
        return events

    def _read(self, data: bytes, events: list[StreamEvent]) -> None:
        if self._over:
            return
        if data.startswith(b"[DONE]"):
            self._end(events)
            return
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError:
            return
        if isinstance(chunk, dict):
            self._chunk(chunk, events)

    # -------------------------------------------------------------------------------- a chunk

    def _chunk(self, chunk: dict[str, Any], events: list[StreamEvent]) -> None:
        if self._begun is None and (begun := begun_of(chunk)) is not None:
            self._begin(begun, events)
        error: object = None
        choices = chunk.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                error = error or choice.get("error")
                if is_first(choice):
                    self._choice(choice, events)
        usage = chunk.get("usage") or usage_of_groq(chunk)
        if usage and usage != self._usage:
            self._usage = usage
            if (read := read_usage(usage)) is not None:
                self._begin(Begun(None, None), events)
                events.append(Metered(read))
        if error := error or error_in(chunk):
            self._over = True
            events.append(Failed(failure_inside(error)))

    def _begin(self, begun: Begun, events: list[StreamEvent]) -> None:
        """Begun comes before all else, if need be without a name."""
        if self._begun is None:
            self._begun = begun
            events.append(begun)

    def _choice(self, choice: dict[str, Any], events: list[StreamEvent]) -> None:
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            delta = {"content": choice.get("text")}
        if delta:
            self._delta(delta, events)
        raw = choice.get("finish_reason")
        if isinstance(raw, str) and raw:
            self._raw = raw

    def _delta(self, delta: Mapping[str, Any], events: list[StreamEvent]) -> None:
        if (thought := reasoning_in(delta)) is not None:
            self._say(thought[1], thought[0], events)
        if DETAILS in delta:
            self._details.add(delta)
        content = delta.get("content")
        if content:
            if isinstance(content, str):
                self._say("content", content, events)
            else:
                for is_thought, piece in texts_in(content):
                    self._say(_THOUGHT if is_thought else "content", piece, events)
        if len(delta) > 1 or not (content or thought):
            self._others(delta, events)

    def _others(self, delta: Mapping[str, Any], events: list[StreamEvent]) -> None:
        """What deltas seldom have."""
        if (refusal := text(delta.get("refusal"))) is not None:
            self._refused = True
            self._say("refusal", refusal, events)
        for citation in citations(delta.get("annotations")):
            self._cite(citation, events)
        for picture in pictures_in(delta):
            self._close_text(events)
            self._begin(Begun(None, None), events)
            events.append(PartWhole(self._key(), picture))
        if isinstance(audio := delta.get("audio"), dict):
            self._hear(audio)
        made = self._calls.read(delta, self._begun, self._key)
        if made:
            self._close_text(events)
            self._begin(Begun(None, None), events)
            events += made

    def _key(self) -> int:
        self._keys += 1
        return self._keys - 1

    # ---------------------------------------------------------------------------------- text

    def _say(self, field: str, piece: str, events: list[StreamEvent]) -> None:
        if self._open is None or self._open[0] != field:
            self._close_text(events)
            self._begin(Begun(None, None), events)
            self._open = (field, self._key())
            events.append(PartBegun(self._open[1], _HEADS.get(field, _REASONING)))
        events.append(PartDelta(self._open[1], piece))

    def _cite(self, citation: Citation, events: list[StreamEvent]) -> None:
        if self._open is not None and self._open[0] == "content":
            events.append(PartCited(self._open[1], citation))

    def _close_text(self, events: list[StreamEvent]) -> None:
        if self._open is not None:
            (field, key), self._open = self._open, None
            named = field != _THOUGHT and field not in _HEADS
            events.append(PartEnded(key, self._details.seal(field) if named else None))
        if self._details.opaque:  # reasoning that is not shown, or what came too late for its text
            self._begin(Begun(None, None), events)
            events.append(PartWhole(self._key(), Reasoning("", self._details.seal(""))))

    def _hear(self, audio: Mapping[str, Any]) -> None:
        """Sound comes in pieces that only together are a part."""
        for name, value in audio.items():
            if isinstance(value, str) and name in ("data", "transcript"):
                self._sound.setdefault(name, []).append(value)
            elif value is not None:
                self._audio[name] = value

    # --------------------------------------------------------------------------------- the end

    def _end(self, events: list[StreamEvent]) -> None:
        self._over = True
        self._close_text(events)
        made = self._calls.ended(self._begun, self._key)
        sound = self._audio | {name: "".join(pieces) for name, pieces in self._sound.items()}
        if made or sound:
            self._begin(Begun(None, None), events)
        if sound:
            events.append(PartWhole(self._key(), Opaque(NAME, "audio", sound)))
        events += made
        if self._raw is not None:
            called = self._calls.any
            events.append(Finished(finish_of(self._raw, tools=called, refused=self._refused)))
        events.append(Ended())


def stream_decoder(content_type: str, issuer: str) -> StreamDecoder:
    """The decoder for an answer of this content-type to a request that asked for a stream."""
    if not is_json(content_type):
        return ChatDecoder(issuer)
    return WholeAnswerDecoder(
        lambda body: list(unfold(decode_response(body, issuer))), passes=False
    )
