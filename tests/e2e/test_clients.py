"""Real command-line agents, by base URL alone, on every provider's models: `make clients`.

Each agent is asked one thing. The upstream, scripted, lets it run a command in its own shell first,
so that a whole round of its tool loop crosses the gateway: tools, call, result, end.
The proof is in what the upstream received: the command's output, in the upstream's own protocol.
"""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.gateway import BIN, Gateway, Simulator

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(240)]

HERE = Path(__file__).parent / "clients"
AGENTS = HERE / "node_modules" / ".bin"
COMMAND = "printf '%s-%s' clavis 42"
PRINTED = "clavis-42"
PATHS = {
    "claude-sonnet-4-5": "/v1/messages",
    "gpt-5": "/v1/responses",
    "gemini-2.5-flash": "/v1beta/models/gemini-2.5-flash:streamGenerateContent",
}
Run = Callable[[Gateway, str, Path], "subprocess.CompletedProcess[str]"]


def agent(
    home: Path, name: str, *arguments: str, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Runs an agent with a home of its own, so that nobody's settings matter or change."""
    return subprocess.run(
        [str(AGENTS / name), *arguments],
        cwd=home,
        env={"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(home), **environment},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=200,
        check=False,
    )


def claude_code(gateway: Gateway, model: str, home: Path) -> "subprocess.CompletedProcess[str]":
    return agent(
        home,
        "claude",
        *("-p", "say hello", "--model", model, "--dangerously-skip-permissions"),
        ANTHROPIC_BASE_URL=f"{gateway.http}/api",
        ANTHROPIC_AUTH_TOKEN=gateway.key,
        ANTHROPIC_SMALL_FAST_MODEL=model,
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
        IS_SANDBOX="1",
    )


def codex(gateway: Gateway, model: str, home: Path) -> "subprocess.CompletedProcess[str]":
    (home / "config.toml").write_text(
        'model_provider = "clavis"\n[model_providers.clavis]\nname = "clavis"\n'
        f'base_url = "{gateway.http}/openai"\nenv_key = "CLAVIS_KEY"\nwire_api = "responses"\n'
    )
    flags = ("--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox")
    return agent(
        home,
        "codex",
        *("exec", *flags, "-m", model, "say hello"),
        CODEX_HOME=str(home),
        CLAVIS_KEY=gateway.key,
    )


def gemini_cli(gateway: Gateway, model: str, home: Path) -> "subprocess.CompletedProcess[str]":
    settings = home / ".gemini" / "settings.json"
    settings.parent.mkdir()
    settings.write_text(json.dumps({"security": {"auth": {"selectedType": "gemini-api-key"}}}))
    return agent(
        home,
        "gemini",
        *("-m", model, "--yolo", "-p", "say hello"),
        GEMINI_API_KEY=gateway.key,
        GOOGLE_GEMINI_BASE_URL=f"{gateway.http}/gemini",
        GEMINI_CLI_TRUST_WORKSPACE="true",
    )


# Each agent with the call of its own shell tool.
CLIENTS: list[tuple[Run, dict[str, Any]]] = [
    (claude_code, {"name": "Bash", "arguments": {"command": COMMAND, "description": "prints"}}),
    (codex, {"name": "exec_command", "arguments": {"cmd": COMMAND}}),
    (
        gemini_cli,
        {"name": "run_shell_command", "arguments": {"command": COMMAND, "description": "prints"}},
    ),
]


@pytest.mark.parametrize("model", PATHS)
@pytest.mark.parametrize(("run", "call"), CLIENTS, ids=[run.__name__ for run, _ in CLIENTS])
def test_an_agent_runs_its_tool_loop_on_any_providers_model(
    shared: Gateway, upstream: Simulator, tmp_path: Path, run: Run, call: dict[str, Any], model: str
) -> None:
    scripts = [{"tools": [call]}, {"text": "all is done"}]
    httpx.delete(f"{upstream.url}/_sim/scripts").raise_for_status()
    asked = {"match": {"path": f"*{PATHS[model]}"}, "scripts": scripts}
    httpx.post(f"{upstream.url}/_sim/scripts", json=asked).raise_for_status()
    upstream.forget()
    done = run(shared, model, tmp_path)
    assert (done.returncode, "all is done" in done.stdout) == (0, True), done.stderr[-2000:]
    received = [entry for entry in upstream.received() if entry["path"].endswith(PATHS[model])]
    assert {entry["status"] for entry in received} == {200}
    assert [PRINTED in entry["body_text"] for entry in received][:2] == [False, True]
