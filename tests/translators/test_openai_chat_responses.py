"""Whole Chat Completions answers: read from servers, written for clients."""

from pathlib import Path
from typing import Any

import httpx2
import openai
import orjson
import pytest
from openai.types.chat import ChatCompletion

from tests.translators.openai_chat_reading import ISSUER, WHOLE, answer, name
from translators.canonical.failure import Kind
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
    ToolKind,
)
from translators.canonical.reply import ReplyContext
from translators.canonical.response import Response
from translators.canonical.sealed import Sealed
from translators.canonical.usage import Usage
from translators.openai_chat import PROTOCOL
from translators.openai_chat.usage import read_usage, write_usage
from translators.protocol import NotUnderstood

CONTEXT = ReplyContext("5eed", "their-model", 1_764_000_000)
STOP = Finish(Reason.STOP, "end_turn")
SEAL = Sealed("openai_chat-acme", "reasoning_content")


# ---------------------------------------------------------------------------------------- reading


def message(finish: str | None = "stop", **fields: Any) -> Response:
    choice = {"index": 0, "message": fields, "finish_reason": finish}
    body = {"id": "chatcmpl-1", "model": "m", "choices": [choice]}
    return PROTOCOL.decode_response(orjson.dumps(body), ISSUER)


CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1.0}'}}
SIGNED = CALL | {"extra_content": {"google": {"thought_signature": "s"}}}
PNG = {"image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}

READ: dict[str, tuple[dict[str, Any], tuple[Part, ...]]] = {
    "text": ({"content": "Hi"}, (Text("Hi"),)),
    "nothing": ({"content": None}, ()),
    "everything": (
        {"content": "x", "refusal": "no", "reasoning_content": "hm", "tool_calls": [CALL]},
        (Reasoning("hm", SEAL), Text("x"), Refusal("no"), ToolCall("c1", "f", '{"a": 1.0}')),
    ),
    "the other name": (
        {"content": "x", "reasoning": "hm"},
        (Reasoning("hm", Sealed("openai_chat-acme", "reasoning")), Text("x")),
    ),
    "a signature": (
        {"tool_calls": [SIGNED]},
        (ToolCall("c1", "f", '{"a": 1.0}', sealed=Sealed("acme", "s")),),
    ),
    "free text": (
        {"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "sh", "input": "ls"}}]},
        (ToolCall("c", "sh", "ls", kind=ToolKind.FREEFORM),),
    ),
    "the older form": (
        {"function_call": {"name": "f", "arguments": "{}"}},
        (ToolCall("call_chatcmpl1_0", "f", "{}"),),
    ),
    "no ids, arguments as an object": (
        {"tool_calls": [{"function": {"name": "f", "arguments": {"b": 1}}}, 7]},
        (ToolCall("call_chatcmpl1_0", "f", '{"b":1}'),),
    ),
    "a picture": (
        {"content": "x", "images": [PNG, {}]},
        (Text("x"), Media(MediaKind.IMAGE, Inline("iVBORw0KGgo="), "image/png")),
    ),
    "sound": (
        {"content": None, "audio": {"id": "a", "data": "AA"}},
        (Opaque("openai_chat", "audio", {"id": "a", "data": "AA"}),),
    ),
    "sources": (
        {
            "content": "x",
            "annotations": [
                {
                    "type": "url_citation",
                    "url_citation": {"url": "u", "title": "t", "start_index": 0, "end_index": 1},
                }
            ],
        },
        (Text("x", (Citation("u", "t", start=0, end=1),)),),
    ),
}


@pytest.mark.parametrize(("fields", "parts"), READ.values(), ids=READ)
def test_a_message_has_its_parts(fields: dict[str, Any], parts: tuple[Part, ...]) -> None:
    assert message(**fields).parts == parts


def test_finish_usage_and_failure_are_read() -> None:
    """7.1, 8.1: `stop` beside calls, buckets that are disjoint."""
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 7,
        "total_tokens": 17,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }
    body = {
        "id": "x",
        "model": "m",
        "choices": [{"index": 0, "message": {"tool_calls": [CALL]}, "finish_reason": "stop"}],
        "usage": usage,
    }
    response = PROTOCOL.decode_response(orjson.dumps(body), ISSUER)
    assert (response.id, response.model) == ("x", "m")
    assert response.finish == Finish(Reason.TOOL_CALLS, "stop")
    assert response.usage == Usage(
        input_tokens=6, cache_read_tokens=4, output_tokens=2, reasoning_tokens=5
    )
    failed = PROTOCOL.decode_response(b'{"error": {"message": "m", "code": "slow_down"}}', ISSUER)
    assert failed.failure is not None
    assert failed.failure.kind is Kind.OVERLOADED
    assert message(finish=None, content="x").finish is None


def test_only_the_first_choice_counts() -> None:
    choices = [
        {"index": 1, "message": {"content": "b"}},
        {"index": 0, "message": {"content": "a"}},
    ]
    response = PROTOCOL.decode_response(orjson.dumps({"choices": choices}), ISSUER)
    assert response.parts == (Text("a"),)


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b"[" * 5000])
def test_what_is_no_object_is_not_understood(body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        PROTOCOL.decode_response(body, ISSUER)


# ---------------------------------------------------------------------------------------- writing


def written(*parts: Part, **fields: Any) -> tuple[dict[str, Any], list[str]]:
    """The body, judged by the SDK's types, and the losses."""
    response = Response("id", "m", parts, **({"finish": STOP} | fields))
    sent = PROTOCOL.encode_response(response, CONTEXT)
    body = orjson.loads(sent.body)
    ChatCompletion.model_validate(body)
    return body, [str(loss) for loss in sent.losses]


def said(*parts: Part) -> dict[str, Any]:
    body, losses = written(*parts)
    assert losses == []
    found: dict[str, Any] = body["choices"][0]["message"]
    return found


def test_an_answer_is_written_as_the_vendor_writes_it() -> None:
    usage = Usage(input_tokens=6, cache_read_tokens=4, output_tokens=2, reasoning_tokens=5)
    body, losses = written(Text("Hi"), usage=usage)
    assert body == {
        "id": "chatcmpl-5eed",
        "object": "chat.completion",
        "created": 1_764_000_000,
        "model": "their-model",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Hi",
                    "refusal": None,
                    "annotations": [],
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 7,
            "total_tokens": 17,
            "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 5,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "system_fingerprint": None,
    }
    assert losses == []


def test_texts_and_calls_are_put_into_one_message() -> None:
    """1.11: pieces of one statement touch, what something parts is set apart."""
    calls = (ToolCall("c1", "f", ""), ToolCall("c2", "sh", "ls", kind=ToolKind.FREEFORM))
    assert said(Text("a"), Text("b"), calls[0], Text("c"), calls[1]) == {
        "role": "assistant",
        "content": "ab\n\nc",
        "refusal": None,
        "annotations": [],
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "c2", "type": "custom", "custom": {"name": "sh", "input": "ls"}},
        ],
    }
    assert said(calls[0])["content"] is None
    assert said()["content"] == ""


def test_reasoning_is_shown_and_its_seals_are_not() -> None:
    """6.4, 6.5"""
    thoughts = (
        Reasoning("a", Sealed("anthropic", "sig")),
        Reasoning("", Sealed("x", "y"), redacted=True),
        Reasoning("b"),
    )
    assert said(*thoughts, Text("x"))["reasoning_content"] == "a\n\nb"
    hidden = ReplyContext("5eed", "m", 1, show_reasoning=False)
    body = PROTOCOL.encode_response(Response(None, None, thoughts), hidden).body
    assert b"reasoning_content" not in body
    assert b"sig" not in body


def test_a_calls_seal_travels_where_clients_send_it_back() -> None:
    def signature(sealed: Sealed) -> Any:
        return said(ToolCall("c", "f", "{}", sealed=sealed))["tool_calls"][0]["extra_content"]

    assert signature(Sealed("gemini", "s")) == {"google": {"thought_signature": "s"}}
    carried = {"google": {"thought_signature": "clv1.acme.s"}}
    assert signature(Sealed("acme", "s")) == carried


def test_sources_are_at_their_places_in_the_whole_text() -> None:
    with_offsets = Text("bcd", (Citation("https://x", "X", start=1, end=2),))
    without = Text("ef", (Citation("https://y"),))
    search = SearchCall("s", ("q",), (Found("https://x"),))
    body, losses = written(Text("a"), search, with_offsets, without)
    cited = [one["url_citation"] for one in body["choices"][0]["message"]["annotations"]]
    assert cited == [
        {"end_index": 5, "start_index": 4, "title": "X", "url": "https://x"},
        {"end_index": 8, "start_index": 6, "title": "https://y", "url": "https://y"},
    ]
    assert losses == ["search=dropped"]


LOST: list[tuple[Part, str]] = [
    (Text("x", (Citation(quoted="q"),)), "citations=dropped"),
    (Media(MediaKind.AUDIO, Inline("AA")), "audio=dropped"),
    (Opaque("anthropic", "x", {}), "parts[].x=dropped"),
]


@pytest.mark.parametrize(("part", "loss"), LOST)
def test_what_an_answer_cannot_hold_is_reported(part: Part, loss: str) -> None:
    assert written(part)[1] == [loss]


def test_pictures_and_sound_have_their_places() -> None:
    picture = Media(MediaKind.IMAGE, Inline("iVBORw0KGgo="), "image/png")
    image = {"type": "image_url", "index": 0, **PNG}
    assert said(picture)["images"] == [image]
    sound = {"id": "a", "data": "AA", "expires_at": 1, "transcript": "x"}
    assert said(Opaque("openai_chat", "audio", sound))["audio"] == sound


CALLED = (ToolCall("c", "f", "{}"),)
FINISHES: list[tuple[Finish | None, tuple[Part, ...], str]] = [
    (Finish(Reason.STOP, None), (), "stop"),
    (Finish(Reason.STOP_SEQUENCE, None), (), "stop"),
    (Finish(Reason.LENGTH, None), CALLED, "length"),
    (Finish(Reason.CONTEXT_EXCEEDED, None), (), "length"),
    (Finish(Reason.TOOL_CALLS, None), CALLED, "tool_calls"),
    (Finish(Reason.TOOL_CALLS, None), (), "stop"),
    (Finish(Reason.STOP, None), CALLED, "tool_calls"),
    (Finish(Reason.REFUSAL, None), (Refusal("no"),), "content_filter"),
    (Finish(Reason.PAUSE, None), (), "stop"),
    (Finish(Reason.OTHER, None), (), "stop"),
    (None, (), "stop"),
    (None, CALLED, "tool_calls"),
]


@pytest.mark.parametrize(("finish", "parts", "word"), FINISHES)
def test_the_finish_agrees_with_the_message(
    finish: Finish | None, parts: tuple[Part, ...], word: str
) -> None:
    """7: the table, and a finish that says tools only where there are calls."""
    body, _ = written(*parts, finish=finish)
    assert body["choices"][0]["finish_reason"] == word


USAGES = [
    Usage(input_tokens=0, cache_read_tokens=0, output_tokens=0, reasoning_tokens=0),
    Usage(input_tokens=6, cache_read_tokens=4, output_tokens=2, reasoning_tokens=5),
    Usage(6, 4, 3, output_tokens=2, reasoning_tokens=0, image_output_tokens=9),
    Usage(6, 4, audio_input_tokens=70, output_tokens=2, reasoning_tokens=1, audio_output_tokens=9),
    Usage(6, 0, image_input_tokens=85, output_tokens=2, reasoning_tokens=0),
]


@pytest.mark.parametrize("usage", USAGES)
def test_usage_written_is_read_as_it_was(usage: Usage) -> None:
    assert read_usage(write_usage(usage)) == usage


def test_what_was_not_metered_is_not_in_the_way() -> None:
    """Cache writes of both lifetimes are one figure here, input without figures is 0."""
    both = write_usage(Usage(1, 2, 3, 4, output_tokens=5))
    assert both["prompt_tokens"] == 10
    assert both["prompt_tokens_details"]["cache_write_tokens"] == 7
    assert write_usage(Usage(output_tokens=1))["total_tokens"] == 1
    assert "usage" not in written(Text("x"))[0]


@pytest.mark.parametrize("case", WHOLE, ids=name)
def test_a_recording_read_and_written_is_read_the_same(case: Path) -> None:
    """But for what this dialect names itself, and the seals, which it cannot carry."""
    response = answer(case)
    again = PROTOCOL.decode_response(PROTOCOL.encode_response(response, CONTEXT).body, ISSUER)
    assert [type(part) for part in again.parts] == [type(part) for part in response.parts]
    texts = [part.text for part in response.parts if isinstance(part, Text | Reasoning)]
    assert [part.text for part in again.parts if isinstance(part, Text | Reasoning)] == texts


def test_the_vendors_sdk_reads_what_is_written() -> None:
    parts = (Reasoning("hm"), Text("x", (Citation("https://x"),)), ToolCall("c", "f", '{"a":1}'))
    content = PROTOCOL.encode_response(Response(None, None, parts), CONTEXT).body
    answered = httpx2.Response(200, headers={"content-type": "application/json"}, content=content)
    client = openai.OpenAI(
        api_key="k",
        base_url="http://u",
        http_client=httpx2.Client(transport=httpx2.MockTransport(lambda _: answered)),
    )
    completion = client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "Hi"}]
    )
    (choice,) = completion.choices
    assert (completion.model, choice.finish_reason) == ("their-model", "tool_calls")
    assert choice.message.content == "x"
    assert choice.message.annotations is not None
    assert choice.message.annotations[0].url_citation.url == "https://x"
    assert choice.message.tool_calls is not None
    (call,) = choice.message.tool_calls
    assert call.type == "function"
    assert call.function.arguments == '{"a":1}'
