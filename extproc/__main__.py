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
from extproc.credentials import Keeper
from extproc.credentials.sources import source_of
from extproc.driver import Driver
from extproc.server import MutualTls, Server, new_request_id
from extproc.settings import Settings, parse
from extproc.signs import LOOK_MS
from extproc.stores import Stores
from extproc.telemetry import Telemetry
from extproc.world import World
from ledger.cooldowns import Cooldowns
from ledger.ledger import Ledger
from ledger.store.news import Follower
from translators.protocol import discover

ADOPT_EVERY_S = 15.0  # a worker that ends in an outage leaves its settlements to its neighbours
FIRST_PROOFS_S = 10.0  # how long a start or a reload waits for tokens of accounts that are new

log = structlog.get_logger("extproc")


async def main(settings: Settings) -> None:
    catalog_file = CatalogFile(settings.catalog, os.environ)
    ledger = await Ledger.open(settings.redis_url, settings.sql_url, spool=settings.spool)
    cooldowns = Cooldowns()
    telemetry = Telemetry(cooldowns)

    started_with = catalog_file.current.limits.max_body_bytes

    keeper = Keeper(source_of, telemetry.credential_failures.inc)
    await keeper.add(catalog_file.current.identities, FIRST_PROOFS_S)

    def world(catalog: Catalog) -> World:
        limit = min(started_with, catalog.limits.max_body_bytes)
        return World(
            catalog, discover(), settings.worker_id, settings.lease_ms, limit, cooldowns, keeper
        )

    stores = Stores(ledger, cooldowns)

    def keep(catalog: Catalog) -> None:
        stores.keep_s = catalog.limits.stored_answer_ttl_s
        stores.keep_bytes = catalog.limits.kept_per_customer_bytes
        stores.allowance.declare(catalog.billing.outage)

    keep(catalog_file.current)
    driver = Driver(stores, telemetry, world(catalog_file.current), new_request_id)
    telemetry.in_flight.set_function(lambda: driver.in_flight)
    server = Server(driver, started_with, telemetry.broken.inc)
    bound = [server.listen(address, _tls(settings, address)) for address in settings.listen]

    changed: asyncio.Queue[Catalog] = asyncio.Queue()

    def reload(catalog: Catalog) -> None:
        driver.world = world(catalog)
        keep(catalog)
        log.info("catalog reloaded", models=len(catalog.models))

    stop = _when_told_to_stop()
    if settings.spool is not None:
        await ledger.hot.adopt_spools()  # what workers that died could not settle
    await server.start()
    if settings.metrics:
        _show(telemetry, settings.metrics)
    sys.stdout.write(json.dumps({"listening": bound, "worker": settings.worker_id}) + "\n")
    sys.stdout.flush()
    follower = Follower(settings.redis_url, cooldowns, lambda: driver.world.catalog.accounts)
    tasks = [
        asyncio.create_task(catalog_file.watch(changed.put_nowait, _refused, stop)),
        asyncio.create_task(keeper.follow(changed, reload, FIRST_PROOFS_S)),
        asyncio.create_task(driver.tend(LOOK_MS)),
        asyncio.create_task(follower.run()),
        asyncio.create_task(_adopt_spools(ledger)),
    ]
    await _until_stopped(stop, tasks)
    log.info("draining", in_flight=driver.in_flight)
    await server.drain(settings.grace_s)
    await _cancel(tasks)
    await keeper.close()
    await ledger.close()


def _refused(error: CatalogError) -> None:
    log.error("catalog refused, the old one stays", problems=error.problems)


def _when_told_to_stop() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _adopt_spools(ledger: Ledger) -> None:
    """For ever: what workers that ended since then could not settle."""
    while True:
        await asyncio.sleep(ADOPT_EVERY_S)
        try:
            await ledger.hot.adopt_spools()
        except OSError as error:
            log.warning("spools not adopted", why=type(error).__name__)


def _show(telemetry: Telemetry, address: str) -> None:
    host, _, port = address.rpartition(":")
    start_http_server(int(port), host, telemetry.registry)


async def _until_stopped(stop: asyncio.Event, tasks: "list[asyncio.Task[None]]") -> None:
    for task in tasks:
        task.add_done_callback(lambda done: _ended(done, stop))
    await stop.wait()


async def _cancel(tasks: "list[asyncio.Task[None]]") -> None:
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


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
