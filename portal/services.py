"""The catalog and the ledger as the running portal holds them.

The portal starts whatever is missing: it answers /healthz, says on /readyz what is not there, and
serves as soon as it is. A catalog that is wrong at the start is tried again until it is right; one
that becomes wrong later is reported and the last right one stays.
"""

import asyncio
from contextlib import AsyncExitStack

import structlog

from catalog import Catalog, CatalogError, CatalogFile
from ledger.errors import LedgerError
from ledger.ledger import Ledger
from portal.manage.admins import Admins
from portal.refusals import Kind, Refusal
from portal.settings import Settings

RETRY_CATALOG_MS = 1_000  # an operator corrects a file by hand; a second is at once
PING_TIMEOUT_MS = 3_000  # longer than the stores' own patience, shorter than a probe's

log = structlog.get_logger("portal")


class Services:
    """Open it with `async with`; everything that serves a request reads from here."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.admins = Admins(settings.admin_token, settings.admin_tokens)
        self._ledger: Ledger | None = None
        self._file: CatalogFile | None = None
        self._stop = asyncio.Event()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> "Services":
        """Raises BadUrl; a store that is away is no error here."""
        self._ledger = await Ledger.open(self.settings.redis_url, self.settings.sql_url)
        self._stack.push_async_callback(self._ledger.close)
        await self._load()
        keeper = asyncio.create_task(self._keep_catalog())
        keeper.add_done_callback(_told_if_failed)
        self._stack.push_async_callback(self._end, keeper)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def ledger(self) -> Ledger:
        assert self._ledger is not None, "used before the application started"
        return self._ledger

    @property
    def catalog(self) -> Catalog:
        """The latest right catalog. Raises Refusal while there has never been one."""
        if self._file is None:
            raise Refusal(Kind.UNAVAILABLE, "The gateway's catalog is not loaded; try again.")
        return self._file.current

    @property
    def loaded_catalog(self) -> Catalog | None:
        return self._file.current if self._file else None

    def now_ms(self) -> int:
        return self.settings.clock()

    async def state(self) -> dict[str, str]:
        """What the portal needs, each "ok" or what is wrong with it. Says nothing of addresses."""
        redis, sql = await asyncio.gather(self._ping_redis(), self._ping_sql())
        return {"catalog": "ok" if self._file else "not loaded", "redis": redis, "sql": sql}

    async def _ping_redis(self) -> str:
        try:
            async with asyncio.timeout(PING_TIMEOUT_MS / 1000):
                await self.ledger.hot.ping()
        except (LedgerError, TimeoutError) as error:
            return _wrong("redis", error)
        return "ok"

    async def _ping_sql(self) -> str:
        try:
            async with asyncio.timeout(PING_TIMEOUT_MS / 1000):
                await self.ledger.record.ping()
        except (LedgerError, TimeoutError) as error:
            return _wrong("sql", error)
        return "ok"

    async def _load(self) -> bool:
        """A first right catalog. Reads in a thread: a big file takes longer than a request."""
        try:
            self._file = await asyncio.to_thread(
                CatalogFile, self.settings.catalog, self.settings.env
            )
        except CatalogError as error:
            _report(error)
            return False
        log.info("catalog_loaded", models=len(self._file.current.models))
        return True

    async def _keep_catalog(self) -> None:
        while self._file is None:
            await asyncio.sleep(RETRY_CATALOG_MS / 1000)
            await self._load()
        while not self._stop.is_set():
            try:
                await self._file.watch(_changed, _report, self._stop)
            except OSError as error:  # the directory itself went away, a mount for instance
                log.warning("catalog_unwatched", why=type(error).__name__)
                await asyncio.sleep(RETRY_CATALOG_MS / 1000)

    async def _end(self, keeper: asyncio.Task[None]) -> None:
        self._stop.set()
        if self._file is None:
            keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)


def _told_if_failed(keeper: asyncio.Task[None]) -> None:
    """Serving goes on with the catalog at hand, but that it is no longer followed is said."""
    if not keeper.cancelled() and (error := keeper.exception()) is not None:
        log.error("catalog_no_longer_followed", why=type(error).__name__)


def _changed(catalog: Catalog) -> None:
    log.info("catalog_changed", models=len(catalog.models))


def _report(error: CatalogError) -> None:
    """Problems name places, never values: a value may be a credential."""
    log.error("catalog_wrong", problems=error.problems)


def _wrong(what: str, error: Exception) -> str:
    log.warning("not_ready", store=what, why=type(error).__name__)
    return "unreachable"
