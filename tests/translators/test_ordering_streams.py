"""Streams in which only one part is open, and the grammar that all streams keep."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translators import ordering
from translators.canonical.failure import Failure, Kind
from translators.canonical.finish import Finish, Reason
from translators.canonical.parts import (
    Citation,
    Inline,
    Media,
    MediaKind,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from translators.canonical.response import fold
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
    Streamed,
    StreamEvent,
    Truncated,
)
from translators.canonical.usage import Usage
from translators.ordering import Grammar, OneAtATime
from translators.protocol import NotUnderstood

PICTURE = Media(MediaKind.IMAGE, Inline("aGk="), "image/png")

TEXT = PartBegun(7, Text(""))
CALL = PartBegun(8, ToolCall("a", "look", ""))
SECOND = PartBegun(9, ToolCall("b", "look", ""))
STOP = Finished(Finish(Reason.STOP, "stop"))


def played(*events: StreamEvent) -> list[list[StreamEvent]]:
    serial, grammar = OneAtATime(), Grammar(serial=True)
    outcome = [serial.feed(event) for event in events]
    for event in (event for step in outcome for event in step):
        grammar.check(event)
    return outcome


def test_the_first_part_streams_and_the_others_wait_for_it() -> None:
    assert played(
        Begun("1", "m"),
        TEXT,
        PartDelta(7, "he"),
        CALL,
        PartDelta(8, "{"),
        SECOND,
        PartDelta(7, "llo"),
        PartDelta(9, "[1"),
        PartDelta(8, "}"),
        PartEnded(8),
        PartEnded(7),
        PartDelta(9, "]"),
        PartEnded(9),
        STOP,
        Ended(),
    ) == [
        [Begun("1", "m")],
        [PartBegun(0, Text(""))],
        [PartDelta(0, "he")],
        [],
        [],
        [],
        [PartDelta(0, "llo")],
        [],
        [],
        [],
        [
            PartEnded(0),
            PartBegun(1, CALL.part),
            PartDelta(1, "{"),
            PartDelta(1, "}"),
            PartEnded(1),
            PartBegun(2, SECOND.part),
            PartDelta(2, "[1"),
        ],
        [PartDelta(2, "]")],
        [PartEnded(2)],
        [],
        [STOP, Ended()],
    ]


def test_what_comes_whole_waits_too_and_figures_do_not() -> None:
    assert played(TEXT, PartWhole(3, PICTURE), Metered(Usage(1)), PartEnded(7), Ended()) == [
        [PartBegun(0, Text(""))],
        [],
        [Metered(Usage(1))],
        [PartEnded(0), PartWhole(1, PICTURE)],
        [Ended()],
    ]


def test_at_the_end_everything_is_released_and_closed() -> None:
    assert played(TEXT, CALL, STOP, PartDelta(7, "x"), Ended()) == [
        [PartBegun(0, Text(""))],
        [],
        [],
        [PartDelta(0, "x")],
        [PartEnded(0), PartBegun(1, CALL.part), PartEnded(1), STOP, Ended()],
    ]


@pytest.mark.parametrize("end", [Truncated(), Failed(Failure(Kind.UPSTREAM, "broken"))])
def test_a_broken_stream_never_closes_the_part_that_was_open(end: StreamEvent) -> None:
    assert played(CALL, PartDelta(8, '{"a'), SECOND, PartEnded(9), STOP, end) == [
        [PartBegun(0, CALL.part)],
        [PartDelta(0, '{"a')],
        [],
        [],
        [],
        [end],
    ]


def test_a_stream_that_breaks_after_its_parts_has_said_why_it_stopped() -> None:
    assert played(STOP, Truncated()) == [[], [STOP, Truncated()]]


def test_what_is_held_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering, "MOST_HELD_CHARACTERS", 1_000)
    serial = OneAtATime()
    serial.feed(TEXT)
    serial.feed(CALL)
    with pytest.raises(NotUnderstood):
        serial.feed(PartDelta(8, "x" * 1_000))


HEADS: st.SearchStrategy[Streamed] = st.sampled_from(
    [Text(""), Reasoning(""), ToolCall("a", "look", ""), Refusal("")]
)


@st.composite
def streams(draw: st.DrawFn) -> list[StreamEvent]:
    """A decoder's stream in which parts overlap in every way."""
    events: list[StreamEvent] = [Begun("1", "m")]
    still: list[PartBegun] = []
    key = 0
    for _ in range(draw(st.integers(0, 25))):
        match draw(st.integers(0, 5)):
            case 0:
                still.append(PartBegun(key, draw(HEADS)))
                events.append(still[-1])
                key += 1
            case 1:
                events.append(PartWhole(key, PICTURE))
                key += 1
            case 2 if still:
                at = draw(st.integers(0, len(still) - 1))
                events.append(_ended(still.pop(at)))
            case 3:
                events.append(Metered(Usage(output_tokens=len(events))))
            case _ if still:
                part = draw(st.sampled_from(still))
                if isinstance(part.part, Text) and draw(st.booleans()):
                    events.append(PartCited(part.key, Citation("https://example.com")))
                else:
                    events.append(PartDelta(part.key, draw(st.text(max_size=3))))
    events += [_ended(part) for part in still]
    return [*events, STOP, Ended()]


def _ended(part: PartBegun) -> PartEnded:
    return PartEnded(part.key, None if isinstance(part.part, Refusal) else Sealed("x", "y"))


@given(streams())
def test_any_stream_becomes_serial_and_says_the_same(events: list[StreamEvent]) -> None:
    grammar = Grammar()
    for event in events:
        grammar.check(event)

    outcome = [event for step in played(*events) for event in step]

    assert fold(outcome) == fold(events)
    assert len(outcome) == len(events)


# ------------------------------------------------------------------------------------- grammar


@pytest.mark.parametrize(
    "events",
    [
        [Begun("1", None), Begun("1", None)],
        [Metered(Usage(1)), Begun("1", None)],
        [TEXT, TEXT],
        [TEXT, PartEnded(7), PartWhole(7, PICTURE)],
        [PartDelta(1, "x")],
        [TEXT, PartEnded(7), PartDelta(7, "x")],
        [TEXT, PartEnded(7), PartEnded(7)],
        [CALL, PartCited(8, Citation())],
        [PartBegun(0, Text("early"))],
        [PartBegun(0, ToolCall("a", "look", "{}"))],
        [PartBegun(0, Text("", sealed=Sealed("x", "y")))],
        [TEXT, Ended()],
        [STOP, STOP],
        [Ended(), Truncated()],
        [Failed(Failure(Kind.UPSTREAM, "x")), Ended()],
    ],
)
def test_the_grammar_refuses(events: list[StreamEvent]) -> None:
    grammar = Grammar()
    for event in events[:-1]:
        grammar.check(event)
    with pytest.raises(AssertionError, match="grammar"):
        grammar.check(events[-1])


@pytest.mark.parametrize("events", [[TEXT], [PartBegun(0, Text("")), PartBegun(1, Text(""))]])
def test_the_serial_grammar_refuses_besides(events: list[StreamEvent]) -> None:
    grammar = Grammar(serial=True)
    for event in events[:-1]:
        grammar.check(event)
    with pytest.raises(AssertionError):
        grammar.check(events[-1])
