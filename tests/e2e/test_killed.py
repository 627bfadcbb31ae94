"""What is charged and recorded when processes are killed while they work.

The long form (`make kill`) takes KILL_SECONDS, 120 by default, and kills everything at once as
well; KILL_SEED kills in the order of a run before.
"""

import os
import random
import signal
import time
from collections.abc import Iterator

import httpx
import orjson
import pytest

from tests.e2e.gateway import Gateway, Simulator, gateway
from tests.e2e.killing import EVERYTHING, Callers, Killer, audit
from tests.e2e.payers import Payer, clears
from tests.e2e.test_failures import workers

pytestmark = pytest.mark.e2e

BEHIND_S = 2.0  # what a killed worker produced since its last sign of life is lost


@pytest.fixture(scope="module")
def bank(upstream: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("killed"), upstream) as running:
        yield running


@pytest.mark.parametrize("model", ["gpt-5", "claude-haiku-4-5"])
def test_a_killed_worker_is_at_most_two_seconds_behind(bank: Gateway, model: str) -> None:
    """A token every 20 ms for five seconds, as bytes that pass and translated; then SIGKILL."""
    payer = Payer.of(bank, f"behind-{model}", "1")
    told = {"chunks": 2000, "delay_between_ms": 20, "text": "abc " * 2000}
    came: list[float] = []  # when each token did
    with (
        pytest.raises(httpx.RemoteProtocolError),
        httpx.stream(
            "POST",
            f"{bank.http}/v1/chat/completions",
            json={
                "model": model,
                "stream": True,
                "max_completion_tokens": 5000,
                "messages": [
                    {"role": "user", "content": f"[[sim: {orjson.dumps(told).decode()}]]"}
                ],
            },
            headers={"x-api-key": payer.key},
            timeout=60,
        ) as answer,
    ):
        request_id, killed_at = answer.headers["request-id"], 0.0
        for line in answer.iter_lines():
            came += [time.monotonic()] * line.count('"abc ')
            if not killed_at and came and came[-1] - came[0] > 5:
                serving = workers(bank)
                killed_at = time.monotonic()
                for worker in serving:
                    worker.send_signal(signal.SIGKILL)
    usage = bank.usage(request_id, payer.key)
    assert (usage["outcome"], usage["usage_source"]) == ("lost", "counted")
    assert len(came) > 100 and killed_at
    owed = sum(at <= killed_at - BEHIND_S for at in came)
    assert owed <= usage["output_tokens"] <= len(came) + 5
    assert usage["cost_micro"] > 0
    assert payer.available() == 1_000_000 - usage["cost_micro"]
    clears(bank)


def kill_under_load(running: Gateway, duration_s: float, kinds: tuple[str, ...]) -> None:
    seed = int(os.environ.get("KILL_SEED") or random.randrange(10**6))
    print(f"KILL_SEED={seed}")
    payers = [Payer.of(running, f"payer-{number}", "20") for number in range(3)]
    payers.append(Payer.of(running, "planned", "20", "--concurrency", "8", "--spend-per-day", "50"))
    running.clavis("customers", "plan", "planned", "--allowance", "0.05", "--period", "day")
    killer = Killer(running, seed, kinds)
    with Callers(running, payers, 3, seed) as callers:
        killer.work(duration_s)
    workers(running)
    answered = callers.answered
    whole = sum(one.whole for one in answered)
    print(f"killed {dict(killer.killed)}; {len(answered)} answered, {whole} of them whole")
    print(f"refused {dict(callers.refused)}; {callers.failed} without an answer")
    assert whole > duration_s
    audit(running, payers, answered)
    assert payers[-1].ask().status_code == 200, "no place is taken for ever"


@pytest.mark.timeout(240)
def test_the_books_clear_whatever_is_killed_under_load(
    upstream: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Workers, Redis and the writer, by SIGKILL at random moments; and every answer is recorded."""
    with gateway(tmp_path_factory.mktemp("load"), upstream) as running:
        kill_under_load(running, 20, ("worker", "worker", "redis", "writer"))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_books_clear_when_everything_is_killed_for_long(
    upstream: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Envoy too, and all of it at once, also while it starts."""
    kinds = ("worker", "worker", "redis", "writer", "envoy", EVERYTHING)
    with gateway(tmp_path_factory.mktemp("long"), upstream) as running:
        kill_under_load(running, float(os.environ.get("KILL_SECONDS") or 120), kinds)
