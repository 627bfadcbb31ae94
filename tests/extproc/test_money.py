"""What is held before a request goes out, what its answer costs, what callers are told of both."""

from typing import Any

import orjson
import pytest

from extproc.exchange.actions import Action, Refuse
from extproc.exchange.events import Gone, ResponseBody, ResponseHeaders
from ledger.model import Limit, LimitKind, LimitState, Outcome, UsageSource, Verdict
from tests.extproc.test_translated import refusal, upstream
from tests.extproc.world import ANSWER, CHAT, DONE, FACTS, Play, chunk, headers_of

ASKED: dict[str, Any] = CHAT | {"max_completion_tokens": 10_000}
MESSAGES: dict[str, Any] = {
    "model": "claude-haiku-4-5",
    "max_tokens": 10_000,
    "messages": [{"role": "user", "content": "hello"}],
}
GENERATE: dict[str, Any] = {
    "contents": [{"parts": [{"text": "hello"}]}],
    "generationConfig": {"maxOutputTokens": 10_000},
}


PICTURE = {"model": "gpt-image-1", "prompt": "a cat"}
FORM_TYPE = "multipart/form-data; boundary=b"
FORM = (
    b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\ngpt-image-1\r\n'
    b'--b\r\ncontent-disposition: form-data; name="n"\r\n\r\n@\r\n--b--\r\n'
)


def held(path: str, body: Any) -> tuple[int, int, int]:
    """Hold, least hold and tokens of the admission."""
    play = Play()
    play.request(path, body)
    (asked,) = play.admitted
    return (asked.request.hold_micro, asked.request.min_hold_micro, asked.request.hold_tokens)


# ----------------------------------------------------------------------------- holds


def test_the_worst_case_is_input_and_output_cap_at_the_list_price() -> None:
    """GPT-5 costs 1.25 and 10 dollars a million tokens: ten thousand are ten cents."""
    hold, least, tokens = held("/v1/chat/completions", ASKED)
    assert 100_000 <= hold <= 100_100
    assert 2_560 <= least <= 2_660, "256 tokens of output are the least that is worth having"
    assert 10_000 < tokens < 10_100


def test_without_a_cap_the_models_own_limit_is_held() -> None:
    assert held("/v1/chat/completions", CHAT)[0] > 1_000_000


def test_pictures_are_counted_by_the_piece_not_by_their_bytes() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 400_000}}
    body = ASKED | {"messages": [{"role": "user", "content": [image]}]}
    assert held("/v1/chat/completions", body)[2] < 13_000


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages/count_tokens", {"model": "claude-haiku-4-5", "messages": []}),
        ("/v1/responses/input_tokens", {"model": "gpt-5", "input": "x"}),
    ],
)
def test_what_is_free_holds_nothing(path: str, body: Any) -> None:
    assert held(path, body) == (0, 0, 0)


def test_the_limits_of_key_customer_and_group_are_asked_together() -> None:
    own = Limit("key:key_1", LimitKind.REQUESTS, 5)
    facts = FACTS.__class__("key_1", "cus_1", "n", groups=("metered",), limits=(own,))
    play = Play(facts=facts)
    play.request("/v1/chat/completions", ASKED)
    (asked,) = play.admitted
    assert asked.request.limits == (own, Limit("group:metered:key_1", LimitKind.TOKENS, 1000))
    assert asked.request.customer_id == "cus_1"


@pytest.mark.parametrize(
    ("path", "one", "three"),
    [
        ("/v1/chat/completions", ASKED, ASKED | {"n": 3}),
        ("/v1/chat/completions", ASKED, ASKED | {"n": "3"}),
        (
            "/v1beta/models/gemini-2.5-flash:generateContent",
            GENERATE,
            {**GENERATE, "generationConfig": {"maxOutputTokens": 10_000, "candidateCount": 3}},
        ),
    ],
)
def test_every_answer_that_is_wanted_is_held_for(path: str, one: Any, three: Any) -> None:
    least, most = held(path, one), held(path, three)
    for each in (0, 1):
        assert 2.9 * least[each] < most[each] <= 3 * least[each]
    assert most[2] > 30_000


def test_of_two_caps_the_larger_is_held_for() -> None:
    """Servers heed the one or the other."""
    both = held("/v1/chat/completions", CHAT | {"max_completion_tokens": 1, "max_tokens": 10_000})
    assert both[0] >= 100_000


def test_pictures_are_held_for_by_their_number_in_json_and_in_forms() -> None:
    one = held("/v1/images/generations", PICTURE)[2]
    assert held("/v1/images/generations", PICTURE | {"n": 3})[2] > 2.9 * one
    tokens = []
    for many in (b"1", b"3"):
        play = Play()
        play.request("/v1/images/edits", FORM.replace(b"@", many), content_type=FORM_TYPE)
        (asked,) = play.admitted
        tokens.append(asked.request.hold_tokens)
    assert tokens[1] > 2.5 * tokens[0]


# ----------------------------------------------------------------------------- lowered caps


def test_the_cap_of_each_of_several_answers_is_lowered() -> None:
    play = Play(granted=30_000, balance=30_000)
    sent = upstream(play.request("/v1/chat/completions", ASKED | {"n": 5}))
    assert sent.body is not None
    assert 580 <= orjson.loads(sent.body)["max_completion_tokens"] <= 600


def test_pictures_have_no_cap_that_could_be_lowered() -> None:
    play = Play(granted=5_000, balance=5_000)
    status, body, _ = told(play.request("/v1/images/generations", PICTURE))
    assert status == 402 and "missing" in body["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body", "read"),
    [
        ("/v1/chat/completions", ASKED, lambda b: b["max_completion_tokens"]),
        ("/v1/chat/completions", CHAT | {"max_tokens": 10_000}, lambda b: b["max_tokens"]),
        ("/v1/chat/completions", CHAT, lambda b: b["max_completion_tokens"]),
        ("/v1/messages", MESSAGES, lambda b: b["max_tokens"]),
        ("/v1/responses", {"model": "gpt-5", "input": "x"}, lambda b: b["max_output_tokens"]),
        ("/v1/messages", MESSAGES | {"model": "gpt-5"}, lambda b: b["max_output_tokens"]),
        ("/v1/chat/completions", CHAT | {"model": "claude-haiku-4-5"}, lambda b: b["max_tokens"]),
    ],
)
def test_where_the_balance_pays_for_less_the_output_cap_is_lowered(
    path: str, body: Any, read: Any
) -> None:
    """Half a cent buys 500 tokens of GPT-5's output, and 1,000 of Haiku's."""
    play = Play(granted=5_000, balance=5_000)
    sent = upstream(play.request(path, body))
    assert sent.body is not None and sent.set_headers["content-length"] == str(len(sent.body))
    assert 480 <= read(orjson.loads(sent.body)) <= 1_000
    (asked,) = play.admitted
    assert asked.request.hold_micro > 5_000


def test_geminis_cap_is_lowered_where_it_stands() -> None:
    play = Play(granted=5_000, balance=5_000)
    path = "/v1beta/models/gemini-2.5-flash:generateContent"
    sent = upstream(play.request(path, GENERATE))
    assert sent.body is not None
    assert 256 <= orjson.loads(sent.body)["generationConfig"]["maxOutputTokens"] < 10_000


def test_the_caller_is_told_that_the_cap_was_lowered() -> None:
    play = Play(granted=5_000, balance=5_000)
    play.request("/v1/chat/completions", ASKED)
    said = headers_of(play.answer(200, ANSWER))
    assert "max_output_tokens=clamped" in said["x-clavis-losses"]


# ----------------------------------------------------------------------------- refusals


def told(said: list[Action]) -> tuple[int, dict[str, Any], dict[str, str]]:
    (found,) = (action for action in said if isinstance(action, Refuse))
    return found.status, orjson.loads(found.body), found.headers


def test_too_little_credit_is_402_with_balance_need_and_shortfall() -> None:
    play = Play(verdict=Verdict.INSUFFICIENT_CREDIT, balance=1_000)
    status, body, _ = told(play.request("/v1/chat/completions", ASKED))
    assert status == 402
    message = body["error"]["message"]
    assert "1000 micro-USD" in message and "0.00 USD" in message and "missing" in message
    assert body["error"]["code"] == "insufficient_quota"


def test_credit_that_is_too_little_after_a_hold_releases_it() -> None:
    play = Play(granted=10, balance=10)
    status, _, _ = told(play.request("/v1/chat/completions", ASKED))
    assert status == 402
    (record,) = play.records
    assert record.outcome is Outcome.REFUSED and not record.cost_micro


def test_over_a_limit_is_429_with_the_wait_and_what_is_left_in_the_callers_headers() -> None:
    limit = Limit("key:key_1", LimitKind.REQUESTS, 60)
    state = LimitState(limit, 0, 30_000)
    found = {"retry_after_ms": 1_500, "refused": state, "states": (state,)}
    play = Play(verdict=Verdict.OVER_LIMIT, found=found)
    status, body, headers = told(play.request("/v1/chat/completions", ASKED))
    assert status == 429 and "60 requests a minute" in body["error"]["message"]
    assert headers["retry-after"] == "2"
    assert headers["x-ratelimit-limit-requests"] == "60"
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert headers["x-ratelimit-reset-requests"] == "30s"
    play = Play(verdict=Verdict.OVER_LIMIT, found=found)
    status, body, headers = told(play.request("/v1/messages", MESSAGES))
    assert status == 429 and body["error"]["type"] == "rate_limit_error"
    assert headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert headers["anthropic-ratelimit-requests-reset"].endswith("Z")


def test_every_answer_tells_what_is_left() -> None:
    limits = [Limit("key:k", LimitKind.TOKENS, 1000), Limit("customer:c", LimitKind.TOKENS, 100)]
    states = (LimitState(limits[0], 900, 10), LimitState(limits[1], 10, 54_000))
    play = Play(found={"states": states})
    play.request("/v1/chat/completions", ASKED)
    said = headers_of(play.answer(200, ANSWER))
    assert said["x-ratelimit-remaining-tokens"] == "10", "the tightest of a kind"


def test_a_model_without_a_price_is_not_for_prepaid_customers() -> None:
    play = Play(balance=1_000_000)
    status, body = refusal(play.request("/v1/chat/completions", ASKED | {"model": "unpriced"}))
    assert status == 403 and "price" in body["error"]["message"]
    assert upstream(Play().request("/v1/chat/completions", ASKED | {"model": "unpriced"}))


# ----------------------------------------------------------------------------- what it cost


def streaming(play: Play, *pieces: bytes) -> None:
    play.request("/v1/chat/completions", ASKED | {"stream": True})
    play.tell(ResponseHeaders({":status": "200", "content-type": "text/event-stream"}, end=False))
    for piece in pieces:
        play.tell(ResponseBody(piece, False))


def test_a_stream_whose_upstream_tells_nothing_is_counted() -> None:
    play = Play()
    text = [f"some words number {number} " for number in range(40)]
    words = [chunk(word, obfuscation="x" * 300) for word in text]
    streaming(play, chunk(), *words, chunk("", "stop") + DONE)
    (record,) = play.records
    assert record.usage_source is UsageSource.COUNTED and record.outcome is Outcome.COMPLETED
    assert record.output_tokens == -(-len("".join(text)) // 4)
    assert record.input_tokens and record.cost_micro and record.price_source


def test_a_caller_who_leaves_pays_for_what_was_produced() -> None:
    play = Play()
    streaming(play, chunk(), *[chunk("word ") for _ in range(50)])
    play.tell(Gone())
    (record,) = play.records
    assert record.outcome is Outcome.ABANDONED and record.usage_source is UsageSource.COUNTED
    assert record.output_tokens == -(-50 * len("word ") // 4)
    assert record.cost_micro and record.cost_micro > 0


def test_a_caller_who_leaves_before_the_answer_pays_for_his_request() -> None:
    play = Play()
    play.request("/v1/chat/completions", ASKED)
    play.tell(Gone())
    (record,) = play.records
    assert record.usage_source is UsageSource.ESTIMATED and record.input_tokens
    assert record.output_tokens is None and record.cost_micro and record.cost_micro > 0


def test_an_upstream_that_fails_before_any_output_costs_nothing() -> None:
    play = Play()
    play.request("/v1/chat/completions", ASKED)
    play.answer(500, b'{"error":{"message":"x"}}')
    (record,) = play.records
    assert record.outcome is Outcome.FAILED and not record.cost_micro


GPT5_WINDOW = 400_000


@pytest.mark.parametrize(
    ("prompt", "completion", "clamped"),
    [
        (GPT5_WINDOW, 3, False),
        (int(GPT5_WINDOW * 1.06), 3, True),
        (9, int(GPT5_WINDOW * 1.06), True),
        (900_000_000, 900_000_000, True),
    ],
)
def test_figures_beyond_the_models_window_are_not_believed(
    prompt: int, completion: int, clamped: bool
) -> None:
    """Each side alone: what the other side says may be true."""
    play = Play()
    play.request("/v1/chat/completions", ASKED)
    answer = orjson.loads(ANSWER)
    answer["choices"][0]["message"]["content"] = "x" * 400
    answer["usage"] = {"prompt_tokens": prompt, "completion_tokens": completion}
    play.answer(200, orjson.dumps(answer))
    (record,) = play.records
    told = UsageSource.CLAMPED if clamped else UsageSource.UPSTREAM
    assert record.usage_source is told
    estimate = record.input_tokens if prompt > GPT5_WINDOW else prompt
    assert estimate is not None and (estimate == prompt or 0 < estimate < 1000)
    assert record.input_tokens == estimate
    assert record.output_tokens == (100 if completion > GPT5_WINDOW else completion)
    assert record.cost_micro


def test_several_answers_may_be_longer_than_a_window_together() -> None:
    play = Play()
    play.request("/v1/chat/completions", ASKED | {"n": 4})
    usage = {"prompt_tokens": 9, "completion_tokens": 1_000_000}
    play.answer(200, orjson.dumps(orjson.loads(ANSWER) | {"usage": usage}))
    (record,) = play.records
    assert record.usage_source is UsageSource.UPSTREAM and record.output_tokens == 1_000_000


def test_rounds_of_the_providers_own_tools_add_up() -> None:
    play = Play()
    play.request("/v1/responses", {"model": "gpt-5", "input": "x"})
    usage = {"input_tokens": 1_500_000, "output_tokens": 10}
    play.answer(
        200,
        orjson.dumps(
            {
                "id": "resp_1",
                "object": "response",
                "status": "completed",
                "output": [],
                "usage": usage,
            }
        ),
    )
    (record,) = play.records
    assert record.usage_source is UsageSource.UPSTREAM and record.input_tokens == 1_500_000


def test_without_a_known_window_no_model_reads_more_than_the_largest() -> None:
    play = Play()
    play.request("/v1/chat/completions", CHAT | {"model": "unknown"})
    usage = {"prompt_tokens": 11_000_000, "completion_tokens": 10}
    play.answer(200, orjson.dumps(orjson.loads(ANSWER) | {"usage": usage}))
    (record,) = play.records
    assert record.usage_source is UsageSource.CLAMPED and record.output_tokens == 10
