"""Redis killed or hanging behind the real Envoy, with and without a local allowance."""

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import anthropic
import httpx
import openai
import pytest

from tests.e2e.gateway import CATALOG, Gateway, Simulator, gateway, until
from tests.e2e.payers import Payer, clears
from tests.e2e.test_failures import workers
from tests.e2e.test_money import USER
from tests.ledger.conftest import RedisServer

pytestmark = pytest.mark.e2e

LONG = "word " * 700  # costs some 9,000 micro-USD, of the 10,000 that are held for it
DEAR: list[Any] = [{"role": "user", "content": "hello " * 2000}]


def with_outage(allowance_usd: str) -> str:
    return f"{CATALOG}\nbilling: {{outage: {{allowance_usd: {allowance_usd}}}}}\n"


@contextmanager
def bank(
    upstream: Simulator, directory: Any, catalog: str, count: int = 1
) -> Iterator[tuple[Gateway, RedisServer]]:
    """A gateway on a Redis that nobody starts again but the test."""
    redis = RedisServer(directory / "redis")
    redis.start()
    try:
        with gateway(
            directory, upstream, catalog, redis_url=redis.url, workers=str(count)
        ) as running:
            yield running, redis
    finally:
        redis.stop()


@contextmanager
def away(redis: RedisServer, how: str) -> Iterator[None]:
    redis.kill() if how == "killed" else redis.pause()
    try:
        yield
    finally:
        redis.start() if how == "killed" else redis.resume()


def cost_of(answer: httpx.Response) -> int:
    return int(answer.headers["x-clavis-cost-micro"])


def recorded_once(payer: Payer, credit: int, answers: list[httpx.Response]) -> None:
    """Each with its cost, and the customer has paid for these and for nothing else."""
    for answer in answers:
        usage = payer.bank.usage(answer.headers["x-request-id"], payer.key)
        assert (usage["outcome"], usage["cost_micro"]) == ("completed", cost_of(answer))
    left = credit - sum(map(cost_of, answers))
    until(lambda: payer.available() == left, f"{left} of {credit}, not {payer.available()}", 45)


def test_requests_are_answered_on_the_allowance_until_it_is_used_up(
    upstream: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Then 503 in the caller's dialect, also from the successor of a worker that is killed; and
    when Redis is back everything is recorded once."""
    directory = tmp_path_factory.mktemp("allowance")
    with bank(upstream, directory, with_outage("0.05")) as (running, redis):
        seen, unseen = Payer.of(running, "seen", "1"), Payer.of(running, "unseen", "1")
        answers = {seen: [seen.ask(tokens=1000, text=LONG)], unseen: []}
        with away(redis, "hangs"):
            _use_up(seen, answers[seen])
            _refused_in_every_dialect(running, seen)
        until(lambda: seen.ask().status_code == 200, "Redis to be back", 30)
        cost = 1_000_000 - seen.available() - sum(map(cost_of, answers[seen]))
        assert 0 < cost < 1000, "the one request that showed that Redis is back"
        recorded_once(seen, 1_000_000 - cost, answers[seen])
        with away(redis, "killed"):
            _use_up(seen, answers[seen])
            _use_up(unseen, answers[unseen])
            _kill_the_worker(running)
            for payer in (seen, unseen):
                assert payer.ask(tokens=1000, text=LONG).status_code == 503
        recorded_once(seen, 1_000_000 - cost, answers[seen])
        recorded_once(unseen, 1_000_000, answers[unseen])
        clears(running)


def _use_up(payer: Payer, answers: list[httpx.Response]) -> None:
    used = 0
    while (answer := payer.ask(tokens=1000, text=LONG)).status_code == 200:
        answers.append(answer)
        used += cost_of(answer)
    assert answer.status_code == 503, answer.text
    assert "store does not answer" in answer.json()["error"]["message"]
    assert 30_000 < used <= 50_000


def _kill_the_worker(running: Gateway) -> None:
    """Returns when its successor has what it had answered."""
    [worker] = [p for p in running.processes("extproc") if "-m" in p.cmdline()]
    worker.kill()

    def succeeded() -> bool:
        found = [p.pid for p in running.processes("extproc") if "-m" in p.cmdline()]
        return bool(found) and worker.pid not in found and "spools_adopted" in running.log()

    until(succeeded, "a successor")


def _refused_in_every_dialect(running: Gateway, payer: Payer) -> None:
    """To whoever asks for more than may be left of the allowance."""
    with (
        openai.OpenAI(base_url=f"{running.http}/v1", api_key=payer.key, max_retries=0) as gpt,
        pytest.raises(openai.InternalServerError) as refused,
    ):
        gpt.chat.completions.create(model="gpt-5", messages=DEAR)
    assert (refused.value.status_code, refused.value.response.headers["retry-after"]) == (503, "1")
    with (
        anthropic.Anthropic(base_url=running.http, api_key=payer.key, max_retries=0) as claude,
        pytest.raises(anthropic.InternalServerError) as told,
    ):
        claude.messages.create(model="claude-opus-4-5", max_tokens=9000, messages=DEAR)
    body: Any = told.value.body
    assert (told.value.status_code, body["type"]) == (503, "error")
    answer = httpx.post(
        f"{running.http}/v1beta/models/gemini-2.5-pro:generateContent",
        json={"contents": [{"parts": [{"text": DEAR[0]["content"]}]}]},
        headers={"x-goog-api-key": payer.key},
        timeout=60,
    )
    assert answer.json()["error"]["status"] == "UNAVAILABLE"


def test_of_many_at_once_only_those_pass_whom_the_allowance_pays_for(
    upstream: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A request of 1,000 tokens holds some 10,020 micro-USD until it has ended. Redis is back
    before they have, and they get leases; without the option all are refused."""
    directory = tmp_path_factory.mktemp("crowd")
    with bank(upstream, directory, with_outage("0.101")) as (running, redis):
        payer = Payer.of(running, "crowd", "1")
        crowd = ThreadPoolExecutor(32)
        with crowd:
            with away(redis, "killed"):

                def ask(_: int) -> httpx.Response:
                    return payer.ask(tokens=1000, delay_first_ms=12_000, text="x")

                asked = [crowd.submit(ask, number) for number in range(32)]
                until(lambda: sum(future.done() for future in asked) == 22, "22 refusals", 30)
                assert {f.result().status_code for f in asked if f.done()} == {503}
                running.catalog.write_text(CATALOG)
                until(lambda: "catalog reloaded" in running.log(), "the catalog without it", 20)
                other = httpx.post(
                    f"{running.http}/v1/chat/completions",
                    json={"model": "gpt-5", "messages": USER},
                    headers={"x-api-key": running.key},
                    timeout=60,
                )
                assert other.status_code == 503
            until(lambda: payer.account()["held_micro"] >= 100_200, "leases", 20)
            answers = [future.result() for future in asked]
        passed = [answer for answer in answers if answer.status_code == 200]
        assert len(passed) == 10
        recorded_once(payer, 1_000_000, passed)
        clears(running)


@pytest.mark.timeout(240)
def test_the_books_clear_whatever_happens_to_redis_under_load(
    upstream: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Two workers, plain requests and short outages of both kinds, at random."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    dice = random.Random(seed)
    directory = tmp_path_factory.mktemp("storm")
    with bank(upstream, directory, with_outage("0.5"), count=2) as (running, redis):
        payers = [Payer.of(running, f"payer-{number}", "5") for number in range(4)]
        workers(running)
        answers: dict[str, list[httpx.Response]] = {payer.name: [] for payer in payers}
        over = threading.Event()

        def customer(payer: Payer) -> None:
            delays = random.Random(f"{seed} {payer.name}")
            while not over.is_set():
                answer = payer.ask(tokens=200, delay_first_ms=delays.randrange(3000), text="a b c")
                assert answer.status_code in (200, 503), answer.text
                if answer.status_code == 200:
                    answers[payer.name].append(answer)

        with ThreadPoolExecutor(8) as pool:
            asking = [pool.submit(customer, payer) for payer in payers for _ in range(2)]
            try:
                for _ in range(3):
                    with away(redis, dice.choice(["killed", "hangs"])):
                        time.sleep(dice.uniform(1, 7))
                    time.sleep(dice.uniform(0.5, 3))
            finally:
                over.set()
            for future in asking:
                future.result()
        assert sum(map(len, answers.values())) > 20
        until(lambda: all(p.account()["held_micro"] == 0 for p in payers), "no holds", 60)
        for payer in payers:
            recorded_once(payer, 5_000_000, answers[payer.name])
        clears(running)
        assert "serving on the local allowance" in running.log()
