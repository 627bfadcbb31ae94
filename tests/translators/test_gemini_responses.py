"""Whole answers of Gemini, read: every part, and why it ended."""

import base64
from typing import Any

import orjson
import pytest

from tests.translators.replay import folders
from translators.canonical.failure import Kind
from translators.canonical.finish import Finish, Reason
from translators.canonical.parts import (
    Citation,
    Found,
    Inline,
    Located,
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
from translators.gemini import PROTOCOL
from translators.protocol import NotUnderstood

Json = dict[str, Any]
CONTEXT = ReplyContext("5f0c2a91d7", "the-alias", 1_764_000_000)
SIGNATURE = base64.b64encode(b"own").decode()
OWN = Sealed("gemini", SIGNATURE)
FOREIGN = Sealed("claude", "Er8+/~")
STOP = Finish(Reason.STOP, "end_turn")


def decode(parts: list[Json], finish: str | None = "STOP", **candidate: Any) -> Response:
    body = {"candidates": [{"content": {"parts": parts}, "finishReason": finish, **candidate}]}
    return PROTOCOL.decode_response(orjson.dumps(body), "gemini")


def test_the_recorded_parts() -> None:
    def parts(name: str) -> tuple[Part, ...]:
        (case,) = (c for c in folders() if c.parent.name == "gemini" and c.name == name)
        body = (case / "response.json").read_bytes()
        return PROTOCOL.decode_response(body, "gemini").parts

    seal = Sealed("gemini", "CvcQAVSoXO74jKbzIqNrVZdfpfGFnm5yY1o0pBVJ9ZGYbg==")
    assert parts("thoughts_text_calls") == (
        Reasoning("**Plan**\n\nAsk both."),
        Text("Let me look."),
        ToolCall("fc-81", "get_weather", '{"city":"Paris","days":2}', sealed=seal),
        ToolCall("fc-82", "get_time", "{}"),
    )
    assert parts("partial_arguments") == (
        ToolCall(
            "fc-9",
            "write",
            '{"path":"a.txt","body":{"text":"one"},"lines":[3],"force":true}',
            sealed=seal,
        ),
    )
    assert parts("two_candidates")[0] == Text("A")
    search = parts("google_search")
    assert search[0] == Text(
        "It is 62°F.",
        (Citation("https://example.org/nyc", "example.org", None, 0, 11),),
    )
    assert isinstance(search[1], SearchCall)
    assert search[1].queries == ("weather nyc today", "nyc forecast")
    assert search[1].found == (Found("https://example.org/nyc", "example.org"),)
    kinds = [type(part) for part in parts("code_execution")]
    assert kinds == [Text, Opaque, Opaque, Text]
    assert isinstance(parts("image")[1], Media)


def test_calls_without_ids_get_ids_that_differ() -> None:
    """2.7: by the answer's id and the call's place."""
    call = {"functionCall": {"name": "f", "args": {"a": 1}}}
    found = decode([call, call]).parts
    ids = [part.id for part in found if isinstance(part, ToolCall)]
    assert len(set(ids)) == 2
    assert ids == [part.id for part in decode([call, call]).parts if isinstance(part, ToolCall)]
    assert all(id.startswith("call_") and len(id) <= 40 for id in ids)


def test_big_numbers_in_arguments_survive() -> None:
    body = (
        b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f",'
        b'"args":{"n":12345678901234567890123}}}]},"finishReason":"STOP"}]}'
    )
    (call,) = PROTOCOL.decode_response(body, "gemini").parts
    assert isinstance(call, ToolCall)
    assert call.arguments == '{"n":12345678901234567890123}'


PARTS: dict[str, tuple[list[Json], tuple[Part, ...]]] = {
    "a signature alone": ([{"text": "", "thoughtSignature": SIGNATURE}], (Reasoning("", OWN),)),
    "a signature behind a text": (
        [{"text": "a"}, {"thoughtSignature": SIGNATURE}, {"text": "b"}],
        (Text("a", sealed=OWN), Text("b")),
    ),
    "a signature in the url-safe alphabet": (
        [{"text": "a", "thought_signature": "-_8"}],
        (Text("a", sealed=Sealed("gemini", "+/8=")),),
    ),
    "an image": (
        [{"inline_data": {"mime_type": "image/png", "data": "AAAA"}, "thoughtSignature": "AAAA"}],
        (Media(MediaKind.IMAGE, Inline("AAAA"), "image/png", sealed=Sealed("gemini", "AAAA")),),
    ),
    "a file": (
        [{"fileData": {"fileUri": "https://x.org/a", "mimeType": "video/mp4"}}],
        (Media(MediaKind.VIDEO, Located("https://x.org/a"), "video/mp4"),),
    ),
    "a part of the future": (
        [{"hologram": 1}, {}, {"text": ""}],
        (Opaque("gemini", "hologram", {"hologram": 1}),),
    ),
    "wrong types": (
        [{"text": 5}, {"functionCall": 5}, {"inlineData": []}, {"text": "a", "thought": "x"}],
        (
            Opaque("gemini", "text", {"text": 5}),
            Opaque("gemini", "functionCall", {"functionCall": 5}),
            Opaque("gemini", "inlineData", {"inlineData": []}),
            Text("a"),
        ),
    ),
}


@pytest.mark.parametrize("case", PARTS)
def test_parts_as_upstreams_write_them(case: str) -> None:
    wire, parts = PARTS[case]
    assert decode(wire).parts == parts


FINISHES: list[tuple[str | None, bool, Finish | None]] = [
    ("STOP", False, Finish(Reason.STOP, "STOP")),
    ("STOP", True, Finish(Reason.TOOL_CALLS, "STOP")),
    ("MAX_TOKENS", True, Finish(Reason.LENGTH, "MAX_TOKENS")),
    ("SAFETY", False, Finish(Reason.REFUSAL, "SAFETY")),
    ("RECITATION", False, Finish(Reason.REFUSAL, "RECITATION")),
    ("CONTINUATION", False, Finish(Reason.PAUSE, "CONTINUATION")),
    ("something new", False, Finish(Reason.OTHER, "something new")),
    ("FINISH_REASON_UNSPECIFIED", False, None),
    (None, False, None),
]


@pytest.mark.parametrize(("raw", "called", "finish"), FINISHES)
def test_why_the_model_stopped(raw: str | None, called: bool, finish: Finish | None) -> None:
    """7.1"""
    parts: list[Json] = [{"functionCall": {"name": "f"}}] if called else [{"text": "a"}]
    assert decode(parts, raw).finish == finish


@pytest.mark.parametrize(
    "raw",
    ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE",
     "TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE"],
)  # fmt: skip
def test_a_call_that_the_model_got_wrong_is_a_failure(raw: str) -> None:
    """7.2"""
    response = decode([], raw, finishMessage="Malformed function call: f(")
    assert response.failure is not None
    assert (response.failure.kind, response.failure.code) == (Kind.UPSTREAM, raw)
    assert "Malformed function call" in response.failure.message
    assert response.finish is None


def test_a_blocked_prompt_is_a_refusal() -> None:
    """7.5"""
    feedback = {"blockReason": "BLOCKLIST", "blockReasonMessage": "A forbidden word."}
    response = PROTOCOL.decode_response(orjson.dumps({"promptFeedback": feedback}), "gemini")
    assert response.finish == Finish(Reason.REFUSAL, "BLOCKLIST")
    assert response.parts == (Refusal("A forbidden word."),)
    assert response.failure is None


def test_an_error_inside_a_good_answer_is_a_failure() -> None:
    error = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    for body in (error, [error]):
        response = PROTOCOL.decode_response(orjson.dumps(body), "gemini")
        assert response.failure is not None
        assert response.failure.kind is Kind.OVERLOADED


@pytest.mark.parametrize("body", [b"", b"{", b"5", b"[5]", b"{}", b"[]", b'{"totalTokens":5}'])
def test_what_is_no_answer(body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        PROTOCOL.decode_response(body, "gemini")


GROUNDED = "Süß. Sour."
SEGMENTS: list[tuple[Json, int | None, int | None]] = [
    ({"startIndex": 0, "endIndex": 6, "text": "Süß."}, 0, 4),  # bytes
    ({"endIndex": 6, "text": "Süß."}, 0, 4),  # zero is left out
    ({"startIndex": 7, "endIndex": 12, "text": "Sour."}, 5, 10),
    ({"startIndex": 5, "endIndex": 10, "text": "Sour."}, 5, 10),  # characters
    ({"text": "Sour."}, 5, 10),
    ({"startIndex": 7, "endIndex": 12}, 5, 10),
    ({"startIndex": 70, "endIndex": 75, "text": "gone"}, None, None),
    ({}, None, None),
    ({"startIndex": "x", "endIndex": []}, None, None),
]


@pytest.mark.parametrize(("segment", "start", "end"), SEGMENTS)
def test_a_segment_in_characters(segment: Json, start: int | None, end: int | None) -> None:
    grounding = {
        "groundingChunks": [{"maps": {}}, {"web": {"uri": "https://x.org", "title": "x"}}],
        "groundingSupports": [
            {"segment": segment, "groundingChunkIndices": [0, 1, 7, "x"]},
            5,
        ],
    }
    response = decode([{"text": GROUNDED}], groundingMetadata=grounding)
    text, search = response.parts
    assert isinstance(text, Text)
    assert text.citations == (Citation("https://x.org", "x", None, start, end),)
    assert isinstance(search, SearchCall)
