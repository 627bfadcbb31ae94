"""Tools of a Responses request that we send, and the choice among them."""

from dataclasses import replace
from typing import Any

import pytest

from tests.translators.responses_sent import written
from translators.canonical.capabilities import DEFAULT_CAPABILITIES, Capabilities
from translators.canonical.parts import CacheMark, Text, ToolKind
from translators.canonical.request import (
    HostedTool,
    Request,
    Role,
    Tool,
    ToolChoice,
    ToolMode,
    Turn,
    WebSearch,
)

REQUEST = Request("gpt-5", (Turn(Role.USER, (Text("Hi"),)),))
OPEN = {"type": "object", "properties": {"a": {"type": "string"}}}
STRICT = {**OPEN, "required": ["a"], "additionalProperties": False}


def sent(
    capabilities: Capabilities = DEFAULT_CAPABILITIES, **fields: Any
) -> tuple[dict[str, Any], list[str]]:
    return written(replace(REQUEST, **fields), capabilities)


def function(name: str = "f", **fields: Any) -> dict[str, Any]:
    return {"type": "function", "name": name, "parameters": OPEN, "strict": False} | fields


@pytest.mark.parametrize(
    ("tool", "item", "losses"),
    [
        (Tool("f", "d", OPEN), function(description="d"), []),
        (Tool("f", None, OPEN, strict=True), function(), ["tools[].strict=dropped"]),
        (
            Tool("f", None, STRICT, strict=True),
            function(parameters=STRICT, strict=True),
            [],
        ),
        (Tool("f", None, STRICT), function(parameters=STRICT), []),
        (Tool("f"), function(parameters={"type": "object", "properties": {}}), []),
        (
            Tool("f", None, {"properties": {"a": {"type": "array"}}}),
            function(
                parameters={"type": "object", "properties": {"a": {"type": "array", "items": {}}}}
            ),
            [],
        ),
        (
            Tool("f", None, {**OPEN, "anyOf": [{"required": ["a"]}]}),
            function(),
            ["tools[].schema=changed"],
        ),
        (Tool("f", None, OPEN, cache=CacheMark()), function(), ["cache=dropped"]),
        (
            Tool("e", "d", kind=ToolKind.FREEFORM, grammar={"syntax": "lark", "definition": "x"}),
            {
                "type": "custom",
                "name": "e",
                "description": "d",
                "format": {"type": "grammar", "syntax": "lark", "definition": "x"},
            },
            [],
        ),
        (Tool("shell", "d", OPEN, origin="shell"), {"type": "shell"}, []),
        (
            WebSearch(("a.b",), (), {"city": "Oslo"}, None, "low", "web_search_20250305"),
            {
                "type": "web_search",
                "filters": {"allowed_domains": ["a.b"]},
                "search_context_size": "low",
                "user_location": {"type": "approximate", "city": "Oslo"},
            },
            [],
        ),
        (
            WebSearch(blocked_domains=("a.b",), native_type="web_search_preview"),
            {"type": "web_search_preview"},
            ["web_search.blocked_domains=dropped"],
        ),
        (
            HostedTool("openai_responses", "mcp", {"type": "mcp", "server_label": "l"}),
            {"type": "mcp", "server_label": "l"},
            [],
        ),
        (HostedTool("gemini", "codeExecution", {}), None, ["tools[].codeExecution=dropped"]),
    ],
)
def test_tools(tool: Any, item: dict[str, Any] | None, losses: list[str]) -> None:
    body, found = sent(tools=(tool,))
    assert body.get("tools") == ([item] if item else None)
    assert found == losses


def test_values_inside_a_schema_are_not_taken_for_schemas() -> None:
    schema = {**OPEN, "default": {"type": "array"}, "enum_": [{"type": "array"}]}
    body, _ = sent(tools=(Tool("f", None, schema),))
    assert body["tools"][0]["parameters"] == schema


def test_tools_of_a_namespace_stand_together_where_the_first_stood() -> None:
    body, _ = sent(
        tools=(
            Tool("a", None, OPEN, namespace="n", namespace_description="d"),
            Tool("b", None, OPEN),
            Tool("c", kind=ToolKind.FREEFORM, namespace="n"),
        )
    )
    assert body["tools"] == [
        {
            "type": "namespace",
            "name": "n",
            "description": "d",
            "tools": [function("a"), {"type": "custom", "name": "c"}],
        },
        function("b"),
    ]


def test_a_cap_on_searches_is_one_on_all_hosted_tools_if_there_is_no_other() -> None:
    search = WebSearch(max_uses=3)
    assert sent(tools=(search, Tool("f")))[0]["max_tool_calls"] == 3
    other = HostedTool("openai_responses", "mcp", {"type": "mcp", "server_label": "l"})
    body, losses = sent(tools=(search, other))
    assert "max_tool_calls" not in body
    assert losses == ["web_search.max_uses=dropped"]


TOOLS = (
    Tool("f", None, OPEN),
    Tool("g", None, OPEN),
    Tool("e", kind=ToolKind.FREEFORM),
    Tool("n", None, OPEN, namespace="ns"),
    Tool("shell", origin="shell"),
    WebSearch(),
)
F, E = {"type": "function", "name": "f"}, {"type": "custom", "name": "e"}


@pytest.mark.parametrize(
    ("choice", "said", "losses"),
    [
        (ToolChoice(ToolMode.AUTO), "auto", []),
        (ToolChoice(ToolMode.NONE), "none", []),
        (ToolChoice(ToolMode.REQUIRED), "required", []),
        (ToolChoice(ToolMode.REQUIRED, ("f",)), F, []),
        (ToolChoice(ToolMode.REQUIRED, ("e",)), E, []),
        (ToolChoice(ToolMode.REQUIRED, ("shell",)), {"type": "shell"}, []),
        (
            ToolChoice(ToolMode.REQUIRED, ("web_search",)),
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "web_search"}]},
            [],
        ),
        (
            ToolChoice(ToolMode.AUTO, ("f",)),
            {"type": "allowed_tools", "mode": "auto", "tools": [F]},
            [],
        ),
        (
            ToolChoice(ToolMode.REQUIRED, ("f", "e")),
            {"type": "allowed_tools", "mode": "required", "tools": [F, E]},
            [],
        ),
        (ToolChoice(ToolMode.REQUIRED, ("n",)), "required", ["tool_choice=changed"]),
        (ToolChoice(ToolMode.REQUIRED, ("x",)), "required", ["tool_choice=changed"]),
    ],
)
def test_the_choice_of_a_tool(choice: ToolChoice, said: object, losses: list[str]) -> None:
    body, found = sent(tools=TOOLS, tool_choice=choice)
    assert body["tool_choice"] == said
    assert found == losses


def test_a_choice_without_tools_is_left_out() -> None:
    body, losses = sent(tool_choice=ToolChoice(ToolMode.REQUIRED))
    assert "tool_choice" not in body
    assert losses == ["tool_choice=dropped"]
    assert sent(tool_choice=ToolChoice(ToolMode.NONE))[1] == []


def test_a_model_that_cannot_be_forced_is_asked() -> None:
    weak = Capabilities(forced_tools=False)
    body, losses = sent(weak, tools=TOOLS, tool_choice=ToolChoice(ToolMode.REQUIRED))
    assert (body["tool_choice"], losses) == ("auto", ["tool_choice=changed"])
