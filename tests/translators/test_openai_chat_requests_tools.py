"""Tools, the choice among them and web search, as a Chat Completions upstream is told of them."""

from typing import Any

import pytest

from tests.translators.test_openai_chat_requests_encoded import (
    CHANGED,
    DROPPED,
    LOOSE,
    STRICT,
    encoded,
)
from translators.canonical.capabilities import Capabilities
from translators.canonical.loss import LossKind
from translators.canonical.parts import CacheMark, ToolKind
from translators.canonical.request import HostedTool, Tool, ToolChoice, ToolMode, WebSearch
from translators.openai_chat.strict_schema import is_strict
from translators.protocol import NotUnderstood


def function(schema: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    empty = {"type": "object", "properties": {}}
    return {"type": "function", "function": {"name": "f", "parameters": schema or empty, **more}}


def test_tools_of_every_kind_are_sent() -> None:
    grammar = {"syntax": "regex", "definition": "x+"}
    custom = {"name": "c", "description": "d", "format": {"type": "grammar", "grammar": grammar}}
    tools = (
        Tool("f", schema=STRICT, strict=True),
        Tool("c", "d", kind=ToolKind.FREEFORM, grammar=grammar),
        HostedTool("openai_chat", "x", {"type": "x"}),
        HostedTool("anthropic", "y", {"type": "y"}),
    )
    body, losses = encoded(tools=tools)
    assert body == {
        "tools": [
            function(STRICT, strict=True),
            {"type": "custom", "custom": custom},
            {"type": "x"},
        ]
    }
    assert losses == {"tools[].y": DROPPED}


@pytest.mark.parametrize(
    ("schema", "sent", "losses"),
    [
        (None, {"type": "object", "properties": {}}, {}),
        ({}, {"type": "object", "properties": {}}, {}),
        ({"type": "object"}, {"type": "object", "properties": {}}, {}),
        ({"properties": {"a": {}}}, {"properties": {"a": {}}, "type": "object"}, {}),
        (LOOSE, LOOSE, {}),
        (
            {
                "description": "d",
                "anyOf": [STRICT, {"properties": {"a": {}, "b": {}}, "required": ["b", "a"]}],
            },
            {
                "description": "d",
                "type": "object",
                "properties": {"a": {"type": "string"}, "b": {}},
                "required": ["a"],
            },
            {"tools[].schema": CHANGED},
        ),
    ],
)
def test_parameters_are_an_objects(
    schema: dict[str, Any] | None, sent: dict[str, Any], losses: dict[str, LossKind]
) -> None:
    """2.11, 3.4"""
    assert encoded(tools=(Tool("f", schema=schema),)) == ({"tools": [function(sent)]}, losses)


def test_what_tools_cannot_have_here_is_reported() -> None:
    """2.21, 2.22"""
    body, losses = encoded(
        tools=(
            Tool("f", "first", LOOSE, strict=True, cache=CacheMark()),
            Tool("f", "second", LOOSE),
        )
    )
    assert body == {"tools": [function(LOOSE, description="second")]}
    assert losses == {"tools[].strict": DROPPED, "tools[]": DROPPED, "cache": DROPPED}


F = {"type": "function", "function": {"name": "f"}}
C = {"type": "custom", "custom": {"name": "c"}}
CHOICES: list[tuple[ToolChoice, Any, dict[str, LossKind]]] = [
    (ToolChoice(ToolMode.AUTO), "auto", {}),
    (ToolChoice(ToolMode.REQUIRED), "required", {}),
    (ToolChoice(ToolMode.NONE), "none", {}),
    (ToolChoice(ToolMode.REQUIRED, ("f",)), F, {}),
    (ToolChoice(ToolMode.REQUIRED, ("c",)), C, {}),
    (
        ToolChoice(ToolMode.AUTO, ("f", "c")),
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [F, C]}},
        {},
    ),
    (ToolChoice(ToolMode.REQUIRED, ("web_search",)), None, {"tool_choice": DROPPED}),
    (ToolChoice(ToolMode.REQUIRED, ("f", "web_search")), F, {"tool_choice": CHANGED}),
]


@pytest.mark.parametrize(("choice", "said", "losses"), CHOICES)
def test_the_choice_is_sent(choice: ToolChoice, said: Any, losses: dict[str, LossKind]) -> None:
    """2.1"""
    tools = (Tool("f"), Tool("c", kind=ToolKind.FREEFORM))
    body, lost = encoded(tools=tools, tool_choice=choice)
    assert (body.get("tool_choice"), lost) == (said, losses)


def test_a_choice_without_tools_is_not_sent() -> None:
    """2.2"""
    assert encoded(tool_choice=ToolChoice(ToolMode.AUTO), parallel_tool_calls=False) == ({}, {})
    assert encoded(tool_choice=ToolChoice(ToolMode.REQUIRED)) == ({}, {"tool_choice": DROPPED})


def test_an_undeclared_tool_cannot_be_forced() -> None:
    with pytest.raises(NotUnderstood) as refused:
        encoded(tools=(Tool("f"),), tool_choice=ToolChoice(ToolMode.REQUIRED, ("g",)))
    assert refused.value.param == "tool_choice"


def test_what_a_model_cannot_be_told_about_tools() -> None:
    knows = Capabilities(forced_tools=False, parallel_tool_calls=False)
    body, losses = encoded(
        knows,
        tools=(Tool("f"),),
        tool_choice=ToolChoice(ToolMode.REQUIRED),
        parallel_tool_calls=False,
    )
    assert body["tool_choice"] == "auto"
    assert losses == {"tool_choice": CHANGED, "parallel_tool_calls": DROPPED}


def test_web_search_is_a_field() -> None:
    """2.19"""
    search = WebSearch(("a.example",), (), {"city": "Paris"}, 3, "low")
    options = {
        "search_context_size": "low",
        "user_location": {"type": "approximate", "approximate": {"city": "Paris"}},
    }
    assert encoded(tools=(search,)) == (
        {"web_search_options": options},
        {"web_search.allowed_domains": DROPPED, "web_search.max_uses": DROPPED},
    )
    assert encoded(Capabilities(web_search=False), tools=(search,)) == (
        {},
        {"web_search": DROPPED},
    )


SCHEMAS: dict[str, tuple[dict[str, Any] | None, bool]] = {
    "none": (None, False),
    "empty": ({}, False),
    "closed": (STRICT, True),
    "open": (LOOSE, False),
    "one property optional": (STRICT | {"required": []}, False),
    "a required property that is none": (STRICT | {"required": ["a", "z"]}, False),
    "alternatives on top": ({"anyOf": [STRICT]}, False),
    "an open object inside": (
        STRICT | {"properties": {"a": {"type": "array", "items": LOOSE}}},
        False,
    ),
    "an object without properties": (STRICT | {"properties": {"a": {"type": "object"}}}, False),
    "an array without items": (STRICT | {"properties": {"a": {"type": "array"}}}, False),
    "no type": (STRICT | {"properties": {"a": {"description": "?"}}}, False),
    "a keyword that is not known": (
        STRICT | {"properties": {"a": {"type": "string", "minLength": 1}}},
        False,
    ),
    "a format that is not known": (
        STRICT | {"properties": {"a": {"type": "string", "format": "uri"}}},
        False,
    ),
    "a reference with words": (
        STRICT | {"properties": {"a": {"$ref": "#", "description": "d"}}},
        False,
    ),
    "all that is allowed": (
        STRICT
        | {
            "$schema": "s",
            "properties": {"a": {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}]}},
            "$defs": {"A": {"type": ["string", "null"], "enum": ["x", None], "format": "email"}},
        },
        True,
    ),
    "wrong types": ({"type": "object", "properties": 7, "required": {}, "anyOf": 1}, False),
    "wrong types inside": (
        STRICT | {"properties": {"a": {"type": [7, {}], "format": []}}, "$defs": 7},
        False,
    ),
}


@pytest.mark.parametrize(("schema", "strict"), SCHEMAS.values(), ids=SCHEMAS)
def test_which_schemas_are_strict(schema: dict[str, Any] | None, strict: bool) -> None:
    assert is_strict(schema) is strict


def test_a_schema_that_is_too_deep_is_not_strict() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(10):
        schema = STRICT | {"properties": {"a": schema}}
    assert not is_strict(schema)
    assert is_strict(schema["properties"]["a"])
    for _ in range(900):
        schema = {"anyOf": [schema]}
    assert not is_strict(STRICT | {"properties": {"a": schema}})
