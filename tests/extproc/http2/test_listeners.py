"""Addresses, TLS and deadlines on raw sockets, where a gRPC client would not go by itself."""

import socket
import ssl
import time
from pathlib import Path

import pytest
from h2.events import StreamEnded, TrailersReceived

from extproc.http2.listeners import bind
from tests.e2e.authority import Authority
from tests.extproc.http2.memory import REQUEST, Pair, message
from tests.extproc.http2.serving import Running, serving, unix

NAME = "workers.clavis.internal"


def ask(running: Running, **more: str) -> tuple[dict[str, str], float]:
    """One call of Hold with one message and no end; its trailers, and how long it took."""
    pair = Pair()
    headers = [(n, "/test.T/Hold" if n == ":path" else v) for n, v in REQUEST]
    pair.request(
        message(b"x"), headers=[*headers, *((n.replace("_", "-"), v) for n, v in more.items())]
    )
    begun = time.monotonic()
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(running.address.removeprefix("unix:"))
        raw.settimeout(20)
        while True:
            raw.sendall(pair.client.data_to_send())
            heard = pair.client.receive_data(raw.recv(100_000))
            pair.heard += heard
            if any(isinstance(event, StreamEnded) for event in heard):
                break
    [trailers] = pair.of(TrailersReceived)
    return dict(trailers.headers), time.monotonic() - begun


def test_the_servers_own_deadline_ends_a_call(tmp_path: Path) -> None:
    with serving(unix(tmp_path)) as running:
        trailers, took = ask(running, grpc_timeout="300m")
        assert trailers["grpc-status"] == "4"
        assert 0.3 <= took < 5
        assert (running.held, running.ended, running.failures) == (1, 1, [])


def test_a_client_without_alpn_is_not_spoken_to(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ours")
    client = authority.sign("client.internal")
    with serving("127.0.0.1:0", tls=(authority, authority.sign(NAME))) as running:
        context = ssl.create_default_context(cafile=authority.ca)
        context.check_hostname = False
        context.load_cert_chain(client.chain, client.key)
        host, _, port = running.address.rpartition(":")
        for protocols in ([], ["h2"], ["http/1.1"]):
            if protocols:
                context.set_alpn_protocols(protocols)
            with socket.create_connection((host, int(port)), 20) as plain:
                try:
                    with context.wrap_socket(plain) as secure:
                        greeted = bool(secure.recv(9))
                except (ssl.SSLError, ConnectionError):
                    greeted = False
            assert greeted == (protocols == ["h2"])


def test_an_old_tls_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ours")
    with serving("127.0.0.1:0", tls=(authority, authority.sign(NAME))) as running:
        context = ssl.create_default_context(cafile=authority.ca)
        context.check_hostname = False
        with pytest.warns(DeprecationWarning):
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        host, _, port = running.address.rpartition(":")
        with socket.create_connection((host, int(port)), 20) as plain, pytest.raises(OSError):
            context.wrap_socket(plain)


@pytest.mark.parametrize(
    ("cipher", "agreed"),
    [("ECDHE-ECDSA-AES128-GCM-SHA256", True), ("ECDHE-ECDSA-AES128-SHA256", False)],
)
def test_ciphers_that_http2_prohibits_are_refused(
    tmp_path: Path, cipher: str, agreed: bool
) -> None:
    authority = Authority(tmp_path / "ours")
    client = authority.sign("client.internal")
    with serving("127.0.0.1:0", tls=(authority, authority.sign(NAME))) as running:
        context = ssl.create_default_context(cafile=authority.ca)
        context.check_hostname = False
        context.load_cert_chain(client.chain, client.key)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(cipher)
        context.set_alpn_protocols(["h2"])
        host, _, port = running.address.rpartition(":")
        with socket.create_connection((host, int(port)), 20) as plain:
            try:
                with context.wrap_socket(plain) as secure:
                    greeted = bool(secure.recv(9))
            except (ssl.SSLError, ConnectionError):
                greeted = False
        assert greeted == agreed


def test_a_peer_that_vanished_is_noticed_also_where_it_owes_acknowledgements() -> None:
    chosen, [listener] = bind("127.0.0.1:0", None)
    host, _, port = chosen.rpartition(":")
    with listener.socket, socket.create_connection((host, int(port)), 20):
        made, _ = listener.socket.accept()
        with made:
            assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])
def test_a_tcp_address_tells_the_port_that_was_chosen(host: str) -> None:
    chosen, listeners = bind(f"{host}:0", None)
    try:
        port = int(chosen.removeprefix(f"{host}:"))
        assert {listener.socket.getsockname()[1] for listener in listeners} == {port}
        with socket.create_connection(("127.0.0.1", port), 5):
            pass
        with pytest.raises(OSError, match="in use"):
            bind(chosen, None)
    finally:
        for listener in listeners:
            listener.socket.close()


def test_the_socket_of_one_that_died_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "s"
    for _ in range(2):
        _, [listener] = bind(f"unix:{path}", None)
        listener.socket.close()  # as a process that dies: the name stays
        assert path.is_socket()
    path.unlink()
    path.write_text("precious")
    with pytest.raises(OSError, match="in use"):
        bind(f"unix:{path}", None)
    assert path.read_text() == "precious"


def test_a_name_that_is_anothers_by_now_is_left_alone(tmp_path: Path) -> None:
    _, [old] = bind(f"unix:{tmp_path}/s", None)
    (tmp_path / "s").rename(tmp_path / "away")
    _, [new] = bind(f"unix:{tmp_path}/s", None)
    old.remove()
    assert (tmp_path / "s").is_socket()
    new.remove()
    assert not (tmp_path / "s").exists()
    old.socket.close()
    new.socket.close()
