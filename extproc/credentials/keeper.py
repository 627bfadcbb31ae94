"""Proofs of who we are, kept fresh ahead of time, so that no request waits for one.

Each identity has a task of its own. It asks its source before the proof ends; when that fails it
keeps what it has and asks again, a little later each time. Rules:

- a request takes what is there: nothing here waits, except where a catalog is adopted
- an account whose proof has ended takes no requests until it has a new one
- an upstream that does not believe a proof has it renewed, but not more often than every ten
  seconds: a wrong role does not become right by asking
- secrets and tokens are in no log; why a source failed is told by name
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from extproc.credentials.source import CredentialError, Grant, Source
from extproc.vouching import Outgoing

if TYPE_CHECKING:
    from catalog import Catalog, Identity

LEAST_BETWEEN_S = 10.0  # renewals that an upstream's disbelief asks for
FIRST_RETRY_S = 1.0
MOST_RETRY_S = 60.0

# A proof is not shown in its last moments: it has a way to go, and clocks differ.
_MARGIN = 0.05
_MOST_MARGIN_S = 10.0

# Workers that started together do not ask together for ever.
_JITTER = 0.1

log = structlog.get_logger("extproc")


class _Kept:
    """One identity's proof and what is known of it. Times are the clock's."""

    def __init__(self, identity: "Identity", source: Source) -> None:
        self.identity = identity
        self.source = source
        self.grant: Grant | None = None
        self.ends_at: float | None = None
        self.asked_at = 0.0
        self.failures = 0
        self.tried = asyncio.Event()  # at least once
        self.doubted = asyncio.Event()
        self.task: asyncio.Task[None] | None = None


class Keeper:
    """Keeps the proofs of a catalog's identities; see extproc/vouching.py."""

    def __init__(
        self,
        source_of: "Callable[[Identity], Source]",
        on_failure: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source_of = source_of
        self._on_failure = on_failure
        self._clock = clock
        self._kept: dict[Identity, _Kept] = {}

    # ---------------------------------------------------------------- what exchanges ask

    def ready(self, identity: "Identity") -> bool:
        kept = self._kept.get(identity)
        if kept is None or kept.grant is None:
            return False
        return kept.ends_at is None or self._clock() < kept.ends_at

    def headers(self, identity: "Identity", request: Outgoing) -> dict[str, str]:
        """What there is, though it may have ended since `ready` was asked: the upstream judges."""
        kept = self._kept.get(identity)
        return {} if kept is None or kept.grant is None else kept.grant.proof.headers(request)

    def doubt(self, account: str) -> None:
        for identity, kept in self._kept.items():
            if identity.account == account and self._clock() - kept.asked_at > LEAST_BETWEEN_S:
                kept.doubted.set()

    # ---------------------------------------------------------------- keeping

    async def add(self, identities: "Iterable[Identity]", patience_s: float) -> None:
        """Keep these too; waits until each has been asked for once, or as long as allowed."""
        for identity in identities:
            if identity not in self._kept:
                kept = self._kept[identity] = _Kept(identity, self._source_of(identity))
                kept.task = asyncio.create_task(self._tend(kept))
        waiting = [kept.tried.wait() for kept in self._kept.values() if not kept.tried.is_set()]
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*waiting), patience_s)

    def retain(self, identities: "Iterable[Identity]") -> None:
        """Forget all others."""
        wanted = set(identities)
        for identity in [known for known in self._kept if known not in wanted]:
            task = self._kept.pop(identity).task
            if task is not None:
                task.cancel()

    async def follow(
        self,
        changed: "asyncio.Queue[Catalog]",
        in_force: "Callable[[Catalog], None]",
        patience_s: float,
    ) -> None:
        """Puts each catalog in force when its new accounts can be shown, one after the other."""
        while True:
            catalog = await changed.get()
            await self.add(catalog.identities, patience_s)
            in_force(catalog)
            self.retain(catalog.identities)

    async def close(self) -> None:
        tasks = [kept.task for kept in self._kept.values() if kept.task is not None]
        self.retain(())
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _tend(self, kept: _Kept) -> None:
        while True:
            kept.doubted.clear()
            kept.asked_at = self._clock()
            wait_s = await self._renew(kept)
            kept.tried.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(kept.doubted.wait(), wait_s)

    async def _renew(self, kept: _Kept) -> float | None:
        """Ask once; gives the seconds until the next time, None for only when doubted."""
        who = {"account": kept.identity.account, "scheme": kept.identity.scheme}
        try:
            grant = await kept.source.fetch()
        except CredentialError as error:
            kept.failures += 1
            self._on_failure()
            log.error(
                "credentials not renewed",
                **who,
                why=str(error),
                usable=self.ready(kept.identity),
                failures=kept.failures,
            )
            wait_s: float = FIRST_RETRY_S * 2 ** min(kept.failures - 1, 10)
            return min(wait_s, MOST_RETRY_S)
        if kept.failures:
            log.info("credentials renewed again", **who)
        kept.failures = 0
        kept.grant = grant
        kept.ends_at = None
        if grant.lives_s is not None:
            margin = min(grant.lives_s * _MARGIN, _MOST_MARGIN_S)
            kept.ends_at = self._clock() + grant.lives_s - margin
        if grant.renew_in_s is None:
            return None
        return grant.renew_in_s * (1 - random.random() * _JITTER)
