"""Prepaid customers through the real Envoy: what is held, charged, refused and limited."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import httpx
import openai
import orjson
import pytest

from tests.e2e.gateway import Gateway, Simulator, gateway, until
from tests.e2e.payers import Payer, clears

pytestmark = pytest.mark.e2e

USER: list[Any] = [{"role": "user", "content": "hello"}]


@pytest.fixture(scope="module")
def bank(upstream: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("bank"), upstream) as running:
        yield running


def test_a_request_is_charged_exactly_what_it_cost(bank: Gateway) -> None:
    payer = Payer.of(bank, "exact", "1")
    assert payer.available() == 1_000_000
    answer = payer.ask()
    assert answer.status_code == 200
    cost = int(answer.headers["x-clavis-cost-micro"])
    assert cost > 0 and payer.available() == 1_000_000 - cost
    usage = bank.usage(answer.headers["x-request-id"], payer.key)
    assert usage["cost_micro"] == cost and usage["usage_source"] == "upstream"
    assert payer.account()["held_micro"] == 0
    clears(bank)


def test_an_allowance_is_spent_before_credit(bank: Gateway) -> None:
    payer = Payer.of(bank, "planned", "1")
    bank.clavis("customers", "plan", "planned", "--allowance", "0.50", "--period", "day")
    until(lambda: payer.account()["allowance_micro"] == 500_000, "the allowance", 15)
    cost = int(payer.ask().headers["x-clavis-cost-micro"])
    account = payer.account()
    assert account["allowance_micro"] == 500_000 - cost
    assert account["credit_micro"] == 1_000_000
    clears(bank)


def test_too_little_credit_is_402_in_the_sdks_own_classes(bank: Gateway) -> None:
    payer = Payer.of(bank, "poor", "0")
    with (
        openai.OpenAI(base_url=f"{bank.http}/v1", api_key=payer.key, max_retries=0) as gpt,
        pytest.raises(openai.APIStatusError) as refused,
    ):
        gpt.chat.completions.create(model="gpt-5", messages=USER)
    assert refused.value.status_code == 402 and "micro-USD are missing" in str(refused.value)
    with (
        anthropic.Anthropic(base_url=bank.http, api_key=payer.key, max_retries=0) as claude,
        pytest.raises(anthropic.APIStatusError) as told,
    ):
        claude.messages.create(model="claude-haiku-4-5", max_tokens=10, messages=USER)
    assert told.value.status_code == 402
    body: Any = told.value.body
    assert body["error"]["type"] == "billing_error"
    assert payer.available() == 0


def test_where_credit_pays_for_less_the_output_is_lowered(bank: Gateway) -> None:
    payer = Payer.of(bank, "thrifty", "0.01")  # a thousand tokens of output
    bank.simulator.forget()
    answer = payer.ask(tokens=100_000)
    assert answer.status_code == 200, answer.text
    assert "max_output_tokens=clamped" in answer.headers["x-clavis-losses"]
    (received,) = bank.simulator.received()
    assert 256 <= received["body"]["max_completion_tokens"] <= 1000
    assert payer.available() == 10_000 - int(answer.headers["x-clavis-cost-micro"])
    clears(bank)


def test_of_many_at_once_only_those_pass_whom_the_balance_pays_for(bank: Gateway) -> None:
    """A request of 1,000 tokens holds some 10,020 micro-USD until it has ended."""
    payer = Payer.of(bank, "crowd", "0.106")

    def ask(_: int) -> int:
        return payer.ask(tokens=1000, delay_first_ms=4000, text="x").status_code

    with ThreadPoolExecutor(40) as pool:
        codes = list(pool.map(ask, range(40)))
    assert sorted(set(codes)) == [200, 402]
    # Ten hold their worst case; the eleventh gets what is left, if that is worth having.
    assert codes.count(200) in (10, 11)
    assert payer.account()["held_micro"] == 0 and payer.available() > 0
    clears(bank)


def test_a_limit_of_requests_lets_exactly_so_many_pass(bank: Gateway) -> None:
    payer = Payer.of(bank, "limited", "1", "--rpm", "6")
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: payer.ask(), range(12)))
    passed = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert (len(passed), len(refused)) == (6, 6)
    assert {answer.headers["x-ratelimit-limit-requests"] for answer in passed} == {"6"}
    left = {int(answer.headers["x-ratelimit-remaining-requests"]) for answer in passed}
    assert left == {0, 1, 2, 3, 4, 5}
    assert all(1 <= int(answer.headers["retry-after"]) <= 11 for answer in refused)
    with (
        openai.OpenAI(base_url=f"{bank.http}/v1", api_key=payer.key, max_retries=0) as gpt,
        pytest.raises(openai.RateLimitError),
    ):
        gpt.chat.completions.create(model="gpt-5", messages=USER)
    with (
        anthropic.Anthropic(base_url=bank.http, api_key=payer.key, max_retries=0) as claude,
        pytest.raises(anthropic.RateLimitError) as told,
    ):
        claude.messages.create(model="claude-haiku-4-5", max_tokens=10, messages=USER)
    assert told.value.response.headers["anthropic-ratelimit-requests-remaining"] == "0"


def test_a_caller_who_leaves_is_charged_once_for_what_was_produced(bank: Gateway) -> None:
    payer = Payer.of(bank, "leaver", "1")
    told = {"chunks": 100, "delay_between_ms": 30, "text": "word " * 400}
    with httpx.stream(
        "POST",
        f"{bank.http}/v1/messages",
        json={
            "model": "claude-haiku-4-5",
            "max_tokens": 1000,
            "stream": True,
            "messages": [
                {"role": "user", "content": f"[[sim: {orjson.dumps(told).decode()}]]"},
            ],
        },
        headers={"x-api-key": payer.key, "anthropic-version": "2023-06-01"},
        timeout=60,
    ) as answer:
        request_id = answer.headers["request-id"]
        assert answer.status_code == 200, answer.read()
        seen = 0
        for data in answer.iter_raw():
            seen += len(data)
            if seen > 6_000:
                break
    usage = bank.usage(request_id, payer.key)
    assert usage["outcome"] == "abandoned" and usage["usage_source"] == "counted"
    assert usage["output_tokens"] > 10 and usage["cost_micro"] > 0
    assert payer.available() == 1_000_000 - usage["cost_micro"]
    clears(bank)


def test_redeem_codes_give_their_amount_once(bank: Gateway) -> None:
    payer, other = Payer.of(bank, "lucky", "0"), Payer.of(bank, "late", "0")
    made = bank.clavis("credits", "redeem-codes", "0.25")
    code = made[0]["code"] if isinstance(made, list) else made["codes"][0]["code"]

    def redeem(who: Payer) -> int:
        return httpx.post(
            f"{bank.http}/v1/credits/redeem", json={"code": code}, headers={"x-api-key": who.key}
        ).status_code

    assert redeem(payer) == 200
    until(lambda: payer.available() == 250_000, "the credit", 10)
    assert redeem(payer) == 200 and redeem(other) == 409
    assert payer.available() == 250_000 and other.available() == 0
    clears(bank)
