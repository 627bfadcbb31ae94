"""Exchanges whose upstream speaks another protocol than their caller, told as stories."""

from typing import Any

import orjson
import pytest

from extproc.exchange.actions import Action, Refuse, SendBody, SendHeaders, SendUpstream
from extproc.exchange.events import HoldElapsed, ResponseBody, ResponseHeaders
from extproc.exchange.phases import Phase
from ledger.model import Outcome
from tests.extproc.world import ANSWER, DONE, FACTS, Play, body_of, chunk, headers_of

MESSAGES: dict[str, Any] = {
    "model": "chatty",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "hello"}],
}
CHAT: dict[str, Any] = {"model": "claude-x", "messages": [{"role": "user", "content": "hello"}]}
MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 10, "output_tokens": 3, "cache_read_input_tokens": 5},
}


def upstream(said: list[Action]) -> SendUpstream:
    """The one request that went upstream."""
    (sent,) = (action for action in said if isinstance(action, SendUpstream))
    return sent


def body(sent: SendUpstream) -> dict[str, Any]:
    assert sent.body is not None
    parsed: dict[str, Any] = orjson.loads(sent.body)
    return parsed


def refusal(said: list[Action]) -> tuple[int, dict[str, Any]]:
    (found,) = (action for action in said if isinstance(action, Refuse))
    return found.status, orjson.loads(found.body)


def events(data: bytes) -> list[dict[str, Any]]:
    return [orjson.loads(line[6:]) for line in data.split(b"\n") if line.startswith(b"data: {")]


# ----------------------------------------------------------------------------- requests


def test_a_request_goes_out_in_the_upstreams_own_protocol() -> None:
    said = Play().request(
        "/v1/messages?beta=true",
        MESSAGES,
        anthropic_version="2023-06-01",
        anthropic_beta="x",
        x_stainless_lang="python",
        accept_encoding="gzip",
    )
    sent = upstream(said)
    assert sent.set_headers[":path"] == "/v1/chat/completions"
    assert sent.set_headers["authorization"] == "Bearer sk-upstream-first"
    assert sent.set_headers["content-type"] == "application/json"
    assert {"anthropic-version", "anthropic-beta", "x-stainless-lang", "accept-encoding"} <= set(
        sent.remove_headers
    )
    assert sent.body is not None and sent.set_headers["content-length"] == str(len(sent.body))
    assert body(sent)["model"] == "gpt-5"
    assert body(sent)["messages"] == [{"role": "user", "content": "hello"}]


def test_the_upstreams_own_version_is_ours_to_say() -> None:
    sent = upstream(Play().request("/v1/chat/completions", CHAT))
    assert sent.set_headers[":path"] == "/v1/messages"
    assert sent.set_headers["anthropic-version"] == "2023-06-01"
    assert sent.set_headers["x-api-key"] == "sk-upstream-anthropic"
    assert body(sent)["max_tokens"] > 0


def test_a_gemini_call_is_in_the_path() -> None:
    asked = MESSAGES | {"model": "gemini-3-pro", "stream": True}
    sent = upstream(Play().request("/v1/messages", asked))
    assert sent.set_headers[":path"] == (
        "/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse"
    )
    assert body(sent)["contents"][0]["parts"] == [{"text": "hello"}]


def test_the_same_protocol_passes_byte_by_byte() -> None:
    raw = b'{"model" : "claude-x", "unknown": 1, "messages":[], "max_tokens": 5}'
    sent = upstream(Play().request("/v1/messages", raw))
    assert sent.body is None or sent.body == raw


def test_another_upstreams_seals_do_not_reach_a_native_one() -> None:
    play = Play()
    thought = {"type": "thinking", "thinking": "hm", "signature": "clv1.gemini.abc"}
    asked = MESSAGES | {
        "model": "claude-x",
        "context_management": {"edits": []},
        "messages": [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": [thought, {"type": "text", "text": "b"}]},
            {"role": "user", "content": "c"},
        ],
    }
    sent = body(upstream(play.request("/v1/messages", asked)))
    assert sent["messages"][1]["content"] == [{"type": "text", "text": "b"}]
    assert sent["context_management"] == {"edits": []}, "what is unknown stays"
    said = play.answer(200, orjson.dumps(MESSAGE))
    assert headers_of(said)["x-clavis-losses"] == "reasoning=unsealed"


@pytest.mark.parametrize(
    ("change", "param"),
    [({"messages": 5}, "messages"), ({"max_tokens": "many"}, "max_tokens")],
)
def test_what_cannot_be_read_is_a_400_in_the_callers_dialect(
    change: dict[str, Any], param: str
) -> None:
    play = Play()
    status, said = refusal(play.request("/v1/messages", MESSAGES | change))
    assert status == 400 and said["type"] == "error"
    assert param in said["error"]["message"]
    (record,) = play.records
    assert record.outcome is Outcome.REFUSED and record.upstream_protocol is None


def test_a_refusal_names_the_callers_own_field() -> None:
    """That a model does not continue an answer, and what a strict caller would lose."""
    asked = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "So"}]
    status, said = refusal(Play().request("/v1/responses", {"model": "claude-x", "input": asked}))
    assert (status, said["error"]["param"]) == (400, "input")
    format_ = {"format": {"type": "json_schema", "name": "n", "schema": {}, "description": "d"}}
    strictly = {"model": "claude-x", "input": "a", "text": format_}
    status, said = refusal(Play().request("/v1/responses", strictly, x_clavis_strict="true"))
    assert (status, said["error"]["param"]) == (400, "text.format")
    assert "`output_format" in said["error"]["message"]


def test_a_passthrough_group_converts_nothing() -> None:
    facts = FACTS.__class__(key_id="k", customer_id="c", name="n", groups=("untouched",))
    status, said = refusal(Play(facts=facts).request("/v1/messages", MESSAGES))
    assert status == 400 and "POST /v1/chat/completions" in said["error"]["message"]


@pytest.mark.parametrize("how", ["header", "key", "group"])
def test_strict_refuses_instead_of_losing(how: str) -> None:
    """`top_k` has no place in Chat Completions."""
    more = {"x_clavis_strict": "true"} if how == "header" else {}
    groups = ("careful",) if how == "group" else ()
    facts = FACTS.__class__("k", "c", "n", groups=groups, strict=how == "key")
    status, said = refusal(
        Play(facts=facts).request("/v1/messages", MESSAGES | {"top_k": 4}, **more)
    )
    assert status == 400 and "top_k" in said["error"]["message"]
    lossless = Play(facts=facts).request("/v1/messages", MESSAGES, **more)
    assert upstream(lossless).body is not None


# ----------------------------------------------------------------------------- whole answers


def test_a_whole_answer_comes_in_the_callers_protocol_with_its_figures() -> None:
    play = Play()
    play.request("/v1/messages", MESSAGES | {"top_k": 4})
    head = {":status": "200", "content-type": "application/json", "openai-version": "x"}
    play.tell(ResponseHeaders({**head, "content-length": str(len(ANSWER))}, False))
    said = play.tell(ResponseBody(ANSWER, True))
    answer = orjson.loads(body_of(said))
    assert (answer["type"], answer["role"], answer["model"]) == ("message", "assistant", "chatty")
    assert answer["content"] == [{"type": "text", "text": "hi"}]
    assert (answer["usage"]["input_tokens"], answer["usage"]["output_tokens"]) == (10, 3)
    (headers,) = (action for action in said if isinstance(action, SendHeaders))
    assert "openai-version" in headers.remove_headers
    assert "content-length" in headers.remove_headers
    assert headers.set_headers["x-clavis-losses"] == "top_k=dropped"
    assert headers.set_headers["x-clavis-input-tokens"] == "10"
    (record,) = play.records
    assert (record.protocol, record.upstream_protocol) == ("anthropic", "openai_chat")
    assert record.losses == ("top_k=dropped",) and record.outcome is Outcome.COMPLETED
    assert (record.input_tokens, record.output_tokens) == (10, 3)
    assert record.cost_micro and record.cost_micro > 0
    assert play.exchange.phase is Phase.CLOSED


def test_an_upstreams_error_is_told_in_the_callers_dialect() -> None:
    play = Play()
    play.request("/v1/messages", MESSAGES)
    wrong = {"error": {"message": "too long", "type": "invalid_request_error", "code": None}}
    said = play.answer(400, orjson.dumps(wrong))
    assert headers_of(said)[":status"] == "400"
    told = orjson.loads(body_of(said))
    assert told["type"] == "error" and told["error"]["type"] == "invalid_request_error"
    assert told["error"]["message"] == "too long"


def test_the_next_attempt_is_translated_anew() -> None:
    play = Play()
    asked = {"model": "either", "messages": [{"role": "user", "content": "hello"}]}
    first = play.request("/v1/chat/completions", asked)
    assert upstream(first).set_headers[":path"] == "/v1/messages"
    said = play.answer(529, b'{"type":"error","error":{"type":"overloaded_error","message":"x"}}')
    assert headers_of(said)["x-clavis-retry"] == "upstream"
    again = Play(tries=tuple(play.noted))
    second = again.request("/v1/chat/completions", asked, x_envoy_attempt_count="2")
    assert upstream(second).set_headers[":path"] == "/v1beta/models/gemini-3-pro:generateContent"


# ----------------------------------------------------------------------------- streams


def begin(play: Play, **change: Any) -> None:
    play.request("/v1/messages", MESSAGES | {"stream": True} | change)
    head = {":status": "200", "content-type": "text/event-stream"}
    assert play.tell(ResponseHeaders(head, end=False))[-1:] != [SendBody(b"", False)]


def test_a_stream_is_held_translated_and_settled_before_its_end_is_seen() -> None:
    play = Play()
    begin(play)
    assert play.tell(ResponseBody(chunk(), False)) == [], "nothing is generated yet"
    said = play.tell(ResponseBody(chunk("a"), False))
    assert headers_of(said)["content-type"].startswith("text/event-stream")
    assert [e["type"] for e in events(body_of(said))] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
    ]
    said = play.tell(ResponseBody(chunk("b"), False))
    assert [e["delta"]["text"] for e in events(body_of(said))] == ["b"]
    assert not play.records
    usage = b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}\n\n'
    said = play.tell(ResponseBody(chunk("", "stop") + usage + DONE, False))
    (record,) = play.records
    assert (record.input_tokens, record.output_tokens, record.finish) == (5, 2, "stop")
    assert [e["type"] for e in events(body_of(said))] == [
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert play.tell(ResponseBody(b": trailing\n\n", False)) == []
    assert body_of(play.tell(ResponseBody(b"", True))) == b""
    assert play.exchange.phase is Phase.CLOSED


def test_an_error_inside_the_stream_before_anything_was_seen_becomes_a_status() -> None:
    play = Play()
    begin(play)
    play.tell(ResponseBody(chunk(), False))
    said = play.tell(
        ResponseBody(b'data: {"error":{"message":"busy","type":"server_error"}}\n\n', False)
    )
    assert headers_of(said)[":status"] == "502"
    assert orjson.loads(body_of(said))["type"] == "error"


def test_an_error_inside_a_stream_that_was_seen_is_an_event_and_nothing_after_it() -> None:
    play = Play()
    begin(play)
    play.tell(ResponseBody(chunk("a"), False))
    said = play.tell(
        ResponseBody(b'data: {"error":{"message":"busy","type":"server_error"}}\n\n', False)
    )
    assert [e["type"] for e in events(body_of(said))] == ["error"]
    (record,) = play.records
    assert record.outcome is Outcome.FAILED
    assert body_of(play.tell(ResponseBody(DONE, True))) == b""


def test_a_stream_that_breaks_off_ends_with_an_error() -> None:
    play = Play()
    begin(play)
    play.tell(ResponseBody(chunk("a"), False))
    said = play.tell(ResponseBody(b"", True))
    assert [e["type"] for e in events(body_of(said))] == ["error"]
    (record,) = play.records
    assert record.outcome is Outcome.TRUNCATED


def test_a_caller_who_hears_nothing_gets_a_sign_of_life_in_his_dialect() -> None:
    play = Play()
    begin(play)
    assert play.exchange.keep_alive(play.now_ms + 60_000) == [], "nothing before the headers"
    play.now_ms += 10_000
    assert headers_of(play.tell(HoldElapsed()))["content-type"].startswith("text/event-stream")
    assert play.exchange.keep_alive(play.now_ms + 14_000) == []
    (ping,) = play.exchange.keep_alive(play.now_ms + 16_000)
    assert ping.data == b'event: ping\ndata: {"type": "ping"}\n\n'
    assert play.exchange.keep_alive(play.now_ms + 17_000) == []


def test_a_stream_that_is_answered_whole_is_a_stream_all_the_same() -> None:
    play = Play()
    play.request("/v1/messages", MESSAGES | {"stream": True})
    said = play.answer(200, ANSWER)
    types = [e["type"] for e in events(body_of(said))]
    assert types[0] == "message_start" and types[-1] == "message_stop"
    (record,) = play.records
    assert record.outcome is Outcome.COMPLETED and record.output_tokens == 3


def test_a_whole_answer_of_an_upstream_that_streams_unasked_is_folded() -> None:
    play = Play()
    play.request("/v1/messages", MESSAGES)
    said = play.answer(200, chunk("a") + chunk("b", "stop") + DONE, "text/event-stream")
    assert orjson.loads(body_of(said))["content"] == [{"type": "text", "text": "ab"}]


# ----------------------------------------------------------------------------- style, counting


def test_style_claude_answers_a_chat_request_in_the_messages_format() -> None:
    play = Play()
    play.request("/v1/chat/completions", CHAT | {"style": "claude"})
    answer = orjson.loads(body_of(play.answer(200, orjson.dumps(MESSAGE))))
    assert answer["type"] == "message" and answer["content"] == [{"type": "text", "text": "hi"}]
    assert answer["usage"]["cache_read_input_tokens"] == 5


def test_style_claude_shapes_errors_too() -> None:
    status, said = refusal(
        Play().request("/v1/chat/completions", CHAT | {"style": "claude", "messages": 3})
    )
    assert status == 400 and said["type"] == "error"


def test_another_style_is_a_field_like_any_other() -> None:
    asked = CHAT | {"model": "gpt-5", "style": "baroque"}
    assert upstream(Play().request("/v1/chat/completions", asked)).body is None


def test_tokens_are_counted_by_an_upstream_that_can() -> None:
    play = Play()
    asked = {"model": "gpt-5", "messages": MESSAGES["messages"]}
    sent = upstream(play.request("/v1/messages/count_tokens", asked))
    assert sent.set_headers[":path"] == "/v1/responses/input_tokens"
    said = play.answer(200, b'{"object":"response.input_tokens","input_tokens":17}')
    assert orjson.loads(body_of(said)) == {"input_tokens": 17}
    (record,) = play.records
    assert record.cost_micro == 0 and record.output_tokens is None


def test_tokens_are_estimated_where_nobody_can_count_and_the_answer_says_so() -> None:
    play = Play()
    asked = {"model": "chatty", "messages": MESSAGES["messages"]}
    said = play.request("/v1/messages/count_tokens", asked)
    (answer,) = (action for action in said if isinstance(action, Refuse))
    assert answer.status == 200
    assert 1 <= orjson.loads(answer.body)["input_tokens"] <= 20
    assert answer.headers["x-clavis-usage-source"] == "estimated"
    (record,) = play.records
    assert record.outcome is Outcome.COMPLETED and record.cost_micro == 0
