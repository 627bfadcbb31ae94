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
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import partial

from catalog import Catalog
from cli import lock, ports, stack
from cli.binaries import envoy_binary
from cli.draining import drained
from cli.following import Following
from cli.journal import Journal
from cli.lost import LostWorkers
from cli.settings import Settings
from cli.supervised import StartFailed
from cli.supervisor import Supervisor
from cli.workers import Workers
from ledger.ledger import Ledger


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
        self._lost = LostWorkers(settings.redis, journal)
        self._workers = Workers(
            settings.workers,
            settings.places,
            settings.places.worker_arguments,
            {**environment, **stack.store_environment(settings)},
            secrets.token_hex(4),
            journal,
            self._lost.add,
        )
        self._following = Following(
            settings, self._workers.addresses, {**os.environ, **environment}, journal
        )
        self.supervisor = Supervisor(
            stack.specs(
                settings,
                self._workers,
                envoy_binary(settings.envoy),
                partial(drained, settings, journal),
                self._lost.settle_now,
                simulated,
                environment,
            ),
            journal,
        )

    @property
    def catalog(self) -> Catalog:
        return self._following.catalog

    async def start(self) -> None:
        """Raises OperatorError, CatalogError, LedgerError or StartFailed; nothing runs then."""
        settings = self.settings
        self._following.first()
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
        ended = asyncio.create_task(self.stopping.wait())
        tasks = [
            asyncio.create_task(self._following.run(self.stopping)),
            asyncio.create_task(self._roll_when_asked()),
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
        await self._following.close()
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

    async def _roll_when_asked(self) -> None:
        while True:
            await self._rolling.wait()
            self._rolling.clear()
            await self.roll()

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
