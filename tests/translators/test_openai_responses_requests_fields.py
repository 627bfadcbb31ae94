"""Tools and all other fields of a Responses request, read one by one."""

from typing import Any

import orjson
import pytest

from tests.translators.responses_asked import HARMLESS, INPUT, SCHEMA, TOOLS, decoded, losses
from translators.canonical.capabilities import Capabilities
from translators.canonical.effort import Effort
from translators.canonical.parts import (
    CacheMark,
    ToolKind,
)
from translators.canonical.request import (
    FormatKind,
    HostedTool,
    OutputFormat,
    ReasoningWish,
    Sampling,
    Tool,
    ToolChoice,
    ToolMode,
    WebSearch,
)
from translators.openai_responses import PROTOCOL


@pytest.mark.parametrize(
    ("item", "tool"), [(i, t) for _, i, t in TOOLS], ids=[name for name, _, _ in TOOLS]
)
def test_tools(item: dict[str, Any], tool: Tool | WebSearch | HostedTool) -> None:
    request = decoded(tools=[item])
    assert request.tools == (tool,)
    assert request.losses == ()
    inside = decoded(input=[{"type": "additional_tools", "role": "developer", "tools": [item]}])
    assert inside.tools == (tool,)
    assert inside.turns == ()


@pytest.mark.parametrize("kind", ["local_shell", "shell", "apply_patch"])
def test_built_in_tools_of_the_caller_get_a_schema_for_others(kind: str) -> None:
    (tool,) = decoded(tools=[{"type": kind}]).tools
    assert isinstance(tool, Tool)
    assert (tool.name, tool.origin) == (kind, kind)
    assert tool.schema is not None
    assert tool.schema["type"] == "object"
    assert set(tool.schema["required"]) <= set(tool.schema["properties"])


def test_a_namespace_is_flattened_into_its_tools() -> None:
    function = {"type": "function", "name": "f", "parameters": SCHEMA}
    custom = {"type": "custom", "name": "c"}
    space = {"type": "namespace", "name": "n", "description": "d", "tools": [function, custom]}
    assert decoded(tools=[space]).tools == (
        Tool("f", None, SCHEMA, namespace="n", namespace_description="d"),
        Tool("c", kind=ToolKind.FREEFORM, namespace="n", namespace_description="d"),
    )


@pytest.mark.parametrize(
    ("said", "choice"),
    [
        ("auto", ToolChoice(ToolMode.AUTO)),
        ("none", ToolChoice(ToolMode.NONE)),
        ("required", ToolChoice(ToolMode.REQUIRED)),
        ({"type": "function", "name": "f"}, ToolChoice(ToolMode.REQUIRED, ("f",))),
        ({"type": "custom", "name": "c"}, ToolChoice(ToolMode.REQUIRED, ("c",))),
        ({"type": "shell"}, ToolChoice(ToolMode.REQUIRED, ("shell",))),
        ({"type": "apply_patch"}, ToolChoice(ToolMode.REQUIRED, ("apply_patch",))),
        ({"type": "web_search_preview"}, ToolChoice(ToolMode.REQUIRED, ("web_search",))),
        (
            {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "c"}],
            },
            ToolChoice(ToolMode.AUTO, ("f", "c")),
        ),
        (
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "mcp", "server_label": "l"}, {"type": "function", "name": "f"}],
            },
            ToolChoice(ToolMode.REQUIRED, ("f",)),
        ),
        ({"type": "file_search"}, ToolChoice(ToolMode.AUTO)),
    ],
)
def test_the_choice_of_a_tool(said: object, choice: ToolChoice) -> None:
    assert decoded(tool_choice=said).tool_choice == choice


def test_a_hosted_tool_that_is_forced_is_a_loss() -> None:
    assert losses(tool_choice={"type": "mcp", "server_label": "l"}) == ["tool_choice=changed"]


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        ({"temperature": 0.5, "top_p": 1}, "sampling", Sampling(temperature=0.5, top_p=1)),
        (
            {"top_logprobs": 3, "include": ["message.output_text.logprobs"]},
            "sampling",
            Sampling(logprobs=True, top_logprobs=3),
        ),
        ({"top_logprobs": 0}, "sampling", Sampling()),
        ({"max_output_tokens": 100}, "max_output_tokens", 100),
        ({"parallel_tool_calls": False}, "parallel_tool_calls", False),
        ({"reasoning": {"effort": "xhigh"}}, "reasoning", ReasoningWish(Effort.XHIGH)),
        ({"reasoning": {"effort": "none"}}, "reasoning", ReasoningWish(off=True)),
        ({"reasoning": {"summary": "auto"}}, "reasoning", ReasoningWish(summary="auto")),
        (
            {"reasoning": {"effort": None, "generate_summary": "concise"}},
            "reasoning",
            ReasoningWish(summary="concise"),
        ),
        ({"reasoning": {"effort": None, "summary": None}}, "reasoning", None),
        ({"text": {"format": {"type": "text"}, "verbosity": "low"}}, "verbosity", "low"),
        ({"text": {"format": {"type": "text"}}}, "output_format", None),
        (
            {"text": {"format": {"type": "json_object"}}},
            "output_format",
            OutputFormat(FormatKind.JSON_OBJECT),
        ),
        (
            {
                "text": {
                    "format": {
                        "type": "json_schema",
                        "name": "n",
                        "schema": SCHEMA,
                        "strict": True,
                        "description": "d",
                    }
                }
            },
            "output_format",
            OutputFormat(FormatKind.JSON_SCHEMA, SCHEMA, "n", "d", True),
        ),
        ({"service_tier": "flex"}, "service_tier", "flex"),
        ({"service_tier": "fast"}, "service_tier", "priority"),
        ({"safety_identifier": "s", "user": "u"}, "user", "s"),
        ({"user": "u"}, "user", "u"),
        ({"prompt_cache_key": "k"}, "cache_key", "k"),
        ({"prompt_cache_options": {"mode": "implicit", "ttl": "12h"}}, "cache_mark",
         CacheMark("1h")),
        ({"prompt_cache_options": {"mode": "explicit"}}, "cache_mark", None),
        ({"metadata": {"a": "b"}}, "metadata", {"a": "b"}),
        ({"stream": True}, "stream", True),
    ],
)  # fmt: skip
def test_fields(fields: dict[str, Any], name: str, value: object) -> None:
    request = decoded(**fields)
    assert getattr(request, name) == value
    assert request.losses == ()


def test_the_order_of_keys_and_the_size_of_numbers_are_kept() -> None:
    schema = '{"z":1,"a":{"const":123456789012345678901234567890}}'
    tool_ = f'{{"type":"function","name":"f","parameters":{schema}}}'
    body = f'{{"model":"m","input":"a","tools":[{tool_}]}}'
    (tool,) = PROTOCOL.decode_request(body.encode()).tools
    assert isinstance(tool, Tool)
    assert tool.schema == {"z": 1, "a": {"const": 123456789012345678901234567890}}
    assert list(tool.schema or {}) == ["z", "a"]


def test_a_cap_on_tool_calls_is_one_on_searches() -> None:
    request = decoded(max_tool_calls=3, tools=[{"type": "web_search"}])
    assert request.tools == (WebSearch(max_uses=3, native_type="web_search"),)
    assert request.losses == ()
    assert losses(max_tool_calls=3) == ["max_tool_calls=dropped"]


def test_a_search_may_be_held_to_what_was_found_before() -> None:
    tool = {"type": "web_search", "external_web_access": False}
    request = decoded(tools=[tool])
    assert request.tools == (WebSearch(native_type="web_search", cached=True),)
    assert request.losses == ()
    body = orjson.loads(PROTOCOL.encode_request(request, Capabilities()).body)
    assert body["tools"] == [tool]


@pytest.mark.parametrize("name", HARMLESS)
def test_fields_that_say_nothing_about_the_answer_are_no_loss(name: str) -> None:
    assert losses(**{name: HARMLESS[name]}) == []


@pytest.mark.parametrize(
    ("fields", "loss"),
    [
        ({"truncation": "auto"}, "truncation=dropped"),
        ({"service_tier": "scale"}, "service_tier=dropped"),
        ({"context_management": [{"type": "compaction"}]}, "context_management=dropped"),
        ({"moderation": {"model": "m"}}, "moderation=dropped"),
        ({"prompt_cache_retention": "24h"}, "prompt_cache_retention=dropped"),
        ({"reasoning": {"effort": "low", "context": "all_turns"}}, "reasoning.context=dropped"),
        ({"reasoning": {"mode": "pro"}}, "reasoning.mode=dropped"),
        ({"text": {"new": 1}}, "text.new=dropped"),
        ({"include": ["file_search_call.results"]}, "include=dropped"),
        ({"seed": 1}, "seed=dropped"),
        ({"brand_new": 1}, "brand_new=dropped"),
        (
            {"tools": [{"type": "function", "name": "f", "defer_loading": True}]},
            "tools[].defer_loading=dropped",
        ),
        (
            {"tools": [{"type": "shell", "allowed_callers": ["programmatic"]}]},
            "tools[].allowed_callers=dropped",
        ),
        ({"tool_choice": {"type": "function", "name": "f", "x": 1}}, "tool_choice.x=dropped"),
        ({"stream_options": {"x": 1}}, "stream_options.x=dropped"),
        ({"input": [{"role": "user", "content": "a", "x": 1}]}, "input[].x=dropped"),
        (
            {"input": [{"role": "user", "content": [INPUT | {"x": 1}]}]},
            "input[].content[].x=dropped",
        ),
    ],
)
def test_fields_without_a_neutral_meaning_are_losses(fields: dict[str, Any], loss: str) -> None:
    assert losses(**fields) == [loss]


def test_a_losss_name_is_fit_for_a_header_whatever_the_caller_calls_his_fields() -> None:
    assert losses(**{"x\r\nset-cookie: ü": 1}) == ["unknown_field=dropped"]
    assert losses(**{"y" * 200: 1}) == ["unknown_field=dropped"]
