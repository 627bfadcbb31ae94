"""Messages streams, written: every event is held to the dialect's grammar, and Anthropic's own SDK
reads them through its stream helper."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import anthropic
import httpx2
import orjson
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter

from tests.translators.replay import Stream, label
from tests.translators.test_anthropic_streams import CONTEXT, PAIRED, SSE, canonical, read
from translators.anthropic import PROTOCOL
from translators.canonical.failure import Failure, Kind
from translators.canonical.finish import Finish, Reason
from translators.canonical.parts import (
    Citation,
    Found,
    Part,
    Reasoning,
    Refusal,
    SearchCall,
    Text,
    ToolCall,
    ToolKind,
)
from translators.canonical.reply import ReplyContext
from translators.canonical.response import Response, fold, unfold
from translators.canonical.sealed import Sealed
from translators.canonical.stream import (
    Begun,
    Ended,
    Failed,
    Finished,
    Metered,
    PartBegun,
    PartCited,
    PartDelta,
    PartEnded,
    PartWhole,
    StreamEvent,
    Truncated,
)
from translators.canonical.usage import Usage

Json = dict[str, Any]


def wire(data: bytes) -> list[Json]:
    """The events of a stream, each held to the grammar of the dialect."""
    events: list[Json] = []
    for chunk in data.decode().split("\n\n")[:-1]:
        name, _, payload = chunk.partition("\n")
        event = orjson.loads(payload.removeprefix("data: "))
        assert name == f"event: {event['type']}" and payload.startswith("data: ")
        if event["type"] != "error":
            TypeAdapter(RawMessageStreamEvent).validate_python(event)
        events.append(event)
    return events


def check(events: Sequence[Json]) -> None:
    """message_start (start delta* stop)* message_delta message_stop, or an error anywhere."""
    kinds = [event["type"] for event in events]
    assert kinds.count("message_start") == (kinds[0] == "message_start")
    opened, index = False, -1
    for event in events[:-1] if kinds[-1] == "error" else events[:-2]:
        match event["type"]:
            case "message_start":
                assert event is events[0]
            case "content_block_start":
                index += 1
                assert not opened and event["index"] == index
                opened = True
                block = event["content_block"]
            case "content_block_delta":
                assert opened and event["index"] == index
                assert event["delta"]["type"] in DELTAS.get(block["type"], ())
                assert block.get("signed") is None, "nothing follows the signature"
                if event["delta"]["type"] == "signature_delta":
                    block["signed"] = True
            case "content_block_stop":
                assert opened and event["index"] == index
                opened = False
            case other:
                raise AssertionError(f"{other} in the middle")
    if kinds[-1] != "error":
        assert not opened and kinds[-2:] == ["message_delta", "message_stop"]


DELTAS = {
    "text": ("text_delta", "citations_delta"),
    "thinking": ("thinking_delta", "signature_delta"),
    "tool_use": ("input_json_delta",),
    "server_tool_use": ("input_json_delta",),
}


def write(events: Iterable[StreamEvent], context: ReplyContext = CONTEXT) -> bytes:
    encoder = PROTOCOL.stream_encoder(context)
    assert encoder.content_type == SSE
    return b"".join(encoder.write(event) for event in events)


def put_together(data: bytes) -> Message:
    """What the SDK's own helper makes of a stream."""
    transport = httpx2.MockTransport(
        lambda _: httpx2.Response(200, headers={"content-type": SSE}, content=data)
    )
    client = anthropic.Anthropic(api_key="k", http_client=httpx2.Client(transport=transport))
    with client.messages.stream(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "Hi"}]
    ) as stream:
        return stream.get_final_message()


KNOWN = [
    stream for stream in PAIRED if stream.folder.name not in ("compaction_beta", "error_in_stream")
]


@pytest.mark.parametrize("stream", KNOWN, ids=label)
def test_the_sdk_reads_what_is_written(stream: Stream) -> None:
    """19: whole and streamed, through the SDK, the same message."""
    events = read([stream.data])
    data = write(events)
    check(wire(data))
    streamed = put_together(data)
    response = replace(fold(events), parts=canonical(fold(events)).parts)
    whole = Message.model_validate_json(PROTOCOL.encode_response(response, CONTEXT).body)
    for field in ("id", "model", "role", "content", "stop_reason", "stop_sequence", "stop_details"):
        assert plain(getattr(streamed, field)) == plain(getattr(whole, field)), field
    figures = ("input_tokens", "output_tokens", "cache_read_input_tokens", "server_tool_use")
    for figure in figures:
        assert plain(getattr(streamed.usage, figure)) == plain(getattr(whole.usage, figure))


def plain(value: Any) -> Any:
    if isinstance(value, list):
        return [plain(item) for item in value]
    if hasattr(value, "model_dump"):
        return value.model_dump(exclude_none=True, exclude={"parsed_output"})
    return value


PARTS: tuple[Part, ...] = (
    Reasoning("hm", Sealed("gemini", "S")),
    Reasoning("unsigned"),
    Reasoning("", Sealed("openai_responses", "S")),
    Reasoning("", Sealed("openai_responses", "S"), redacted=True),
    Reasoning(""),
    Text(""),
    Text("a", (Citation("https://x", "T", "q"), Citation(title="no address"))),
    SearchCall("ws_1", ("q",), (Found("https://x"),)),
    ToolCall("t", "f", "", sealed=Sealed("gemini", "C")),
    ToolCall("u", "g", '{"b":1}'),
    ToolCall("v", "patch", '*** "free"\n\\', ToolKind.FREEFORM),
    ToolCall("w", "g", '"no object"'),
    Refusal("No."),
)


def test_every_part_in_a_stream_is_as_in_a_whole_answer() -> None:
    response = Response("x", "m", PARTS, Finish(Reason.STOP, "stop"), Usage(1, output_tokens=2))
    encoder = PROTOCOL.stream_encoder(CONTEXT)
    data = b"".join(encoder.write(event) for event in unfold(response))
    check(wire(data))
    whole = PROTOCOL.encode_response(response, CONTEXT)
    assert plain(put_together(data).content) == plain(
        Message.model_validate_json(whole.body).content
    )
    assert encoder.losses == whole.losses


def test_arguments_that_are_no_object_go_as_free_text_piece_by_piece() -> None:
    encoder = PROTOCOL.stream_encoder(CONTEXT)
    events: list[StreamEvent] = [
        Begun("x", "m"), PartBegun(0, ToolCall("t", "exec", "")), PartDelta(0, " "),
        PartDelta(0, 'echo "a'), PartDelta(0, '"\n'), PartEnded(0), Ended(),
    ]  # fmt: skip
    data = b"".join(encoder.write(event) for event in events)
    (call,) = plain(put_together(data).content)
    assert call["input"] == {"input": 'echo "a"\n'}
    assert [str(loss) for loss in encoder.losses] == ["arguments=changed"]


def test_a_carried_seal_comes_back() -> None:
    """6.5: through the client, who sends the answer back as the assistant's message."""
    response = Response("x", "m", PARTS, Finish(Reason.STOP, "stop"))
    data = write(unfold(response))
    content = [block.to_dict() for block in put_together(data).content]
    body = {"model": "m", "messages": [{"role": "assistant", "content": content}]}
    parts = PROTOCOL.decode_request(orjson.dumps(body)).turns[0].parts
    seals = [getattr(part, "sealed", None) for part in parts]
    assert [seal for seal in seals if seal is not None] == [
        Sealed("gemini", "S"),
        Sealed("openai_responses", "S"),
        Sealed("openai_responses", "S"),
        Sealed("gemini", "C"),
    ]
    calls = [part for part in parts if isinstance(part, ToolCall)]
    assert [call.sealed for call in calls] == [Sealed("gemini", "C"), None, None, None]


def test_one_block_is_open_at_a_time() -> None:
    """10.1: what comes for other parts is held until the open one ends."""
    call = ToolCall("t", "f", "")
    events: list[StreamEvent] = [
        Begun("x", "m"),
        PartBegun(5, call),
        PartBegun(9, replace(call, id="u")),
        PartDelta(9, '{"b":'),
        PartDelta(5, '{"a":1}'),
        PartWhole(11, Text("between")),
        PartDelta(9, "2}"),
        PartEnded(5),
        PartEnded(9),
        Finished(Finish(Reason.TOOL_CALLS, "tool_calls")),
        Ended(),
    ]
    data = write(events)
    check(wire(data))
    blocks = put_together(data).content
    assert [block.to_dict().get("input") for block in blocks] == [{"a": 1}, {"b": 2}, None]


def test_the_estimate_comes_first_and_the_figures_that_count_at_the_end() -> None:
    """8.6 and 8.7"""
    late = Usage(input_tokens=3, cache_read_tokens=90, output_tokens=5)
    begun, a = Begun("x", "m"), PartWhole(0, Text("a"))
    events: list[StreamEvent] = [begun, a, Metered(late), Ended()]
    first, *_, last, _ = wire(write(events))
    assert first["message"]["usage"]["input_tokens"] == 7
    assert last["usage"] == {
        "input_tokens": 3,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 90,
        "output_tokens": 5,
    }
    unknown = wire(write([Begun("x", "m"), Ended()], replace(CONTEXT, input_estimate=None)))
    assert unknown[0]["message"]["usage"]["input_tokens"] == 0
    assert unknown[1]["usage"] == {"output_tokens": 0}


@pytest.mark.parametrize("begun", [0, 1, 3])
def test_a_failure_is_the_dialects_own_and_nothing_follows(begun: int) -> None:
    """10.6 and 10.7"""
    failure = Failure(Kind.OVERLOADED, "Overloaded")
    head: list[StreamEvent] = [Begun("x", "m"), PartBegun(0, Text("")), PartDelta(0, "a")]
    endings: dict[str, StreamEvent] = {
        "overloaded_error": Failed(failure),
        "api_error": Truncated(),
    }
    for kind, ending in endings.items():
        encoder = PROTOCOL.stream_encoder(CONTEXT)
        data = b"".join(encoder.write(event) for event in [*head[:begun], ending])
        events = wire(data)
        check(events)
        assert events[-1]["error"]["type"] == kind
        assert events[-1]["request_id"] == "req_0a1b2c"
        assert encoder.write(Ended()) == b""
        with pytest.raises(anthropic.APIStatusError):
            put_together(data)


def test_a_sign_of_life() -> None:
    """10.5"""
    ping = PROTOCOL.stream_encoder(CONTEXT).ping()
    assert ping == b'event: ping\ndata: {"type": "ping"}\n\n'
    data = write([Begun("x", "m"), PartWhole(0, Text("a")), Ended()])
    assert put_together(ping + data).to_dict() == put_together(data).to_dict()


def test_texts_that_look_like_something_else() -> None:
    said = 'a\n\ndata: {"type":"message_stop"}\n\n\u2028\u0085\r\n"\\ 👋'
    data = write(
        [Begun("x", "m"), PartBegun(0, Text("")), PartDelta(0, said), PartCited(0, Citation("u")),
         PartEnded(0), Ended()]
    )  # fmt: skip
    block = put_together(data).content[0]
    assert block.type == "text" and block.text == said
    assert fold(read([data])).parts == (Text(said, (Citation("u"),)),)
