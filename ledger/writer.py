"""Brings settled records from Redis into SQL, and does what must be done again and again.

    python -m ledger.writer --redis URL --sql URL

Strategy: read what the streams have, decode, insert in one transaction, then retire the entries. A
crash anywhere leaves them in the stream, to be read again; the request id makes the second insert
nothing. So a record is in SQL exactly once, whatever dies, and Redis forgets it only afterwards.

Rules:
- Whoever is away (Redis or SQL) is waited for, with growing pauses; nothing is given up.
- An entry that cannot be a record goes to the stream of the dead, and its id to the log, never its
  content. SQL refusing a whole statement is not an entry's fault: it is waited out, loudly.
- Three more tasks sweep: leases that lapsed are settled; changes of keys that Redis was not told
  are published, and a Redis that started anew gets all key facts again; the embedded Redis's file
  is synced.
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
from ledger.errors import BadRecord, Conflict, LedgerError
from ledger.ledger import Ledger
from ledger.model import UsageRecord
from ledger.records import decode_record
from ledger.store.streams import Entry, Streams

BATCH = 500  # entries read of one shard; a batch of all shards is a commit of some ten milliseconds
MAX_TOGETHER = 2_000  # records in one transaction
BLOCK_MS = 500  # how long one read waits for something to come, and SIGTERM for the read
LINGER_MS = 50  # what arrives within it shares a transaction: a commit costs as much as a request
CLAIM_IDLE_MS = 10_000  # an entry read this long ago belongs to a writer that died
DRAIN_MS = 5_000  # how long SIGTERM may be answered with writing on
SWEEP_MS = 1_000
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


class Writer:
    """`run` until `stop` is set. A store that is away is waited for; a bug is raised."""

    def __init__(self, settings: Settings, ledger: Ledger, stop: asyncio.Event) -> None:
        self._settings = settings
        self._ledger = ledger
        self._stop = stop
        self._streams = Streams(settings.redis_url, settings.consumer, settings.block_ms)
        self._run_id = ""

    async def run(self) -> None:
        try:
            await self._patiently(self._ledger.record.migrate)
            async with asyncio.TaskGroup() as together:
                together.create_task(self._repeat(self._write_until_stopped))
                together.create_task(self._repeat(self._expire_leases))
                together.create_task(self._repeat(self._publish_keys))
                together.create_task(self._repeat(self._sync_redis))
            await self._drain()
        finally:
            await self._streams.close()

    # -- writing

    async def _write_until_stopped(self) -> None:
        """Begins anew after every fault: groups may be gone, entries may be this consumer's."""
        await self._streams.create_groups()
        while not self._stop.is_set() and await self._write(await self._streams.read_own(BATCH)):
            pass
        claim_at = 0.0
        while not self._stop.is_set():
            if time.monotonic() >= claim_at:
                claim_at = time.monotonic() + self._settings.claim_idle_ms / 1000
                idle_ms = self._settings.claim_idle_ms
                await self._write(await self._streams.claim_abandoned(idle_ms, BATCH))
            written = await self._write(await self._streams.read_new(BATCH, block=True))
            if 0 < written < BATCH:
                # One commit for many: records are readable in Redis meanwhile, so nobody waits.
                await self._pause(LINGER_MS)

    async def _drain(self) -> None:
        """What is read already, then what is left, as far as the time allows."""
        try:
            async with asyncio.timeout(DRAIN_MS / 1000):
                await self._streams.create_groups()
                while await self._write(await self._streams.read_own(BATCH)):
                    pass
                while await self._write(await self._streams.read_new(BATCH, block=False)):
                    pass
        except (TimeoutError, LedgerError) as error:
            log.warning("not_drained", why=type(error).__name__)

    async def _write(self, entries: list[Entry]) -> int:
        for start in range(0, len(entries), MAX_TOGETHER):
            await self._write_some(entries[start : start + MAX_TOGETHER])
        return len(entries)

    async def _write_some(self, entries: list[Entry]) -> None:
        records: list[UsageRecord] = []
        good: list[Entry] = []
        for entry in entries:
            record = await self._readable(entry)
            if record is not None:
                records.append(record)
                good.append(entry)
            elif entry.data is None:
                good.append(entry)  # deleted before it was acknowledged: acknowledge it
        try:
            await self._ledger.record.add_usage(records)
        except (BadRecord, Conflict):
            await self._write_one_by_one(good)
        else:
            await self._streams.retire(good)

    async def _readable(self, entry: Entry) -> UsageRecord | None:
        if entry.data is None:
            return None
        try:
            return decode_record(entry.data)
        except BadRecord as error:
            await self._bury(entry, error)
            return None

    async def _write_one_by_one(self, entries: list[Entry]) -> None:
        """SQL refused something in a batch: find out what, and write the rest."""
        for entry in entries:
            try:
                if entry.data is not None:
                    await self._ledger.record.add_usage([decode_record(entry.data)])
            except (BadRecord, Conflict) as error:
                await self._bury(entry, error)
            else:
                await self._streams.retire([entry])

    async def _bury(self, entry: Entry, error: LedgerError) -> None:
        where = {"shard": entry.shard, "entry": entry.id.decode()}
        log.error("record_unreadable", **where, why=str(error), size=len(entry.data or b""))
        await self._streams.bury(entry)

    # -- sweeping

    async def _expire_leases(self) -> None:
        """Needs Redis only: SQL being away must not keep leases alive."""
        lost = await self._ledger.hot.expire(int(time.time() * 1000))
        if lost:
            log.info("leases_lost", leases=lost)
        await self._pause(self._settings.sweep_ms)

    async def _publish_keys(self) -> None:
        run_id = await self._streams.server_run_id()
        if run_id != self._run_id:
            log.info("keys_warmed", keys=await self._ledger.warm())
            self._run_id = run_id
        published = await self._ledger.publish()
        if published:
            log.info("keys_published", changes=published)
        await self._pause(self._settings.sweep_ms)

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
