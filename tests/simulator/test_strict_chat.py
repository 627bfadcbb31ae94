"""What Chat Completions refuses, the simulator refuses; each case is one broken rule."""

from typing import Any

import pytest

from tests.simulator.running import BEARER, Json, Running

USER: Json = {"role": "user", "content": "hi"}
SCHEMA: Json = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
CALL: Json = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ASKED: Json = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT: Json = {"role": "tool", "tool_call_id": "call_1", "content": "ok"}


def tool(name: str = "f", **more: Any) -> Json:
    return {"type": "function", "function": {"name": name, **more}}


def turns(*messages: Json, **more: Any) -> Json:
    return {"messages": list(messages), **more}


def form(**named: Any) -> Json:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "r", **named}}}


# changes to a right request, the error's code, its param, words of its message
CASES: dict[str, tuple[Json, str | None, str | None, str]] = {
    "unknown field": ({"top_k": 5}, None, None, "Unrecognized request argument supplied: top_k"),
    "unknown field of a message": (
        turns({**USER, "foo": 1}),
        "unknown_parameter",
        "messages[0].foo",
        "Unknown parameter: 'messages[0].foo'.",
    ),
    "no model": ({"model": ...}, None, None, "you must provide a model parameter"),
    "no messages": (
        {"messages": ...},
        "missing_required_parameter",
        "messages",
        "Missing required parameter: 'messages'.",
    ),
    "empty messages": (
        turns(),
        "empty_array",
        "messages",
        "Expected an array with minimum length 1",
    ),
    "wrong type": (
        turns({"role": "user", "content": 5}),
        "invalid_type",
        "messages[0].content",
        "expected one of a string or an array, but got an integer instead.",
    ),
    "wrong value": (
        {"tools": [tool()], "tool_choice": "any"},
        "invalid_value",
        "tool_choice",
        "Invalid value: 'any'. Supported values are: 'none', 'auto', and 'required'.",
    ),
    "wrong role": (
        turns({"role": "bot", "content": "x"}),
        "invalid_value",
        "messages[0].role",
        "bot",
    ),
    "picture in a tool's answer": (
        turns(
            USER,
            ASKED,
            {**RESULT, "content": [{"type": "image_url", "image_url": {"url": "https://x/"}}]},
        ),
        "invalid_value",
        "messages[2].content[0].type",
        "Invalid value: 'image_url'. Supported values are: 'text'.",
    ),
    "no content": (
        turns({"role": "user", "content": None}),
        None,
        "messages.[0].content",
        "expected a string, got null.",
    ),
    "tool's answer without a call": (
        turns(USER, RESULT),
        None,
        "messages.[1].role",
        "must be a response to a preceeding message with 'tool_calls'.",
    ),
    "text before the tool's answer": (
        turns(USER, ASKED, USER, RESULT),
        None,
        "messages.[2].role",
        "The following tool_call_ids did not have response messages: call_1",
    ),
    "call without an answer": (turns(USER, ASKED), None, None, "response messages: call_1"),
    "id too long": (
        turns(USER, {**ASKED, "tool_calls": [{**CALL, "id": "x" * 41}]}),
        "string_above_max_length",
        "messages[1].tool_calls[0].id",
        "maximum length 40, but got a string with length 41",
    ),
    "address that is none": (
        turns(
            {
                "role": "user",
                "content": [{"type": "image_url", "image_url": {"url": "data:;base64,AA"}}],
            }
        ),
        "invalid_value",
        "messages[0].content[0].image_url.url",
        "Expected a valid URL",
    ),
    "temperature": (
        {"temperature": 3},
        "integer_above_max_value",
        "temperature",
        "Expected a value <= 2, but got 3 instead.",
    ),
    "temperature below": (
        {"temperature": -0.5},
        "decimal_below_min_value",
        "temperature",
        "Expected a value >= 0, but got -0.5 instead.",
    ),
    "n": ({"n": 0}, "integer_below_min_value", "n", "Expected a value >= 1"),
    "five stops": (
        {"stop": ["a", "b", "c", "d", "e"]},
        "array_above_max_length",
        "stop",
        "maximum length 4, but got an array with length 5",
    ),
    "top_logprobs alone": ({"top_logprobs": 1}, None, "top_logprobs", "when 'logprobs' is enabled"),
    "stream_options alone": (
        {"stream_options": {"include_usage": True}},
        None,
        "stream_options",
        "only allowed when 'stream' is enabled",
    ),
    "choice without tools": (
        {"tool_choice": "auto"},
        None,
        "tool_choice",
        "'tool_choice' is only allowed when 'tools' are specified.",
    ),
    "parallel without tools": (
        {"parallel_tool_calls": True},
        None,
        "parallel_tool_calls",
        "only allowed when 'tools' are specified",
    ),
    "no tools": ({"tools": []}, "empty_array", "tools", "Invalid 'tools': empty array."),
    "choice of a tool that is not there": (
        {"tools": [tool()], "tool_choice": tool("g")},
        None,
        "tool_choice",
        "'g' not found",
    ),
    "tool name": (
        {"tools": [tool("a.b")]},
        "invalid_value",
        "tools[0].function.name",
        "string does not match pattern",
    ),
    "tool name too long": (
        {"tools": [tool("a" * 65)]},
        "string_above_max_length",
        "tools[0].function.name",
        "maximum length 64, but got a string with length 65",
    ),
    "strict tool of an open schema": (
        {"tools": [tool(strict=True, parameters={"type": "object", "properties": {}})]},
        "invalid_function_parameters",
        "tools[0].function.parameters",
        "Invalid schema for function 'f': In context=(), 'additionalProperties' is required",
    ),
    "strict format with an optional property": (
        form(strict=True, schema={**SCHEMA, "required": []}),
        "invalid_json_schema",
        "response_format",
        "Missing 'a'.",
    ),
    "format's name": (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a b"}}},
        "invalid_value",
        "response_format.json_schema.name",
        "string does not match pattern",
    ),
    "json mode without the word": (
        {"response_format": {"type": "json_object"}},
        None,
        "messages",
        "must contain the word 'json'",
    ),
    "max_tokens for a reasoning model": (
        {"model": "gpt-5-mini", "max_tokens": 100},
        "unsupported_parameter",
        "max_tokens",
        "Use 'max_completion_tokens' instead.",
    ),
    "max_tokens for an o model": (
        {"model": "o3", "max_tokens": 100},
        "unsupported_parameter",
        "max_tokens",
        "not supported with this model",
    ),
    "temperature for a reasoning model": (
        {"model": "gpt-5", "temperature": 0.5},
        "unsupported_value",
        "temperature",
        "Only the default (1) value is supported.",
    ),
}


def request(changes: Json) -> Json:
    body = {"model": "gpt-4.1", "messages": [USER], **changes}
    return {name: value for name, value in body.items() if value is not ...}


@pytest.mark.parametrize("case", CASES)
def test_refused(sim: Running, case: str) -> None:
    changes, code, param, wording = CASES[case]
    answer = sim.post("/v1/chat/completions", request(changes), BEARER)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert wording in error["message"]
    assert code is None or error["code"] == code
    assert param is None or error["param"] == param


ACCEPTED: dict[str, Json] = {
    "a tool loop": turns(USER, ASKED, RESULT, tools=[tool()]),
    "max_tokens for an older model": {"max_tokens": 100},
    "sampling without reasoning": {
        "model": "gpt-5.2",
        "temperature": 0.5,
        "reasoning_effort": "none",
    },
    "nulls": {"temperature": None, "stop": None, "tools": None, "metadata": None},
    "strict": form(strict=True, schema=SCHEMA),
    "legacy functions": {"functions": [{"name": "f", "parameters": {}}], "function_call": "auto"},
    "an assistant's turn as compatible servers gave it": turns(
        USER, {"role": "assistant", "content": "x", "reasoning_content": "hm"}, USER
    ),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_accepted(sim: Running, case: str) -> None:
    answer = sim.post("/v1/chat/completions", request(ACCEPTED[case]), BEARER)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b""])
def test_a_body_that_is_no_object(sim: Running, body: bytes) -> None:
    answer = sim.post("/v1/chat/completions", body, BEARER)
    assert answer.status_code == 400
    assert "could not parse the JSON body" in answer.json()["error"]["message"]


def test_an_unknown_model(sim: Running) -> None:
    answer = sim.post("/v1/chat/completions", request({"model": "sim-unknown"}), BEARER)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


def test_a_lenient_script_lets_everything_pass(sim: Running) -> None:
    headers = {**BEARER, "x-sim-script": '{"lenient": true}'}
    body = request({"top_k": 5, "tool_choice": 7, "messages": [{"role": "odd"}]})
    assert sim.post("/v1/chat/completions", body, headers).status_code == 200
