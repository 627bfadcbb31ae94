"""`clavis publish`, `clavis workers` and `clavis envoy run`: the parts of a gateway, each for a
container of its own. They share a data directory and a run directory; `clavis up` needs none of
them."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from cli.flags import (
    Bind,
    CatalogPath,
    Concurrency,
    DataDir,
    DrainTimeout,
    EnvoyBinary,
    HttpPort,
    HttpsPort,
    RedisUrl,
    RunDir,
    SqlUrl,
    WorkerCount,
)
from cli.output import Json, answers, console, print_json
from cli.settings import Settings

if TYPE_CHECKING:
    from cli.journal import Journal


@answers
def publish(
    follow: Annotated[
        bool, typer.Option("--follow", help="Stay, and publish every change of the catalog.")
    ] = False,
    data_dir: DataDir = None,
    run_dir: RunDir = None,
    catalog: CatalogPath = None,
    bind: Bind = None,
    http_port: HttpPort = None,
    https_port: HttpsPort = None,
    workers: WorkerCount = None,
    json: Json = False,
) -> None:
    """Write what the other parts start with: Envoy's files, certificates, the accepted catalog."""
    settings = Settings.read(
        data_dir=data_dir,
        run_dir=run_dir,
        catalog=catalog,
        bind=bind,
        http_port=http_port,
        https_port=https_port,
        workers=workers,
    )
    from cli import parts, serving  # slow to load

    if follow:
        _run(settings, parts.publish)
        return
    journal = serving.journal_of(settings, None)
    written = parts.publish_once(settings, journal)
    journal.close()
    if json:
        print_json({"published": written})
    elif written:
        console.print("Published.")
    else:
        console.print("A publisher runs in this data directory: it publishes every change itself.")


@answers
def workers(
    data_dir: DataDir = None,
    run_dir: RunDir = None,
    redis_url: RedisUrl = None,
    sql_url: SqlUrl = None,
    workers: WorkerCount = None,
    drain_timeout_s: DrainTimeout = None,
    json: Json = False,
) -> None:
    """Run the ext_proc workers alone. SIGTERM drains, SIGHUP renews them one after the other."""
    settings = Settings.read(
        data_dir=data_dir,
        run_dir=run_dir,
        redis_url=redis_url,
        sql_url=sql_url,
        workers=workers,
        drain_timeout_s=drain_timeout_s,
    )
    from cli import parts  # slow to load

    _run(settings, parts.run_workers)


@answers
def run_envoy(
    data_dir: DataDir = None,
    run_dir: RunDir = None,
    concurrency: Concurrency = None,
    envoy: EnvoyBinary = None,
    drain_timeout_s: DrainTimeout = None,
    json: Json = False,
) -> None:
    """Run Envoy alone on the published configuration. SIGTERM drains."""
    settings = Settings.read(
        data_dir=data_dir,
        run_dir=run_dir,
        concurrency=concurrency,
        envoy=envoy,
        drain_timeout_s=drain_timeout_s,
    )
    from cli import parts  # slow to load

    _run(settings, parts.run_envoy)


def _run(
    settings: Settings, part: "Callable[[Settings, Journal], Coroutine[None, None, None]]"
) -> None:
    """Until a signal; what happens is told in JSON lines."""
    from cli.serving import journal_of

    journal = journal_of(settings, None)
    try:
        with suppress(asyncio.CancelledError):  # a signal during the start
            asyncio.run(part(settings, journal))
    finally:
        journal.close()
