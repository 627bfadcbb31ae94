"""What real clients send is accepted, by name of the client."""

import httpx
import pytest

from tests.simulator.agents import GEMINI, RESPONSES
from tests.simulator.clients import ANTHROPIC, CHAT
from tests.simulator.running import Json, Running


def accepted(sim: Running, path: str, body: Json, headers: Json) -> httpx.Response:
    answer = sim.post(path, body, headers)
    assert answer.status_code == 200, answer.text
    return answer


@pytest.mark.parametrize("client", ANTHROPIC)
def test_anthropic_clients(sim: Running, client: str) -> None:
    query, headers, body = ANTHROPIC[client]
    sent = {"anthropic-version": "2023-06-01", "x-api-key": "k", **headers}
    accepted(sim, f"/v1/messages{query}", body, sent)
    outside = ("max_tokens", "stream", "metadata", "temperature")
    counted = {name: value for name, value in body.items() if name not in outside}
    accepted(sim, f"/v1/messages/count_tokens{query}", counted, sent)


@pytest.mark.parametrize("client", CHAT)
def test_chat_clients(sim: Running, client: str) -> None:
    accepted(sim, "/v1/chat/completions", CHAT[client], {"authorization": "Bearer k"})


@pytest.mark.parametrize("client", RESPONSES)
def test_responses_clients(sim: Running, client: str) -> None:
    accepted(sim, "/v1/responses", RESPONSES[client], {"authorization": "Bearer k"})


@pytest.mark.parametrize("action", ["generateContent", "streamGenerateContent?alt=sse"])
@pytest.mark.parametrize("client", GEMINI)
def test_gemini_clients(sim: Running, client: str, action: str) -> None:
    path = f"/v1beta/models/gemini-3-pro:{action}"
    accepted(sim, path, GEMINI[client], {"x-goog-api-key": "k"})
