"""Streams as Gemini writes them, held to the dialect's grammar; Google's SDK reads them."""

from dataclasses import replace

import httpx
import orjson
import pytest
from google import genai
from google.genai.errors import APIError
from google.genai.types import GenerateContentConfig, HttpOptions

from tests.translators.gemini_streams import (
    ARRAY,
    CASES,
    CONTEXT,
    FOREIGN,
    SSE,
    Json,
    check,
    chunks_of,
    decode,
    parts_in,
    payloads,
    read,
    write,
)
from tests.translators.replay import Stream, label
from translators.canonical.failure import Failure, Kind
from translators.canonical.finish import Finish, Reason
from translators.canonical.parts import (
    Citation,
    Found,
    Reasoning,
    Refusal,
    SearchCall,
    Text,
    ToolCall,
)
from translators.canonical.response import Response, fold, unfold
from translators.canonical.stream import (
    Begun,
    Ended,
    Failed,
    Finished,
    Metered,
    PartBegun,
    PartDelta,
    PartEnded,
    PartWhole,
    StreamEvent,
    Truncated,
)
from translators.canonical.usage import Usage
from translators.gemini import PROTOCOL
from translators.gemini.vocabulary import SPOKEN_ERRORS


def test_deltas_are_parts_and_calls_are_whole() -> None:
    """10.4: arguments wait until the call is complete."""
    encoder = PROTOCOL.stream_encoder(CONTEXT)
    said: list[list[Json]] = []
    for event in (
        Begun("id", "m"),
        PartBegun(0, Reasoning("")),
        PartDelta(0, "t"),
        PartEnded(0, FOREIGN),
        PartBegun(1, Text("")),
        PartDelta(1, "a"),
        PartDelta(1, "b"),
        PartEnded(1),
        PartBegun(2, ToolCall("c", "f", "")),
        PartDelta(2, '{"a"'),
        PartDelta(2, ":1}"),
        PartEnded(2),
        PartBegun(3, ToolCall("d", "g", "")),
        PartEnded(3),
        Metered(Usage(1, output_tokens=2)),
        Finished(Finish(Reason.TOOL_CALLS, "tool_use")),
        Ended(),
    ):
        data = encoder.write(event)
        said.append(parts_in(payloads(data)) if data else [])
    thought, signed = said[2][0], said[3][0]
    assert thought == {"text": "t", "thought": True}
    assert (signed["text"], signed["thought"]) == ("", True)
    assert said[5:8] == [[{"text": "a"}], [{"text": "b"}], []]
    assert said[8:11] == [[], [], []]
    assert said[11] == [{"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}}]
    assert said[13] == [{"functionCall": {"id": "d", "name": "g", "args": {}}}]
    assert said[14:] == [[], [], [{"text": ""}]]


def test_the_last_chunk_has_the_reason_the_usage_and_the_sources() -> None:
    events = [
        *unfold(
            Response(
                "id",
                "m",
                (
                    SearchCall("s", ("q",), (Found("https://a.org", "A"),)),
                    Text("Süß", (Citation("https://a.org"),)),
                ),
                Finish(Reason.STOP, None),
                Usage(1, 2, output_tokens=3, reasoning_tokens=4),
            )
        )
    ]
    chunks = payloads(write(events))
    check(chunks)
    assert "usageMetadata" not in chunks[0], "nothing was told yet"
    assert chunks[-1]["usageMetadata"]["totalTokenCount"] == 10
    (candidate,) = chunks[-1]["candidates"]
    assert candidate["finishReason"] == "STOP"
    assert candidate["groundingMetadata"]["groundingSupports"] == [
        {"segment": {"endIndex": 5, "text": "Süß"}, "groundingChunkIndices": [0]}
    ]


def test_the_estimate_of_the_input_is_told_until_the_figures_are_known() -> None:
    """8.7"""
    context = replace(CONTEXT, input_estimate=9)
    response = Response("id", "m", (Text("a"),), Finish(Reason.STOP, None), Usage(11))
    first, last = payloads(write(unfold(response), context))
    assert first["usageMetadata"]["promptTokenCount"] == 9
    assert last["usageMetadata"]["promptTokenCount"] == 11
    without = replace(response, usage=None)
    assert "usageMetadata" not in payloads(write(unfold(without), context))[-1]


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (Failed(Failure(Kind.OVERLOADED, "Busy.", retry_after_s=2)), 529),
        (Failed(Failure(Kind.RATE_LIMITED, "Slow down.")), 429),
        (Truncated(), 502),
    ],
)
def test_an_error_ends_the_stream(end: StreamEvent, code: int) -> None:
    """10.6, 10.7: no reason, and a call that is not complete is not told."""
    begun: list[StreamEvent] = [
        Begun("id", "m"),
        PartBegun(0, Text("")),
        PartDelta(0, "a"),
        PartEnded(0),
        PartBegun(1, ToolCall("c", "f", "")),
        PartDelta(1, '{"a":'),
    ]
    data = write([*begun, end])
    assert data.endswith(b"\r\n\r\n") and data.count(b"\n") == data.count(b"\r\n")
    chunks = payloads(data)
    check(chunks)
    assert [list(one) for one in chunks] == [
        ["candidates", "modelVersion", "responseId"],
        ["error"],
    ]
    assert chunks[-1]["error"]["code"] == code
    array = orjson.loads(write([*begun, end], replace(CONTEXT, sse=False)))
    assert array == chunks
    assert [
        one["error"]["code"] for one in orjson.loads(write([end], replace(CONTEXT, sse=False)))
    ] == [code]


def test_a_refusal_without_a_word_is_prompt_feedback() -> None:
    """7.5"""
    (only,) = chunks_of(finish=Finish(Reason.REFUSAL, "refusal"))
    assert only["promptFeedback"] == {"blockReason": "SAFETY"}
    said = chunks_of(Refusal("No."), finish=Finish(Reason.STOP, "completed"))
    assert said[-1]["candidates"][0]["finishReason"] == "SAFETY"


def test_a_json_array_grows_and_is_closed() -> None:
    """5.10"""
    context = replace(CONTEXT, sse=False)
    encoder = PROTOCOL.stream_encoder(context)
    assert encoder.content_type.startswith("application/json")
    assert PROTOCOL.stream_encoder(CONTEXT).content_type == "text/event-stream"
    response = Response("id", "m", (Text("a"), ToolCall("c", "f", "{}")), Finish(Reason.STOP, None))
    data = b"\r\n".join(encoder.write(event) for event in unfold(response))
    chunks = orjson.loads(data)
    check(chunks)
    assert chunks == payloads(write(unfold(response)))
    assert fold(read(ARRAY, [data])).parts == (Text("a"), ToolCall("c", "f", "{}"))


@pytest.mark.parametrize("sse", [True, False])
@pytest.mark.parametrize("stream", CASES, ids=label)
def test_recordings_written_again_say_the_same(stream: Stream, sse: bool) -> None:
    """Parts that the dialect itself has come out as they went in, seals included."""
    events = decode(stream, [stream.data])
    data = write(events, replace(CONTEXT, sse=sse))
    chunks = payloads(data) if sse else orjson.loads(data)
    check(chunks)
    again = fold(read(SSE if sse else ARRAY, [data]))
    before = fold(events)
    if isinstance(events[-1], Truncated):
        assert again.failure is not None
    elif before.failure is not None:
        assert again.failure is not None
        assert SPOKEN_ERRORS[again.failure.kind] == SPOKEN_ERRORS[before.failure.kind]
    else:
        searches = [p for p in again.parts if isinstance(p, SearchCall)]
        assert len(searches) == sum(isinstance(p, SearchCall) for p in before.parts)
        kept = [p for p in before.parts if not isinstance(p, SearchCall | Refusal)]
        assert [p for p in again.parts if not isinstance(p, SearchCall)] == kept
        assert again.finish is not None
        assert before.finish is not None
        expected = Reason.STOP if before.finish.unified is Reason.PAUSE else before.finish.unified
        assert again.finish.unified is expected


# ------------------------------------------------------------------------------------- Google's SDK


def models(data: bytes) -> genai.models.Models:
    headers = {"content-type": "text/event-stream"}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, content=data))
    options = HttpOptions(base_url="http://g", httpx_client=httpx.Client(transport=transport))
    return genai.Client(api_key="k", http_options=options).models


CONFIG = GenerateContentConfig(automatic_continuation=False)
ANSWER = Response(
    "id",
    "m",
    (
        Reasoning("t", FOREIGN),
        Text("a\u2028b\u0085c\n\ndata: d"),
        ToolCall("c", "f", '{"n":1}'),
    ),
    Finish(Reason.TOOL_CALLS, "tool_use"),
    Usage(10, 5, output_tokens=7, reasoning_tokens=3),
)


def test_the_sdk_reads_a_stream_with_signs_of_life_in_it() -> None:
    """10.5, 10.5b"""
    encoder = PROTOCOL.stream_encoder(CONTEXT)
    data = encoder.ping() + encoder.ping()
    for event in unfold(ANSWER):
        data += encoder.write(event) + (encoder.ping() or b"")
    chunks = list(models(data).generate_content_stream(model="m", contents="Hi", config=CONFIG))
    read_parts = [
        part
        for c in chunks
        for part in (c.candidates[0].content.parts or ())  # type: ignore[index, union-attr]
    ]
    texts = [part.text for part in read_parts if part.text and not part.thought]
    assert "".join(texts) == "a\u2028b\u0085c\n\ndata: d"
    calls = [part.function_call for part in read_parts if part.function_call]
    assert [(call.name, call.args) for call in calls] == [("f", {"n": 1})]
    last = chunks[-1]
    assert last.candidates is not None
    assert last.candidates[0].finish_reason == "STOP"
    assert last.usage_metadata is not None
    assert last.usage_metadata.prompt_token_count == 15


def test_the_sdks_chat_sends_back_what_it_heard() -> None:
    """Every chunk is a content of its own in its history, and none is thrown away."""
    data = write(unfold(ANSWER))
    sent: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.read())
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=data)

    client = httpx.Client(transport=httpx.MockTransport(answer))
    options = HttpOptions(base_url="http://g", httpx_client=client)
    chat = genai.Client(api_key="k", http_options=options).chats.create(model="m", config=CONFIG)
    for said in ("one", "two"):
        assert list(chat.send_message_stream(said))
    request = PROTOCOL.decode_request(sent[1])
    assert request.turns[1].parts[0] == Reasoning("t", FOREIGN)
    call = request.turns[1].parts[2]
    assert isinstance(call, ToolCall)
    assert (call.id, call.name, call.arguments) == ("c", "f", '{"n":1}')


def test_the_sdk_raises_for_an_error_in_a_stream() -> None:
    failed: list[StreamEvent] = [Begun("i", "m"), PartBegun(0, Text("")), PartDelta(0, "a")]
    data = write([*failed, Failed(Failure(Kind.RATE_LIMITED, "Slow down."))])
    stream = models(data).generate_content_stream(model="m", contents="Hi", config=CONFIG)
    assert next(iter(stream)).text == "a"
    with pytest.raises(APIError) as raised:
        list(stream)
    assert raised.value.code == 429


def test_whole_parts_of_a_stream() -> None:
    """What comes at once, also where a decoder gives text so."""
    events: list[StreamEvent] = [
        Begun("i", "m"),
        PartWhole(0, Reasoning("t", FOREIGN)),
        PartWhole(1, Text("a", (Citation("https://a.org"),))),
        PartWhole(2, ToolCall("c", "f", '{"n":1}')),
        PartWhole(3, Reasoning("", FOREIGN, redacted=True)),
        Finished(Finish(Reason.STOP, None)),
        Ended(),
    ]
    chunks = payloads(write(events))
    check(chunks)
    found = parts_in(chunks)
    assert [part.get("text") for part in found] == ["t", "", "a", None, "", ""]
    assert found[3]["functionCall"]["args"] == {"n": 1}
    assert "groundingMetadata" in chunks[-1]["candidates"][0]
