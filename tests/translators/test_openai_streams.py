"""What the OpenAI stream decoders decide, case by case; the recordings show whole streams."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from translators.canonical.finish import Finish, Reason
from translators.canonical.stream import (
    Begun,
    Ended,
    Failed,
    Finished,
    Generated,
    Metered,
    StreamEvent,
    Truncated,
)
from translators.canonical.usage import Usage
from translators.openai_chat import PROTOCOL as CHAT
from translators.openai_chat.observer import ChatStreamDecoder
from translators.openai_responses import PROTOCOL as RESPONSES
from translators.openai_responses.observer import ResponsesStreamDecoder
from translators.protocol import NotUnderstood, Protocol
from translators.whole import WholeAnswerDecoder

BOTH = pytest.mark.parametrize("protocol", [CHAT, RESPONSES], ids=lambda p: p.name)


def data(event: Any) -> bytes:
    return b"data: " + orjson.dumps(event) + b"\n\n"


def delta(**fields: Any) -> bytes:
    return data({"id": "c1", "model": "m", "choices": [{"index": 0, "delta": fields}]})


def chat(*pieces: bytes) -> list[StreamEvent]:
    decoder = CHAT.stream_observer("text/event-stream")
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.close()


def responses(*events: dict[str, Any]) -> list[StreamEvent]:
    decoder = RESPONSES.stream_observer("text/event-stream")
    return [event for sent in events for event in decoder.feed(data(sent))] + decoder.close()


@pytest.mark.parametrize(
    "fields",
    [
        {"content": "x"},
        {"content": " "},
        {"refusal": "no"},
        {"reasoning_content": "hm"},
        {"reasoning": "hm"},
        {"tool_calls": [{"index": 0, "function": {"name": "f"}}]},
        {"function_call": {"name": "f"}},
        {"audio": {"id": "a"}},
    ],
)
def test_a_delta_that_holds_something_is_generated(fields: dict[str, Any]) -> None:
    assert chat(delta(role="assistant", **fields))[:2] == [Begun("c1", "m"), Generated()]


@pytest.mark.parametrize(
    "fields",
    [
        {"role": "assistant"},
        {"content": ""},
        {"content": None, "tool_calls": []},
        {"refusal": None},
    ],
)
def test_a_delta_without_substance_is_not_generated(fields: dict[str, Any]) -> None:
    """Until something is generated another upstream may still take over."""
    assert Generated() not in chat(delta(**fields))


def test_usage_is_reported_when_it_changes() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 1}
    chunk = data({"id": "c1", "choices": [], "usage": usage})
    later = data({"id": "c1", "choices": [], "usage": usage | {"completion_tokens": 2}})
    metered = [event for event in chat(chunk, chunk, later) if isinstance(event, Metered)]
    assert [event.usage.output_tokens for event in metered] == [1, 2]


def test_groqs_own_usage_field_is_read() -> None:
    own = {"x_groq": {"id": "r", "usage": {"prompt_tokens": 3, "completion_tokens": 1}}}
    assert Metered(Usage(input_tokens=3, output_tokens=1)) in chat(data({"choices": []} | own))


def test_an_error_object_of_vllm_is_a_failure() -> None:
    events = chat(data({"object": "error", "message": "too long", "type": "BadRequestError"}))
    (failed,) = [event for event in events if isinstance(event, Failed)]
    assert (failed.failure.kind, failed.failure.message) == ("invalid_request", "too long")


@BOTH
def test_a_bare_json_error_in_the_middle_of_a_stream_is_a_failure(protocol: Protocol) -> None:
    decoder = protocol.stream_observer("text/event-stream")
    events = decoder.feed(b': ping\n\n{"error": {"message": "gone", "code": "slow_down"}}\n')
    (failed,) = events + decoder.close()
    assert isinstance(failed, Failed)
    assert (failed.failure.kind, failed.failure.message) == ("overloaded", "gone")


@pytest.mark.parametrize("no_error", [None, {}, "", False])
def test_an_empty_error_field_is_no_failure(no_error: object) -> None:
    events = chat(data({"id": "c1", "choices": [], "error": no_error}))
    assert events == [Begun("c1", None), Truncated()]


def test_a_failure_is_not_also_a_truncation() -> None:
    events = chat(delta(content="x"), data({"error": {"message": "m", "type": "server_error"}}))
    assert [type(event) for event in events] == [Begun, Generated, Failed]


def test_the_terminal_marker_counts_without_the_blank_line() -> None:
    assert chat(delta(content="x"), b"data: [DONE]")[-1] == Ended()
    assert chat(delta(content="x"), b"data:[DONE]\n")[-1] == Ended()


def test_nothing_is_read_after_the_end() -> None:
    events = chat(delta(content="x"), b"data: [DONE]\n\n", delta(content="y"), b"data: [DONE]\n\n")
    assert events == [Begun("c1", "m"), Generated(), Ended()]


def test_done_does_not_end_a_responses_stream() -> None:
    decoder = RESPONSES.stream_observer("text/event-stream")
    assert decoder.feed(b"data: [DONE]\n\n") + decoder.close() == [Truncated()]


HANDSHAKE = [
    {"type": "response.queued", "response": {"id": "r1", "model": "m", "status": "queued"}},
    {"type": "response.created", "response": {"id": "r1", "model": "m", "status": "in_progress"}},
    {"type": "response.in_progress", "response": {"id": "r1", "model": "m"}},
]


def test_the_handshake_events_generate_nothing() -> None:
    assert responses(*HANDSHAKE) == [Begun("r1", "m"), Truncated()]


@pytest.mark.parametrize("kind", ["message", "reasoning", "function_call", "web_search_call"])
def test_an_item_of_the_model_is_generated(kind: str) -> None:
    added = {"type": "response.output_item.added", "item": {"type": kind}}
    assert Generated() in responses(*HANDSHAKE, added)


@pytest.mark.parametrize("kind", ["mcp_list_tools", "function_call_output", "shell_call_output"])
def test_an_item_of_the_server_is_not(kind: str) -> None:
    added = {"type": "response.output_item.added", "item": {"type": kind}}
    assert Generated() not in responses(*HANDSHAKE, added)


def test_a_terminal_event_alone_tells_everything() -> None:
    response = {
        "id": "r1",
        "model": "m",
        "output": [{"type": "custom_tool_call", "call_id": "c"}],
        "usage": {"input_tokens": 2, "output_tokens": 1},
    }
    assert responses({"type": "response.completed", "response": response}) == [
        Begun("r1", "m"),
        Generated(),
        Finished(Finish(Reason.TOOL_CALLS, "completed")),
        Metered(Usage(input_tokens=2, output_tokens=1)),
        Ended(),
    ]


def test_usage_is_read_after_an_error_event() -> None:
    """A response that failed late has been paid for."""
    error = {"type": "error", "error": {"code": "server_error", "message": "m"}}
    response = {
        "id": "r1",
        "status": "failed",
        "error": {"code": "server_error", "message": "m"},
        "usage": {"input_tokens": 2, "output_tokens": 1},
    }
    events = responses(*HANDSHAKE, error, {"type": "response.failed", "response": response})
    assert [type(event) for event in events] == [Begun, Failed, Finished, Metered, Ended]


def test_the_usage_of_several_images_adds_up() -> None:
    usage = {"input_tokens": 5, "output_tokens": 100}
    done = {"type": "image_generation.completed", "b64_json": "", "usage": usage}
    events = responses(done, done)
    metered = [event for event in events if isinstance(event, Metered)]
    assert metered[-1].usage == Usage(input_tokens=10, image_output_tokens=200)
    assert events[-1] == Ended()
    assert events.count(Ended()) == 1


def test_partial_images_and_deltas_are_not_parsed() -> None:
    """They are most of the bytes and say nothing more than that they are there."""
    for name in (b"image_edit.partial_image", b"response.output_text.delta"):
        decoder = RESPONSES.stream_observer("text/event-stream")
        assert decoder.feed(b"event: " + name + b"\ndata: {not json\n\n") == [Generated()]


# -------------------------------------------------------- a whole answer to a request for a stream


@BOTH
def test_the_content_type_chooses_the_decoder(protocol: Protocol) -> None:
    for media_type in ("application/json", "Application/JSON; charset=utf-8", "application/x+json"):
        assert isinstance(protocol.stream_observer(media_type), WholeAnswerDecoder)
    for media_type in ("text/event-stream", "text/event-stream;charset=UTF-8", "", "text/plain"):
        decoder = protocol.stream_observer(media_type)
        assert isinstance(decoder, ChatStreamDecoder | ResponsesStreamDecoder)


def test_a_whole_answer_is_read_at_its_end() -> None:
    body = b'{"id":"c1","model":"m","choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}'
    decoder = CHAT.stream_observer("application/json")
    assert decoder.feed(body[:20]) + decoder.feed(body[20:]) == []
    assert decoder.close() == CHAT.observe_response(body)


@BOTH
def test_an_incomplete_whole_answer_is_truncated(protocol: Protocol) -> None:
    decoder = protocol.stream_observer("application/json")
    decoder.feed(b'{"id":"c1","choices":[')
    assert decoder.close() == [Truncated()]


# ------------------------------------------------------------------------------------------ fuzzing

scalars = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.floats(allow_nan=False))
KEYS = """
    id model object choices delta message content tool_calls refusal index finish_reason usage
    prompt_tokens completion_tokens prompt_tokens_details cached_tokens error code type param
    detail msg response output item status incomplete_details reason action data tool_usage
    web_search num_requests image_gen x_groq call_id svg_usage stream max_tokens
"""
WORDS = """
    stop message function_call web_search_call response.completed response.failed error
    response.output_item.done image_generation.completed completed incomplete server_error list
"""
values = st.recursive(
    st.one_of(scalars, st.sampled_from(WORDS.split()), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(KEYS.split()), inner, max_size=6),
    ),
    max_leaves=20,
)
names = st.sampled_from([b"", b"event: error\n", b"event: response.completed\n", b"event: x\n"])
streams = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.builds(lambda name, value: name + data(value), names, values),
        st.sampled_from([b"data: [DONE]\n\n", b"\n", b"\r", b"data:", b": ping\n\n"]),
    ),
    max_size=8,
)


@BOTH
@given(pieces=streams)
def test_any_stream_is_understood_and_ends_once(protocol: Protocol, pieces: list[bytes]) -> None:
    decoder = protocol.stream_observer("text/event-stream")
    events = [event for piece in pieces for event in decoder.feed(piece)] + decoder.close()
    ends = [type(event) for event in events if isinstance(event, Ended | Failed | Truncated)]
    assert ends
    assert all(ends.count(kind) <= 1 for kind in ends)
    assert ends == [Truncated] or Truncated not in ends
    assert sum(isinstance(event, Begun) for event in events) <= 1
    assert events.count(Generated()) <= 1
    assert decoder.close() == []


@BOTH
@given(body=st.one_of(st.binary(max_size=40), values.map(orjson.dumps)))
def test_any_body_is_read_or_not_understood(protocol: Protocol, body: bytes) -> None:
    try:
        events = protocol.observe_response(body)
        assert events[-1] == Ended()
        assert sum(isinstance(event, Failed) for event in events) <= 1
    except NotUnderstood as refused:
        assert str(refused)
    try:
        protocol.peek(body)
    except NotUnderstood as refused:
        assert str(refused)


@BOTH
@given(
    status=st.integers(100, 999),
    headers=st.dictionaries(
        st.sampled_from(["retry-after", "Retry-After-Ms", "date"]), st.text(max_size=8)
    ),
    body=st.one_of(st.binary(max_size=40), values.map(orjson.dumps)),
)
def test_any_error_answer_is_a_failure_that_can_be_rendered(
    protocol: Protocol, status: int, headers: dict[str, str], body: bytes
) -> None:
    failure = protocol.decode_failure(status, headers, body)
    assert failure.message
    assert orjson.loads(protocol.render_failure(failure, "req_1"))["error"]["message"]
    assert protocol.render_stream_failure(failure, "req_1").endswith(b"\n\n")
    assert protocol.failure_headers(failure)["x-should-retry"] in ("true", "false")
