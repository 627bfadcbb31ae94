"""A whole gateway for tests: `clavis up` as a user runs it, with the simulator as every provider.

Nothing here is a stand-in for a part of ours: real Envoy, real workers, real Redis, real SQL, on
loopback ports chosen at run time. Everything that was started is stopped, and nothing else.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

BIN = Path(sys.executable).parent
PATIENCE_S = 60.0
POLL_S = 0.02
UPSTREAM_KEY = "sk-upstream-credential-of-the-operator"

CATALOG = """
version: 1
limits:
  keep_alive_ms: 1000
  # Accounts do not rest: one test's failures are not the next one's. tests/e2e/test_failover.py has
  # a catalog of its own.
  cooldown: {start_ms: 0, told_most_ms: 0, account_ms: 0}
domains:
- {name: api.clavis.localhost}
- {name: us.clavis.localhost}
- {name: eu.clavis.localhost}
- {name: asia.clavis.localhost}
- {name: probe.clavis.localhost, kind: portal}
providers:
  anthropic: {preset: anthropic, base_url: "${SIMULATOR}", prices: anthropic}
  openai: {preset: openai, base_url: "${SIMULATOR}", prices: openai}
  google: {preset: google, base_url: "${SIMULATOR}", prices: google}
  deepseek: {preset: deepseek, base_url: "${SIMULATOR}", prices: none}
  nowhere: {preset: openai, base_url: "http://127.0.0.1:${CLOSED_PORT}", prices: none}
accounts:
  anthropic-1: {provider: anthropic, credential: "${UPSTREAM_KEY}"}
  openai-1: {provider: openai, credential: "${UPSTREAM_KEY}"}
  google-1: {provider: google, credential: "${UPSTREAM_KEY}"}
  deepseek-1: {provider: deepseek, credential: "${UPSTREAM_KEY}"}
  nowhere-1: {provider: nowhere, credential: "${UPSTREAM_KEY}"}
  wrong-key: {provider: anthropic, pool: wrong, credential: "not-the-key"}
models:
- {name: "claude-*", targets: [{provider: anthropic, pool: default, model: "*"}]}
- {name: "gpt-*", kinds: [chat], targets: [{provider: openai, model: "*"}]}
- {name: "gpt-5-c-*", targets: [{provider: openai, model: "*", surfaces: [openai_chat]}]}
- {name: "gpt-5-r-*", targets: [{provider: openai, model: "*", surfaces: [openai_responses]}]}
- {name: "deepseek-*", targets: [{provider: deepseek, model: "*", surfaces: [openai_chat]}]}
- {name: gpt-image-1, kinds: [image], targets: [{provider: openai}]}
- {name: "text-embedding-*", kinds: [embedding], targets: [{provider: openai, model: "*"}]}
- {name: "gemini-*", targets: [{provider: google, model: "*"}]}
- {name: gemini-embedding-001, kinds: [embedding], targets: [{provider: google}]}
- {name: haiku, targets: [{provider: anthropic, pool: default, model: claude-haiku-4-5}]}
- name: public-name
  targets:
  - {provider: anthropic, pool: default, model: claude-haiku-4-5}
  - {provider: openai, model: gpt-5}
  - {provider: google, model: gemini-2.5-flash}
- {name: our-key-is-wrong, targets: [{provider: anthropic, pool: wrong, model: claude-haiku-4-5}]}
- {name: unreachable, targets: [{provider: nowhere, model: gpt-5}]}
- name: from-messages-to-responses
  targets:
  - {provider: anthropic, pool: default, model: claude-haiku-4-5, tier: 1}
  - {provider: openai, model: gpt-5, surfaces: [openai_responses], tier: 2}
- name: from-generate-to-messages
  targets:
  - {provider: google, model: gemini-3-pro, tier: 1}
  - {provider: anthropic, pool: default, model: claude-haiku-4-5, tier: 2}
- name: from-chat-to-generate
  targets:
  - {provider: openai, model: gpt-5, surfaces: [openai_chat], tier: 1}
  - {provider: google, model: gemini-3-pro, tier: 2}
- name: from-responses-to-chat
  targets:
  - {provider: openai, model: gpt-5, surfaces: [openai_responses], tier: 1}
  - {provider: openai, model: gpt-5-mini, surfaces: [openai_chat], tier: 2}
- name: second-saves
  targets:
  - {provider: nowhere, model: gpt-5, tier: 1}
  - {provider: openai, model: gpt-5, tier: 2}
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def until(condition: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Waits for a condition to give something true, and gives that."""
    deadline = time.monotonic() + patience_s
    while True:
        with suppress(httpx.TransportError, OSError):
            if found := condition():
                return found
        assert time.monotonic() < deadline, f"timed out waiting for {what}"
        time.sleep(POLL_S)


@dataclass
class Simulator:
    """The scripted upstream, as a process."""

    url: str
    process: "subprocess.Popen[str]"

    def received(self) -> list[dict[str, Any]]:
        """What it was asked, oldest first."""
        answer = httpx.get(f"{self.url}/_sim/requests").json()
        found: list[dict[str, Any]] = answer["requests"] if isinstance(answer, dict) else answer
        return found

    def forget(self) -> None:
        httpx.delete(f"{self.url}/_sim/requests")


@contextmanager
def simulator(*flags: str) -> Iterator[Simulator]:
    """Without flags it takes one key only."""
    argv = [sys.executable, "-m", "simulator", "--host", "127.0.0.1", "--port", "0"]
    process = subprocess.Popen(
        [*argv, *(flags or ("--api-key", UPSTREAM_KEY))], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        yield Simulator(url.rstrip("/"), process)
    finally:
        process.terminate()
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()


@dataclass
class Gateway:
    """A running `clavis up`."""

    data: Path
    http: str
    https: str
    simulator: Simulator
    environment: dict[str, str] = field(repr=False)
    process: "subprocess.Popen[bytes]" = field(init=False)
    key: str = field(default="", repr=False)

    @property
    def ca(self) -> Path:
        """The development CA's certificate."""
        return next(path for path in self.data.glob("tls/*.pem") if path.stem == "ca")

    @property
    def catalog(self) -> Path:
        return self.data.parent / "catalog.yaml"

    def clavis(self, *arguments: str) -> Any:
        """Runs a command of the CLI on this gateway's stores; gives its JSON."""
        done = subprocess.run(
            [str(BIN / "clavis"), *arguments, "--json"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def new_key(self, name: str, *flags: str) -> str:
        made = self.clavis("keys", "create", name, *flags)
        secret: str = made["secret"]
        return secret

    def processes(self, word: str) -> list[psutil.Process]:
        """Processes of this gateway whose command line holds `word`."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.Error):
                if any(word in argument for argument in child.cmdline()):
                    found.append(child)
        return found

    def usage(self, request_id: str, key: str | None = None) -> dict[str, Any]:
        """The usage record of a request, as its owner sees it."""

        def look() -> dict[str, Any] | None:
            answer = httpx.get(
                f"{self.http}/v1/usage/{request_id}", headers={"x-api-key": key or self.key}
            )
            return answer.json() if answer.status_code == 200 else None

        found: dict[str, Any] = until(look, f"the usage of {request_id}", 20)
        return found

    def log(self) -> str:
        """Everything that its processes have said."""
        return (self.data.parent / "log").read_text(errors="replace")

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(60)

    def kill(self) -> None:
        """SIGKILL for every process, the one that watches the others included."""
        parent = psutil.Process(self.process.pid)
        everyone = [*parent.children(recursive=True), parent]
        for one in everyone:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        self.process.wait(60)
        _, alive = psutil.wait_procs(everyone[:-1], 60)
        assert not alive

    def begin(self) -> None:
        """Starts again what was stopped or killed, on the same data; `wait` until it answers."""
        with (self.data.parent / "log").open("ab") as log:
            argv = [str(BIN / "clavis"), "up", "--json"]
            self.process = subprocess.Popen(argv, env=self.environment, stdout=log, stderr=log)

    def wait(self, patience_s: float = PATIENCE_S) -> None:
        def answers() -> bool:
            ended = self.process.poll() is not None
            return ended or httpx.get(f"{self.http}/readyz").is_success

        until(answers, "the gateway", patience_s)
        assert self.process.poll() is None, self.log()


@contextmanager
def gateway(
    directory: Path,
    upstream: Simulator,
    catalog: str = CATALOG,
    variables: Mapping[str, str] | None = None,
    /,
    **settings: str,
) -> Iterator[Gateway]:
    """A gateway of its own in `directory`, with one key. Settings are CLAVIS_... variables,
    `variables` further ones that the catalog refers to."""
    http, https = free_port(), free_port()
    (directory / "catalog.yaml").write_text(catalog)
    environment = {
        **os.environ,
        "SIMULATOR": upstream.url,
        "CLOSED_PORT": str(free_port()),
        "UPSTREAM_KEY": UPSTREAM_KEY,
        "CLAVIS_DATA_DIR": str(directory / "data"),
        "CLAVIS_CATALOG": str(directory / "catalog.yaml"),
        "CLAVIS_HTTP_PORT": str(http),
        "CLAVIS_HTTPS_PORT": str(https),
        "CLAVIS_BIND": "127.0.0.1",
        "CLAVIS_WORKERS": "2",
        "CLAVIS_CONCURRENCY": "1",
        **(variables or {}),
        **{f"CLAVIS_{name.upper()}": value for name, value in settings.items()},
    }
    made = Gateway(
        data=directory / "data",
        http=f"http://127.0.0.1:{http}",
        https=f"https://api.clavis.localhost:{https}",
        simulator=upstream,
        environment=environment,
    )
    made.begin()
    try:
        made.wait()
        made.key = made.new_key("tests")
        yield made
    finally:
        made.stop()
