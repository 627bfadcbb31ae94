"""One gateway holds a data directory; ports that others hold are seen before Envoy would share
them."""

import os
import socket
from pathlib import Path

import pytest

from cli import ports
from cli.lock import held, holder
from cli.output import AlreadyRunning, OperatorError


def test_a_held_lock_refuses_another_and_names_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "data" / "lock"
    assert holder(path) is None
    with held(path):
        assert holder(path) == os.getpid()
        with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"), held(path):
            pass
        assert holder(path) == os.getpid()
    assert holder(path) is None
    with held(path):
        pass


def test_a_port_that_somebody_shares_on_purpose_is_taken_all_the_same() -> None:
    """Envoy binds with SO_REUSEPORT: a second one would silently take half of the requests."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert ports.problem("127.0.0.1", port) == "taken by another process"
        with pytest.raises(OperatorError) as refused:
            ports.require("127.0.0.1", {"--http-port": port, "--https-port": 0})
    assert refused.value.details == [
        f"127.0.0.1:{port}: taken by another process; choose another with --http-port"
    ]


def test_free_ports_are_free() -> None:
    assert ports.problem("127.0.0.1", ports.free("127.0.0.1")) is None


def test_an_address_of_another_machine_is_said() -> None:
    assert ports.problem("192.0.2.1", 8080) == "this machine has no such address"
