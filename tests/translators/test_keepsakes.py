"""Sealed reasoning kept under the ids of calls and put back where it was."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translators.canonical.parts import Part, Reasoning, Text, ToolCall, ToolResult
from translators.canonical.request import Request, Role, Turn
from translators.canonical.sealed import Sealed
from translators.keepsakes import MOST_WANTED, kept, restored, wanted

SEAL = Sealed("home", "c2lnbmVk")
THOUGHT = Reasoning("first I look\n\u2028", SEAL, id="rs_1")
HIDDEN = Reasoning("", Sealed("home", "aGlkZGVu"), redacted=True)


def call(call_id: str, sealed: Sealed | None = None) -> ToolCall:
    return ToolCall(call_id, "look", "{}", sealed=sealed)


def asked(*answers: tuple[Part, ...]) -> Request:
    turns: list[Turn] = []
    for parts in answers:
        ids = [part.id for part in parts if isinstance(part, ToolCall)]
        turns.append(Turn(Role.ASSISTANT, parts))
        turns.append(Turn(Role.USER, tuple(ToolResult(each, ()) for each in ids)))
    return Request("m", tuple(turns))


def bare(*parts: Part) -> tuple[Part, ...]:
    """What a client without a field for seals sends back."""
    return tuple(
        replace(part, sealed=None) if isinstance(part, ToolCall) else part
        for part in parts
        if not isinstance(part, Reasoning)
    )


ANSWERS: list[tuple[Part, ...]] = [
    (THOUGHT, call("a")),
    (THOUGHT, Text("let me see"), call("a"), call("b")),
    (THOUGHT, HIDDEN, Text("so"), HIDDEN, call("a"), THOUGHT, call("b", SEAL)),
    (Text("so"), THOUGHT, call("a")),
    (call("a", SEAL), call("b")),
]


@pytest.mark.parametrize("parts", ANSWERS)
def test_an_answer_is_put_together_again(parts: tuple[Part, ...]) -> None:
    request = asked(bare(*parts))

    assert restored(request, kept(parts)) == asked(parts)
    assert set(kept(parts)) <= set(wanted(request))


def test_what_the_client_shows_of_the_reasoning_gives_way_to_the_sealed() -> None:
    request = asked((Reasoning("first I look"), *bare(Text("so"), call("a"))))

    assert restored(request, kept((THOUGHT, Text("so"), call("a")))) == asked(
        (THOUGHT, Text("so"), call("a"))
    )


def test_reasoning_stays_where_only_a_call_was_sealed() -> None:
    request = asked((Reasoning("shown"), call("a")))

    assert restored(request, kept((call("a", SEAL),))) == asked(
        (Reasoning("shown"), call("a", SEAL))
    )


def test_nothing_is_kept_where_nothing_is_sealed() -> None:
    assert kept((Reasoning("open"), Text("hi"), call("a"))) == {}
    assert kept((THOUGHT, Text("no calls"))) == {}


def test_turns_that_carry_seals_want_nothing() -> None:
    request = asked((THOUGHT, call("a")), (call("b", SEAL),), (call("c"),), (Text("hi"),))

    assert wanted(request) == ["c"]


def test_the_latest_calls_are_wanted_oldest_first() -> None:
    request = asked(*((call(f"{n}a"), call(f"{n}b")) for n in range(MOST_WANTED)))

    found = wanted(request)
    assert len(found) == MOST_WANTED
    assert found[0] == f"{MOST_WANTED // 2}a"
    assert found[-1] == f"{MOST_WANTED - 1}b"


def test_of_several_calls_with_one_id_the_latest_is_meant() -> None:
    request = asked((call("call_0"),), (call("call_0"),))

    assert wanted(request) == ["call_0"]
    assert restored(request, kept((THOUGHT, call("call_0")))) == asked(
        (call("call_0"),), (THOUGHT, call("call_0"))
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["version", "reasoning", "seal", "text", "issuer", "payload"]),
            inner,
            max_size=4,
        )
    ),
)


@given(st.binary(max_size=20) | JSON.map(lambda value: json.dumps(value).encode()))
def test_garbage_is_as_good_as_nothing(value: bytes) -> None:
    request = asked((Reasoning("shown"), call("a")))

    assert restored(request, {"a": value, "unknown": value}) == request


def test_a_keepsake_of_another_version_is_as_good_as_nothing() -> None:
    value = json.loads(kept((THOUGHT, call("a")))["a"])
    request = asked((call("a"),))

    for changed in ({**value, "version": 2}, {**value, "reasoning": [*value["reasoning"], 7]}):
        assert restored(request, {"a": json.dumps(changed).encode()}) == request
