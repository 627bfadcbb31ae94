"""Keeps one process's view of the upstream accounts' rests true, over a connection of its own."""

import asyncio
import time
from collections.abc import Callable, Iterable

import structlog

from ledger.cooldowns import Cooldowns
from ledger.errors import LedgerError
from ledger.store.address import parse_address
from ledger.store.upstreams import Upstreams
from ledger.store.wire import Timeouts, Wire

BLOCK_MS = 5_000  # how long one question waits for news
MARGIN_MS = 5_000  # how much longer its answer may take
LOOK_S = 30.0  # how often to look at everything: news may be lost with who had them to tell
PAUSE_S = 0.5  # while Redis is away

log = structlog.get_logger("ledger.news")


class Follower:
    """`accounts` are those to look at; `run` goes on until it is cancelled."""

    def __init__(
        self, redis_url: str, view: Cooldowns, accounts: Callable[[], Iterable[str]]
    ) -> None:
        timeouts = Timeouts(reply_ms=BLOCK_MS + MARGIN_MS)
        self._wire = Wire(parse_address(redis_url), (), timeouts)
        self._upstreams = Upstreams(self._wire)
        self._view = view
        self._accounts = accounts

    async def run(self) -> None:
        away = False
        try:
            while True:
                try:
                    await self._follow()
                    away = False
                except LedgerError as error:
                    if not away:
                        log.warning("rests_not_followed", why=type(error).__name__)
                    away = True
                    await asyncio.sleep(PAUSE_S)
        finally:
            await self._wire.close()

    async def _follow(self) -> None:
        """Everything once, then what is new, for a while."""
        at = await self._upstreams.newest()
        self._view.replace(await self._upstreams.rests(self._accounts()), _now_ms())
        end_s = time.monotonic() + LOOK_S
        while time.monotonic() < end_s:
            at, rests = await self._upstreams.news(at, BLOCK_MS)
            for rest in rests:
                if rest.failures:
                    self._view.learn(rest)
                else:
                    self._view.forget(rest.account, rest.model)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
