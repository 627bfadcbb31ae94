"""One part of a gateway in a container of its own: what `clavis up` does in one process, apart.

    publisher   writes Envoy's configuration and publishes the catalog; holds the gateway's lock
    workers     the ext_proc workers on their slots' sockets; SIGHUP: new ones, one after the other
    envoy       Envoy, which finishes what runs before it ends

The parts start in any order, and meet in two shared directories: the data directory, which only
the publisher writes, and the run directory with the sockets. SIGTERM drains; a second one ends
everything at once.
"""

import asyncio
import os
import secrets
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import replace

from cli import lock, stack
from cli.binaries import envoy_binary
from cli.draining import drained
from cli.following import Following
from cli.journal import Journal
from cli.lost import LostWorkers
from cli.output import AlreadyRunning
from cli.processes import Spec
from cli.rendering import worker_addresses
from cli.settings import Settings
from cli.supervised import StartFailed
from cli.supervisor import Supervisor
from cli.workers import Workers

STAND_BY_S = 0.5  # between two looks at what another part does


def publish_once(settings: Settings, journal: Journal) -> bool:
    """Everything that the other parts start with. False when a publisher runs, who does it.

    Raises OperatorError and CatalogError.
    """
    try:
        with lock.held(settings.places.lock):
            settings.places.prepare()
            _following(settings, journal).first()
    except AlreadyRunning:
        return False
    return True


async def publish(settings: Settings, journal: Journal) -> None:
    """Publish the catalog and its changes until a signal. Raises OperatorError, CatalogError.

    Where another publisher runs, this one stands by to take over from it.
    """
    stopping = asyncio.Event()
    async with AsyncExitStack() as held:
        held.enter_context(_on((signal.SIGTERM, signal.SIGINT), stopping.set))
        if not await _lead(settings, stopping, held):
            return
        settings.places.prepare()
        following = _following(settings, journal)
        held.push_async_callback(following.close)
        await following.catch_up()
        journal.event("following", catalog=str(settings.catalog))
        await following.run(stopping)


async def _lead(settings: Settings, stopping: asyncio.Event, held: AsyncExitStack) -> bool:
    """Wait for the gateway's lock, which `held` then has; False when it is to stop before."""
    while not stopping.is_set():
        try:
            held.enter_context(lock.held(settings.places.lock))
        except AlreadyRunning:
            with suppress(TimeoutError):
                async with asyncio.timeout(STAND_BY_S):
                    await stopping.wait()
        else:
            return True
    return False


async def run_workers(settings: Settings, journal: Journal) -> None:
    """All slots of this machine, until a signal. Raises OperatorError and StartFailed."""
    places = settings.places
    lost = LostWorkers(settings.redis, journal)
    flags = places.worker_arguments
    stores = stack.store_environment(settings)
    boot = secrets.token_hex(4)
    workers = Workers(settings.workers, places, flags, stores, boot, journal, lost.add)
    # Nobody has drained Envoy before: the workers themselves wait for their answers' ends.
    grace_s = settings.drain_timeout_s
    rows = [replace(row, stop_timeout_s=grace_s) for row in workers.specs(())]
    try:
        await _serve(settings, rows, journal, workers.names)
        await lost.settle_now()
    finally:
        await lost.close()


async def run_envoy(settings: Settings, journal: Journal) -> None:
    """Envoy on the published configuration, until a signal. Raises OperatorError, StartFailed."""

    async def drain() -> None:
        await drained(settings, journal)

    row = stack.envoy(settings, envoy_binary(settings.envoy), (), drain)
    await _serve(settings, [row], journal)


def _following(settings: Settings, journal: Journal) -> Following:
    return Following(settings, worker_addresses(settings), os.environ, journal)


async def _published(settings: Settings, journal: Journal) -> None:
    """The parts may be started in any order."""
    accepted = settings.places.accepted_catalog
    if not accepted.exists():
        journal.event("waiting", reason="nothing is published yet", for_file=str(accepted))
    while not accepted.exists():  # noqa: ASYNC110 - it is written by another process
        await asyncio.sleep(STAND_BY_S)


async def _serve(
    settings: Settings, rows: Sequence[Spec], journal: Journal, rolls: Sequence[str] = ()
) -> None:
    """Start, stay until SIGTERM or SIGINT, stop. Raises StartFailed; nothing runs then."""
    stopping, rolling = asyncio.Event(), asyncio.Event()
    supervisor = Supervisor(rows, journal)

    async def start() -> None:
        await _published(settings, journal)
        await supervisor.start()

    def end() -> None:
        if stopping.is_set():
            journal.event("killing")
            supervisor.kill()
        stopping.set()
        starting.cancel()  # nothing, once it is done

    async def roll() -> None:
        while True:
            await rolling.wait()
            rolling.clear()
            journal.event("rolling")
            try:
                await supervisor.roll(rolls)
            except StartFailed as error:
                journal.event("roll_failed", reason=str(error))
            else:
                journal.event("rolled")

    starting = asyncio.create_task(start())
    with _on((signal.SIGTERM, signal.SIGINT), end), _on((signal.SIGHUP,), rolling.set):
        roller = asyncio.create_task(roll())
        try:
            await starting
            await stopping.wait()
        finally:
            journal.event("stopping")
            roller.cancel()
            await asyncio.gather(roller, return_exceptions=True)
            await supervisor.stop()


@contextmanager
def _on(numbers: Sequence[signal.Signals], action: Callable[[], None]) -> Iterator[None]:
    """Obey signals inside this block."""
    loop = asyncio.get_running_loop()
    for number in numbers:
        loop.add_signal_handler(number, action)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
