"""OpenAI's SDK asks for responses, stored and not, and its types judge every answer."""

import httpx
import openai
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from simulator.signature import is_genuine
from tests.simulator.running import BEARER, Json, Running, sse
from tests.simulator.strictness import judged

EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
UNTYPED = frozenset({"store", "status"})  # sent by the provider, not in the SDK's types
MODELS = [
    "gpt-test",
    "sim-tools",
    "sim-thinking",
    "sim-refusal",
    "sim-cache",
    "sim-empty",
    "sim-image",
]
TOOL: Json = {
    "type": "function",
    "name": "get_weather",
    "strict": False,
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def create(sim: Running, **fields: object) -> Json:
    answer = sim.post("/v1/responses", {"model": "gpt-test", "input": "hello", **fields}, BEARER)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def test_plain_answer(gpt: openai.OpenAI) -> None:
    answer = gpt.responses.create(model="gpt-5", input="hello")
    assert answer.output_text == "You said: hello"
    assert answer.status == "completed"
    assert answer.usage is not None and answer.usage.input_tokens > 0


async def test_streamed_answer_async(async_gpt: openai.AsyncOpenAI) -> None:
    async with async_gpt.responses.stream(model="gpt-5", input="hello") as stream:
        deltas = [
            event.delta async for event in stream if event.type == "response.output_text.delta"
        ]
        final = await stream.get_final_response()
    assert "".join(deltas) == final.output_text == "You said: hello"


def test_hosted_tools_have_usage_of_their_own(sim: Running) -> None:
    found = {"type": "file_search_call", "id": "fs_1", "status": "completed", "queries": ["rain"]}
    script = {
        "parts": [
            {"kind": "raw", "value": found},
            {"kind": "web_search"},
            {"kind": "text", "text": "wet"},
        ],
        "usage": {"input": 9, "output": 2, "image_input": 323, "image_output": 1056},
    }
    sim.queue(script, script, match={"model": "gpt-searches"})
    whole = judged(Response, create(sim, model="gpt-searches"), UNTYPED)
    assert whole.usage is not None and whole.usage.total_tokens == 11
    assert whole.tool_usage is not None
    assert whole.tool_usage.image_gen.total_tokens == 323 + 1056
    assert whole.tool_usage.web_search.num_requests == 1
    asked = {"model": "gpt-searches", "input": "x", "stream": True}
    events = sse(sim.post("/v1/responses", asked, BEARER).text)
    for event in events:
        EVENT.validate_python(event)
    kinds = [event["type"] for event in events]
    assert kinds.count("response.file_search_call.completed") == 1
    assert create(sim).get("tool_usage") is None


@pytest.mark.parametrize("model", MODELS)
def test_answers_are_what_the_sdk_types_say(sim: Running, model: str) -> None:
    judged(Response, create(sim, model=model), UNTYPED)


@pytest.mark.parametrize("model", MODELS)
def test_streams_keep_the_grammar(sim: Running, model: str) -> None:
    """created, in_progress, items one after another, completed; sequence numbers without a gap."""
    asked = {
        "model": model,
        "input": "x",
        "stream": True,
        "include": ["reasoning.encrypted_content"],
    }
    text = sim.post("/v1/responses", asked, BEARER).text
    events = sse(text)
    for event in events:
        EVENT.validate_python(event)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    kinds = [event["type"] for event in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    assert [line[7:] for line in text.split("\n") if line.startswith("event: ")] == kinds
    assert "[DONE]" not in text
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert done == events[-1]["response"]["output"]
    added = [e["output_index"] for e in events if e["type"] == "response.output_item.added"]
    assert added == list(range(len(done)))


def test_the_request_is_echoed(sim: Running) -> None:
    answer = create(
        sim,
        tools=[TOOL],
        tool_choice={"type": "function", "name": "get_weather"},
        parallel_tool_calls=False,
        instructions="be kind",
        metadata={"a": "b"},
        max_output_tokens=99,
        reasoning={"effort": "low"},
        text={"verbosity": "low"},
        store=False,
    )
    assert answer["tools"][0]["name"] == "get_weather"
    assert answer["tool_choice"] == {"type": "function", "name": "get_weather"}
    assert answer["parallel_tool_calls"] is False and answer["store"] is False
    assert answer["instructions"] == "be kind" and answer["metadata"] == {"a": "b"}
    assert answer["reasoning"] == {"effort": "low", "summary": None}
    assert answer["text"] == {"format": {"type": "text"}, "verbosity": "low"}


def test_reasoning_comes_encrypted_and_goes_back(gpt: openai.OpenAI) -> None:
    asked = gpt.responses.create(
        model="gpt-5",
        input='[[sim: {"thinking": "hm", "tools": [{"name": "get_weather"}]}]]',
        store=False,
        include=["reasoning.encrypted_content"],
        reasoning={"effort": "medium", "summary": "auto"},
    )
    reasoning, call = asked.output
    assert reasoning.type == "reasoning" and call.type == "function_call"
    assert reasoning.encrypted_content is not None
    assert reasoning.encrypted_content.startswith("gAAAA")
    assert is_genuine("openai", reasoning.encrypted_content, "hm")
    answered = gpt.responses.create(
        model="gpt-5",
        store=False,
        input=[
            {"role": "user", "content": "go"},
            *[item.to_dict() for item in asked.output],  # type: ignore[list-item]
            {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"},
        ],
    )
    assert answered.output_text == "You said: sunny"


def test_custom_and_namespace_tools(sim: Running, gpt: openai.OpenAI) -> None:
    patch: Json = {"type": "custom", "name": "apply_patch"}
    space: Json = {"type": "namespace", "name": "files", "description": "d", "tools": [TOOL]}
    called = create(sim, tools=[patch], tool_choice="required")["output"][0]
    assert (called["type"], called["input"]) == ("custom_tool_call", "simulated")
    called = create(sim, tools=[space], tool_choice="required")["output"][0]
    assert (called["name"], called["namespace"]) == ("get_weather", "files")
    script = {"tools": [{"name": "apply_patch", "arguments": "*** Begin", "custom": True}]}
    sim.queue(script, match={"model": "gpt-patches"})
    with gpt.responses.stream(model="gpt-patches", input="x") as stream:
        kinds = [event.type for event in stream]
        item = stream.get_final_response().output[0]
    assert item.type == "custom_tool_call" and item.input == "*** Begin"
    assert "response.custom_tool_call_input.delta" in kinds


def test_the_sdk_parses_an_answer_with_a_schema(gpt: openai.OpenAI) -> None:
    class Order(BaseModel):
        name: str

    answer = gpt.responses.parse(model="gpt-5", input="order", text_format=Order)
    assert answer.output_parsed == Order(name="simulated")


def test_a_stored_response_can_be_read_continued_and_deleted(gpt: openai.OpenAI) -> None:
    first = gpt.responses.create(model="gpt-5", input="hello")
    assert gpt.responses.retrieve(first.id).output_text == first.output_text
    listed = gpt.responses.input_items.list(first.id)
    judged(type(listed.data[0]), listed.data[0].to_dict())
    assert [item.type for item in listed] == ["message"]
    second = gpt.responses.create(model="gpt-5", input="and?", previous_response_id=first.id)
    assert second.previous_response_id == first.id
    assert first.usage is not None and second.usage is not None
    assert second.usage.input_tokens > first.usage.input_tokens
    gpt.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        gpt.responses.retrieve(first.id)
    with pytest.raises(openai.BadRequestError) as caught:
        gpt.responses.create(model="gpt-5", input="x", previous_response_id=first.id)
    assert caught.value.code == "previous_response_not_found"


def test_a_stored_stream_can_be_read_again(gpt: openai.OpenAI) -> None:
    first = gpt.responses.create(model="gpt-5", input="hello")
    events = list(gpt.responses.retrieve(first.id, stream=True, starting_after=3))
    assert events[0].sequence_number == 4
    assert events[-1].type == "response.completed"


def test_what_is_not_stored_is_not_there(sim: Running) -> None:
    answer = create(sim, store=False)
    found = httpx.get(f"{sim.url}/v1/responses/{answer['id']}", headers=BEARER)
    assert found.status_code == 404


def test_a_response_belongs_to_its_key(sim: Running) -> None:
    answer = create(sim)
    other = {"authorization": "Bearer somebody-else"}
    found = httpx.get(f"{sim.url}/v1/responses/{answer['id']}", headers=other)
    assert (found.status_code, found.json()["error"]["type"]) == (404, "invalid_request_error")


def test_work_in_the_background_can_be_cancelled(gpt: openai.OpenAI) -> None:
    queued = gpt.responses.create(model="gpt-5", input="hello", background=True)
    assert queued.status == "queued"
    assert gpt.responses.cancel(queued.id).status == "cancelled"
    done = gpt.responses.create(model="gpt-5", input="hello", background=True)
    assert gpt.responses.retrieve(done.id).status == "completed"
    direct = gpt.responses.create(model="gpt-5", input="hello")
    with pytest.raises(openai.BadRequestError):
        gpt.responses.cancel(direct.id)


def test_counting_agrees_with_the_answers_usage(gpt: openai.OpenAI) -> None:
    counted = gpt.responses.input_tokens.count(model="gpt-5", input="hello")
    answer = gpt.responses.create(model="gpt-5", input="hello")
    assert answer.usage is not None
    assert counted.input_tokens == answer.usage.input_tokens


def test_usage_buckets_are_the_providers(sim: Running) -> None:
    usage = create(sim, model="sim-cache")["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (2440, 50)
    assert usage["input_tokens_details"] == {"cached_tokens": 2000, "cache_write_tokens": 340}
    assert usage["output_tokens_details"] == {"reasoning_tokens": 20}


def test_an_answer_cut_short_is_incomplete(sim: Running, gpt: openai.OpenAI) -> None:
    answer = create(sim, model="sim-length")
    assert answer["status"] == "incomplete"
    assert answer["incomplete_details"] == {"reason": "max_output_tokens"}
    kinds = [e.type for e in gpt.responses.create(model="sim-length", input="x", stream=True)]
    assert kinds[-1] == "response.incomplete"


def test_an_error_inside_the_stream_is_response_failed(gpt: openai.OpenAI) -> None:
    events = list(gpt.responses.create(model="sim-stream-error-4", input="x", stream=True))
    last = events[-1]
    assert last.type == "response.failed" and last.sequence_number == 4
    assert last.response.error is not None and last.response.error.code == "server_error"


def test_a_bare_error_event(gpt: openai.OpenAI, sim: Running) -> None:
    sim.queue({"stream_error": {"at": 2, "type": "error"}}, match={"model": "gpt-bare"})
    last = list(gpt.responses.create(model="gpt-bare", input="x", stream=True))[-1]
    assert last.type == "error" and last.sequence_number == 2
    assert last.message == "The engine is currently overloaded, please try again later."


def test_a_websocket_is_refused_with_426(sim: Running) -> None:
    headers = {
        **BEARER,
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "L2vOvFury6NHXSQ19EgI9g==",
    }
    assert httpx.get(f"{sim.url}/v1/responses", headers=headers).status_code == 426
    assert httpx.get(f"{sim.url}/v1/responses", headers=BEARER).status_code == 405
