"""`clavis demo` as somebody tries it who has just cloned the repository."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CLAVIS = (sys.executable, "-m", "cli.main")


@pytest.fixture
def environment() -> dict[str, str]:
    """Without anybody's keys: the simulator is every provider."""
    keys = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY")
    return {
        name: value
        for name, value in os.environ.items()
        if name not in keys and not name.startswith("CLAVIS_")
    }


def test_once_asks_every_protocol_plain_and_streamed_with_the_vendors_sdks(
    environment: dict[str, str], tmp_path: Path
) -> None:
    done = subprocess.run(
        [*CLAVIS, "demo", "--once", "--json"],
        env={**environment, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["ok"] is True
    assert [(a["protocol"], a["streamed"]) for a in report["answers"]] == [
        (protocol, streamed)
        for protocol in ("anthropic", "openai_chat", "openai_responses", "gemini")
        for streamed in (False, True)
    ]
    for answer in report["answers"]:
        assert answer["question"] in answer["text"]  # the simulator repeats it
        assert answer["input_tokens"] > 0
        assert answer["output_tokens"] > 0
        assert answer["cost_micro"] > 0
    assert list(tmp_path.iterdir()) == []  # its directory is gone


@contextmanager
def demo(environment: dict[str, str], directory: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """A running demo: its process id, and what it says when it is up. Ends by Ctrl-C."""
    process = subprocess.Popen(
        [*CLAVIS, "demo", "--free-ports", "--json", "--data-dir", str(directory)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.pid, json.loads(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 0


def test_the_printed_curl_lines_work_and_ctrl_c_leaves_nothing_running(
    environment: dict[str, str], tmp_path: Path
) -> None:
    directory = tmp_path / "it's a demo"  # a name that must be quoted
    with demo(environment, directory) as (pid, shown):
        children = psutil.Process(pid).children(recursive=True)
        assert len(children) >= 6
        answers = [paste(line) for line in shown["curl"]]
    assert [child for child in children if child.is_running()] == []
    texts = [answers[0]["content"], answers[2]["output"], answers[3]["candidates"]]
    assert all("What does clavis mean?" in json.dumps(text) for text in texts)
    assert answers[1] == "data: [DONE]"
    with demo(environment, directory) as (_, again):
        assert again["key"] == shown["key"]
    assert (directory / "demo-key").stat().st_mode & 0o777 == 0o600


def paste(line: str) -> Any:
    """What a shell makes of a line: its JSON, or the last line of its stream."""
    done = subprocess.run(
        ["bash", "-c", f"{line} -sS --noproxy '*'"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.startswith("{") else done.stdout.split("\n\n")[-2]


def test_a_port_that_is_taken_is_said_with_the_flag_to_use(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        done = subprocess.run(
            [*CLAVIS, "demo", "--http-port", port, "--data-dir", str(tmp_path / "demo")],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert f"127.0.0.1:{port}: taken by another process" in done.stderr
    assert "--http-port" in done.stderr
    assert not (tmp_path / "demo").exists()
