"""What the gateway keeps for upstreams that keep nothing: stored answers, sealed reasoning. And the
dry run, which keeps nothing and asks nobody."""

from typing import Any

import orjson

from extproc.exchange.actions import Action, Refuse
from ledger.model import Outcome
from tests.extproc.test_translated import MESSAGE, body, refusal, upstream
from tests.extproc.world import Play, body_of

ASKED: dict[str, Any] = {"model": "claude-x", "input": "what is the sum of 1 and 1?"}


def own(said: list[Action]) -> dict[str, Any]:
    """An answer of our own."""
    (found,) = (action for action in said if isinstance(action, Refuse))
    assert found.status == 200, found.body
    parsed: dict[str, Any] = orjson.loads(found.body)
    return parsed


def stored() -> tuple[Play, str]:
    """One exchange whose answer was kept: the play, and the answer's id."""
    play = Play()
    play.request("/v1/responses", ASKED)
    answer = orjson.loads(body_of(play.answer(200, orjson.dumps(MESSAGE))))
    assert answer["id"].startswith("resp_") and answer["store"] is True
    return play, answer["id"]


def later(first: Play) -> Play:
    return Play(kept=first.kept)


# ----------------------------------------------------------------------------- stored answers


def test_an_answer_is_continued_on_an_upstream_that_keeps_nothing() -> None:
    first, answer_id = stored()
    play = later(first)
    asked = {"model": "claude-x", "input": "and 2 more?", "previous_response_id": answer_id}
    sent = body(upstream(play.request("/v1/responses", asked)))
    assert [m["role"] for m in sent["messages"]] == ["user", "assistant", "user"]
    said = orjson.loads(body_of(play.answer(200, orjson.dumps(MESSAGE))))
    assert said["previous_response_id"] == answer_id


def test_an_answer_is_continued_on_an_upstream_of_the_same_protocol() -> None:
    """The history goes along; the id, which that upstream never heard of, does not."""
    first, answer_id = stored()
    asked = {"model": "gpt-5", "input": "and 2 more?", "previous_response_id": answer_id}
    sent = body(upstream(later(first).request("/v1/responses", asked)))
    assert "previous_response_id" not in sent
    assert [item["role"] for item in sent["input"]] == ["user", "assistant", "user"]


def test_what_is_not_to_be_stored_is_not() -> None:
    play = Play()
    play.request("/v1/responses", ASKED | {"store": False})
    answer = orjson.loads(body_of(play.answer(200, orjson.dumps(MESSAGE))))
    assert answer["store"] is False and play.kept == {}


def test_a_stored_answer_and_its_input_can_be_read_and_deleted() -> None:
    first, answer_id = stored()
    path = f"/v1/responses/{answer_id}"
    shown = own(later(first).request(path, method="GET"))
    assert shown["id"] == answer_id and shown["output"][0]["content"][0]["text"] == "hi"
    listed = own(later(first).request(f"{path}/input_items", method="GET"))
    assert listed["object"] == "list" and len(listed["data"]) == 1 and not listed["has_more"]
    assert listed["data"][0]["content"][0]["text"] == ASKED["input"]
    status, _ = refusal(later(first).request(f"{path}/cancel", b"{}"))
    assert status == 400
    play = later(first)
    gone = own(play.request(path, method="DELETE"))
    assert gone == {"id": answer_id, "object": "response", "deleted": True}
    assert play.kept == {}
    status, said = refusal(play.__class__().request(path, method="GET"))
    assert status == 404 and said["error"]["message"]


def test_an_answer_that_broke_off_is_not_kept() -> None:
    play = Play()
    play.request("/v1/responses", ASKED | {"stream": True})
    begun = b'event: message_start\ndata: {"type":"message_start","message":{}}\n\n'
    play.answer(200, begun, "text/event-stream")
    assert play.kept == {}


# ----------------------------------------------------------------------------- sealed reasoning

THOUGHT: dict[str, Any] = {"type": "thinking", "thinking": "I must look", "signature": "c2lnbmVk"}
CALL: dict[str, Any] = {"type": "tool_use", "id": "toolu_0123456789", "name": "look", "input": {}}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


def test_reasoning_comes_back_to_its_issuer_through_a_client_without_a_field_for_it() -> None:
    first = Play()
    chat: dict[str, Any] = {
        "model": "claude-haiku-4-5",
        "reasoning_effort": "low",
        "tools": [TOOL],
        "messages": [{"role": "user", "content": "look"}],
    }
    first.request("/v1/chat/completions", chat)
    message = MESSAGE | {"content": [THOUGHT, CALL], "stop_reason": "tool_use"}
    said = orjson.loads(body_of(first.answer(200, orjson.dumps(message))))["choices"][0]["message"]
    (call,) = said["tool_calls"]
    assert set(first.kept) == {("seal", call["id"])}

    history = [
        *chat["messages"],
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "a wall"},
    ]
    second = Play(kept=first.kept)
    sent = body(upstream(second.request("/v1/chat/completions", chat | {"messages": history})))
    assert sent["messages"][1]["content"][0] == THOUGHT
    assert sent["messages"][1]["content"][1]["type"] == "tool_use"

    forgotten = Play()
    sent = body(upstream(forgotten.request("/v1/chat/completions", chat | {"messages": history})))
    assert [block["type"] for block in sent["messages"][1]["content"]] == ["tool_use"]
    assert sent.get("thinking", {}).get("type") in (None, "disabled"), "or the upstream refuses"


# ----------------------------------------------------------------------------- dry runs


def test_a_dry_run_shows_body_losses_and_price_and_asks_nobody() -> None:
    play = Play()
    asked = {
        "model": "claude-haiku-4-5",
        "messages": [{"role": "user", "content": "hello"}],
        "seed": 4,
        "max_completion_tokens": 100,
    }
    shown = own(play.request("/v1/convert?from=openai_chat", asked))
    assert (shown["from"], shown["to"]) == ("openai_chat", "anthropic")
    assert shown["path"] == "/v1/messages" and shown["provider"] == "claude"
    assert shown["body"]["max_tokens"] == 100
    assert [loss["field"] for loss in shown["losses"]] == ["seed"]
    assert shown["input_tokens_estimated"] > 0 and shown["cost_micro_estimated"] > 0
    assert shown["price"]["input_usd_per_million"] > 0
    (record,) = play.records
    assert record.endpoint == "convert" and record.cost_micro == 0
    assert record.outcome is Outcome.COMPLETED and record.upstream is None


def test_a_dry_run_converts_to_any_protocol_and_knows_the_body_by_its_fields() -> None:
    asked = {"model": "claude-x", "contents": [{"parts": [{"text": "hello"}]}]}
    for target in ("anthropic", "openai_chat", "openai_responses", "gemini"):
        shown = own(Play().request(f"/v1/convert?to={target}", asked))
        assert (shown["from"], shown["to"]) == ("gemini", target)


def test_a_dry_run_says_what_is_wrong_with_its_parameters() -> None:
    status, said = refusal(Play().request("/v1/convert?to=klingon", ASKED))
    assert status == 400 and "openai_responses" in said["error"]["message"]
