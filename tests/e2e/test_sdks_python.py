"""The vendors' Python SDKs by base URL alone: plain, streamed, sync, async, their own errors."""

import ssl
from typing import Any

import anthropic
import httpx
import openai
import orjson
import pytest
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types

from tests.e2e.gateway import Gateway

pytestmark = pytest.mark.e2e

SAID = "You said: hello"
USER: Any = [{"role": "user", "content": "hello"}]


def script(**what: Any) -> dict[str, str]:
    """Extra headers that tell the simulator what to do."""
    return {"x-sim-script": orjson.dumps(what).decode()}


# ---------------------------------------------------------------------------------- anthropic

ANTHROPIC_BASES = ["", "/api", "/claude", "/anthropic"]


@pytest.mark.parametrize("form", ["api_key", "auth_token"])
@pytest.mark.parametrize("base", ANTHROPIC_BASES)
def test_anthropic_plain_streamed_and_counted(shared: Gateway, base: str, form: str) -> None:
    key: Any = {form: shared.key}
    with anthropic.Anthropic(base_url=shared.http + base, max_retries=0, **key) as client:
        message = client.messages.create(model="claude-haiku-4-5", max_tokens=64, messages=USER)
        assert [b.text for b in message.content if b.type == "text"] == [SAID]
        assert message.stop_reason == "end_turn" and message.usage.output_tokens > 0
        with client.messages.stream(
            model="claude-haiku-4-5", max_tokens=64, messages=USER
        ) as stream:
            assert "".join(stream.text_stream) == SAID
            assert stream.get_final_message().usage.output_tokens > 0
        counted = client.messages.count_tokens(model="claude-haiku-4-5", messages=USER)
        assert counted.input_tokens > 0
        assert "claude" not in [m.id for m in client.models.list()]


async def test_anthropic_async(shared: Gateway) -> None:
    async with anthropic.AsyncAnthropic(
        base_url=f"{shared.http}/api", api_key=shared.key
    ) as client:
        async with client.messages.stream(
            model="claude-haiku-4-5", max_tokens=64, messages=USER
        ) as stream:
            said = "".join([text async for text in stream.text_stream])
        assert said == SAID


def test_anthropic_tools_thinking_and_cache_figures_pass_untouched(shared: Gateway) -> None:
    told = script(
        parts=[
            {"kind": "thinking", "text": "let me think"},
            {"kind": "tool", "name": "look", "arguments": {"where": "here"}},
            {"kind": "tool", "name": "look", "arguments": {"where": "there"}},
        ],
        usage={"input": 11, "cache_read": 7, "cache_write_5m": 5, "cache_write_1h": 3, "output": 9},
    )
    with anthropic.Anthropic(base_url=shared.http, api_key=shared.key) as client:
        raw = client.messages.with_raw_response.create(
            model="claude-haiku-4-5",
            max_tokens=4000,
            thinking={"type": "enabled", "budget_tokens": 2000},
            tools=[{"name": "look", "input_schema": {"type": "object"}}],
            messages=USER,
            extra_headers=told,
        )
    message = raw.parse()
    assert [b.type for b in message.content] == ["thinking", "tool_use", "tool_use"]
    assert message.stop_reason == "tool_use"
    usage = shared.usage(raw.headers["request-id"])
    assert usage["input_tokens"] == 11 and usage["cache_read_input_tokens"] == 7
    assert usage["cache_creation"] == {
        "ephemeral_5m_input_tokens": 5,
        "ephemeral_1h_input_tokens": 3,
    }
    assert usage["output_tokens"] == 9 and usage["finish"] == "tool_calls"


ANTHROPIC_ERRORS: list[tuple[dict[str, Any], dict[str, str], type[Exception]]] = [
    ({"model": "unheard-of"}, {}, anthropic.NotFoundError),
    ({"messages": "no list"}, {}, anthropic.BadRequestError),
    ({}, script(error={"status": 429}), anthropic.RateLimitError),
    ({}, script(error={"status": 529}), anthropic.InternalServerError),
    ({}, script(error={"status": 500}), anthropic.InternalServerError),
    ({}, script(error={"status": 401}), anthropic.InternalServerError),
]


@pytest.mark.parametrize(("change", "headers", "raised"), ANTHROPIC_ERRORS)
def test_anthropic_raises_its_own_classes(
    shared: Gateway, change: dict[str, Any], headers: dict[str, str], raised: type[Exception]
) -> None:
    asked: Any = {"model": "claude-haiku-4-5", "max_tokens": 9, "messages": USER, **change}
    with (
        anthropic.Anthropic(base_url=shared.http, api_key=shared.key, max_retries=0) as client,
        pytest.raises(raised) as error,
    ):
        client.messages.create(**asked, extra_headers=headers)
    assert isinstance(error.value, anthropic.APIStatusError)
    assert error.value.request_id == error.value.response.headers["x-request-id"]


def test_a_wrong_key_is_every_sdks_authentication_error(shared: Gateway) -> None:
    with (
        anthropic.Anthropic(base_url=shared.http, api_key="sk-wrong") as claude,
        pytest.raises(anthropic.AuthenticationError),
    ):
        claude.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=USER)
    with openai.OpenAI(base_url=f"{shared.http}/openai/v1", api_key="sk-wrong") as gpt:
        with pytest.raises(openai.AuthenticationError):
            gpt.chat.completions.create(model="gpt-5", messages=USER)
        with pytest.raises(openai.AuthenticationError):
            gpt.responses.create(model="gpt-5", input="hello")
        with pytest.raises(openai.AuthenticationError):
            gpt.models.list()
    with (
        gemini(shared, "/gemini", key="sk-wrong") as google,
        pytest.raises(genai_errors.ClientError) as error,
    ):
        google.models.generate_content(model="gemini-2.5-flash", contents="hello")
    assert error.value.code == 401


# ------------------------------------------------------------------------------------- openai

OPENAI_BASES = ["/v1", "/openai/v1"]


@pytest.mark.parametrize("base", OPENAI_BASES)
def test_openai_chat_and_responses_plain_and_streamed(shared: Gateway, base: str) -> None:
    with openai.OpenAI(base_url=shared.http + base, api_key=shared.key, max_retries=0) as client:
        chat = client.chat.completions.create(model="gpt-5", messages=USER)
        assert chat.choices[0].message.content == SAID
        chunks = list(
            client.chat.completions.create(
                model="gpt-5", messages=USER, stream=True, stream_options={"include_usage": True}
            )
        )
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == SAID
        assert chunks[-1].usage is not None
        answer = client.responses.create(model="gpt-5", input="hello")
        assert answer.output_text == SAID
        with client.responses.stream(model="gpt-5", input="hello") as stream:
            kinds = [event.type for event in stream]
            assert stream.get_final_response().output_text == SAID
        assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
        vectors = client.embeddings.create(model="text-embedding-3-small", input=["a", "b"])
        assert len(vectors.data) == 2
        assert "gpt-image-1" in [model.id for model in client.models.list()]


async def test_openai_async(shared: Gateway) -> None:
    async with openai.AsyncOpenAI(base_url=f"{shared.http}/v1", api_key=shared.key) as client:
        stream = await client.chat.completions.create(model="gpt-5", messages=USER, stream=True)
        said = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
        assert "".join(said) == SAID
        assert (await client.responses.create(model="gpt-5", input="hello")).output_text == SAID


def test_codex_base_url(shared: Gateway) -> None:
    with openai.OpenAI(base_url=f"{shared.http}/openai", api_key=shared.key) as client:
        raw = client.responses.with_raw_response.create(model="gpt-5", input="hello", store=False)
    assert raw.parse().output_text == SAID
    assert "x-clavis-hint" not in raw.headers


def test_stored_responses_belong_to_their_customer(shared: Gateway) -> None:
    stranger = shared.new_key("stranger", "--customer", "stranger")
    with openai.OpenAI(base_url=f"{shared.http}/v1", api_key=shared.key) as client:
        first = client.responses.create(model="gpt-5", input="hello", store=True)
        assert client.responses.retrieve(first.id).id == first.id
        assert client.responses.input_items.list(first.id).data
        again = client.responses.create(model="gpt-5", input="hello", previous_response_id=first.id)
        assert again.previous_response_id == first.id
        with openai.OpenAI(base_url=f"{shared.http}/v1", api_key=stranger) as other:
            with pytest.raises(openai.NotFoundError):
                other.responses.retrieve(first.id)
            with pytest.raises(openai.BadRequestError):
                other.responses.create(model="gpt-5", input="x", previous_response_id=first.id)
        client.responses.delete(first.id)
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(first.id)


def test_images_are_made_edited_and_streamed(shared: Gateway) -> None:
    with openai.OpenAI(base_url=f"{shared.http}/openai/v1", api_key=shared.key) as client:
        made = client.images.generate(model="gpt-image-1", prompt="a key")
        assert made.data and made.data[0].b64_json
        png = bytes.fromhex("89504e470d0a1a0a") + bytes(range(256)) * 40
        edited = client.images.edit(
            model="gpt-image-1", prompt="golden", image=("key.png", png, "image/png")
        )
        assert edited.data and edited.data[0].b64_json
        kinds = [
            event.type
            for event in client.images.generate(
                model="gpt-image-1", prompt="a key", stream=True, partial_images=1
            )
        ]
        assert kinds[-1] == "image_generation.completed"


OPENAI_ERRORS: list[tuple[dict[str, Any], dict[str, str], type[Exception]]] = [
    ({"model": "unheard-of"}, {}, openai.NotFoundError),
    ({"messages": "no list"}, {}, openai.BadRequestError),
    ({}, script(error={"status": 429}), openai.RateLimitError),
    ({}, script(error={"status": 500}), openai.InternalServerError),
    ({}, script(error={"status": 403}), openai.InternalServerError),
]


@pytest.mark.parametrize(("change", "headers", "raised"), OPENAI_ERRORS)
def test_openai_raises_its_own_classes(
    shared: Gateway, change: dict[str, Any], headers: dict[str, str], raised: type[Exception]
) -> None:
    asked: Any = {"model": "gpt-5", "messages": USER, **change}
    with openai.OpenAI(base_url=f"{shared.http}/v1", api_key=shared.key, max_retries=0) as client:
        with pytest.raises(raised) as error:
            client.chat.completions.create(**asked, extra_headers=headers)
        assert isinstance(error.value, openai.APIStatusError)
        assert error.value.request_id == error.value.response.headers["x-request-id"]


# ------------------------------------------------------------------------------------- google


def gemini(
    shared: Gateway, base: str, version: str | None = None, key: str | None = None
) -> genai.Client:
    return genai.Client(
        api_key=key or shared.key,
        vertexai=False,
        http_options=genai_types.HttpOptions(base_url=shared.http + base, api_version=version),
    )


@pytest.mark.parametrize("version", [None, "v1beta", "v1"])
@pytest.mark.parametrize("base", ["", "/gemini"])
def test_google_plain_streamed_and_counted(shared: Gateway, base: str, version: str | None) -> None:
    with gemini(shared, base, version) as client:
        answer = client.models.generate_content(model="gemini-2.5-flash", contents="hello")
        assert answer.text == SAID
        assert answer.usage_metadata is not None and answer.usage_metadata.total_token_count
        parts = client.models.generate_content_stream(model="gemini-2.5-flash", contents="hello")
        assert "".join(part.text or "" for part in parts) == SAID
        assert client.models.count_tokens(model="gemini-2.5-flash", contents="hello").total_tokens
        embedded = client.models.embed_content(model="gemini-embedding-001", contents="hello")
        assert embedded.embeddings
        assert any(model.name == "models/gemini-embedding-001" for model in client.models.list())


async def test_google_async(shared: Gateway) -> None:
    with gemini(shared, "/gemini") as client:
        async with client.aio as google:
            stream = await google.models.generate_content_stream(
                model="gemini-2.5-flash", contents="hello"
            )
            assert "".join([part.text or "" async for part in stream]) == SAID


def test_a_gemini_stream_without_sse_is_a_json_array(shared: Gateway) -> None:
    answer = httpx.post(
        f"{shared.http}/v1beta/models/gemini-2.5-flash:streamGenerateContent",
        params={"key": shared.key},
        json={"contents": [{"role": "user", "parts": [{"text": "hello"}]}]},
    )
    chunks = answer.json()
    said = [
        p["text"] for c in chunks for p in c["candidates"][0]["content"]["parts"] if "text" in p
    ]
    assert "".join(said) == SAID
    assert shared.usage(answer.headers["request-id"])["output_tokens"] > 0


@pytest.mark.parametrize(("status", "seen"), [(429, 429), (400, 400), (403, 502), (500, 502)])
def test_google_raises_its_own_classes(shared: Gateway, status: int, seen: int) -> None:
    config = genai_types.GenerateContentConfig(
        http_options=genai_types.HttpOptions(headers=script(error={"status": status}))
    )
    with gemini(shared, "/gemini") as client, pytest.raises(genai_errors.APIError) as error:
        client.models.generate_content(model="gemini-2.5-flash", contents="hi", config=config)
    assert error.value.code == seen


# ---------------------------------------------------------------------------- TLS and aliases


def test_the_sdks_over_tls_and_http2(shared: Gateway) -> None:
    trust = ssl.create_default_context(cafile=str(shared.ca))
    base = f"https://localhost:{shared.https.rpartition(':')[2]}"
    with anthropic.Anthropic(
        base_url=f"{base}/api",
        api_key=shared.key,
        http_client=anthropic.DefaultHttpxClient(verify=trust),
    ) as client:
        message = client.messages.create(model="claude-haiku-4-5", max_tokens=64, messages=USER)
    assert message.type == "message"
    with openai.OpenAI(
        base_url=f"{base}/openai/v1",
        api_key=shared.key,
        http_client=openai.DefaultHttpxClient(verify=trust, http2=True),
    ) as gpt:
        raw = gpt.chat.completions.with_raw_response.create(model="gpt-5", messages=USER)
    assert raw.http_response.http_version == "HTTP/2"


def test_one_public_name_answers_in_every_protocol(shared: Gateway) -> None:
    with anthropic.Anthropic(base_url=shared.http, api_key=shared.key) as claude:
        one = claude.messages.create(model="public-name", max_tokens=64, messages=USER)
    with openai.OpenAI(base_url=f"{shared.http}/v1", api_key=shared.key) as gpt:
        two = gpt.responses.create(model="public-name", input="hello")
    with gemini(shared, "") as google:
        three = google.models.generate_content(model="public-name", contents="hello")
    assert [block.text for block in one.content if block.type == "text"] == [SAID]
    assert (two.output_text, three.text) == (SAID, SAID)
