"""`python -m cli.probe`: is a part of the gateway alive? For health checks, every few seconds.

    http SOCKET PATH     a GET over a Unix socket is answered 200
    tcp HOST:PORT        somebody accepts connections
    published DIRECTORY  a publisher runs in this data directory and has published
    workers DIRECTORY    every worker's socket there answers the gRPC health check: SERVING

Exit code 0: yes. Loads as little as it can: it runs far more often than anything else here.
"""

import socket
import sys
from collections.abc import Callable, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

TIMEOUT_S = 3.0
HEALTH_CHECK = "/grpc.health.v1.Health/Check"
SERVING = b"\x08\x01"  # HealthCheckResponse{status: SERVING}


class _UnixConnection(HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect(self._path)


def http(path: str, target: str) -> bool:
    connection = _UnixConnection(path)
    try:
        connection.request("GET", target)
        return connection.getresponse().status == 200
    finally:
        connection.close()


def tcp(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), TIMEOUT_S):
        return True


def published(directory: str) -> bool:
    import fcntl

    if not (Path(directory) / "catalog.accepted.yaml").exists():
        return False
    with (Path(directory) / "lock").open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def workers(directory: str) -> bool:
    """Generations that are not in place yet, or not any more, have two dots in their names."""
    sockets = [p for p in Path(directory).glob("extproc-*.sock") if p.name.count(".") == 1]
    return bool(sockets) and all(_serving(path) for path in sockets)


def _serving(path: Path) -> bool:
    """Messages as bytes: the two that matter are smaller than the library that would read them."""
    import asyncio

    from grpclib.client import Channel, UnaryUnaryMethod
    from grpclib.encoding.base import CodecBase
    from grpclib.exceptions import GRPCError, StreamTerminatedError

    class Bytes(CodecBase):
        __content_subtype__ = "proto"

        def encode(self, message: Any, message_type: Any) -> bytes:
            return bytes(message)

        def decode(self, data: bytes, message_type: Any) -> bytes:
            return data

    async def ask() -> bool:
        channel = Channel(path=str(path), codec=Bytes())
        check = UnaryUnaryMethod[bytes, bytes](channel, HEALTH_CHECK, bytes, bytes)
        try:
            return await check(b"", timeout=TIMEOUT_S) == SERVING
        except (GRPCError, StreamTerminatedError):
            return False
        finally:
            channel.close()

    return asyncio.run(ask())


PROBES: dict[str, Callable[..., bool]] = {
    "http": http,
    "tcp": tcp,
    "published": published,
    "workers": workers,
}


def main(words: Sequence[str]) -> int:
    """0: alive; 1: not; 2: not understood."""
    if not words or words[0] not in PROBES:
        return 2
    try:
        return 0 if PROBES[words[0]](*words[1:]) else 1
    except TypeError:
        return 2
    except (OSError, ValueError, HTTPException):
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
