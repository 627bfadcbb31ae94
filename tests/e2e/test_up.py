"""`clavis up` as an operator uses it: nobody's request fails for what happens to the processes.

The simulator is told in the question how slowly it shall answer, so that there is time to
interfere.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.e2e.gateway import Gateway, Simulator, gateway, until

pytestmark = pytest.mark.e2e

NEW_MODEL = """
- name: brand-new
  targets: [{provider: added, model: gpt-5}]
"""
NEW_PROVIDER = """
  added: {preset: openai, base_url: "${SIMULATOR}", prices: openai}
"""
NEW_ACCOUNT = """
  added-1: {provider: added, credential: "${UPSTREAM_KEY}"}
"""


@pytest.fixture(scope="module")
def own(upstream: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose processes may be harmed: it mends itself."""
    with gateway(tmp_path_factory.mktemp("up"), upstream) as running:
        yield running


class Told:
    """What `clavis up --json` tells from now on."""

    def __init__(self, running: Gateway) -> None:
        self._running = running
        self._from = len(running.log())

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = self._running.log()[self._from :].splitlines()
        return [json.loads(line) for line in lines if line.startswith(f'{{"event":"{name}"')]

    def times(self, name: str, count: int) -> bool:
        return len(self.events(name)) >= count


def question(**script: Any) -> dict[str, Any]:
    """A chat question that tells the simulator how to answer it."""
    content = f"[[sim:{json.dumps(script)}]]" if script else "hello"
    return {"model": "gpt-5", "messages": [{"role": "user", "content": content}]}


def ask(running: Gateway, client: httpx.Client, **script: Any) -> tuple[int, str]:
    """The status and the text of a plain answer."""
    response = client.post(
        f"{running.http}/v1/chat/completions",
        json=question(**script),
        headers={"authorization": f"Bearer {running.key}"},
    )
    if response.status_code != 200:
        return response.status_code, response.text
    return 200, response.json()["choices"][0]["message"]["content"]


def stream(running: Gateway, client: httpx.Client, **script: Any) -> tuple[int, str]:
    """The same of a streamed answer; the text only when the stream ended as it should."""
    request = {**question(**script), "stream": True}
    headers = {"authorization": f"Bearer {running.key}"}
    url = f"{running.http}/v1/chat/completions"
    text, ended = "", False
    with client.stream("POST", url, json=request, headers=headers) as response:
        if response.status_code != 200:
            return response.status_code, response.read().decode()
        for line in response.iter_lines():
            if line == "data: [DONE]":
                ended = True
            elif line.startswith("data: "):
                for choice in json.loads(line.removeprefix("data: "))["choices"]:
                    text += choice["delta"].get("content") or ""
    assert ended, f"the stream ended in the middle of: {text}"
    return 200, text


@contextmanager
def load(running: Gateway, plain: int, streamed: int) -> Iterator[list[tuple[int, str]]]:
    """Clients that ask without a pause while the block runs; gives all their answers."""
    answers: list[tuple[int, str]] = []
    enough = threading.Event()

    def keep_asking(way: Any, **script: Any) -> None:
        with httpx.Client(timeout=60, trust_env=False) as client:
            while not enough.is_set():
                answers.append(way(running, client, **script))

    slow = {"text": "a slow answer in many pieces", "chunks": 20, "delay_between_ms": 40}
    with ThreadPoolExecutor(plain + streamed) as pool:
        asking: list[Future[None]] = []
        for _ in range(plain):
            asking.append(pool.submit(keep_asking, ask, text="a quick answer"))
        for _ in range(streamed):
            asking.append(pool.submit(keep_asking, stream, **slow))
        try:
            until(lambda: len(answers) >= plain + streamed, "the load to begin")
            yield answers
        finally:
            enough.set()
            for one in asking:
                one.result(60)


def test_no_request_fails_while_all_workers_are_renewed(own: Gateway) -> None:
    """Two rounds of SIGHUP under load: every answer is whole, and every worker is another."""
    told = Told(own)
    before = {process.pid for process in own.processes("extproc")}
    with load(own, plain=4, streamed=4) as answers:
        for count in (1, 2):
            own.process.send_signal(signal.SIGHUP)
            until(partial(told.times, "rolled", count), "the round")
        until(partial(told.times, "stopped", 4), "the old workers to end")
        asked = len(answers)
        until(lambda: len(answers) > asked + 8, "answers of the new workers alone")
    assert {status for status, _ in answers} == {200}
    assert {text for _, text in answers} == {"a quick answer", "a slow answer in many pieces"}
    assert not before & {process.pid for process in own.processes("extproc")}


def test_a_killed_worker_costs_no_waiting_client_its_answer_and_comes_back(own: Gateway) -> None:
    """Answers that have not begun are asked for again in the other worker."""
    told = Told(own)
    victim = own.processes("extproc-0")[0]
    with (
        httpx.Client(timeout=60, trust_env=False) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        own.simulator.forget()
        slow = {"text": "worth the wait", "delay_headers_ms": 1500}
        waiting = [pool.submit(ask, own, client, **slow) for _ in range(8)]
        until(lambda: len(own.simulator.received()) >= 8, "all requests to be at the upstream")
        victim.kill()
        answers = {one.result() for one in waiting}
    until(partial(told.times, "ready", 1), "the worker to be back")
    assert answers == {(200, "worth the wait")}
    assert victim.pid not in {process.pid for process in own.processes("extproc-0")}


def test_the_other_workers_carry_the_traffic_of_one_that_keeps_dying(own: Gateway) -> None:
    """Its place is lent to a neighbour until it is back; no client is told."""
    told = Told(own)
    with load(own, plain=2, streamed=0) as answers:
        for count in (1, 2, 3):
            until(lambda: own.processes("extproc-1"), "the worker")[0].kill()
            until(partial(told.times, "lent", count), "the neighbour")
            until(partial(told.times, "ready", count), "the worker to be back")
        asked = len(answers)
        until(lambda: len(answers) > asked + 20, "more answers")
    assert {status for status, _ in answers} == {200}


def test_a_changed_catalog_is_in_force_without_a_restart(own: Gateway) -> None:
    """A model at a new provider, which means a new cluster in Envoy, and its removal."""
    told = Told(own)
    old = own.catalog.read_text()
    with httpx.Client(trust_env=False) as client:

        def status() -> int:
            body = {**question(), "model": "brand-new"}
            headers = {"authorization": f"Bearer {own.key}"}
            url = f"{own.http}/v1/chat/completions"
            return client.post(url, json=body, headers=headers).status_code

        assert status() == 404
        text = old.replace("accounts:\n", f"{NEW_PROVIDER}accounts:\n", 1)
        text = text.replace("models:\n", f"{NEW_ACCOUNT}models:\n", 1) + NEW_MODEL
        own.catalog.write_text(text)
        seen = until(lambda: (found := status()) != 404 and found, "the new model")
        assert seen == 200  # never 503: Envoy had the cluster first
        own.catalog.write_text(old)
        until(lambda: status() == 404, "the model to be gone")
        until(partial(told.times, "clusters_removed", 1), "the cluster to be gone")


def test_a_wrong_catalog_changes_nothing_and_is_explained(own: Gateway) -> None:
    told = Told(own)
    old = own.catalog.read_text()
    own.catalog.write_text(old.replace("provider: openai", "provider: opnai"))
    [refused] = until(lambda: told.events("catalog_refused"), "the refusal")
    assert any("did you mean 'openai'?" in problem for problem in refused["problems"])
    with httpx.Client(trust_env=False) as client:
        assert ask(own, client)[0] == 200
    own.catalog.write_text(old)


def test_sigterm_lets_running_answers_end_and_takes_no_new_ones(
    upstream: Simulator, tmp_path: Path
) -> None:
    with gateway(tmp_path, upstream) as running:
        check_drain(running)


def check_drain(own: Gateway) -> None:
    children = psutil.Process(own.process.pid).children(recursive=True)
    slow = {"text": "to the last word", "chunks": 16, "delay_between_ms": 150}
    with (
        httpx.Client(timeout=60, trust_env=False) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        own.simulator.forget()
        running = pool.submit(stream, own, client, **slow)
        until(own.simulator.received, "the request to be at the upstream")
        own.process.send_signal(signal.SIGTERM)
        until(lambda: refused(own), "new connections to be refused")
        assert not running.done()
        assert running.result() == (200, "to the last word")
    assert own.process.wait(30) == 0
    assert [child for child in children if child.is_running()] == []


def refused(running: Gateway) -> bool:
    try:
        httpx.get(f"{running.http}/healthz", trust_env=False)
    except httpx.ConnectError:
        return True
    except httpx.TransportError:
        return False
    return False


def test_a_killed_supervisor_leaves_nothing_running_and_the_next_start_works(
    upstream: Simulator, tmp_path: Path
) -> None:
    with gateway(tmp_path, upstream) as first:
        children = psutil.Process(first.process.pid).children(recursive=True)
        assert len(children) >= 6
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.wait(10)
        until(lambda: not any(alive(child) for child in children), "its children to end")
    with gateway(tmp_path, upstream) as second, httpx.Client(trust_env=False) as client:
        assert ask(second, client)[0] == 200


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_second_gateway_in_the_same_place_or_on_the_same_port_is_refused(own: Gateway) -> None:
    argv = [sys.executable, "-m", "cli.main", "up", "--json"]

    def complaint(**changes: str) -> dict[str, Any]:
        environment = {**own.environment, **changes}
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 1, done.stdout
        error: dict[str, Any] = json.loads(done.stdout)["error"]
        return error

    assert "runs in" in complaint()["message"]
    elsewhere = str(own.data.parent / "elsewhere")
    assert "--http-port" in complaint(CLAVIS_DATA_DIR=elsewhere)["details"][0]


def test_requests_of_a_lost_worker_are_recorded(own: Gateway) -> None:
    """Both workers die in mid-stream: what was metered is in the ledger as lost."""
    slow = {"text": "cut off", "chunks": 100, "delay_between_ms": 100}
    headers = {"authorization": f"Bearer {own.key}"}
    with (
        httpx.Client(timeout=60, trust_env=False) as client,
        client.stream(
            "POST",
            f"{own.http}/v1/chat/completions",
            json={**question(**slow), "stream": True},
            headers=headers,
        ) as response,
        pytest.raises(httpx.TransportError),
    ):
        pieces = response.iter_raw()
        next(pieces)
        for process in own.processes("extproc-"):
            process.kill()
        for _ in pieces:
            pass
    told = Told(own)
    started = time.monotonic()
    record = own.usage(response.headers["x-request-id"])
    assert record["outcome"] == "lost"
    assert time.monotonic() - started < 15  # long before the lease would have run out by itself
    until(partial(told.times, "settled_lost", 1), "the supervisor to have settled it")
