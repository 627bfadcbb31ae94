"""Drives one exchange: reads Envoy's messages, performs actions against the stores, feeds answers
back.

The exchange decides; this file waits. One coroutine for one gRPC stream; the only other thing
that runs looks after all streams of the worker together: signs of life to Redis and to callers.
"""

import asyncio
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol as TypingProtocol

import structlog

from extproc import wire
from extproc.exchange.actions import (
    Accuse,
    Action,
    Admit,
    Close,
    ForgetAnswer,
    HoldHeaders,
    LookUpAnswer,
    LookUpKey,
    LookUpSeals,
    LookUpTries,
    NoteTry,
    Praise,
    Release,
    Reserve,
    SendBody,
    Settle,
    Told,
)
from extproc.exchange.events import (
    AdmissionDecided,
    AnswerForgotten,
    AnswerLookedUp,
    AnswerOverdue,
    Event,
    Gone,
    HoldElapsed,
    KeyLookedUp,
    PlaceDecided,
    SealsLookedUp,
    Settled,
    StoreFailed,
    TriesLookedUp,
)
from extproc.exchange.exchange import Exchange
from extproc.exchange.phases import Phase
from extproc.signs import TOGETHER, Signs
from extproc.stores import Stores
from extproc.telemetry import Telemetry
from extproc.world import World
from ledger.cooldowns import Reserved
from ledger.errors import LedgerError
from ledger.model import Admission, Settlement

log = structlog.get_logger("extproc")

# They share one interpreter: more would only make one another slower. Two, so that one enormous
# body does not keep all others that are merely large.
HEAVY_THREADS = 2

SAID_EVERY_S = 10.0  # the same of a store that is away

Question = (
    LookUpKey | LookUpAnswer | LookUpSeals | ForgetAnswer | LookUpTries | Admit | Reserve | Settle
)

# What a reader gets that was woken with nothing to read; Envoy sends no empty message.
WOKEN = b""


class Stream(TypingProtocol):
    """Envoy's side of one gRPC stream. `read` gives None at the end. `nudge` writes from outside
    the exchange's own coroutine; False where the stream is over. `wake` ends a read that waits with
    WOKEN."""

    async def read(self) -> bytes | None: ...

    def wake(self) -> None: ...

    async def write(self, data: bytes) -> None: ...

    async def nudge(self, data: bytes) -> bool: ...


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Driver:
    """All exchanges of one worker."""

    def __init__(
        self,
        stores: Stores,
        telemetry: Telemetry,
        world: World,
        new_id: Callable[[], str],
    ) -> None:
        self.world = world
        self._stores = stores
        self._telemetry = telemetry
        self._new_id = new_id
        self._open: dict[int, tuple[Exchange, Stream]] = {}
        self._quiet_until_s = 0.0
        self._threads = ThreadPoolExecutor(HEAVY_THREADS, "heavy")

    @property
    def in_flight(self) -> int:
        return len(self._open)

    async def run(self, stream: Stream) -> None:
        """One exchange from its first message to its end."""
        exchange = Exchange(self.world, self._new_id, now_ms())
        self._open[id(exchange)] = exchange, stream
        try:
            await self._converse(stream, exchange)
        finally:
            del self._open[id(exchange)]
            self._report(exchange)
            if exchange.phase is not Phase.CLOSED:
                await asyncio.shield(self._leave(exchange))

    def _report(self, exchange: Exchange) -> None:
        """A broken translation is ours to mend. The trace has no text of the exchange in it."""
        if (defect := exchange.defect) is not None:
            self._telemetry.broken.inc()
            where = traceback.extract_tb(defect.__traceback__)
            log.error(
                "translation failed",
                request_id=exchange.request_id,
                why=type(defect).__name__,
                where=[f"{frame.filename}:{frame.lineno}" for frame in where[-4:]],
            )

    async def _converse(self, stream: Stream, exchange: Exchange) -> None:
        hold: float | None = None
        while exchange.phase is not Phase.CLOSED:
            if hold is not None and exchange.phase is Phase.HOLDING:
                event, hold = await self._read_within(stream, exchange, hold)
            else:
                event = _event(await stream.read())
            held = await self._perform(stream, exchange, await self._decided(exchange, event))
            if held is not None:
                hold = time.monotonic() + held / 1000

    async def _decided(self, exchange: Exchange, event: Event) -> list[Action]:
        """What the exchange decides. A large body is read in a thread: every other exchange of the
        worker, and Envoy's patience with it, would have to wait."""
        if not exchange.is_heavy(event):
            return exchange.handle(event, now_ms())
        loop = asyncio.get_running_loop()
        working = loop.run_in_executor(self._threads, exchange.handle, event, now_ms())
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            await asyncio.wait((working,))  # nobody may touch the exchange meanwhile
            raise

    async def _read_within(
        self, stream: Stream, exchange: Exchange, deadline: float
    ) -> tuple[Event, float | None]:
        """The next event, or HoldElapsed at the deadline. The read goes on across it."""
        reading = asyncio.ensure_future(stream.read())
        try:
            remaining = max(deadline - time.monotonic(), 0)
            done, _ = await asyncio.wait({reading}, timeout=remaining)
            if not done:
                await self._perform(stream, exchange, exchange.handle(HoldElapsed(), now_ms()))
            return _event(await reading), deadline if done else None
        finally:
            reading.cancel()

    async def _perform(
        self, stream: Stream, exchange: Exchange, actions: list[Action]
    ) -> int | None:
        """Do what was decided, and whatever follows from the answers. Gives a hold time, if any."""
        hold_ms = None
        for action in actions:
            match action:
                case HoldHeaders():
                    hold_ms = action.hold_ms
                case Close():
                    pass
                case (
                    LookUpKey()
                    | LookUpAnswer()
                    | LookUpSeals()
                    | ForgetAnswer()
                    | LookUpTries()
                    | Admit()
                    | Reserve()
                    | Settle()
                ):
                    answer = await self._ask(action)
                    await self._perform(stream, exchange, await self._decided(exchange, answer))
                case NoteTry() | Accuse() | Praise() | Release():
                    await self._tell(action)
                case SendBody() if len(action.data) > wire.MAX_BODY_BYTES:
                    for part in wire.parts(action):
                        await stream.write(wire.write(part))
                case _:
                    await stream.write(wire.write(action))
        return hold_ms

    async def _ask(self, action: Question) -> Event:
        stores = self._stores
        try:
            match action:
                case LookUpKey():
                    facts = await stores.key_facts(action.handle, now_ms(), fresh=action.fresh)
                    return KeyLookedUp(facts)
                case LookUpAnswer():
                    return AnswerLookedUp(*await stores.answer(action))
                case LookUpSeals():
                    return SealsLookedUp(await stores.seals(action))
                case ForgetAnswer():
                    await stores.forget(action)
                    return AnswerForgotten()
                case LookUpTries():
                    return TriesLookedUp(await stores.tries(action))
                case Admit():
                    return AdmissionDecided(await self._admit(action))
                case Reserve():
                    return PlaceDecided(await stores.reserve(action.reservation, now_ms()))
                case Settle():
                    await self._settle(action)
                    return Settled()
        except LedgerError:
            self._missed(type(action).__name__)
            return _without_store(action)

    def _missed(self, what: str) -> None:
        """In an outage every request misses something: that is counted, and said now and then."""
        self._telemetry.store_failures.inc()
        now_s = time.monotonic()
        if now_s >= self._quiet_until_s:
            self._quiet_until_s = now_s + SAID_EVERY_S
            log.warning("store unavailable", action=what)

    async def _admit(self, action: Admit) -> Admission:
        admission = await self._stores.admit(action.request)
        if admission.local:
            self._telemetry.decided_alone(admission.verdict)
        return admission

    async def _settle(self, action: Settle) -> None:
        if action.after_ms:
            await asyncio.sleep(action.after_ms / 1000)
        self._telemetry.settled(action.record)
        settlement = Settlement(action.shard, action.record, self.world.worker_id)
        await self._stores.settle(settlement, action.pin, action.kept)

    async def _tell(self, action: Told) -> None:
        """What the stores are told and nobody waits for. An exchange does not suffer where they are
        away: the next attempt knows less, an account is asked that would better rest."""
        stores = self._stores
        try:
            match action:
                case NoteTry():
                    self._telemetry.failed(action.attempt)
                    await stores.note(action, self.world.worker_id)
                case Accuse():
                    await stores.accuse(action.evidence, now_ms())
                case Praise():
                    await stores.praise(action.account, action.model, now_ms())
                case Release():
                    await stores.release(action.reservation, action.tokens, now_ms())
        except LedgerError:
            self._telemetry.store_failures.inc()

    async def _leave(self, exchange: Exchange) -> None:
        """The stream ended under us (cancelled, broken): settle what was produced."""
        actions = exchange.handle(Gone(), now_ms())
        for action in actions:
            match action:
                case Settle():
                    exchange.handle(await self._ask(action), now_ms())
                case NoteTry() | Accuse() | Praise() | Release():
                    await self._tell(action)
                case _:
                    pass

    async def tend(self, every_ms: int) -> None:
        """Signs of life, for ever: to Redis for open leases, where signs.py says so, and to callers
        of translated streams who have heard nothing for long."""
        signs = Signs()
        while True:
            await asyncio.sleep(every_ms / 1000)
            for exchange, stream in list(self._open.values()):
                await self._keep_alive(exchange, stream, now_ms())
                if exchange.is_overdue(now_ms()):
                    stream.wake()
            exchanges = {key: exchange for key, (exchange, _) in self._open.items()}
            due = signs.due(exchanges, self.world.lease_ms, now_ms())
            for start in range(0, len(due), TOGETHER):
                some = due[start : start + TOGETHER]
                await asyncio.gather(*(self._renew(exchange) for exchange in some))

    async def _keep_alive(self, exchange: Exchange, stream: Stream, now: int) -> None:
        for body in exchange.keep_alive(now):
            if not await stream.nudge(wire.write(body)):
                log.info("keep-alive not sent")  # the exchange's own coroutine sees the end too

    async def _renew(self, exchange: Exchange) -> None:
        if not exchange.at_stake:
            return
        now = now_ms()
        record = exchange.so_far(now)
        try:
            if not await self._stores.renew(
                exchange.shard, self.world.worker_id, record, now, self.world.lease_ms
            ):
                self._lease_is_gone(exchange)
            if (held := exchange.reserved) is not None:
                await self._stores.hold_on(held, now + self.world.lease_ms)
        except LedgerError:
            self._missed("Renew")

    def _lease_is_gone(self, exchange: Exchange) -> None:
        """Its answer goes on all the same: the caller has done nothing wrong."""
        if exchange.at_stake and not exchange.lease_gone:
            exchange.lease_gone = True
            self._telemetry.leases_gone.inc()
            log.warning("lease is gone", request_id=exchange.request_id)


def _event(data: bytes | None) -> Event:
    if data is None:
        return Gone()
    return AnswerOverdue() if data == WOKEN else wire.read(data)


def _without_store(action: Question) -> Event:
    """What an exchange hears where the store does not answer. A settlement that could not be
    written is not the caller's trouble: the lease lapses and is settled from its note. Nor are
    attempts that are not known, or the limits of an account, which the upstream counts too."""
    match action:
        case Settle():
            return Settled()
        case LookUpTries():
            return TriesLookedUp(())
        case Reserve():
            return PlaceDecided(Reserved(granted=True))
        case _:
            return StoreFailed()
