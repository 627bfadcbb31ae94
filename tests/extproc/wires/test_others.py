"""Vertex AI, Azure's deployments, and flags on the protocol's own wire."""

from typing import Any

import orjson
import pytest

from catalog import Wire
from extproc.wires import ENVELOPES
from extproc.wires.envelope import Letter, Sealed


def sealed(wire: Wire, surface: str, body: object, **changes: Any) -> Sealed:
    fields: dict[str, Any] = {
        "surface": surface,
        "model": "claude-sonnet-4-5@20250929",
        "rest": "/messages",
        "query": "",
        "body": orjson.dumps(body),
        "streamed": False,
        "counts": False,
        "betas": "",
    }
    return ENVELOPES[wire.name].seal(wire, Letter(**(fields | changes)))


VERTEX = Wire("vertex", frozenset({"context-1m-2025-08-07"}))
MESSAGES = {"model": "claude-sonnet-4-5@20250929", "max_tokens": 5, "messages": []}


def test_vertex_has_the_model_in_the_path_and_the_version_in_the_body() -> None:
    made = sealed(VERTEX, "anthropic", MESSAGES)
    assert made.path == "/models/claude-sonnet-4-5@20250929:rawPredict"
    assert orjson.loads(made.body or b"") == {
        "anthropic_version": "vertex-2023-10-16",
        "max_tokens": 5,
        "messages": [],
    }
    assert "anthropic-version" in made.removed
    streamed = sealed(VERTEX, "anthropic", MESSAGES | {"stream": True}, streamed=True)
    assert streamed.path.endswith(":streamRawPredict")
    assert orjson.loads(streamed.body or b"")["stream"] is True


def test_vertex_takes_flags_as_a_header() -> None:
    made = sealed(VERTEX, "anthropic", MESSAGES, betas="context-1m-2025-08-07,oauth-2025-04-20")
    assert made.headers["anthropic-beta"] == "context-1m-2025-08-07"
    assert [str(loss) for loss in made.losses] == ["anthropic-beta=dropped"]
    none = sealed(VERTEX, "anthropic", MESSAGES, betas="oauth-2025-04-20")
    assert "anthropic-beta" in none.removed


def test_vertex_counts_tokens_with_the_model_in_the_body() -> None:
    made = sealed(VERTEX, "anthropic", MESSAGES, counts=True)
    assert made.path == "/models/count-tokens:rawPredict"
    assert orjson.loads(made.body or b"")["model"] == "claude-sonnet-4-5@20250929"


def test_a_model_that_would_leave_its_segment_is_escaped() -> None:
    made = sealed(VERTEX, "anthropic", MESSAGES, model="a/../b:c?d")
    assert made.path == "/models/a%2F..%2Fb%3Ac%3Fd:rawPredict"


def test_gemini_in_vertex_gets_the_roles_that_are_missing_and_nothing_else_is_touched() -> None:
    rest = "/models/gemini-3-pro:generateContent"
    spoken = {"contents": [{"role": "user", "parts": []}, {"role": "model", "parts": []}]}
    made = sealed(VERTEX, "gemini", spoken, rest=rest, query="alt=sse")
    assert (made.path, made.body) == (f"{rest}?alt=sse", None)
    silent = {"contents": [{"parts": []}, {"role": "model"}, {"role": ""}]}
    made = sealed(VERTEX, "gemini", silent, rest=rest)
    roles = [content["role"] for content in orjson.loads(made.body or b"")["contents"]]
    assert roles == ["user", "model", "user"]


@pytest.mark.parametrize(
    ("status", "word", "kind"),
    [
        (401, "UNAUTHENTICATED", "authentication_error"),
        (403, "PERMISSION_DENIED", "permission_error"),
        (404, "NOT_FOUND", "not_found_error"),
        (429, "RESOURCE_EXHAUSTED", "rate_limit_error"),
        (503, "UNAVAILABLE", "overloaded_error"),
        (500, "INTERNAL", "api_error"),
    ],
)
def test_googles_error_about_claude_is_anthropics_and_names_no_project(
    status: int, word: str, kind: str
) -> None:
    refusal = ENVELOPES["vertex"].refusal
    assert refusal is not None
    message = "Publisher Model `projects/our-project/locations/x` was not found"
    error = {"code": status, "message": message, "status": word}
    for body in ({"error": error}, [{"error": error}]):
        told = refusal("anthropic", status, {}, orjson.dumps(body))
        assert told.status == status
        assert orjson.loads(told.body) == {
            "type": "error",
            "error": {"type": kind, "message": message.replace("our-project", "-")},
        }


def test_claudes_own_error_passes_as_it_came() -> None:
    refusal = ENVELOPES["vertex"].refusal
    assert refusal is not None
    body = b'{"type":"error","error":{"type":"invalid_request_error","message":"m"}}'
    assert refusal("anthropic", 400, {}, body) == (400, body)
    gemini = b'{"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "projects/p/x"}}'
    assert refusal("gemini", 400, {}, gemini).body == gemini.replace(b"projects/p", b"projects/-")


AZURE = Wire("azure_deployments", None, "2024-10-21")


def test_azure_has_the_deployment_in_the_path_and_the_version_in_the_query() -> None:
    made = sealed(AZURE, "openai_chat", {}, model="our gpt/5", rest="/chat/completions")
    assert made.path == "/deployments/our%20gpt%2F5/chat/completions?api-version=2024-10-21"
    assert made.body is None
    made = sealed(AZURE, "openai_chat", {}, model="d", rest="/embeddings", query="a=b")
    assert made.path == "/deployments/d/embeddings?a=b&api-version=2024-10-21"


def test_flags_can_be_held_back_on_the_protocols_own_wire() -> None:
    made = sealed(Wire("plain", frozenset({"a"})), "anthropic", MESSAGES, betas="a,b", query="q=1")
    assert (made.path, made.body) == ("/messages?q=1", None)
    assert made.headers == {"anthropic-beta": "a"}
    assert [str(loss) for loss in made.losses] == ["anthropic-beta=dropped"]
