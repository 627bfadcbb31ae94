"""Vertex AI and Azure: their own paths, counts, images and embeddings, and what they refuse."""

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from google import genai

from tests.e2e.callers import PNG, Caller
from tests.e2e.gateway import Gateway
from tests.e2e.upstreams import Json, received, told

pytestmark = pytest.mark.e2e

GENERATE: Json = {"contents": [{"parts": [{"text": "hello"}]}]}


def post(clouds: Gateway, path: str, body: Any, **headers: str) -> httpx.Response:
    sent = {"x-api-key": clouds.key, "anthropic-version": "2023-06-01", **headers}
    return httpx.post(clouds.http + path, json=body, headers=sent, timeout=60)


@pytest.fixture
def gpt(clouds: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{clouds.http}/v1", api_key=clouds.key, max_retries=0) as client:
        yield client


# ------------------------------------------------------------------------------------- vertex ai


def test_a_gemini_request_without_roles_is_served(clouds: Gateway) -> None:
    """AI Studio takes it, Vertex AI does not."""
    answer = post(clouds, "/v1beta/models/gemini-3-pro-roleless:generateContent", GENERATE)
    assert answer.status_code == 200, answer.text
    (arrived,) = received(clouds.simulator, "gemini-3-pro-roleless")
    assert arrived["body"]["contents"][0]["role"] == "user"


@pytest.mark.parametrize("query", ["?alt=sse", ""])
def test_a_gemini_stream_is_events_or_an_array(clouds: Gateway, query: str) -> None:
    path = f"/v1beta/models/gemini-3-pro-stream:streamGenerateContent{query}"
    answer = post(clouds, path, GENERATE)
    assert answer.status_code == 200, answer.text
    assert answer.text.startswith("data: " if query else "[")
    assert "You said: hello" in answer.text


def test_googles_sdk_counts_and_streams(clouds: Gateway, cloud_callers: dict[str, Caller]) -> None:
    told(clouds.simulator, "gemini-3-pro-counted", {"usage": {"input": 77}})
    assert cloud_callers["gemini"].counted("gemini-3-pro-counted") == 77
    with genai.Client(api_key=clouds.key, http_options={"base_url": clouds.http}) as client:
        stream = client.models.generate_content_stream(model="gemini-3-pro-sdk", contents="hello")
        assert "".join(chunk.text or "" for chunk in stream) == "You said: hello"


def test_claudes_tokens_are_counted_in_vertex(
    clouds: Gateway, cloud_callers: dict[str, Caller]
) -> None:
    assert cloud_callers["anthropic"].counted("claude-haiku-4-5-v-counted") > 0
    arrived = [entry for entry in clouds.simulator.received() if "count-tokens" in entry["path"]][
        -1
    ]
    assert arrived["path"].endswith("/publishers/anthropic/models/count-tokens:rawPredict")
    assert arrived["body"]["model"] == "claude-haiku-4-5-v-counted@20251001"


def test_vertex_gets_flags_that_it_knows_as_a_header(clouds: Gateway) -> None:
    asked = {
        "model": "claude-haiku-4-5-v-flags",
        "max_tokens": 5,
        "messages": [{"role": "user", "content": "hello"}],
    }
    flags = "oauth-2025-04-20,context-management-2025-06-27"
    answer = post(clouds, "/v1/messages", asked, **{"anthropic-beta": flags})
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-clavis-losses"] == "anthropic-beta=dropped"
    (arrived,) = received(clouds.simulator, "claude-haiku-4-5-v-flags@20251001")
    sent = dict(arrived["headers"])
    assert sent["anthropic-beta"] == "context-management-2025-06-27"
    assert "anthropic-version" not in sent


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        ({"status": 429, "type": "RESOURCE_EXHAUSTED"}, 429, "rate_limit_error"),
        ({"status": 429}, 429, "rate_limit_error"),
        ({"status": 404, "type": "NOT_FOUND"}, 404, "not_found_error"),
        ({"status": 503, "type": "UNAVAILABLE"}, 529, "overloaded_error"),
        ({"status": 529}, 529, "overloaded_error"),
    ],
)
def test_errors_of_google_and_of_claude_are_anthropics(
    clouds: Gateway, error: Json, status: int, kind: str
) -> None:
    model = f"claude-haiku-4-5-v-{error['status']}-{error.get('type', 'own').lower()}"
    told(
        clouds.simulator,
        f"{model}@20251001",
        {"error": {"message": "see projects/our-project/x", **error}},
    )
    asked = {"model": model, "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    answer = post(clouds, "/v1/messages", asked)
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, kind)
    assert "our-project" not in answer.text


# ----------------------------------------------------------------------------------------- azure


def test_embeddings_and_images_go_to_a_deployment(clouds: Gateway, gpt: openai.OpenAI) -> None:
    vectors = gpt.embeddings.create(model="azure-embedding", input=["a", "b"])
    assert len(vectors.data) == 2
    picture = gpt.images.generate(model="azure-image", prompt="a key")
    assert picture.data
    changed = gpt.images.edit(model="azure-image", image=("k.png", PNG), prompt="a lock")
    assert changed.data
    paths = {entry["path"] for entry in clouds.simulator.received()}
    assert {
        "/azure/openai/deployments/text-embedding-3-small/embeddings",
        "/azure/openai/deployments/gpt-image-1/images/generations",
        "/azure/openai/deployments/gpt-image-1/images/edits",
    } <= paths


def test_a_deployment_is_asked_with_its_version_and_a_token(clouds: Gateway) -> None:
    asked = {"model": "gpt-5-d-dated", "messages": [{"role": "user", "content": "hello"}]}
    answer = post(clouds, "/v1/chat/completions", asked)
    assert answer.status_code == 200, answer.text
    (arrived,) = received(clouds.simulator, "gpt-5-d-dated")
    assert arrived["query"] == [["api-version", "2024-10-21"]]
    sent = dict(arrived["headers"])
    assert sent["authorization"].startswith("Bearer sha256:")
    assert "api-key" not in sent and "x-api-key" not in sent
    hidden = [name for name in answer.headers if name.startswith(("x-ms-", "apim-"))]
    assert hidden == [], "regions and deployments are the operator's"


def test_azures_first_event_is_no_answer_and_hurts_nobody(
    clouds: Gateway, gpt: openai.OpenAI
) -> None:
    stream = gpt.chat.completions.create(
        model="gpt-5-d-filtered",
        messages=[{"role": "user", "content": "hello"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    assert chunks[0].choices == [], "as Azure sends it"
    said = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert said == "You said: hello"
