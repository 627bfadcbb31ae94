"""A health check says yes exactly when its part is alive, and costs no more than it must."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent import futures
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from cli import lock, probe

ALIVE, DEAD, NOT_UNDERSTOOD = 0, 1, 2


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/ready" else 503)
        self.end_headers()

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def http_socket(tmp_path: Path) -> Iterator[str]:
    path = str(tmp_path / "http.sock")
    with UnixStreamServer(path, _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield path
        server.shutdown()
        thread.join()


def worker(path: Path, status: "health_pb2.HealthCheckResponse.ServingStatus") -> grpc.Server:
    """A gRPC server that answers the health check with this status."""
    server = grpc.server(futures.ThreadPoolExecutor(1))
    servicer = health.HealthServicer()
    servicer.set("", status)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    server.add_insecure_port(f"unix:{path}")
    server.start()
    return server


@pytest.mark.parametrize(("target", "code"), [("/ready", ALIVE), ("/other", DEAD)])
def test_a_get_over_a_unix_socket_is_alive_when_it_is_answered_200(
    http_socket: str, target: str, code: int
) -> None:
    assert probe.main(["http", http_socket, target]) == code


def test_a_socket_without_an_owner_is_dead(tmp_path: Path) -> None:
    assert probe.main(["http", str(tmp_path / "nobody.sock"), "/ready"]) == DEAD
    assert probe.main(["tcp", "127.0.0.1:1"]) == DEAD


def test_workers_are_alive_when_every_slot_serves(tmp_path: Path) -> None:
    """A generation that has not taken its slot yet does not count."""
    assert probe.main(["workers", str(tmp_path)]) == DEAD
    serving = health_pb2.HealthCheckResponse.SERVING
    draining = health_pb2.HealthCheckResponse.NOT_SERVING
    servers = [
        worker(tmp_path / "extproc-0.sock", serving),
        worker(tmp_path / "extproc-1.2.sock", draining),
    ]
    try:
        assert probe.main(["workers", str(tmp_path)]) == ALIVE
        servers.append(worker(tmp_path / "extproc-1.sock", draining))
        assert probe.main(["workers", str(tmp_path)]) == DEAD
    finally:
        for server in servers:
            server.stop(None).wait()


def test_a_publisher_is_alive_when_it_holds_the_lock_and_has_published(tmp_path: Path) -> None:
    asked = ["published", str(tmp_path)]
    assert probe.main(asked) == DEAD
    with lock.held(tmp_path / "lock"):
        assert probe.main(asked) == DEAD
        (tmp_path / "catalog.accepted.yaml").touch()
        assert probe.main(asked) == ALIVE
    assert probe.main(asked) == DEAD


@pytest.mark.parametrize("words", [[], ["nonsense"], ["http"], ["tcp", "a", "b"]])
def test_words_that_are_not_understood_are_not_taken_for_an_answer(words: list[str]) -> None:
    assert probe.main(words) == NOT_UNDERSTOOD


def test_a_probe_loads_no_more_than_it_must() -> None:
    """It runs every few seconds in every container."""
    code = "import sys, cli.probe; print(len(sys.modules.keys() & {'httpx', 'pydantic', 'yaml'}))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "0\n"
