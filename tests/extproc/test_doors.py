"""Which path opens which door, and what is forgiven."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.doors import DOORS, NoDoor, Opened, open_door, portal_path

# method, target, door kind, dialect, upstream rest
OPEN = """
POST /v1/messages messages anthropic /messages
POST /api/v1/messages messages anthropic /messages
POST /claude/v1/messages messages anthropic /messages
POST /anthropic/v1/messages messages anthropic /messages
POST /v1/messages?beta=true messages anthropic /messages
POST /v1/messages/count_tokens?beta=true count_tokens anthropic /messages/count_tokens
POST /api/v1/messages/count_tokens count_tokens anthropic /messages/count_tokens
POST /v1/chat/completions chat openai_chat /chat/completions
POST /openai/v1/chat/completions chat openai_chat /chat/completions
POST /v1/responses responses openai_responses /responses
POST /openai/v1/responses responses openai_responses /responses
POST /openai/responses responses openai_responses /responses
POST /v1/responses/input_tokens input_tokens openai_responses /responses/input_tokens
GET /v1/responses/resp_1 stored_response openai_responses /responses/resp_1
DELETE /openai/v1/responses/resp_1 stored_response openai_responses /responses/resp_1
POST /v1/responses/resp_1/cancel stored_response openai_responses /responses/resp_1/cancel
GET /v1/responses/resp_1/input_items stored_response openai_responses /responses/resp_1/input_items
POST /v1beta/models/g-3:generateContent generate gemini /models/{model}:generateContent
POST /gemini/v1beta/models/g:countTokens count_tokens gemini /models/{model}:countTokens
POST /v1/models/g-3:generateContent generate gemini /models/{model}:generateContent
POST /gemini/v1/models/g-3:countTokens count_tokens gemini /models/{model}:countTokens
POST /v1beta/models/e-1:embedContent embeddings gemini /models/{model}:embedContent
POST /v1beta/models/e-1:batchEmbedContents embeddings gemini /models/{model}:batchEmbedContents
POST /v1/images/generations images openai_responses /images/generations
POST /openai/v1/images/edits images openai_responses /images/edits
POST /v1/embeddings embeddings openai_chat /embeddings
GET /v1/models models openai_chat /models
GET /api/v1/models/claude-x models anthropic /models/claude-x
GET /gemini/v1beta/models models gemini /models
GET /v1beta/models/g-3 models gemini /models/g-3
GET /v1/usage/abc usage openai_chat /usage/abc
"""


@pytest.mark.parametrize("line", OPEN.strip().splitlines())
def test_documented_paths_open_their_doors_without_a_hint(line: str) -> None:
    method, target, kind, protocol, rest = line.split()
    opened = open_door(method, target)
    assert isinstance(opened, Opened)
    assert (opened.door.kind, opened.door.protocol, opened.rest) == (kind, protocol, rest)
    assert opened.hint is None


# method, target, door kind, words that the hint must hold
FORGIVEN = """
POST //v1/messages messages double slash
POST /api//v1/messages messages double slash
POST /v1/v1/messages messages repeats
POST /v1beta/v1beta/models/g:generateContent generate repeats
POST /v1/messages/v1/messages messages repeats
POST /v1/chat/completions/chat/completions chat repeats
POST /openai/v1/chat/completions/chat/completions chat repeats
POST /v1/responses/responses responses repeats
POST /api/api/v1/messages messages repeats
POST /chat/completions chat version is missing
POST /openai/chat/completions chat version is missing
GET /v1/v1/models models repeats
"""


@pytest.mark.parametrize("line", FORGIVEN.strip().splitlines())
def test_mistakes_with_one_meaning_are_served_with_a_hint(line: str) -> None:
    method, target, kind, *words = line.split()
    opened = open_door(method, target)
    assert isinstance(opened, Opened)
    assert opened.door.kind == kind
    assert opened.hint is not None and " ".join(words) in opened.hint


CLOSED = """
POST /api anthropic /api/v1/messages
GET /claude anthropic /claude/v1/messages
POST /openai openai_chat /openai/v1/chat/completions
POST /gemini gemini /gemini/v1beta/models/
POST /v1/nothing openai_chat POST /v1/messages
POST /v1beta/models/x:fly gemini There is no such path
POST /evil/v1/messages anthropic There is no such path
"""


@pytest.mark.parametrize("line", CLOSED.strip().splitlines())
def test_a_wrong_path_is_explained_in_the_dialect_it_suggests(line: str) -> None:
    method, target, protocol, words = line.split(maxsplit=3)
    found = open_door(method, target)
    assert isinstance(found, NoDoor)
    assert found.protocol == protocol
    assert words in found.message


@pytest.mark.parametrize("path", ["/v1" * 8000, "/v1/messages" * 4000, "/x" * 40_000, "/" * 90_000])
def test_a_path_made_to_be_slow_is_refused_at_once(path: str) -> None:
    found = open_door("POST", path)
    assert isinstance(found, NoDoor)
    assert "too long" in found.message


def test_a_wrong_method_names_the_right_ones() -> None:
    found = open_door("GET", "/v1/messages")
    assert isinstance(found, NoDoor)
    assert found.allow == ("POST",)


def test_the_key_leaves_the_query_and_nothing_else_does() -> None:
    opened = open_door("POST", "/v1beta/models/g:streamGenerateContent?alt=sse&key=sk-1&x=%26")
    assert isinstance(opened, Opened)
    assert opened.query_key == "sk-1"
    assert opened.query == "alt=sse&x=%26"
    assert opened.streamed


def test_model_names_may_hold_slashes_and_colons() -> None:
    opened = open_door("POST", "/v1beta/models/tuned/a:b:generateContent")
    assert isinstance(opened, Opened)
    assert opened.model == "tuned/a:b"


def test_the_portal_gets_the_documented_path_whatever_was_forgiven() -> None:
    opened = open_door("GET", "/gemini//v1beta/models/g-3?pageSize=2")
    assert isinstance(opened, Opened)
    assert portal_path(opened) == "/gemini/v1beta/models/g-3?pageSize=2"


@given(st.sampled_from(["GET", "POST", "DELETE", "PUT"]), st.text(max_size=60))
def test_any_target_is_answered(method: str, target: str) -> None:
    found = open_door(method, "/" + target)
    assert isinstance(found, Opened | NoDoor)


@given(st.sampled_from(DOORS), st.sampled_from(["", "/api", "/openai", "/gemini"]))
def test_every_door_opens_under_every_prefix(door: object, prefix: str) -> None:
    from extproc.doors import Door

    assert isinstance(door, Door)
    segments = "/".join(door.pattern)
    path = segments.replace("{call...}", "m:generateContent").replace("{name...}", "m")
    found = open_door(door.methods[0], f"{prefix}/v1/{path.replace('{id}', 'x_1')}")
    assert isinstance(found, Opened)
