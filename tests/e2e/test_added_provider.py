"""Providers added by commands to a gateway that runs: nothing is restarted, no stream breaks."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from tests.e2e.gateway import Gateway, Simulator, gateway, until
from tests.e2e.test_up import Told, question, stream

pytestmark = pytest.mark.e2e

PIECES, PAUSE_MS = 120, 100  # twelve seconds, in which two commands run


def status(running: Gateway, client: httpx.Client, model: str) -> int:
    body = {**question(), "model": model}
    headers = {"authorization": f"Bearer {running.key}"}
    url = f"{running.http}/v1/chat/completions"
    return client.post(url, json=body, headers=headers).status_code


def started(running: Gateway) -> set[tuple[int, float]]:
    """Envoy and the workers, so that a restart would be seen."""
    children = psutil.Process(running.process.pid).children(recursive=True)
    return {(child.pid, child.create_time()) for child in children}


def test_added_by_a_command_and_asked_at_once_while_a_stream_runs_on(
    upstream: Simulator, tmp_path: Path
) -> None:
    text = "a slow answer in many pieces, which nobody may interrupt or cut short: " * 4
    with (
        gateway(tmp_path, upstream) as running,
        httpx.Client(timeout=60, trust_env=False) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        told, before = Told(running), started(running)
        assert status(running, client, "brand-new") == 404
        upstream.forget()
        slow = {"text": text, "chunks": PIECES, "delay_between_ms": PAUSE_MS}
        going = pool.submit(stream, running, client, **slow)
        until(upstream.received, "the stream to be at the upstream")

        made = running.clavis(
            "catalog", "add-provider", "added", "--preset", "groq", "--base-url", upstream.url,
            "--credential", "${UPSTREAM_KEY}", "--model", "brand-new=gpt-4.1-mini",
        )  # fmt: skip
        assert made["effective"] is True
        seen = until(lambda: (s := status(running, client, "brand-new")) != 404 and s, "the model")
        assert seen == 200  # never 503: Envoy had the cluster before the workers knew the model
        assert not going.done()

        listed = running.clavis("upstreams", "models", "added", "--only", "gpt-4.1-*")["models"]
        assert [(one["id"], one["served_as"]) for one in listed] == [
            ("gpt-4.1-mini", ["brand-new"])
        ]
        assert running.clavis("upstreams", "test", "added")["ok"] is True

        assert going.result() == (200, text)
        assert started(running) == before
        assert told.events("restart_needed") == []
        assert [e["models"] for e in told.events("catalog_published")] == [
            len(running.clavis("catalog", "show")["models"])
        ]
