"""A worker on TCP for an Envoy elsewhere: with mutual TLS it serves, without it nobody is let in.

The Envoy elsewhere is a second real one, rendered as `envoy/README.md` tells; it shares nothing
with the first gateway but the stores, the portal and this one worker on TCP.
"""

import json
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest

from catalog import load
from cli import bootstrap
from cli.binaries import envoy_binary
from cli.bootstrap import EnvoySettings, WorkerTls
from cli.settings import Settings
from tests.e2e.authority import Authority, Signed
from tests.e2e.gateway import Gateway, free_port, until

pytestmark = pytest.mark.e2e

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113, section 3.4
SETTINGS = bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))  # an empty SETTINGS frame; its type is the byte 4
WORKER_NAME = "workers.clavis.internal"
QUESTION = {"model": "gpt-5", "messages": [{"role": "user", "content": "hello"}]}


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker process on TCP."""

    address: str
    log: Path
    process: "subprocess.Popen[str]"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("mtls") / "ours")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("mtls") / "strangers")


@pytest.fixture(scope="module")
def worker(
    shared: Gateway, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Worker]:
    """On the stores and the catalog of the shared gateway."""
    signed = authority.sign(WORKER_NAME)
    settings = Settings(data_dir=shared.data)
    log = tmp_path_factory.mktemp("worker") / "log"
    argv = [
        *(sys.executable, "-m", "extproc"),
        *("--catalog", str(settings.places.accepted_catalog)),
        *("--listen", "127.0.0.1:0", "--worker-id", f"tcp-{free_port()}"),
        *("--tls-chain", str(signed.chain), "--tls-key", str(signed.key)),
        *("--tls-client-ca", str(authority.ca)),
    ]
    stores = {"CLAVIS_REDIS_URL": settings.redis, "CLAVIS_SQL_URL": settings.sql}
    with log.open("w") as errors:
        process = subprocess.Popen(
            argv,
            env={**shared.environment, **stores},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        assert process.stdout is not None
        [address] = json.loads(process.stdout.readline())["listening"]
        yield Worker(address, log, process)
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()


def elsewhere(
    shared: Gateway, worker: Worker, directory: Path, authority: Authority, client: Signed
) -> EnvoySettings:
    """An Envoy that trusts `authority` and shows the certificate `client`."""
    return EnvoySettings(
        directory=directory,
        workers=[worker.address],
        portal=f"unix:{Settings(data_dir=shared.data).places.portal}",
        admin=f"unix:{directory}/admin.sock",
        http_port=free_port(),
        https_port=None,
        worker_tls=WorkerTls(authority.ca, client.chain, client.key, WORKER_NAME),
    )


@contextmanager
def envoy(shared: Gateway, settings: EnvoySettings) -> Iterator[str]:
    """Runs it; gives its base URL."""
    config = bootstrap.write(settings, load(shared.catalog, shared.environment))
    argv = [str(envoy_binary()), "--config-path", str(config), "--concurrency", "1"]
    with (settings.directory / "log").open("w") as log:
        process = subprocess.Popen(
            [*argv, "--disable-hot-restart", "--log-level", "warning"], stdout=log, stderr=log
        )
    base = f"http://127.0.0.1:{settings.http_port}"
    try:
        until(lambda: httpx.get(f"{base}/healthz").is_success, "the Envoy elsewhere")
        yield base
    finally:
        process.terminate()
        process.wait(30)


def ask(shared: Gateway, base: str, **more: object) -> httpx.Response:
    headers = {"authorization": f"Bearer {shared.key}"}
    body = {**QUESTION, **more}
    return httpx.post(f"{base}/v1/chat/completions", json=body, headers=headers, timeout=60)


def test_a_request_is_answered_end_to_end_over_tcp_with_mutual_tls(
    shared: Gateway, worker: Worker, authority: Authority, tmp_path: Path
) -> None:
    """Plain and streamed, and recorded like any other."""
    settings = elsewhere(shared, worker, tmp_path, authority, authority.sign("envoy.internal"))
    with envoy(shared, settings) as base:
        plain = until(lambda: (a := ask(shared, base)).is_success and a, "an answer")
        streamed = ask(shared, base, stream=True)
    assert plain.json()["choices"][0]["message"]["content"]
    assert streamed.text.rstrip().endswith("data: [DONE]")
    usage = shared.usage(plain.headers["x-request-id"])
    assert (usage["status"], usage["model"]) == (200, "gpt-5")


@pytest.mark.parametrize("wrong", ["client", "server", "name"])
def test_an_envoy_and_a_worker_that_do_not_trust_each_other_do_not_talk(
    shared: Gateway, worker: Worker, authority: Authority, stranger: Authority,
    tmp_path: Path, wrong: str,
) -> None:  # fmt: skip
    """The caller gets a clear error and nothing is asked upstream."""
    ours, theirs = authority.sign("envoy.internal"), stranger.sign("envoy.internal")
    settings = elsewhere(
        shared, worker, tmp_path,
        stranger if wrong == "server" else authority,
        theirs if wrong == "client" else ours,
    )  # fmt: skip
    if wrong == "name":
        assert settings.worker_tls is not None
        other = replace(settings.worker_tls, server_name="another.internal")
        settings = replace(settings, worker_tls=other)
    with envoy(shared, settings) as base:
        answer = ask(shared, base)
    assert answer.status_code == 503
    assert answer.json()["error"]["type"] == "server_error"
    assert "x-clavis-upstream" not in answer.headers


def greeted(worker: Worker, context: ssl.SSLContext | None) -> bool:
    """Whether the worker speaks HTTP/2 with this client: its first frame is a SETTINGS frame."""
    host, _, port = worker.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as plain:
        try:
            connection = context.wrap_socket(plain) if context else plain
            with connection:
                connection.sendall(PREFACE + SETTINGS)
                head = connection.recv(9)
        except (ssl.SSLError, ConnectionError):
            return False
    return len(head) == 9 and head[3] == SETTINGS[3]


def client_context(authority: Authority, shown: Signed | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.ca)
    context.check_hostname = False  # we come by address; Envoy checks the name
    context.set_alpn_protocols(["h2"])
    if shown is not None:
        context.load_cert_chain(shown.chain, shown.key)
    return context


def test_only_a_client_whose_certificate_our_authority_signed_is_let_in(
    worker: Worker, authority: Authority, stranger: Authority
) -> None:
    ours, theirs = authority.sign("client.internal"), stranger.sign("client.internal")
    assert greeted(worker, client_context(authority, ours))
    assert not greeted(worker, client_context(authority, None))
    assert not greeted(worker, client_context(authority, theirs))
    assert not greeted(worker, None)


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:9000"])
def test_a_worker_refuses_to_listen_beyond_loopback_without_mutual_tls(
    tmp_path: Path, address: str
) -> None:
    argv = [sys.executable, "-m", "extproc", "--catalog", str(tmp_path / "catalog.yaml")]
    stores = ["--redis", "unix:///nowhere", "--sql", "sqlite:///nowhere"]
    done = subprocess.run(
        [*argv, *stores, "--listen", address, "--worker-id", "w"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "needs mutual TLS" in done.stderr
