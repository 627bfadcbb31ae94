"""Anthropic's SDK talks to the simulator directly, and its types judge every answer."""

import anthropic
import httpx
import pytest
from anthropic.types import Message, RawMessageStreamEvent, ToolParam
from pydantic import TypeAdapter

from simulator.signature import is_genuine
from tests.simulator.running import ANTHROPIC, Json, Running, sse
from tests.simulator.strictness import judged

HELLO = [{"role": "user", "content": "hello"}]
TOOLS: list[ToolParam] = [
    {
        "name": "get_weather",
        "input_schema": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
    {"name": "get_time", "input_schema": {"type": "object"}},
]
EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
MODELS = ["claude-test", "sim-tools", "sim-thinking", "sim-refusal", "sim-cache", "sim-empty"]


def body(model: str, **fields: object) -> Json:
    return {"model": model, "max_tokens": 1000, "messages": HELLO, **fields}


def test_plain_answer(claude: anthropic.Anthropic) -> None:
    message = claude.messages.create(
        model="claude-test", max_tokens=100, messages=[{"role": "user", "content": "hello"}]
    )
    assert message.content[0].to_dict() == {"type": "text", "text": "You said: hello"}
    assert message.stop_reason == "end_turn"
    assert message.usage.input_tokens > 0 and message.usage.output_tokens > 0
    assert message.id.startswith("msg_")


async def test_plain_and_streamed_answer_async(async_claude: anthropic.AsyncAnthropic) -> None:
    message = await async_claude.messages.create(
        model="claude-test", max_tokens=100, messages=[{"role": "user", "content": "hello"}]
    )
    async with async_claude.messages.stream(
        model="claude-test", max_tokens=100, messages=[{"role": "user", "content": "hello"}]
    ) as stream:
        streamed = await stream.get_final_message()
    assert streamed.content[0].to_dict() == message.content[0].to_dict()
    assert streamed.usage.output_tokens == message.usage.output_tokens


def test_parallel_tool_calls_are_answered_and_the_turn_goes_on(claude: anthropic.Anthropic) -> None:
    with claude.messages.stream(
        model="sim-tools",
        max_tokens=100,
        tools=TOOLS,
        messages=[{"role": "user", "content": "what"}],
    ) as stream:
        asked = stream.get_final_message()
    assert asked.stop_reason == "tool_use"
    calls = [block for block in asked.content if block.type == "tool_use"]
    assert [(one.name, one.input) for one in calls] == [
        ("get_weather", {"city": "Paris"}),
        ("get_time", {"zone": "CET"}),
    ]
    answered = claude.messages.create(
        model="claude-test",
        max_tokens=100,
        tools=TOOLS,
        messages=[
            {"role": "user", "content": "what"},
            asked.to_param(),
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": one.id, "content": f"done {one.name}"}
                    for one in calls
                ],
            },
        ],
    )
    assert answered.content[0].type == "text"
    assert "done get_time" in answered.content[0].text


def test_thinking_comes_signed_and_goes_back(claude: anthropic.Anthropic) -> None:
    thinking = anthropic.types.ThinkingConfigEnabledParam(type="enabled", budget_tokens=1024)
    with claude.messages.stream(
        model="claude-test",
        max_tokens=2000,
        thinking=thinking,
        tools=TOOLS,
        messages=[{"role": "user", "content": '[[sim: {"tools": [{"name": "get_time"}]}]]'}],
    ) as stream:
        asked = stream.get_final_message()
    first, call = asked.content
    assert first.type == "thinking" and call.type == "tool_use"
    assert is_genuine("anthropic", first.signature, first.thinking)
    answered = claude.messages.create(
        model="claude-test",
        max_tokens=2000,
        thinking=thinking,
        tools=TOOLS,
        messages=[
            {"role": "user", "content": "time?"},
            asked.to_param(),
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "noon"}],
            },
        ],
    )
    assert answered.content[-1].type == "text"


def test_adaptive_thinking_is_omitted_unless_asked_for(sim: Running) -> None:
    shown = []
    for display in ({}, {"display": "summarized"}):
        thinking = {"type": "adaptive", **display}
        answer = sim.post("/v1/messages", body("claude-opus-5-5", thinking=thinking), ANTHROPIC)
        block = answer.json()["content"][0]
        assert block["type"] == "thinking" and block["signature"]
        shown.append(bool(block["thinking"]))
    assert shown == [False, True]


def test_a_forced_tool_is_called_with_arguments_that_fit(claude: anthropic.Anthropic) -> None:
    message = claude.messages.create(
        model="claude-test",
        max_tokens=100,
        tools=TOOLS,
        tool_choice={"type": "tool", "name": "get_weather"},
        messages=[{"role": "user", "content": "go"}],
    )
    assert [block.to_dict()["input"] for block in message.content] == [{"city": "simulated"}]


def test_a_schema_for_the_answer_is_met(sim: Running) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    asked = body("claude-test", output_config={"format": {"type": "json_schema", "schema": schema}})
    assert sim.post("/v1/messages", asked, ANTHROPIC).json()["content"][0]["text"] == '{"n":1}'


def test_counting_agrees_with_the_answers_usage(claude: anthropic.Anthropic) -> None:
    counted = claude.messages.count_tokens(
        model="claude-test", messages=[{"role": "user", "content": "hello"}]
    )
    message = claude.messages.create(
        model="claude-test", max_tokens=9, messages=[{"role": "user", "content": "hello"}]
    )
    assert counted.input_tokens == message.usage.input_tokens


def test_an_answer_ends_at_max_tokens_and_at_a_stop_sequence(sim: Running) -> None:
    cut = sim.post("/v1/messages", body("claude-test", max_tokens=2), ANTHROPIC).json()
    assert (cut["content"][0]["text"], cut["stop_reason"]) == ("You said", "max_tokens")
    asked = body("claude-test", stop_sequences=["said"])
    stopped = sim.post("/v1/messages", asked, ANTHROPIC).json()
    assert stopped["content"][0]["text"] == "You "
    assert (stopped["stop_reason"], stopped["stop_sequence"]) == ("stop_sequence", "said")


@pytest.mark.parametrize("model", MODELS)
def test_answers_are_what_the_sdk_types_say(sim: Running, model: str) -> None:
    judged(Message, sim.post("/v1/messages", body(model), ANTHROPIC).json())


@pytest.mark.parametrize("model", MODELS)
def test_streams_keep_the_grammar(sim: Running, model: str) -> None:
    """message_start, blocks one at a time, message_delta, message_stop; the SDK types take each
    event."""
    answer = sim.post("/v1/messages", body(model, stream=True), ANTHROPIC)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [event for event in sse(answer.text) if event["type"] != "ping"]
    for event in events:
        EVENT.validate_python(event)
    kinds = [event["type"] for event in events]
    assert kinds[0] == "message_start" and kinds[-2:] == ["message_delta", "message_stop"]
    open_block, seen = None, 0
    for event in events[1:-2]:
        if event["type"] == "content_block_start":
            assert open_block is None and event["index"] == seen
            open_block, seen = event["index"], seen + 1
        else:
            assert event["index"] == open_block
            open_block = None if event["type"] == "content_block_stop" else open_block
    assert open_block is None
    names = [line[7:] for line in answer.text.split("\n") if line.startswith("event: ")]
    assert [name for name in names if name != "ping"] == kinds


def test_usage_buckets_are_the_providers(sim: Running) -> None:
    usage = sim.post("/v1/messages", body("sim-cache"), ANTHROPIC).json()["usage"]
    assert usage["input_tokens"] == 100
    assert usage["cache_read_input_tokens"] == 2000
    assert usage["cache_creation_input_tokens"] == 340
    assert usage["cache_creation"] == {
        "ephemeral_5m_input_tokens": 300,
        "ephemeral_1h_input_tokens": 40,
    }
    assert (usage["output_tokens"], usage["output_tokens_details"]) == (50, {"thinking_tokens": 20})


def test_streamed_usage_is_cumulative(sim: Running) -> None:
    events = sse(sim.post("/v1/messages", body("sim-cache", stream=True), ANTHROPIC).text)
    first, last = events[0]["message"]["usage"], events[-2]["usage"]
    assert (first["input_tokens"], first["output_tokens"]) == (100, 1)
    assert (last["input_tokens"], last["cache_read_input_tokens"]) == (100, 2000)
    assert last["output_tokens"] == 50


def test_a_web_search_of_the_providers_own(claude: anthropic.Anthropic, sim: Running) -> None:
    script = {"parts": [{"kind": "web_search", "query": "rain"}, {"kind": "text", "text": "wet"}]}
    sim.queue(script, script, match={"model": "claude-searches"})
    plain = sim.post("/v1/messages", body("claude-searches"), ANTHROPIC).json()
    judged(Message, plain)
    assert plain["usage"]["server_tool_use"]["web_search_requests"] == 1
    with claude.messages.stream(
        model="claude-searches", max_tokens=9, messages=[{"role": "user", "content": "x"}]
    ) as stream:
        kinds = [block.type for block in stream.get_final_message().content]
    assert kinds == ["server_tool_use", "web_search_tool_result", "text"]


def test_models(claude: anthropic.Anthropic) -> None:
    listed = list(claude.models.list())
    assert "claude-opus-5-5" in [model.id for model in listed]
    assert claude.models.retrieve("anything").id == "anything"


def test_the_list_of_models_comes_in_pages(claude: anthropic.Anthropic) -> None:
    whole = [model.id for model in claude.models.list()]
    first = claude.models.list(limit=1)
    assert (first.has_more, first.first_id, first.last_id) == (True, whole[0], whole[0])
    assert [model.id for model in first] == whole  # the SDK asks for the rest, page by page
    assert claude.models.list(before_id=whole[2], limit=1).last_id == whole[1]


def test_headers_that_clients_read(sim: Running) -> None:
    headers = sim.post("/v1/messages", body("claude-test"), ANTHROPIC).headers
    assert headers["request-id"].startswith("req_")
    assert headers["anthropic-ratelimit-requests-remaining"] == "3999"
    limited = sim.post("/v1/messages", body("sim-error-429"), ANTHROPIC)
    assert (limited.headers["retry-after"], limited.headers["x-should-retry"]) == ("1", "true")


ERRORS: list[tuple[int, type[anthropic.APIStatusError], str]] = [
    (400, anthropic.BadRequestError, "invalid_request_error"),
    (401, anthropic.AuthenticationError, "authentication_error"),
    (402, anthropic.APIStatusError, "billing_error"),
    (403, anthropic.PermissionDeniedError, "permission_error"),
    (404, anthropic.NotFoundError, "not_found_error"),
    (413, anthropic.RequestTooLargeError, "request_too_large"),
    (429, anthropic.RateLimitError, "rate_limit_error"),
    (500, anthropic.InternalServerError, "api_error"),
    (504, anthropic.APIStatusError, "timeout_error"),
    (529, anthropic.OverloadedError, "overloaded_error"),
]


@pytest.mark.parametrize(("status", "kind", "name"), ERRORS)
def test_errors_raise_the_sdks_own_classes(
    claude: anthropic.Anthropic, status: int, kind: type[anthropic.APIStatusError], name: str
) -> None:
    with pytest.raises(kind) as caught:
        claude.messages.create(
            model=f"sim-error-{status}", max_tokens=9, messages=[{"role": "user", "content": "x"}]
        )
    assert caught.value.status_code == status
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["error"]["type"] == name
    assert caught.value.body["request_id"] == caught.value.request_id


def test_an_error_inside_the_stream(claude: anthropic.Anthropic) -> None:
    with (
        pytest.raises(anthropic.APIStatusError) as caught,
        claude.messages.stream(
            model="sim-stream-error-4", max_tokens=9, messages=[{"role": "user", "content": "x"}]
        ) as stream,
    ):
        stream.get_final_message()
    assert "overloaded_error" in str(caught.value.body)


def test_the_key_may_be_a_bearer_token(sim: Running) -> None:
    headers = {"authorization": "Bearer abc", "anthropic-version": "2026-10-21"}
    assert sim.post("/v1/messages", body("claude-test"), headers).status_code == 200
    answer = sim.post("/v1/messages", body("claude-test"), {"anthropic-version": "2023-06-01"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (401, "authentication_error")


def test_a_wrong_path_is_404_in_the_dialect(sim: Running) -> None:
    answer = httpx.post(f"{sim.url}/v1/messages/nope", headers=ANTHROPIC, json={})
    assert (answer.status_code, answer.json()["type"]) == (404, "error")
