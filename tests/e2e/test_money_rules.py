"""What becomes of money when an upstream fails, when SQL is away, and where the operator has other
rules."""

from collections.abc import Iterator
from typing import Any

import httpx
import orjson
import pytest

from tests.e2e.gateway import CATALOG, Gateway, Simulator, gateway
from tests.e2e.payers import Payer, clears
from tests.ledger.conftest import postgres_server, stop_postgres

pytestmark = pytest.mark.e2e

RULES = f"""{CATALOG}
credit_refusal_status: 429
billing: {{free_use: false}}
"""
WORDS: dict[str, Any] = {"text": "word " * 40, "chunks": 40}


@pytest.fixture(scope="module")
def strict(upstream: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("rules"), upstream, RULES) as running:
        yield running


def streamed(payer: Payer, **told: Any) -> httpx.Response:
    return httpx.post(
        f"{payer.bank.http}/v1/chat/completions",
        json={
            "model": "gpt-5",
            "stream": True,
            "max_completion_tokens": 1_000,
            "messages": [{"role": "user", "content": f"[[sim: {orjson.dumps(told).decode()}]]"}],
        },
        headers={"x-api-key": payer.key},
        timeout=60,
    )


def test_too_little_credit_is_429_where_the_catalog_says_so(strict: Gateway) -> None:
    payer = Payer.of(strict, "poor", "0")
    refused = payer.ask()
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "insufficient_quota"
    assert "micro-USD are missing" in refused.json()["error"]["message"]


def test_a_model_without_a_price_is_nobodys_where_free_use_is_off(strict: Gateway) -> None:
    strict.clavis("customers", "create", "open-one", "--mode", "open")
    key = strict.clavis("keys", "create", "open-key", "--customer", "open-one")["secret"]

    def ask(model: str) -> httpx.Response:
        body = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
        url = f"{strict.http}/v1/chat/completions"
        return httpx.post(url, json=body, headers={"x-api-key": key}, timeout=60)

    refused = ask("deepseek-chat")
    assert refused.status_code == 403 and "no price" in refused.json()["error"]["message"]
    assert ask("gpt-5").status_code == 200


def test_limits_are_told_on_every_answer(strict: Gateway) -> None:
    """On a stream, on a plain answer, and on an upstream's refusal."""
    payer = Payer.of(strict, "told", "1", "--rpm", "60")
    told = [
        payer.ask(),
        streamed(payer, **WORDS),
        payer.ask(error={"status": 400}),
        payer.ask(error={"status": 500}),
    ]
    assert [answer.status_code for answer in told][:3] == [200, 200, 400]
    assert told[3].status_code >= 500
    left = [int(answer.headers["x-ratelimit-remaining-requests"]) for answer in told]
    assert left == sorted(left, reverse=True) and left[0] >= 58


@pytest.mark.parametrize(
    "told",
    [
        {"error": {"status": 500}},
        {"drop": True},
        {"truncate_bytes": 20},
        {"stream_error": {"at": 1}},
    ],
    ids=["500", "dropped", "cut", "after the opening"],
)
def test_an_upstream_that_fails_before_any_output_costs_nothing(
    strict: Gateway, told: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    """There is no other account; the one attempt is the last."""
    payer = Payer.of(strict, f"failed-{request.node.callspec.id.replace(' ', '-')}", "1")
    answer = streamed(payer, **told)
    assert answer.status_code >= 500
    usage = strict.usage(answer.headers["x-request-id"], payer.key)
    assert usage["outcome"] in ("failed", "refused") and not usage["cost_micro"]
    assert payer.available() == 1_000_000
    assert payer.account()["held_micro"] == 0
    clears(strict)


@pytest.mark.parametrize("told", [{"no_terminal": True}, {"stream_error": {"at": 20}}])
def test_what_was_seen_of_a_broken_answer_is_paid(
    strict: Gateway, told: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    payer = Payer.of(strict, f"broken-{request.node.callspec.id}", "1")
    answer = streamed(payer, **WORDS, **told)
    assert answer.status_code == 200 and '"error"' in answer.text
    usage = strict.usage(answer.headers["x-request-id"], payer.key)
    assert usage["outcome"] in ("truncated", "failed") and usage["usage_source"] == "counted"
    assert 10 <= usage["output_tokens"] <= 50
    # GPT-5: 1.25 and 10 dollars a million tokens.
    cost = usage["input_tokens"] * 1.25 + usage["output_tokens"] * 10
    assert abs(usage["cost_micro"] - cost) <= 1
    assert payer.available() == 1_000_000 - usage["cost_micro"]
    clears(strict)


def test_while_sql_is_away_everything_goes_on(
    upstream: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Keys, credit and limits are Redis's; the records wait in its stream."""
    with (
        postgres_server() as sql,
        gateway(tmp_path_factory.mktemp("no-sql"), upstream, sql_url=sql.get_uri()) as bank,
    ):
        known = Payer.of(bank, "known", "1", "--rpm", "60")
        unasked = Payer.of(bank, "unasked", "0.001")
        assert known.ask().status_code == 200
        stop_postgres(sql, "immediate")
        try:
            answers = [known.ask() for _ in range(5)] + [streamed(known, **WORDS)]
            assert [answer.status_code for answer in answers] == [200] * 6
            costs = [int(answer.headers["x-clavis-cost-micro"]) for answer in answers[:5]]
            assert all(costs)
            refused = unasked.ask(tokens=100_000)
            assert refused.status_code == 402, "what nobody has asked for yet is known too"
        finally:
            sql.ensure_postgres_running()
        for answer in answers:
            usage = bank.usage(answer.headers["x-request-id"], known.key)
            assert usage["outcome"] == "completed" and usage["cost_micro"]
        clears(bank)
