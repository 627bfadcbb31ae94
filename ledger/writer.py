"""Brings settled records from Redis into SQL, and does what must be done again and again.

    python -m ledger.writer --redis URL --sql URL

Strategy: read what the streams have, decode, insert in one transaction, then retire the entries. A
crash anywhere leaves them in the stream, to be read again; the request id makes the second insert
nothing. So a record is in SQL exactly once, whatever dies, and Redis forgets it only afterwards.

Rules:
- Whoever is away (Redis or SQL) is waited for, with growing pauses; nothing is given up. What is
  done with what was read is ledger.intake.
- More tasks sweep: leases that lapsed are settled; changes and entries that Redis was not told are
  published; a Redis that started anew gets all key facts again, and its accounts are corrected;
  plans turn when their periods begin and end; rows of older versions are added to the sums; the
  embedded Redis's file is synced.
- SIGTERM: what is in the streams is written, within DRAIN_MS, then the process ends with 0.
"""

import argparse
import asyncio
import os
import platform
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog
import uvloop

from ledger import embedded
from ledger.errors import LedgerError
from ledger.intake import Intake
from ledger.ledger import Ledger
from ledger.rebuild import Mender
from ledger.spending import restore_spending
from ledger.store.streams import Streams

BATCH = 500  # entries read of one shard; a batch of all shards is a commit of some ten milliseconds
BLOCK_MS = 500  # how long one read waits for something to come, and SIGTERM for the read
LINGER_MS = 50  # what arrives within it shares a transaction: a commit costs as much as a request
CLAIM_IDLE_MS = 10_000  # an entry read this long ago belongs to a writer that died
DRAIN_MS = 5_000  # how long SIGTERM may be answered with writing on
SWEEP_MS = 1_000
GRACE_S = 15.0  # workers renew a lease of 30 s every 10 s
SUM_MS = 60_000  # how often to look for rows that an older version wrote
SPENDING_MS = 300_000
SYNC_MS = 1_000  # what a power cut may cost
FOREIGN_REDIS_MS = 60_000  # how often to ask whether a Redis has become the embedded one
FIRST_BACKOFF_MS = 50
MAX_BACKOFF_MS = 2_000
GOOD_RUN_S = 10.0  # work that went well for so long starts again with the first pause

log = structlog.get_logger("ledger.writer")


@dataclass(frozen=True, slots=True)
class Settings:
    """Two writers may run at once under different consumer names; one name must be used once."""

    redis_url: str
    sql_url: str
    consumer: str
    sweep_ms: int = SWEEP_MS
    block_ms: int = BLOCK_MS
    claim_idle_ms: int = CLAIM_IDLE_MS
    grace_s: float = GRACE_S  # between an absence of Redis and the first sweep


class Writer:
    """`run` until `stop` is set. A store that is away is waited for; a bug is raised."""

    def __init__(self, settings: Settings, ledger: Ledger, stop: asyncio.Event) -> None:
        self._settings = settings
        self._ledger = ledger
        self._stop = stop
        self._streams = Streams(settings.redis_url, settings.consumer, settings.block_ms)
        self._intake = Intake(ledger, self._streams)
        self._run_id = ""
        self._sweep_from_s = 0.0

    async def run(self) -> None:
        try:
            await self._patiently(self._ledger.record.migrate)
            async with asyncio.TaskGroup() as together:
                together.create_task(self._repeat(self._write_until_stopped))
                together.create_task(self._repeat(self._expire_leases))
                together.create_task(self._repeat(self._publish))
                together.create_task(self._repeat(self._turn_plans))
                together.create_task(self._repeat(self._sum_usage))
                together.create_task(self._repeat(self._restore_spending))
                together.create_task(self._repeat(self._sync_redis))
            await self._drain()
        finally:
            await self._streams.close()

    # -- writing

    async def _write_until_stopped(self) -> None:
        """Begins anew after every fault: groups may be gone, entries may be this consumer's."""
        await self._streams.create_groups()
        own = await self._streams.read_own(BATCH)
        while not self._stop.is_set() and await self._intake.write(own):
            own = await self._streams.read_own(BATCH)
        claim_at = 0.0
        while not self._stop.is_set():
            if time.monotonic() >= claim_at:
                claim_at = time.monotonic() + self._settings.claim_idle_ms / 1000
                idle_ms = self._settings.claim_idle_ms
                await self._intake.write(await self._streams.claim_abandoned(idle_ms, BATCH))
            written = await self._intake.write(await self._streams.read_new(BATCH, block=True))
            if 0 < written < BATCH:
                # One commit for many: records are readable in Redis meanwhile, so nobody waits.
                await self._pause(LINGER_MS)

    async def _drain(self) -> None:
        """What is read already, then what is left, as far as the time allows."""
        try:
            async with asyncio.timeout(DRAIN_MS / 1000):
                await self._streams.create_groups()
                while await self._intake.write(await self._streams.read_own(BATCH)):
                    pass
                while await self._intake.write(await self._streams.read_new(BATCH, block=False)):
                    pass
        except (TimeoutError, LedgerError) as error:
            log.warning("not_drained", why=type(error).__name__)

    # -- sweeping

    async def _expire_leases(self) -> None:
        """Needs Redis only: SQL being away must not keep leases alive. While Redis was away no
        worker could say that it lives: what still runs has time to say so."""
        if time.monotonic() < self._sweep_from_s:
            await self._pause(self._settings.sweep_ms)
            return
        try:
            lost = await self._ledger.hot.expire(_now_ms())
        except LedgerError:
            self._sweep_from_s = time.monotonic() + self._settings.grace_s
            raise
        if lost:
            log.info("leases_lost", leases=lost)
        await self._pause(self._settings.sweep_ms)

    async def _publish(self) -> None:
        run_id = await self._streams.server_run_id()
        if run_id != self._run_id:
            keys = await self._ledger.warm()
            accounts = await self._ledger.bring_accounts()
            await self._mend()
            await restore_spending(self._ledger, _now_ms())
            self._run_id = run_id
            log.info("redis_made_true", keys=keys, accounts=accounts)
        published = await self._ledger.publish()
        if published:
            log.info("published", changes=published)
        await self._pause(self._settings.sweep_ms)

    async def _mend(self) -> None:
        """A Redis that started anew may have lost its last second."""
        corrected, left = await Mender(self._ledger).mend()
        if corrected or left:
            log.warning("accounts_corrected", corrected=len(corrected), left=len(left))

    async def _turn_plans(self) -> None:
        turned = await self._ledger.turn_plans(_now_ms())
        if turned:
            log.info("plans_turned", plans=turned)
        await self._pause(self._settings.sweep_ms)

    async def _sum_usage(self) -> None:
        """Rows of a process of the version before, and at first all that there were."""
        if not await self._ledger.record.sum_older_usage():
            await self._pause(SUM_MS)

    async def _restore_spending(self) -> None:
        """What was settled without the lease that Redis had lost, or spent before the limit."""
        await self._pause(SPENDING_MS)  # a Redis that starts anew is seen to by `_publish`
        if self._stop.is_set():
            return
        raised = await restore_spending(self._ledger, _now_ms())
        if raised:
            log.info("spending_restored", sums=raised)

    async def _sync_redis(self) -> None:
        """The embedded Redis leaves its file to us; any other Redis sees to its own."""
        directory = await self._streams.unsynced_directory()
        if directory is not None:
            try:
                await asyncio.to_thread(embedded.sync, directory)
            except OSError as error:
                log.warning("redis_not_synced", why=type(error).__name__)
        await self._pause(SYNC_MS if directory is not None else FOREIGN_REDIS_MS)

    # -- running

    async def _repeat(self, work: Callable[[], Awaitable[None]]) -> None:
        while not self._stop.is_set():
            await self._patiently(work)

    async def _patiently(self, work: Callable[[], Awaitable[None]]) -> None:
        """Until it succeeds once or the process is to stop, with growing pauses after faults."""
        backoff_ms = FIRST_BACKOFF_MS
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                await work()
                return
            except LedgerError as error:
                if time.monotonic() - began > GOOD_RUN_S:
                    backoff_ms = FIRST_BACKOFF_MS
                why = f"{type(error).__name__}: {error}"
                log.warning("waiting", work=work.__name__, why=why, backoff_ms=backoff_ms)
                await self._pause(backoff_ms)
                backoff_ms = min(backoff_ms * 2, MAX_BACKOFF_MS)

    async def _pause(self, pause_ms: int) -> None:
        """A sleep that the order to stop ends."""
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_ms / 1000):
                await self._stop.wait()


def _now_ms() -> int:
    return int(time.time() * 1000)


async def serve(settings: Settings) -> None:
    """Migrates, then writes until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    ledger = await Ledger.open(settings.redis_url, settings.sql_url)
    try:
        await Writer(settings, ledger, stop).run()
    finally:
        await ledger.close()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m ledger.writer", description=__doc__)
    # A URL may hold a password, and arguments are for all to see: the environment is better.
    for flag, variable in (("--redis", "CLAVIS_REDIS_URL"), ("--sql", "CLAVIS_SQL_URL")):
        default = os.environ.get(variable)
        parser.add_argument(
            flag,
            default=default,
            required=default is None,
            metavar="URL",
            help=f"default: ${variable}",
        )
    parser.add_argument("--consumer", default=platform.node() or "writer", metavar="NAME")
    parser.add_argument("--lease-sweep-ms", type=int, default=SWEEP_MS, metavar="N")
    given = parser.parse_args(arguments)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    settings = Settings(given.redis, given.sql, given.consumer, given.lease_sweep_ms)
    uvloop.run(serve(settings))


if __name__ == "__main__":
    main()
