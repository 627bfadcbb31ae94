"""The parts of a gateway as the compose file runs them: processes that share two directories.

Started in the wrong order on purpose: whoever needs the publisher waits for it.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.settings import Settings
from ledger.embedded import redis_command
from tests.e2e.gateway import BIN, CATALOG, UPSTREAM_KEY, Simulator, free_port, until
from tests.test_house import ROOT

pytestmark = pytest.mark.e2e

QUESTION = {"messages": [{"role": "user", "content": "hello"}]}
NEW = {
    "providers:\n": '  added: {preset: openai, base_url: "${SIMULATOR}", prices: openai}\n',
    "accounts:\n": '  added-1: {provider: added, credential: "${UPSTREAM_KEY}"}\n',
    "models:\n": "- {name: brand-new, targets: [{provider: added, model: gpt-5}]}\n",
}


@dataclass
class Parts:
    """The running processes by name, last started first."""

    directory: Path
    environment: dict[str, str]
    port: int
    processes: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)

    @property
    def catalog(self) -> Path:
        return self.directory / "catalog.yaml"

    @property
    def settings(self) -> Settings:
        return Settings(data_dir=self.directory / "data", run_dir=self.directory / "run")

    def start(self, name: str, *argv: str) -> None:
        with (self.directory / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                argv, env=self.environment, stdout=log, stderr=log
            )

    def log(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text()

    def told(self, name: str, what: str) -> bool:
        return what in self.log(name)

    def stop(self, name: str) -> int:
        process = self.processes.pop(name)
        process.terminate()
        return process.wait(60)

    def clavis(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(BIN / "clavis"), *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def ask(self, key: str, model: str = "gpt-5") -> httpx.Response:
        return httpx.post(
            f"http://127.0.0.1:{self.port}/v1/chat/completions",
            json={**QUESTION, "model": model},
            headers={"x-api-key": key},
            timeout=60,
        )


def commands(directory: Path) -> dict[str, Sequence[str]]:
    """In the order of starting: whoever waits for something comes before it."""
    portal = str(directory / "run" / "portal.sock")
    return {
        "envoy": (str(BIN / "clavis"), "envoy", "run"),
        "workers": (str(BIN / "clavis"), "workers"),
        "portal": (
            *(sys.executable, "-m", "portal", "--uds", portal),
            *("--catalog", str(directory / "data" / "catalog.accepted.yaml")),
        ),
        "writer": (sys.executable, "-m", "ledger.writer", "--consumer", "writer"),
        "redis": tuple(redis_command(directory / "redis")),
        "publisher": (str(ROOT / "deploy" / "publisher.sh"),),
    }


@pytest.fixture(scope="module")
def parts(upstream: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    directory = tmp_path_factory.mktemp("parts")
    (directory / "run").mkdir()
    (directory / "passwords").mkdir()
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CLAVIS_")},
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "SIMULATOR": upstream.url,
        "CLOSED_PORT": str(free_port()),
        "UPSTREAM_KEY": UPSTREAM_KEY,
        "CLAVIS_CATALOG": str(directory / "catalog.yaml"),
        "CLAVIS_DATA_DIR": str(directory / "data"),
        "CLAVIS_RUN_DIR": str(directory / "run"),
        "CLAVIS_PASSWORDS": str(directory / "passwords"),
        "CLAVIS_REDIS_URL": f"unix://{directory}/redis/redis.sock",
        "CLAVIS_SQL_URL": f"sqlite:///{directory}/ledger.sqlite3",
        "CLAVIS_BIND": "127.0.0.1",
        "CLAVIS_HTTP_PORT": str(port),
        "CLAVIS_HTTPS_PORT": str(free_port()),
        "CLAVIS_WORKERS": "2",
        "CLAVIS_CONCURRENCY": "",  # as the compose file passes on what is not set
    }
    running = Parts(directory, environment, port)
    running.catalog.write_text(CATALOG)
    try:
        for name, argv in commands(directory).items():
            running.start(name, *argv)
            if name in ("envoy", "workers"):
                until(partial(running.told, name, '"waiting"'), f"{name} to wait")
        until(lambda: httpx.get(f"http://127.0.0.1:{port}/readyz").is_success, "the parts together")
        yield running
    finally:
        for name in list(running.processes):
            running.stop(name)


@pytest.fixture(scope="module")
def key(parts: Parts) -> str:
    """The demo's key, which a second asking finds again."""
    first, second = (parts.clavis("keys", "demo", "--json") for _ in range(2))
    assert (first.returncode, first.stdout) == (0, second.stdout)
    kept = (parts.settings.places.data / "demo-key").read_text().strip()
    assert f'"key": "{kept}"' in first.stdout
    return kept


def test_a_request_is_answered_and_its_record_comes_to_sql(parts: Parts, key: str) -> None:
    answer = until(lambda: (a := parts.ask(key)).is_success and a, "an answer")
    assert answer.json()["choices"][0]["message"]["content"]
    usage = f"http://127.0.0.1:{parts.port}/v1/usage/{answer.headers['x-request-id']}"

    def recorded() -> Any:
        told = httpx.get(usage, headers={"x-api-key": key})
        return told.is_success and told.json()

    assert until(recorded, "the record")["model"] == "gpt-5"


def test_the_doctor_finds_every_part_well(parts: Parts, key: str) -> None:
    told = parts.clavis("doctor", "--json")
    assert told.returncode == 0, told.stdout
    for part in ("extproc-0", "extproc-1", "portal", "envoy process", f"port {parts.port}"):
        assert f'"part": "{part}"' in told.stdout


def test_a_changed_catalog_is_in_force_without_a_restart(parts: Parts, key: str) -> None:
    """In Envoy, the workers and the portal, each in a process of its own; a wrong one is not."""
    assert parts.ask(key, "brand-new").status_code == 404
    text = CATALOG
    for heading, line in NEW.items():
        text = text.replace(heading, heading + line, 1)
    parts.catalog.write_text(text)
    until(lambda: parts.ask(key, "brand-new").status_code == 200, "the new model")
    models = f"http://127.0.0.1:{parts.port}/v1/models"
    until(
        lambda: "brand-new" in httpx.get(models, headers={"x-api-key": key}).text,
        "the new model in the portal's list",
    )
    parts.catalog.write_text(text + "nonsense: [")
    until(lambda: "catalog_refused" in parts.log("publisher"), "the refusal")
    assert parts.ask(key, "brand-new").status_code == 200


def test_workers_are_renewed_by_sighup(parts: Parts, key: str) -> None:
    parts.processes["workers"].send_signal(signal.SIGHUP)
    until(lambda: '"rolled"' in parts.log("workers"), "new workers")
    assert parts.ask(key).status_code == 200


def test_a_second_publisher_stands_by_and_takes_over(parts: Parts, key: str) -> None:
    """The database's password stays what it was."""
    passwords = parts.directory / "passwords"
    before = (passwords / "postgres").read_text()
    assert (passwords / "postgres").stat().st_mode & 0o077 == 0
    assert (passwords / "pgpass").read_text() == f"*:*:*:*:{before}"
    parts.catalog.write_text(CATALOG)
    until(lambda: parts.ask(key, "brand-new").status_code == 404, "the old catalog")
    parts.start("second", str(ROOT / "deploy" / "publisher.sh"))
    assert parts.stop("publisher") == 0
    until(lambda: '"following"' in parts.log("second"), "the second to take over")
    assert (passwords / "postgres").read_text() == before
    published = parts.clavis("publish")
    assert "A publisher runs" in published.stdout


def test_every_part_ends_orderly(parts: Parts) -> None:
    """Envoy first, as the compose file does it; the fixture finds nothing left."""
    orderly = ("envoy", "workers", "portal", "writer", "publisher", "second")
    for name in orderly:
        if name in parts.processes:
            assert parts.stop(name) == 0, name
    assert '"drained"' in parts.log("envoy")
    assert "Traceback" not in "".join(parts.log(name) for name in commands(parts.directory))
