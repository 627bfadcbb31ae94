"""Where an attempt goes when accounts fail, rest or are full; what is noted and said of them.

`trio` has three equal accounts, `pair` two tiers. The view of the accounts is the test's own.
"""

from dataclasses import replace
from typing import Any

import pytest

from catalog import parse
from extproc.exchange.actions import Action, Refuse, SendBody, SendHeaders, SendUpstream
from extproc.exchange.events import AnswerOverdue, ResponseBody, ResponseHeaders
from extproc.exchange.phases import Phase
from extproc.world import World
from ledger.cooldowns import WHOLE, Rest
from ledger.model import WORKER_LOST, Attempt, Outcome
from tests.extproc.world import ANSWER, CHAT, FACTS, START_MS, Play, headers_of
from translators.protocol import discover

CATALOG = """
version: 1
limits: {max_attempts: 3}
providers:
  one: {preset: openai, base_url: "http://one.test", prices: openai}
  two: {preset: openai, base_url: "http://two.test", prices: openai}
  claude: {preset: anthropic, base_url: "https://anthropic.test", prices: anthropic}
accounts:
  a: {provider: one, credential: sk-a}
  b: {provider: one, credential: sk-b}
  c: {provider: one, credential: sk-c}
  d: {provider: two, credential: sk-d}
  narrow: {provider: two, pool: narrow, credential: sk-n, limits: {rpm: 5, concurrency: 2}}
  claude: {provider: claude, credential: sk-claude}
models:
- {name: trio, targets: [{provider: one, model: gpt-5}]}
- name: pair
  targets:
  - {provider: one, model: gpt-5, accounts: [a], tier: 1}
  - {provider: two, model: gpt-5, pool: default, tier: 2}
- name: limited
  targets:
  - {provider: two, model: gpt-5, pool: narrow, tier: 1}
  - {provider: one, model: gpt-5, accounts: [a], tier: 2}
- {name: claude-haiku-4-5, targets: [{provider: claude}]}
- name: auto
  targets:
  - {provider: claude, model: claude-haiku-4-5, tier: 1}
  - {provider: two, pool: default, model: gpt-5, tier: 2}
groups:
  dear: {price_multiplier: 3, pools: [narrow]}
  cheap: {price_multiplier: 1, pools: [default]}
  auto: {among: [dear, cheap], choose: price}
"""


def world() -> World:
    return World(parse(CATALOG, {}), discover(), worker_id="w0")


def play(**more: Any) -> Play:
    return Play(world=world(), **more)


def ask(made: Play, model: str, attempt: int = 1, **more: Any) -> list[Action]:
    return made.request(
        "/v1/chat/completions", CHAT | {"model": model} | more, x_envoy_attempt_count=str(attempt)
    )


def account(said: list[Action]) -> str:
    (sent,) = (action for action in said if isinstance(action, SendUpstream))
    return sent.set_headers["authorization"].removeprefix("Bearer sk-")


def refusal(said: list[Action]) -> tuple[int, dict[str, str], str]:
    (refused,) = (action for action in said if isinstance(action, Refuse))
    return refused.status, refused.headers, refused.body.decode()


def rest(made: Play, name: str, for_ms: int, model: str = "gpt-5") -> None:
    until_ms = START_MS + for_ms
    made.world.cooldowns.learn(Rest(name, model, until_ms, 1, START_MS, 429, "rate_limited"))


def tried(name: str, reason: str = "upstream", model: str = "gpt-5") -> Attempt:
    return Attempt("one", name, 500, reason, 7, upstream_model=model)


# ------------------------------------------------------------------ which account


def test_a_model_named_auto_goes_to_whichever_model_is_well() -> None:
    first = play()
    said = ask(first, "auto")
    (sent,) = (action for action in said if isinstance(action, SendUpstream))
    assert sent.set_headers["x-api-key"] == "sk-claude"
    second = play()
    rest(second, "claude", 5_000, WHOLE)
    assert account(ask(second, "auto")) == "d"


def test_an_account_that_rests_is_passed_over() -> None:
    for resting in ("a", "b", "c"):
        made = play()
        rest(made, resting, 5_000)
        assert account(ask(made, "trio")) != resting


def test_what_was_tried_is_not_tried_again_whatever_the_order_is_by_then() -> None:
    made = play(tries=(tried("a"), tried("c")))
    assert account(ask(made, "trio", attempt=3)) == "b"


def test_an_account_whose_worker_died_is_asked_again_after_the_others() -> None:
    lost = tried("a", WORKER_LOST)
    assert account(ask(play(tries=(lost,)), "trio", attempt=2)) != "a"
    assert account(ask(play(tries=(tried("b"), tried("c"), lost)), "trio", attempt=4)) == "a"


def test_a_higher_tier_is_used_when_the_lower_one_rests() -> None:
    made = play()
    rest(made, "a", 5_000)
    assert account(ask(made, "pair")) == "d"


def test_a_rest_for_another_model_is_no_obstacle_and_one_of_the_whole_account_is() -> None:
    made = play()
    rest(made, "a", 5_000, model="gpt-4o")
    assert account(ask(made, "pair")) == "a"
    made = play()
    rest(made, "a", 5_000, model=WHOLE)
    assert account(ask(made, "pair")) == "d"


def test_when_all_rest_the_caller_hears_when_the_first_of_them_may_be_asked() -> None:
    made = play()
    rest(made, "a", 9_000)
    rest(made, "d", 4_200)
    status, headers, body = refusal(ask(made, "pair"))
    assert (status, headers["retry-after"]) == (503, "5")
    assert "No healthy upstream account" in body and "sk-" not in body
    assert not made.admitted, "nothing was held for it"
    assert made.records[0].outcome is Outcome.REFUSED


# ------------------------------------------------------------------ what is noted and said


def failed(made: Play, status: int, **headers: str) -> list[Action]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    made.now_ms += 40
    head = {":status": str(status), "content-type": "application/json", **named}
    said = made.tell(ResponseHeaders(head, end=False))
    return said + made.tell(ResponseBody(b'{"error":{"message":"no"}}', end=True))


def test_a_failed_attempt_is_noted_for_the_next_and_all_are_in_the_record() -> None:
    first = play()
    ask(first, "pair")
    said = failed(first, 503)
    assert headers_of(said)["x-clavis-retry"] == "upstream"
    assert first.noted == [
        Attempt("one", "a", 503, "unavailable", 40, upstream_model="gpt-5"),
    ]
    assert not first.records
    second = play(tries=tuple(first.noted))
    assert account(ask(second, "pair", attempt=2)) == "d"
    second.now_ms += 60
    second.answer(200, ANSWER)
    (record,) = second.records
    assert [(one.account, one.status, one.reason) for one in record.attempts_detail] == [
        ("a", 503, "unavailable"),
        ("d", 200, None),
    ]
    assert record.attempts_detail[1].tokens == 13
    assert record.attempts_detail[1].cost_micro == record.cost_micro


@pytest.mark.parametrize(
    ("status", "headers", "model", "at_once", "told_ms"),
    [
        (429, {"retry_after": "7"}, "gpt-5", True, 7_000),
        (
            429,
            {"x_ratelimit_remaining_tokens": "0", "x_ratelimit_reset_tokens": "1m30s"},
            "gpt-5",
            True,
            90_000,
        ),
        (429, {"retry_after": "999999"}, "gpt-5", True, 3_600_000),
        (500, {}, "gpt-5", False, None),
        (503, {"retry_after": "3"}, "gpt-5", False, 3_000),
        (401, {}, WHOLE, True, None),
        (402, {}, WHOLE, True, None),
        (403, {}, "gpt-5", True, None),
    ],
)
def test_what_a_failure_says_of_the_account(
    status: int, headers: dict[str, str], model: str, at_once: bool, told_ms: int | None
) -> None:
    for attempts, tries in ((1, ()), (2, (tried("d"),))):  # with and without another to follow
        made = play(tries=tries)
        ask(made, "pair", attempt=attempts)
        failed(made, status, **headers)
        (said,) = made.accused
        assert (said.account, said.model, said.at_once, said.told_ms, said.status) == (
            ("a", model, at_once, told_ms, status)
        )


@pytest.mark.parametrize("status", [400, 404, 413, 422])
def test_a_callers_own_mistake_is_neither_tried_again_nor_held_against_the_account(
    status: int,
) -> None:
    made = play()
    ask(made, "pair")
    said = failed(made, status)
    assert "x-clavis-retry" not in headers_of(said)
    assert not made.accused and not made.noted and len(made.records) == 1


def test_an_error_inside_a_stream_speaks_of_the_account_too() -> None:
    made = play()
    made.request("/v1/messages", {"model": "claude-haiku-4-5", "max_tokens": 5, "stream": True,
                                  "messages": [{"role": "user", "content": "x"}]})  # fmt: skip
    head = {":status": "200", "content-type": "text/event-stream"}
    made.tell(ResponseHeaders(head, end=False))
    event = (
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"x"}}'
    )
    made.tell(ResponseBody(event + b"\n\n", end=True))
    (said,) = made.accused
    assert (said.reason, said.at_once, said.status) == ("overloaded", True, 200)


def test_a_success_is_told_only_of_an_account_that_had_failed() -> None:
    made = play()
    ask(made, "pair")
    made.answer(200, ANSWER)
    assert made.praised == []
    made = play()
    rest(made, "a", 0)  # over by now: due
    assert account(ask(made, "pair")) == "a"
    made.answer(200, ANSWER)
    assert made.praised == [("a", "gpt-5")]


def test_no_attempt_follows_where_none_is_allowed_or_the_time_is_over() -> None:
    made = play(tries=(tried("x"), tried("y")))
    ask(made, "pair", attempt=3)
    assert "x-clavis-retry" not in headers_of(failed(made, 503))
    made = play()
    ask(made, "pair")
    made.now_ms += 120_000
    assert "x-clavis-retry" not in headers_of(failed(made, 503))


# ------------------------------------------------------------------ places


def test_an_account_without_a_place_is_passed_over_and_its_place_given_back_at_the_end() -> None:
    made = play()
    assert account(ask(made, "limited")) == "n"
    (wanted,) = made.reserved
    assert (wanted.ceiling.requests, wanted.ceiling.concurrency) == (5, 2)
    assert wanted.attempt_id == "req-1/1" and wanted.tokens > 0
    made.answer(200, ANSWER)
    assert made.released == [("narrow", 13)]
    full = play(full={"narrow": "requests"})
    assert account(ask(full, "limited")) == "a"
    assert full.released == []


def test_where_every_place_is_taken_the_caller_is_told_to_wait() -> None:
    made = play(full={"narrow": "concurrency"})
    rest(made, "a", 60_000)
    made_status, headers, _ = refusal(ask(made, "limited"))
    assert (made_status, headers["retry-after"]) == (503, "1"), "one of them is ill"
    (record,) = made.records
    assert (record.outcome, record.cost_micro) == (Outcome.REFUSED, None)
    only = Play(
        world=replace(
            world(), catalog=parse(CATALOG.replace("tier: 2}", "tier: 2, weight: 0}"), {})
        )
    )
    only.full = {"narrow": "requests"}
    status, headers, body = refusal(ask(only, "limited"))
    assert (status, headers["retry-after"]) == (429, "1") and "at its limit" in body


def test_an_account_that_is_due_is_tried_by_one_request_and_passed_over_by_the_others() -> None:
    made = play()
    rest(made, "a", 0)
    assert account(ask(made, "pair")) == "a"
    assert made.reserved[0].probe
    other = play(full={"a": "probe"})
    rest(other, "a", 0)
    assert account(ask(other, "pair")) == "d"


# ------------------------------------------------------------------ time, groups


def test_an_upstream_that_does_not_begin_is_left_for_the_next_one() -> None:
    made = play()
    ask(made, "pair")
    assert not made.exchange.is_overdue(made.now_ms + 600_000)
    made.now_ms += 600_001
    assert made.exchange.is_overdue(made.now_ms)
    made = play()
    ask(made, "pair")
    made.now_ms += 50_000
    refused, _ = made.tell(AnswerOverdue())
    assert isinstance(refused, Refuse) and refused.headers["x-clavis-retry"] == "upstream"
    assert made.exchange.phase is Phase.CLOSED
    assert [one.reason for one in made.noted] == ["timeout"]


def test_a_late_alarm_disturbs_no_answer_that_has_begun() -> None:
    made = play()
    ask(made, "pair", stream=True)
    made.tell(ResponseHeaders({":status": "200", "content-type": "text/event-stream"}, end=False))
    assert made.tell(AnswerOverdue()) == []
    said = made.tell(ResponseBody(b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n', end=False))
    assert [type(action) for action in said] == [SendHeaders, SendBody]


def test_auto_takes_the_cheapest_group_and_fails_over_into_the_next_at_its_price() -> None:
    facts = replace(FACTS, groups=("auto",))
    first = play(facts=facts)
    assert account(ask(first, "limited")) == "a", "in spite of its tier: the group decides"
    failed(first, 503)
    second = play(facts=facts, tries=tuple(first.noted))
    assert account(ask(second, "limited", attempt=2)) == "n"
    second.answer(200, ANSWER)
    (record,) = second.records
    assert str(record.price_source).endswith(" x 3")
    third = play(facts=facts, tries=(tried("a"), tried("narrow")))
    status, _, body = refusal(ask(third, "limited", attempt=3))
    assert status == 503 and "No upstream account is left" in body
