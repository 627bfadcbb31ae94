"""A whole answer, and the two ways between it and the events of a stream.

`fold` and `unfold` make a whole answer of events and events of a whole answer, so that every
artefact is written once: an upstream that answers a stream whole, or the other way round, is
converted by the same code.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import assert_never

from translators.canonical.failure import Failure
from translators.canonical.finish import Finish
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
    ToolResult,
)
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


@dataclass(frozen=True, slots=True)
class Response:
    """What a model answered. `failure`: it broke down inside the answer."""

    id: str | None
    model: str | None
    parts: tuple[Part, ...]
    finish: Finish | None = None
    usage: Usage | None = None
    failure: Failure | None = None


def unfold(response: Response) -> Iterator[StreamEvent]:
    """The events of a stream that would say the same, each text in one delta."""
    yield Begun(response.id, response.model)
    for key, part in enumerate(response.parts):
        yield from _unfold_part(key, part)
    if response.usage is not None:
        yield Metered(response.usage)
    if response.finish is not None:
        yield Finished(response.finish)
    if response.failure is not None:
        yield Failed(response.failure)
    else:
        yield Ended()


def _unfold_part(key: int, part: Part) -> Iterator[StreamEvent]:
    match part:
        case Text():
            head: Streamed = replace(part, text="", citations=(), sealed=None)
            text, sealed, citations = part.text, part.sealed, part.citations
        case Reasoning():
            if part.redacted:
                yield PartWhole(key, part)
                return
            head = replace(part, text="", sealed=None)
            text, sealed, citations = part.text, part.sealed, ()
        case ToolCall():
            head = replace(part, arguments="", sealed=None)
            text, sealed, citations = part.arguments, part.sealed, ()
        case Refusal():
            head, text, sealed, citations = Refusal(""), part.text, None, ()
        case Media() | ToolResult() | SearchCall() | Opaque():
            yield PartWhole(key, part)
            return
        case _:
            assert_never(part)
    yield PartBegun(key, head)
    if text:
        yield PartDelta(key, text)
    for citation in citations:
        yield PartCited(key, citation)
    yield PartEnded(key, sealed)


class Fold:
    """Events in, a whole answer out. Parts stand in the order in which they began."""

    def __init__(self) -> None:
        self._begun = Begun(None, None)
        self._heads: dict[int, Part] = {}
        self._texts: dict[int, list[str]] = {}
        self._citations: dict[int, list[Citation]] = {}
        self._sealed: dict[int, Sealed] = {}
        self._usage: Usage | None = None
        self._finish: Finish | None = None
        self._failure: Failure | None = None

    def take(self, events: Iterable[StreamEvent]) -> None:
        for event in events:
            match event:
                case Begun():
                    self._begun = event
                case PartBegun():
                    self._heads[event.key] = event.part
                    self._texts[event.key] = []
                case PartDelta():
                    self._texts[event.key].append(event.text)
                case PartCited():
                    self._citations.setdefault(event.key, []).append(event.citation)
                case PartEnded():
                    if event.sealed is not None:
                        self._sealed[event.key] = event.sealed
                case PartWhole():
                    self._heads[event.key] = event.part
                case _:
                    self._take_state(event)

    def _take_state(
        self, event: Metered | Finished | Failed | Generated | Ended | Truncated
    ) -> None:
        match event:
            case Metered():
                self._usage = self._usage.merged(event.usage) if self._usage else event.usage
            case Finished():
                self._finish = event.finish
            case Failed():
                self._failure = event.failure
            case Generated() | Ended() | Truncated():
                pass
            case _:
                assert_never(event)

    def response(self) -> Response:
        """What the events so far amount to."""
        return Response(
            self._begun.id,
            self._begun.model,
            tuple(self._part(key, head) for key, head in self._heads.items()),
            self._finish,
            self._usage,
            self._failure,
        )

    def _part(self, key: int, head: Part) -> Part:
        if key not in self._texts:
            return head
        text = "".join(self._texts[key])
        sealed = self._sealed.get(key)
        match head:
            case Text():
                cited = head.citations + tuple(self._citations.get(key, ()))
                return replace(head, text=head.text + text, citations=cited, sealed=sealed)
            case Reasoning():
                return replace(head, text=head.text + text, sealed=sealed)
            case ToolCall():
                return replace(head, arguments=head.arguments + text, sealed=sealed)
            case Refusal():
                return Refusal(head.text + text)
            case _:
                return head


def fold(events: Iterable[StreamEvent]) -> Response:
    """A whole answer of a stream's events."""
    folding = Fold()
    folding.take(events)
    return folding.response()
