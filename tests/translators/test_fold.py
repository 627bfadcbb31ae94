"""Whole answers and streams say the same."""

from hypothesis import given
from hypothesis import strategies as st

from translators.canonical.failure import Failure, Kind
from translators.canonical.finish import Finish, Reason
from translators.canonical.parts import (
    Citation,
    Found,
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
    ToolKind,
)
from translators.canonical.response import Fold, Response, fold, unfold
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
    StreamEvent,
)
from translators.canonical.usage import Usage
from translators.ordering import Grammar

SEALS = st.none() | st.builds(Sealed, st.just("home"), st.text(max_size=5))
CITED = st.lists(st.builds(Citation, url=st.text(max_size=5)), max_size=2).map(tuple)
PARTS: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, st.text(max_size=5), CITED, SEALS),
    st.builds(Reasoning, st.text(max_size=5), SEALS, st.booleans(), st.none() | st.just("rs_1")),
    st.builds(
        ToolCall,
        id=st.text(max_size=5),
        name=st.just("look"),
        arguments=st.text(max_size=5),
        kind=st.sampled_from(ToolKind),
        namespace=st.none() | st.just("ns"),
        sealed=SEALS,
        item_id=st.none() | st.just("fc_1"),
    ),
    st.builds(Refusal, st.text(max_size=5)),
    st.just(Media(MediaKind.IMAGE, Inline("aGk="), "image/png")),
    st.just(SearchCall("s", ("q",), (Found("https://example.com"),))),
    st.just(Opaque("x", "y", {"z": 1})),
)
RESPONSES = st.builds(
    Response,
    id=st.none() | st.just("1"),
    model=st.none() | st.just("m"),
    parts=st.lists(PARTS, max_size=6).map(tuple),
    finish=st.none() | st.builds(Finish, st.sampled_from(Reason), st.none()),
    usage=st.none() | st.builds(Usage, st.none() | st.integers(0, 9), st.integers(0, 9)),
    failure=st.none() | st.just(Failure(Kind.UPSTREAM, "broken")),
)


@given(RESPONSES)
def test_an_answer_comes_back_from_its_events(response: Response) -> None:
    events = list(unfold(response))

    grammar = Grammar(serial=True)
    for event in events:
        grammar.check(event)
    assert fold(events) == response


def test_parts_stand_in_the_order_in_which_they_began() -> None:
    events: list[StreamEvent] = [
        Begun("1", "m"),
        Generated(),
        PartBegun(5, Text("")),
        PartBegun(2, ToolCall("a", "look", "")),
        PartDelta(2, "{"),
        PartDelta(5, "he"),
        PartEnded(2, Sealed("home", "s")),
        PartDelta(5, "llo"),
        PartCited(5, Citation("https://example.com")),
        PartEnded(5),
        Metered(Usage(input_tokens=3, output_tokens=1)),
        Finished(Finish(Reason.TOOL_CALLS, "tool_use")),
        Metered(Usage(output_tokens=2)),
        Ended(),
    ]

    assert fold(events) == Response(
        "1",
        "m",
        (
            Text("hello", (Citation("https://example.com"),)),
            ToolCall("a", "look", "{", sealed=Sealed("home", "s")),
        ),
        Finish(Reason.TOOL_CALLS, "tool_use"),
        Usage(input_tokens=3, output_tokens=2),
    )


def test_a_fold_can_be_asked_at_any_time() -> None:
    folding = Fold()
    folding.take([PartBegun(0, Text("")), PartDelta(0, "he")])
    assert folding.response().parts == (Text("he"),)
    folding.take([PartDelta(0, "llo"), Failed(Failure(Kind.OVERLOADED, "busy"))])
    assert folding.response().parts == (Text("hello"),)
    assert folding.response().failure == Failure(Kind.OVERLOADED, "busy")
