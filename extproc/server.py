"""The shell around the driver: a gRPC server that hands it streams, answers health checks, drains.

Messages travel as bytes: extproc/wire.py does its own (de)serialising. The server is our own
(extproc/http2/, docs/decisions/0013-a-grpc-server-of-our-own.md).
"""

import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from extproc.driver import Driver
from extproc.http2 import server as http2
from extproc.http2.connection import Limits
from extproc.http2.health import Health
from extproc.http2.listeners import mutual_tls
from extproc.http2.session import Service

SERVICE = "envoy.service.ext_proc.v3.ExternalProcessor"
MESSAGE_SLACK = 1024 * 1024  # headers and framing around the largest body

# After this time a connection takes no new exchange (those it has go on, however long) and Envoy
# opens another. While a worker was dead its place was lent to a neighbour: connections made then
# would lead to that neighbour for ever.
MAX_CONNECTION_AGE_S = 15.0

log = structlog.get_logger("extproc")


@dataclass(frozen=True, slots=True)
class MutualTls:
    """Files for a listener on TCP: Envoy must show a certificate that `client_ca` signed."""

    chain: Path
    key: Path
    client_ca: Path


class Server:
    """Listens, answers health checks, drains."""

    def __init__(
        self, driver: Driver, max_body_bytes: int, count_broken: Callable[[], None]
    ) -> None:
        self._count_broken = count_broken
        self._health = Health()
        service = Service(
            handlers={f"/{SERVICE}/Process": driver.run, **self._health.handlers},
            limits=Limits(max_message=max_body_bytes + MESSAGE_SLACK),
            max_age_s=MAX_CONNECTION_AGE_S,
            failed=self._failed,
        )
        self._server = http2.Server(service)

    def listen(self, address: str, tls: MutualTls | None = None) -> str:
        """Bind `unix:/path` or `host:port`; returns the address with the port that was chosen."""
        context = None if tls is None else mutual_tls(tls.chain, tls.key, tls.client_ca)
        return self._server.listen(address, context)

    async def start(self) -> None:
        await self._server.start()
        self._health.set_serving("", SERVICE)

    async def drain(self, grace_s: float) -> None:
        """Take no new exchange, let those in flight finish, for at most `grace_s` seconds."""
        self._health.enter_shutdown()
        await self._server.drain(grace_s)

    def _failed(self, error: BaseException) -> None:
        """A fault of ours. Envoy resets what the client has, or asks another worker."""
        self._count_broken()
        frame = traceback.extract_tb(error.__traceback__)[-1]  # the text may hold what was asked
        where = f"{Path(frame.filename).name}:{frame.lineno}"
        log.error("exchange failed", why=type(error).__name__, where=where)


def new_request_id() -> str:
    """Used only where Envoy sent no x-request-id."""
    return str(uuid.uuid4())
