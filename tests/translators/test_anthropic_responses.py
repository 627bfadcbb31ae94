"""Whole Messages answers: read as parts, and written as Anthropic's own server writes them."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from anthropic.types import Message
from pydantic import TypeAdapter

from tests.translators.replay import RECORDINGS, expected, label
from tests.translators.test_wrong_types import documents, replaced
from translators.anthropic import PROTOCOL
from translators.anthropic.usage import read_usage, write_delta_usage, write_usage
from translators.canonical.finish import Finish, Reason
from translators.canonical.parts import (
    Citation,
    Found,
    Inline,
    Media,
    MediaKind,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    SearchCall,
    Text,
    ToolCall,
)
from translators.canonical.reply import ReplyContext
from translators.canonical.response import Response
from translators.canonical.sealed import Sealed
from translators.canonical.usage import Usage
from translators.protocol import NotUnderstood

Json = dict[str, Any]
ANSWERS = sorted(
    path.parent
    for path in (RECORDINGS / "anthropic").glob("*/response.json")
    if path.parent.name != "count_tokens"
)
CONTEXT = ReplyContext("0a1b2c", "alias", 1, input_estimate=7)
STOP = Finish(Reason.STOP, "stop")


def said(*parts: Part, finish: Finish | None = STOP, usage: Usage | None = None) -> Json:
    """The answer as it is written; what Anthropic's types know is read with them."""
    encoded = PROTOCOL.encode_response(Response("x", "m", parts, finish, usage), CONTEXT)
    body: Json = orjson.loads(encoded.body)
    TypeAdapter(Message).validate_python(body)
    return body


def lost(*parts: Part) -> list[str]:
    encoded = PROTOCOL.encode_response(Response("x", "m", parts, STOP), CONTEXT)
    return [str(loss) for loss in encoded.losses]


# ----------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize("case", ANSWERS, ids=label)
def test_recorded_answers(case: Path) -> None:
    response = PROTOCOL.decode_response((case / "response.json").read_bytes(), "anthropic")
    told = expected(case)
    assert (response.id, response.model) == (told["id"], told["model"])
    assert response.finish is not None and response.finish.unified.value == told["finish"]
    assert response.finish.raw == told["raw"]
    usage = response.usage or Usage()
    assert {k: v for k, v in told["usage"].items() if getattr(usage, k) != v} == {}


def answer(*content: Json, **fields: Any) -> Response:
    body = {"id": "msg_1", "model": "m", "content": list(content), "stop_reason": "end_turn"}
    return PROTOCOL.decode_response(orjson.dumps({**body, **fields}), "kimi")


def test_every_kind_of_block() -> None:
    asked = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}}
    found = {"type": "web_search_result", "url": "u", "title": "T", "encrypted_content": "Ev"}
    result = {"type": "web_search_tool_result", "tool_use_id": "s", "content": [found]}
    other = {"type": "mcp_tool_use", "id": "x", "input": {"a": 1}}
    page = {"type": "web_search_result_location", "url": "u", "encrypted_index": "E"}
    response = answer(
        {"type": "thinking", "thinking": "hm", "signature": "S"},
        {"type": "redacted_thinking", "data": "R"},
        asked,
        result,
        {"type": "text", "text": "a", "citations": [page]},
        other,
        {"type": "tool_use", "id": "t", "name": "f", "input": {"b": 1, "a": 2}},
        {"type": "tool_use", "id": "t2", "name": "g", "input": {}},
        {**asked, "id": "s2"},
        stop_reason="tool_use",
    )
    assert response.parts == (
        Reasoning("hm", Sealed("kimi", "S")),
        Reasoning("", Sealed("kimi", "R"), redacted=True),
        SearchCall("s", ("q",), (Found("u", "T", sealed=Sealed("kimi", "Ev")),)),
        Text("a", (Citation("u", issuer="anthropic", native=page),)),
        Opaque("anthropic", "mcp_tool_use", other),
        ToolCall("t", "f", '{"b":1,"a":2}'),
        ToolCall("t2", "g", ""),
        SearchCall("s2", ("q",)),
    )


def test_a_call_makes_the_finish() -> None:
    """7.1: some who speak this dialect end a turn with calls as if it had none."""
    response = answer({"type": "tool_use", "id": "t", "name": "f", "input": {}})
    assert response.finish == Finish(Reason.TOOL_CALLS, "end_turn")


def test_a_refusal_says_why() -> None:
    details = {"type": "refusal", "category": "cyber", "explanation": "No."}
    response = answer(stop_reason="refusal", stop_details=details)
    assert (response.parts, response.finish) == (
        (Refusal("No."),), Finish(Reason.REFUSAL, "refusal"),
    )  # fmt: skip


def test_an_error_in_the_place_of_an_answer() -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    failure = PROTOCOL.decode_response(body, "anthropic").failure
    assert failure is not None and failure.kind.value == "overloaded"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"<html>", b'{"content":' + b"[" * 900, b'{"a":' * 2000 + b"1"]
)
def test_what_is_no_answer(body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        PROTOCOL.decode_response(body, "anthropic")


def test_answers_of_wrong_types_are_read_as_far_as_they_go() -> None:
    for document in documents(PROTOCOL, "response.json"):
        for other in replaced(document):
            try:
                response = PROTOCOL.decode_response(orjson.dumps(other), "anthropic")
            except NotUnderstood:
                assert not isinstance(other, dict)
            else:
                PROTOCOL.encode_response(response, CONTEXT)


# ----------------------------------------------------------------------------------------- writing


def test_the_frame_of_an_answer() -> None:
    """10.13: the name that the caller asked for, and an id of the dialect."""
    assert said(Text("Hi"), usage=Usage(input_tokens=3, output_tokens=2)) == {
        "model": "alias",
        "id": "msg_0a1b2c",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": "Hi"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "stop_details": None,
        "usage": {
            "input_tokens": 3,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 2,
            "service_tier": "standard",
        },
    }


@pytest.mark.parametrize(
    ("part", "blocks"),
    [
        (Text(""), []),
        (Reasoning("hm", Sealed("anthropic", "S")),
         [{"type": "thinking", "thinking": "hm", "signature": "S"}]),
        (Reasoning("hm", Sealed("gemini", "S")),
         [{"type": "thinking", "thinking": "hm", "signature": "clv1.gemini.S"}]),
        (Reasoning("hm"), [{"type": "thinking", "thinking": "hm", "signature": ""}]),
        (Reasoning("", Sealed("openai_responses", "S")),
         [{"type": "thinking", "thinking": "", "signature": "clv1.openai_responses.S"}]),
        (Reasoning(""), []),
        (Reasoning("", Sealed("anthropic", "D"), redacted=True),
         [{"type": "redacted_thinking", "data": "D"}]),
        (ToolCall("call_1", "f", '{"b":1,"a":2}'),
         [{"type": "tool_use", "id": "call_1", "name": "f", "input": {"b": 1, "a": 2}}]),
        (ToolCall("call_1", "f", ""),
         [{"type": "tool_use", "id": "call_1", "name": "f", "input": {}}]),
        (ToolCall("call_1", "f", "{}", sealed=Sealed("gemini", "S")),
         [{"type": "tool_use", "id": "call_1", "name": "f", "input": {}},
          {"type": "redacted_thinking", "data": "clv1.gemini.S"}]),
        (Refusal("No."), [{"type": "text", "text": "No."}]),
        (SearchCall("ws_1", ("q",), (Found("https://x"),)),
         [{"type": "server_tool_use", "id": "srvtoolu_0a1b2c1", "name": "web_search",
           "input": {"query": "q"}},
          {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_0a1b2c1", "content": [
              {"type": "web_search_result", "title": "https://x", "url": "https://x",
               "encrypted_content": "", "page_age": None}]}]),
        (SearchCall("srvtoolu_9", error="odd"),
         [{"type": "server_tool_use", "id": "srvtoolu_9", "name": "web_search",
           "input": {"query": ""}},
          {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_9", "content": {
              "type": "web_search_tool_result_error", "error_code": "unavailable"}}]),
        (Text("a", (Citation("https://x", "T", "q", start=0, end=1),)),
         [{"type": "text", "text": "a", "citations": [
             {"type": "web_search_result_location", "cited_text": "q", "url": "https://x",
              "title": "T", "encrypted_index": ""}]}]),
    ],
)  # fmt: skip
def test_a_part(part: Part, blocks: list[Json]) -> None:
    """6.4, 6.5, 6.9, 6.15 and 2.19"""
    assert said(part)["content"] == blocks


@pytest.mark.parametrize(
    ("part", "loss"),
    [
        (Media(MediaKind.IMAGE, Inline("x")), "image=dropped"),
        (Opaque("gemini", "x", {}), "parts[].x=dropped"),
        (Text("a", sealed=Sealed("gemini", "S")), "reasoning=unsealed"),
        (Text("a", (Citation(title="T"),)), "citations=dropped"),
        (Text("a", (Citation("https://x", start=3),)), "citations=changed"),
        (ToolCall("t", "f", "{oops"), "arguments=changed"),
        (SearchCall("s", ("a", "b")), "search.queries=changed"),
    ],
)
def test_what_cannot_be_said(part: Part, loss: str) -> None:
    assert lost(part) == [loss]


CALL = ToolCall("t", "f", "{}")


@pytest.mark.parametrize(
    ("parts", "reason", "word"),
    [
        ((Text("a"),), Reason.STOP, "end_turn"),
        ((Text("a"),), Reason.STOP_SEQUENCE, "stop_sequence"),
        ((Text("a"),), Reason.LENGTH, "max_tokens"),
        ((Text("a"),), Reason.CONTEXT_EXCEEDED, "model_context_window_exceeded"),
        ((Text("a"),), Reason.REFUSAL, "refusal"),
        ((Text("a"),), Reason.PAUSE, "pause_turn"),
        ((Text("a"),), Reason.OTHER, "end_turn"),
        ((Text("a"),), None, "end_turn"),
        ((CALL,), Reason.TOOL_CALLS, "tool_use"),
        ((CALL,), Reason.STOP, "tool_use"),
        ((CALL,), None, "tool_use"),
        ((CALL,), Reason.LENGTH, "max_tokens"),
        ((Text("a"),), Reason.TOOL_CALLS, "end_turn"),
        ((Refusal("No."),), Reason.STOP, "refusal"),
        ((), Reason.REFUSAL, "refusal"),
    ],
)
def test_why_it_stopped(parts: tuple[Part, ...], reason: Reason | None, word: str) -> None:
    """7.1, 7.5 and 7.6"""
    body = said(*parts, finish=Finish(reason, None) if reason else None)
    assert body["stop_reason"] == word
    assert (body["stop_details"] is not None) is (word == "refusal")


def test_the_only_stop_sequence_is_the_one_that_was_met() -> None:
    """7.4: of several, no other dialect tells which."""
    response = Response("x", "m", (Text("a"),), Finish(Reason.STOP_SEQUENCE, None))
    for asked, met in ((["END"], "END"), (["A", "B"], None), ([], None)):
        context = ReplyContext("s", "m", 1, echo={"stop_sequences": asked})
        body = orjson.loads(PROTOCOL.encode_response(response, context).body)
        assert body["stop_sequence"] == met


# ------------------------------------------------------------------------------------------- usage


@pytest.mark.parametrize("case", ANSWERS, ids=label)
def test_usage_is_written_as_it_was_read(case: Path) -> None:
    """8.1 to 8.3: the buckets survive the way there and back."""
    usage = read_usage(orjson.loads((case / "response.json").read_bytes())["usage"])
    assert usage is not None
    again = read_usage(write_usage(usage))
    assert again is not None
    told = {name: getattr(usage, name) for name in Usage.__slots__ if getattr(usage, name)}
    assert {name: getattr(again, name) for name in told} == told


def test_input_is_without_the_cache_and_output_with_thinking() -> None:
    usage = Usage(
        input_tokens=10,
        cache_read_tokens=20,
        cache_write_5m_tokens=3,
        cache_write_1h_tokens=4,
        output_tokens=5,
        reasoning_tokens=6,
        image_output_tokens=7,
        web_searches=2,
    )
    told = write_delta_usage(usage)
    assert told == {
        "input_tokens": 10,
        "cache_creation_input_tokens": 7,
        "cache_read_input_tokens": 20,
        "output_tokens": 18,
        "output_tokens_details": {"thinking_tokens": 6},
        "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 0},
    }
    assert write_usage(usage)["cache_creation"] == {
        "ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4,
    }  # fmt: skip


def test_an_input_that_nobody_told_is_not_said_to_be_zero() -> None:
    assert write_delta_usage(Usage(output_tokens=3)) == {"output_tokens": 3}
    assert said(Text("a"))["usage"]["input_tokens"] == 7, "the estimate"
