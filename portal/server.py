"""The process around the application: one socket, uvicorn on uvloop, a graceful end.

- A Unix socket is bound under another name and then moved into place: whoever connects finds the
  old process or the new one, never nothing.
- SIGTERM and SIGINT: no new connections, requests in flight are finished (at most GRACE_S), exit 0.
- Idle connections outlive Envoy's own patience, so that it is always Envoy who closes them; the
  other way round a request could meet a connection that is just being closed.
"""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp

GRACE_S = 10  # the longest answer here is a listing
KEEP_ALIVE_S = 3_660  # Envoy's default idle timeout is an hour
BACKLOG = 2048

log = structlog.get_logger("portal")


class Server(uvicorn.Server):
    """Uvicorn without its own signal handling, which ends the process by the signal again."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def config_of(app: ASGIApp) -> uvicorn.Config:
    """How the application is served, wherever it listens."""
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # what they mean is decided where they are read
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        backlog=BACKLOG,
    )


def run(app: ASGIApp, listener: socket.socket) -> None:
    """Serves until SIGTERM or SIGINT. The listener is closed afterwards."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_until_told(Server(config_of(app)), listener))


async def _until_told(server: Server, listener: socket.socket) -> None:
    def end() -> None:
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    log.info("listening", at=shown(listener))
    await server.serve(sockets=[listener])


def bind_tcp(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


@contextmanager
def bound_unix(path: Path) -> Iterator[socket.socket]:
    """A listening Unix socket at `path`, for this user and group, replacing whatever was there.
    Afterwards the file is removed, unless another process has replaced it meanwhile."""
    own = path.with_name(f".{path.name}.{os.getpid()}")
    own.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(own))
        own.chmod(0o660)
        listener.listen(BACKLOG)
        inode = own.stat().st_ino
        own.replace(path)
        yield listener
        if path.exists() and path.stat().st_ino == inode:
            path.unlink()
    finally:
        listener.close()
        own.unlink(missing_ok=True)


def shown(listener: socket.socket) -> str:
    """Where a socket listens."""
    name = listener.getsockname()
    return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else "unix socket"
