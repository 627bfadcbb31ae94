"""Requests whose worker died: their leases are settled with what was last metered.

Not at once: Envoy tries such a request again in another worker, which takes the lease over, and
then nothing is lost. Should Redis be away, the writer's sweep does the same when the lease runs
out.
"""

import asyncio
import time

from cli.journal import Journal
from ledger.errors import LedgerError
from ledger.store.hot import HotStore

TAKE_OVER_S = 2.0  # how long Envoy may need to try again: its back-off is milliseconds


class LostWorkers:
    def __init__(self, redis_url: str, journal: Journal) -> None:
        self._hot = HotStore.connect(redis_url)
        self._journal = journal
        self._waiting: dict[str, asyncio.Task[None]] = {}

    def add(self, worker_id: str) -> None:
        """The process of this worker has ended, by whatever cause."""
        task = asyncio.create_task(self._later(worker_id), name=f"settle {worker_id}")
        self._waiting[worker_id] = task
        task.add_done_callback(lambda _: self._waiting.pop(worker_id, None))

    async def settle_now(self) -> None:
        """At shutdown, when no worker is left that could take anything over."""
        waiting = dict(self._waiting)
        for task in waiting.values():
            task.cancel()
        await asyncio.gather(*waiting.values(), return_exceptions=True)
        for worker_id in waiting:
            await self._settle(worker_id)

    async def close(self) -> None:
        for task in list(self._waiting.values()):
            task.cancel()
        await asyncio.gather(*self._waiting.values(), return_exceptions=True)
        await self._hot.close()

    async def _later(self, worker_id: str) -> None:
        await asyncio.sleep(TAKE_OVER_S)
        await self._settle(worker_id)

    async def _settle(self, worker_id: str) -> None:
        try:
            count = await self._hot.expire(int(time.time() * 1000), worker_id=worker_id)
        except LedgerError as error:
            self._journal.event("not_settled", worker=worker_id, reason=type(error).__name__)
            return
        if count:
            self._journal.event("settled_lost", worker=worker_id, leases=count)
