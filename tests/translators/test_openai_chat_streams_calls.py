"""Calls in Chat Completions streams, as servers differ in sending them (10.2)."""

import pytest

from tests.translators.openai_chat_reading import check_order, heard
from tests.translators.test_openai_chat_streams import DONE, called, delta, entry, read
from translators.canonical.parts import ToolCall

ONE = called(entry("1", index=0, id="a", name="f"))
BARE = called(entry("1", id="a", name="f"))


def calls(*pieces: bytes) -> list[tuple[str, str, str]]:
    found = [part for part in read(*pieces).parts if isinstance(part, ToolCall)]
    return [(call.id, call.name, call.arguments) for call in found]


VARIANTS: dict[str, tuple[list[bytes], list[tuple[str, str, str]]]] = {
    "as documented": (
        [called(entry("", index=0, id="a", name="f")), called(entry("{}", index=0))],
        [("a", "f", "{}")],
    ),
    "several in one chunk, whole": (
        [called(entry("{}", index=0, id="a", name="f"), entry("[]", index=1, id="b", name="g"))],
        [("a", "f", "{}"), ("b", "g", "[]")],
    ),
    "no index": (
        [
            called(entry('{"', id="a", name="f")),
            called(entry('"}')),
            called(entry("2", id="b", name="g")),
        ],
        [("a", "f", '{""}'), ("b", "g", "2")],
    ),
    "no index, ids repeated": (
        [BARE, called(entry("2", id="a", name="f"))],
        [("a", "f", "12")],
    ),
    "one index for all": (
        [
            ONE,
            called(entry("2", index=0, id="b", name="f")),
        ],
        [("a", "f", "1"), ("b", "f", "2")],
    ),
    "one index for all, mixed again": (
        [
            ONE,
            called(entry("2", index=0, id="b", name="f")),
            called(entry("3", index=0, id="a", name="f")),
        ],
        [("a", "f", "13"), ("b", "f", "2")],
    ),
    "id and name repeated": (
        [
            ONE,
            called(entry("2", index=0, id="a", name="f")),
        ],
        [("a", "f", "12")],
    ),
    "a new id in every delta": (
        [ONE, called(entry("2", index=0, id="z"))],
        [("a", "f", "12")],
    ),
    "a new id in every delta, no index": (
        [BARE, called(entry("2", id="z"))],
        [("a", "f", "12")],
    ),
    "empty strings after the first": (
        [
            ONE,
            called(entry("2", index=0, id="", name="")),
        ],
        [("a", "f", "12")],
    ),
    "the name after the arguments": (
        [called(entry("1", index=0, id="a")), called(entry("2", index=0, name="f"))],
        [("a", "f", "12")],
    ),
    "arguments as an object": (
        [called(entry({"x": 1}, index=0, id="a", name="f"))],
        [("a", "f", '{"x":1}')],
    ),
    "no id at all": (
        [called(entry("{}", index=0, name="f"), entry("{}", index=1, name="f"))],
        [("call_chatcmpl1_0", "f", "{}"), ("call_chatcmpl1_1", "f", "{}")],
    ),
    "the older form": (
        [
            delta(function_call={"name": "f", "arguments": ""}),
            delta(function_call={"arguments": "{}"}),
        ],
        [("call_chatcmpl1_0", "f", "{}")],
    ),
    "never named": ([called(entry("{}", index=0, id="a"))], [("a", "", "{}")]),
    "indexes from one": (
        [
            called(entry("1", index=1, id="a", name="f")),
            called(entry("2", index=2, id="b", name="g")),
        ],
        [("a", "f", "1"), ("b", "g", "2")],
    ),
}


@pytest.mark.parametrize(("pieces", "expected"), VARIANTS.values(), ids=VARIANTS)
def test_calls_are_told_apart(pieces: list[bytes], expected: list[tuple[str, str, str]]) -> None:
    assert calls(*pieces) == expected
    check_order(heard([*pieces, DONE]))
