"""What a Chat Completions request means, field by field, and what of it is lost."""

import dataclasses
import json
from typing import Any

import pytest

from translators.canonical.effort import Effort
from translators.canonical.loss import LossKind
from translators.canonical.parts import (
    CacheMark,
    ToolKind,
)
from translators.canonical.request import (
    FormatKind,
    HostedTool,
    OutputFormat,
    ReasoningWish,
    Request,
    Sampling,
    Tool,
    ToolChoice,
    ToolMode,
    WebSearch,
)
from translators.openai_chat import PROTOCOL
from translators.openai_chat.request_fields import Fields
from translators.protocol import NotUnderstood

USER = {"role": "user", "content": "Hi"}
SCHEMA = {"type": "object", "properties": {"b": {"type": "string"}, "a": {}}, "required": ["b"]}


def decoded(**fields: Any) -> Request:
    return PROTOCOL.decode_request(
        json.dumps({"model": "m", "messages": [USER], **fields}).encode()
    )


def lost(request: Request) -> dict[str, LossKind]:
    return {loss.field: loss.kind for loss in request.losses}


def wrong(**fields: Any) -> str | None:
    """Which field is refused."""
    with pytest.raises(NotUnderstood) as caught:
        decoded(**fields)
    assert str(caught.value)
    return caught.value.param


SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing": ({}, {"include_usage": True, "stream": False, "choices": 1}),
    "older cap": ({"max_tokens": 7}, {"max_output_tokens": 7}),
    "newer cap": ({"max_completion_tokens": 9}, {"max_output_tokens": 9}),
    "both caps": ({"max_completion_tokens": 9, "max_tokens": 9}, {"max_output_tokens": 9}),
    "null caps": ({"max_completion_tokens": None, "max_tokens": 7}, {"max_output_tokens": 7}),
    "sampling": (
        {"temperature": 0.5, "top_p": 1, "seed": 2**70, "presence_penalty": -1, "top_k": 4},
        {"sampling": Sampling(temperature=0.5, top_p=1, seed=2**70, presence_penalty=-1, top_k=4)},
    ),
    "bias": ({"logit_bias": {"50256": -100}}, {"sampling": Sampling(logit_bias={"50256": -100})}),
    "one stop": ({"stop": "END"}, {"sampling": Sampling(stop=("END",))}),
    "stops": ({"stop": ["a", "b"]}, {"sampling": Sampling(stop=("a", "b"))}),
    "no effort": ({"reasoning_effort": "none"}, {"reasoning": ReasoningWish(off=True)}),
    "effort": ({"reasoning_effort": "xhigh"}, {"reasoning": ReasoningWish(Effort.XHIGH)}),
    "deepseek thinking": (
        {"thinking": {"type": "enabled"}},
        {"reasoning": ReasoningWish(adaptive=True)},
    ),
    "deepseek not thinking": (
        {"thinking": {"type": "disabled"}},
        {"reasoning": ReasoningWish(off=True)},
    ),
    "a budget": (
        {"thinking": {"type": "enabled", "budget_tokens": 2048}},
        {"reasoning": ReasoningWish(budget_tokens=2048)},
    ),
    "openrouter's effort": (
        {"reasoning": {"effort": "low", "exclude": True}},
        {"reasoning": ReasoningWish(Effort.LOW, summary="none")},
    ),
    "openrouter's budget": (
        {"reasoning": {"max_tokens": 2000}},
        {"reasoning": ReasoningWish(budget_tokens=2000)},
    ),
    "openrouter's off": (
        {"reasoning": {"enabled": False}},
        {"reasoning": ReasoningWish(off=True)},
    ),
    "verbosity": ({"verbosity": "low"}, {"verbosity": "low"}),
    "n": ({"n": 3}, {"choices": 3}),
    "tier": ({"service_tier": "flex"}, {"service_tier": "flex"}),
    "user": ({"user": "u1"}, {"user": "u1"}),
    "safety identifier": ({"safety_identifier": "s", "user": "s"}, {"user": "s"}),
    "cache key": ({"prompt_cache_key": "k"}, {"cache_key": "k"}),
    "implicit cache": (
        {"prompt_cache_options": {"mode": "implicit"}},
        {"cache_mark": CacheMark()},
    ),
    "explicit cache": ({"prompt_cache_options": {"mode": "explicit"}}, {"cache_mark": None}),
    "metadata": ({"metadata": {"a": "b"}}, {"metadata": {"a": "b"}}),
    "a stream": ({"stream": True}, {"stream": True, "include_usage": False}),
    "usage asked for": (
        {"stream": True, "stream_options": {"include_usage": True}},
        {"stream": True, "include_usage": True},
    ),
    "usage not asked for": (
        {"stream": True, "stream_options": {"include_obfuscation": False}},
        {"stream": True, "include_usage": False},
    ),
    "text format": ({"response_format": {"type": "text"}}, {"output_format": None}),
    "json object": (
        {"response_format": {"type": "json_object"}},
        {"output_format": OutputFormat(FormatKind.JSON_OBJECT)},
    ),
    "json schema": (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {
                    "name": "Ans",
                    "description": "d",
                    "schema": SCHEMA,
                    "strict": True,
                },
            }
        },
        {"output_format": OutputFormat(FormatKind.JSON_SCHEMA, SCHEMA, "Ans", "d", True)},
    ),
    "parallel": ({"parallel_tool_calls": False}, {"parallel_tool_calls": False}),
    "what says nothing": ({"style": "anthropic", "store": False, "modalities": ["text"]}, {}),
    "nulls": (
        dict.fromkeys(
            ["temperature", "stop", "tools", "tool_choice", "user", "n", "response_format", "foo"]
        ),
        {},
    ),
}


@pytest.mark.parametrize(("fields", "said"), SETTINGS.values(), ids=SETTINGS)
def test_a_setting_has_its_neutral_words(fields: dict[str, Any], said: dict[str, Any]) -> None:
    """Each setting alone: what it says, and nothing else, and nothing of it is lost."""
    plain = decoded()
    request = decoded(**fields)
    changed = {
        f.name: getattr(request, f.name)
        for f in dataclasses.fields(Request)
        if getattr(request, f.name) != getattr(plain, f.name)
    }
    assert changed == {name: value for name, value in said.items() if name in changed}
    assert {name: getattr(request, name) for name in said} == said
    assert request.losses == ()


LOST: dict[str, tuple[dict[str, Any], dict[str, LossKind]]] = {
    "unknown": ({"future": 1}, {"future": LossKind.DROPPED}),
    "audio": (
        {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}},
        {"modalities": LossKind.DROPPED, "audio": LossKind.DROPPED},
    ),
    "prediction": ({"prediction": {"type": "content"}}, {"prediction": LossKind.DROPPED}),
    "moderation": ({"moderation": {"model": "m"}}, {"moderation": LossKind.DROPPED}),
    "stored": ({"store": True}, {"store": LossKind.DROPPED}),
    "retention": (
        {"prompt_cache_retention": "24h"},
        {"prompt_cache_retention": LossKind.DROPPED},
    ),
    "cache lifetime": (
        {"prompt_cache_options": {"ttl": "30m"}},
        {"prompt_cache_options.ttl": LossKind.DROPPED},
    ),
    "logprobs": ({"logprobs": True, "top_logprobs": 3}, {"logprobs": LossKind.DROPPED}),
    "two caps": (
        {"max_completion_tokens": 9, "max_tokens": 7},
        {"max_tokens": LossKind.DROPPED},
    ),
    "two users": ({"safety_identifier": "s", "user": "u"}, {"user": LossKind.DROPPED}),
    "own tiers": ({"service_tier": "scale"}, {"service_tier": LossKind.DROPPED}),
    "obfuscation": (
        {"stream": True, "stream_options": {"include_obfuscation": True}},
        {"stream_options.include_obfuscation": LossKind.DROPPED},
    ),
    "many times": (
        {"messages": [{**USER, "odd": 1}, {**USER, "odd": 2}]},
        {"messages[].odd": LossKind.DROPPED},
    ),
    "litellm": (
        {
            "messages": [
                {
                    "role": "assistant",
                    "content": "x",
                    "function_call": None,
                    "provider_specific_fields": {"refusal": None},
                }
            ]
        },
        {"messages[].provider_specific_fields": LossKind.DROPPED},
    ),
    "inside a tool": (
        {"tools": [{"type": "function", "function": {"name": "f", "odd": 1}, "odd": 2}]},
        {"tools[].function.odd": LossKind.DROPPED, "tools[].odd": LossKind.DROPPED},
    ),
    "long marks": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "text",
                            "text": "x",
                            "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"},
                        }
                    ],
                }
            ]
        },
        {"messages[].content[].prompt_cache_breakpoint.ttl": LossKind.CHANGED},
    ),
    "a name that is none": ({"x\r\ny: z": 1}, {"unknown_field": LossKind.DROPPED}),
}


@pytest.mark.parametrize(("fields", "losses"), LOST.values(), ids=LOST)
def test_what_has_no_neutral_meaning_is_reported(
    fields: dict[str, Any], losses: dict[str, LossKind]
) -> None:
    assert lost(decoded(**fields)) == losses


# ----------------------------------------------------------------------------------------- tools


def test_tools_of_every_kind() -> None:
    grammar = {"syntax": "lark", "definition": "start: x"}
    request = decoded(
        tools=[
            {
                "type": "function",
                "function": {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True},
            },
            {"type": "function", "function": {"name": "g"}},
            {
                "type": "custom",
                "custom": {"name": "c", "format": {"type": "grammar", "grammar": grammar}},
            },
            {"type": "custom", "custom": {"name": "t", "format": {"type": "text"}}},
            {"type": "mcp", "server_label": "x"},
        ],
        web_search_options={
            "search_context_size": "low",
            "user_location": {"type": "approximate", "approximate": {"city": "Paris"}},
        },
    )
    assert request.tools == (
        Tool("f", "d", SCHEMA, True),
        Tool("g"),
        Tool("c", kind=ToolKind.FREEFORM, grammar=grammar),
        Tool("t", kind=ToolKind.FREEFORM),
        HostedTool("openai_chat", "mcp", {"type": "mcp", "server_label": "x"}),
        WebSearch(location={"city": "Paris"}, context_size="low", native_type="web_search_options"),
    )
    assert request.losses == ()


NAMED = {"type": "function", "function": {"name": "f"}}
ALLOWED = {"mode": "auto", "tools": [NAMED, {"type": "custom", "custom": {"name": "c"}}]}
CHOICES: list[tuple[Any, ToolChoice]] = [
    ("auto", ToolChoice(ToolMode.AUTO)),
    ("none", ToolChoice(ToolMode.NONE)),
    ("required", ToolChoice(ToolMode.REQUIRED)),
    ("any", ToolChoice(ToolMode.REQUIRED)),
    (NAMED, ToolChoice(ToolMode.REQUIRED, ("f",))),
    ({"type": "custom", "custom": {"name": "c"}}, ToolChoice(ToolMode.REQUIRED, ("c",))),
    (
        {"type": "allowed_tools", "allowed_tools": ALLOWED},
        ToolChoice(ToolMode.AUTO, ("f", "c")),
    ),
    (
        {"type": "allowed_tools", "allowed_tools": {**ALLOWED, "mode": "required"}},
        ToolChoice(ToolMode.REQUIRED, ("f", "c")),
    ),
]


@pytest.mark.parametrize(("said", "choice"), CHOICES)
def test_the_choice_among_tools(said: Any, choice: ToolChoice) -> None:
    """2.1"""
    assert decoded(tool_choice=said).tool_choice == choice


# --------------------------------------------------------------------------------------- refusals

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"model": None}, "model"),
    ({"model": 7}, "model"),
    ({"messages": []}, "messages"),
    ({"messages": "Hi"}, "messages"),
    ({"messages": [7]}, "messages[0]"),
    ({"messages": [USER, {"role": "owner", "content": "x"}]}, "messages[1].role"),
    ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0].type"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
        "messages[0].content[0].image_url.url",
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "data:x"}]}]},
        "messages[0].content[0].image_url.url",
    ),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
    (
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "c", "type": "x"}]}]},
        "messages[0].tool_calls[0].type",
    ),
    ({"tools": [{"type": "function", "function": {"parameters": {}}}]}, "tools[0].function.name"),
    ({"tool_choice": "maybe"}, "tool_choice"),
    ({"tool_choice": {"type": "function"}}, "tool_choice.function"),
    ({"temperature": "hot"}, "temperature"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_completion_tokens": 1.5}, "max_completion_tokens"),
    ({"n": 0}, "n"),
    ({"stop": [1]}, "stop[0]"),
    ({"logit_bias": {"1": "x"}}, "logit_bias"),
    ({"reasoning_effort": "extreme"}, "reasoning_effort"),
    ({"service_tier": "gold"}, "service_tier"),
    ({"response_format": {"type": "xml"}}, "response_format.type"),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    ({"stream": "yes"}, "stream"),
    ({"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
]


@pytest.mark.parametrize(("fields", "param"), REFUSED, ids=[param for _, param in REFUSED])
def test_a_wrong_field_is_named(fields: dict[str, Any], param: str) -> None:
    assert wrong(**fields) == param


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a": NaN}', b"\xff", b"[" * 2000])
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        PROTOCOL.decode_request(body)


def test_a_deep_body_with_a_long_number_is_read_or_refused() -> None:
    deep = b"[" * 900 + b"1" * 30 + b"]" * 900
    try:
        PROTOCOL.decode_request(b'{"model":"m","messages":[],"x":' + deep + b"}")
    except NotUnderstood as error:
        assert error.param in (None, "messages")


def test_fields_name_their_place() -> None:
    assert Fields({"a": 1}, "", []).at("a") == "a"
    assert Fields({"a": 1}, "x[0]", []).at("a") == "x[0].a"
