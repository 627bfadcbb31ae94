"""Chat Completions streams, written: the wire's grammar, the ends, the vendor's SDK as judge."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx2
import openai
import orjson
import pytest

from tests.translators.openai_chat_grammar import broken_off, complete, payloads
from tests.translators.openai_chat_reading import PAIRED, answer, heard, name, stream
from translators.canonical.failure import Failure, Kind
from translators.canonical.finish import Finish, Reason
from translators.canonical.parts import (
    Citation,
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
from translators.canonical.response import Response, unfold
from translators.canonical.sealed import Sealed
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
from translators.openai_chat import PROTOCOL

CONTEXT = ReplyContext("5eed", "their-model", 1_764_000_000)
SILENT = ReplyContext("5eed", "m", 1, include_usage=False, show_reasoning=False)
STOP = Finished(Finish(Reason.STOP, "end_turn"))
USAGE = Usage(input_tokens=3, output_tokens=2)


def told(events: Iterable[StreamEvent], context: ReplyContext = CONTEXT) -> bytes:
    encoder = PROTOCOL.stream_encoder(context)
    return b"".join(encoder.write(event) for event in events)


def of(*parts: Part) -> Response:
    return Response(None, None, parts, STOP.finish, USAGE)


def whole(response: Response, context: ReplyContext = CONTEXT) -> dict[str, Any]:
    body = orjson.loads(PROTOCOL.encode_response(response, context).body)
    found: dict[str, Any] = body["choices"][0]
    return found


EVERYTHING = of(
    Reasoning("hm", Sealed("anthropic", "sig")),
    Reasoning("mm"),
    Text("So ", (Citation("https://x", "X", start=0, end=2),)),
    Text("it is.", (Citation("https://y"), Citation(quoted="q"))),
    SearchCall("s", ("q",)),
    Text("Then:"),
    ToolCall("c1", "f", '{"a":1}', sealed=Sealed("gemini", "s")),
    ToolCall("c2", "sh", "ls\n", kind=ToolKind.FREEFORM),
    ToolCall("c3", "g", ""),
    Media(MediaKind.IMAGE, Inline("iVBORw0KGgo="), "image/png"),
    Refusal("No."),
    Text("😀\u2028"),
)


@pytest.mark.parametrize("context", [CONTEXT, SILENT], ids=["all shown", "little shown"])
def test_a_stream_adds_up_to_the_whole_answer(context: ReplyContext) -> None:
    streamed = complete(told(unfold(EVERYTHING), context), usage=context.include_usage)
    message = {key: value for key, value in whole(EVERYTHING, context)["message"].items() if value}
    message.pop("role")
    assert streamed["message"] == message
    assert streamed["finish_reason"] == "tool_calls"


@pytest.mark.parametrize("case", PAIRED, ids=name)
def test_a_recording_is_written_as_a_stream_that_adds_up(case: Path) -> None:
    streamed = complete(told(heard([stream(case)])), usage=True)
    expected = whole(answer(case))
    message = {key: value for key, value in expected["message"].items() if value}
    message.pop("role")
    added = {key: value for key, value in streamed["message"].items() if value}
    assert added == message
    assert streamed["finish_reason"] == expected["finish_reason"]


def test_the_bytes_of_a_stream() -> None:
    events: list[StreamEvent] = [Begun("x", "y"), PartBegun(0, Text("")), PartDelta(0, "Hi")]
    first, second, finish, usage, done = payloads(
        told([*events, PartEnded(0), Metered(USAGE), STOP, Ended()])
    )
    base = (
        '{"id":"chatcmpl-5eed","object":"chat.completion.chunk","created":1764000000,'
        '"model":"their-model","system_fingerprint":null,"choices":['
    )
    end = ',"logprobs":null,"finish_reason":null}],"usage":null}'
    role = '{"index":0,"delta":{"role":"assistant","content":"","refusal":null}'
    assert first == base + role + end
    assert second == base + '{"index":0,"delta":{"content":"Hi"}' + end
    assert finish == base + '{"index":0,"delta":{}' + end.replace("null}]", '"stop"}]')
    assert usage.startswith(base + '],"usage":{"prompt_tokens":3,"completion_tokens":2,')
    assert done == "[DONE]"


def test_usage_is_sent_to_those_who_asked() -> None:
    """8.5: and never figures that nobody gave."""
    events = list(unfold(of(Text("x"))))
    assert complete(told(events), usage=True)["usage"]["total_tokens"] == 5
    assert complete(told(events, SILENT), usage=False)["usage"] is None
    unmetered = [event for event in events if not isinstance(event, Metered)]
    assert complete(told(unmetered), usage=True)["usage"] is None


def test_later_figures_replace_earlier_ones() -> None:
    metered = [Metered(Usage(input_tokens=3, output_tokens=1)), Metered(Usage(output_tokens=9))]
    assert complete(told([Begun(None, None), *metered, Ended()]), usage=True)["usage"] == {
        "prompt_tokens": 3,
        "completion_tokens": 9,
        "total_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def test_calls_open_side_by_side_keep_their_indexes() -> None:
    """10.3: indexes count calls, whatever else stands between them."""
    events: list[StreamEvent] = [
        Begun(None, None),
        PartBegun(7, Text("")),
        PartDelta(7, "x"),
        PartEnded(7),
        PartBegun(8, ToolCall("a", "f", "")),
        PartBegun(9, ToolCall("b", "g", "")),
        PartDelta(9, "{"),
        PartDelta(8, "1"),
        PartDelta(9, "}"),
        PartEnded(9),
        PartEnded(8),
        Ended(),
    ]
    calls = complete(told(events), usage=True)["message"]["tool_calls"]
    assert [call["function"] for call in calls] == [
        {"name": "f", "arguments": "1"},
        {"name": "g", "arguments": "{}"},
    ]


FAILURE = Failure(Kind.OVERLOADED, "Busy.")
ENDS: list[tuple[StreamEvent, str]] = [
    (Failed(FAILURE), "Busy."),
    (Truncated(), "The upstream broke off its answer."),
]


@pytest.mark.parametrize(("end", "message"), ENDS)
def test_an_answer_that_breaks_off_ends_with_an_error(end: StreamEvent, message: str) -> None:
    """10.6, 10.7: also where a finish had been said; then nothing more."""
    events = list(unfold(of(Text("x"))))[:-1]
    assert isinstance(events[-1], Finished)
    assert broken_off(told([*events, end, end, Ended()]))["message"] == message
    assert broken_off(told([end]))["message"] == message


def test_a_finish_that_is_an_error_is_not_an_end() -> None:
    gone_wrong = Finished(Finish(Reason.ERROR, "error"))
    assert broken_off(told([Begun(None, None), gone_wrong, Ended()]))["code"] == "upstream_error"


def test_nothing_is_written_after_the_end() -> None:
    encoder = PROTOCOL.stream_encoder(CONTEXT)
    assert encoder.write(Ended()).endswith(b"data: [DONE]\n\n")
    assert encoder.write(Ended()) == b""
    assert encoder.write(Truncated()) == b""


def test_signs_of_life_and_the_type_of_the_stream() -> None:
    encoder = PROTOCOL.stream_encoder(CONTEXT)
    assert encoder.ping() == b": ping\n\n"
    assert encoder.content_type.startswith("text/event-stream")


def test_losses_are_those_of_the_whole_answer() -> None:
    parts = (
        *EVERYTHING.parts,
        Opaque("anthropic", "x", {}),
        Media(MediaKind.DOCUMENT, Inline("AA")),
    )
    encoder = PROTOCOL.stream_encoder(CONTEXT)
    for event in unfold(of(*parts)):
        encoder.write(event)
    losses = PROTOCOL.encode_response(of(*parts), CONTEXT).losses
    assert {str(loss) for loss in encoder.losses} == {str(loss) for loss in losses}
    assert len(losses) == 4


def test_parts_that_come_at_once_are_written_like_others() -> None:
    parts: list[Part] = [
        Text("a", (Citation("https://x"),)),
        Refusal("r"),
        Reasoning("hm"),
        Reasoning("", redacted=True),
        ToolCall("c", "f", "", sealed=Sealed("gemini", "s")),
        Opaque("openai_chat", "audio", {"id": "a"}),
    ]
    at_once = [PartWhole(key, part) for key, part in enumerate(parts)]
    streamed = complete(told([Begun(None, None), *at_once, STOP, Ended()]), usage=True)
    expected = {key: value for key, value in whole(of(*parts))["message"].items() if value}
    expected.pop("role")
    assert streamed["message"] == expected


# ------------------------------------------------------------------------------- the vendor's SDK


def client(content: bytes) -> openai.OpenAI:
    headers = {"content-type": "text/event-stream"}
    transport = httpx2.MockTransport(
        lambda _: httpx2.Response(200, headers=headers, content=content)
    )
    return openai.OpenAI(
        api_key="k", base_url="http://u", http_client=httpx2.Client(transport=transport)
    )


ASKED: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


def test_the_sdks_helper_puts_the_stream_together() -> None:
    parts = (
        Reasoning("hm"),
        Text("Hello ", (Citation("https://x"), Citation("https://y"))),
        Text("there"),
        ToolCall("c1", "f", '{"a":1}', sealed=Sealed("gemini", "s")),
        ToolCall("c2", "g", ""),
    )
    encoder = PROTOCOL.stream_encoder(CONTEXT)
    content = b"".join(encoder.ping() + encoder.write(event) for event in unfold(of(*parts)))
    with client(content).chat.completions.stream(**ASKED) as events:
        completion = events.get_final_completion()
    (choice,) = completion.choices
    assert (completion.id, completion.model) == ("chatcmpl-5eed", "their-model")
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == "Hello there"
    assert choice.message.tool_calls is not None
    assert [(c.id, c.function.name, c.function.arguments) for c in choice.message.tool_calls] == [
        ("c1", "f", '{"a":1}'),
        ("c2", "g", "{}"),
    ]
    assert completion.usage is not None
    assert completion.usage.total_tokens == 5
    extra = choice.message.model_extra
    assert extra is not None
    assert extra["reasoning_content"] == "hm"


def test_the_sdk_raises_what_broke_off() -> None:
    content = told([*list(unfold(of(Text("x"))))[:-1], Truncated()])
    with (
        client(content).chat.completions.create(**ASKED, stream=True) as chunks,
        pytest.raises(openai.APIError, match="broke off"),
    ):
        list(chunks)
