"""Messages requests, read: every field that callers send, in neutral words or as a loss."""

import json
from typing import Any

import pytest

from tests.translators.test_anthropic_requests_blocks import CALL, MARK, read
from translators.anthropic import PROTOCOL, client_tools
from translators.canonical.effort import Effort
from translators.canonical.parts import (
    CacheMark,
    Text,
    ToolCall,
    ToolResult,
)
from translators.canonical.request import (
    WEB_SEARCH,
    FormatKind,
    HostedTool,
    OutputFormat,
    ReasoningWish,
    Request,
    Role,
    Sampling,
    Tool,
    ToolChoice,
    ToolMode,
    Turn,
    WebSearch,
)

Json = dict[str, Any]
SCHEMA: Json = {"type": "object", "properties": {"city": {"type": "string"}}}
BILLING = "x-anthropic-billing-header: cc_version=2.1; cch=0a1b2;"


def losses(**fields: Any) -> list[str]:
    return [str(loss) for loss in read(**fields).losses]


def test_the_frame_of_a_request() -> None:
    request = read(
        stream=True,
        temperature=0.5,
        top_p=0.9,
        top_k=40,
        stop_sequences=["a", "b"],
        messages=[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}],
    )
    assert request == Request(
        model="m",
        turns=(Turn(Role.USER, (Text("Hi"),)), Turn(Role.ASSISTANT, (Text("Ho"),))),
        sampling=Sampling(temperature=0.5, top_p=0.9, top_k=40, stop=("a", "b")),
        max_output_tokens=9,
        stream=True,
        echo={"stop_sequences": ["a", "b"]},
    )


def test_a_question_for_a_count_has_no_limit() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"Hi"}]}'
    assert PROTOCOL.decode_request(body).max_output_tokens is None


# ------------------------------------------------------------------------------------------- turns


def test_blocks_of_the_system_prompt_stay_one_by_one_with_their_marks() -> None:
    """1.1: several blocks are not joined."""
    system = [{"type": "text", "text": "one", "cache_control": MARK}, {"type": "text", "text": "2"}]
    assert read(system=system).turns == (
        Turn(Role.SYSTEM, (Text("one", cache=CacheMark()), Text("2"))),
    )
    assert read(system="one").turns == (Turn(Role.SYSTEM, (Text("one"),)),)
    assert read(system="").turns == read(system=[]).turns == read(system=None).turns == ()


@pytest.mark.parametrize(
    ("system", "kept"),
    [
        ([{"type": "text", "text": BILLING}, {"type": "text", "text": "Be."}], "Be."),
        ([{"type": "text", "text": f"{BILLING}\nBe."}], "Be."),
        (f"{BILLING}\nBe.", "Be."),
        (f"Say {BILLING}", f"Say {BILLING}"),
    ],
)
def test_the_billing_line_is_left_out_and_is_no_loss(system: Any, kept: str) -> None:
    """11.2: it changes with every request and would spoil every cache behind it."""
    request = read(system=system)
    assert request.turns == (Turn(Role.SYSTEM, (Text(kept),)),)
    assert request.losses == ()


def test_a_system_prompt_of_the_billing_line_alone_is_none() -> None:
    assert read(system=BILLING).turns == ()


def test_system_messages_stay_where_they_were_said() -> None:
    """1.3"""
    messages = [
        {"role": "user", "content": "a"},
        {"role": "system", "content": [{"type": "text", "text": "quick"}]},
        {"role": "user", "content": "b"},
    ]
    roles = [(turn.role.value, turn.parts) for turn in read(messages=messages).turns]
    assert roles == [
        ("user", (Text("a"),)), ("system", (Text("quick"),)), ("user", (Text("b"),)),
    ]  # fmt: skip


def test_the_effort_of_the_turn_to_come_is_the_last_one_set() -> None:
    low = {"role": "system", "output_config": {"effort": "low"}}
    user, assistant = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}
    config = {"effort": "high"}
    now = read(messages=[user, low], output_config=config)
    before = read(messages=[user, low, assistant, user], output_config=config)
    assert now.reasoning == ReasoningWish(effort=Effort.LOW)
    assert before.reasoning == ReasoningWish(effort=Effort.HIGH)
    assert len(now.turns) == 1, "a system message without words is no turn"


# ------------------------------------------------------------------------------------------- tools


def test_a_tool_of_the_caller() -> None:
    tool = {"name": "f", "description": "d", "input_schema": SCHEMA, "strict": True}
    typed = {"name": "web_search", "input_schema": SCHEMA, "type": "custom", "cache_control": MARK}
    assert read(tools=[tool, typed]).tools == (
        Tool("f", "d", SCHEMA, strict=True),
        Tool("web_search", schema=SCHEMA, cache=CacheMark()),
    )


def test_what_other_dialects_cannot_say_of_a_tool_is_reported() -> None:
    """2.21"""
    tool = {
        "name": "f",
        "input_schema": SCHEMA,
        "eager_input_streaming": True,
        "defer_loading": True,
        "input_examples": [{"city": "x"}],
        "allowed_callers": ["direct", "code_execution_20250825"],
    }
    assert losses(tools=[tool]) == [
        "tools[].allowed_callers=dropped",
        "tools[].defer_loading=dropped",
        "tools[].input_examples=dropped",
    ]
    assert losses(tools=[{"name": "f", "allowed_callers": ["direct"]}]) == []


def test_the_web_search_of_the_provider() -> None:
    tool = {
        "type": "web_search_20250305",
        "name": "web_search",
        "max_uses": 5,
        "allowed_domains": ["x.org"],
        "user_location": {"type": "approximate", "city": "Bern", "timezone": "Europe/Zurich"},
    }
    request = read(tools=[tool], tool_choice={"type": "tool", "name": "web_search"})
    place = {"city": "Bern", "timezone": "Europe/Zurich"}
    assert request.tools == (
        WebSearch(("x.org",), location=place, max_uses=5, native_type="web_search_20250305"),
    )
    assert request.tool_choice == ToolChoice(ToolMode.REQUIRED, (WEB_SEARCH,))
    assert request.losses == ()


@pytest.mark.parametrize(
    ("kind", "name", "required"),
    [
        ("bash_20250124", "bash", []),
        ("text_editor_20241022", "str_replace_editor", ["command", "path"]),
        ("text_editor_20250728", "str_replace_based_edit_tool", ["command", "path"]),
        ("memory_20250818", "memory", ["command"]),
        ("computer_20250124", "computer", ["action"]),
        ("computer_20251124", "computer", ["action"]),
    ],
)
def test_a_built_in_tool_gets_its_schema(kind: str, name: str, required: list[str]) -> None:
    """2.20: it has none on the wire, and another vendor's model has never heard of it."""
    call = {**CALL, "name": name}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok"}
    messages = [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    request = read(tools=[{"type": kind, "name": name}], messages=messages)
    (tool,) = request.tools
    assert isinstance(tool, Tool) and tool.schema is not None and tool.description
    assert (tool.name, tool.origin, tool.schema["required"]) == (name, kind, required)
    (called,), (answered,) = (turn.parts for turn in request.turns)
    assert isinstance(called, ToolCall) and isinstance(answered, ToolResult)
    assert called.origin == answered.origin == kind


def test_versions_of_a_built_in_tool_differ() -> None:
    old, new = (client_tools.schema(f"text_editor_{v}") for v in ("20241022", "20250728"))
    assert "undo_edit" in old["properties"]["command"]["enum"]
    assert "insert_text" in new["properties"] and "insert_text" not in old["properties"]
    assert "region" in client_tools.schema("computer_20251124")["properties"]


def test_a_screen_is_described() -> None:
    tool = {"type": "computer_20250124", "name": "computer", "display_width_px": 1024,
            "display_height_px": 768, "display_number": 1}  # fmt: skip
    request = read(tools=[tool])
    assert isinstance(request.tools[0], Tool)
    assert "1024 x 768" in (request.tools[0].description or "")
    assert [str(loss) for loss in request.losses] == ["tools[].display_number=dropped"]


def test_other_tools_of_the_provider_are_kept_whole() -> None:
    tools = [
        {"type": "code_execution_20250825", "name": "code_execution"},
        {"type": "browser_toolset_20260801"},
        {"type": "tool_search_tool_bm25_20251119", "name": "tool_search_tool_bm25"},
    ]
    assert read(tools=tools).tools == tuple(HostedTool("anthropic", t["type"], t) for t in tools)


@pytest.mark.parametrize(
    ("choice", "expected", "parallel"),
    [
        ({"type": "auto"}, ToolChoice(ToolMode.AUTO), None),
        ({"type": "any"}, ToolChoice(ToolMode.REQUIRED), None),
        ({"type": "none"}, ToolChoice(ToolMode.NONE), None),
        ({"type": "tool", "name": "f"}, ToolChoice(ToolMode.REQUIRED, ("f",)), None),
        ({"type": "auto", "disable_parallel_tool_use": True}, ToolChoice(ToolMode.AUTO), False),
        ({"type": "any", "disable_parallel_tool_use": False}, ToolChoice(ToolMode.REQUIRED), True),
    ],
)
def test_the_choice_of_a_tool(choice: Json, expected: ToolChoice, parallel: bool | None) -> None:
    """2.1 and 2.4"""
    request = read(tools=[{"name": "f", "input_schema": SCHEMA}], tool_choice=choice)
    assert (request.tool_choice, request.parallel_tool_calls) == (expected, parallel)


# ---------------------------------------------------------------------------------- how to answer


@pytest.mark.parametrize(
    ("fields", "wish", "lost"),
    [
        ({}, None, []),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}},
         ReasoningWish(budget_tokens=2048), []),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048, "display": "omitted"}},
         ReasoningWish(budget_tokens=2048, summary="none"), []),
        ({"thinking": {"type": "adaptive", "display": "summarized"}},
         ReasoningWish(adaptive=True, summary="auto"), []),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}},
         ReasoningWish(adaptive=True, effort=Effort.XHIGH), []),
        ({"output_config": {"effort": "low"}}, ReasoningWish(effort=Effort.LOW), []),
        ({"thinking": {"type": "disabled"}}, ReasoningWish(off=True), []),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}},
         ReasoningWish(off=True), ["output_config.effort=dropped"]),
        ({"thinking": {"type": "between_tools"}}, ReasoningWish(off=True),
         ["thinking.type=changed"]),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048},
          "output_config": {"effort": "max"}}, ReasoningWish(effort=Effort.MAX),
         ["thinking.budget_tokens=dropped"]),
        ({"thinking": {"type": "adaptive", "block_binding": {"a": 1}}},
         ReasoningWish(adaptive=True), ["thinking.block_binding=dropped"]),
    ],
)  # fmt: skip
def test_thinking(fields: Json, wish: ReasoningWish | None, lost: list[str]) -> None:
    """6.1"""
    request = read(**fields)
    assert (request.reasoning, [str(loss) for loss in request.losses]) == (wish, lost)


def test_the_format_of_the_answer_in_its_new_and_its_old_place() -> None:
    """3.6"""
    chosen = {"type": "json_schema", "schema": SCHEMA}
    expected = OutputFormat(FormatKind.JSON_SCHEMA, schema=SCHEMA)
    assert read(output_config={"format": chosen}).output_format == expected
    assert read(output_format=chosen).output_format == expected


@pytest.mark.parametrize(
    ("user_id", "key"),
    [
        (json.dumps({"device_id": "d", "account_uuid": "a", "session_id": "s-1"}), "s-1"),
        ("user_abc_account_def_session_5e0e762b-3a55", "5e0e762b-3a55"),
        ("somebody", None),
        ("{not json", None),
        (json.dumps({"session_id": 7}), None),
        (json.dumps({"session_id": "ä b"}), "83ec61e937eb31041fbb8bf7a6b72ca6"),
    ],
)
def test_the_user_and_the_key_of_his_sessions_cache(user_id: str, key: str | None) -> None:
    """5.12, 11.1 and 11.3: stable in a session, and it names neither account nor device."""
    request = read(metadata={"user_id": user_id})
    assert (request.user, request.cache_key) == (user_id, key)


@pytest.mark.parametrize(
    ("fields", "lost"),
    [
        ({"container": "c"}, ["container"]),
        ({"context_management": {"edits": []}}, ["context_management"]),
        ({"mcp_servers": [{"type": "url"}]}, ["mcp_servers"]),
        ({"inference_geo": "eu"}, ["inference_geo"]),
        ({"speed": "fast"}, ["speed"]),
        ({"speed": "standard"}, []),
        ({"diagnostics": {"previous_message_id": "m"}}, ["diagnostics"]),
        ({"invented": 1, "not a name": 1, "nothing": None}, ["invented", "unknown_field"]),
        ({"metadata": {"user_id": "u", "more": 1}}, ["metadata.more"]),
        ({"output_config": {"task_budget": {"total": 1}}}, ["output_config.task_budget"]),
        ({"cache_control": {**MARK, "scope": "global"}}, ["cache_control.scope"]),
        ({"messages": [{"role": "user", "content": "a", "clear_at": "never"}]},
         ["messages[].clear_at"]),
        ({"messages": [{"role": "user", "content": [
            {"type": "text", "text": "a", "x": 1}, {"type": "text", "text": "a", "x": 1}]}]},
         ["messages[].content[].x"]),
        ({"messages": [{"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t", "content": [
                {"type": "tool_reference", "tool_name": "f"}]}]}]},
         ["messages[].content[].content"]),
    ],
)  # fmt: skip
def test_what_has_no_neutral_meaning_is_reported(fields: Json, lost: list[str]) -> None:
    assert losses(**fields) == [f"{name}=dropped" for name in lost]


def test_tiers_and_the_mark_of_the_request() -> None:
    request = read(service_tier="standard_only", cache_control={**MARK, "ttl": "5m"})
    assert (request.service_tier, request.cache_mark) == ("default", CacheMark("5m"))
    assert read(service_tier="auto").service_tier == "auto"
