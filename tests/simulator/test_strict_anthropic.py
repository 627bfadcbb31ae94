"""What Anthropic refuses, the simulator refuses, in the provider's words; each case is one
broken rule."""

from typing import Any

import anthropic
import pytest

from simulator.signature import seal
from tests.simulator.running import ANTHROPIC, Json, Running

USER: Json = {"role": "user", "content": "hi"}
TOOL: Json = {"name": "f", "input_schema": {"type": "object"}}
CALL: Json = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
RESULT: Json = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok"}
MARK: Json = {"type": "ephemeral"}
THOUGHT: Json = {"type": "thinking", "thinking": "hm", "signature": seal("anthropic", "hm")}
BUDGET: Json = {"type": "enabled", "budget_tokens": 1024}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAA"


def said(*content: Json, role: str = "assistant") -> Json:
    return {"role": role, "content": list(content)}


def text(value: str, **more: Any) -> Json:
    return {"type": "text", "text": value, **more}


def turns(*messages: Json, **more: Any) -> Json:
    return {"messages": list(messages), **more}


def user(*content: Json) -> Json:
    return turns(said(*content, role="user"))


def image(media_type: str) -> Json:
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": PNG}}


LOOP = (USER, said(THOUGHT, CALL), said(RESULT, role="user"))
CASES: dict[str, tuple[Json, str]] = {
    "unknown field": ({"foo": 1}, "foo: Extra inputs are not permitted"),
    "unknown field of a block": (
        user(text("a", foo=1)),
        "messages.0.content.0.text.foo: Extra inputs are not permitted",
    ),
    "unknown field of a tool": (
        {"tools": [{**TOOL, "foo": 1}]},
        "tools.0.custom.foo: Extra inputs are not permitted",
    ),
    "no max_tokens": ({"max_tokens": ...}, "max_tokens: Field required"),
    "no messages": ({"messages": ...}, "messages: Field required"),
    "no model": ({"model": ...}, "model: Field required"),
    "wrong type": ({"max_tokens": "5"}, "max_tokens: Input should be a valid integer"),
    "wrong type of content": (
        turns({"role": "user", "content": 5}),
        "messages.0.content: Input should be a valid list",
    ),
    "wrong tag": (
        user({"type": "picture"}),
        "messages.0.content.0: Input tag 'picture' found using 'type' does not match any",
    ),
    "wrong role": (
        turns({"role": "bot", "content": "x"}),
        "messages.0: Input tag 'bot' found using",
    ),
    "wrong value": (
        {"service_tier": "fast"},
        "service_tier: Input should be 'auto' or 'standard_only'",
    ),
    "negative max_tokens": ({"max_tokens": -1}, "max_tokens: Input should be greater"),
    "too many tokens": (
        {"max_tokens": 200_000},
        "max_tokens: 200000 > 128000, which is the maximum allowed",
    ),
    "empty messages": (turns(), "messages: at least one message is required"),
    "first message of the assistant": (
        turns(said(text("a")), USER),
        'messages: first message must use the "user" role',
    ),
    "system message for an older model": (
        turns(USER, {"role": "system", "content": "x"}, model="claude-3-7-sonnet"),
        'Unexpected role "system"',
    ),
    "empty content": (turns({"role": "user", "content": ""}), "messages.0: all messages must have"),
    "empty text": (user(text("")), "messages: text content blocks must be non-empty"),
    "blank text": (user(text(" ")), "must contain non-whitespace text"),
    "mark on empty text": (
        user(text("", cache_control=MARK)),
        "cache_control cannot be set for empty text blocks",
    ),
    "empty system text": ({"system": [text("")]}, "system: text content blocks must be non-empty"),
    "prefill ends in a blank": (
        turns(USER, {"role": "assistant", "content": "So "}),
        "final assistant content cannot end with trailing whitespace",
    ),
    "prefill for a new model": (
        turns(USER, said(text("So")), model="claude-opus-5-5"),
        "does not support assistant message prefill",
    ),
    "result without a call": (
        user(RESULT),
        "unexpected `tool_use_id` found in `tool_result` blocks",
    ),
    "call without a result": (
        turns(USER, said(CALL), USER),
        "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after",
    ),
    "text before the result": (
        turns(USER, said(CALL), said(text("a"), RESULT, role="user")),
        "`tool_use` ids were found without `tool_result` blocks",
    ),
    "two results of one call": (
        turns(USER, said(CALL), said(RESULT, RESULT, role="user")),
        "each tool_use must have a single result",
    ),
    "two calls of one id": (
        turns(USER, said(CALL, CALL), said(RESULT, role="user")),
        "`tool_use` ids must be unique",
    ),
    "call of the user": (user(CALL), "`tool_use` blocks can only be in `assistant` messages"),
    "result of the assistant": (
        turns(USER, said(RESULT)),
        "`tool_result` blocks can only be in `user` messages",
    ),
    "id with a colon": (
        turns(USER, said({**CALL, "id": "a:b"})),
        "tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
    ),
    "five marks": (
        user(*[text("a", cache_control=MARK)] * 5),
        "A maximum of 4 blocks with cache_control may be provided. Found 5.",
    ),
    "an hour after five minutes": (
        {
            "system": [text("a", cache_control=MARK)],
            **user(text("b", cache_control={**MARK, "ttl": "1h"})),
        },
        "a ttl='1h' cache_control block must not come after a ttl='5m'",
    ),
    "mark on thinking": (
        turns(USER, said({**THOUGHT, "cache_control": MARK})),
        "messages.1.content.0.thinking.cache_control: Extra inputs",
    ),
    "tool name": (
        {"tools": [{**TOOL, "name": "a b"}]},
        "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
    ),
    "two tools of one name": ({"tools": [TOOL, TOOL]}, "tools: Tool names must be unique."),
    "no schema": ({"tools": [{"name": "f"}]}, "tools.0.custom.input_schema: Field required"),
    "schema without a type": (
        {"tools": [{"name": "f", "input_schema": {}}]},
        "tools.0.custom.input_schema.type: Field required",
    ),
    "schema of an array": (
        {"tools": [{"name": "f", "input_schema": {"type": "array"}}]},
        "input_schema.type: Input should be 'object'",
    ),
    "schema that is a union": (
        {"tools": [{"name": "f", "input_schema": {"type": "object", "anyOf": []}}]},
        "does not support oneOf, allOf, or anyOf at the top level",
    ),
    "choice without tools": (
        {"tool_choice": {"type": "any"}},
        "tool_choice may only be specified while providing tools",
    ),
    "choice of a tool that is not there": (
        {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "g"}},
        "Tool 'g' not found in provided tools",
    ),
    "forced tool for the newest": (
        {"model": "claude-opus-5-5", "tools": [TOOL], "tool_choice": {"type": "any"}},
        "tool_choice: forced tool use is not supported for this model.",
    ),
    "forced tool while thinking": (
        {"tools": [TOOL], "tool_choice": {"type": "any"}, "thinking": BUDGET, "max_tokens": 2000},
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    "temperature": ({"temperature": 1.7}, "temperature: range: 0..1"),
    "temperature while thinking": (
        {"temperature": 0.5, "thinking": BUDGET, "max_tokens": 2000},
        "`temperature` may only be set to 1 when thinking is enabled.",
    ),
    "temperature for a new model": (
        {"temperature": 0.5, "model": "claude-opus-5"},
        "`temperature` is deprecated for this model.",
    ),
    "top_k for a new model": (
        {"top_k": 5, "model": "claude-opus-5-5"},
        "`top_k` is deprecated for this model.",
    ),
    "blank stop sequence": ({"stop_sequences": ["\n"]}, "must contain non-whitespace"),
    "no budget": (
        {"thinking": {"type": "enabled"}},
        "thinking.enabled.budget_tokens: Field required",
    ),
    "budget too small": (
        {"thinking": {**BUDGET, "budget_tokens": 1023}},
        "budget_tokens: Input should be greater than or equal to 1024",
    ),
    "budget over max_tokens": (
        {"thinking": BUDGET, "max_tokens": 1024},
        "`max_tokens` must be greater than `thinking.budget_tokens`",
    ),
    "budget for a new model": (
        {"thinking": BUDGET, "max_tokens": 2000, "model": "claude-opus-5"},
        '"thinking.type.enabled" is not supported for this model.',
    ),
    "adaptive thinking for an older model": (
        {"thinking": {"type": "adaptive"}},
        "adaptive thinking is not supported on this model",
    ),
    "effort for an older model": (
        {"output_config": {"effort": "low"}, "model": "claude-haiku-4-5-20251001"},
        "This model does not support the effort parameter.",
    ),
    "no thinking for the newest": (
        {"thinking": {"type": "disabled"}, "model": "claude-opus-5-5"},
        '"thinking.type.disabled" is not supported for this model.',
    ),
    "signature that is none": (
        turns(USER, said({**THOUGHT, "signature": "x"}), USER),
        "messages.1.content.0: Invalid `signature` in `thinking` block",
    ),
    "signature of another text": (
        turns(USER, said({**THOUGHT, "thinking": "oh"}), USER),
        "Invalid `signature` in `thinking` block",
    ),
    "signature of another provider": (
        turns(USER, said({**THOUGHT, "signature": seal("gemini", "hm")}), USER),
        "Invalid `signature` in `thinking` block",
    ),
    "redacted thinking that is none": (
        turns(USER, said({"type": "redacted_thinking", "data": "abc"}), USER),
        "Invalid `data` in `redacted_thinking` block",
    ),
    "tool loop without its thinking": (
        turns(USER, said(CALL), LOOP[2], tools=[TOOL], thinking=BUDGET, max_tokens=2000),
        "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found",
    ),
    "picture of another type": (
        user(image("image/jpeg")),
        "Image does not match the provided media type image/jpeg",
    ),
}


def request(changes: Json) -> Json:
    body = {"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": [USER], **changes}
    return {name: value for name, value in body.items() if value is not ...}


@pytest.mark.parametrize("case", CASES)
def test_refused(sim: Running, case: str) -> None:
    changes, wording = CASES[case]
    answer = sim.post("/v1/messages", request(changes), ANTHROPIC)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert wording in error["message"]


ACCEPTED: dict[str, Json] = {
    "prewarming a cache": {"max_tokens": 0},
    "prefill": turns(USER, {"role": "assistant", "content": "So"}),
    "the signed loop": {
        **turns(*LOOP, tools=[TOOL], thinking=BUDGET, max_tokens=2000),
    },
    "results in two messages": turns(
        USER,
        said(CALL, {**CALL, "id": "toolu_2"}),
        said(RESULT, role="user"),
        said({**RESULT, "tool_use_id": "toolu_2"}, text("go on"), role="user"),
    ),
    "withheld thinking": turns(USER, said({**THOUGHT, "thinking": ""}, text("a")), USER),
    "four marks": user(*[text("a", cache_control=MARK)] * 4),
    "picture": user(image("image/png")),
    "effort for the first model that has it": {
        "output_config": {"effort": "low"},
        "model": "claude-opus-4-5",
    },
    "no tool": {"tools": [TOOL], "tool_choice": {"type": "none"}},
    "default temperature for a new model": {"temperature": 1.0, "model": "claude-opus-5-5"},
    "system message for a new model": turns(
        USER,
        said(text("a")),
        USER,
        {"role": "system", "content": "x", "output_config": {"effort": "low"}},
        model="claude-opus-5-5",
    ),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_accepted(sim: Running, case: str) -> None:
    answer = sim.post("/v1/messages", request(ACCEPTED[case]), ANTHROPIC)
    assert answer.status_code == 200, answer.text


def test_interleaved_thinking_may_have_a_budget_over_max_tokens(sim: Running) -> None:
    headers = {**ANTHROPIC, "anthropic-beta": "interleaved-thinking-2025-05-14,unknown-2030-01-01"}
    body = request({"thinking": BUDGET, "max_tokens": 1024})
    assert sim.post("/v1/messages", body, headers).status_code == 200


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
def test_the_newest_version_knows_no_sampling(sim: Running, name: str) -> None:
    headers = {**ANTHROPIC, "anthropic-version": "2026-10-21"}
    answer = sim.post("/v1/messages", request({name: 1}), headers)
    assert answer.json()["error"]["message"] == f"{name}: Extra inputs are not permitted"


def test_versions(sim: Running) -> None:
    key = {"x-api-key": "k"}
    missing = sim.post("/v1/messages", request({}), key)
    assert missing.json()["error"]["message"] == "anthropic-version: header is required"
    wrong = sim.post("/v1/messages", request({}), {**key, "anthropic-version": "2024-01-01"})
    assert wrong.status_code == 400


def test_count_tokens_has_no_max_tokens(sim: Running) -> None:
    answer = sim.post("/v1/messages/count_tokens?beta=true", request({}), ANTHROPIC)
    assert answer.json()["error"]["message"] == "max_tokens: Extra inputs are not permitted"
    answer = sim.post("/v1/messages/count_tokens", request({"max_tokens": ...}), ANTHROPIC)
    assert answer.status_code == 200


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b""])
def test_a_body_that_is_no_object(sim: Running, body: bytes) -> None:
    answer = sim.post("/v1/messages", body, ANTHROPIC)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


def test_an_unknown_model(claude: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError, match="model: sim-unknown-1"):
        claude.messages.create(
            model="sim-unknown-1", max_tokens=9, messages=[{"role": "user", "content": "x"}]
        )


def test_a_lenient_script_lets_everything_pass(sim: Running) -> None:
    headers = {**ANTHROPIC, "x-sim-script": '{"lenient": true, "echo": true}'}
    body = request({"new_field": {"a": 1}, "temperature": 7, "tool_choice": "odd", "thinking": 5})
    answer = sim.post("/v1/messages", body, headers)
    assert answer.status_code == 200
    assert '"new_field":{"a":1}' in answer.json()["content"][0]["text"]
