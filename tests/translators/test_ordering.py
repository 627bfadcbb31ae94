"""Turns brought into the order that a dialect demands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translators.canonical.parts import (
    CacheMark,
    Inline,
    Media,
    MediaKind,
    Opaque,
    Part,
    Text,
    ToolCall,
    ToolKind,
    ToolResult,
)
from translators.canonical.request import Role, Turn
from translators.ordering import MADE_TEXT, MOVED, SUPPLIED, merged, paired, prefilled

PICTURE = Media(MediaKind.IMAGE, Inline("aGk="), "image/png")


def user(*parts: Part | str, name: str | None = None) -> Turn:
    return Turn(Role.USER, _parts(parts), name)


def model(*parts: Part | str) -> Turn:
    return Turn(Role.ASSISTANT, _parts(parts))


def system(*parts: Part | str) -> Turn:
    return Turn(Role.SYSTEM, _parts(parts))


def _parts(parts: tuple[Part | str, ...]) -> tuple[Part, ...]:
    return tuple(Text(part) if isinstance(part, str) else part for part in parts)


def call(call_id: str, name: str = "look") -> ToolCall:
    return ToolCall(call_id, name, "{}")


def result(call_id: str, *said: str, name: str | None = "look") -> ToolResult:
    return ToolResult(call_id, tuple(Text(text) for text in said), name=name)


def none(call_id: str) -> ToolResult:
    return ToolResult(call_id, (Text("[no result]"),), is_error=True, name="look")


# ----------------------------------------------------------------------------- how it ends

FOREIGN = Opaque("p", "hologram", {})


@pytest.mark.parametrize(
    ("turns", "continues"),
    [
        ([user("a"), model("so")], True),
        ([user("a"), model("so", " ")], True),
        ([user("a"), model(FOREIGN, "so")], True),
        ([user("a"), model("so", FOREIGN)], False),
        ([user("a"), model("so"), model(FOREIGN)], False),
        ([user("a"), model(" ")], False),
        ([model("so"), user("a")], False),
        ([], False),
    ],
)
def test_whether_the_model_is_to_go_on(turns: list[Turn], continues: bool) -> None:
    assert prefilled(turns) is continues


# -------------------------------------------------------------------------------------- merged


def test_neighbours_of_one_role_become_one_turn() -> None:
    turns = [user("a"), user("b"), model("c"), model("d"), user("e")]

    assert merged(turns) == [user("a", "b"), model("c", "d"), user("e")]


def test_system_turns_stay_apart_and_part_what_they_stand_between() -> None:
    turns = [system("a"), system("b"), user("c"), system("d"), user("e")]

    assert merged(turns) == turns


def test_a_name_stays_where_both_turns_have_it() -> None:
    assert merged([user("a", name="Ann"), user("b", name="Ann")]) == [user("a", "b", name="Ann")]
    assert merged([user("a", name="Ann"), user("b", name="Bob")]) == [user("a", "b")]


# -------------------------------------------------------------------------------------- paired


def test_a_conversation_in_order_is_left_as_it_is() -> None:
    turns = [
        system("rules"),
        user("hi"),
        model("let me see", call("a"), call("b")),
        user(result("a", "1"), result("b", "2"), "and?"),
        model("done"),
    ]

    assert paired(turns) == (turns, ())


def test_parallel_results_in_turns_of_their_own_are_gathered_without_a_loss() -> None:
    turns = [model(call("a"), call("b")), user(result("b", "2")), user(result("a", "1"))]

    assert paired(turns) == (
        [model(call("a"), call("b")), user(result("a", "1"), result("b", "2"))],
        (),
    )


def test_text_before_the_results_stands_behind_them() -> None:
    turns = [model(call("a"), call("b")), user("well", result("a", "1")), user(result("b", "2"))]

    assert paired(turns) == (
        [model(call("a"), call("b")), user(result("a", "1"), result("b", "2"), "well")],
        (MOVED,),
    )


def test_a_system_turn_between_call_and_result_stands_behind_the_result() -> None:
    turns = [model(call("a")), system("be quick"), user(result("a", "1"), "go on")]

    assert paired(turns) == (
        [model(call("a")), user(result("a", "1")), system("be quick"), user("go on")],
        (MOVED,),
    )


def test_a_late_result_is_brought_to_its_call() -> None:
    turns = [model(call("a")), user("wait"), model("I wait"), user(result("a", "1"))]

    assert paired(turns) == (
        [model(call("a")), user(result("a", "1"), "wait"), model("I wait")],
        (MOVED,),
    )


def test_assistant_turns_with_calls_become_one() -> None:
    turns = [model(call("a")), model("and"), model(call("b")), user(result("a"), result("b"))]

    assert paired(turns) == (
        [model(call("a"), "and", call("b")), user(result("a"), result("b"))],
        (),
    )


def test_a_result_without_a_call_becomes_text_and_keeps_its_media() -> None:
    orphan = ToolResult("x", (Text("one"), PICTURE, Text("two")), cache=CacheMark())
    turns = [user("hi", orphan), model("what?"), user(result("y"))]

    assert paired(turns) == (
        [
            user("hi", Text("[tool result] one\ntwo", cache=CacheMark()), PICTURE),
            model("what?"),
            user("[tool result]"),
        ],
        (MADE_TEXT,),
    )


def test_a_second_result_for_a_call_becomes_text() -> None:
    turns = [model(call("a")), user(result("a", "1"), ToolResult("a", (Text("2"),), is_error=True))]

    assert paired(turns) == (
        [model(call("a")), user(result("a", "1"), "[tool error] 2")],
        (MADE_TEXT,),
    )


def test_a_call_without_a_result_gets_one_that_says_so() -> None:
    turns = [user("hi"), model(call("a"), call("b")), user(result("b", "2"), "go on")]

    assert paired(turns) == (
        [user("hi"), model(call("a"), call("b")), user(none("a"), result("b", "2"), "go on")],
        (SUPPLIED,),
    )


def test_calls_at_the_very_end_get_results_too() -> None:
    assert paired([user("hi"), model(call("a"))]) == (
        [user("hi"), model(call("a")), user(none("a"))],
        (SUPPLIED,),
    )


def test_ids_that_come_again_mean_the_call_of_their_own_answer() -> None:
    turns = [
        model(call("call_0")),
        user("never mind"),
        model(call("call_0")),
        user(result("call_0", "2")),
    ]

    assert paired(turns) == (
        [
            model(call("call_0")),
            user(none("call_0"), "never mind"),
            model(call("call_0")),
            user(result("call_0", "2")),
        ],
        (SUPPLIED,),
    )


def test_a_result_learns_what_it_answers() -> None:
    freeform = ToolCall("a", "patch", "*", ToolKind.FREEFORM, origin="apply_patch")
    turns = [model(freeform), user(result("a", "ok", name=None))]

    assert paired(turns)[0][1] == user(
        ToolResult("a", (Text("ok"),), False, "patch", ToolKind.FREEFORM, "apply_patch")
    )


IDS = st.sampled_from("abc")
SAID = st.just(Text("t")) | st.builds(result, IDS, st.text(max_size=3))
TURNS = st.lists(
    st.builds(lambda parts: user(*parts), st.lists(SAID, min_size=1))
    | st.builds(lambda parts: model(*parts), st.lists(SAID | st.builds(call, IDS)))
    | st.just(system("s")),
    max_size=8,
)


@given(TURNS)
def test_whatever_the_history_calls_are_followed_by_their_results(turns: list[Turn]) -> None:
    outcome, losses = paired(turns)

    expected: list[str] = []
    for turn in outcome:
        results = [part.call_id for part in turn.parts if isinstance(part, ToolResult)]
        assert results == expected
        assert all(isinstance(part, ToolResult) for part in turn.parts[: len(results)])
        expected = [part.id for part in turn.parts if isinstance(part, ToolCall)]
        assert not expected or turn.role is Role.ASSISTANT
    assert expected == []
    assert paired(outcome) == (outcome, ())
    if outcome == turns:
        assert losses == ()
