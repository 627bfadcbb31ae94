"""What the Responses API refuses, the simulator refuses; each case is one broken rule."""

from typing import Any

import pytest

from simulator.signature import seal
from tests.simulator.running import BEARER, Json, Running

USER: Json = {"role": "user", "content": "hi"}
CALL: Json = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"}
OUTPUT: Json = {"type": "function_call_output", "call_id": "call_1", "output": "ok"}
CUSTOM: Json = {"type": "custom_tool_call", "call_id": "call_2", "name": "p", "input": "x"}
TOOL: Json = {"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}
SEALED: Json = {"type": "reasoning", "summary": [], "encrypted_content": seal("openai", "hm")}


def given(*items: Json, **more: Any) -> Json:
    return {"input": list(items), **more}


# changes to a right request, status, code, param, words of the message
CASES: dict[str, tuple[Json, int, str | None, str | None, str]] = {
    "unknown field": (
        {"stop": ["a"]},
        400,
        "unknown_parameter",
        "stop",
        "Unknown parameter: 'stop'.",
    ),
    "no model": ({"model": ...}, 400, "missing_required_parameter", "model", "'model'"),
    "no input": ({"input": ...}, 400, "missing_required_parameter", "input", "must be provided"),
    "unknown item": (
        given({"type": "telepathy"}),
        400,
        "invalid_value",
        "input[0].type",
        "Invalid value: 'telepathy'. Supported values are:",
    ),
    "unknown part": (
        given({"role": "user", "content": [{"type": "text", "text": "x"}]}),
        400,
        "invalid_value",
        "input[0].content[0].type",
        "Invalid value: 'text'.",
    ),
    "unknown field of an item": (
        given({**CALL, "foo": 1}, OUTPUT),
        400,
        "unknown_parameter",
        "input[0].foo",
        "Unknown parameter",
    ),
    "unknown tool": ({"tools": [{"type": "wand"}]}, 400, "invalid_value", "tools[0].type", "wand"),
    "few tokens": (
        {"max_output_tokens": 15},
        400,
        "integer_below_min_value",
        "max_output_tokens",
        "Expected a value >= 16, but got 15 instead.",
    ),
    "temperature for a reasoning model": (
        {"model": "gpt-5", "temperature": 0.5},
        400,
        "unsupported_parameter",
        "temperature",
        "not supported with this model",
    ),
    "reasoning of a model that cannot": (
        {"model": "gpt-4.1", "reasoning": {"effort": "low"}},
        400,
        "unsupported_parameter",
        "reasoning.effort",
        "not supported with this model",
    ),
    "two kinds of memory": (
        {"previous_response_id": "resp_1", "conversation": "conv_1"},
        400,
        None,
        None,
        "",
    ),
    "previous response that is not there": (
        {"previous_response_id": "resp_1"},
        400,
        "previous_response_not_found",
        "previous_response_id",
        "Previous response with id 'resp_1' not found.",
    ),
    "forced without tools": (
        {"tool_choice": "required"},
        400,
        None,
        "tool_choice",
        "without tools",
    ),
    "choice of a tool that is not there": (
        {"tools": [TOOL], "tool_choice": {"type": "function", "name": "g"}},
        400,
        None,
        "tool_choice",
        "'g' not found",
    ),
    "tool name": (
        {"tools": [{**TOOL, "name": "a.b"}]},
        400,
        "invalid_value",
        "tools[0].name",
        "does not match pattern",
    ),
    "strict tool of an open schema": (
        {"tools": [{**TOOL, "strict": True}]},
        400,
        "invalid_function_parameters",
        "tools[0].parameters",
        "'additionalProperties' is required",
    ),
    "strict format of an open schema": (
        {
            "text": {
                "format": {
                    "type": "json_schema",
                    "name": "r",
                    "strict": True,
                    "schema": {
                        "type": "object",
                        "properties": {"a": {"type": "object", "properties": {}}},
                        "required": ["a"],
                        "additionalProperties": False,
                    },
                }
            }
        },
        400,
        "invalid_json_schema",
        "text.format.schema",
        "In context=('properties', 'a'), 'additionalProperties'",
    ),
    "output without a call": (
        given(USER, OUTPUT),
        400,
        None,
        "input",
        "No tool call found for function call output with call_id call_1.",
    ),
    "call without an output": (
        given(USER, CALL),
        400,
        None,
        "input",
        "No tool output found for function call call_1.",
    ),
    "custom call without an output": (
        given(USER, CUSTOM),
        400,
        None,
        "input",
        "No tool output found for custom tool call call_2.",
    ),
    "call id too long": (
        given({**CALL, "call_id": "x" * 65}),
        400,
        "string_above_max_length",
        "input[0].call_id",
        "maximum length 64",
    ),
    "item id of another kind": (
        given({**CALL, "id": "call_1"}, OUTPUT),
        400,
        "invalid_value",
        "input[0].id",
        "Expected an ID that begins with 'fc'.",
    ),
    "foreign reasoning": (
        given({**SEALED, "encrypted_content": seal("anthropic", "hm")}, USER),
        400,
        "invalid_encrypted_content",
        None,
        "could not be verified",
    ),
    "reasoning that was not stored": (
        given({"type": "reasoning", "id": "rs_1", "summary": []}, USER),
        404,
        None,
        "input",
        "Item with id 'rs_1' not found. Items are not persisted when `store` is set to false.",
    ),
    "reasoning without anything": (
        given({"type": "reasoning", "summary": []}, USER),
        400,
        "missing_required_parameter",
        "input[0].id",
        "Missing required parameter",
    ),
    "reference to nothing": (
        given({"type": "item_reference", "id": "msg_1"}),
        404,
        None,
        "input",
        "Item with id 'msg_1' not found.",
    ),
    "reasoning at the end": (
        given(USER, {**SEALED, "id": "rs_1"}),
        400,
        None,
        "input",
        "Item 'rs_1' of type 'reasoning' was provided without its required following item.",
    ),
    "background without a store": (
        {"background": True, "store": False},
        400,
        None,
        "background",
        "require 'store' to be true",
    ),
}


def request(changes: Json) -> Json:
    body = {"model": "gpt-test", "input": "hi", **changes}
    return {name: value for name, value in body.items() if value is not ...}


@pytest.mark.parametrize("case", CASES)
def test_refused(sim: Running, case: str) -> None:
    changes, status, code, param, wording = CASES[case]
    answer = sim.post("/v1/responses", request(changes), BEARER)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (status, "invalid_request_error")
    assert wording in error["message"]
    assert code is None or error["code"] == code
    assert param is None or error["param"] == param


ACCEPTED: dict[str, Json] = {
    "a tool loop": given(USER, {**SEALED, "id": "rs_1"}, CALL, OUTPUT, tools=[TOOL]),
    "a custom loop": given(
        USER, CUSTOM, {"type": "custom_tool_call_output", "call_id": "call_2", "output": "y"}
    ),
    "an assistant's text without ids": given(
        USER, {"role": "assistant", "content": [{"type": "output_text", "text": "x"}]}, USER
    ),
    "an output with parts": given(
        USER, CALL, {**OUTPUT, "output": [{"type": "input_text", "text": "x"}]}
    ),
    "nulls": {"tools": None, "temperature": None, "reasoning": None, "include": None},
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_accepted(sim: Running, case: str) -> None:
    answer = sim.post("/v1/responses", request(ACCEPTED[case]), BEARER)
    assert answer.status_code == 200, answer.text


def test_a_reference_to_a_stored_item_is_found(sim: Running) -> None:
    answer = sim.post("/v1/responses", request({}), BEARER).json()
    reference = {"type": "item_reference", "id": answer["output"][0]["id"]}
    again = sim.post("/v1/responses", request(given(reference, USER)), BEARER)
    assert again.status_code == 200


def test_counting_is_as_strict(sim: Running) -> None:
    answer = sim.post("/v1/responses/input_tokens", request(given(USER, OUTPUT)), BEARER)
    assert answer.status_code == 400
    answer = sim.post("/v1/responses/input_tokens", request({"nope": 1}), BEARER)
    assert answer.json()["error"]["code"] == "unknown_parameter"


def test_a_lenient_script_lets_everything_pass(sim: Running) -> None:
    headers = {**BEARER, "x-sim-script": '{"lenient": true}'}
    body = request(given({"type": "telepathy"}, OUTPUT, foo=1))
    assert sim.post("/v1/responses", body, headers).status_code == 200
