"""What Gemini refuses, the simulator refuses; each case is one broken rule."""

import base64
from typing import Any

import pytest

from simulator.signature import seal
from tests.simulator.running import GOOGLE, Json, Running

MODEL = "gemini-3-pro"
CALL: Json = {"functionCall": {"name": "f", "args": {}}}
SIGNED: Json = {**CALL, "thoughtSignature": seal("gemini", "hm")}
ANSWER: Json = {"functionResponse": {"name": "f", "response": {"result": "ok"}}}
TOOL: Json = {
    "name": "f",
    "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}},
}


def user(*parts: Json) -> Json:
    return {"role": "user", "parts": list(parts) or [{"text": "hi"}]}


def model(*parts: Json) -> Json:
    return {"role": "model", "parts": list(parts)}


def turns(*contents: Json, **more: Any) -> Json:
    return {"contents": list(contents), **more}


def tools(*declared: Json, **more: Any) -> Json:
    return {"tools": [{"functionDeclarations": list(declared)}], **more}


def schema(**parts: Any) -> Json:
    return tools({"name": "f", "parameters": parts})


def calling(**config: Any) -> Json:
    return {"toolConfig": {"functionCallingConfig": config}}


CASES: dict[str, tuple[Json, str]] = {
    "unknown field": (
        {"foo": 1},
        'Invalid JSON payload received. Unknown name "foo": Cannot find field.',
    ),
    "unknown field of a part": (
        turns(user({"text": "a", "foo": 1})),
        "Unknown name \"foo\" at 'contents[0].parts[0]': Cannot find field.",
    ),
    "keyword that Schema lacks": (
        schema(type="OBJECT", **{"$schema": "x"}),
        "Unknown name \"$schema\" at 'tools[0].function_declarations[0].parameters'",
    ),
    "one more": (
        schema(type="OBJECT", properties={"a": {"type": "INTEGER", "exclusiveMinimum": 1}}),
        'Unknown name "exclusiveMinimum" at '
        "'tools[0].function_declarations[0].parameters.properties.a'",
    ),
    "wrong type": (
        turns(user({"text": 5})),
        "Invalid value at 'contents[0].parts[0].text' (TYPE_STRING), 5",
    ),
    "wrong value": (calling(mode="SOMETIMES"), "function_calling_config.mode' (TYPE_ENUM)"),
    "no contents": (
        {"contents": ...},
        "* GenerateContentRequest.contents: contents is not specified",
    ),
    "empty contents": (turns(), "contents is not specified"),
    "wrong role": (
        turns({"role": "assistant", "parts": [{"text": "a"}]}),
        "Please use a valid role: user, model.",
    ),
    "no parts": (turns({"role": "user", "parts": []}), "contents.parts must not be empty."),
    "empty part": (
        turns(user({})),
        "contents[0].parts[0].data: required oneof field 'data' must have one initialized field",
    ),
    "call without a name": (turns(user(), model({"functionCall": {}})), "Name cannot be empty."),
    "data without a type": (turns(user({"inlineData": {"data": "AA=="}})), "mime type must not be"),
    "temperature": (
        {"generationConfig": {"temperature": 3}},
        "temperature must be in the range [0.0, 2.0].",
    ),
    "six stops": (
        {"generationConfig": {"stopSequences": ["a"] * 6}},
        "the number of stop sequences must not exceed 5",
    ),
    "no candidates": ({"generationConfig": {"candidateCount": 0}}, "candidate_count must be"),
    "no tokens": ({"generationConfig": {"maxOutputTokens": 0}}, "max_output_tokens must be"),
    "budget and level": (
        {"generationConfig": {"thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "LOW"}}},
        "You can only set only one of thinking budget and thinking level.",
    ),
    "no budget": (
        {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}},
        "Budget 0 is invalid. This model only works in thinking mode.",
    ),
    "function name": (tools({"name": "a b"}), "Invalid function name. Must start with a letter"),
    "function name begins with a digit": (tools({"name": "1a"}), "Invalid function name."),
    "two functions of one name": (tools(TOOL, TOOL), "Duplicate function declaration found: f"),
    "both kinds of parameters": (
        tools({**TOOL, "parametersJsonSchema": {}}),
        "only one of parameters and parameters_json_schema can be set",
    ),
    "required property that is not there": (
        schema(type="OBJECT", properties={}, required=["a"]),
        "parameters.required[0]: property is not defined",
    ),
    "array without items": (
        schema(type="OBJECT", properties={"a": {"type": "ARRAY"}}),
        "parameters.properties[a].items: missing field.",
    ),
    "odd format": (
        schema(type="OBJECT", properties={"a": {"type": "STRING", "format": "uri"}}),
        "only 'enum' and 'date-time' are supported for STRING type",
    ),
    "response schema": (
        {"generationConfig": {"responseSchema": {"type": "ARRAY"}}},
        "generation_config.response_schema.items: missing field.",
    ),
    "forced without functions": (
        calling(mode="ANY"),
        "Function calling config is set without function_declarations.",
    ),
    "names in automatic mode": (
        {**tools(TOOL), **calling(mode="AUTO", allowedFunctionNames=["f"])},
        "should be set only when mode is ANY",
    ),
    "name that is not there": (
        {**tools(TOOL), **calling(mode="ANY", allowedFunctionNames=["g"])},
        "g in allowed_function_names is not found",
    ),
    "search and functions": (
        {
            "tools": [{"functionDeclarations": [TOOL]}, {"googleSearch": {}}],
            "model": "gemini-2.5-pro",
        },
        "Tool use with function calling is unsupported",
    ),
    "call at the beginning": (
        turns(model(SIGNED)),
        "function call turn comes immediately after a user turn",
    ),
    "answer without a call": (
        turns(user(), user(ANSWER)),
        "function response turn comes immediately",
    ),
    "too few answers": (
        turns(user(), model(SIGNED, CALL), user(ANSWER)),
        "the number of function response parts is equal to the number of function call parts",
    ),
    "call without a signature": (
        turns(user(), model(CALL), user(ANSWER)),
        "Function call is missing a thought_signature in functionCall parts.",
    ),
    "second step without a signature": (
        turns(user(), model(SIGNED), user(ANSWER), model(CALL), user(ANSWER)),
        "function call `default_api:f` , position 4",
    ),
    "signature of another provider": (
        turns(user(), model({**CALL, "thoughtSignature": seal("anthropic", "hm")}), user(ANSWER)),
        "Corrupted thought signature.",
    ),
    "signature that is not base64": (
        turns(user(), model({**CALL, "thoughtSignature": "!"}), user(ANSWER)),
        "contents[1].parts[0].thought_signature' (TYPE_BYTES), Base64 decoding failed",
    ),
}


def post(sim: Running, changes: Json, action: str = "generateContent") -> tuple[int, Json]:
    body = {"contents": [user()], **changes}
    name = body.pop("model", MODEL)
    body = {key: value for key, value in body.items() if value is not ...}
    answer = sim.post(f"/v1beta/models/{name}:{action}", body, GOOGLE)
    found: Json = answer.json()
    return answer.status_code, found


@pytest.mark.parametrize("case", CASES)
def test_refused(sim: Running, case: str) -> None:
    changes, wording = CASES[case]
    status, body = post(sim, changes)
    assert (status, body["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert wording in body["error"]["message"]


ACCEPTED: dict[str, Json] = {
    "a signed loop": turns(user(), model(SIGNED, CALL), user(ANSWER, ANSWER), **tools(TOOL)),
    "an older turn without a signature": turns(
        user(), model(CALL), user(ANSWER), model({"text": "x"}), user()
    ),
    "an older model without a signature": turns(
        user(), model(CALL), user(ANSWER), model="gemini-2.5-flash"
    ),
    "the sentinel": turns(
        user(),
        model({**CALL, "thoughtSignature": "skip_thought_signature_validator"}),
        user(ANSWER),
    ),
    "the sentinel in base64": turns(
        user(),
        model(
            {
                **CALL,
                "thought_signature": base64.b64encode(
                    b"context_engineering_is_the_way_to_go"
                ).decode(),
            }
        ),
        user(ANSWER),
    ),
    "snake case": {
        "contents": [user({"inline_data": {"mime_type": "image/png", "data": "AA=="}})],
        "generation_config": {"max_output_tokens": "100", "response_modalities": ["TEXT"]},
        "system_instruction": {"parts": [{"text": "x"}]},
    },
    "small letters": {
        **schema(type="object", properties={"a": {"type": "string"}}),
        "generationConfig": {"thinkingConfig": {"thinkingLevel": "low"}},
    },
    "any JSON schema": tools(
        {
            "name": "f",
            "parametersJsonSchema": {"$schema": "x", "exclusiveMinimum": 1, "oneOf": []},
        }
    ),
    "a content without a role": turns({"parts": [{"text": "hi"}]}),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_accepted(sim: Running, case: str) -> None:
    status, body = post(sim, ACCEPTED[case])
    assert status == 200, body


def test_an_unknown_field_is_told_as_a_violation_too(sim: Running) -> None:
    _, body = post(sim, turns(user({"text": "a", "foo": 1})))
    (detail,) = body["error"]["details"]
    assert detail["fieldViolations"][0]["field"] == "contents[0].parts[0]"


def test_counting_and_embedding_are_strict_too(sim: Running) -> None:
    assert post(sim, turns(), "countTokens")[0] == 400
    inner = {"model": f"models/{MODEL}", "contents": [user()]}
    assert post(sim, {"contents": ..., "generateContentRequest": inner}, "countTokens")[0] == 200
    assert post(sim, {"contents": ..., "content": {"parts": []}}, "embedContent")[0] == 400
    assert post(sim, {"contents": ..., "requests": []}, "batchEmbedContents")[0] == 400
    assert post(sim, {}, "embedContent")[0] == 400


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b""])
def test_a_body_that_is_no_object(sim: Running, body: bytes) -> None:
    answer = sim.post(f"/v1beta/models/{MODEL}:generateContent", body, GOOGLE)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_an_unknown_model_and_an_unknown_action(sim: Running) -> None:
    status, body = post(sim, {"model": "sim-unknown"})
    assert (status, body["error"]["status"]) == (404, "NOT_FOUND")
    status, body = post(sim, {}, "generateMusic")
    assert (status, body["error"]["status"]) == (404, "NOT_FOUND")


def test_a_lenient_script_lets_everything_pass(sim: Running) -> None:
    body = {"contents": [{"role": "odd"}], "foo": 1, "tools": [{"bar": 1}]}
    headers = {**GOOGLE, "x-sim-script": '{"lenient": true}'}
    answer = sim.post(f"/v1beta/models/{MODEL}:generateContent", body, headers)
    assert answer.status_code == 200
