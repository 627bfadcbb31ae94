"""The way of an answer to the client: held, collected, relayed, ended, failed."""

import orjson
import pytest

from extproc.exchange.actions import Refuse, SendBody, SendHeaders
from extproc.exchange.events import (
    Gone,
    HoldElapsed,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
)
from extproc.exchange.phases import Phase
from ledger.model import Outcome, UsageSource
from tests.extproc.world import ANSWER, CHAT, DONE, USAGE, Play, body_of, chunk, headers_of

# ----------------------------------------------------------------------------- answers


def test_a_whole_answer_carries_its_figures_and_is_recorded_before_it_is_sent() -> None:
    play = Play()
    play.request("/v1/chat/completions", CHAT)
    play.now_ms += 250
    said = play.answer(200, ANSWER)
    got = headers_of(said)
    assert got["x-clavis-input-tokens"] == "10" and got["x-clavis-output-tokens"] == "3"
    assert got["x-clavis-upstream"] == "one" and got["x-clavis-attempts"] == "1"
    assert got["request-id"] == got["x-request-id"] == "req-1"
    assert int(got["x-clavis-cost-micro"]) > 0
    assert body_of(said) == ANSWER
    (record,) = play.records
    assert record.outcome is Outcome.COMPLETED and record.status == 200
    assert (record.input_tokens, record.output_tokens, record.latency_ms) == (10, 3, 250)
    assert record.usage_source is UsageSource.UPSTREAM
    assert play.exchange.phase is Phase.CLOSED


def begin_stream(play: Play) -> None:
    play.request("/v1/chat/completions", CHAT | {"stream": True})
    head = {":status": "200", "content-type": "text/event-stream"}
    play.tell(ResponseHeaders(head, end=False))


def test_a_stream_is_held_until_something_is_generated_then_passes_as_it_comes() -> None:
    play = Play()
    begin_stream(play)
    assert play.tell(ResponseBody(chunk(), False)) == []
    play.now_ms += 40
    released = play.tell(ResponseBody(chunk("a"), False))
    assert isinstance(released[0], SendHeaders)
    assert body_of(released) == chunk() + chunk("a")
    assert play.tell(ResponseBody(chunk("b"), False)) == [SendBody(chunk("b"), end=False)]
    assert not play.records
    play.now_ms += 60
    said = play.tell(ResponseBody(chunk("", "stop") + USAGE + DONE, False))
    assert body_of(said) == chunk("", "stop") + USAGE + DONE
    (record,) = play.records  # settled before the client can see the end
    assert record.ttft_ms == 40 and record.finish == "stop"
    assert (record.input_tokens, record.output_tokens) == (5, 2)
    assert play.tell(ResponseBody(b"", True))[0] == SendBody(b"", end=True)
    assert play.exchange.phase is Phase.CLOSED and len(play.records) == 1


def test_headers_are_not_held_for_ever() -> None:
    play = Play()
    begin_stream(play)
    play.tell(ResponseBody(chunk(), False))
    said = play.tell(HoldElapsed())
    assert isinstance(said[0], SendHeaders) and body_of(said) == chunk()


def test_a_stream_that_breaks_off_cleanly_ends_with_an_error() -> None:
    play = Play()
    begin_stream(play)
    play.tell(ResponseBody(chunk("a"), False))
    said = play.tell(ResponseBody(chunk("b"), True))
    assert body_of(said).startswith(chunk("b") + b'data: {"error"')
    assert b"[DONE]" not in body_of(said)
    assert play.records[0].outcome is Outcome.TRUNCATED


def test_an_error_inside_a_stream_before_anything_becomes_a_status() -> None:
    play = Play()
    begin_stream(play)
    play.tell(ResponseBody(chunk(), False))
    error = b'data: {"error":{"message":"busy","type":"server_error","code":"overloaded"}}\n\n'
    said = play.tell(ResponseBody(error, False))
    assert int(headers_of(said)[":status"]) >= 500
    assert orjson.loads(body_of(said))["error"]["message"]
    assert play.records[0].outcome is Outcome.FAILED


def test_a_client_that_leaves_is_recorded_with_what_was_metered() -> None:
    play = Play()
    begin_stream(play)
    play.tell(ResponseBody(chunk("a") + USAGE, False))
    play.tell(Gone())
    (record,) = play.records
    assert (record.outcome, record.status) == (Outcome.ABANDONED, 499)
    assert record.output_tokens == 2


def test_a_stream_that_breaks_while_the_store_is_asked_is_settled_again_with_the_same() -> None:
    play = Play()
    begin_stream(play)
    play.tell(ResponseBody(chunk("a"), False))
    first = play.exchange.handle(Gone(), play.now_ms)
    play.now_ms += 5000
    assert play.exchange.handle(Gone(), play.now_ms) == first
    assert play.exchange.phase is Phase.SETTLING


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
def test_an_empty_200_is_no_answer(kind: str) -> None:
    play = Play()
    play.request("/v1/chat/completions", CHAT | {"stream": "event" in kind})
    said = play.tell(ResponseHeaders({":status": "200", "content-type": kind}, end=True))
    (refused,) = [action for action in said if isinstance(action, Refuse)]
    assert refused.status == 502
    assert play.records[0].outcome is Outcome.FAILED


def test_a_stream_is_known_by_its_type_in_any_letters() -> None:
    play = Play()
    play.request("/v1/chat/completions", CHAT | {"stream": True})
    head = {":status": "200", "content-type": "Text/Event-Stream; charset=utf-8"}
    play.tell(ResponseHeaders(head, end=False))
    assert play.exchange.phase is Phase.HOLDING


def test_trailers_end_an_answer_like_a_last_byte() -> None:
    play = Play()
    begin_stream(play)
    play.tell(ResponseBody(chunk("a"), False))
    said = play.tell(ResponseTrailers())
    assert b'"error"' in body_of(said)
    assert play.exchange.phase is Phase.CLOSED


# ----------------------------------------------------------------------------- failures


@pytest.mark.parametrize(
    ("status", "seen"),
    [
        (400, 400),
        (404, 404),
        (422, 422),
        (429, 429),
        (401, 502),
        (403, 502),
        (402, 502),
        (500, 502),
    ],
)
def test_an_upstreams_error_means_the_same_or_is_ours_to_fix(status: int, seen: int) -> None:
    play = Play()
    play.request("/v1/chat/completions", CHAT)
    error = b'{"error":{"message":"why","type":"t","param":null,"code":null}}'
    said = play.answer(status, error)
    got = headers_of(said)
    assert int(got.get(":status", status)) == seen
    if seen == status:
        assert body_of(said) == error
    assert play.records[0].status == seen


def test_an_upstreams_401_does_not_reach_the_caller_as_theirs() -> None:
    play = Play()
    play.request("/v1/chat/completions", CHAT)
    said = play.answer(401, b'{"error":{"message":"bad key sk-upstream-first"}}')
    assert b"sk-upstream" not in body_of(said)


def test_a_failure_that_another_target_may_save_asks_for_a_retry_and_settles_nothing() -> None:
    play = Play()
    play.request("/v1/chat/completions", CHAT | {"model": "pair"})
    said = play.answer(500, b"oops")
    assert headers_of(said)["x-clavis-retry"]
    assert play.exchange.phase is Phase.CLOSED and not play.records


def test_the_callers_own_400_is_never_retried() -> None:
    play = Play()
    play.request("/v1/chat/completions", CHAT | {"model": "pair"})
    said = play.answer(400, b'{"error":{"message":"no"}}')
    assert "x-clavis-retry" not in headers_of(said)
    assert len(play.records) == 1


@pytest.mark.parametrize(
    ("flags", "status"), [("UF,URX", 502), ("UH", 503), ("NC", 503), ("UT", 504)]
)
def test_what_envoy_could_not_reach_is_said_in_the_callers_dialect(flags: str, status: int) -> None:
    play = Play()
    play.request("/v1/chat/completions", CHAT)
    play.tell(ResponseHeaders({":status": "503", "x-clavis-local": flags}, end=False))
    said = [action for action in play.said if isinstance(action, SendHeaders)]
    assert said[0].set_headers[":status"] == str(status)


def test_a_200_that_is_not_an_answer_is_502() -> None:
    play = Play()
    play.request("/v1/chat/completions", CHAT)
    said = play.answer(200, b"<html>welcome</html>", "text/html")
    assert headers_of(said)[":status"] == "502"
