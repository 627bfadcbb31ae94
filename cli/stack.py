"""The table of processes of one gateway: who runs, with which words, after whom, and who ends
first.

    starts                                           ends
    redis ─▶ writer, portal, simulator, workers      10 envoy, when its requests are done
                       └───────────┬─────────        20 workers    30 portal, simulator
                                   ▼                 40 writer, when the streams are in SQL
                                 envoy               50 redis
"""

import hashlib
import os
import platform
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.processes import Launch, Spec
from cli.readiness import accepts, envoy_live, http_ok, redis_answers
from cli.settings import Settings
from cli.workers import Workers
from ledger.embedded import redis_command, redis_url

ENVOY, PORTAL, WRITER, REDIS, SIMULATOR = "envoy", "portal", "writer", "redis", "simulator"


@dataclass(frozen=True, slots=True)
class Simulated:
    """The demo's upstream."""

    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


def specs(
    settings: Settings,
    workers: Workers,
    binary: Path,
    drain: Callable[[], Awaitable[None]],
    settle_lost: Callable[[], Awaitable[None]],
    simulated: Simulated | None,
    environment: Mapping[str, str],
) -> list[Spec]:
    """Every row. `environment` is added to that of the processes that read the catalog."""
    redis = (REDIS,) if settings.embedded_redis else ()
    rows = [
        _writer(settings, redis, settle_lost),
        _portal(settings, redis, environment),
        *workers.specs(redis),
    ]
    if settings.embedded_redis:
        rows.insert(0, _redis(settings))
    if simulated is not None:
        rows.append(_simulator(simulated))
    before = tuple(row.name for row in rows if row.name != WRITER)
    rows.append(envoy(settings, binary, before, drain))
    return rows


def store_environment(settings: Settings) -> dict[str, str]:
    """The stores' URLs for a child: they may hold passwords, and arguments are for all to see."""
    return {"CLAVIS_REDIS_URL": settings.redis, "CLAVIS_SQL_URL": settings.sql}


def _redis(settings: Settings) -> Spec:
    places = settings.places
    socket = Path(redis_url(places.redis).removeprefix("unix://"))
    argv = tuple(redis_command(places.redis))
    return Spec(
        REDIS,
        lambda generation: Launch(argv, ready=redis_answers(socket)),
        stop_order=50,
        ready_timeout_s=120.0,  # a large append-only file takes time to load
    )


def _writer(
    settings: Settings, after: tuple[str, ...], settle_lost: Callable[[], Awaitable[None]]
) -> Spec:
    argv = _python("ledger.writer", "--consumer", _consumer(settings))
    return Spec(
        WRITER,
        lambda generation: Launch(argv, env=store_environment(settings)),
        after=after,
        stop_order=40,
        prepare_stop=settle_lost,
    )


def _portal(settings: Settings, after: tuple[str, ...], environment: Mapping[str, str]) -> Spec:
    socket = settings.places.portal
    environment = {**environment, **store_environment(settings)}
    argv = _python(
        "portal",
        *("--catalog", str(settings.places.accepted_catalog)),
        *("--uds", str(socket)),
    )
    return Spec(
        PORTAL,
        lambda generation: Launch(argv, env=environment, ready=http_ok(socket, "/healthz")),
        after=after,
        stop_order=30,
    )


def _simulator(simulated: Simulated) -> Spec:
    argv = _python("simulator", "--host", simulated.host, "--port", str(simulated.port))
    return Spec(
        SIMULATOR,
        lambda generation: Launch(argv, ready=accepts(simulated.host, simulated.port)),
        stop_order=30,
    )


def envoy(
    settings: Settings,
    binary: Path,
    after: tuple[str, ...],
    drain: Callable[[], Awaitable[None]],
) -> Spec:
    """Envoy's row; `drain` is done before it is told to end."""
    argv = (
        str(binary),
        *("--config-path", str(settings.places.envoy / "bootstrap.yaml")),
        *("--concurrency", str(settings.concurrency)),
        *("--log-level", "warning"),
        # One gateway, one Envoy: no shared memory to collide in. Draining starts at once when
        # asked.
        *("--disable-hot-restart", "--drain-strategy", "immediate"),
    )
    return Spec(
        ENVOY,
        lambda generation: Launch(argv, ready=envoy_live(settings.places.admin)),
        after=after,
        stop_order=10,
        prepare_stop=drain,
    )


def _python(module: str, *flags: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *flags)


def _consumer(settings: Settings) -> str:
    """The same at every start of this gateway, and no other's: what it left unread it finds
    again."""
    place = hashlib.sha256(os.fsencode(settings.places.data)).hexdigest()[:8]
    return f"{platform.node() or 'writer'}-{place}"
