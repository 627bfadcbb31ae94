"""Two well-known gateways on the same work: LiteLLM's proxy (Python) and Portkey's (Node).

They run as their documentation says for production, one process each, with next to nothing
switched on: no customers' keys, no limits, no budgets, no database. Same upstream, same load, same
rounds as ours. Each is installed on first use under `.bench/`, pinned; what cannot be installed or
started is reported as such and costs the rest of the run nothing.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import orjson

from bench import answers, figures, gauges
from bench.answers import (
    CHAT_PLAIN,
    CHAT_STREAM,
    CHAT_TO_CLAUDE_PLAIN,
    CHAT_TO_CLAUDE_STREAM,
    EVENTS,
    Work,
)
from bench.report import LITELLM, PORTKEY, Budget, Figure, Section, judged
from bench.rounds import Form, Load, Round, Unable, taking_turns
from bench.stack import HOST, NotReady, Stack, Subject
from cli import ports
from cli.readiness import accepts

LITELLM_VERSION = "1.106.2"
LITELLM_KEY = "sk-bench"  # without a master key it does not start
PORTKEY_VERSION = "1.15.2"
# Newer ones break its streams: github.com/Portkey-AI/gateway/issues/1389.
HONO_NODE_SERVER_VERSION = "1.14.1"
INSTALL_TIMEOUT_S = 900.0

_LITELLM_CONFIG = """
model_list:
- model_name: {model}
  litellm_params: {{model: openai/{model}, api_base: "http://{host}:{port}/v1", api_key: none}}
- model_name: {claude}
  litellm_params: {{model: anthropic/{claude}, api_base: "http://{host}:{port}", api_key: none}}
general_settings: {{master_key: {key}, disable_spend_logs: true}}
litellm_settings: {{telemetry: false}}
"""

Starter = Callable[[Stack, Path], Awaitable[Subject]]


class NotInstalled(Exception):
    """The package could not be had; the message is the installer's last line."""


async def litellm(stack: Stack, home: Path) -> Subject:
    """LiteLLM's proxy in a virtual environment of its own."""
    place = (home / "litellm").absolute()
    binary = place / "bin" / "litellm"
    mark = place / f"installed-{LITELLM_VERSION}"
    if not mark.exists():
        await install(sys.executable, "-m", "venv", str(place))
        package = f"litellm[proxy]=={LITELLM_VERSION}"
        await install(str(place / "bin" / "pip"), "install", "--quiet", package)
        mark.touch()
    port = ports.free(HOST)
    config = stack.directory / "litellm.yaml"
    config.write_text(
        _LITELLM_CONFIG.format(
            model=answers.MODEL,
            claude=answers.CLAUDE_MODEL,
            host=HOST,
            port=stack.upstream_port,
            key=LITELLM_KEY,
        )
    )
    argv = [str(binary), "--config", str(config), "--host", HOST, "--port", str(port)]
    argv += ["--num_workers", "1"]
    child = await stack.start(
        "litellm",
        argv,
        accepts(HOST, port),
        timeout_s=120.0,
        LITELLM_LOG="ERROR",
        LITELLM_MODE="PRODUCTION",
        LITELLM_LOCAL_MODEL_COST_MAP="True",
        NO_DOCS="True",
    )
    return Subject(
        "LiteLLM", port, {"authorization": f"Bearer {LITELLM_KEY}"}, {"peer": [child.pid]}
    )


async def portkey(stack: Stack, home: Path) -> Subject:
    """Portkey's gateway on Node; the upstream is named by each request's headers."""
    place = (home / "portkey").absolute()
    mark = place / f"installed-{PORTKEY_VERSION}"
    if not mark.exists():
        place.mkdir(parents=True, exist_ok=True)
        package = {
            "private": True,
            "dependencies": {"@portkey-ai/gateway": PORTKEY_VERSION},
            "overrides": {"@hono/node-server": HONO_NODE_SERVER_VERSION},
        }
        (place / "package.json").write_bytes(orjson.dumps(package))
        flags = ("--no-audit", "--no-fund", "--ignore-scripts")
        await install("npm", "install", "--prefix", str(place), *flags)
        mark.touch()
    port = ports.free(HOST)
    script = place / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    argv = ["node", str(script), f"--port={port}", "--headless"]
    child = await stack.start(
        "portkey",
        argv,
        accepts(HOST, port),
        NODE_ENV="production",
        TRUSTED_CUSTOM_HOSTS=f"{HOST},localhost",
    )
    headers = {
        "authorization": "Bearer none",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": f"http://{HOST}:{stack.upstream_port}/v1",
    }
    return Subject("Portkey", port, headers, {"peer": [child.pid]})


_STREAM = f"stream of {EVENTS} events"
_NATIVE = (("whole answer", CHAT_PLAIN), (_STREAM, CHAT_STREAM))
_TRANSLATED = (
    ("whole answer, translated", CHAT_TO_CLAUDE_PLAIN),
    (f"{_STREAM}, translated", CHAT_TO_CLAUDE_STREAM),
)

# Name, version, how it starts, and what is asked with its budget, where one is declared. Portkey is
# told its upstream by each request's headers, and only of one protocol.
PEERS: Sequence[tuple[str, str, Starter, Sequence[tuple[str, Work, Budget | None]]]] = (
    (
        "LiteLLM",
        LITELLM_VERSION,
        litellm,
        [(what, work, LITELLM) for what, work in (*_NATIVE, *_TRANSLATED)],
    ),
    (
        "Portkey",
        PORTKEY_VERSION,
        portkey,
        [(*_NATIVE[0], PORTKEY), (*_NATIVE[1], None)],
    ),
)


async def measure(
    load: Load, stack: Stack, ours: tuple[Subject, Subject], form: Form, home: Path
) -> tuple[Section, list[Round], list[str]]:
    """One section, all rounds, and what did not work. `ours` are floor and gateway."""
    home.mkdir(parents=True, exist_ok=True)
    (home / ".gitignore").write_text("*\n")
    rows: list[Figure] = []
    seen: list[Round] = []
    problems: list[str] = []
    for name, version, start, asked in PEERS:
        try:
            peer = await start(stack, home)
            made, rounds = await _against(load, ours, peer, form, asked)
        except (NotInstalled, NotReady, Unable) as error:
            problems.append(f"{name} {version}: {error}")
            continue
        rows += made
        seen += rounds
    columns = ("floor", "gateway", *(name for name, *_ in PEERS))
    versions = ", ".join(f"{name} {version}" for name, version, *_ in PEERS)
    notes = [
        f"{versions}: one process each, no keys, limits or budgets. The gateway: all of its "
        "processes, Envoy, Redis and the writer included, everything on.",
    ]
    title = "CPU per request beside peers, OpenAI Chat"
    return Section(title, columns, rows, "gateway / peer", notes), seen, problems


async def _against(
    load: Load,
    ours: tuple[Subject, Subject],
    peer: Subject,
    form: Form,
    asked: Sequence[tuple[str, Work, Budget | None]],
) -> tuple[list[Figure], list[Round]]:
    sides = (*ours, peer)
    rows: list[Figure] = []
    seen: list[Round] = []
    for what, work, budget in asked:
        rounds = await taking_turns(load, sides, work, form)
        rows.append(_row(f"{what}, beside {peer.name}", rounds, peer, budget))
        seen += [made for side in rounds.values() for made in side]
    size = float(gauges.memory(peer.pids["peer"][0]).rss)
    rows.append(Figure(f"memory of {peer.name}", "bytes", {peer.name: size}))
    return rows, seen


def _row(
    what: str, rounds: Mapping[str, Sequence[Round]], peer: Subject, budget: Budget | None
) -> Figure:
    costs = {name: [made.cost_us() for made in side] for name, side in rounds.items()}
    quotients = figures.quotients(costs["gateway"], costs[peer.name])
    values: dict[str, float | None] = {name: figures.median(side) for name, side in costs.items()}
    if not quotients:
        return Figure(what, "us", values, None, budget)
    ratio, spread = figures.median(quotients), figures.spread(quotients)
    if budget is None:
        return Figure(what, "us", values, ratio, spread=spread)
    return judged(what, "us", values, budget, ratio=ratio, spread=spread)


async def install(*argv: str) -> None:
    """Runs an installer. Raises NotInstalled."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        )
    except OSError as error:
        raise NotInstalled(f"{argv[0]}: {error}") from error
    try:
        async with asyncio.timeout(INSTALL_TIMEOUT_S):
            said, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise NotInstalled(f"{argv[0]}: not done within {INSTALL_TIMEOUT_S:g} s") from None
    if process.returncode:
        lines = said.decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
        raise NotInstalled(f"{argv[0]} ended with {process.returncode}: {lines[-1]}")
