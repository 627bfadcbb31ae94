"""The gRPC shell around the driver: the only file that imports grpc.

Messages travel as bytes: extproc/wire.py does its own (de)serialising. The reader/writer API of
grpc.aio costs the least of its three styles (docs/architecture.md has the figures).
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

from extproc.driver import Driver
from extproc.wire import UnexpectedMessage

SERVICE = "envoy.service.ext_proc.v3.ExternalProcessor"
MESSAGE_SLACK = 1024 * 1024  # headers and framing around the largest body

# After this time a connection takes no new exchange (those it has go on, however long) and Envoy
# opens another. While a worker was dead its place was lent to a neighbour: connections made then
# would lead to that neighbour for ever.
MAX_CONNECTION_AGE_MS = 15_000

log = structlog.get_logger("extproc")


@dataclass(frozen=True, slots=True)
class MutualTls:
    """Files for a listener on TCP: Envoy must show a certificate that `client_ca` signed."""

    chain: Path
    key: Path
    client_ca: Path


class _Stream:
    """One gRPC stream as the driver wants it."""

    __slots__ = ("_context", "_writing")

    def __init__(self, context: "grpc.aio.ServicerContext[bytes, bytes]") -> None:
        self._context = context
        self._writing = asyncio.Lock()  # a sign of life comes from another coroutine

    async def read(self) -> bytes | None:
        message: object = await self._context.read()
        return message if isinstance(message, bytes) else None  # grpc.aio.EOF

    async def write(self, data: bytes) -> None:
        async with self._writing:
            await self._context.write(data)

    async def nudge(self, data: bytes) -> bool:
        try:
            await self.write(data)
        except grpc.aio.BaseError:
            return False
        return True


class Server:
    """Listens, answers health checks, drains."""

    def __init__(
        self, driver: Driver, max_body_bytes: int, count_broken: Callable[[], None]
    ) -> None:
        self._driver = driver
        self._count_broken = count_broken
        self._server = grpc.aio.server(
            options=(
                ("grpc.max_receive_message_length", max_body_bytes + MESSAGE_SLACK),
                ("grpc.max_send_message_length", max_body_bytes + MESSAGE_SLACK),
                ("grpc.so_reuseport", 0),
                ("grpc.max_connection_age_ms", MAX_CONNECTION_AGE_MS),
                ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
                ("grpc.keepalive_permit_without_calls", 1),
            )
        )
        self._health = HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        handler: grpc.RpcMethodHandler[bytes, bytes]
        handler = grpc.stream_stream_rpc_method_handler(self._process)
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, {"Process": handler}),)
        )

    def listen(self, address: str, tls: MutualTls | None = None) -> str:
        """Bind `unix:/path` or `host:port`; returns the address with the port that was chosen."""
        if tls is None:
            port = self._server.add_insecure_port(address)
        else:
            credentials = grpc.ssl_server_credentials(
                [(tls.key.read_bytes(), tls.chain.read_bytes())],
                root_certificates=tls.client_ca.read_bytes(),
                require_client_auth=True,
            )
            port = self._server.add_secure_port(address, credentials)
        return address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"

    async def start(self) -> None:
        await self._server.start()
        for service in ("", SERVICE):
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)

    async def drain(self, grace_s: float) -> None:
        """Take no new exchange, let those in flight finish, for at most `grace_s` seconds."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_s)

    async def wait(self) -> None:
        await self._server.wait_for_termination()

    async def _process(
        self,
        _requests: AsyncIterator[bytes],
        context: "grpc.aio.ServicerContext[bytes, bytes]",
    ) -> None:
        try:
            await self._driver.run(_Stream(context))
        except (AssertionError, UnexpectedMessage) as error:
            # A fault of ours. Envoy resets what the client has, or asks another worker.
            self._count_broken()
            log.error("exchange failed", why=type(error).__name__, exc_info=True)
            await context.abort(grpc.StatusCode.INTERNAL, "internal error")


def new_request_id() -> str:
    """Used only where Envoy sent no x-request-id."""
    return str(uuid.uuid4())
