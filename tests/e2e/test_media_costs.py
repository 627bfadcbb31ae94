"""Images, audio and searches through the real Envoy: an upstream reports them, the record has them
in their buckets, and the cost is theirs, for every caller, whole and streamed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import google.genai as genai
import httpx
import openai
import pytest
from google.genai.types import HttpOptions

from tests.e2e.gateway import CATALOG, Gateway, Simulator, gateway, until
from tests.e2e.upstreams import told

pytestmark = pytest.mark.e2e

PNG = b"\x89PNG\r\n\x1a\n"
WAV = "UklGRg=="
Json = dict[str, Any]

# Of the price list no more than its shape is relied on here: the prices are the operator's own.
PRICES = """
- name: "gpt-audio-*"
  targets: [{provider: openai, model: "*", surfaces: [openai_chat]}]
  price:
    usd_per_million_tokens: {input: 2, output: 10, audio_input: 30, audio_output: 60}
- name: "gemini-hears-*"
  targets: [{provider: google, model: "*"}]
  price:
    usd_per_million_tokens: {input: 1, output: 4, cache_read: 0.5, image_input: 2, audio_input: 3}
- name: "gpt-5-finds-*"
  targets: [{provider: openai, model: "*", surfaces: [openai_responses]}]
  price:
    usd_per_million_tokens: {input: 1, output: 10}
    usd_per_thousand: {web_searches: 10, file_searches: 2.5, requests: 1}
- name: gpt-image-edits
  kinds: [image]
  targets: [{provider: openai}]
  price:
    usd_per_million_tokens: {input: 5, output: 40, image_input: 10}
- {name: gpt-image-1, kinds"""


@pytest.fixture(scope="module")
def priced(upstream: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    catalog = CATALOG.replace("\n- {name: gpt-image-1, kinds", PRICES, 1)
    with gateway(tmp_path_factory.mktemp("priced"), upstream, catalog) as running:
        yield running


@dataclass
class Seen:
    """What the record of a request says, without what says nothing."""

    buckets: Json
    cost_micro: int | None

    @classmethod
    def of(cls, running: Gateway, request_id: str) -> "Seen":
        record = running.usage(request_id)
        assert record["usage_source"] == "upstream" and record["outcome"] == "completed"
        names = [name for name in record if name.endswith(("_tokens", "_searches"))]
        return cls({name: record[name] for name in names if record[name]}, record["cost_micro"])


AUDIO_USAGE = {
    "input": 220,
    "audio_input": 190,
    "output": 60,
    "audio_output": 46,
}
AUDIO = Seen(
    {
        "input_tokens": 220,
        "audio_input_tokens": 190,
        "output_tokens": 60,
        "audio_output_tokens": 46,
    },
    30 * 2 + 190 * 30 + 14 * 10 + 46 * 60,
)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_recording_is_asked_about_by_chat(priced: Gateway, streamed: bool) -> None:
    model = told(priced.simulator, f"gpt-audio-{streamed}", {"text": "x", "usage": AUDIO_USAGE})
    sound: Any = {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}
    asked: Json = {"model": model, "messages": [{"role": "user", "content": [sound]}]}
    if streamed:
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
    answer = httpx.post(
        f"{priced.http}/v1/chat/completions", json=asked, headers={"x-api-key": priced.key}
    )
    assert answer.status_code == 200, answer.text
    assert Seen.of(priced, answer.headers["x-request-id"]) == AUDIO
    if not streamed:
        assert answer.headers["x-clavis-cost-micro"] == str(AUDIO.cost_micro)
        assert answer.headers["x-clavis-input-tokens"] == "220"


def test_a_gemini_client_of_a_model_of_openais_sees_the_same(priced: Gateway) -> None:
    model = told(priced.simulator, "gpt-audio-asked", {"text": "x", "usage": AUDIO_USAGE})
    options = HttpOptions(base_url=f"{priced.http}/gemini")
    with genai.Client(api_key=priced.key, http_options=options) as client:
        answer = client.models.generate_content(model=model, contents="What is said?")
    assert answer.sdk_http_response is not None and answer.usage_metadata is not None
    headers = answer.sdk_http_response.headers or {}
    assert Seen.of(priced, headers["x-request-id"]) == AUDIO
    shown = answer.usage_metadata
    assert (shown.prompt_token_count, shown.candidates_token_count) == (220, 60)
    details = (*(shown.prompt_tokens_details or ()), *(shown.candidates_tokens_details or ()))
    assert [(str(one.modality and one.modality.value), one.token_count) for one in details] == [
        ("TEXT", 30),
        ("AUDIO", 190),
        ("TEXT", 14),
        ("AUDIO", 46),
    ]


HEARD_USAGE = {
    "input": 500,
    "cache_read": 100,
    "audio_input": 320,
    "image_input": 80,
    "output": 12,
}
HEARD = Seen(
    {
        "input_tokens": 500,
        "cache_read_input_tokens": 100,
        "image_input_tokens": 80,
        "audio_input_tokens": 320,
        "output_tokens": 12,
    },
    round(100 * 1 + 100 * 0.5 + 80 * 2 + 320 * 3 + 12 * 4),
)


@pytest.mark.parametrize("verb", ["generateContent", "streamGenerateContent?alt=sse"])
def test_gemini_is_asked_about_sound_and_pictures(priced: Gateway, verb: str) -> None:
    script = {"text": "A door opens.", "usage": HEARD_USAGE}
    model = told(priced.simulator, f"gemini-hears-{verb[:4]}", script)
    parts = [
        {"inlineData": {"mimeType": "audio/wav", "data": WAV}},
        {"text": "What is heard?"},
    ]
    answer = httpx.post(
        f"{priced.http}/v1beta/models/{model}:{verb}",
        json={"contents": [{"role": "user", "parts": parts}]},
        headers={"x-goog-api-key": priced.key},
    )
    assert answer.status_code == 200, answer.text
    assert Seen.of(priced, answer.headers["x-request-id"]) == HEARD


def test_a_chat_client_of_geminis_sees_the_same(priced: Gateway) -> None:
    script = {"text": "A door opens.", "usage": HEARD_USAGE}
    model = told(priced.simulator, "gemini-hears-chat", script)
    sound: Any = {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}
    with openai.OpenAI(base_url=f"{priced.http}/v1", api_key=priced.key) as client:
        answer = client.chat.completions.with_raw_response.create(
            model=model, messages=[{"role": "user", "content": [sound]}]
        )
    assert Seen.of(priced, answer.headers["x-request-id"]) == HEARD
    shown = answer.parse().usage
    assert shown is not None and shown.prompt_tokens_details is not None
    details = shown.prompt_tokens_details
    assert (shown.prompt_tokens, details.cached_tokens) == (600, 100)
    assert (details.audio_tokens, details.image_tokens) == (320, 80)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_picture_is_edited(priced: Gateway, streamed: bool) -> None:
    usage = {"input": 50, "image_input": 323, "output": 1056}
    model = told(priced.simulator, "gpt-image-edits", {"usage": usage})
    asked: Json = {"stream": True} if streamed else {}
    with openai.OpenAI(base_url=f"{priced.http}/v1", api_key=priced.key) as client:
        answer = client.images.with_raw_response.edit(
            model=model, image=PNG * 50_000, prompt="a hat", extra_body=asked
        )
    assert Seen.of(priced, answer.headers["x-request-id"]) == Seen(
        {
            "input_tokens": 373,
            "image_input_tokens": 323,
            "output_tokens": 1056,
            "image_output_tokens": 1056,
        },
        50 * 5 + 323 * 10 + 1056 * 40,
    )


def test_searches_on_the_web_and_in_files_are_charged_by_the_call(priced: Gateway) -> None:
    calls: list[Json] = [
        {
            "kind": "raw",
            "value": {
                "type": "file_search_call",
                "id": f"fs_{number}",
                "status": "completed",
                "queries": ["rain", "weather"],
            },
        }
        for number in range(2)
    ]
    script = {
        "parts": [*calls, {"kind": "web_search"}, {"kind": "text", "text": "Rain."}],
        "usage": {"input": 400, "output": 30},
    }
    model = told(priced.simulator, "gpt-5-finds-rain", script, script)
    asked = {
        "model": model,
        "input": "Does it rain?",
        "tools": [
            {"type": "file_search", "vector_store_ids": ["vs_1"]},
            {"type": "web_search"},
        ],
    }
    expected = Seen(
        {"input_tokens": 400, "output_tokens": 30, "web_searches": 1, "file_searches": 2},
        400 * 1 + 30 * 10 + 10_000 + 2 * 2_500 + 1_000,
    )
    for more in ({}, {"stream": True}):
        answer = httpx.post(
            f"{priced.http}/v1/responses", json=asked | more, headers={"x-api-key": priced.key}
        )
        assert answer.status_code == 200, answer.text
        assert Seen.of(priced, answer.headers["x-request-id"]) == expected


def test_the_sums_and_the_command_line_have_them_too(priced: Gateway) -> None:
    usage = {"input": 100, "audio_input": 90, "output": 10, "audio_output": 8}
    model = told(priced.simulator, "gpt-audio-summed", {"text": "x", "usage": usage})
    priced.clavis("customers", "create", "summed", "--mode", "prepaid")
    priced.clavis("credits", "add", "summed", "1")
    key = priced.clavis("keys", "create", "summed-key", "--customer", "summed")["secret"]
    answer = httpx.post(
        f"{priced.http}/v1/chat/completions",
        json={"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": "x"}]},
        headers={"x-api-key": key},
    )
    cost = 10 * 2 + 90 * 30 + 2 * 10 + 8 * 60
    assert answer.headers["x-clavis-cost-micro"] == str(cost)
    record = priced.usage(answer.headers["x-request-id"], key)
    assert (record["charged_credit_micro"], record["uncollected_micro"]) == (cost, 0)

    def summed() -> list[Json]:
        found: list[Json] = priced.clavis("usage", "--customer", "summed", "--by", "model")["data"]
        return found

    [row] = until(summed, "the sums", 20)
    assert (row["input_tokens"], row["audio_input_tokens"]) == (10, 90)
    assert (row["output_tokens"], row["audio_output_tokens"]) == (2, 8)
    assert row["charged_credit_micro"] == cost
    total = httpx.get(f"{priced.http}/v1/usage?group_by=day", headers={"x-api-key": key}).json()[
        "total"
    ]
    assert (total["input_tokens"], total["audio_output_tokens"]) == (100, 8)
