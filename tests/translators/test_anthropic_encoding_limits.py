"""Requests written for the Messages API: tools, thinking, formats, cache marks and limits.

Everything that is written here is also asked of the simulator (test_anthropic_encoding.py).
"""

from typing import Any

import orjson
import pytest

from tests.translators.test_anthropic_encoding import (
    CALL,
    HI,
    HOME,
    RESULT,
    assistant,
    user,
    written,
)
from translators.anthropic import PROTOCOL
from translators.anthropic.schemas import arguments_schema
from translators.canonical.capabilities import DEFAULT_CAPABILITIES, Capabilities, Thinking
from translators.canonical.effort import Effort
from translators.canonical.parts import CacheMark, Reasoning, Text
from translators.canonical.request import (
    WEB_SEARCH,
    HostedTool,
    ReasoningWish,
    Request,
    Sampling,
    Tool,
    ToolChoice,
    ToolMode,
    WebSearch,
)
from translators.canonical.sealed import Sealed
from translators.protocol import NotUnderstood

Json = dict[str, Any]
SCHEMA: Json = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
F, G = Tool("f", "d", SCHEMA), Tool("g")
OLDER = Capabilities(thinking=Thinking.BUDGET, max_output_tokens=64_000, prefill=True)
NEWEST = Capabilities(
    thinking=Thinking.ADAPTIVE, thinking_off=False, forced_tools=False, sampling=False
)
AUTO, REQUIRED = ToolMode.AUTO, ToolMode.REQUIRED

# ------------------------------------------------------------------------------------------- tools


def test_tools() -> None:
    """2.11: a schema is needed, also where the tool takes nothing."""
    body, losses = written(tools=(F, Tool("g", cache=CacheMark())))
    assert body["tools"] == [
        {"name": "f", "description": "d", "input_schema": SCHEMA},
        {
            "name": "g",
            "input_schema": {"type": "object", "properties": {}},
            "cache_control": {"type": "ephemeral"},
        },
    ]
    assert losses == []


@pytest.mark.parametrize(
    ("schema", "top", "changed"),
    [
        ({"properties": {}}, {"type": "object", "properties": {}}, False),
        ({"type": ["object", "null"]}, {"type": "object"}, False),
        ({"type": "array"}, {"type": "object", "properties": {}}, True),
        ({"$ref": "#/$defs/X", "$defs": {"X": {"type": "object", "title": "X"}}},
         {"$defs": {"X": {"type": "object", "title": "X"}}, "type": "object", "title": "X"}, False),
        ({"type": "object", "properties": {"a": {}}, "required": ["a"],
          "anyOf": [{"properties": {"b": {}}, "required": ["b"]}, {"properties": {"c": {}}}]},
         {"type": "object", "properties": {"a": {}, "b": {}, "c": {}}, "required": ["a"]}, True),
        ({"allOf": [{"properties": {"b": {}}, "required": ["b"]}, {"properties": {"c": {}}}]},
         {"type": "object", "properties": {"b": {}, "c": {}}, "required": ["b"]}, True),
        ({"oneOf": "odd"}, {"type": "object", "properties": {}}, True),
    ],
)  # fmt: skip
def test_a_tools_schema_has_an_object_at_its_top(schema: Json, top: Json, changed: bool) -> None:
    """3.4: alternatives at the top become one object that has room for each of them."""
    assert arguments_schema(schema) == (top, changed)
    body, losses = written(tools=(Tool("f", schema=schema),))
    assert body["tools"][0]["input_schema"] == top
    assert losses == (["tools[].schema=changed"] if changed else [])


@pytest.mark.parametrize(
    ("schema", "capabilities", "strict"),
    [
        (SCHEMA, HOME, True),
        (SCHEMA, Capabilities(structured_output=False), False),
        ({**SCHEMA, "additionalProperties": True}, HOME, False),
        ({"type": "object", "properties": {}}, HOME, False),
        ({**SCHEMA, "properties": {"city": {"type": "string", "minLength": 3}}}, HOME, False),
    ],
)
def test_strict_is_sent_only_where_the_api_takes_it(
    schema: Json, capabilities: Capabilities, strict: bool
) -> None:
    """2.12: the schema stays as it is; what cannot be enforced is not promised."""
    body, losses = written(
        tools=(Tool("f", schema=schema, strict=True),), capabilities=capabilities
    )
    assert body["tools"][0].get("strict", False) is strict
    assert body["tools"][0]["input_schema"] == schema
    assert losses == ([] if strict else ["tools[].strict=dropped"])


def test_tools_that_providers_run() -> None:
    """2.18 and 2.19"""
    search = WebSearch(
        ("x.org",), ("y.org",), {"city": "Bern"}, 3, "high", "web_search_preview_2025_03_11"
    )
    native = {"type": "code_execution_20250825", "name": "code_execution"}
    hosted = (HostedTool("anthropic", "x", native), HostedTool("gemini", "x", {}))
    body, losses = written(tools=(search, *hosted))
    assert body["tools"] == [
        {
            "type": "web_search_20250305",
            "name": "web_search",
            "max_uses": 3,
            "allowed_domains": ["x.org"],
            "user_location": {"type": "approximate", "city": "Bern"},
        },
        native,
    ]
    assert losses == [
        "web_search.blocked_domains=dropped",
        "web_search.context_size=dropped",
        "tools[].x=dropped",
    ]
    newer = WebSearch(native_type="web_search_20260318", blocked_domains=("y",))
    body, _ = written(tools=(newer,))
    assert body["tools"][0]["type"] == "web_search_20260318"
    _, losses = written(tools=(newer,), capabilities=Capabilities(web_search=False))
    assert losses == ["web_search=dropped"]


def test_of_tools_with_one_name_the_last_is_used() -> None:
    """2.22"""
    body, losses = written(tools=(WebSearch(), Tool("web_search", "mine")))
    assert [tool.get("description") for tool in body["tools"]] == ["mine"]
    assert losses == ["tools[]=dropped"]


def test_a_built_in_tool_of_this_dialect_is_declared_in_its_own_way() -> None:
    body, _ = written(tools=(Tool("bash", "d", SCHEMA, origin="bash_20250124"),))
    assert body["tools"] == [{"type": "bash_20250124", "name": "bash"}]
    body, _ = written(tools=(Tool("computer", "d", SCHEMA, origin="computer_20250124"),))
    assert body["tools"][0]["input_schema"] == SCHEMA


@pytest.mark.parametrize(
    ("choice", "parallel", "sent", "lost"),
    [
        (None, None, None, []),
        (ToolChoice(AUTO), None, {"type": "auto"}, []),
        (ToolChoice(REQUIRED), None, {"type": "any"}, []),
        (ToolChoice(ToolMode.NONE), None, {"type": "none"}, []),
        (ToolChoice(ToolMode.NONE), False, {"type": "none"}, []),
        (ToolChoice(REQUIRED, ("g",)), None, {"type": "tool", "name": "g"}, []),
        (ToolChoice(REQUIRED, (WEB_SEARCH,)), None, {"type": "tool", "name": "web_search"}, []),
        (ToolChoice(REQUIRED, ("f", "g")), None, {"type": "any"}, ["tool_choice=changed"]),
        (ToolChoice(AUTO, ("f",)), None, {"type": "auto"}, ["tool_choice=changed"]),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}, []),
        (None, True, None, []),
        (ToolChoice(REQUIRED), False, {"type": "any", "disable_parallel_tool_use": True}, []),
    ],
)
def test_the_choice_of_a_tool(
    choice: ToolChoice | None, parallel: bool | None, sent: Json | None, lost: list[str]
) -> None:
    """2.1 and 2.4"""
    tools = (F, G, WebSearch())
    body, losses = written(tools=tools, tool_choice=choice, parallel_tool_calls=parallel)
    assert (body.get("tool_choice"), losses) == (sent, lost)
    shown = [tool["name"] for tool in body["tools"]]
    names = choice.names if choice is not None and lost else ("f", "g", "web_search")
    assert shown == list(names)


def test_a_choice_without_tools_is_left_out() -> None:
    """2.2"""
    body, losses = written(tool_choice=ToolChoice(REQUIRED), parallel_tool_calls=False)
    assert ("tool_choice" in body, losses) == (False, ["tool_choice=dropped"])
    assert written(tool_choice=ToolChoice(ToolMode.NONE))[1] == []


def test_tools_of_the_history_are_declared_where_none_is_any_more() -> None:
    """2.2: and none of them may be called."""
    body, losses = written(HI, assistant(CALL), user(RESULT), tools=())
    schema = {"type": "object", "properties": {}}
    assert body["tools"] == [{"name": "f", "input_schema": schema}]
    assert (body["tool_choice"], losses) == ({"type": "none"}, ["tools[]=added"])


def test_a_tool_that_is_not_there_cannot_be_called() -> None:
    with pytest.raises(NotUnderstood) as refused:
        written(tools=(F,), tool_choice=ToolChoice(REQUIRED, ("h",)))
    assert refused.value.param == "tool_choice"


# ---------------------------------------------------------------------------------------- thinking


def budget(tokens: int, **more: Any) -> Json:
    return {"type": "enabled", "budget_tokens": tokens, **more}


ADAPTIVE: Json = {"type": "adaptive"}
WISHES: list[tuple[ReasoningWish, Capabilities, Json | None, str | None, list[str]]] = [
    (ReasoningWish(effort=Effort.MEDIUM), HOME, ADAPTIVE, "medium", []),
    (ReasoningWish(effort=Effort.MINIMAL), HOME, ADAPTIVE, "low", ["reasoning.effort=clamped"]),
    (ReasoningWish(effort=Effort.XHIGH), Capabilities(efforts=(Effort.LOW, Effort.HIGH)),
     ADAPTIVE, "high", ["reasoning.effort=clamped"]),
    (ReasoningWish(budget_tokens=9_000), HOME, ADAPTIVE, "medium",
     ["reasoning.budget_tokens=changed"]),
    (ReasoningWish(adaptive=True, summary="auto"), HOME,
     {**ADAPTIVE, "display": "summarized"}, None, []),
    (ReasoningWish(effort=Effort.LOW, summary="none"), HOME,
     {**ADAPTIVE, "display": "omitted"}, "low", []),
    (ReasoningWish(off=True), HOME, {"type": "disabled"}, None, []),
    (ReasoningWish(off=True), NEWEST, None, "low", ["reasoning.off=clamped"]),
    (ReasoningWish(off=True), OLDER, {"type": "disabled"}, None, []),
    (ReasoningWish(budget_tokens=2_000), OLDER, budget(2_000), None, []),
    (ReasoningWish(budget_tokens=10), OLDER, budget(1_024), None,
     ["reasoning.budget_tokens=clamped"]),
    (ReasoningWish(budget_tokens=99_999), OLDER, budget(51_200), None,
     ["reasoning.budget_tokens=clamped"]),
    (ReasoningWish(effort=Effort.HIGH), OLDER, budget(24_576), None, []),
    (ReasoningWish(adaptive=True, summary="none"), OLDER, budget(24_576, display="omitted"), None,
     ["reasoning.adaptive=changed"]),
    (ReasoningWish(summary="auto"), OLDER, None, None, ["reasoning.summary=dropped"]),
    (ReasoningWish(effort=Effort.HIGH), Capabilities(thinking=Thinking.NONE), None, None,
     ["reasoning=dropped"]),
    (ReasoningWish(off=True), Capabilities(thinking=Thinking.NONE), None, None, []),
    (ReasoningWish(effort=Effort.HIGH), DEFAULT_CAPABILITIES, ADAPTIVE, "high", []),
]  # fmt: skip


@pytest.mark.parametrize("case", WISHES)
def test_a_wish(
    case: tuple[ReasoningWish, Capabilities, Json | None, str | None, list[str]],
) -> None:
    """6.1 to 6.3"""
    wish, capabilities, thinking, effort, lost = case
    body, losses = written(reasoning=wish, capabilities=capabilities)
    said = body.get("output_config", {}).get("effort")
    assert (body.get("thinking"), said, losses) == (thinking, effort, lost)


@pytest.mark.parametrize(
    ("limit", "thinking", "lost"),
    [
        (1_024, None, ["reasoning=dropped"]),
        (1_025, budget(1_024), ["reasoning.effort=clamped"]),
        (10_000, budget(8_000), ["reasoning.effort=clamped"]),
        (60_000, budget(24_576), []),
    ],
)
def test_a_budget_fits_into_the_callers_limit(
    limit: int, thinking: Json | None, lost: list[str]
) -> None:
    """5.2: the limit is never raised, for its price is held from the caller's credit."""
    wish = ReasoningWish(effort=Effort.HIGH)
    body, losses = written(reasoning=wish, max_output_tokens=limit, capabilities=OLDER)
    assert (body["max_tokens"], body.get("thinking"), losses) == (limit, thinking, lost)


def test_a_limit_is_needed() -> None:
    """5.1"""
    encoded = PROTOCOL.encode_request(Request("m", (HI,)), DEFAULT_CAPABILITIES)
    assert orjson.loads(encoded.body)["max_tokens"] == 32_000
    assert [str(loss) for loss in encoded.losses] == ["max_output_tokens=added"]
    body, losses = written(max_output_tokens=9_000)
    assert (body["max_tokens"], losses) == (8_000, ["max_output_tokens=clamped"])


@pytest.mark.parametrize(("window", "limit"), [(None, 8_000), (200_000, 8_000), (20_000, 4_096)])
def test_our_own_limit_stays_within_the_context(window: int | None, limit: int) -> None:
    model = Capabilities(max_output_tokens=8_000, context_window=window)
    body, _ = written(user(Text("word " * 30_000)), capabilities=model)
    assert body["max_tokens"] == limit


@pytest.mark.parametrize(
    ("capabilities", "thinking", "choice", "lost"),
    [
        (OLDER, None, {"type": "any"}, ["reasoning=dropped"]),
        (HOME, {"type": "disabled"}, {"type": "any"}, ["reasoning=dropped"]),
        (NEWEST, ADAPTIVE, {"type": "auto"}, ["tool_choice=changed"]),
        (Capabilities(thinking_off=False), ADAPTIVE, {"type": "auto"}, ["tool_choice=changed"]),
    ],
)
def test_a_tool_that_must_be_called_goes_before_thinking(
    capabilities: Capabilities, thinking: Json | None, choice: Json, lost: list[str]
) -> None:
    """2.3"""
    body, losses = written(
        tools=(F,),
        tool_choice=ToolChoice(REQUIRED),
        reasoning=ReasoningWish(effort=Effort.HIGH),
        capabilities=capabilities,
    )
    assert (body.get("thinking"), body["tool_choice"], losses) == (thinking, choice, lost)


@pytest.mark.parametrize(
    ("thought", "thinks"),
    [
        (Reasoning("hm", Sealed("anthropic", "E1")), True),
        (Reasoning("hm", Sealed("gemini", "x")), False),
        (Text("so"), False),
    ],
)
def test_a_tool_loop_that_lost_its_thinking_goes_on_without(
    thought: Reasoning | Text, thinks: bool
) -> None:
    """6.10"""
    wish = ReasoningWish(effort=Effort.HIGH)
    turns = (HI, assistant(thought, CALL), user(RESULT))
    body, losses = written(*turns, reasoning=wish, capabilities=OLDER, judged=not thinks)
    assert ("thinking" in body) is thinks
    assert ("reasoning=dropped" in losses) is not thinks
    assert "thinking" in written(*turns, reasoning=wish, judged=False)[0], "adaptive may go on"


def test_a_prefill_is_continued_without_thinking() -> None:
    wish = ReasoningWish(effort=Effort.HIGH)
    body, losses = written(HI, assistant(Text("So")), reasoning=wish, capabilities=OLDER)
    assert ("thinking" in body, losses) == (False, ["reasoning=dropped"])


@pytest.mark.parametrize(
    ("sampling", "sent", "lost"),
    [
        (Sampling(temperature=0.2), {}, ["temperature=dropped"]),
        (Sampling(temperature=1), {}, []),
        (Sampling(temperature=1.5), {}, ["temperature=clamped"]),
        (Sampling(top_p=0.97), {"top_p": 0.97}, []),
        (Sampling(top_p=0.5, top_k=5), {}, ["top_p=dropped", "top_k=dropped"]),
    ],
)
def test_sampling_beside_thinking(sampling: Sampling, sent: Json, lost: list[str]) -> None:
    """5.5"""
    wish = ReasoningWish(budget_tokens=2_000)
    body, losses = written(sampling=sampling, reasoning=wish, capabilities=OLDER)
    found = {name: body[name] for name in ("temperature", "top_p", "top_k") if name in body}
    assert (found, losses) == (sent, lost)
