"""Upstreams as they also are: newer and older models, compatible vendors, streams cut anywhere,
compressed answers, pages of HTML, callers who leave."""

from typing import Any

import httpx
import orjson
import pytest

from tests.e2e.callers import Caller, Wanted
from tests.e2e.gateway import Gateway
from tests.e2e.upstreams import (
    UPSTREAMS,
    Json,
    Upstream,
    of_pairs,
    plain_request,
    read_anthropic,
    read_chat,
    read_gemini,
    received,
    told,
)

pytestmark = pytest.mark.e2e

Callers = dict[str, Caller]

# ----------------------------------------------------------------------------- other models

ADAPTIVE = Upstream("anthropic", "claude-opus-5-5-", read_anthropic)
BUDGETED = Upstream("gemini", "gemini-2.5-pro-", read_gemini)
COMPATIBLE = Upstream("openai_chat", "deepseek-v4-", read_chat)
LOOK: Json = {"name": "look", "arguments": {"where": "up"}}


def in_three_turns(
    shared: Gateway, caller: Caller, upstream: Upstream, streamed: bool, shown: bool = True
) -> Json:
    """The body of the third request: thought and called, thought and called again, answered.

    `shown`: the caller sees what was thought.
    """
    model = told(
        shared.simulator,
        upstream.model("steps"),
        {"thinking": "First I look.", "tools": [LOOK]},
        {"thinking": "Again.", "tools": [LOOK]},
        {"text": "A wall."},
    )
    talk = caller.talk(model, Wanted(streamed=streamed, tools=True, thinking=True))
    first = talk.say("look")
    second = talk.results({call: "a wall" for call in first.calls})
    third = talk.results({call: "a wall, too" for call in second.calls})
    thoughts = ("First I look.", "Again.") if shown else ("", "")
    assert (first.thought, second.thought, third.text) == (*thoughts, "A wall.")
    last = received(shared.simulator, model)[-1]
    assert last["status"] == 200, last
    body: Json = last["body"]
    return body


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "gemini"])
def test_a_claude_that_thinks_as_it_finds_right(
    shared: Gateway, callers: Callers, dialect: str, streamed: bool
) -> None:
    """It refuses budgets, and shows its thoughts only where asked to, which Chat cannot."""
    shown = dialect != "openai_chat"
    body = in_three_turns(shared, callers[dialect], ADAPTIVE, streamed, shown=shown)
    assert body["thinking"]["type"] == "adaptive"
    assert len(read_anthropic(body).seals) == 2


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("dialect", ["anthropic", "openai_chat", "openai_responses"])
def test_a_gemini_that_takes_a_budget(
    shared: Gateway, callers: Callers, dialect: str, streamed: bool
) -> None:
    body = in_three_turns(shared, callers[dialect], BUDGETED, streamed)
    thinking = body["generationConfig"]["thinkingConfig"]
    assert thinking["thinkingBudget"] > 0 and "thinkingLevel" not in thinking


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("dialect", ["anthropic", "openai_responses", "gemini"])
def test_a_compatible_vendor_gets_its_reasoning_back_in_its_own_field(
    shared: Gateway, callers: Callers, dialect: str, streamed: bool
) -> None:
    """DeepSeek refuses a tool loop without it. It knows `max_tokens` only."""
    body = in_three_turns(shared, callers[dialect], COMPATIBLE, streamed)
    steps = [m for m in body["messages"] if m["role"] == "assistant"]
    assert [step["reasoning_content"] for step in steps] == ["First I look.", "Again."]
    assert "max_completion_tokens" not in body


# ----------------------------------------------------------------------------- streams cut anywhere

CUTS: dict[str, Json] = {
    "every byte": {"chunk_bytes": 1},
    "every seventh byte": {"chunk_bytes": 7},
    "crlf": {"sse": "crlf"},
    "cr": {"sse": "cr"},
    "no space": {"sse": "no_space"},
    "byte order mark": {"sse": "bom"},
    "pings": {"pings": 3},
    "all at once": {"coalesce": 100},
}


@pytest.mark.parametrize("cut", CUTS)
@of_pairs(
    [
        ("anthropic", "gemini"),
        ("openai_chat", "anthropic"),
        ("openai_responses", "openai_chat"),
        ("gemini", "openai_responses"),
    ]
)
def test_a_stream_is_read_however_it_is_cut(
    shared: Gateway, callers: Callers, dialect: str, speaks: str, cut: str
) -> None:
    text = "Grüße, 世界 \u2028\u0085\U0001f600 end."
    script: Json = {"text": text, "tools": [LOOK, LOOK], "chunks": 5, **CUTS[cut]}
    model = told(shared.simulator, UPSTREAMS[speaks].model("cut"), script)
    answer = callers[dialect].talk(model, Wanted(streamed=True, tools=True)).say("look")
    assert answer.text == text
    assert [call.where for call in answer.calls] == ["up", "up"]


# ----------------------------------------------------------------------------- odd answers


@pytest.mark.parametrize("how", [{"html": True}, {"drop": True}], ids=["html", "drop"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@of_pairs(
    [
        ("anthropic", "gemini"),
        ("openai_chat", "anthropic"),
        ("openai_responses", "openai_chat"),
        ("gemini", "openai_responses"),
    ]
)
def test_no_answer_at_all_is_the_callers_own_kind_of_error(
    shared: Gateway, dialect: str, speaks: str, streamed: bool, how: Json
) -> None:
    model = told(shared.simulator, UPSTREAMS[speaks].model("odd"), how)
    path, body = plain_request(dialect, model, streamed=streamed)
    answer = httpx.post(f"{shared.http}{path}", json=body, headers={"x-api-key": shared.key})
    assert answer.status_code in (502, 503), answer.text
    error = answer.json()["error"]
    assert error["message"] and "<html" not in answer.text
    keys = {"anthropic": {"type", "message"}, "gemini": {"code", "message", "status"}}
    assert keys.get(dialect, {"message", "type", "param", "code"}) <= error.keys()


# ----------------------------------------------------------------------------- callers who leave


@of_pairs(
    [
        ("openai_chat", "anthropic"),
        ("gemini", "anthropic"),
        ("anthropic", "openai_chat"),
        ("openai_responses", "gemini"),
    ]
)
def test_a_caller_who_leaves_is_recorded_with_what_was_metered(
    shared: Gateway, dialect: str, speaks: str
) -> None:
    script: Json = {"text": "word " * 400, "chunks": 200, "delay_between_ms": 40}
    model = told(shared.simulator, UPSTREAMS[speaks].model("left"), script)
    path, body = plain_request(dialect, model, streamed=True)
    with httpx.stream(
        "POST", f"{shared.http}{path}", json=body, headers={"x-api-key": shared.key}
    ) as answer:
        next(answer.iter_raw())
        request_id = answer.headers["x-request-id"]
    usage = shared.usage(request_id)
    assert (usage["outcome"], usage["status"]) == ("abandoned", 499)
    assert usage["upstream_protocol"] == speaks
    if speaks == "anthropic":
        assert usage["input_tokens"] > 0, "its first event tells"


# ----------------------------------------------------------------------------- strict keys


def test_a_key_may_be_strict_for_good(shared: Gateway) -> None:
    key = shared.new_key("careful", "--strict")
    model = UPSTREAMS["gemini"].model("careful")
    path, body = plain_request("openai_chat", model)
    asked: Any = {"headers": {"x-api-key": key}}
    assert httpx.post(f"{shared.http}{path}", json=body, **asked).status_code == 200
    lossy = body | {"logit_bias": {"1": 5}}
    refused = httpx.post(f"{shared.http}{path}", json=lossy, **asked)
    assert refused.status_code == 400
    error = orjson.loads(refused.content)["error"]
    assert (error["param"], error["code"]) == ("logit_bias", "lossy_conversion")
