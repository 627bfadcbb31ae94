"""Redis as the ledger uses it: commands and scripts, over a link that is made again when it breaks.

Strategy: dialling is one background task that all callers share. Whoever calls while there is no
link waits for it, but only until `patience_ms` after the link was lost; from then on callers are
refused at once, so that an absent Redis costs a request nothing but the refusal. A restart within
the patience is invisible.

Rules:
- Every command sent here may be repeated without harm (the scripts are idempotent), so a command
  whose link broke is sent once more. One that timed out is not: its time is used up.
- Scripts are loaded while dialling; should Redis forget one (SCRIPT FLUSH), it is sent in full.
- A Redis that is loading, failing over or read-only counts as absent.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.resources import files
from typing import cast

import hiredis
import structlog

from ledger.errors import StoreRefused, StoreUnavailable
from ledger.store.address import Address
from ledger.store.link import Link, LinkLost, RedisError, Reply

CONNECT_TIMEOUT_MS = 2_000  # one attempt to connect, including the hand-shake
FIRST_BACKOFF_MS = 10  # an embedded Redis is back within 100 ms
MAX_BACKOFF_MS = 500
DEMOTED = frozenset(("READONLY", "MASTERDOWN"))  # this server is no master, or none any more
ABSENT = DEMOTED | frozenset(  # error codes that mean: not now
    ("LOADING", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "NOREPLICAS", "OOM", "MISCONF")
)
_INSIDE_SCRIPT = re.compile(r"-([A-Z]+) ")  # Redis 6.2 wraps what a script's command was told

log = structlog.get_logger("ledger.wire")

Argument = str | bytes | int


def _ignore(_: float) -> None:
    """Nobody wants to know."""


_pack = cast(Callable[[tuple[Argument, ...]], bytes], hiredis.pack_command)


@dataclass(frozen=True, slots=True)
class Script:
    """One Lua script, known to Redis by the SHA-1 of its text."""

    text: str = field(repr=False)
    sha: str

    @classmethod
    def load(cls, name: str) -> "Script":
        """Reads ledger/store/scripts/<name>.lua."""
        text = files("ledger.store").joinpath("scripts", f"{name}.lua").read_text("utf-8")
        return cls(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait for a reply, and for a link after it was lost."""

    reply_ms: int = 2_000  # a script takes microseconds; two seconds is a Redis that hangs
    patience_ms: int = 2_000


DEFAULT_TIMEOUTS = Timeouts()


class Wire:
    """`call` and `run` raise StoreUnavailable, or StoreRefused when Redis answers with an error."""

    def __init__(
        self,
        address: Address,
        scripts: tuple[Script, ...] = (),
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
    ) -> None:
        self.address = address
        self._scripts = scripts
        self._timeouts = timeouts
        self._link: Link | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._lost_at: float | None = None  # when a caller first found no link
        self._broke_at: float | None = None  # when the last link broke, or the first was missed
        self._closed = False
        self.on_restored: Callable[[float], None] = _ignore  # called with when the link broke

    async def call(self, *command: Argument) -> Reply:
        """One command."""
        try:
            return await self._exchange(_pack(command))
        except RedisError as error:
            raise self._translated(error) from None

    async def run(self, script: Script, keys: tuple[str, ...], *arguments: Argument) -> Reply:
        """One script, by its hash. `keys` must share one hash tag."""
        packed = _pack(("EVALSHA", script.sha, len(keys), *keys, *arguments))
        try:
            return await self._exchange(packed)
        except RedisError as error:
            if error.code != "NOSCRIPT":
                raise self._translated(error) from None
        return await self.call("EVAL", script.text, len(keys), *keys, *arguments)

    async def close(self) -> None:
        self._closed = True
        if self._dialling is not None:
            self._dialling.cancel()
            await asyncio.gather(self._dialling, return_exceptions=True)
        if self._link is not None:
            self._link.abandon(StoreUnavailable("closed"))

    async def _exchange(self, packed: bytes) -> Reply:
        link = self._link or await self._connected()
        try:
            return await link.send(packed)
        except LinkLost:
            self._gone(link)
            link = self._link or await self._connected()
        try:
            return await link.send(packed)
        except LinkLost:
            raise StoreUnavailable("the connection to Redis broke twice") from None

    async def _connected(self) -> Link:
        if self._closed:
            raise StoreUnavailable("closed")
        loop = asyncio.get_running_loop()
        if self._dialling is None:
            self._dialling = loop.create_task(self._dial())
        self._lost_at = self._lost_at or loop.time()
        left_s = self._lost_at + self._timeouts.patience_ms / 1000 - loop.time()
        dialling = self._dialling
        if left_s > 0:
            await asyncio.wait((dialling,), timeout=left_s)
        if dialling.done() and self._dialling is dialling:
            self._dialling = None
            dialling.result()  # raises: a bug, or a URL that no socket understands
        if self._link is None:
            raise StoreUnavailable(f"no connection to Redis at {self.address}")
        return self._link

    async def _dial(self) -> None:
        """Until there is a link. The only place that sets one."""
        backoff_ms = FIRST_BACKOFF_MS
        while True:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_MS / 1000):
                    self._link = await self._open()
            except (OSError, LinkLost, RedisError, StoreUnavailable) as error:
                self._broke_at = self._broke_at or asyncio.get_running_loop().time()
                if backoff_ms == FIRST_BACKOFF_MS:
                    why = error.code if isinstance(error, RedisError) else type(error).__name__
                    log.warning("redis_absent", at=str(self.address), why=why)
                await asyncio.sleep(backoff_ms / 1000)
                backoff_ms = min(backoff_ms * 2, MAX_BACKOFF_MS)
            else:
                if backoff_ms > FIRST_BACKOFF_MS:
                    log.info("redis_back", at=str(self.address))
                self._lost_at = self._dialling = None
                broke_at, self._broke_at = self._broke_at, None
                if broke_at is not None:
                    self.on_restored(broke_at)
                return

    async def _open(self) -> Link:
        loop, address = asyncio.get_running_loop(), self.address

        def make() -> Link:
            return Link(self._timeouts.reply_ms, self._gone)

        if address.path is not None:
            _, link = await loop.create_unix_connection(make, address.path)
        else:
            context = address.tls_context()
            _, link = await loop.create_connection(make, address.host, address.port, ssl=context)
        try:
            await self._greet(link)
        except BaseException:
            link.abandon(LinkLost("hand-shake failed"))
            raise
        return link

    async def _greet(self, link: Link) -> None:
        address = self.address
        commands: list[tuple[Argument, ...]] = []
        if address.password is not None:
            user = (address.username,) if address.username else ()
            commands.append(("AUTH", *user, address.password))
        if address.db:
            commands.append(("SELECT", address.db))
        commands += [("SCRIPT", "LOAD", script.text) for script in self._scripts]
        commands.append(("PING",))
        replies = [link.send(_pack(command)) for command in commands]
        await asyncio.gather(*replies)

    def _gone(self, link: Link) -> None:
        if link is self._link:
            self._link = None
            self._broke_at = asyncio.get_running_loop().time()

    def _translated(self, error: RedisError) -> Exception:
        inside = _INSIDE_SCRIPT.search(str(error))
        code = inside[1] if inside and error.code == "ERR" else error.code
        if code in DEMOTED and self._link is not None:
            self._link.abandon(LinkLost("no longer the master"))
        if code in ABSENT:
            return StoreUnavailable(f"Redis is not ready ({code})")
        return StoreRefused(f"Redis refused: {error}")
