"""All connections of a server together: start, and an end that nobody notices."""

import asyncio
import contextlib
import ssl

from extproc.http2.listeners import BACKLOG, Listener, bind
from extproc.http2.session import Service, Session

HANDSHAKE_S = 10.0  # of TLS

# A connection that the kernel made before a listener closes, and nobody took, would be reset.
LAST_ACCEPTS_S = 0.1

SETTLE_S = 5.0  # for calls that a drain ended: long enough to write down what they cost


class Server:
    """Listens and serves. `listen` before `start`; after `drain` it is of no more use."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._listeners: list[Listener] = []
        self._serving: list[asyncio.AbstractServer] = []
        self._sessions: set[Session] = set()
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()

    def listen(self, address: str, tls: ssl.SSLContext | None = None) -> str:
        """Bind `unix:/path` or `host:port`; returns the address with the port that was chosen."""
        chosen, listeners = bind(address, tls)
        self._listeners += listeners
        return chosen

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            if listener.path is not None:
                serving = await loop.create_unix_server(
                    self._session, sock=listener.socket, backlog=BACKLOG
                )
            else:
                serving = await loop.create_server(
                    self._session,
                    sock=listener.socket,
                    backlog=BACKLOG,
                    ssl=listener.tls,
                    ssl_handshake_timeout=HANDSHAKE_S if listener.tls else None,
                )
            self._serving.append(serving)

    async def drain(self, grace_s: float) -> None:
        """Take no new call, let those that run finish, for at most `grace_s` seconds; then they
        read the end and have a moment to settle; then they are cancelled."""
        self._draining = True
        for session in list(self._sessions):
            session.leave()
        await self._wait(min(LAST_ACCEPTS_S, grace_s), always=True)
        for listener, serving in zip(self._listeners, self._serving, strict=False):
            listener.remove()
            serving.close()
        await self._wait(grace_s)
        for session in list(self._sessions):
            session.end_calls()
        await self._wait(SETTLE_S)
        for session in list(self._sessions):
            session.abort()
        await self._wait(SETTLE_S)

    async def _wait(self, seconds: float, always: bool = False) -> None:
        """Until all is through, or the time is up."""
        if always:
            await asyncio.sleep(seconds)
        elif self._sessions:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._idle.wait()

    def _session(self) -> Session:
        return Session(self._service, self._began, self._ended)

    def _began(self, session: Session) -> None:
        self._sessions.add(session)
        self._idle.clear()
        if self._draining:
            session.leave()

    def _ended(self, session: Session) -> None:
        self._sessions.discard(session)
        if not self._sessions:
            self._idle.set()
