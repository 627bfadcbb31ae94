"""Google's SDK talks to the simulator directly, and its types judge every answer."""

import json

import pytest
from google import genai
from google.genai import errors
from google.genai.types import (
    Content,
    FunctionResponse,
    GenerateContentConfig,
    GenerateContentResponse,
    Part,
)
from pydantic import BaseModel

from simulator.signature import is_genuine
from tests.simulator.running import GOOGLE, Json, Running, sse

MODELS = ["gemini-test", "sim-tools", "sim-thinking", "sim-refusal", "sim-cache", "sim-image"]
HELLO: Json = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}


def weather(city: str) -> str:
    """Tells the weather of a city."""
    return f"sunny in {city}"


def test_plain_answer(gemini: genai.Client) -> None:
    answer = gemini.models.generate_content(model="gemini-test", contents="hello")
    assert answer.text == "You said: hello"
    assert answer.candidates is not None
    assert answer.candidates[0].finish_reason == "STOP"
    usage = answer.usage_metadata
    assert usage is not None and usage.prompt_token_count and usage.total_token_count
    assert answer.model_version == "gemini-test"


@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")  # the SDK's own
async def test_streamed_answer_async(gemini: genai.Client) -> None:
    stream = await gemini.aio.models.generate_content_stream(model="sim-chunks-5", contents="x")
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.text or "" for chunk in chunks) == "word0 word1 word2 word3 word4"
    assert len(chunks) == 5
    await gemini.aio.aclose()


@pytest.mark.parametrize("version", ["v1beta", "v1"])
@pytest.mark.parametrize("model", MODELS)
def test_answers_are_what_the_sdk_types_say(sim: Running, model: str, version: str) -> None:
    """Google's types forbid unknown fields by themselves."""
    answer = sim.post(f"/{version}/models/{model}:generateContent", HELLO, GOOGLE)
    GenerateContentResponse.model_validate(answer.json())


@pytest.mark.parametrize("model", MODELS)
def test_streams_keep_the_grammar(sim: Running, model: str) -> None:
    """`data:` events and nothing else; the finish reason in the last one only."""
    path = f"/v1beta/models/{model}:streamGenerateContent?alt=sse"
    answer = sim.post(path, HELLO, GOOGLE)
    assert answer.headers["content-type"] == "text/event-stream"
    lines = [line for line in answer.text.split("\r\n") if line]
    assert all(line.startswith("data: {") for line in lines)
    chunks = sse(answer.text)
    for chunk in chunks:
        GenerateContentResponse.model_validate(chunk)
    finished = ["finishReason" in chunk["candidates"][0] for chunk in chunks]
    assert finished == [False] * (len(chunks) - 1) + [True]
    assert len({chunk["responseId"] for chunk in chunks}) == 1


def test_without_alt_sse_the_stream_is_a_json_array(sim: Running) -> None:
    answer = sim.post("/v1beta/models/sim-chunks-5:streamGenerateContent", HELLO, GOOGLE)
    assert answer.headers["content-type"].startswith("application/json")
    assert len(json.loads(answer.text)) == 5


def test_the_sdk_calls_functions_by_itself_and_signatures_go_back(
    sim: Running, gemini: genai.Client
) -> None:
    sim.queue(
        {"tools": [{"name": "weather", "arguments": {"city": "Rome"}}]},
        match={"model": "gemini-3-auto"},
    )
    answer = gemini.models.generate_content(
        model="gemini-3-auto", contents="?", config=GenerateContentConfig(tools=[weather])
    )
    assert answer.text == "Hello from the simulator."
    sent = sim.last("gemini-3-auto")["body"]["contents"]
    assert sent[2]["parts"][0]["functionResponse"]["response"] == {"result": "sunny in Rome"}
    assert is_genuine("gemini", sent[1]["parts"][0]["thoughtSignature"])


def test_parallel_calls_have_one_signature_and_ids_of_their_own(gemini: genai.Client) -> None:
    asked = gemini.models.generate_content(model="sim-tools", contents="?")
    assert asked.candidates is not None and asked.candidates[0].content is not None
    parts = asked.candidates[0].content.parts or []
    assert [part.thought_signature is not None for part in parts] == [True, False]
    calls = asked.function_calls or []
    assert len({call.id for call in calls}) == 2
    answered = gemini.models.generate_content(
        model="gemini-3-pro",
        contents=[
            Content(role="user", parts=[Part(text="?")]),
            asked.candidates[0].content,
            Content(
                role="user",
                parts=[
                    Part(
                        function_response=FunctionResponse(
                            id=call.id, name=call.name, response={"result": "x"}
                        )
                    )
                    for call in calls
                ],
            ),
        ],
    )
    assert answered.candidates is not None


def test_thoughts_are_shown_when_asked_for(sim: Running) -> None:
    config = {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}
    path = "/v1beta/models/gemini-3-pro:generateContent"
    answer = sim.post(path, {**HELLO, **config}, GOOGLE).json()
    first, second = answer["candidates"][0]["content"]["parts"]
    assert first["thought"] is True
    assert is_genuine("gemini", second["thoughtSignature"])
    assert answer["usageMetadata"]["thoughtsTokenCount"] > 0


def test_usage_buckets_are_the_providers(sim: Running) -> None:
    """The prompt with the cached tokens, the candidates without the thoughts."""
    path = "/v1beta/models/sim-cache:generateContent"
    usage = sim.post(path, HELLO, GOOGLE).json()["usageMetadata"]
    assert usage["promptTokenCount"] == 2440
    assert usage["cachedContentTokenCount"] == 2000
    assert (usage["candidatesTokenCount"], usage["thoughtsTokenCount"]) == (30, 20)
    assert usage["totalTokenCount"] == 2490


def test_modalities_are_told_apart(gemini: genai.Client, sim: Running) -> None:
    said = {"input": 300, "audio_input": 200, "image_input": 60, "cache_read": 20}
    usage = {**said, "output": 90, "reasoning": 10, "audio_output": 75}
    sim.queue({"text": "x", "usage": usage}, match={"model": "gemini-hears"})
    told = gemini.models.generate_content(model="gemini-hears", contents="x").usage_metadata
    assert told is not None
    details = (
        told.prompt_tokens_details,
        told.cache_tokens_details,
        told.candidates_tokens_details,
    )
    assert [
        {str(one.modality.value): one.token_count for one in found or () if one.modality}
        for found in details
    ] == [{"TEXT": 60, "IMAGE": 60, "AUDIO": 200}, {"TEXT": 20}, {"TEXT": 5, "AUDIO": 75}]
    assert (told.prompt_token_count, told.candidates_token_count) == (320, 80)


def test_an_image_model_draws(gemini: genai.Client) -> None:
    answer = gemini.models.generate_content(
        model="gemini-3-image",
        contents="a cat",
        config=GenerateContentConfig(response_modalities=["TEXT", "IMAGE"]),
    )
    parts = answer.parts or []
    assert parts[1].inline_data is not None and parts[1].inline_data.data is not None
    assert parts[1].inline_data.data.startswith(b"\x89PNG")


def test_the_sdk_parses_an_answer_with_a_schema(gemini: genai.Client) -> None:
    class Order(BaseModel):
        name: str
        count: int

    config = GenerateContentConfig(response_mime_type="application/json", response_schema=Order)
    answer = gemini.models.generate_content(model="gemini-test", contents="x", config=config)
    assert answer.parsed == Order(name="simulated", count=1)


def test_a_blocked_prompt_has_no_candidates(sim: Running) -> None:
    sim.queue({"finish": "blocked:SAFETY"}, match={"model": "gemini-blocked"})
    answer = sim.post("/v1beta/models/gemini-blocked:generateContent", HELLO, GOOGLE).json()
    assert "candidates" not in answer
    assert answer["promptFeedback"] == {"blockReason": "SAFETY"}


def test_counting_and_embedding(gemini: genai.Client) -> None:
    counted = gemini.models.count_tokens(model="gemini-test", contents="hello")
    answer = gemini.models.generate_content(model="gemini-test", contents="hello")
    assert answer.usage_metadata is not None
    assert counted.total_tokens == answer.usage_metadata.prompt_token_count
    embedded = gemini.models.embed_content(model="gemini-embedding-001", contents=["a", "b"])
    assert [len(one.values or []) for one in embedded.embeddings or []] == [3072, 3072]


def test_one_embedding_of_a_wanted_size(sim: Running) -> None:
    asked = {"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 8}
    answer = sim.post("/v1beta/models/gemini-embedding-001:embedContent", asked, GOOGLE).json()
    assert len(answer["embedding"]["values"]) == 8


def test_models(gemini: genai.Client) -> None:
    assert "models/gemini-2.5-flash" in [model.name for model in gemini.models.list()]
    assert gemini.models.get(model="anything").name == "models/anything"


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ],
)
def test_errors_raise_the_sdks_own_classes(gemini: genai.Client, status: int, name: str) -> None:
    kind = errors.ServerError if status >= 500 else errors.ClientError
    with pytest.raises(kind) as caught:
        gemini.models.generate_content(model=f"sim-error-{status}", contents="x")
    assert (caught.value.code, caught.value.status) == (status, name)


@pytest.mark.parametrize("alt", ["?alt=sse", ""])
def test_an_error_inside_the_stream(sim: Running, alt: str) -> None:
    path = f"/v1beta/models/sim-stream-error-0:streamGenerateContent{alt}"
    text = sim.post(path, HELLO, GOOGLE).text
    chunks = sse(text) if alt else json.loads(text)
    assert chunks == [
        {
            "error": {
                "code": 503,
                "message": "The model is overloaded. Please try again later.",
                "status": "UNAVAILABLE",
            }
        }
    ]


def test_the_key_in_its_three_places(sim: Running) -> None:
    path = "/v1beta/models/gemini-test:generateContent"
    assert sim.post(f"{path}?key=abc", HELLO, {}).status_code == 200
    assert sim.post(path, HELLO, {"authorization": "Bearer abc"}).status_code == 200
    missing = sim.post(path, HELLO, {})
    assert (missing.status_code, missing.json()["error"]["status"]) == (403, "PERMISSION_DENIED")


def test_the_list_of_models_comes_in_pages(gemini: genai.Client) -> None:
    whole = [model.name for model in gemini.models.list()]
    paged = gemini.models.list(config={"page_size": 1})
    assert len(paged) == 1
    assert [model.name for model in paged] == whole  # the SDK asks for the rest, page by page
    assert len(whole) > 2
