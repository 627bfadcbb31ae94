"""The parts of an answer as Gemini writes them, from the events of any upstream.

Every delta of a text is a part of its own, as in Gemini's streams; a call is written when it is
complete. Parts have an index: the pieces of one text share it, for a whole answer has them in one.

Seals. Gemini signs calls and texts, and its clients send these signatures back; parts of thoughts
many clients throw away. So the seal of reasoning that shows no text goes on the call after it, as
if Gemini had signed the call, or on an empty text. The seal of reasoning that was shown stays with
its text, for it may cover it. Where the caller did not ask to see thoughts they are not shown, and
a seal that may cover them is not sent either.
"""

from dataclasses import dataclass, field
from typing import Any, assert_never

from translators.canonical.loss import Loss, LossKind, Neutral, of_part
from translators.canonical.parts import (
    Citation,
    Filed,
    Inline,
    Located,
    Media,
    Opaque,
    Part,
    Plain,
    Reasoning,
    Refusal,
    SearchCall,
    Text,
    ToolCall,
    ToolResult,
)
from translators.canonical.sealed import Sealed
from translators.canonical.stream import PartBegun, PartCited, PartDelta, PartEnded, PartWhole
from translators.gemini import seals
from translators.gemini.arguments import arguments_object
from translators.gemini.grounding import Cited, Wire, write_grounding
from translators.gemini.media_parts import NAME, type_by_address, type_by_kind

PartEvent = PartBegun | PartDelta | PartCited | PartEnded | PartWhole
_CHANGED = Loss(Neutral.ARGUMENTS, LossKind.CHANGED, "no JSON object")
_UNCITED = Loss(Neutral.CITATIONS, LossKind.DROPPED, "a source that has no name here")
_HIDDEN = Loss(Neutral.REASONING, LossKind.DROPPED, "the seal of thoughts that are not shown")


@dataclass(slots=True)
class _Open:
    """A part whose pieces still come. `start`: where its text begins in the text of its index."""

    part: Part
    index: int = -1
    start: int = 0
    length: int = 0
    pieces: list[str] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    seal: str | None = None  # of the reasoning before a call
    aside: bool = False  # a refusal behind what was said already


class PartWriter:
    """Events in, parts with their indexes out."""

    def __init__(self, *, show_thoughts: bool) -> None:
        self._show_thoughts = show_thoughts
        self._open: dict[int, _Open] = {}
        self._index = -1
        self._run: str | None = None  # what kind of text the last index holds, while it may grow
        self._length = 0  # of that text, in characters
        self._texts: dict[int, list[str]] = {}
        self._cited: list[Cited] = []
        self._searches: list[SearchCall] = []
        self._seal: str | None = None  # of reasoning without a text, until the next part
        self._why: list[str] = []
        self.losses: list[Loss] = []
        self.refused = False

    def write(self, event: PartEvent) -> list[tuple[int, Wire]]:
        match event:
            case PartBegun():
                return self._begin(event.key, event.part)
            case PartDelta():
                return self._delta(self._open[event.key], event.text)
            case PartCited():
                self._open[event.key].citations.append(event.citation)
                return []
            case PartEnded():
                return self._end(self._open.pop(event.key), event.sealed)
            case PartWhole():
                return self._whole(event.key, event.part)
            case _:
                assert_never(event)

    def finish(self) -> list[tuple[int, Wire]]:
        """What is still held when the answer has ended."""
        written: list[tuple[int, Wire]] = []
        for opened in self._open.values():
            written += self._end(opened, None)
        self._open.clear()
        return written + self._flush()

    def message(self) -> str | None:
        """`finishMessage`: what was said of a refusal behind an answer that had begun."""
        return "".join(self._why) or None

    def grounding(self) -> Wire | None:
        texts = {index: "".join(self._texts[index]) for index in {c.part for c in self._cited}}
        return write_grounding(self._searches, self._cited, texts)

    # ---------------------------------------------------------------------------------- streamed

    def _begin(self, key: int, part: Part) -> list[tuple[int, Wire]]:
        opened = self._open[key] = _Open(part)
        if isinstance(part, ToolCall):
            opened.seal, self._seal = self._seal, None
            return []
        if isinstance(part, Refusal):
            self.refused = True
            opened.aside = bool(self._texts)
        return []

    def _delta(self, opened: _Open, text: str) -> list[tuple[int, Wire]]:
        if not text:
            return []
        if isinstance(opened.part, ToolCall):
            opened.pieces.append(text)
            return []
        if opened.aside:
            self._why.append(text)
            return []
        opened.length += len(text)
        if not isinstance(opened.part, Reasoning):
            return [*self._flush(), self._text("text", text, opened)]
        if not self._show_thoughts:
            return []
        return [*self._flush(), self._text("thought", text, opened)]

    def _text(self, kind: str, text: str, opened: _Open | None = None) -> tuple[int, Wire]:
        """One more piece of a text."""
        if self._run != kind:
            self._next()
            self._run = kind
        if opened is not None and opened.index != self._index:
            opened.index, opened.start = self._index, self._length
        self._length += len(text)
        wire: Wire = {"text": text}
        if kind == "thought":
            wire["thought"] = True
        else:
            self._texts.setdefault(self._index, []).append(text)
        return self._index, wire

    def _next(self) -> int:
        self._index += 1
        self._run = None
        self._length = 0
        return self._index

    def _end(self, opened: _Open, sealed: Sealed | None) -> list[tuple[int, Wire]]:
        match opened.part:
            case ToolCall():
                return self._end_call(opened, opened.part, sealed)
            case Reasoning():
                return self._end_reasoning(opened, sealed)
            case _:
                self._end_text(opened)
                return self._signed("text", opened, sealed)

    def _end_text(self, opened: _Open) -> None:
        for citation in opened.citations:
            if opened.index < 0 or not (citation.url or citation.title or citation.quoted):
                self.losses.append(_UNCITED)
                continue
            length = opened.length
            start = min(max(citation.start or 0, 0), length)
            end = length if citation.end is None else min(max(citation.end, start), length)
            first = opened.start
            self._cited.append(Cited(citation, opened.index, first + start, first + end))

    def _signed(self, kind: str, opened: _Open, sealed: Sealed | None) -> list[tuple[int, Wire]]:
        """The signature of a text, on an empty piece of it, as Gemini's streams have it."""
        if sealed is None:
            return []
        index, wire = self._text(kind, "", opened)
        self._run = None
        return [(index, {**wire, "thoughtSignature": seals.signature(sealed)})]

    def _end_reasoning(self, opened: _Open, sealed: Sealed | None) -> list[tuple[int, Wire]]:
        if sealed is None:
            return []
        if not opened.length:
            return self._hold(seals.signature(sealed))
        if self._show_thoughts:
            return self._signed("thought", opened, sealed)
        self.losses.append(_HIDDEN)
        return []

    def _hold(self, signature: str) -> list[tuple[int, Wire]]:
        flushed = self._flush()
        self._seal = signature
        return flushed

    def _flush(self) -> list[tuple[int, Wire]]:
        """A seal that found no call."""
        signature, self._seal = self._seal, None
        return [] if signature is None else self._alone(signature)

    def _alone(self, signature: str) -> list[tuple[int, Wire]]:
        return [(self._next(), {"text": "", "thoughtSignature": signature})]

    def _end_call(
        self, opened: _Open, call: ToolCall, sealed: Sealed | None
    ) -> list[tuple[int, Wire]]:
        written = self._flush()
        complete = ToolCall(call.id, call.name, call.arguments + "".join(opened.pieces), call.kind)
        args, changed = arguments_object(complete)
        if changed:
            self.losses.append(_CHANGED)
        wire: Wire = {"functionCall": {"id": call.id, "name": call.name, "args": args}}
        if sealed is not None:
            written += [] if opened.seal is None else self._alone(opened.seal)
            wire["thoughtSignature"] = seals.signature(sealed)
        elif opened.seal is not None:
            wire["thoughtSignature"] = opened.seal
        return [*written, (self._next(), wire)]

    # --------------------------------------------------------------------------------- at once

    def _whole(self, key: int, part: Part) -> list[tuple[int, Wire]]:
        match part:
            case Text() | Refusal():
                return self._at_once(key, part, part.text, getattr(part, "sealed", None))
            case Reasoning():
                if part.sealed is not None and (part.redacted or not part.text):
                    return self._hold(seals.signature(part.sealed, redacted=part.redacted))
                return self._at_once(key, part, part.text, part.sealed)
            case ToolCall():
                return self._at_once(key, part, "", part.sealed)
            case SearchCall():
                self._searches.append(part)
                return []
            case Media():
                return self._flush() + self._media(part)
            case Opaque() | ToolResult():
                return self._flush() + self._opaque(part)
            case _:
                assert_never(part)

    def _at_once(
        self, key: int, part: Part, text: str, sealed: Sealed | None
    ) -> list[tuple[int, Wire]]:
        written = self._begin(key, part) + self._delta(self._open[key], text)
        if isinstance(part, Text):
            self._open[key].citations += part.citations
        return written + self._end(self._open.pop(key), sealed)

    def _media(self, media: Media) -> list[tuple[int, Wire]]:
        match media.source:
            case Inline(base64):
                media_type = media.media_type or type_by_kind(media.kind)
                wire: Wire = {"inlineData": {"mimeType": media_type, "data": base64}}
            case Located(url):
                media_type = media.media_type or type_by_address(url) or type_by_kind(media.kind)
                wire = {"fileData": {"mimeType": media_type, "fileUri": url}}
            case Filed(issuer, filed) if issuer == NAME:
                declared = {"mimeType": media.media_type} if media.media_type else {}
                wire = {"fileData": {**declared, "fileUri": filed}}
            case Filed():
                self.losses.append(Loss(of_part(media), LossKind.DROPPED, "of another account"))
                return []
            case Plain(text):
                return [self._text("text", text)]
            case _:
                assert_never(media.source)
        if media.sealed is not None:
            wire["thoughtSignature"] = seals.signature(media.sealed)
        return [(self._next(), wire)]

    def _opaque(self, part: Opaque | ToolResult) -> list[tuple[int, Wire]]:
        if isinstance(part, Opaque) and part.issuer == NAME:
            return [(self._next(), dict(part.data))]
        self.losses.append(Loss(of_part(part), LossKind.DROPPED))
        return []


def joined(written: list[tuple[int, Wire]]) -> list[dict[str, Any]]:
    """The parts of a whole answer: the pieces of one text in one part."""
    parts: list[dict[str, Any]] = []
    texts: list[str] = []
    last = -1
    for index, wire in written:
        if index == last:
            texts.append(wire["text"])
            parts[-1] |= {name: value for name, value in wire.items() if name != "text"}
            continue
        _close(parts, texts)
        texts = [wire["text"]] if "text" in wire else []
        parts.append(dict(wire))
        last = index
    _close(parts, texts)
    return parts


def _close(parts: list[dict[str, Any]], texts: list[str]) -> None:
    if len(texts) > 1:
        parts[-1]["text"] = "".join(texts)
