"""Gemini's answers, whole or a chunk at a time: a stream's chunks have the shape of a whole answer.

`Answer` is what both have in common: it is shown one object after another and says what is new.
- The first candidate decides why the model stopped. STOP beside function calls means tool calls.
- A prompt that was blocked (`promptFeedback.blockReason`) is a refusal: there are no candidates.
- Some versions of the API say STOP in every chunk, so a finish reason ends nothing by itself.
The answers to countTokens say what a request would use, not what was used: they are no usage.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from translators.canonical.finish import Finish, Reason
from translators.canonical.stream import (
    Begun,
    Ended,
    Failed,
    Finished,
    Generated,
    Metered,
    StreamEvent,
)
from translators.canonical.usage import Usage
from translators.fields import inner, text
from translators.gemini.failure import failure_inside
from translators.gemini.usage import read_usage, searches_in
from translators.gemini.vocabulary import HEARD_FINISH, UNBLOCKED, UNFINISHED
from translators.protocol import NotUnderstood


class Answer:
    """What is known of one answer so far."""

    __slots__ = (
        "_begun",
        "_generated",
        "_model",
        "_searches",
        "_tools",
        "_usage",
        "_wire",
        "failed",
        "finish",
    )

    def __init__(self) -> None:
        self._begun = False
        self._model: str | None = None
        self._generated = False
        self._tools = False
        self._wire: object = None  # usage as the wire told it last
        self._searches: int | None = None
        self._usage: Usage | None = None
        self.finish: Finish | None = None
        self.failed = False

    def read(self, chunk: Mapping[str, Any], events: list[StreamEvent]) -> None:
        """Append what this object of the answer says anew."""
        if chunk.get("error"):
            self._fail(chunk, events)
            return
        if not self._begun and (begun := begun_of(chunk)) is not None:
            self._begun = True
            self._model = begun.model
            events.append(begun)
        candidates = chunk.get("candidates")
        for candidate in candidates if isinstance(candidates, list) else ():
            if isinstance(candidate, dict):
                self._read_candidate(candidate, events)
        if not self._generated and (chunk.get("embedding") or chunk.get("embeddings")):
            self._has_generated(events)
        self._read_usage(chunk.get("usageMetadata") or chunk.get("usage_metadata"), events)
        if feedback := chunk.get("promptFeedback") or chunk.get("prompt_feedback"):
            self._read_feedback(inner(feedback), events)

    def _read_candidate(self, candidate: Mapping[str, Any], events: list[StreamEvent]) -> None:
        parts = inner(candidate.get("content")).get("parts")
        for part in parts if isinstance(parts, list) else ():
            if not isinstance(part, dict):
                continue
            if not self._generated and any(v for key, v in part.items() if key != "thought"):
                self._has_generated(events)
            if "functionCall" in part or "function_call" in part:
                self._tools = True
        searches = searches_in(candidate, self._model)
        if searches is not None:
            self._searches = max(searches, self._searches or 0)
        raw = text(candidate.get("finishReason") or candidate.get("finish_reason"))
        if raw is not None and raw.upper() != UNFINISHED and not candidate.get("index"):
            unified = HEARD_FINISH.get(raw.upper(), Reason.OTHER)
            if unified is Reason.STOP and self._tools:
                unified = Reason.TOOL_CALLS
            self._finish(Finish(unified, raw), events)

    def _read_usage(self, wire: object, events: list[StreamEvent]) -> None:
        if wire:
            self._wire = wire
        elif self._searches is None:
            return
        usage = read_usage(inner(self._wire), self._searches)
        if usage is not None and usage != self._usage:
            self._usage = usage
            events.append(Metered(usage))

    def _read_feedback(self, feedback: Mapping[str, Any], events: list[StreamEvent]) -> None:
        raw = text(feedback.get("blockReason") or feedback.get("block_reason"))
        if raw is not None and raw.upper() not in UNBLOCKED:
            self._finish(Finish(Reason.REFUSAL, raw), events)

    def _finish(self, finish: Finish, events: list[StreamEvent]) -> None:
        if finish != self.finish:
            self.finish = finish
            events.append(Finished(finish))

    def _fail(self, chunk: Mapping[str, Any], events: list[StreamEvent]) -> None:
        if not self.failed:
            self.failed = True
            events.append(Failed(failure_inside(chunk)))

    def _has_generated(self, events: list[StreamEvent]) -> None:
        self._generated = True
        events.append(Generated())


def observe_response(body: bytes) -> list[StreamEvent]:
    """Events of a 2xx answer that was not streamed: an object, or the array of a stream's chunks.

    NotUnderstood for anything else.
    """
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise NotUnderstood("The upstream's answer is not valid JSON.") from None
    chunks = parsed if isinstance(parsed, list) else [parsed]
    events: list[StreamEvent] = []
    answer = Answer()
    for chunk in chunks:
        if not isinstance(chunk, dict):
            raise NotUnderstood("The upstream's answer is not a JSON object.")
        answer.read(chunk, events)
    events.append(Ended())
    return events


def begun_of(chunk: Mapping[str, Any]) -> Begun | None:
    begun = Begun(
        text(chunk.get("responseId") or chunk.get("response_id")),
        text(chunk.get("modelVersion") or chunk.get("model_version")),
    )
    return begun if begun.id or begun.model else None
