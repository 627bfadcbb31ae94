"""Where translated exchanges could go wrong without anybody noticing: told one by one."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from extproc.exchange.actions import LookUpKey, Refuse, SendBody, SendHeaders, SendTrailers
from extproc.exchange.events import (
    AdmissionDecided,
    AnswerLookedUp,
    RequestBody,
    RequestHeaders,
    ResponseBody,
    ResponseHeaders,
    ResponseTrailers,
)
from extproc.exchange.exchange import HEAVY_BYTES
from extproc.exchange.phases import Phase
from extproc.translation import MAX_VALUES
from ledger.model import Admission, Outcome, Verdict
from tests.extproc import world as scene
from tests.extproc.test_kept import ASKED, later, own, stored
from tests.extproc.test_translated import CHAT, MESSAGE, MESSAGES, begin, body, refusal, upstream
from tests.extproc.world import ANSWER, DONE, FACTS, Play, body_of, chunk, headers_of
from translators.protocol import Protocol

THOUGHT: dict[str, Any] = {"type": "thinking", "thinking": "I must look", "signature": "c2lnbmVk"}


def broken(play: Play, name: str, **change: Any) -> Play:
    """The same play where a protocol has a defect."""
    protocol: Protocol = replace(play.world.protocol(name), **change)
    changed = replace(play.world, protocols={**play.world.protocols, name: protocol})
    return Play(world=changed, kept=play.kept)


def breaks(*_: object) -> Any:
    raise KeyError("a secret of the caller")


# ----------------------------------------------------------------------------- whole answers


def test_a_folded_stream_that_breaks_off_is_no_200() -> None:
    play = Play()
    play.request("/v1/messages", MESSAGES)
    said = play.answer(200, chunk("a"), "text/event-stream")
    assert headers_of(said)[":status"] == "502"
    assert orjson.loads(body_of(said))["type"] == "error"
    (record,) = play.records
    assert record.status == 502 and record.outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("model", "answer"),
    [("gpt-5", b'{"object":"x","input_tokens":17}'), ("claude-x", b'{"input_tokens":17}')],
)
def test_a_count_is_no_stream_whatever_its_body_says(model: str, answer: bytes) -> None:
    play = Play()
    asked = {"model": model, "messages": MESSAGES["messages"], "stream": True}
    play.request("/v1/messages/count_tokens", asked)
    assert orjson.loads(body_of(play.answer(200, answer))) == {"input_tokens": 17}
    (record,) = play.records
    assert record.outcome is Outcome.COMPLETED and not record.streamed


@pytest.mark.parametrize(("status", "told"), [(200, 502), (204, 502), (307, 502), (404, 404)])
def test_an_answer_without_a_body_is_a_failure_in_the_callers_dialect(
    status: int, told: int
) -> None:
    for path in ("/v1/messages", "/v1/messages/count_tokens"):
        play = Play()
        play.request(path, MESSAGES | {"model": "gpt-5"})
        said = play.tell(ResponseHeaders({":status": str(status), "location": "x"}, True))
        seen, failure = refusal(said)
        assert seen == told and failure["type"] == "error"


def test_headers_of_another_vendor_stay_behind_with_its_errors_too() -> None:
    play = Play()
    play.request("/v1/messages", MESSAGES)
    theirs = {"openai-version": "x", "openai-processing-ms": "3", "retry-after-ms": "9"}
    play.tell(ResponseHeaders({":status": "400", "content-encoding": "br", **theirs}, False))
    said = play.tell(ResponseBody(b'{"error":{"message":"no"}}', True))
    (headers,) = (action for action in said if isinstance(action, SendHeaders))
    assert {*theirs, "content-encoding"} <= set(headers.remove_headers)
    assert headers.set_headers[":status"] == "400"


def test_a_compressed_answer_is_not_read_as_text() -> None:
    play = Play()
    play.request("/v1/messages", MESSAGES)
    head = {":status": "200", "content-type": "application/json", "content-encoding": "gzip"}
    play.tell(ResponseHeaders(head, False))
    said = play.tell(ResponseBody(b"\x1f\x8b\x08\x00 rubbish", True))
    assert headers_of(said)[":status"] == "502"


# ----------------------------------------------------------------------------- trailers


@pytest.mark.parametrize("translated", [True, False])
def test_trailers_after_the_end_of_a_stream_are_let_pass(translated: bool) -> None:
    play = Play()
    if translated:
        begin(play)
    else:
        play.request("/v1/chat/completions", scene.CHAT | {"stream": True})
        play.tell(ResponseHeaders({":status": "200", "content-type": "text/event-stream"}, False))
    play.tell(ResponseBody(chunk("a"), False))
    play.tell(ResponseBody(chunk("", "stop") + DONE, False))
    assert play.exchange.phase is Phase.FINISHING
    said = play.tell(ResponseTrailers())
    assert any(isinstance(action, SendTrailers) for action in said)
    assert not any(isinstance(action, SendBody) and action.end for action in said)


def test_a_retry_after_trailers_ends_with_them() -> None:
    play = Play()
    play.request("/v1/chat/completions", CHAT | {"model": "either"})
    play.tell(ResponseHeaders({":status": "529", "content-type": "application/json"}, False))
    play.tell(ResponseBody(b"{}", False))
    said = play.tell(ResponseTrailers())
    assert headers_of(said)["x-clavis-retry"] == "upstream"
    assert isinstance(said[-2], SendTrailers)
    assert not any(isinstance(action, SendBody) and action.end for action in said)


# ----------------------------------------------------------------------------- routes


def test_a_target_that_would_lose_what_must_not_be_lost_is_passed_over() -> None:
    """`seed` is lost at Anthropic's and kept at Google's, which stands in the second tier."""
    asked = CHAT | {"model": "either", "seed": 7}
    play = Play()
    sent = upstream(play.request("/v1/chat/completions", asked, x_clavis_strict="true"))
    assert sent.set_headers[":path"].endswith(":generateContent")
    said = play.answer(503, b"{}")
    assert "x-clavis-retry" not in headers_of(said), "it was the only one that could"
    both = Play().request("/v1/chat/completions", CHAT | {"model": "either"})
    assert upstream(both).set_headers[":path"] == "/v1/messages"


def test_where_no_target_can_the_first_ones_reason_is_told() -> None:
    asked = CHAT | {"model": "either", "logit_bias": {"1": 2}}
    for attempt in ("1", "2"):
        said = Play().request(
            "/v1/chat/completions", asked, x_clavis_strict="true", x_envoy_attempt_count=attempt
        )
        status, told = refusal(said)
        assert status == 400 and told["error"]["code"] == "lossy_conversion"


def test_a_group_that_translates_nothing_gives_no_other_format() -> None:
    facts = replace(FACTS, groups=("untouched",))
    asked = {"model": "gpt-5", "messages": CHAT["messages"], "style": "claude"}
    status, said = refusal(Play(facts=facts).request("/v1/chat/completions", asked))
    assert status == 400 and said["type"] == "error", "in the format that was asked for"


@pytest.mark.parametrize("body", [{"style": "claude"}, {"style": "claude", "model": "x" * 300}])
def test_what_is_wrong_is_told_in_the_format_that_was_asked_for(body: dict[str, Any]) -> None:
    _, said = refusal(Play().request("/v1/chat/completions", body | {"messages": []}))
    assert said["type"] == "error"


# ----------------------------------------------------------------------------- stored answers


def test_an_answer_that_an_upstream_stores_is_not_continued_at_another() -> None:
    asked = ASKED | {"previous_response_id": "resp_theirs"}
    status, said = refusal(Play(pinned="first").request("/v1/responses", asked))
    assert (status, said["error"]["param"]) == (400, "previous_response_id")


def test_a_key_that_was_changed_meanwhile_still_continues_an_answer_of_ours() -> None:
    first, answer_id = stored()
    play = Play(kept=first.kept, decided=replace(FACTS, version=7))
    asked = ASKED | {"previous_response_id": answer_id}
    sent = body(upstream(play.request("/v1/responses", asked)))
    assert [m["role"] for m in sent["messages"]] == ["user", "assistant", "user"]


def test_seals_in_a_stored_answer_do_not_reach_another_vendors_upstream() -> None:
    first = Play()
    asked = ASKED | {"model": "claude-haiku-4-5", "include": ["reasoning.encrypted_content"]}
    first.request("/v1/responses", asked | {"reasoning": {"effort": "low"}})
    message = MESSAGE | {"content": [THOUGHT, *MESSAGE["content"]]}
    answer = orjson.loads(body_of(first.answer(200, orjson.dumps(message))))
    assert b"clv1." in b"".join(first.kept.values())
    go_on = {"model": "gpt-5", "input": "and?", "previous_response_id": answer["id"]}
    play = later(first)
    sent = upstream(play.request("/v1/responses", go_on))
    assert sent.body is not None and b"clv1." not in sent.body
    strict = later(first).request("/v1/responses", go_on, x_clavis_strict="true")
    assert refusal(strict)[0] == 400


def test_a_stored_answer_is_shown_by_what_the_key_is_now() -> None:
    """Nothing that is only remembered decides: no admission follows that would look again."""
    for path, fresh in (("/v1/responses/resp_1", True), ("/v1/messages", False)):
        method = "GET" if fresh else "POST"
        exchange = Play().exchange
        (action,) = exchange.handle(RequestHeaders(scene.headers(path, method), fresh), 0)
        assert isinstance(action, LookUpKey) and action.fresh is fresh


def test_a_stored_answer_cannot_be_streamed() -> None:
    first, answer_id = stored()
    path = f"/v1/responses/{answer_id}"
    status, said = refusal(later(first).request(f"{path}?stream=true", method="GET"))
    assert status == 400 and said["error"]["param"] == "stream"
    assert own(later(first).request(f"{path}?stream=false", method="GET"))["id"] == answer_id


def test_a_body_that_is_too_large_to_be_kept_is_not_held_in_memory() -> None:
    play = Play()
    most = play.world.catalog.limits.stored_answer_max_bytes
    play.request("/v1/responses", ASKED | {"input": "x" * most})
    assert play.answer(200, orjson.dumps(MESSAGE)) and play.kept == {}


# ----------------------------------------------------------------------------- faults of ours


def test_a_request_that_breaks_a_translator_is_refused_once_and_says_nothing() -> None:
    play = broken(Play(), "openai_chat", encode_request=breaks)
    said = play.request("/v1/messages", MESSAGES)
    status, told = refusal(said)
    assert status == 500 and "secret" not in orjson.dumps(told).decode()
    assert isinstance(play.exchange.defect, KeyError)
    assert not any("x-clavis-retry" in a.headers for a in said if isinstance(a, Refuse))
    (record,) = play.records
    assert record.outcome is Outcome.REFUSED and play.exchange.phase is Phase.CLOSED


def test_a_whole_answer_that_breaks_a_translator_is_settled_and_told() -> None:
    play = broken(Play(), "openai_chat", decode_response=breaks)
    play.request("/v1/messages", MESSAGES)
    said = play.answer(200, ANSWER)
    assert headers_of(said)[":status"] == "502" and b"secret" not in body_of(said)
    assert isinstance(play.exchange.defect, KeyError)
    (record,) = play.records
    assert record.outcome is Outcome.FAILED


@pytest.mark.parametrize("streamed", [True, False])
def test_neither_answer_nor_record_suffers_when_keeping_breaks(streamed: bool) -> None:
    state = Play().world.protocol("openai_responses").state
    assert state is not None
    play = broken(Play(), "openai_responses", state=replace(state, keep=breaks))
    play.request("/v1/responses", ASKED | {"model": "chatty", "stream": streamed})
    if streamed:
        said = play.answer(200, chunk("a", "stop") + scene.USAGE + DONE, "text/event-stream")
        assert b"response.completed" in body_of(said)
    else:
        assert orjson.loads(body_of(play.answer(200, ANSWER)))["status"] == "completed"
    (record,) = play.records
    assert record.outcome is Outcome.COMPLETED and record.output_tokens
    assert play.kept == {} and isinstance(play.exchange.defect, KeyError)


# ----------------------------------------------------------------------------- size


def test_a_body_of_more_values_than_a_model_can_read_is_refused_before_it_is_translated() -> None:
    many = [{"role": "user", "content": "x"}] * (MAX_VALUES // 3)
    status, said = refusal(Play().request("/v1/messages", MESSAGES | {"messages": many}))
    assert status == 400 and str(MAX_VALUES) in said["error"]["message"]
    native = Play().request("/v1/messages", MESSAGES | {"model": "claude-x", "messages": many})
    assert upstream(native).body is None, "what passes unchanged is its upstream's to judge"
    prose = "one, two, " * MAX_VALUES
    told = MESSAGES | {"messages": [{"role": "user", "content": prose}]}
    assert upstream(Play().request("/v1/messages", told)).body


def test_large_bodies_are_heavy() -> None:
    play, large = Play(), b"x" * (HEAVY_BYTES + 1)
    exchange = play.exchange
    assert exchange.is_heavy(RequestBody(large)) and not exchange.is_heavy(RequestBody(b"{}"))
    assert exchange.is_heavy(AnswerLookedUp(None, large))
    assert not exchange.is_heavy(AnswerLookedUp("account"))
    assert not exchange.is_heavy(AdmissionDecided(Admission(Verdict.ADMITTED, FACTS)))
    play.request("/v1/messages", MESSAGES)
    play.tell(ResponseHeaders({":status": "200", "content-type": "application/json"}, False))
    play.tell(ResponseBody(large, False))
    assert exchange.is_heavy(ResponseBody(b"", True))
    assert not exchange.is_heavy(ResponseBody(large, False)), "that is only gathered"
