"""What breaks, and what the client sees of it: workers, restarts, drains, Redis."""

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import orjson
import psutil
import pytest

from tests.e2e.gateway import Gateway, Simulator, gateway, until

pytestmark = pytest.mark.e2e

CHAT: dict[str, Any] = {"model": "gpt-5", "messages": [{"role": "user", "content": "hello"}]}
SAID = b"You said: hello"


@pytest.fixture(scope="module")
def fragile(upstream: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("fragile"), upstream) as running:
        yield running


def workers(running: Gateway) -> list[psutil.Process]:
    """The worker processes (not their guardians), as many as are configured."""

    def both() -> list[psutil.Process]:
        found = [p for p in running.processes("extproc") if "-m" in p.cmdline()]
        serving = httpx.get(f"{running.http}/readyz").is_success
        return found if len(found) >= 2 and serving else []

    found: list[psutil.Process] = until(both, "two workers")
    return found


def ask(running: Gateway, **told: Any) -> httpx.Response:
    return httpx.post(
        f"{running.http}/v1/chat/completions",
        json=CHAT,
        headers={"x-api-key": running.key, "x-sim-script": orjson.dumps(told).decode()},
        timeout=60,
    )


def pending(running: Gateway) -> int:
    return sum(entry["end"] == "pending" for entry in running.simulator.received())


def test_a_worker_killed_before_the_answer_is_invisible(fragile: Gateway) -> None:
    workers(fragile)
    fragile.simulator.forget()
    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(ask, fragile, delay_headers_ms=2500) for _ in range(12)]
        until(lambda: pending(fragile) >= 12, "twelve requests in flight")
        workers(fragile)[0].kill()
        answers = [future.result() for future in asked]
    assert [answer.status_code for answer in answers] == [200] * 12
    attempts = [int(answer.headers["x-clavis-attempts"]) for answer in answers]
    assert max(attempts) >= 2, "the killed worker had some of them"
    for answer, count in zip(answers, attempts, strict=True):
        usage = fragile.usage(answer.headers["request-id"])
        assert (usage["outcome"], usage["attempts"]) == ("completed", count)


def test_a_worker_killed_in_mid_stream_is_an_error_never_a_clean_end(fragile: Gateway) -> None:
    workers(fragile)
    told = orjson.dumps({"chunks": 200, "delay_between_ms": 50, "text": "word " * 200}).decode()
    seen = b""
    with (
        pytest.raises(httpx.RemoteProtocolError),
        httpx.stream(
            "POST",
            f"{fragile.http}/v1/chat/completions",
            json=CHAT | {"stream": True},
            headers={"x-api-key": fragile.key, "x-sim-script": told},
            timeout=60,
        ) as answer,
    ):
        request_id = answer.headers["request-id"]
        for data in answer.iter_raw():
            if not seen:
                for worker in workers(fragile):
                    worker.kill()
            seen += data
    assert seen and b"[DONE]" not in seen
    usage = fragile.usage(request_id)
    assert usage["outcome"] == "lost"
    workers(fragile)
    assert ask(fragile).status_code == 200


class Load:
    """Callers that ask again and again, plain and streamed, until told to stop."""

    def __init__(self, running: Gateway, callers: int) -> None:
        self.failures: list[str] = []
        self.answered = 0
        self._running = running
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(number % 2 == 1,)) for number in range(callers)
        ]

    def _ask(self, streamed: bool) -> None:
        told = orjson.dumps({"chunks": 20, "delay_between_ms": 10}).decode() if streamed else "{}"
        headers = {"x-api-key": self._running.key, "x-sim-script": told}
        with httpx.Client(timeout=60, headers=headers) as client:
            while not self._stop.is_set():
                try:
                    answer = client.post(
                        f"{self._running.http}/v1/chat/completions",
                        json=CHAT | {"stream": streamed},
                    )
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))
                    continue
                whole = b"[DONE]" in answer.content if streamed else SAID in answer.content
                if answer.status_code != 200 or not whole:
                    self.failures.append(f"{answer.status_code} {answer.text[-200:]}")
                self.answered += 1

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_no_request_fails_in_a_rolling_restart_of_the_workers(fragile: Gateway) -> None:
    before = {worker.pid for worker in workers(fragile)}
    with Load(fragile, callers=6) as load:
        until(lambda: load.answered > 20, "some load")
        fragile.process.send_signal(signal.SIGHUP)
        until(lambda: not before & {p.pid for p in fragile.processes("extproc")}, "all workers new")
        enough = load.answered + 20
        until(lambda: load.answered > enough, "load on the new workers")
    assert load.failures == []


def test_workers_killed_one_after_the_other_under_load_lose_no_plain_request(
    fragile: Gateway,
) -> None:
    """Streams that had begun break, as they must; everything that had not begun is answered."""
    workers(fragile)
    with ThreadPoolExecutor(6) as pool:
        for _ in range(3):
            asked = [pool.submit(ask, fragile, delay_headers_ms=400) for _ in range(6)]
            workers(fragile)[-1].kill()
            assert [future.result().status_code for future in asked] == [200] * 6
            workers(fragile)


def test_a_worker_that_hangs_is_invisible_too(
    upstream: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Envoy gives up on it after `message_timeout`, and another worker answers.

    In a gateway of its own: where a worker has just died, its place may still be lent to the one
    that hangs."""
    with gateway(tmp_path_factory.mktemp("hung"), upstream) as running:
        hung = workers(running)[0]
        hung.suspend()
        try:
            with ThreadPoolExecutor(8) as pool:
                answers = list(pool.map(lambda _: ask(running), range(16)))
        finally:
            hung.resume()
    assert [(answer.status_code, answer.text[-300:]) for answer in answers if answer.is_error] == []
    assert max(int(answer.headers["x-clavis-attempts"]) for answer in answers) > 1


def test_the_successor_of_a_dead_worker_gets_its_share(
    upstream: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """While its place was lent to a neighbour Envoy made connections there; they end."""
    with gateway(tmp_path_factory.mktemp("shared"), upstream) as running:
        before = workers(running)
        before[0].kill()
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: ask(running), range(60)))
        assert [answer.text[-300:] for answer in answers if answer.is_error] == []
        old, new = before[1], next(w for w in workers(running) if w.pid != before[1].pid)

        def shared() -> bool:
            start = [cpu_s(old), cpu_s(new)]
            with ThreadPoolExecutor(8) as pool:
                asked = pool.map(lambda _: ask(running).status_code, range(100))
                assert list(asked) == [200] * 100, "connections end without a failed request"
            spent = [cpu_s(old) - start[0], cpu_s(new) - start[1]]
            return min(spent) > 0.25 * sum(spent)

        until(shared, "an even share", 40)


def cpu_s(worker: psutil.Process) -> float:
    times = worker.cpu_times()
    return float(times.user + times.system)


def test_redis_killed_is_a_clear_refusal_and_then_nothing(fragile: Gateway) -> None:
    assert ask(fragile).status_code == 200
    (redis,) = [p for p in fragile.processes("redis-server") if "redis" in p.name()][:1]
    redis.kill()
    codes = {ask(fragile).status_code for _ in range(5)}
    assert codes <= {200, 503}
    until(lambda: ask(fragile).status_code == 200, "Redis to be back", 30)
    answer = ask(fragile)
    assert fragile.usage(answer.headers["request-id"])["outcome"] == "completed"


def test_a_drain_lets_streams_finish_and_leaves_nothing_running(
    upstream: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with gateway(tmp_path_factory.mktemp("drained"), upstream) as running:
        told = orjson.dumps({"chunks": 40, "delay_between_ms": 50}).decode()
        children = psutil.Process(running.process.pid).children(recursive=True)
        with httpx.stream(
            "POST",
            f"{running.http}/v1/chat/completions",
            json=CHAT | {"stream": True},
            headers={"x-api-key": running.key, "x-sim-script": told},
            timeout=60,
        ) as answer:
            data = answer.iter_raw()
            seen = next(data)
            running.process.terminate()
            seen += b"".join(data)
        assert seen.rstrip().endswith(b"data: [DONE]")
        assert running.stop() == 0
        assert [child for child in children if child.is_running()] == []
