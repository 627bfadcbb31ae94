"""Whole answers of the Responses API: what upstreams send, and what we send, read by the SDK."""

import json
from dataclasses import replace
from typing import Any

import httpx2
import openai
import pytest
from openai.types.responses import Response as SdkResponse
from pydantic import BaseModel

from tests.simulator.strictness import judged
from tests.translators.responses_answers import CONTEXT, OWN, PARTS, answer
from translators.canonical.failure import Kind
from translators.canonical.finish import Finish, Reason
from translators.canonical.parts import Part, Reasoning, Text, ToolCall
from translators.canonical.response import Response
from translators.openai_responses import PROTOCOL
from translators.protocol import NotUnderstood

# What the server sends and the SDK's types leave out.
UNTYPED = frozenset({"store", "status"})


def read(**fields: Any) -> Response:
    body = {"id": "resp_1", "model": "gpt-5", "status": "completed", "output": []} | fields
    return PROTOCOL.decode_response(json.dumps(body).encode(), "family")


# ------------------------------------------------------------------------------------------ reading


def test_an_answer_that_is_an_error_is_a_failure() -> None:
    body = b'{"error":{"message":"Overloaded.","code":"server_is_overloaded"}}'
    found = PROTOCOL.decode_response(body, "family")
    assert found.failure is not None
    assert (found.failure.kind, found.failure.message) == (Kind.OVERLOADED, "Overloaded.")
    assert found.parts == ()


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"{}", b'{"output":3}', b"<html>"])
def test_what_is_no_answer_is_refused(body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        PROTOCOL.decode_response(body, "family")


@pytest.mark.parametrize(
    ("fields", "finish"),
    [
        ({}, Finish(Reason.STOP, "completed")),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            Finish(Reason.LENGTH, "max_output_tokens"),
        ),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
            Finish(Reason.REFUSAL, "content_filter"),
        ),
        ({"status": "cancelled"}, Finish(Reason.OTHER, "cancelled")),
        ({"status": "queued"}, None),
        (
            {"output": [{"type": "function_call", "call_id": "c", "name": "f"}]},
            Finish(Reason.TOOL_CALLS, "completed"),
        ),
        (
            {"output": [{"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}]},
            Finish(Reason.REFUSAL, "completed"),
        ),
    ],
)
def test_how_it_finished(fields: dict[str, Any], finish: Finish | None) -> None:
    assert read(**fields).finish == finish


@pytest.mark.parametrize(
    ("item", "parts"),
    [
        ({"type": "message", "content": [{"type": "text", "text": "a"}]}, (Text("a"),)),
        ({"type": "message", "content": None}, ()),
        ({"type": "message", "content": [{"type": "output_text", "text": ""}]}, ()),
        ({"type": "reasoning", "summary": [], "content": None}, ()),
        ({"type": "function_call", "id": "fc_1"}, (ToolCall("fc_1", "", "", item_id="fc_1"),)),
        ({"type": "function_call", "call_id": "c", "name": "f"}, (ToolCall("c", "f", ""),)),
        (None, ()),
    ],
)
def test_what_is_missing_counts_as_absent(item: object, parts: tuple[Part, ...]) -> None:
    assert read(output=[item]).parts == parts


# ------------------------------------------------------------------------------------------ writing


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
def test_the_sdk_knows_every_field_of_what_we_send(parts: tuple[Part, ...]) -> None:
    body = json.loads(PROTOCOL.encode_response(answer(*parts), CONTEXT).body)
    judged(SdkResponse, body, UNTYPED)


def client(content: bytes) -> openai.OpenAI:
    headers = {"content-type": "application/json"}
    transport = httpx2.MockTransport(
        lambda _: httpx2.Response(200, headers=headers, content=content)
    )
    return openai.OpenAI(api_key="k", http_client=httpx2.Client(transport=transport))


def test_the_sdk_reads_and_parses_the_answer() -> None:
    class City(BaseModel):
        name: str

    response = answer(Reasoning("Hm.", OWN), Text('{"name":"Oslo"}'))
    content = PROTOCOL.encode_response(response, CONTEXT).body
    plain = client(content).responses.create(model="gpt-5", input="Hi")
    assert plain.output_text == '{"name":"Oslo"}'
    parsed = client(content).responses.parse(model="gpt-5", input="Hi", text_format=City)
    assert parsed.output_parsed == City(name="Oslo")


def test_what_was_written_is_read_as_it_was() -> None:
    """Ids of items are new; everything else that the dialect can say comes back."""
    told = ("text", "refusal", "reasoning", "call", "freeform", "namespace", "local shell", "shell")
    for name in told:
        body = PROTOCOL.encode_response(answer(*PARTS[name]), CONTEXT).body
        found = PROTOCOL.decode_response(body, "openai_responses")
        assert tuple(_bare(part) for part in found.parts) == tuple(
            _bare(part) for part in PARTS[name]
        ), name


def _bare(part: Part) -> Part:
    match part:
        case ToolCall():
            same = json.loads(part.arguments) if part.origin else part.arguments
            kept = {k: v for k, v in same.items() if v} if isinstance(same, dict) else same
            return replace(part, item_id=None, arguments=str(kept))
        case Reasoning():
            return replace(part, id=None)
        case _:
            return part


def test_no_usage_is_null_and_not_zero() -> None:
    body = json.loads(PROTOCOL.encode_response(Response(None, None, ()), CONTEXT).body)
    assert body["usage"] is None
    assert (body["status"], body["output"]) == ("completed", [])
