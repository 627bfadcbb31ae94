"""What an answer costs that came to no proper end, or that nobody told the size of."""

from typing import Any

import orjson
import pytest

from extproc import relay
from extproc.exchange.events import Gone, ResponseBody, ResponseHeaders
from ledger.model import Outcome, UsageSource
from tests.extproc.test_money import ASKED, GENERATE, MESSAGES
from tests.extproc.world import ANSWER, CHAT, Play

JSON = {":status": "200", "content-type": "application/json"}
STREAM = {":status": "200", "content-type": "text/event-stream"}
GEMINI = "/v1beta/models/gemini-2.5-flash:generateContent"


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: ".encode() + orjson.dumps({"type": kind} | fields) + b"\n\n"


OPENING = event(
    "message_start",
    message={
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-4-5",
        "content": [],
        "usage": {"input_tokens": 90_000, "output_tokens": 1},
    },
)
OVERLOADED = event("error", error={"type": "overloaded_error", "message": "Overloaded"})


# ----------------------------------------------------------------------------- failures are free


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions"])
def test_a_stream_that_fails_after_its_opening_costs_nothing(path: str) -> None:
    """Anthropic tells the input's tokens before it may say that it is overloaded."""
    play = Play()
    play.request(path, MESSAGES | {"stream": True})
    play.tell(ResponseHeaders(STREAM, end=False))
    play.tell(ResponseBody(OPENING, False))
    play.tell(ResponseBody(OVERLOADED, False))
    (record,) = play.records
    assert record.outcome is Outcome.FAILED
    assert (record.cost_micro, record.input_tokens) == (None, None)


def test_a_stream_that_breaks_off_after_its_opening_costs_nothing() -> None:
    play = Play()
    play.request("/v1/messages", MESSAGES | {"stream": True})
    play.tell(ResponseHeaders(STREAM, end=False))
    play.tell(ResponseBody(OPENING, True))
    (record,) = play.records
    assert record.outcome is Outcome.FAILED and record.cost_micro is None


def test_a_stream_that_fails_after_some_text_costs_what_was_said() -> None:
    play = Play()
    play.request("/v1/messages", MESSAGES | {"stream": True})
    play.tell(ResponseHeaders(STREAM, end=False))
    play.tell(ResponseBody(OPENING, False))
    said = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "x" * 400})
    play.tell(ResponseBody(said, False))
    play.tell(ResponseBody(OVERLOADED, True))
    (record,) = play.records
    assert record.outcome is Outcome.FAILED and record.output_tokens == 100
    assert record.cost_micro


@pytest.mark.parametrize("left", [False, True])
def test_an_errors_body_is_no_answer_however_long(left: bool) -> None:
    play = Play()
    play.request("/v1/chat/completions", ASKED)
    play.tell(ResponseHeaders(JSON | {":status": "400"}, end=False))
    size = relay.ERROR_LIMIT - 100 if left else relay.ERROR_LIMIT + 100
    play.tell(ResponseBody(b'{"error": {"content": "' + b"x" * size, False))
    if left:
        play.tell(Gone())
    (record,) = play.records
    assert record.outcome is (Outcome.ABANDONED if left else Outcome.FAILED)
    assert (record.cost_micro, record.output_tokens) == (None, None)


# ----------------------------------------------------------------------------- callers who leave


def leaving(path: str, body: Any, answer: bytes) -> Any:
    play = Play()
    play.request(path, body)
    play.tell(ResponseHeaders(JSON, end=False))
    play.tell(ResponseBody(answer, False))
    play.tell(Gone())
    (record,) = play.records
    assert record.outcome is Outcome.ABANDONED
    return record


def test_a_picture_that_comes_while_the_caller_leaves_is_not_text() -> None:
    """Five megabytes of base64 would be more than a million tokens."""
    inline = {"inlineData": {"mimeType": "image/png", "data": "A" * 5_000_000}}
    parts = [{"text": "Here you are, a picture."}, inline]
    answer = orjson.dumps({"candidates": [{"content": {"parts": parts}}]})[:-10]
    record = leaving(GEMINI, GENERATE, answer)
    assert record.output_tokens == len("Here you are, a picture.") // 4
    assert record.usage_source is UsageSource.COUNTED


@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        ("/v1/chat/completions", ASKED, {"choices": [{"message": {"content": "x" * 400}}]}),
        (
            "/v1/responses",
            {"model": "gpt-5", "input": "x"},
            {"output": [{"content": [{"type": "output_text", "text": "x" * 400}]}]},
        ),
        ("/v1/messages", MESSAGES, {"content": [{"type": "text", "text": "x" * 400}]}),
    ],
)
def test_the_text_of_a_whole_answer_is_paid_as_far_as_it_came(
    path: str, body: Any, answer: dict[str, Any]
) -> None:
    record = leaving(path, body, orjson.dumps(answer)[:-2])
    assert record.output_tokens == 100 and record.input_tokens


# ----------------------------------------------------------------------------- nobody tells


def test_a_whole_answer_without_usage_is_counted() -> None:
    play = Play()
    play.request("/v1/chat/completions", ASKED)
    answer = orjson.loads(ANSWER)
    del answer["usage"]
    answer["choices"][0]["message"]["content"] = "x" * 400
    play.answer(200, orjson.dumps(answer))
    (record,) = play.records
    assert record.usage_source is UsageSource.COUNTED and record.output_tokens == 100
    assert record.input_tokens and record.cost_micro


def test_an_answer_without_text_or_usage_costs_its_input() -> None:
    play = Play()
    play.request("/v1/chat/completions", ASKED)
    play.answer(200, b'{"object": "chat.completion", "choices": []}')
    (record,) = play.records
    assert record.usage_source is UsageSource.ESTIMATED and record.input_tokens
    assert record.cost_micro


def test_an_answer_that_is_too_large_to_be_gathered_is_counted_while_it_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay, "COLLECTED_LIMIT", 1_000)
    play = Play()
    play.request("/v1/chat/completions", CHAT)
    play.tell(ResponseHeaders(JSON, end=False))
    text = orjson.dumps({"choices": [{"message": {"content": "x" * 8_000}}]})
    for start in range(0, len(text), 500):
        play.tell(ResponseBody(text[start : start + 500], False))
    play.tell(ResponseBody(b"", True))
    (record,) = play.records
    assert record.outcome is Outcome.COMPLETED
    assert record.usage_source is UsageSource.COUNTED and record.output_tokens == 2_000
