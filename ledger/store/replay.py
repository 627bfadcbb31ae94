"""What was settled but may not be known: to be told again, until Redis has it.

A Redis that dies without its last second (power, a slow disk, a replica that takes over) forgets
settlements that it had acknowledged, and nobody else has them. So each process keeps those of its
last seconds (`Replay`), and sends them again over every new connection: where nothing was lost they
are ALREADY settled, otherwise they are settled now, once.

What is settled while Redis is away waits in memory, and in a spool on disk where there is one
(`Backlog`); what a process that died had spooled waits with it. What of it was admitted without a
lease is summed up by customer: nothing in Redis holds that money until it is told.

An attempt that was abandoned may have been followed by another one, in another process, that Redis
never heard of either. Where a lease would order them, here time has to: who was abandoned speaks
last.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

import structlog

from ledger.errors import StoreUnavailable
from ledger.model import Outcome, Settled, Settlement
from ledger.store.spool import Spool, Waiting

KEPT_S = 5.0  # a Redis that syncs every second may lose two; replicas lag less
MAX_KEPT = 10_000  # about 10 MB
MAX_WAITING = 50_000  # settlements in memory, some 50 MB: minutes of load; more are on disk alone
TOGETHER = 500  # settlements told at once: far from what one connection may queue
FIRST_PAUSE_S = 0.05
MAX_PAUSE_S = 2.0
LAST_S = 5.0  # by then all others have told Redis, and what goes on has its lease; see leases.py

log = structlog.get_logger("ledger.replay")

Item = TypeVar("Item")
Settle = Callable[[Waiting], Awaitable[Settled]]


class Replay(Generic[Item]):
    """The items of the last KEPT_S seconds before whichever moment is asked for."""

    __slots__ = ("_items",)

    def __init__(self) -> None:
        self._items: deque[tuple[float, Item]] = deque(maxlen=MAX_KEPT)

    def keep(self, item: Item, now_s: float) -> None:
        items = self._items
        items.append((now_s, item))
        while items[0][0] < now_s - KEPT_S:
            items.popleft()

    def since(self, lost_at_s: float) -> list[Item]:
        """What may have been lost with a connection that broke at this moment."""
        return [item for at_s, item in self._items if at_s >= lost_at_s - KEPT_S]


class Backlog:
    """Settlements on their way to a Redis that was away. One task works them off while there are
    any; the spool is emptied only when all are settled."""

    def __init__(
        self,
        settle: Settle,
        spool: Spool | None,
        ping: Callable[[], Awaitable[None]] | None = None,  # raises StoreUnavailable
    ) -> None:
        self._settle = settle
        self._ping = ping
        self._spool = spool
        self._waiting: deque[Waiting] = deque()
        self._last: list[Waiting] = []  # to be told when all others are
        self._unread = False  # the spool has what memory has not
        self._offset = 0  # how far the spool was read for that
        self._unwritten: list[Waiting] = []
        self._spilled = False  # among these is what memory has not
        self._writing = asyncio.Lock()
        self._writers: set[asyncio.Task[None]] = set()
        self._refused = False
        self._untold: Counter[str] = Counter()
        self._task: asyncio.Task[None] | None = None
        self._nudge = asyncio.Event()

    @property
    def idle(self) -> bool:
        return self._task is None or self._task.done()

    def untold_micro(self, customer_id: str) -> int:
        """What the exchanges of a customer cost that had no lease and that Redis does not know."""
        return self._untold[customer_id] if self._untold else 0

    async def add(self, settlement: Settlement) -> None:
        """Returns when it is kept as safely as it can be: on disk, where there is a spool."""
        waiting = Waiting(settlement, time.time_ns() // 1_000_000)
        if len(self._waiting) + len(self._last) < MAX_WAITING:
            self._queue((waiting,))
        elif self._spool is not None:
            self._spilled = True
        else:
            oldest = self._waiting.popleft() if self._waiting else self._last.pop(0)
            log.error("settlement_dropped", request_id=oldest.settlement.record.request_id)
            self._queue((waiting,))
        if settlement.local:
            record = settlement.record
            self._untold[record.customer_id] += record.cost_micro or 0
        self._start()
        if self._spool is not None:
            self._unwritten.append(waiting)
            writer = asyncio.create_task(self._write(self._spool))
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)
            await asyncio.shield(writer)

    def resume(self, again: Sequence[Waiting]) -> None:
        """Redis is back: tell it these too, and begin at once."""
        self._waiting.extend(again)
        self._nudge.set()
        if self._waiting or self._last:
            self._start()

    async def adopt(self) -> None:
        """What processes that died have spooled is settled too. Raises OSError."""
        if self._spool is None:
            return
        async with self._writing:
            adopted = await asyncio.to_thread(self._spool.adopt)
            if adopted.files:
                log.warning("spools_adopted", files=adopted.files)
                self._untold += adopted.local_micro
                self._unread = True
                self._start()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, *self._writers, return_exceptions=True)
        if self._spool is not None:
            await asyncio.to_thread(self._spool.close)

    def _queue(self, items: Iterable[Waiting]) -> None:
        for item in items:
            abandoned = item.settlement.record.outcome is Outcome.ABANDONED
            last = abandoned and len(self._last) < MAX_WAITING
            (self._last if last else self._waiting).append(item)

    def _start(self) -> None:
        if self.idle:
            self._task = asyncio.create_task(self._run(), name="settle what waits")

    async def _run(self) -> None:
        while self._waiting or self._unread or self._unwritten or self._last:
            await self._work_off()
            if self._last and await self._is_last():
                self._waiting.extend(self._last)
                self._last.clear()
                continue
            if self._spool is not None:
                await self._write(self._spool)
                await self._clear(self._spool)
        self._untold.clear()  # what was told twice, or by another attempt, was not taken off

    async def _is_last(self) -> bool:
        """Whether Redis is here, and has been for as long as others need."""
        if self._ping is not None:
            try:
                await self._ping()
            except StoreUnavailable:
                await self._pause(MAX_PAUSE_S)
                return False
        await asyncio.sleep(LAST_S)
        return not self._waiting

    async def _work_off(self) -> None:
        """Until nothing waits. While Redis is away one settlement at a time asks whether it is."""
        pause_s, told = FIRST_PAUSE_S, 0
        while self._waiting or await self._refill():
            size = TOGETHER if pause_s == FIRST_PAUSE_S else 1
            some = [self._waiting.popleft() for _ in range(min(size, len(self._waiting)))]
            outcomes = await asyncio.gather(*map(self._settle, some), return_exceptions=True)
            told += outcomes.count(Settled.SETTLED)
            failed = self._sorted_out(some, outcomes)
            if not failed:
                pause_s = FIRST_PAUSE_S
                continue
            self._queue(failed)
            await self._pause(pause_s)
            pause_s = min(pause_s * 2, MAX_PAUSE_S)
        if told:
            log.warning("settled_again", settlements=told)

    def _sorted_out(
        self, some: list[Waiting], outcomes: list[Settled | BaseException]
    ) -> list[Waiting]:
        """Those to be told again. What Redis refuses is a bug of ours: it stays in the spool."""
        failed = []
        for one, outcome in zip(some, outcomes, strict=True):
            if outcome is Settled.SETTLED:
                self._take_off(one.settlement)
            elif isinstance(outcome, StoreUnavailable):
                failed.append(one)
            elif isinstance(outcome, BaseException):
                self._refused = True
                request_id = one.settlement.record.request_id
                log.error("not_settled", request_id=request_id, why=type(outcome).__name__)
        return failed

    def _take_off(self, settlement: Settlement) -> None:
        if settlement.local:
            record = settlement.record
            left_micro = self._untold[record.customer_id] - (record.cost_micro or 0)
            self._untold[record.customer_id] = max(0, left_micro)

    async def _refill(self) -> bool:
        if self._spool is None or not self._unread:
            return False
        self._unread = False  # unless more comes while this is read
        items, self._offset = await asyncio.to_thread(self._spool.read, self._offset, TOGETHER)
        self._queue(items)
        if items:
            self._unread = True
        elif not self._unread:
            self._offset = 0
        return bool(self._waiting or self._unread)

    async def _write(self, spool: Spool) -> None:
        """All that is unwritten, in one go: whoever comes here after that finds it done."""
        async with self._writing:
            some, self._unwritten = self._unwritten, []
            spilled, self._spilled = self._spilled, False
            if not some:
                return
            try:
                await asyncio.to_thread(spool.append, some)
            except OSError as error:
                log.error("not_spooled", settlements=len(some), why=type(error).__name__)
                return
            if spilled:
                self._unread = True
                self._start()

    async def _clear(self, spool: Spool) -> None:
        async with self._writing:
            if self._waiting or self._last or self._unread or self._unwritten or self._refused:
                return
            with suppress(OSError):
                await asyncio.to_thread(spool.clear)
            self._offset = 0

    async def _pause(self, pause_s: float) -> None:
        """A sleep that the return of Redis ends."""
        self._nudge.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._nudge.wait()
