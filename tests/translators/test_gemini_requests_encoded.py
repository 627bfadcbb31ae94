"""Neutral requests as contents of Gemini: turns, calls, results, seals."""

from dataclasses import replace

import pytest

from tests.translators.gemini_asked import (
    FOREIGN,
    HI,
    IMAGE,
    MODEL,
    OWN,
    PNG,
    SENTINEL,
    SIGNATURE,
    Json,
    assistant,
    contents,
    encode,
    said,
    system,
    user,
)
from translators.canonical.capabilities import Capabilities, Thinking
from translators.canonical.parts import (
    Media,
    Opaque,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolKind,
    ToolResult,
)
from translators.canonical.request import (
    Request,
    Role,
    Turn,
)
from translators.gemini import PROTOCOL

# ------------------------------------------------------------------------------------------- turns


def test_the_operator_speaks_first_in_parts_and_later_in_reminders() -> None:
    """1.1, 1.3"""
    body, losses = encode(
        system("a", "b"), system("c"), HI, assistant(Text("x")), system("d"), user(Text("y"))
    )
    assert body["systemInstruction"] == {"parts": [{"text": "a"}, {"text": "b"}, {"text": "c"}]}
    reminder = "<system-reminder>\nd\n</system-reminder>"
    assert body["contents"] == [said("user", "hi"), said("model", "x"), said("user", reminder, "y")]
    assert losses == ["system=changed"]


def test_a_reminder_does_not_come_between_calls_and_results() -> None:
    found, losses = contents(
        HI,
        assistant(ToolCall("i", "f", "{}", sealed=OWN)),
        system("d"),
        user(ToolResult("i", (Text("r"),))),
    )
    assert [next(iter(part)) for part in found[2]["parts"]] == ["functionResponse", "text"]
    assert "system=changed" in losses


@pytest.mark.parametrize(
    ("turns", "wire", "losses"),
    [
        ((system("a"),), [said("user", ".")], ["messages[]=added"]),  # 1.8
        ((user(Text("")),), [said("user", ".")], ["messages[]=added"]),  # 1.9
        ((user(Text("a"), Text("")), user(Text("b"))), [said("user", "a", "b")], []),  # 1.5
        (
            (assistant(Text("a")), HI),
            [said("user", "."), said("model", "a"), said("user", "hi")],
            ["messages[]=added"],
        ),
        (
            (HI, assistant(Text("")), user(Text("b"))),
            [said("user", "hi", "b")],
            [],
        ),
        (
            (HI, assistant(Text("so ")), assistant(Refusal("no")), HI),
            [said("user", "hi"), said("model", "so ", "no"), said("user", "hi")],
            [],
        ),
        (
            (HI, assistant(Text("So."), Opaque("openai_responses", "hologram", {}))),
            [said("user", "hi"), said("model", "So."), said("user", ".")],
            ["parts[].hologram=dropped", "messages[]=added"],
        ),
        ((Turn(Role.USER, (Text("a"),), "Bob"),), [said("user", "a")], ["messages[].name=dropped"]),
    ],
)
def test_contents_alternate_and_are_never_empty(
    turns: tuple[Turn, ...], wire: list[Json], losses: list[str]
) -> None:
    assert contents(*turns) == (wire, losses)


def test_a_prefill_becomes_an_instruction() -> None:
    """1.10"""
    found, losses = contents(HI, assistant(Text("{")))
    assert [content["role"] for content in found] == ["user", "model", "user"]
    assert "Continue" in found[2]["parts"][0]["text"]
    assert losses == ["prefill=changed"]


# ------------------------------------------------------------------------------- calls and results


def test_calls_and_results_have_names_and_ids() -> None:
    """1.6, 2.8, 2.10: a result has its call's name."""
    found, losses = contents(
        HI,
        assistant(
            Text("both"), ToolCall("i1", "f", '{"z":1,"a":2}', sealed=OWN), ToolCall("i2", "g", "")
        ),
        user(Text("and"), ToolResult("i2", (Text("2"),)), ToolResult("i1", (Text("1"),))),
    )
    calls = [part.get("functionCall") for part in found[1]["parts"]]
    assert calls == [
        None,
        {"id": "i1", "name": "f", "args": {"z": 1, "a": 2}},
        {"id": "i2", "name": "g", "args": {}},
    ]
    assert list(calls[1]["args"]) == ["z", "a"]
    answers = [part.get("functionResponse") for part in found[2]["parts"]]
    assert answers == [
        {"id": "i1", "name": "f", "response": {"result": "1"}},
        {"id": "i2", "name": "g", "response": {"result": "2"}},
        None,
    ]
    assert losses == ["tool_result=changed"]


ARGUMENTS: list[tuple[ToolCall, Json, bool]] = [
    (ToolCall("i", "f", ""), {}, False),
    (ToolCall("i", "f", " "), {}, False),
    (ToolCall("i", "f", '{"a":{"type":"object","format":"x"}}'),
     {"a": {"type": "object", "format": "x"}}, False),
    (ToolCall("i", "f", '{"a":'), {"input": '{"a":'}, True),
    (ToolCall("i", "f", "[1]"), {"input": [1]}, True),
    (ToolCall("i", "f", "*** Begin", kind=ToolKind.FREEFORM), {"input": "*** Begin"}, True),
]  # fmt: skip


@pytest.mark.parametrize(("call", "args", "changed"), ARGUMENTS)
def test_arguments_are_an_object(call: ToolCall, args: Json, changed: bool) -> None:
    """0.4, 2.9, 2.10"""
    found, losses = contents(
        HI, assistant(replace(call, sealed=OWN)), user(ToolResult("i", (Text("r"),)))
    )
    assert found[1]["parts"][0]["functionCall"]["args"] == args
    assert ("arguments=changed" in losses) is changed


RESULTS: list[tuple[tuple[Text | Media, ...], bool, Json]] = [
    ((Text("a"),), False, {"result": "a"}),
    ((), False, {"result": ""}),
    ((Text("a"), Text("b")), False, {"result": "a\nb"}),
    ((Text('{"rows":[1]}'),), False, {"rows": [1]}),
    ((Text("[1]"),), False, {"result": "[1]"}),
    ((Text('{"rows":'),), False, {"result": '{"rows":'}),
    ((Text("no"),), True, {"error": "no"}),
    ((Text('{"code":1}'),), True, {"error": {"code": 1}}),
]


@pytest.mark.parametrize(("parts", "is_error", "response"), RESULTS)
def test_what_a_tool_gave(parts: tuple[Text | Media, ...], is_error: bool, response: Json) -> None:
    """2.13"""
    found, _ = contents(
        HI,
        assistant(ToolCall("i", "f", "{}", sealed=OWN)),
        user(ToolResult("i", parts, is_error)),
    )
    assert found[2]["parts"] == [
        {"functionResponse": {"id": "i", "name": "f", "response": response}}
    ]


def test_media_of_a_tool_stand_beside_its_result() -> None:
    """2.14, 2.15, 4.2: the bytes tell the type."""
    inline = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    turns = (
        HI,
        assistant(ToolCall("i", "f", "{}", sealed=OWN), ToolCall("j", "g", "{}")),
        user(ToolResult("i", (Text("a"), IMAGE)), ToolResult("j", (Text("b"),))),
    )
    found, losses = contents(*turns)
    assert [next(iter(part)) for part in found[2]["parts"]] == [
        "functionResponse",
        "inlineData",
        "functionResponse",
    ]
    assert found[2]["parts"][1] == inline
    assert losses == []
    found, losses = contents(*turns, given=Capabilities(images=False))
    told = found[2]["parts"][0]["functionResponse"]["response"]
    assert told == {"result": "a\n[image omitted]"}
    assert losses == ["image=dropped"]


# ------------------------------------------------------------------------------------------- seals

STEP = (HI, assistant(ToolCall("i", "f", "{}")), user(ToolResult("i", (Text("r"),))))


def signed(content: Json) -> list[str | None]:
    return [part.get("thoughtSignature") for part in content["parts"]]


def test_own_signatures_go_back_where_they_stood() -> None:
    """6.5"""
    found, losses = contents(
        HI,
        assistant(
            Reasoning("hm", OWN),
            Text("a", sealed=OWN),
            ToolCall("i", "f", "{}", sealed=OWN),
            ToolCall("j", "f", "{}"),
        ),
        user(ToolResult("i", (Text("r"),)), ToolResult("j", (Text("r"),))),
    )
    assert found[1]["parts"][0] == {"text": "hm", "thought": True, "thoughtSignature": SIGNATURE}
    assert signed(found[1]) == [SIGNATURE, SIGNATURE, SIGNATURE, None]
    assert losses == []


def test_the_first_call_of_a_step_without_a_signature_says_so() -> None:
    """6.7, and the same in earlier turns: the bytes of a conversation stay its beginning."""
    found, losses = contents(*STEP)
    assert signed(found[1]) == [SENTINEL]
    assert losses == ["reasoning=changed"]
    second = assistant(ToolCall("j", "f", "{}"), ToolCall("k", "f", "{}"))
    given = user(ToolResult("j", ()), ToolResult("k", ()))
    longer, losses = contents(*STEP, second, given, assistant(Text("done")), HI)
    assert longer[:3] == found
    assert signed(longer[3]) == [SENTINEL, None]
    assert losses == ["reasoning=changed"]


def test_a_model_that_does_not_think_wants_no_signature() -> None:
    encoded = PROTOCOL.encode_request(
        Request("gemini-2.0-flash", STEP), Capabilities(thinking=Thinking.NONE)
    )
    assert b"thoughtSignature" not in encoded.body
    assert encoded.losses == ()


def test_a_call_borrows_the_own_seal_of_the_reasoning_before_it() -> None:
    """For clients that have no field for signatures on calls."""
    found, losses = contents(
        HI,
        assistant(Reasoning("hm", OWN), ToolCall("i", "f", "{}")),
        user(ToolResult("i", (Text("r"),))),
    )
    assert found[1]["parts"] == [
        {
            "functionCall": {"id": "i", "name": "f", "args": {}},
            "thoughtSignature": SIGNATURE,
        }
    ]
    assert losses == []


def test_other_families_seals_and_unsigned_thoughts_are_not_sent() -> None:
    """6.6, 6.9"""
    found, losses = contents(
        HI,
        assistant(Reasoning("a", FOREIGN), Reasoning("b"), Text("c", sealed=FOREIGN)),
        HI,
    )
    assert found[1] == said("model", "c")
    assert losses == ["reasoning=unsealed", "reasoning=dropped"]
    _, losses = contents(HI, assistant(Reasoning("", OWN), Text("c")), HI)
    assert losses == []
    family = Capabilities(family="claude")
    request = Request(MODEL, (HI, assistant(Text("c", sealed=FOREIGN)), HI))
    assert b'"thoughtSignature":"Er8"' in PROTOCOL.encode_request(request, family).body


def test_reasoning_that_shows_nothing_is_an_empty_text_with_its_signature() -> None:
    found, _ = contents(HI, assistant(Reasoning("", OWN), Text("c")), HI)
    assert found[1]["parts"] == [{"text": "", "thoughtSignature": SIGNATURE}, {"text": "c"}]
