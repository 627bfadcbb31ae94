"""Gemini's answers, whole or a chunk at a time, as events that tell every part.

Chunks have the shape of a whole answer, so one reader reads both, and what it says of a stream's
chunks is what it says of the answer that they make up.
- Neighbouring texts are one part, and so are neighbouring thoughts; a signature ends its part, and
  on an empty text it signs the text before it.
- A call is whole in its chunk. It may lack an id: one is made of the answer's id and its place.
- The first candidate is the answer. STOP beside calls means tool calls. Some versions of the API
  say STOP in every chunk, so the reason is told at the end; a reason that is a failure at once.
- What was searched and cited is told at the end, where the API tells it.
Nothing here raises for what an upstream sends, except for arguments nested beyond reading.
"""

from collections.abc import Mapping
from typing import Any

from translators import text_json
from translators.canonical.failure import Failure, Kind
from translators.canonical.finish import Finish, Reason
from translators.canonical.parts import (
    Inline,
    Media,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from translators.canonical.sealed import Sealed
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
    StreamEvent,
)
from translators.canonical.usage import Usage
from translators.fields import inner, text
from translators.gemini.failure import failure_inside
from translators.gemini.grounding import citations_of, search_of
from translators.gemini.ids import call_in_answer
from translators.gemini.media_parts import NAME, kind_of, source_of
from translators.gemini.observed import begun_of
from translators.gemini.partial_arguments import PartialCall
from translators.gemini.usage import read_usage, searches_in
from translators.gemini.vocabulary import HEARD_FINISH, UNBLOCKED, UNFINISHED
from translators.gemini.wire import either, standard_base64
from translators.heard import redacted
from translators.protocol import NotUnderstood

_ABOUT = frozenset({"thought", "thoughtSignature", "thought_signature"})


class Reader:
    """One answer. `read` its objects in turn, `end` once when there are no more."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._begun = False
        self._id: str | None = None
        self._model: str | None = None
        self._keys = 0
        self._open: tuple[int, type[Text] | type[Reasoning]] | None = None
        self._said: list[str] = []  # pieces of the open text
        self._candidate = False
        self._calls = 0
        self._partial: PartialCall | None = None
        self._grounding: Mapping[str, Any] | None = None
        self._wire: object = None  # usage as the wire told it last
        self._searches: int | None = None
        self._usage: Usage | None = None
        self._raw: str | None = None
        self._blocked: str | None = None
        self._message: str | None = None
        self.failed = False

    @property
    def is_answer(self) -> bool:
        """Whether a candidate was seen, or why there is none."""
        return self._candidate or self.has_finish

    @property
    def has_finish(self) -> bool:
        return self._raw is not None or self._blocked is not None

    def read(self, chunk: Mapping[str, Any], events: list[StreamEvent]) -> None:
        """Append what this object of the answer says anew."""
        if chunk.get("error"):
            self._fail(failure_inside(chunk), events)
            return
        if not self._begun:
            self._begun = True
            begun = begun_of(chunk) or Begun(None, None)
            self._id, self._model = begun.id, begun.model
            events.append(begun)
        candidates = chunk.get("candidates")
        for candidate in candidates if isinstance(candidates, list) else ():
            if isinstance(candidate, dict) and not candidate.get("index"):
                self._read_candidate(candidate, events)
        self._read_usage(either(chunk, "usageMetadata"), events)
        feedback = inner(either(chunk, "promptFeedback"))
        raw = text(either(feedback, "blockReason"))
        if raw is not None and raw.upper() not in UNBLOCKED:
            self._blocked = raw
            self._message = text(either(feedback, "blockReasonMessage")) or self._message
        self._fail_by_reason(events)

    def end(self, events: list[StreamEvent]) -> None:
        """The last words of an answer that has ended."""
        if not self._begun:
            self._begun = True
            events.append(Begun(None, None))
        self._end_partial(events)
        finish = self._finish()
        grounding = self._grounding or {}
        if self._open is not None and self._open[1] is Text:
            key = self._open[0]
            said = "".join(self._said)
            events += (PartCited(key, citation) for citation in citations_of(grounding, said))
        self._close(None, events)
        search = search_of(grounding, call_in_answer(self._id, self._keys, "search", ""))
        if search is not None:
            events.append(PartWhole(self._key(), search))
        if finish is not None and finish.unified is Reason.REFUSAL:
            self._refuse(events)
        if finish is not None:
            events.append(Finished(finish))
        events.append(Ended())

    # ------------------------------------------------------------------------------------ parts

    def _read_candidate(self, candidate: Mapping[str, Any], events: list[StreamEvent]) -> None:
        self._candidate = True
        parts = inner(candidate.get("content")).get("parts")
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict):
                self._read_part(part, events)
        grounding = either(candidate, "groundingMetadata")
        if isinstance(grounding, dict) and grounding:
            self._grounding = grounding
        searches = searches_in(candidate, self._model)
        if searches is not None:
            self._searches = max(searches, self._searches or 0)
        raw = text(either(candidate, "finishReason"))
        if raw is not None and raw.upper() != UNFINISHED:
            self._raw = raw
        self._message = text(either(candidate, "finishMessage")) or self._message

    def _read_part(self, part: Mapping[str, Any], events: list[StreamEvent]) -> None:
        sealed = self._sealed(part)
        call = either(part, "functionCall")
        if isinstance(call, dict):
            self._read_call(call, sealed, events)
            return
        self._end_partial(events)
        media = _media(part, sealed)
        if media is not None:
            self._whole(media, events)
            return
        said = part.get("text")
        if isinstance(said, str) or (sealed is not None and not set(part) - _ABOUT):
            kind = Reasoning if part.get("thought") is True else Text
            self._read_text(kind, said if isinstance(said, str) else "", sealed, events)
            return
        names = [name for name, value in part.items() if value is not None and name not in _ABOUT]
        if names:
            self._whole(Opaque(NAME, names[0], part), events)

    def _sealed(self, part: Mapping[str, Any]) -> Sealed | None:
        signature = text(either(part, "thoughtSignature"))
        return Sealed(self._issuer, standard_base64(signature)) if signature else None

    def _read_text(
        self,
        kind: type[Text] | type[Reasoning],
        said: str,
        sealed: Sealed | None,
        events: list[StreamEvent],
    ) -> None:
        if not said and sealed is None:
            return
        if not said and self._open is not None:
            self._close(sealed, events)  # the signature of what was said before it
            return
        if self._open is None or self._open[1] is not kind:
            self._close(None, events)
            if not said and kind is Text:
                kind = Reasoning  # a signature alone: thoughts that are not shown
            self._open = (self._key(), kind)
            events.append(PartBegun(self._open[0], kind("")))
        if said:
            events.append(PartDelta(self._open[0], said))
            self._said.append(said)
        if sealed is not None:
            self._close(sealed, events)

    def _read_call(
        self, call: Mapping[str, Any], sealed: Sealed | None, events: list[StreamEvent]
    ) -> None:
        if self._partial is None and (
            either(call, "willContinue") is True or either(call, "partialArgs")
        ):
            self._partial = PartialCall()
        if self._partial is not None:
            if self._partial.add(call, sealed):
                self._end_partial(events)
            return
        self._call(text(call.get("name")), text(call.get("id")), call.get("args"), sealed, events)

    def _end_partial(self, events: list[StreamEvent]) -> None:
        """A call that came in pieces is told when it is complete, or nothing more comes of it."""
        partial, self._partial = self._partial, None
        if partial is not None:
            self._call(partial.name, partial.id, partial.args, partial.sealed, events)

    def _call(
        self,
        name: str | None,
        call_id: str | None,
        args: object,
        sealed: Sealed | None,
        events: list[StreamEvent],
    ) -> None:
        self._close(None, events)
        name = name or ""
        try:
            arguments = text_json.text(args if isinstance(args, dict) else {})
        except RecursionError:
            raise NotUnderstood("The upstream's answer is nested too deeply.") from None
        given = call_id or call_in_answer(self._id, self._calls, name, arguments)
        self._calls += 1
        key = self._key()
        events.append(PartBegun(key, ToolCall(given, name, "")))
        events.append(PartDelta(key, arguments))
        events.append(PartEnded(key, sealed))

    def _whole(self, part: Part, events: list[StreamEvent]) -> None:
        self._close(None, events)
        events.append(PartWhole(self._key(), part))

    def _key(self) -> int:
        self._keys += 1
        return self._keys - 1

    def _close(self, sealed: Sealed | None, events: list[StreamEvent]) -> None:
        if self._open is not None:
            events.append(PartEnded(self._open[0], sealed))
            self._open = None
            self._said = []

    def _refuse(self, events: list[StreamEvent]) -> None:
        """Why it was refused, where the API says why."""
        if self._message is not None:
            key = self._key()
            events.append(PartBegun(key, Refusal("")))
            events.append(PartDelta(key, self._message))
            events.append(PartEnded(key))

    # ------------------------------------------------------------------------- how it goes and ends

    def _read_usage(self, wire: object, events: list[StreamEvent]) -> None:
        if wire:
            self._wire = wire
        elif self._searches is None:
            return
        usage = read_usage(inner(self._wire), self._searches)
        if usage is not None and usage != self._usage:
            self._usage = usage
            events.append(Metered(usage))

    def _finish(self) -> Finish | None:
        if self._blocked is not None:
            return Finish(Reason.REFUSAL, self._blocked)
        if self._raw is None:
            return None
        unified = HEARD_FINISH.get(self._raw.upper(), Reason.OTHER)
        if unified is Reason.STOP and self._calls:
            unified = Reason.TOOL_CALLS
        return Finish(unified, self._raw)

    def _fail_by_reason(self, events: list[StreamEvent]) -> None:
        """A call that the model got wrong, and its kind: a failure, not an end."""
        raw = (self._raw or "").upper()
        if HEARD_FINISH.get(raw) is Reason.ERROR:
            said = f": {self._message}" if self._message else "."
            message = redacted(f"The model's answer was not usable ({raw}){said}")
            self._fail(Failure(Kind.UPSTREAM, message, code=raw), events)

    def _fail(self, failure: Failure, events: list[StreamEvent]) -> None:
        if not self.failed:
            self.failed = True
            events.append(Failed(failure))


def _media(part: Mapping[str, Any], sealed: Sealed | None) -> Media | None:
    data = inner(either(part, "inlineData"))
    filed = inner(either(part, "fileData"))
    media_type = text(either(data or filed, "mimeType"))
    if (base64 := text(data.get("data"))) is not None:
        source = Inline(standard_base64(base64))
        return Media(kind_of(media_type), source, media_type, sealed=sealed)
    if (uri := text(either(filed, "fileUri"))) is not None:
        return Media(kind_of(media_type), source_of(uri), media_type, sealed=sealed)
    return None
