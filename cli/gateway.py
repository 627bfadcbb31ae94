"""One gateway on one machine: everything that `clavis up` and `clavis demo` run, from start to end.

    start     lock, directories, certificates, schema, Envoy's files, then the processes
    serve     follow the catalog; SIGHUP: new workers, one after the other
    stop      Envoy accepts nobody new and finishes what runs, then the rest (see cli/stack.py)

A second SIGTERM or SIGINT ends everything at once.
"""

import asyncio
import os
import secrets
import signal
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime

import httpx

from catalog import Catalog, CatalogError, CatalogFile, parse
from cli import certificates, lock, ports, stack
from cli.binaries import envoy_binary
from cli.bootstrap import Certificate, EnvoySettings
from cli.envoy_admin import EnvoyAdmin
from cli.journal import Journal
from cli.lost import LostWorkers
from cli.publication import Publication, Refused, Unreachable
from cli.settings import Settings
from cli.supervised import StartFailed
from cli.supervisor import Supervisor
from cli.workers import Workers
from ledger.ledger import Ledger

DRAIN_POLL_S = 0.05
RETRY_S = 1.0
RENEW_EVERY_S = 12 * 3600.0


class Gateway:
    """Made by `running`, which starts and stops it."""

    def __init__(
        self,
        settings: Settings,
        journal: Journal,
        simulated: stack.Simulated | None,
        environment: Mapping[str, str],
    ) -> None:
        self.settings = settings
        self._journal = journal
        self.stopping = asyncio.Event()
        self._rolling = asyncio.Event()
        self._environment = {**os.environ, **environment}
        self._file = CatalogFile(settings.catalog, self._environment)
        self._publication = Publication(settings.places, journal)
        self._lost = LostWorkers(settings.redis, journal)
        self._workers = Workers(
            settings.workers,
            settings.places,
            ("--catalog", str(settings.places.accepted_catalog), *stack.store_flags(settings)),
            environment,
            secrets.token_hex(4),
            journal,
            self._lost.add,
        )
        self.supervisor = Supervisor(
            stack.specs(
                settings,
                self._workers,
                envoy_binary(settings.envoy),
                self._drain,
                self._lost.settle_now,
                simulated,
                environment,
            ),
            journal,
        )

    @property
    def catalog(self) -> Catalog:
        return self._file.current

    async def start(self) -> None:
        """Raises OperatorError, CatalogError, LedgerError or StartFailed; nothing runs then."""
        settings = self.settings
        self._publication.first(*self._effective())
        ledger = await Ledger.open(settings.redis, settings.sql, migrate=True)
        try:
            if settings.embedded_redis:
                await self.supervisor[stack.REDIS].start()
                await ledger.publish()  # what was changed while nothing ran counts from the first
                await ledger.warm()  # request on
            await self.supervisor.start()
        finally:
            await ledger.close()

    async def serve(self) -> None:
        """Until SIGTERM or SIGINT."""
        changed = asyncio.Event()
        ended = asyncio.create_task(self.stopping.wait())
        tasks = [
            asyncio.create_task(self._follow(changed)),
            asyncio.create_task(self._publish_changes(changed)),
            asyncio.create_task(self._roll_when_asked()),
            asyncio.create_task(self._renew_certificates()),
        ]
        try:
            done, _ = await asyncio.wait([ended, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                await task  # one that failed is a mistake of ours, to be seen
        finally:
            for task in (ended, *tasks):
                task.cancel()
            await asyncio.gather(ended, *tasks, return_exceptions=True)

    async def stop(self) -> None:
        self._journal.event("stopping")
        await self._publication.close()
        await self.supervisor.stop()
        await self._lost.close()

    async def roll(self) -> None:
        """New workers, one after the other."""
        self._journal.event("rolling")
        try:
            await self.supervisor.roll(self._workers.names)
        except StartFailed as error:
            self._journal.event("roll_failed", reason=str(error))
        else:
            self._journal.event("rolled")

    def _effective(self) -> tuple[EnvoySettings, Catalog, str]:
        """What the catalog file says now. Read once: text and catalog belong together.

        Raises CatalogError.
        """
        text = self.settings.catalog.read_text("utf-8-sig")
        catalog = parse(text, self._environment)
        return envoy_settings(self.settings, catalog, self._workers.addresses), catalog, text

    async def _follow(self, changed: asyncio.Event) -> None:
        def refused(error: CatalogError) -> None:
            self._journal.event("catalog_refused", problems=error.problems)

        await self._file.watch(lambda _: changed.set(), refused, self.stopping)

    async def _publish_changes(self, changed: asyncio.Event) -> None:
        while True:
            await changed.wait()
            changed.clear()
            try:
                await self._publication.publish(*self._effective())
            except Unreachable:
                changed.set()
                await asyncio.sleep(RETRY_S)
            except (Refused, CatalogError, OSError) as error:
                self._journal.event("catalog_refused", problems=[str(error)])
            else:
                self._journal.event("catalog_published", models=len(self.catalog.models))

    async def _roll_when_asked(self) -> None:
        while True:
            await self._rolling.wait()
            self._rolling.clear()
            await self.roll()

    async def _renew_certificates(self) -> None:
        """Envoy watches the directory and takes up what is renewed."""
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            development_certificates(self.settings, self.catalog)

    async def _drain(self) -> None:
        """Envoy accepts nobody new; wait for the requests in flight, but not for ever."""
        started = time.monotonic()
        with suppress(httpx.HTTPError, TimeoutError):
            async with (
                EnvoyAdmin(self.settings.places.admin) as admin,
                asyncio.timeout(self.settings.drain_timeout_s),
            ):
                await admin.begin_drain()
                while await admin.active_requests():  # noqa: ASYNC110 - Envoy rings no bell
                    await asyncio.sleep(DRAIN_POLL_S)
        self._journal.event("drained", ms=round((time.monotonic() - started) * 1000))

    def _end(self, starting: asyncio.Task[None]) -> None:
        """SIGTERM or SIGINT, the first or a later one."""
        if self.stopping.is_set():
            self._journal.event("killing")
            self.supervisor.kill()
        self.stopping.set()
        starting.cancel()  # nothing, once it is done

    @contextmanager
    def signals(self, starting: asyncio.Task[None]) -> Iterator[None]:
        """Obey signals inside this block."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._end, starting)
        loop.add_signal_handler(signal.SIGINT, self._end, starting)
        loop.add_signal_handler(signal.SIGHUP, self._rolling.set)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.remove_signal_handler(number)


@asynccontextmanager
async def running(
    settings: Settings,
    journal: Journal,
    simulated: stack.Simulated | None = None,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Gateway]:
    """A gateway that is up; stopped when the block ends, however it ends.

    Raises what `start` raises, and asyncio.CancelledError when a signal ends the start.
    """
    places = settings.places
    with lock.held(places.lock):
        ports.require(
            settings.bind, {"--http-port": settings.http_port, "--https-port": settings.https_port}
        )
        places.prepare()
        places.clear_sockets()
        gateway = Gateway(settings, journal, simulated, environment or {})
        starting = asyncio.create_task(gateway.start())
        with gateway.signals(starting):
            try:
                await starting
                yield gateway
            finally:
                await gateway.stop()
                places.leave()


def envoy_settings(settings: Settings, catalog: Catalog, workers: list[str]) -> EnvoySettings:
    """What this gateway's Envoy is told; makes the development certificates that are missing."""
    places = settings.places
    return EnvoySettings(
        directory=places.envoy,
        workers=workers,
        portal=f"unix:{places.portal}",
        admin=f"unix:{places.admin}",
        bind=settings.bind,
        http_port=settings.http_port or None,
        https_port=settings.https_port or None,
        certificates=_certificates(settings, catalog),
        max_body_bytes=catalog.limits.max_body_bytes,
        max_attempts=catalog.limits.max_attempts,
    )


def development_certificates(settings: Settings, catalog: Catalog) -> dict[str, certificates.Pair]:
    """For every domain that names no files, and `localhost`."""
    without = [domain.name for domain in catalog.domains if domain.certificate is None]
    return certificates.ensure(settings.places.tls, without, datetime.now(UTC))


def _certificates(settings: Settings, catalog: Catalog) -> list[Certificate]:
    """The default first: Envoy takes it when no name fits. Files are relative to the catalog's."""
    pairs = development_certificates(settings, catalog)
    base = settings.catalog.absolute().parent
    for domain in catalog.domains:
        if domain.certificate is not None and domain.private_key is not None:
            pair = certificates.Pair(base / domain.certificate, base / domain.private_key)
            pairs[domain.name] = pair
    return [Certificate(name, pair.certificate, pair.private_key) for name, pair in pairs.items()]
