"""The calls of an answer, given back under the caller's own names and with usable ids."""

import re

import pytest

from translators.canonical.parts import (
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolKind,
)
from translators.canonical.request import (
    Request,
    Tool,
)
from translators.canonical.response import Response, fold, unfold
from translators.canonical.sealed import Sealed
from translators.canonical.stream import (
    Begun,
    Ended,
    PartBegun,
    PartDelta,
    PartEnded,
    PartWhole,
    StreamEvent,
)
from translators.protocol import ToolRules
from translators.tools import (
    Restorer,
    ToolMap,
    fitted,
)

PLAIN = ToolRules(r"[A-Za-z0-9_-]+", 64, r"[A-Za-z0-9_-]+", 64)
SCHEMA = {"type": "object", "properties": {}}
TOOLS = Request("m", (), (Tool("patch", kind=ToolKind.FREEFORM), Tool("look", schema=SCHEMA)))


def restored(tools: ToolMap, *parts: Part, rules: ToolRules = PLAIN) -> tuple[Part, ...]:
    restorer = Restorer(tools, rules, "seed")
    return fold(restorer.restored(unfold(Response(None, None, parts)))).parts


@pytest.mark.parametrize("bad", ["", "call_0", "functions.look:0", "x" * 65, "call é 12345"])
def test_an_id_that_the_client_could_not_use_is_replaced(bad: str) -> None:
    found = restored(ToolMap(), ToolCall(bad, "look", "{}"), ToolCall(bad, "look", "{}"))

    ids = [part.id for part in found if isinstance(part, ToolCall)]
    assert len(set(ids)) == 2
    assert all(re.fullmatch(r"call_[0-9a-f]{24}", each) for each in ids)
    again = restored(ToolMap(), ToolCall(bad, "look", "{}"), ToolCall(bad, "look", "{}"))
    assert again == found


def test_an_id_that_comes_again_within_an_answer_is_replaced_once() -> None:
    found = restored(
        ToolMap(), ToolCall("call_12345", "look", "{}"), ToolCall("call_12345", "look", "{}")
    )

    first, second = (part.id for part in found if isinstance(part, ToolCall))
    assert first == "call_12345"
    assert second != first


def test_seals_and_all_else_of_a_call_stay() -> None:
    call = ToolCall("call_12345", "look", "{}", sealed=Sealed("x", "y"), item_id="fc_1")
    parts = (Text("hi"), Reasoning("hm", Sealed("x", "z")), call)

    assert restored(ToolMap(), *parts) == parts


def test_free_text_streams_while_it_is_unwrapped() -> None:
    _, tools, _ = fitted(TOOLS, PLAIN)
    restorer = Restorer(tools, PLAIN, "seed")
    events: list[StreamEvent] = [
        Begun("1", "m"),
        PartBegun(0, ToolCall("call_12345", "patch", "")),
        PartBegun(1, ToolCall("call_67890", "look", "")),
        PartDelta(0, '{"input'),
        PartDelta(1, '{"input'),
        PartDelta(0, '":"a\\'),
        PartDelta(0, 'nb"}'),
        PartEnded(0, Sealed("x", "y")),
        PartEnded(1),
        PartWhole(2, ToolCall("call_13579", "patch", '{"patch":"c"}')),
        Ended(),
    ]

    assert [restorer.restored([event]) for event in events] == [
        [Begun("1", "m")],
        [PartBegun(0, ToolCall("call_12345", "patch", "", ToolKind.FREEFORM))],
        [PartBegun(1, ToolCall("call_67890", "look", ""))],
        [],
        [PartDelta(1, '{"input')],
        [PartDelta(0, "a")],
        [PartDelta(0, "\nb")],
        [PartEnded(0, Sealed("x", "y"))],
        [PartEnded(1)],
        [PartWhole(2, ToolCall("call_13579", "patch", "c", ToolKind.FREEFORM))],
        [Ended()],
    ]


def test_what_is_no_wrapped_text_comes_whole_at_the_end() -> None:
    _, tools, _ = fitted(TOOLS, PLAIN)
    restorer = Restorer(tools, PLAIN, "seed")

    assert restorer.restored(
        [
            PartBegun(0, ToolCall("call_12345", "patch", "")),
            PartDelta(0, "*** Begin"),
            PartDelta(0, " Patch"),
            PartEnded(0),
        ]
    )[1:] == [PartDelta(0, "*** Begin Patch"), PartEnded(0)]
