"""Turns written as input items of a Responses request, and what of them cannot be said."""

import json
from typing import Any

import pytest
from openai.types.responses.response_input_param import ResponseInputItemParam
from pydantic import TypeAdapter

from tests.translators.responses_asked import ITEMS, OUTPUTS
from tests.translators.responses_sent import (
    FOREIGN,
    HI,
    OWN,
    assistant,
    message,
    said,
    sent,
    text,
    user,
)
from translators.canonical.capabilities import Capabilities, Thinking
from translators.canonical.parts import (
    CacheMark,
    Citation,
    Found,
    Media,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    SearchCall,
    Text,
    ToolCall,
    ToolKind,
    ToolResult,
)
from translators.canonical.request import Role, Turn
from translators.canonical.sealed import Sealed


def test_a_first_system_text_is_instructions_and_more_are_messages_in_their_order() -> None:
    body, losses = sent(Turn(Role.SYSTEM, (Text("Be brief."),)), HI)
    assert (body["instructions"], body["input"]) == (
        "Be brief.",
        [message("user", text("Hi"))],
    )
    assert losses == []
    body, _ = sent(
        Turn(Role.SYSTEM, (Text("a"), Text("b"))), HI, Turn(Role.SYSTEM, (Text("later"),)), HI
    )
    assert "instructions" not in body
    assert body["input"][0] == message("developer", text("a"), text("b"))
    assert body["input"][2] == message("developer", text("later"))


def test_an_older_models_operator_speaks_as_system() -> None:
    old = Capabilities(developer_role=False)
    body, _ = sent(Turn(Role.SYSTEM, (Text("a"), Text("b"))), HI, capabilities=old)
    assert body["input"][0]["role"] == "system"


def test_items_stand_in_the_order_of_the_parts_without_ids() -> None:
    body, losses = sent(
        HI,
        assistant(
            Reasoning("Hm", OWN, id="rs_1"),
            Text("a"),
            Text("b"),
            ToolCall("c1", "f", '{"x":1}', item_id="fc_1"),
            Text("c"),
            ToolCall("c2", "exec", "ls", ToolKind.FREEFORM, namespace="n"),
        ),
        user(
            ToolResult("c1", (Text("1"), Text("2"))),
            ToolResult("c2", (Text("3"),), kind=ToolKind.FREEFORM),
            Text("Go on"),
        ),
    )
    assert body["input"][1:] == [
        {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "Hm"}],
            "encrypted_content": "gA",
        },
        message("assistant", said("a"), said("b")),
        {"type": "function_call", "arguments": '{"x":1}', "call_id": "c1", "name": "f"},
        message("assistant", said("c")),
        {
            "type": "custom_tool_call",
            "input": "ls",
            "call_id": "c2",
            "name": "exec",
            "namespace": "n",
        },
        {"type": "function_call_output", "call_id": "c1", "output": "1\n2"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "3"},
        message("user", text("Go on")),
    ]
    assert losses == []


@pytest.mark.parametrize(
    ("part", "item", "losses"),
    [
        (Refusal("No."), message("assistant", {"type": "refusal", "refusal": "No."}), []),
        (
            Text("a", (Citation("u", "t", None, 0, 1),)),
            message(
                "assistant",
                said("a", {"type": "url_citation", "start_index": 0, "end_index": 1,
                           "title": "t", "url": "u"}),
            ),
            ["prefill=changed"],
        ),
        (
            SearchCall("ws_1", ("a", "b"), (Found("https://a"),)),
            {
                "id": "ws_1",
                "type": "web_search_call",
                "status": "completed",
                "action": {
                    "type": "search",
                    "query": "a",
                    "queries": ["a", "b"],
                    "sources": [{"type": "url", "url": "https://a"}],
                },
            },
            [],
        ),
        (
            SearchCall("s", ("a",), (Found("https://a", "A", sealed=FOREIGN),)),
            None,
            ["search.found=dropped"],
        ),
        (
            Opaque("openai_responses", "compaction", {"type": "compaction", "x": 1}),
            {"type": "compaction", "x": 1},
            [],
        ),
        (Opaque("gemini", "codeResult", {}), None, ["parts[].codeResult=dropped"]),
        (Reasoning("Hm", FOREIGN), None, ["reasoning=unsealed"]),
        (Reasoning("Hm"), None, ["reasoning=dropped"]),
        (Reasoning("", FOREIGN, redacted=True), None, ["reasoning=unsealed"]),
    ],
)  # fmt: skip
def test_parts_of_the_assistant(part: Part, item: dict[str, Any] | None, losses: list[str]) -> None:
    body, found = sent(HI, assistant(part))
    assert found == losses
    if item is not None:
        assert body["input"][1:] == [item]
    if isinstance(part, Reasoning):
        assert body["input"][1:] == []
        assert "Hm" not in json.dumps(body), "never shown as visible text"


def test_seals_of_a_family_that_speaks_this_dialect_go_back_to_it() -> None:
    family = Capabilities(family="openai")
    thought = assistant(Reasoning("", Sealed("openai", "gA")), Text("a"))
    body, losses = sent(HI, thought, HI, capabilities=family)
    assert body["input"][1]["encrypted_content"] == "gA"
    assert losses == []
    _, losses = sent(HI, assistant(Reasoning("", OWN)), HI, capabilities=family)
    assert losses == ["reasoning=unsealed"]


@pytest.mark.parametrize("place", range(len(ITEMS)), ids=[name for name, _, _ in ITEMS])
def test_items_of_this_dialect_are_written_as_they_were_read(place: int) -> None:
    """Calls of built-in tools too; without their ids, and what was null left out."""
    _, item, part = ITEMS[place]
    if isinstance(part, Media) or (isinstance(part, Reasoning) and part.sealed != OWN):
        return
    kind = getattr(part, "origin", None)
    said_after = [Text("a")] if isinstance(part, Reasoning) else []
    result = [ToolResult("c", (Text("o"),), origin=kind)] if isinstance(part, ToolCall) else []
    body, _ = sent(HI, assistant(part, *said_after), user(*result, Text("Go on")))
    kept = body["input"][1]
    assert kept["type"] == item["type"]
    for name in ("call_id", "name", "arguments", "input", "operation", "encrypted_content"):
        assert kept.get(name) == item.get(name)
    if "action" in item:
        asked = {k: v for k, v in item["action"].items() if v is not None}
        assert asked == {k: v for k, v in kept["action"].items() if v is not None}


@pytest.mark.parametrize("place", range(len(OUTPUTS)), ids=[name for name, _, _ in OUTPUTS])
def test_outputs_are_written_as_they_were_read(place: int) -> None:
    _, item, result = OUTPUTS[place]
    call = ToolCall("c", result.name or "f", "{}", result.kind, origin=result.origin)
    body, losses = sent(HI, assistant(call), user(result))
    kept = body["input"][2]
    assert (kept["type"], kept["call_id"]) == (item["type"], "c")
    if result.is_error:
        assert kept["status"] == item["status"]
    assert losses == []


def test_a_shells_output_in_words_is_what_was_printed() -> None:
    call = ToolCall("c", "shell", '{"commands":["ls"]}', origin="shell")
    result = ToolResult("c", (Text("boom"),), is_error=True, origin="shell")
    body, _ = sent(HI, assistant(call), user(result))
    assert body["input"][2]["output"] == [
        {"stdout": "", "stderr": "boom", "outcome": {"type": "exit", "exit_code": 1}}
    ]


def test_a_failed_freeform_result_says_so_in_its_text() -> None:
    call = ToolCall("c", "exec", "ls", ToolKind.FREEFORM)
    result = ToolResult("c", (Text("boom"),), is_error=True, kind=ToolKind.FREEFORM)
    body, losses = sent(HI, assistant(call), user(result))
    assert body["input"][2]["output"] == "[tool error] boom"
    assert losses == ["tool_result.is_error=changed"]


def test_calls_and_results_without_each_other_are_repaired() -> None:
    body, losses = sent(HI, assistant(ToolCall("c", "f", "")), user(ToolResult("z", ())))
    kinds = [item["type"] for item in body["input"]]
    assert kinds[:3] == ["message", "function_call", "function_call_output"]
    assert body["input"][1]["arguments"] == "{}"
    assert body["input"][2]["call_id"] == "c"
    assert losses
    assert all(loss.startswith("tool_result=") for loss in losses)


@pytest.mark.parametrize(
    ("turn", "losses"),
    [
        (Turn(Role.USER, (Text("a"),), "Ann"), ["messages[].name=dropped"]),
        (user(Text("a", cache=CacheMark())), ["cache=dropped"]),
        (user(Text("a", sealed=FOREIGN)), ["reasoning=unsealed"]),
        (assistant(Text("a")), ["prefill=changed"]),
        (
            assistant(Text("a", (Citation(quoted="q"),))),
            ["citations=dropped", "prefill=changed"],
        ),
    ],
)
def test_what_has_no_place_is_reported(turn: Turn, losses: list[str]) -> None:
    assert sent(HI, turn)[1] == losses


def test_a_model_that_does_not_reason_gets_no_reasoning() -> None:
    plain = Capabilities(thinking=Thinking.NONE)
    body, losses = sent(HI, assistant(Reasoning("Hm", OWN), Text("a")), HI, capabilities=plain)
    assert [item["type"] for item in body["input"]] == ["message"] * 3
    assert losses == ["reasoning=dropped"]


def test_reasoning_that_nothing_follows_is_left_out() -> None:
    """The server refuses it: an answer that was broken off has nothing to lead to."""
    body, losses = sent(HI, assistant(Text("a"), Reasoning("Hm", OWN)), HI)
    assert [item["type"] for item in body["input"]] == ["message"] * 3
    assert losses == ["reasoning=dropped"]


def test_empty_texts_and_empty_messages_are_left_out() -> None:
    body, losses = sent(HI, assistant(Text(""), Reasoning("")), user(Text(""), Text("a")))
    assert body["input"] == [message("user", text("Hi")), message("user", text("a"))]
    assert losses == []


def test_the_sdks_types_accept_every_item() -> None:
    parts = [part for _, _, part in ITEMS if not isinstance(part, Media)]
    calls = [assistant(part) for part in parts if not isinstance(part, ToolCall)]
    body, _ = sent(HI, *calls, HI)
    for _, _, part in ITEMS:
        if isinstance(part, ToolCall):
            result = ToolResult("c", (Text("o"),), kind=part.kind, origin=part.origin)
            body["input"] += sent(HI, assistant(part), user(result))[0]["input"]
    for item in body["input"]:
        # The SDK demands the ids that a stateless caller must not send.
        TypeAdapter(ResponseInputItemParam).validate_python({"id": "x", **item})


def test_a_longer_conversation_has_the_shorter_ones_items_as_its_beginning() -> None:
    turns = [HI, assistant(Reasoning("Hm", OWN), ToolCall("c", "f", "{}"))]
    turns += [user(ToolResult("c", (Text("o"),))), assistant(Text("Done.")), HI]
    items = [sent(*turns[:n])[0]["input"] for n in (1, 3, 5)]
    assert items[2][: len(items[1])] == items[1]
    assert items[1][: len(items[0])] == items[0]
