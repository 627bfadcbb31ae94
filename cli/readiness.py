"""When a process may be counted on, asked the way its users will ask.

Each check is a question of one short connection, answered yes or no; whoever asks waits and
repeats.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpclib.client import Channel, UnaryUnaryMethod
from grpclib.exceptions import GRPCError, StreamTerminatedError

from cli.envoy_admin import EnvoyAdmin
from cli.processes import Ready

TIMEOUT_S = 2.0

Dial = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


def redis_answers(socket: Path) -> Ready:
    """PING over a Unix socket; not ready while the append-only file is being loaded."""

    async def ready() -> bool:
        try:
            async with asyncio.timeout(TIMEOUT_S), _connected(lambda: _unix(socket)) as (r, w):
                w.write(b"PING\r\n")
                return (await r.readline()).startswith(b"+PONG")
        except (OSError, TimeoutError):
            return False

    return ready


def accepts(host: str, port: int) -> Ready:
    """Whether somebody accepts TCP connections there."""

    async def ready() -> bool:
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                _connected(lambda: asyncio.open_connection(host, port)),
            ):
                return True
        except (OSError, TimeoutError):
            return False

    return ready


def http_ok(socket: Path, path: str) -> Ready:
    """Whether GET over a Unix socket is answered 200."""

    async def ready() -> bool:
        transport = httpx.AsyncHTTPTransport(uds=str(socket))
        try:
            async with httpx.AsyncClient(
                transport=transport, timeout=TIMEOUT_S, trust_env=False
            ) as client:
                return (await client.get(f"http://local{path}")).status_code == 200
        except httpx.HTTPError:
            return False

    return ready


def envoy_live(admin: Path) -> Ready:
    """Whether Envoy is live with all that its watched files declare, by its admin interface.

    A listener that was refused does not keep Envoy from being live; it would only not be there.
    """

    async def ready() -> bool:
        try:
            async with EnvoyAdmin(admin) as envoy:
                return await envoy.ready() and await envoy.listening()
        except httpx.HTTPError:
            return False

    return ready


def health_check(channel: Channel) -> UnaryUnaryMethod[HealthCheckRequest, HealthCheckResponse]:
    """grpc.health.v1.Health/Check, with the messages that the servers use too: two copies of one
    proto file cannot be loaded into one process."""
    path = "/grpc.health.v1.Health/Check"
    return UnaryUnaryMethod(channel, path, HealthCheckRequest, HealthCheckResponse)


def grpc_serving(socket: Path) -> Ready:
    """Whether grpc.health.v1 says SERVING. Pure Python: no gRPC threads where we fork."""

    async def ready() -> bool:
        if not socket.exists():
            return False
        channel = Channel(path=str(socket))
        try:
            answer = await health_check(channel)(HealthCheckRequest(), timeout=TIMEOUT_S)
        except (OSError, GRPCError, StreamTerminatedError, TimeoutError):
            return False
        finally:
            channel.close()
        return bool(answer.status == HealthCheckResponse.SERVING)

    return ready


async def _unix(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_unix_connection(str(path))


@asynccontextmanager
async def _connected(
    dial: Dial,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await dial()
    try:
        yield reader, writer
    finally:
        writer.close()
