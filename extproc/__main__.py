"""`python -m extproc`: one worker process."""

import asyncio
import contextlib
import json
import os
import signal
import sys

import structlog
import uvloop
from prometheus_client import start_http_server

from catalog import Catalog, CatalogError, CatalogFile
from extproc.driver import Driver
from extproc.server import MutualTls, Server, new_request_id
from extproc.settings import Settings, parse
from extproc.stores import Stores
from extproc.telemetry import Telemetry
from extproc.world import World
from ledger.ledger import Ledger
from translators.protocol import discover

TEND_EVERY_MS = 1_000

log = structlog.get_logger("extproc")


async def main(settings: Settings) -> None:
    catalog_file = CatalogFile(settings.catalog, os.environ)
    ledger = await Ledger.open(settings.redis_url, settings.sql_url, spool=settings.spool)
    telemetry = Telemetry()

    started_with = catalog_file.current.limits.max_body_bytes

    def world(catalog: Catalog) -> World:
        limit = min(started_with, catalog.limits.max_body_bytes)
        return World(catalog, discover(), settings.worker_id, settings.lease_ms, limit)

    stores = Stores(ledger)

    def keep(catalog: Catalog) -> None:
        stores.keep_s = catalog.limits.stored_answer_ttl_s
        stores.keep_bytes = catalog.limits.kept_per_customer_bytes

    keep(catalog_file.current)
    driver = Driver(stores, telemetry, world(catalog_file.current), new_request_id)
    telemetry.in_flight.set_function(lambda: driver.in_flight)
    server = Server(driver, started_with, telemetry.broken.inc)
    bound = [server.listen(address, _tls(settings, address)) for address in settings.listen]

    def reload(catalog: Catalog) -> None:
        driver.world = world(catalog)
        keep(catalog)
        log.info("catalog reloaded", models=len(catalog.models))

    def refuse(error: CatalogError) -> None:
        log.error("catalog refused, the old one stays", problems=error.problems)

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if settings.spool is not None:
        await ledger.hot.adopt_spools()  # what workers that died could not settle
    await server.start()
    if settings.metrics:
        host, _, port = settings.metrics.rpartition(":")
        start_http_server(int(port), host, telemetry.registry)
    sys.stdout.write(json.dumps({"listening": bound, "worker": settings.worker_id}) + "\n")
    sys.stdout.flush()
    tasks = [
        asyncio.create_task(catalog_file.watch(reload, refuse, stop)),
        asyncio.create_task(driver.tend(TEND_EVERY_MS)),
    ]
    for task in tasks:
        task.add_done_callback(lambda done: _ended(done, stop))
    await stop.wait()
    log.info("draining", in_flight=driver.in_flight)
    await server.drain(settings.grace_s)
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    await ledger.close()


def _ended(task: "asyncio.Task[None]", stop: asyncio.Event) -> None:
    """A worker without its background tasks is no worker: drain, and let a new one take over."""
    if not stop.is_set() and not task.cancelled():
        log.error("background task ended", why=type(task.exception()).__name__)
        stop.set()


def _tls(settings: Settings, address: str) -> MutualTls | None:
    return None if address.startswith("unix:") else settings.tls


if __name__ == "__main__":
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    uvloop.run(main(parse()))
