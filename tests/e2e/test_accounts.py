"""Several accounts of one model: shares by weight, limits, rests that two gateways share, seals."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest

from ledger.embedded import redis_url
from tests.e2e.gateway import Gateway, Simulator, gateway, simulator

pytestmark = pytest.mark.e2e

WEIGHTS = {"four": 4, "three": 3, "two": 2, "one": 1}
_OPENAI = '{preset: openai, base_url: "${SIMULATOR}", prices: none}'
_PROVIDERS = "\n".join(f"  {name}: {_OPENAI}" for name in WEIGHTS)
_ACCOUNTS = "\n".join(
    f"  {name}: {{provider: {name}, credential: key-{name}, weight: {weight}}}"
    for name, weight in WEIGHTS.items()
)
# An account rests for one model at a time.
TIRING = ("gpt-5", "gpt-5-mini", "gpt-5-nano", "gpt-4.1", "gpt-4o")
_TIRING = "\n".join(
    f"- {{name: tiring-{model}, targets: [{{provider: one, pool: tired, model: {model}}}, "
    "{provider: two, accounts: [two], model: gpt-5, tier: 2}]}"
    for model in TIRING
)
CATALOG = f"""
version: 1
limits: {{cooldown: {{start_ms: 60000}}}}
providers:
{_PROVIDERS}
  anthropic: {{preset: anthropic, base_url: "${{SIMULATOR}}", prices: none}}
accounts:
{_ACCOUNTS}
  narrow: {{provider: four, pool: narrow, credential: key-narrow, limits: {{rpm: 5}}}}
  single: {{provider: four, pool: single, credential: key-single, limits: {{concurrency: 2}}}}
  tired: {{provider: one, pool: tired, credential: key-tired}}
  claude: {{provider: anthropic, credential: key-claude}}
models:
- name: spread
  targets: [{", ".join(f"{{provider: {n}, accounts: [{n}], model: gpt-5}}" for n in WEIGHTS)}]
- name: limited
  targets:
  - {{provider: four, pool: narrow, model: gpt-5}}
  - {{provider: two, accounts: [two], model: gpt-5, tier: 2}}
- {{name: alone, targets: [{{provider: four, pool: single, model: gpt-5}}]}}
{_TIRING}
- {{name: "claude-*", targets: [{{provider: anthropic, model: "*"}}]}}
- {{name: "gpt-*", targets: [{{provider: two, accounts: [two], model: "*"}}]}}
"""


@pytest.fixture(scope="module")
def anyone() -> Iterator[Simulator]:
    """A provider that takes every key."""
    with simulator("--max-body-bytes", "1000000") as running:
        yield running


@pytest.fixture(scope="module")
def many(anyone: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("many"), anyone, CATALOG) as running:
        yield running


def ask(running: Gateway, model: str, client: httpx.Client | None = None) -> httpx.Response:
    return (client or httpx).post(
        f"{running.http}/v1/chat/completions",
        json={"model": model, "messages": [{"role": "user", "content": "hello"}]},
        headers={"x-api-key": running.key},
        timeout=60,
    )


def by(answers: list[httpx.Response]) -> Counter[str]:
    assert {answer.status_code for answer in answers} == {200}
    return Counter(answer.headers["x-clavis-upstream"] for answer in answers)


def test_accounts_are_asked_by_their_weights(many: Gateway) -> None:
    count = 1500
    with (
        httpx.Client(limits=httpx.Limits(max_connections=8)) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        shares = by(list(pool.map(lambda _: ask(many, "spread", client), range(count))))
    for name, weight in WEIGHTS.items():
        assert abs(shares[name] / count - weight / 10) < 0.05, shares


def test_what_is_too_much_for_an_account_goes_to_the_next(many: Gateway) -> None:
    with ThreadPoolExecutor(16) as pool:
        shares = by(list(pool.map(lambda _: ask(many, "limited"), range(16))))
    assert shares == {"four": 5, "two": 11}


def test_what_is_too_much_for_the_only_account_is_told_to_wait(many: Gateway) -> None:
    script = {
        "match": {"key": "key-single"},
        "scripts": [{"delay_headers_ms": 1500}],
        "repeat": True,
    }
    httpx.post(f"{many.simulator.url}/_sim/scripts", json=script).raise_for_status()
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: ask(many, "alone"), range(6)))
    codes = Counter(answer.status_code for answer in answers)
    assert codes == {200: 2, 429: 4}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert int(refused.headers["retry-after"]) == 1
    assert "at its limit" in refused.json()["error"]["message"]
    assert ask(many, "alone").status_code == 200, "the places are free again"


def test_a_rest_is_known_to_another_gateway_within_100_ms(many: Gateway, tmp_path: Path) -> None:
    """The other one is asked once: it would find out by itself, too. One of five may be late, where
    the machine has other things to do."""
    limited = {"error": {"status": 429, "headers": {"retry-after": "60"}}}
    httpx.post(
        f"{many.simulator.url}/_sim/scripts",
        json={"match": {"key": "key-tired"}, "scripts": [limited], "repeat": True},
    ).raise_for_status()
    stores = {
        "redis_url": redis_url(many.data / "redis"),
        "sql_url": f"sqlite:///{many.data / 'clavis.db'}",
    }
    with gateway(tmp_path, many.simulator, CATALOG, **stores) as other:
        attempts = []
        for model in TIRING:
            first = ask(many, f"tiring-{model}")
            assert (first.status_code, first.headers["x-clavis-attempts"]) == (200, "2")
            time.sleep(0.1)
            seen = ask(other, f"tiring-{model}")
            assert seen.headers["x-clavis-upstream"] == "two"
            attempts.append(seen.headers["x-clavis-attempts"])
        assert attempts.count("1") >= 4, attempts


def test_a_seal_that_is_refused_costs_the_reasoning_and_not_the_answer(many: Gateway) -> None:
    thought: Any = {"type": "thinking", "thinking": "hm", "signature": "bm90LW91cnM="}
    with anthropic.Anthropic(base_url=many.http, api_key=many.key, max_retries=0) as client:
        raw = client.messages.with_raw_response.create(
            model="claude-haiku-4-5",
            max_tokens=2000,
            thinking={"type": "enabled", "budget_tokens": 1024},
            messages=[
                {"role": "user", "content": "x"},
                {"role": "assistant", "content": [thought, {"type": "text", "text": "y"}]},
                {"role": "user", "content": "hello"},
            ],
        )
    text = [part.text for part in raw.parse().content if part.type == "text"]
    assert text == ["You said: hello"]
    assert "reasoning=unsealed" in raw.headers["x-clavis-losses"]
    usage = many.usage(raw.headers["x-request-id"])
    assert [(one["status"], one["reason"]) for one in usage["attempts_detail"]] == [
        (400, "seal_refused"),
        (200, None),
    ]


def test_an_encrypted_item_that_is_refused_is_left_out_too(many: Gateway) -> None:
    items: Any = [
        {"role": "user", "content": "x"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAnot-ours"},
        {"role": "assistant", "content": "y"},
        {"role": "user", "content": "hello"},
    ]
    with openai.OpenAI(base_url=f"{many.http}/v1", api_key=many.key, max_retries=0) as client:
        raw = client.responses.with_raw_response.create(model="gpt-5", input=items, store=False)
    assert raw.parse().output_text == "You said: hello"
    assert "reasoning=unsealed" in raw.headers["x-clavis-losses"]
