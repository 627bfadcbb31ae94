"""Tokens that end while requests run, endpoints that fail, tokens that are revoked, accounts that
come with a reload: no request of a caller fails for any of it, and no secret is logged."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.e2e.clouds import RESTING, cloudy
from tests.e2e.gateway import Gateway, until
from tests.e2e.upstreams import Json
from tests.extproc.credentials import known

pytestmark = pytest.mark.e2e

TTL_S = 6
ENTRA = f"/entra/{known.TENANT}/oauth2/v2.0/token"


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose tokens live for seconds."""
    with cloudy(tmp_path_factory.mktemp("short"), RESTING, TTL_S) as (running, _):
        yield running


def ask(running: Gateway, model: str, streamed: bool = False) -> httpx.Response:
    body: Json = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
    return httpx.post(
        f"{running.http}/v1/chat/completions",
        json=body | {"stream": streamed},
        headers={"authorization": f"Bearer {running.key}"},
        timeout=60,
    )


def asked_for_tokens(running: Gateway, path: str) -> int:
    return sum(entry["path"] == path for entry in running.simulator.received())


def fail(running: Gateway, path: str, times: int) -> None:
    script = {"error": {"status": 503}}
    httpx.post(
        f"{running.simulator.url}/_sim/scripts",
        json={"match": {"path": path}, "scripts": [script] * times},
    ).raise_for_status()


MODELS = ("claude-haiku-4-5-v-run", "gemini-3-pro-run", "gpt-5-e-run", "gpt-5-d-run")


def test_no_request_fails_while_tokens_come_and_go(short: Gateway) -> None:
    """Longer than three lives of a token, with endpoints that fail now and then."""
    short.simulator.forget()
    stop = threading.Event()
    wrong: list[str] = []

    def go_on(model: str) -> int:
        count = 0
        while not stop.is_set():
            answer = ask(short, model, streamed=count % 2 == 1)
            if answer.status_code != 200 or "You said: hello" not in answer.text:
                wrong.append(answer.text)
            count += 1
        return count

    with ThreadPoolExecutor(len(MODELS)) as pool:
        running = [pool.submit(go_on, model) for model in MODELS]
        started = time.monotonic()
        fail(short, "/gcp/token", 2)
        fail(short, ENTRA, 2)
        until(
            lambda: (
                time.monotonic() - started > 3 * TTL_S
                and asked_for_tokens(short, "/gcp/token") > 12
                and asked_for_tokens(short, ENTRA) > 12
            ),
            "three lives of a token",
        )
        stop.set()
        counts = [future.result() for future in running]
    assert wrong == []
    assert min(counts) > 20, "all of them went on"


def test_an_account_whose_token_cannot_be_had_is_passed_over(short: Gateway) -> None:
    answer = ask(short, "no-secret-then-key")
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-clavis-upstream"] == "azure-key"
    alone = ask(short, "azure-no-secret")
    assert alone.status_code == 503
    assert "operator" in alone.json()["error"]["message"]
    told = [line for line in short.log().splitlines() if "credentials not renewed" in line]
    assert any("azure-no-secret" in line and "AADSTS7000215" in line for line in told)


def test_an_account_that_comes_with_a_reload_is_served_with_its_token(short: Gateway) -> None:
    later = RESTING.replace(
        "models:\n",
        "  gcp-later: {provider: vertex-claude, pool: later, google: {key: '${GOOGLE_KEY}'}}\n"
        "models:\n"
        "- {name: come-later, targets: [\n"
        "    {provider: vertex-claude, pool: later, model: claude-haiku-4-5@20251001}]}\n",
        1,
    )
    statuses: list[int] = []
    stop = threading.Event()

    def go_on() -> None:
        while not stop.is_set():
            statuses.append(ask(short, MODELS[2]).status_code)

    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(go_on)
        short.catalog.write_text(later)
        until(lambda: ask(short, "come-later").status_code == 200, "the new account")
        stop.set()
        going.result()
    assert set(statuses) == {200}


def test_revoked_tokens_are_renewed_when_the_cloud_says_so(short: Gateway) -> None:
    """Each worker has its own tokens, so this comes last: others would meet the revoked ones. The
    account's rest is short, as a new token is all that it needs."""
    until(lambda: ask(short, MODELS[0]).status_code == 200, "a token")
    httpx.delete(f"{short.simulator.url}/_sim/tokens").raise_for_status()
    until(lambda: ask(short, MODELS[0]).status_code == 200, "a new token")


def test_no_secret_and_no_token_is_in_any_log(short: Gateway) -> None:
    log = short.log()
    for secret in (*known.SECRETS, known.google_key().private[40:80], "not-the-secret", "ya29."):
        assert secret not in log
