"""Whole answers as Gemini writes them; Google's SDK reads them."""

import base64
from dataclasses import replace
from typing import Any

import httpx
import orjson
import pytest
from google import genai
from google.genai.types import GenerateContentConfig, GenerateContentResponse, HttpOptions

from translators.canonical.finish import Finish, Reason
from translators.canonical.parts import (
    Citation,
    Filed,
    Found,
    Inline,
    Located,
    Media,
    MediaKind,
    Opaque,
    Part,
    Plain,
    Reasoning,
    Refusal,
    SearchCall,
    Text,
    ToolCall,
    ToolKind,
    ToolResult,
)
from translators.canonical.reply import ReplyContext
from translators.canonical.response import Response
from translators.canonical.sealed import Sealed
from translators.canonical.usage import Usage
from translators.carry import opened_base64
from translators.gemini import PROTOCOL
from translators.gemini.usage import read_usage, write_usage

Json = dict[str, Any]
CONTEXT = ReplyContext("5f0c2a91d7", "the-alias", 1_764_000_000)
SIGNATURE = base64.b64encode(b"own").decode()
OWN = Sealed("gemini", SIGNATURE)
FOREIGN = Sealed("claude", "Er8+/~")
STOP = Finish(Reason.STOP, "end_turn")


def encode(
    *parts: Part,
    finish: Finish | None = STOP,
    usage: Usage | None = None,
    context: ReplyContext = CONTEXT,
) -> tuple[Json, list[str]]:
    encoded = PROTOCOL.encode_response(Response("id", "m", parts, finish, usage), context)
    body: Json = orjson.loads(encoded.body)
    GenerateContentResponse.model_validate(body)
    return body, [str(loss) for loss in encoded.losses]


def written(*parts: Part, **more: Any) -> list[Json]:
    body, _ = encode(*parts, **more)
    found: list[Json] = body["candidates"][0]["content"].get("parts", [])
    return found


def test_a_whole_answer_has_everything_that_google_sends() -> None:
    usage = Usage(10, 90, 5, output_tokens=7, reasoning_tokens=3)
    body, losses = encode(Text("a"), usage=usage)
    assert body == {
        "candidates": [
            {
                "content": {"parts": [{"text": "a"}], "role": "model"},
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 105,
            "candidatesTokenCount": 7,
            "totalTokenCount": 115,
            "cachedContentTokenCount": 90,
            "thoughtsTokenCount": 3,
        },
        "modelVersion": "the-alias",
        "responseId": body["responseId"],
    }
    assert len(body["responseId"]) == 23
    assert losses == []


USAGES = [
    Usage(),
    Usage(0, 0, output_tokens=0, reasoning_tokens=0),
    Usage(10, 90, output_tokens=7, reasoning_tokens=3),
    Usage(10, output_tokens=7, image_output_tokens=1_290),
    Usage(10, 90, image_input_tokens=258, audio_input_tokens=64, output_tokens=7),
    Usage(10, output_tokens=0, reasoning_tokens=3, audio_output_tokens=75),
    Usage(output_tokens=7),
]


@pytest.mark.parametrize("usage", USAGES)
def test_usage_is_read_as_it_was_written(usage: Usage) -> None:
    """8.1, 8.3: what is zero need not be told apart from what was not reported."""
    read = read_usage(write_usage(usage), None) or Usage()

    def figures(one: Usage) -> list[int]:
        return [getattr(one, name) or 0 for name in one.__dataclass_fields__]

    assert figures(read) == figures(usage)


def test_parts_in_their_order() -> None:
    """1.11, 1.12"""
    assert written(
        Reasoning("t"),
        Text("a"),
        Text("b"),
        ToolCall("c1", "f", '{"b":1,"a":2}', sealed=OWN),
        Text("d", sealed=OWN),
        ToolCall("c2", "g", ""),
        Media(MediaKind.IMAGE, Inline("AAAA"), "image/png"),
        Opaque("gemini", "executableCode", {"executableCode": {"code": "1"}}),
    ) == [
        {"text": "t", "thought": True},
        {"text": "ab"},
        {
            "functionCall": {"id": "c1", "name": "f", "args": {"b": 1, "a": 2}},
            "thoughtSignature": SIGNATURE,
        },
        {"text": "d", "thoughtSignature": SIGNATURE},
        {"functionCall": {"id": "c2", "name": "g", "args": {}}},
        {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
        {"executableCode": {"code": "1"}},
    ]


def carried(part: Json) -> Sealed:
    return opened_base64(part["thoughtSignature"], "gemini")


def test_a_seal_of_unseen_reasoning_goes_on_the_call_after_it() -> None:
    """6.5, 6.15: that signature every client sends back."""
    call = ToolCall("c", "f", "{}")
    (signed,) = written(Reasoning("", FOREIGN), call)
    assert carried(signed) == FOREIGN
    text, alone = written(Text("a"), Reasoning("", FOREIGN))
    assert (text, alone["text"], carried(alone)) == ({"text": "a"}, "", FOREIGN)
    first, second, signed = written(
        Reasoning("", FOREIGN), Reasoning("", Sealed("claude", "x")), replace(call, sealed=OWN)
    )
    assert [first["text"], second["text"]] == ["", ""]
    assert signed["thoughtSignature"] == SIGNATURE
    assert carried(second) == Sealed("claude", "x")


def test_a_seal_of_shown_reasoning_stays_with_its_text() -> None:
    thought, call = written(Reasoning("hm", FOREIGN), ToolCall("c", "f", "{}"))
    assert (thought["text"], thought["thought"], carried(thought)) == ("hm", True, FOREIGN)
    assert "thoughtSignature" not in call


def test_thoughts_are_not_shown_to_a_caller_who_did_not_ask() -> None:
    hidden = replace(CONTEXT, echo={"includeThoughts": False})
    body, losses = encode(Reasoning("hm", FOREIGN), Text("a"), context=hidden)
    assert body["candidates"][0]["content"]["parts"] == [{"text": "a"}]
    assert losses == ["reasoning=dropped"]
    (signed,) = written(Reasoning("", FOREIGN), ToolCall("c", "f", "{}"), context=hidden)
    assert carried(signed) == FOREIGN


SEALS: list[Part] = [
    Reasoning("", FOREIGN),
    Reasoning("hm", FOREIGN),
    Reasoning("", FOREIGN, redacted=True),
    Reasoning("hm", OWN),
    Text("a", sealed=OWN),
]


@pytest.mark.parametrize("part", SEALS)
@pytest.mark.parametrize("called", [True, False])
def test_seals_survive_the_way_through_a_client(part: Part, called: bool) -> None:
    """What a Gemini client sends back of an answer is what the answer had."""
    call = (ToolCall("c", "f", "{}"),) if called else ()
    parts = written(part, *call)
    history = {"contents": [{"parts": [{"text": "a"}]}, {"role": "model", "parts": parts}]}
    request = PROTOCOL.decode_request(orjson.dumps(history))
    assert request.turns[1].parts == (part, *call)


@pytest.mark.parametrize(
    ("call", "args"),
    [
        (ToolCall("c", "f", '{"a":'), {"input": '{"a":'}),
        (ToolCall("c", "f", "[1]"), {"input": [1]}),
        (ToolCall("c", "f", "a\nb", ToolKind.FREEFORM), {"input": "a\nb"}),
    ],
)
def test_arguments_that_are_no_object(call: ToolCall, args: Json) -> None:
    """2.9"""
    body, losses = encode(call)
    assert body["candidates"][0]["content"]["parts"][0]["functionCall"]["args"] == args
    assert losses == ["arguments=changed"]


def test_what_cannot_be_said_is_a_loss() -> None:
    body, losses = encode(
        Text("a", (Citation(issuer="openai", native={"type": "container_file_citation"}),)),
        Opaque("claude", "container", {}),
        ToolResult("c", ()),
        Media(MediaKind.IMAGE, Filed("openai", "file-1")),
        Media(MediaKind.IMAGE, Filed("gemini", "gs://b/a"), "image/png"),
        Media(MediaKind.IMAGE, Located("https://x.org/a.png")),
        Media(MediaKind.DOCUMENT, Plain("p")),
    )
    assert body["candidates"][0]["content"]["parts"][1:] == [
        {"fileData": {"mimeType": "image/png", "fileUri": "gs://b/a"}},
        {"fileData": {"mimeType": "image/png", "fileUri": "https://x.org/a.png"}},
        {"text": "p"},
    ]
    assert losses == [
        "citations=dropped",
        "parts[].container=dropped",
        "tool_result=dropped",
        "image=dropped",
    ]


WORDS: list[tuple[Finish | None, str]] = [
    (None, "STOP"),
    (Finish(Reason.STOP, "end_turn"), "STOP"),
    (Finish(Reason.TOOL_CALLS, "tool_use"), "STOP"),
    (Finish(Reason.STOP_SEQUENCE, "stop_sequence"), "STOP"),
    (Finish(Reason.PAUSE, "pause_turn"), "STOP"),
    (Finish(Reason.PAUSE, "CONTINUATION"), "STOP"),
    (Finish(Reason.LENGTH, "length"), "MAX_TOKENS"),
    (Finish(Reason.CONTEXT_EXCEEDED, None), "MAX_TOKENS"),
    (Finish(Reason.REFUSAL, "content_filter"), "SAFETY"),
    (Finish(Reason.REFUSAL, "RECITATION"), "RECITATION"),
    (Finish(Reason.OTHER, "odd"), "OTHER"),
]


@pytest.mark.parametrize(("finish", "word"), WORDS)
def test_the_word_for_why_it_stopped(finish: Finish | None, word: str) -> None:
    body, _ = encode(Text("a"), finish=finish)
    assert body["candidates"][0]["finishReason"] == word


def test_refusals() -> None:
    """7.5, 7.6"""
    refused = Finish(Reason.REFUSAL, "refusal")
    body, _ = encode(finish=refused)
    assert "candidates" not in body
    assert body["promptFeedback"] == {"blockReason": "SAFETY"}
    body, _ = encode(finish=Finish(Reason.REFUSAL, "PROHIBITED_CONTENT"))
    assert body["promptFeedback"] == {"blockReason": "PROHIBITED_CONTENT"}
    body, _ = encode(Refusal("I cannot."), finish=STOP)
    candidate = body["candidates"][0]
    assert candidate["content"]["parts"] == [{"text": "I cannot."}]
    assert candidate["finishReason"] == "SAFETY"
    body, _ = encode(Text("Well"), Refusal("No."), finish=Finish(Reason.REFUSAL, "refusal"))
    candidate = body["candidates"][0]
    assert candidate["content"]["parts"] == [{"text": "Well"}]
    assert candidate["finishMessage"] == "No."


def test_nothing_said_for_want_of_tokens() -> None:
    body, _ = encode(finish=Finish(Reason.LENGTH, "length"))
    assert body["candidates"][0]["content"] == {"role": "model"}


def test_searches_and_citations() -> None:
    """2.19: measured in bytes of the text that the client sees in one part."""
    body, _ = encode(
        SearchCall("s", ("q1", "q2"), (Found("https://a.org", "A"), Found("https://b.org"))),
        Text("Süß. ", (Citation("https://b.org"),)),
        Text("Sour.", (Citation("https://c.org", "C", start=0, end=4), Citation(quoted="Q"))),
    )
    assert body["candidates"][0]["content"]["parts"] == [{"text": "Süß. Sour."}]
    assert body["candidates"][0]["groundingMetadata"] == {
        "webSearchQueries": ["q1", "q2"],
        "groundingChunks": [
            {"web": {"uri": "https://a.org", "title": "A"}},
            {"web": {"uri": "https://b.org"}},
            {"web": {"uri": "https://c.org", "title": "C"}},
            {"retrievedContext": {"text": "Q"}},
        ],
        "groundingSupports": [
            {"segment": {"endIndex": 7, "text": "Süß. "}, "groundingChunkIndices": [1]},
            {
                "segment": {"startIndex": 7, "endIndex": 11, "text": "Sour"},
                "groundingChunkIndices": [2],
            },
            {
                "segment": {"startIndex": 7, "endIndex": 12, "text": "Sour."},
                "groundingChunkIndices": [3],
            },
        ],
    }
    body, _ = encode(Reasoning("t"), Text("a", (Citation("https://a.org"),)))
    (support,) = body["candidates"][0]["groundingMetadata"]["groundingSupports"]
    assert support["segment"] == {"partIndex": 1, "endIndex": 1, "text": "a"}


def models(body: bytes) -> genai.models.Models:
    """Google's SDK with this answer to whatever it asks."""
    headers = {"content-type": "application/json"}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, content=body))
    options = HttpOptions(base_url="http://g", httpx_client=httpx.Client(transport=transport))
    return genai.Client(api_key="k", http_options=options).models


def test_the_sdk_reads_what_is_written() -> None:
    response = Response(
        "id",
        "m",
        (
            Reasoning("t", FOREIGN),
            Text("a"),
            ToolCall("c", "f", '{"n":1}', sealed=FOREIGN),
        ),
        Finish(Reason.TOOL_CALLS, "tool_use"),
        Usage(10, 5, output_tokens=7, reasoning_tokens=3),
    )
    body = PROTOCOL.encode_response(response, CONTEXT).body
    config = GenerateContentConfig(automatic_continuation=False)
    read = models(body).generate_content(model="m", contents="Hi", config=config)
    assert read.text == "a"
    assert read.function_calls is not None
    assert [(call.id, call.name, call.args) for call in read.function_calls] == [
        ("c", "f", {"n": 1})
    ]
    assert read.usage_metadata is not None
    assert read.usage_metadata.thoughts_token_count == 3
    assert read.candidates is not None
    assert read.candidates[0].content is not None
    back = read.candidates[0].content.model_dump(mode="json", by_alias=True, exclude_none=True)
    history = {"contents": [{"parts": [{"text": "Hi"}]}, back]}
    request = PROTOCOL.decode_request(orjson.dumps(history))
    assert request.turns[1].parts == (
        Reasoning("t", FOREIGN),
        Text("a"),
        Reasoning("", FOREIGN),
        ToolCall("c", "f", '{"n":1}'),
    )


def test_the_sdk_reads_a_refusal_and_a_count() -> None:
    refused = Response("id", "m", (), Finish(Reason.REFUSAL, "refusal"))
    body = PROTOCOL.encode_response(refused, CONTEXT).body
    read = models(body).generate_content(model="m", contents="Hi")
    assert read.prompt_feedback is not None
    assert read.prompt_feedback.block_reason is not None
    assert PROTOCOL.counting is not None
    counted = models(PROTOCOL.counting.render(31)).count_tokens(model="m", contents="Hi")
    assert counted.total_tokens == 31
