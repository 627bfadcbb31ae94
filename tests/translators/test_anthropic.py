"""Anthropic Messages: what is read of requests and usage, and what its words mean."""

from typing import get_args

import orjson
import pytest
from anthropic.types import StopReason
from anthropic.types.beta import BetaStopReason
from anthropic.types.shared import ErrorType

from translators.anthropic import PROTOCOL
from translators.anthropic.usage import merge, read_usage
from translators.anthropic.vocabulary import (
    HEARD_ERRORS,
    HEARD_FINISH,
    SPOKEN_ERRORS,
    SPOKEN_FINISH,
)
from translators.canonical.failure import Kind
from translators.canonical.finish import Finish, Reason
from translators.canonical.stream import Ended, Failed, Finished, Generated, Metered, StreamEvent
from translators.canonical.usage import Usage
from translators.protocol import NotUnderstood, Peek

# ---------------------------------------------------------------------------------------- requests


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        (b'{"model":"m","max_tokens":9,"stream":true}', Peek("m", True, 9)),
        (b'{"model":"m","messages":[]}', Peek("m", False, None)),
        (b'{"model":null,"stream":null,"max_tokens":null}', Peek(None, False, None)),
        (b'{"model":"m","max_tokens":1e3}', Peek("m", False, 1000)),
        (b'{"model":"a","model":"b"}', Peek("b", False, None)),
    ],
)
def test_a_request_is_looked_at(body: bytes, seen: Peek) -> None:
    assert PROTOCOL.peek(body) == seen


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None), (b"[]", None), (b"nonsense", None), (b'{"model":"m"', None),
        (b'{"model":"\xff"}', None), (b'{"model":NaN}', None),
        (b'{"model":5}', "model"), (b'{"stream":"true"}', "stream"),
        (b'{"max_tokens":"9"}', "max_tokens"), (b'{"max_tokens":-1}', "max_tokens"),
        (b'{"max_tokens":true}', "max_tokens"), (b'{"max_tokens":1.5}', "max_tokens"),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_understood_is_refused(body: bytes, param: str | None) -> None:
    with pytest.raises(NotUnderstood) as refusal:
        PROTOCOL.peek(body)
    assert refusal.value.param == param


def test_a_body_is_renamed_where_claude_codes_tools_have_models_too() -> None:
    body = b'{"model":"a","tools":[{"input_schema":{"properties":{"model":{"type":"string"}}}}]}'
    assert PROTOCOL.rename_model(body, "b") == body.replace(b'"a"', b'"b"')


# ------------------------------------------------------------------------------------------- usage


def test_thinking_is_taken_out_of_the_output() -> None:
    wire = {"output_tokens": 300, "output_tokens_details": {"thinking_tokens": 255}}
    assert read_usage(wire) == Usage(output_tokens=45, reasoning_tokens=255)
    wire = {"output_tokens": 3, "output_tokens_details": {"thinking_tokens": 255}}
    assert read_usage(wire) == Usage(output_tokens=0, reasoning_tokens=255)


@pytest.mark.parametrize(
    ("whole", "split", "written"),
    [
        (700, None, (700, None)),
        (700, {}, (700, None)),
        (700, {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 500}, (200, 500)),
        (900, {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 500}, (400, 500)),
        (None, {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 500}, (200, 500)),
        (500, {"ephemeral_1h_input_tokens": 500}, (None, 500)),
        (0, {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0}, (0, 0)),
    ],
)
def test_cache_writes_are_split_by_lifetime_and_none_is_lost(
    whole: int | None, split: object, written: tuple[int | None, int | None]
) -> None:
    usage = read_usage(
        {"input_tokens": 1, "cache_creation_input_tokens": whole, "cache_creation": split}
    )
    assert usage is not None
    assert (usage.cache_write_5m_tokens, usage.cache_write_1h_tokens) == written


def test_later_figures_replace_earlier_ones_and_null_replaces_nothing() -> None:
    start = {"input_tokens": 25, "cache_read_input_tokens": 7, "output_tokens": 1}
    later = merge(start, {"output_tokens": 15, "cache_read_input_tokens": None})
    assert read_usage(later) == Usage(input_tokens=25, cache_read_tokens=7, output_tokens=15)


def test_absent_is_not_zero() -> None:
    assert read_usage({}) is None
    assert read_usage({"service_tier": "standard", "input_tokens": None}) is None
    assert read_usage({"input_tokens": 0}) == Usage(input_tokens=0)


@pytest.mark.parametrize("figure", [-1, "12", True, 1.5, [], 10**10, {"tokens": 1}])
def test_a_figure_that_is_no_count_is_not_believed(figure: object) -> None:
    assert read_usage({"input_tokens": figure, "output_tokens": 2}) == Usage(output_tokens=2)


def test_only_compaction_is_added_to_the_figures_above_it() -> None:
    message = {"type": "message", "input_tokens": 50, "output_tokens": 5}
    wire = {
        "input_tokens": 50,
        "output_tokens": 5,
        "iterations": [
            {"type": "compaction", "input_tokens": 180, "output_tokens": 3},
            message,
            {"type": "advisor_message", "input_tokens": 1_000, "output_tokens": 1_000},
            {"type": "compaction", "cache_read_input_tokens": 9},
        ],
    }
    assert read_usage(wire) == Usage(input_tokens=230, output_tokens=8, cache_read_tokens=9)


# ------------------------------------------------------------------------------------------- words


def test_every_reason_and_every_failure_has_a_word() -> None:
    assert set(SPOKEN_FINISH) == set(Reason)
    assert set(SPOKEN_ERRORS) == set(Kind)


def test_every_word_of_the_vendor_is_understood() -> None:
    stop_reasons = set(get_args(StopReason)) | set(get_args(BetaStopReason))
    assert stop_reasons <= set(HEARD_FINISH)
    assert set(get_args(ErrorType)) <= set(HEARD_ERRORS)


@pytest.mark.parametrize("raw", get_args(StopReason))
def test_a_stop_reason_read_and_said_again_is_the_same(raw: str) -> None:
    assert SPOKEN_FINISH[HEARD_FINISH[raw]] == raw


@pytest.mark.parametrize("word", sorted(set(SPOKEN_ERRORS.values())))
def test_an_error_type_read_and_said_again_is_the_same(word: str) -> None:
    assert SPOKEN_ERRORS[HEARD_ERRORS[word]] == word


# ----------------------------------------------------------------------------------------- streams


def watch(*events: tuple[str | None, object]) -> list[StreamEvent]:
    decoder = PROTOCOL.stream_observer("text/event-stream")
    seen: list[StreamEvent] = []
    for name, data in events:
        line = b"" if name is None else b"event: " + name.encode() + b"\n"
        seen += decoder.feed(line + b"data: " + orjson.dumps(data) + b"\n\n")
    return seen


DELTA = "content_block_delta"


@pytest.mark.parametrize(
    ("event", "generated"),
    [
        (("message_start", {"type": "message_start", "message": {"content": []}}), False),
        (("ping", {"type": "ping"}), False),
        (("content_block_start", {"content_block": {"type": "text", "text": ""}}), False),
        (("content_block_start", {"content_block": {"type": "thinking", "thinking": ""}}), False),
        (("content_block_start", {"content_block": {"type": "text", "text": "Hi"}}), True),
        (("content_block_start", {"content_block": {"type": "tool_use", "name": "f"}}), True),
        (("content_block_start", {"content_block": {"type": "redacted_thinking"}}), True),
        ((DELTA, {"delta": {"type": "text_delta", "text": ""}}), False),
        ((DELTA, {"delta": {"type": "text_delta", "text": "Hi"}}), True),
        ((DELTA, {"delta": {"type": "thinking_delta", "thinking": "Hm"}}), True),
        ((DELTA, {"delta": {"type": "signature_delta", "signature": "Eq"}}), True),
        ((DELTA, {"delta": {"type": "input_json_delta", "partial_json": ""}}), False),
        (("content_block_stop", {"index": 0}), False),
    ],
)
def test_generation_begins_with_the_first_thing_made(
    event: tuple[str, object], generated: bool
) -> None:
    """Until then another upstream may take over."""
    assert (Generated() in watch(event)) is generated


def test_a_delta_that_is_not_what_its_name_says_is_not_skipped() -> None:
    """Deltas are passed over unread only if name and data agree."""
    text = {"type": DELTA, "delta": {"type": "text_delta", "text": "Hi"}}
    stop = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    last = {"type": "message_stop"}
    seen = watch((DELTA, text), (DELTA, text), (DELTA, stop), (DELTA, last))
    assert seen == [Generated(), Finished(Finish(Reason.STOP, "end_turn")), Ended()]


def test_nothing_is_said_after_the_end() -> None:
    last = ("message_stop", {"type": "message_stop"})
    usage = ("message_delta", {"type": "message_delta", "usage": {"output_tokens": 9}})
    assert watch(last, usage, last, ("error", {"type": "error"})) == [Ended()]


def test_usage_that_did_not_change_is_told_once() -> None:
    usage = ("message_delta", {"type": "message_delta", "usage": {"output_tokens": 9}})
    assert watch(usage, usage) == [Metered(Usage(output_tokens=9))]


def test_an_error_event_ends_the_stream_even_if_it_cannot_be_read() -> None:
    decoder = PROTOCOL.stream_observer("text/event-stream")
    events = decoder.feed(b"event: error\ndata: upstream connect error\n\n") + decoder.close()
    assert [type(event) for event in events] == [Failed]


@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b'{"type":"message"', b"[]", b"7"])
def test_an_answer_that_is_no_object_is_not_understood(body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        PROTOCOL.observe_response(body)


def test_an_error_in_a_200_answer_is_a_failure() -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    failed, ended = PROTOCOL.observe_response(body)
    assert isinstance(failed, Failed) and failed.failure.kind is Kind.OVERLOADED
    assert ended == Ended()
