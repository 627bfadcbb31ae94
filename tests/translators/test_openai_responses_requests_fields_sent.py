"""The fields of a Responses request that we send, one by one, and what of them cannot be said."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.translators.responses_sent import written
from translators.canonical.capabilities import DEFAULT_CAPABILITIES, Capabilities, Thinking
from translators.canonical.effort import Effort
from translators.canonical.parts import CacheMark, Text
from translators.canonical.request import (
    FormatKind,
    OutputFormat,
    ReasoningWish,
    Request,
    Role,
    Sampling,
    Tool,
    Turn,
    WebSearch,
)
from translators.openai_responses import PROTOCOL
from translators.protocol import NotUnderstood

REQUEST = Request("gpt-5", (Turn(Role.USER, (Text("Hi"),)),))
OPEN = {"type": "object", "properties": {"a": {"type": "string"}}}
STRICT = {**OPEN, "required": ["a"], "additionalProperties": False}


def sent(
    capabilities: Capabilities = DEFAULT_CAPABILITIES, **fields: Any
) -> tuple[dict[str, Any], list[str]]:
    return written(replace(REQUEST, **fields), capabilities)


def test_the_least_request() -> None:
    body, losses = sent()
    assert body == {
        "model": "gpt-5",
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
        ],
        "include": ["reasoning.encrypted_content"],
        "store": False,
        "stream": False,
    }
    assert losses == []
    assert PROTOCOL.request_path("a/b", True) == "/responses"


@pytest.mark.parametrize(
    ("fields", "expected", "losses"),
    [
        ({"stream": True}, {"stream": True}, []),
        ({"max_output_tokens": 100}, {"max_output_tokens": 100}, []),
        ({"max_output_tokens": 1}, {"max_output_tokens": 16}, ["max_output_tokens=clamped"]),
        (
            {"sampling": Sampling(temperature=1.5, top_p=0.5)},
            {"temperature": 1.5, "top_p": 0.5},
            [],
        ),
        ({"sampling": Sampling(temperature=3)}, {"temperature": 2.0}, ["temperature=clamped"]),
        ({"verbosity": "low"}, {"text": {"verbosity": "low"}}, []),
        ({"cache_key": "k"}, {"prompt_cache_key": "k"}, []),
        ({"user": "u"}, {"safety_identifier": "u"}, []),
        ({"service_tier": "priority"}, {"service_tier": "priority"}, []),
        ({"service_tier": "batch"}, {}, ["service_tier=dropped"]),
        ({"metadata": {"a": "b"}}, {"metadata": {"a": "b"}}, []),
        ({"metadata": {"a": "b", "c": 1}}, {"metadata": {"a": "b"}}, ["metadata=dropped"]),
        ({"cache_mark": CacheMark()}, {}, []),
        ({"parallel_tool_calls": False}, {}, []),
        (
            {"parallel_tool_calls": False, "tools": (WebSearch(),)},
            {"parallel_tool_calls": False},
            [],
        ),
        (
            {"reasoning": ReasoningWish(Effort.HIGH, summary="auto")},
            {"reasoning": {"effort": "high", "summary": "auto"}},
            [],
        ),
        ({"reasoning": ReasoningWish(adaptive=True)}, {}, []),
        ({"reasoning": ReasoningWish(summary="none")}, {}, []),
        (
            {"reasoning": ReasoningWish(budget_tokens=8_000)},
            {"reasoning": {"effort": "medium"}},
            ["reasoning.budget_tokens=changed"],
        ),
    ],
)
def test_fields(fields: dict[str, Any], expected: dict[str, Any], losses: list[str]) -> None:
    body, found = sent(**fields)
    assert {name: body.get(name) for name in expected} == expected
    known = {"model", "input", "include", "store", "stream", "tools"} | expected.keys()
    assert body.keys() <= known
    assert found == losses


@pytest.mark.parametrize(
    "sampling",
    [
        {"top_k": 5},
        {"seed": 1},
        {"presence_penalty": 0.5},
        {"frequency_penalty": 0.5},
        {"logit_bias": {"1": 2.0}},
        {"logprobs": True},
        {"top_logprobs": 3},
        {"stop": ("x",)},
    ],
)
def test_sampling_that_the_dialect_has_not_is_dropped(sampling: dict[str, Any]) -> None:
    body, losses = sent(sampling=Sampling(**sampling))
    (name,) = sampling
    assert losses == [f"{name}=dropped"]
    assert name not in body


def test_several_answers_at_once_are_refused() -> None:
    with pytest.raises(NotUnderstood) as refused:
        sent(choices=2)
    assert refused.value.param == "n"


def test_a_long_key_is_told_as_a_digest() -> None:
    body, losses = sent(cache_key="k" * 65)
    assert len(body["prompt_cache_key"]) == 64
    assert losses == []


# ------------------------------------------------------------------------------------ capabilities


@pytest.mark.parametrize(
    ("capabilities", "fields", "absent", "losses"),
    [
        (
            {"sampling": False},
            {"sampling": Sampling(temperature=1, top_p=1)},
            {"temperature", "top_p"},
            ["temperature=dropped", "top_p=dropped"],
        ),
        (
            {"thinking": Thinking.NONE},
            {"reasoning": ReasoningWish(Effort.LOW)},
            {"reasoning", "include"},
            ["reasoning=dropped"],
        ),
        (
            {"thinking": Thinking.NONE},
            {"reasoning": ReasoningWish(off=True)},
            {"reasoning", "include"},
            [],
        ),
        ({"cache_hints": False}, {"cache_key": "k"}, {"prompt_cache_key"}, ["cache_key=dropped"]),
        (
            {"structured_output": False},
            {"output_format": OutputFormat(FormatKind.JSON_SCHEMA, OPEN)},
            {"text"},
            ["output_format=dropped"],
        ),
        (
            {"web_search": False},
            {"tools": (WebSearch(),)},
            {"tools"},
            ["web_search=dropped"],
        ),
        (
            {"parallel_tool_calls": False},
            {"tools": (Tool("f"),), "parallel_tool_calls": True},
            {"parallel_tool_calls"},
            ["parallel_tool_calls=dropped"],
        ),
    ],
)
def test_what_a_model_does_not_take_is_left_out(
    capabilities: dict[str, Any], fields: dict[str, Any], absent: set[str], losses: list[str]
) -> None:
    body, found = sent(Capabilities(**capabilities), **fields)
    assert body.keys() & absent == set()
    assert found == losses


@pytest.mark.parametrize(
    ("capabilities", "wish", "said", "losses"),
    [
        ({}, ReasoningWish(off=True), "none", []),
        (
            {"thinking_off": False, "efforts": (Effort.LOW, Effort.HIGH)},
            ReasoningWish(off=True),
            "low",
            ["reasoning.off=clamped"],
        ),
        (
            {"efforts": (Effort.LOW, Effort.MEDIUM, Effort.HIGH)},
            ReasoningWish(Effort.MAX),
            "high",
            ["reasoning.effort=clamped"],
        ),
        ({"max_output_tokens": 50}, ReasoningWish(Effort.LOW), "low", []),
    ],
)
def test_efforts_are_those_that_the_model_takes(
    capabilities: dict[str, Any], wish: ReasoningWish, said: str, losses: list[str]
) -> None:
    body, found = sent(Capabilities(**capabilities), reasoning=wish)
    assert body["reasoning"] == {"effort": said}
    assert found == losses
    assert ("include" in body) == (said != "none"), "sealed reasoning, wherever it may happen"


def test_the_models_own_cap_clamps_the_callers() -> None:
    body, losses = sent(Capabilities(max_output_tokens=50), max_output_tokens=100)
    assert (body["max_output_tokens"], losses) == (50, ["max_output_tokens=clamped"])


# ------------------------------------------------------------------------------------ output format


@pytest.mark.parametrize(
    ("wanted", "format_", "losses"),
    [
        (
            OutputFormat(FormatKind.JSON_SCHEMA, STRICT, "n", "d", True),
            {
                "type": "json_schema",
                "name": "n",
                "strict": True,
                "schema": STRICT,
                "description": "d",
            },
            [],
        ),
        (
            OutputFormat(FormatKind.JSON_SCHEMA, OPEN, strict=True),
            {"type": "json_schema", "name": "response", "strict": False, "schema": OPEN},
            ["output_format.strict=changed"],
        ),
        (
            OutputFormat(FormatKind.JSON_SCHEMA, OPEN, "my name!"),
            {"type": "json_schema", "name": "my_name_", "strict": False, "schema": OPEN},
            ["output_format.name=changed"],
        ),
        (
            OutputFormat(FormatKind.JSON_OBJECT),
            {"type": "json_object"},
            ["output_format=added"],
        ),
    ],
)
def test_output_formats(wanted: OutputFormat, format_: dict[str, Any], losses: list[str]) -> None:
    body, found = sent(output_format=wanted)
    assert body["text"] == {"format": format_}
    assert found == losses


def test_json_is_named_in_the_input_where_the_server_demands_it() -> None:
    wanted = OutputFormat(FormatKind.JSON_OBJECT)
    body, _ = sent(output_format=wanted)
    assert "JSON" in body["input"][0]["content"][0]["text"]
    named = (Turn(Role.USER, (Text("Give me json"),)),)
    body, losses = sent(output_format=wanted, turns=named)
    assert (len(body["input"]), losses) == (1, [])


# ----------------------------------------------------------------------------------------- counting


def test_tokens_are_counted_by_the_same_body_without_what_only_an_answer_needs() -> None:
    counting = PROTOCOL.counting
    assert counting is not None
    assert counting.path("gpt-5") == "/responses/input_tokens"
    request = replace(REQUEST, tools=(Tool("f"),), max_output_tokens=100, cache_key="k")
    body = json.loads(counting.encode(request, DEFAULT_CAPABILITIES).body)
    assert body.keys() == {"model", "input", "tools"}
    assert counting.decode(counting.render(42)) == 42
    assert json.loads(counting.render(42)) == {
        "object": "response.input_tokens",
        "input_tokens": 42,
    }
    for wrong in (b"", b"[]", b"{}", b'{"input_tokens":"x"}'):
        with pytest.raises(NotUnderstood):
            counting.decode(wrong)
