"""One exchange's decisions, told as stories: what Envoy hears, what is recorded."""

from collections.abc import Sequence

import orjson
import pytest

from extproc.exchange.actions import ContinueRequest, Refuse, SendBody, SendHeaders, SendUpstream
from extproc.exchange.events import (
    Gone,
    HoldElapsed,
    RequestHeaders,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
)
from extproc.exchange.phases import Phase
from ledger.model import KeyFacts, Outcome, UsageSource, Verdict
from tests.extproc.world import FACTS, SECRET, START_MS, Play, body_of, headers, headers_of

CHAT = {"model": "gpt-5", "messages": [{"role": "user", "content": "hello"}]}
ANSWER = orjson.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-5",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13},
    }
)


def chunk(content: str | None = None, finish: str | None = None, **more: object) -> bytes:
    delta = {"content": content} if content is not None else {"role": "assistant"}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {"id": "c", "object": "chat.completion.chunk", "choices": [choice], **more}
    return b"data: " + orjson.dumps(body) + b"\n\n"


USAGE = b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"


def refusal(said: Sequence[object]) -> tuple[int, dict[str, object]]:
    found = [action for action in said if isinstance(action, Refuse)]
    assert len(found) == 1
    return found[0].status, orjson.loads(found[0].body)


# ----------------------------------------------------------------------------- refusals


def test_401_comes_before_the_body_is_read() -> None:
    play = Play()
    bare = headers("/v1/chat/completions")
    del bare["authorization"]
    status, body = refusal(play.tell(RequestHeaders(bare, end=False)))
    assert status == 401
    assert body["error"]["code"] == "invalid_api_key"  # type: ignore[index]
    assert play.exchange.phase is Phase.CLOSED and not play.records


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        (None, 401),
        (KeyFacts("k", "c", "n", disabled=True), 401),
        (KeyFacts("k", "c", "n", expires_at_ms=START_MS), 401),
        (KeyFacts("k", "c", "n", networks=("10.0.0.0/8",)), 403),
        (KeyFacts("k", "c", "n", networks=("203.0.113.0/24",)), None),
    ],
)
def test_a_key_is_judged_by_its_facts(facts: KeyFacts | None, status: int | None) -> None:
    said = Play(facts=facts).tell(RequestHeaders(headers("/v1/chat/completions"), end=False))
    if status is None:
        assert said == [ContinueRequest()]
    else:
        assert refusal(said)[0] == status


def test_garbage_is_refused_without_asking_the_store() -> None:
    play = Play(store_fails=True)
    said = play.tell(
        RequestHeaders(headers("/v1/messages", authorization="Bearer nonsense"), end=False)
    )
    status, body = refusal(said)
    assert status == 401 and body["type"] == "error"


def test_of_several_keys_the_one_that_is_ours_wins() -> None:
    said = Play().tell(
        RequestHeaders(
            headers("/v1/messages", authorization="Bearer sk-ant-other", x_api_key=SECRET), False
        )
    )
    assert said == [ContinueRequest()]


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (b"{not json", 400, None),
        (b"[]", 400, None),
        ({"messages": []}, 400, "model"),
        ({"model": "unheard-of", "messages": []}, 404, "model"),
        ({"model": "gemini-3-pro", "messages": []}, 400, "model"),
    ],
)
def test_a_bad_body_is_explained_and_recorded(body: object, status: int, param: str | None) -> None:
    play = Play()
    got, error = refusal(play.request("/v1/chat/completions", body))
    assert got == status
    assert error["error"]["param"] == param  # type: ignore[index]
    assert [r.outcome for r in play.records] == [Outcome.REFUSED]
    assert play.records[0].status == status


def test_a_compressed_body_is_refused_clearly() -> None:
    status, body = refusal(
        Play().request("/v1/chat/completions", b"\x1f\x8b", content_encoding="gzip")
    )
    assert status == 415 and "uncompressed" in str(body)


def test_the_groups_of_a_key_decide() -> None:
    facts = KeyFacts("k", "c", "n", groups=("chatters",))
    status, _ = refusal(Play(facts=facts).request("/v1/chat/completions", CHAT | {"model": "pair"}))
    assert status == 403
    status, _ = refusal(Play(facts=facts).request("/v1/responses", {"model": "gpt-5", "input": ""}))
    assert status == 403


def test_a_body_over_the_limit_is_413_before_it_is_read() -> None:
    play = Play()
    big = headers("/v1/chat/completions", content_length=str(33 * 1024 * 1024))
    assert refusal(play.tell(RequestHeaders(big, end=False)))[0] == 413


def test_a_store_that_is_away_is_503_in_the_callers_dialect() -> None:
    said = Play(store_fails=True).tell(RequestHeaders(headers("/v1/chat/completions"), False))
    assert refusal(said)[0] == 503


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (Verdict.UNKNOWN_KEY, 401),
        (Verdict.DISABLED, 401),
        (Verdict.EXPIRED, 401),
        (Verdict.DUPLICATE, 409),
        (Verdict.INSUFFICIENT_CREDIT, 402),
        (Verdict.OVER_LIMIT, 429),
    ],
)
def test_every_verdict_has_its_status(verdict: Verdict, status: int) -> None:
    play = Play(verdict=verdict)
    assert refusal(play.request("/v1/chat/completions", CHAT))[0] == status
    assert play.exchange.phase is Phase.CLOSED


# ----------------------------------------------------------------------------- upstream


def test_the_request_goes_up_with_our_credential_and_no_trace_of_the_clients() -> None:
    play = Play()
    (sent,) = play.request(
        "/openai/v1/chat/completions?x=1",
        CHAT,
        cookie="c",
        x_api_key="other",
        accept_encoding="br",
        openai_organization="org",
        anthropic_beta="some-new-beta",
    )
    assert isinstance(sent, SendUpstream)
    assert sent.body is None  # unchanged bytes stay with Envoy
    assert sent.set_headers[":path"] == "/v1/chat/completions?x=1"
    assert sent.set_headers["authorization"] == "Bearer sk-upstream-first"
    assert sent.set_headers["x-clavis-cluster"] == "provider_one"
    removed = set(sent.remove_headers)
    assert {"cookie", "x-api-key", "accept-encoding", "openai-organization"} <= removed
    assert {"x-forwarded-for"} <= removed
    assert "anthropic-beta" not in removed and "authorization" not in removed


def test_only_the_model_name_changes_in_the_body() -> None:
    play = Play()
    body = b'{ "x":{"model":"pair"}, "model" : "pair","messages":[ ] }'
    (sent,) = play.request("/v1/chat/completions", body)
    assert isinstance(sent, SendUpstream)
    assert sent.body == b'{ "x":{"model":"pair"}, "model" : "gpt-5","messages":[ ] }'
    assert sent.set_headers["content-length"] == str(len(sent.body))


def test_the_second_attempt_takes_the_next_target() -> None:
    play = Play()
    (sent,) = play.request(
        "/v1/chat/completions", CHAT | {"model": "pair"}, x_envoy_attempt_count="2"
    )
    assert isinstance(sent, SendUpstream)
    assert sent.set_headers["x-clavis-cluster"] == "provider_two"
    assert sent.set_headers[":path"] == "/two/v1/chat/completions"
    assert play.admitted[0].request.attempt == 2


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


# ----------------------------------------------------------------------------- stored answers


def test_a_stored_answers_account_is_remembered_and_found_again() -> None:
    play = Play()
    play.request("/v1/responses", {"model": "gpt-5", "input": "x"})
    play.answer(
        200, b'{"id":"resp_1","object":"response","status":"completed","output":[],"usage":null}'
    )
    assert play.pins == [("resp_1", "first")]
    again = Play(pinned="first")
    (sent,) = again.request("/v1/responses/resp_1", None, method="GET")
    assert isinstance(sent, SendUpstream) and not sent.after_body
    assert sent.set_headers[":path"] == "/v1/responses/resp_1"


def test_somebody_elses_stored_answer_does_not_exist() -> None:
    play = Play(pinned=None)
    status, _ = refusal(play.request("/v1/responses/resp_1", None, method="GET"))
    assert status == 404


def test_models_and_usage_are_the_portals() -> None:
    (sent,) = Play().request("/api/v1/models?limit=2", None, method="GET")
    assert isinstance(sent, SendUpstream)
    assert sent.set_headers["x-clavis-cluster"] == "portal"
    assert sent.set_headers[":path"] == "/anthropic/v1/models?limit=2"
    assert FACTS.key_id not in str(sent)
