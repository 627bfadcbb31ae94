"""OpenAI's SDK asks for chat completions, and its types judge every answer."""

import json
from typing import Any

import openai
import pytest
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel

from tests.simulator.running import BEARER, Json, Running, sse
from tests.simulator.strictness import judged

HELLO: list[Json] = [{"role": "user", "content": "hello"}]
WEATHER: Json = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
BEYOND = frozenset({"reasoning_content", "images"})  # of compatible servers, not of OpenAI
MODELS = [
    "gpt-test",
    "sim-tools",
    "sim-thinking",
    "sim-refusal",
    "sim-cache",
    "sim-empty",
    "sim-image",
]


def body(model: str, **fields: object) -> Json:
    return {"model": model, "messages": HELLO, **fields}


def test_plain_answer(gpt: openai.OpenAI) -> None:
    answer = gpt.chat.completions.create(
        model="gpt-5", messages=[{"role": "user", "content": "hello"}]
    )
    assert answer.choices[0].message.content == "You said: hello"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


async def test_streamed_answer_async(async_gpt: openai.AsyncOpenAI) -> None:
    stream = await async_gpt.chat.completions.create(
        model="gpt-5",
        messages=[{"role": "user", "content": "hello"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "You said: hello"
    assert [chunk.usage is not None for chunk in chunks][-2:] == [False, True]
    assert chunks[-1].choices == []


def test_the_usage_chunk_comes_only_when_asked_for(sim: Running) -> None:
    text = sim.post("/v1/chat/completions", body("gpt-5", stream=True), BEARER).text
    assert text.endswith("data: [DONE]\n\n")
    assert all("usage" not in chunk for chunk in sse(text))


@pytest.mark.parametrize("model", MODELS)
def test_answers_are_what_the_sdk_types_say(sim: Running, model: str) -> None:
    answer = sim.post("/v1/chat/completions", body(model), BEARER).json()
    judged(ChatCompletion, answer, BEYOND)


@pytest.mark.parametrize("model", MODELS)
def test_streams_keep_the_grammar(sim: Running, model: str) -> None:
    """A role chunk, deltas, one finish chunk, a usage chunk without choices, [DONE]."""
    asked = body(model, stream=True, stream_options={"include_usage": True})
    text = sim.post("/v1/chat/completions", asked, BEARER).text
    chunks = sse(text)
    for chunk in chunks:
        judged(ChatCompletionChunk, chunk, BEYOND | {"annotations"})
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    finishes = [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"]]
    assert [finish for finish in finishes if finish] == finishes[-1:]
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["total_tokens"] > 0


def test_a_stream_says_what_the_plain_answer_says(sim: Running, gpt: openai.OpenAI) -> None:
    script = {
        "thinking": "hm",
        "text": "words and words",
        "tools": [{"name": "get_weather", "arguments": {"city": "Rome"}, "id": "call_1"}],
    }
    sim.queue(script, script, match={"model": "gpt-twice"})
    plain = sim.post("/v1/chat/completions", body("gpt-twice"), BEARER).json()["choices"][0]
    with gpt.chat.completions.stream(
        model="gpt-twice", messages=[{"role": "user", "content": "hello"}]
    ) as stream:
        streamed = stream.get_final_completion().choices[0]
    assert streamed.message.content == plain["message"]["content"]
    assert streamed.finish_reason == plain["finish_reason"] == "tool_calls"
    assert streamed.message.tool_calls is not None
    call = streamed.message.tool_calls[0]
    assert call.id == "call_1" and json.loads(call.function.arguments) == {"city": "Rome"}
    assert plain["message"]["tool_calls"][0]["function"]["arguments"] == '{"city":"Rome"}'
    assert plain["message"]["reasoning_content"] == "hm"


def test_parallel_calls_and_their_answers(gpt: openai.OpenAI) -> None:
    asked = gpt.chat.completions.create(
        model="sim-tools", messages=[{"role": "user", "content": "hello"}]
    )
    message = asked.choices[0].message
    assert message.tool_calls is not None and len(message.tool_calls) == 2
    history: list[Any] = [{"role": "user", "content": "hello"}, message.to_dict()]
    for call in message.tool_calls:
        history.append({"role": "tool", "tool_call_id": call.id, "content": "sunny"})
    answered = gpt.chat.completions.create(model="gpt-5", messages=history)
    assert answered.choices[0].message.content == "You said: sunny"


def test_the_sdk_parses_an_answer_with_a_schema(gpt: openai.OpenAI) -> None:
    class Order(BaseModel):
        name: str
        count: int

    answer = gpt.chat.completions.parse(
        model="gpt-5", messages=[{"role": "user", "content": "order"}], response_format=Order
    )
    assert answer.choices[0].message.parsed == Order(name="simulated", count=1)


def test_forced_tools_custom_tools_and_json_mode(sim: Running) -> None:
    forced = body("gpt-5", tools=[WEATHER], tool_choice="required")
    message = sim.post("/v1/chat/completions", forced, BEARER).json()["choices"][0]["message"]
    assert message["tool_calls"][0]["function"]["arguments"] == '{"city":"simulated"}'
    custom = {"type": "custom", "custom": {"name": "patch"}}
    asked = body("gpt-5", tools=[custom], tool_choice=custom)
    message = sim.post("/v1/chat/completions", asked, BEARER).json()["choices"][0]["message"]
    assert message["tool_calls"][0]["custom"] == {"name": "patch", "input": "simulated"}
    spoken = [{"role": "user", "content": "say json"}]
    asked = body("gpt-5", messages=spoken, response_format={"type": "json_object"})
    message = sim.post("/v1/chat/completions", asked, BEARER).json()["choices"][0]["message"]
    assert json.loads(message["content"]) == {"answer": "say json"}


def test_several_choices_and_logprobs(sim: Running) -> None:
    asked = body("gpt-test", n=2, logprobs=True, top_logprobs=1)
    answer = sim.post("/v1/chat/completions", asked, BEARER).json()
    judged(ChatCompletion, answer)
    assert [choice["index"] for choice in answer["choices"]] == [0, 1]
    assert answer["choices"][0]["logprobs"]["content"][0]["token"] == "You said: hello"
    chunks = sse(sim.post("/v1/chat/completions", {**asked, "stream": True}, BEARER).text)
    said = {0: "", 1: ""}
    for chunk in chunks:
        for choice in chunk["choices"]:
            said[choice["index"]] += choice["delta"].get("content") or ""
    assert said == {0: "You said: hello", 1: "You said: hello"}


def test_usage_buckets_are_the_providers(sim: Running) -> None:
    usage = sim.post("/v1/chat/completions", body("sim-cache"), BEARER).json()["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (2440, 50)
    assert usage["prompt_tokens_details"]["cached_tokens"] == 2000
    assert usage["prompt_tokens_details"]["cache_write_tokens"] == 340
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 20


def test_audio_and_images_are_parts_of_the_figures(gpt: openai.OpenAI, sim: Running) -> None:
    usage = {"input": 220, "audio_input": 190, "image_input": 20, "output": 60, "audio_output": 46}
    sim.queue({"text": "x", "usage": usage}, match={"model": "gpt-hears"})
    answer = gpt.chat.completions.create(
        model="gpt-hears", messages=[{"role": "user", "content": "x"}]
    )
    told = judged(CompletionUsage, answer.usage.model_dump() if answer.usage else None)
    assert (told.prompt_tokens, told.completion_tokens) == (220, 60)
    given, made = told.prompt_tokens_details, told.completion_tokens_details
    assert given is not None and (given.audio_tokens, given.image_tokens) == (190, 20)
    assert made is not None and made.audio_tokens == 46


ERRORS: list[tuple[int, type[openai.APIStatusError]]] = [
    (400, openai.BadRequestError),
    (401, openai.AuthenticationError),
    (403, openai.PermissionDeniedError),
    (404, openai.NotFoundError),
    (409, openai.ConflictError),
    (422, openai.UnprocessableEntityError),
    (429, openai.RateLimitError),
    (500, openai.InternalServerError),
    (503, openai.InternalServerError),
]


@pytest.mark.parametrize(("status", "kind"), ERRORS)
def test_errors_raise_the_sdks_own_classes(
    gpt: openai.OpenAI, status: int, kind: type[openai.APIStatusError]
) -> None:
    with pytest.raises(kind) as caught:
        gpt.chat.completions.create(
            model=f"sim-error-{status}", messages=[{"role": "user", "content": "x"}]
        )
    assert caught.value.status_code == status
    assert isinstance(caught.value.body, dict)
    assert set(caught.value.body) == {"message", "type", "param", "code"}


def test_an_error_inside_the_stream(gpt: openai.OpenAI) -> None:
    stream = gpt.chat.completions.create(
        model="sim-stream-error-2", messages=[{"role": "user", "content": "x"}], stream=True
    )
    with pytest.raises(openai.APIError):
        list(stream)


def test_headers_that_clients_read(sim: Running) -> None:
    headers = sim.post("/v1/chat/completions", body("gpt-5"), BEARER).headers
    assert headers["x-request-id"].startswith("req_")
    assert headers["openai-processing-ms"].isdigit()
    assert headers["x-ratelimit-remaining-tokens"] == "1999000"
    limited = sim.post("/v1/chat/completions", body("sim-error-429"), BEARER)
    assert limited.headers["retry-after"] == "1"


@pytest.mark.parametrize("path", ["/openai/v1/chat/completions", "/api/paas/v4/chat/completions"])
def test_compatible_providers_base_paths(sim: Running, path: str) -> None:
    assert sim.post(path, body("gpt-5"), BEARER).status_code == 200


def test_azures_header(sim: Running) -> None:
    assert sim.post("/v1/chat/completions", body("gpt-5"), {"api-key": "x"}).status_code == 200


def test_models(gpt: openai.OpenAI) -> None:
    assert "gpt-5.5" in [model.id for model in gpt.models.list()]
    assert gpt.models.retrieve("anything").id == "anything"
