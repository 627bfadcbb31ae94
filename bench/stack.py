"""Everything that a measurement runs, started here and ended here.

A Subject is one side of a comparison: a port to ask, headers to ask with, and the processes whose
cost is counted, by role. The gateway is the whole of it (Redis, writer, workers, Envoy); the floor
is Envoy on the same rendered configuration with workers that decide nothing. Ports are chosen at
run time, sockets lie in a directory of the run, and the kernel ends what we did not (cli/child.py).
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import answers
from bench.gauges import Pids
from catalog import Catalog, load
from cli import ports
from cli.binaries import envoy_binary
from cli.bootstrap import EnvoySettings, write
from cli.child import Child
from cli.journal import FileSink, Journal
from cli.processes import Ready
from cli.readiness import accepts, envoy_live, grpc_serving, redis_answers
from ledger.embedded import redis_command, redis_url
from ledger.entries import EntryKind, EntrySpec
from ledger.ledger import Ledger
from ledger.model import AccountMode, KeySpec, LimitKind

HOST = "127.0.0.1"
READY_TIMEOUT_S = 30.0
POLL_S = 0.05
GRACE_S = 10.0

CATALOG = """
version: 1
# Accounts do not rest, or the one that fails would fail twice in all.
limits: {{cooldown: {{start_ms: 0}}}}
providers:
  failing: {{preset: openai, base_url: "{url}/failing"}}
  anthropic: {{preset: anthropic, base_url: "{url}"}}
  openai: {{preset: openai, base_url: "{url}"}}
accounts:
  failing: {{provider: failing, credential: upstream-key-3}}
  anthropic: {{provider: anthropic, credential: upstream-key-1}}
  openai: {{provider: openai, credential: upstream-key-2}}
models:
- name: {model}
  targets: [{{provider: anthropic}}, {{provider: openai}}]
  price: {{usd_per_million_tokens: {{input: 3, output: 15}}}}
- name: {claude}
  targets: [{{provider: anthropic}}]
  price: {{usd_per_million_tokens: {{input: 3, output: 15}}}}
- name: {chat}
  targets: [{{provider: openai, surfaces: [openai_chat]}}]
  price: {{usd_per_million_tokens: {{input: 3, output: 15}}}}
- name: {idle}
  targets: [{{provider: openai}}]
- name: {failing}
  targets: [{{provider: failing}}, {{provider: openai, tier: 2}}]
  price: {{usd_per_million_tokens: {{input: 3, output: 15}}}}
"""


# Of a key and of its customer alike; nobody reaches them.
_CEILINGS = tuple(
    (kind, 10**9)
    for kind in (LimitKind.REQUESTS, LimitKind.TOKENS, LimitKind.CONCURRENCY, LimitKind.SPEND_DAY)
)


class NotReady(Exception):
    """A process ended or did not answer in time; the message holds its last words."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One side of a comparison. `admin` is its Envoy's admin socket, where it has one."""

    name: str
    port: int
    headers: Mapping[str, str] = field(default_factory=dict)
    pids: Pids = field(default_factory=dict)
    admin: Path | None = None


class Stack:
    """Starts processes in `directory`, whose path must be short: sockets lie in it."""

    def __init__(self, directory: Path, upstream_port: int) -> None:
        self.directory = directory
        self.upstream_port = upstream_port
        self._journal = Journal(FileSink(directory / "logs"))
        self._children = AsyncExitStack()

    async def close(self) -> None:
        await self._children.aclose()
        self._journal.close()

    async def start(
        self,
        name: str,
        argv: Sequence[str],
        ready: Ready | None = None,
        timeout_s: float = READY_TIMEOUT_S,
        **env: str,
    ) -> Child:
        """Starts one process and waits until it is ready. Raises NotReady."""
        child = Child.start(name, argv, env, self._journal)
        self._children.push_async_callback(child.stop, GRACE_S)
        deadline = time.monotonic() + timeout_s
        while ready is not None and not await ready():
            if not child.running or time.monotonic() > deadline:
                raise NotReady(f"{name}: " + " | ".join(child.lines.last))
            await asyncio.sleep(POLL_S)
        return child

    def catalog(self) -> tuple[Path, Catalog]:
        """The catalog of the run; both dialects have the canned upstream behind them."""
        url = f"http://{HOST}:{self.upstream_port}"
        path = self.directory / "catalog.yaml"
        names = {
            "model": answers.MODEL,
            "claude": answers.CLAUDE_MODEL,
            "chat": answers.CHAT_MODEL,
            "idle": answers.IDLE_MODEL,
            "failing": answers.FAILING_MODEL,
        }
        path.write_text(CATALOG.format(url=url, **names))
        return path, load(path, {})

    async def envoy(self, name: str, catalog: Catalog, workers: Sequence[str]) -> tuple[Child, int]:
        """One Envoy with one thread; gives its port too."""
        port = ports.free(HOST)
        settings = EnvoySettings(
            directory=self.directory / name / "envoy",
            workers=workers,
            portal=f"unix:{self.directory / name / 'portal.sock'}",
            admin=f"unix:{self.admin(name)}",
            http_port=port,
            https_port=None,
            access_log=self.directory / name / "access.log",
        )
        settings.directory.mkdir(parents=True, exist_ok=True)
        bootstrap = write(settings, catalog)
        argv = (
            *(str(envoy_binary()), "--config-path", str(bootstrap), "--concurrency", "1"),
            *("--log-level", "warning", "--disable-hot-restart"),
        )
        return await self.start(f"{name}-envoy", argv, envoy_live(self.admin(name))), port

    def admin(self, name: str) -> Path:
        return self.directory / name / "admin.sock"

    async def floor(self, name: str = "floor", workers: int = 1) -> Subject:
        """The processor that decides nothing, behind the same Envoy."""
        _, catalog = self.catalog()
        authority = f"{HOST}:{self.upstream_port}"
        flags = ["--authority", authority]
        for piece, provider in (("/messages", "anthropic"), ("/chat/", "openai")):
            flags += ["--cluster", f"{piece}={catalog.providers[provider].cluster}"]
        children, sockets = await self._workers(name, workers, "bench.floor", flags)
        envoy, port = await self.envoy(name, catalog, [f"unix:{socket}" for socket in sockets])
        pids = {"worker": [child.pid for child in children], "envoy": [envoy.pid]}
        return Subject(name, port, pids=pids, admin=self.admin(name))

    async def gateway(
        self, name: str = "gateway", workers: int = 1, profiled: Sequence[str] = ()
    ) -> Subject:
        """The whole gateway, with a fresh key. `profiled` are words before `-m extproc`."""
        path, catalog = self.catalog()
        redis_dir = self.directory / name / "redis"
        redis_at = redis_url(redis_dir)
        sql = f"sqlite+aiosqlite:///{self.directory / name / 'clavis.db'}"
        stores = ("--redis", redis_at, "--sql", sql)
        ready = redis_answers(Path(redis_at.removeprefix("unix://")))
        redis = await self.start(f"{name}-redis", redis_command(redis_dir), ready)
        key = await _new_key(redis_at, sql)
        argv = (sys.executable, "-m", "ledger.writer", *stores, "--consumer", name)
        writer = await self.start(f"{name}-writer", argv)
        flags = ("--catalog", str(path), *stores)
        children, sockets = await self._workers(name, workers, "extproc", flags, profiled)
        envoy, port = await self.envoy(name, catalog, [f"unix:{socket}" for socket in sockets])
        pids = {
            "worker": [child.pid for child in children],
            "envoy": [envoy.pid],
            "redis": [redis.pid],
            "writer": [writer.pid],
        }
        return Subject(name, port, {"authorization": f"Bearer {key}"}, pids, self.admin(name))

    async def prepaid(self, gateway: Subject) -> Subject:
        """The same gateway, asked by a prepaid customer under limits of every kind."""
        home = self.directory / gateway.name
        sql = f"sqlite+aiosqlite:///{home / 'clavis.db'}"
        ledger = await Ledger.open(redis_url(home / "redis"), sql)
        try:
            customer = await ledger.create_customer("prepaid", 0, AccountMode.PREPAID, _CEILINGS)
            credit = EntrySpec(10**12, EntryKind.TOPUP)
            await ledger.book(customer.id, credit, 0)
            spec = KeySpec(name="prepaid", limits=_CEILINGS)
            _, secret = await ledger.create_key(customer.id, spec, 0)
        finally:
            await ledger.close()
        headers = {"authorization": f"Bearer {secret}"}
        return replace(gateway, name=f"{gateway.name}, prepaid", headers=headers)

    async def _workers(
        self,
        name: str,
        count: int,
        module: str,
        flags: Sequence[str],
        words: Sequence[str] = (),
    ) -> tuple[list[Child], list[Path]]:
        children, sockets = [], []
        (self.directory / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            socket = self.directory / name / f"w{number}.sock"
            own = ["--listen", f"unix:{socket}"]
            if module == "extproc":
                own += ["--worker-id", f"w{number}-bench"]
            argv = [sys.executable, *words, "-m", module, *flags, *own]
            ready = grpc_serving(socket)
            children.append(await self.start(f"{name}-worker-{number}", argv, ready))
            sockets.append(socket)
        return children, sockets


@asynccontextmanager
async def stack(directory: Path, pace_ms: float) -> AsyncIterator[Stack]:
    """A Stack with its upstream running."""
    made = Stack(directory, ports.free(HOST))
    flags = ("--port", str(made.upstream_port), "--pace-ms", str(pace_ms))
    try:
        await made.start(
            "upstream",
            (sys.executable, "-m", "bench.upstream", *flags),
            accepts(HOST, made.upstream_port),
        )
        yield made
    finally:
        await made.close()


async def _new_key(redis: str, sql: str) -> str:
    ledger = await Ledger.open(redis, sql, migrate=True)
    try:
        customer = await ledger.create_customer("bench", 0)
        _, secret = await ledger.create_key(customer.id, KeySpec(name="bench"), 0)
        return secret
    finally:
        await ledger.close()
