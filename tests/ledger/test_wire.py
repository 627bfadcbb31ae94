"""The shared connection: replies reach their callers or nobody, and a fault ends in an answer."""

import asyncio
import random
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ledger.errors import BadUrl, StoreRefused, StoreUnavailable
from ledger.store import link as link_module
from ledger.store.address import Address, parse_address
from ledger.store.hot import SCRIPTS
from ledger.store.wire import Script, Timeouts, Wire
from tests.ledger.conftest import RedisServer
from tests.ledger.fake_redis import Answer, bulk, fake_redis

QUICK = Timeouts(reply_ms=100, patience_ms=100)


def wire_to(url: str, timeouts: Timeouts = QUICK) -> Wire:
    return Wire(parse_address(url), (), timeouts)


async def test_a_cancelled_callers_reply_is_dropped_and_the_next_gets_its_own(
    tmp_path: Path,
) -> None:
    asked, release = asyncio.Event(), asyncio.Event()

    async def handler(_: int, command: list[bytes]) -> Answer:
        asked.set()
        await release.wait()
        return bulk(command[1])

    async with fake_redis(tmp_path, handler) as url:
        wire = wire_to(url, Timeouts())
        first = asyncio.create_task(wire.call("ECHO", "first"))
        await asked.wait()
        second = asyncio.create_task(wire.call("ECHO", "second"))
        first.cancel()
        release.set()
        assert await second == b"second"
        assert first.cancelled()
        assert await wire.call("ECHO", "third") == b"third"
        await wire.close()


async def test_replies_are_never_mixed_up_when_callers_are_cancelled_at_random(
    redis_url: str,
) -> None:
    dice = random.Random(20261121)
    wire = wire_to(redis_url, Timeouts())
    kept = 0
    for turn in range(50):
        calls = [asyncio.create_task(wire.call("ECHO", f"{turn}.{n}")) for n in range(40)]
        for call in calls:
            if dice.random() < 0.3:
                asyncio.get_running_loop().call_later(dice.random() / 500, call.cancel)
        answers = await asyncio.gather(*calls, return_exceptions=True)
        for number, answer in enumerate(answers):
            if not isinstance(answer, asyncio.CancelledError):
                assert answer == f"{turn}.{number}".encode()
                kept += 1
    assert 1000 < kept < 2000
    await wire.close()


async def test_no_answer_in_time_is_unavailable_and_a_late_answer_reaches_nobody(
    tmp_path: Path,
) -> None:
    """The first connection answers after the time limit; callers after it are on a second one."""
    late = asyncio.Event()

    async def handler(connection: int, command: list[bytes]) -> Answer:
        if connection == 1:
            await late.wait()
        return bulk(command[1])

    async with fake_redis(tmp_path, handler) as url:
        wire = wire_to(url)
        calls = [asyncio.create_task(wire.call("ECHO", f"{n}")) for n in range(3)]
        for outcome in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(outcome, StoreUnavailable)
        late.set()
        assert await wire.call("ECHO", "after") == b"after"
        await wire.close()


async def test_a_command_whose_connection_broke_is_sent_once_more(tmp_path: Path) -> None:
    seen = []

    async def handler(connection: int, command: list[bytes]) -> Answer:
        seen.append((connection, command[1]))
        return None if connection == 1 else bulk(command[1])

    async with fake_redis(tmp_path, handler) as url:
        wire = wire_to(url)
        assert await wire.call("ECHO", "again") == b"again"
        assert seen == [(1, b"again"), (2, b"again")]
        await wire.close()


@pytest.mark.parametrize("answer", [None, b"not the protocol\r\n", b"+OK\r\n+unasked\r\n"])
async def test_a_connection_that_breaks_or_babbles_is_given_up(
    tmp_path: Path, answer: Answer
) -> None:
    """Closed, no protocol, an answer that nobody asked for: what follows cannot be believed."""

    async def handler(connection: int, command: list[bytes]) -> Answer:
        return answer if connection <= 2 else bulk(command[1])

    async with fake_redis(tmp_path, handler) as url:
        wire = wire_to(url)
        outcomes: list[object] = []
        for _ in range(3):
            outcomes += await asyncio.gather(wire.call("ECHO", "two"), return_exceptions=True)
        assert [o for o in outcomes if not isinstance(o, StoreUnavailable)][-1] == b"two"
        assert len(outcomes) > outcomes.index(b"two") > 0
        await wire.close()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"-LOADING Redis is loading\r\n", StoreUnavailable),
        (b"-READONLY You can't write against a read only replica.\r\n", StoreUnavailable),
        (b"-CLUSTERDOWN Hash slot not served\r\n", StoreUnavailable),
        (b"-OOM command not allowed when used memory > 'maxmemory'.\r\n", StoreUnavailable),
        (b"-ERR Error running script: -READONLY You can't write.\r\n", StoreUnavailable),
        (b"-WRONGTYPE Operation against a key\r\n", StoreRefused),
        (b"-ERR unknown command\r\n", StoreRefused),
    ],
)
async def test_errors_of_redis_are_sorted_into_not_now_and_never(
    tmp_path: Path, answer: bytes, expected: type[Exception]
) -> None:
    async def handler(_: int, __: list[bytes]) -> Answer:
        return answer

    async with fake_redis(tmp_path, handler) as url:
        wire = wire_to(url)
        with pytest.raises(expected):
            await wire.call("SET", "a", "b")
        await wire.close()


async def test_a_demoted_master_is_left_for_a_new_connection(tmp_path: Path) -> None:
    refusal = b"-ERR Error running script: -READONLY replica\r\n"

    async def handler(connection: int, _: list[bytes]) -> Answer:
        return refusal if connection == 1 else b"+OK\r\n"

    async with fake_redis(tmp_path, handler) as url:
        wire = wire_to(url)
        with pytest.raises(StoreUnavailable):
            await wire.call("SET", "a", "b")
        assert await wire.call("SET", "a", "b") == b"OK"
        await wire.close()


async def test_an_absent_redis_is_waited_for_once_and_then_refused_at_once(
    tmp_path: Path,
) -> None:
    wire = wire_to(f"unix://{tmp_path}/nobody.sock")
    clock = asyncio.get_running_loop().time
    began = clock()
    with pytest.raises(StoreUnavailable):
        await wire.call("PING")
    assert clock() - began >= 0.1
    for _ in range(100):
        with pytest.raises(StoreUnavailable):
            await wire.call("PING")
    assert clock() - began < 0.5
    await wire.close()


async def test_callers_that_wait_for_a_redis_that_comes_back_are_served(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis")
    wire = wire_to(server.url, Timeouts(patience_ms=10_000))
    calls = [asyncio.create_task(wire.call("ECHO", f"{n}")) for n in range(5)]
    await asyncio.to_thread(server.start)
    assert await asyncio.gather(*calls) == [b"0", b"1", b"2", b"3", b"4"]
    await wire.close()
    server.stop()


async def test_a_queue_that_is_too_long_refuses_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link_module, "MAX_WAITING", 3)
    release = asyncio.Event()

    async def handler(_: int, command: list[bytes]) -> Answer:
        await release.wait()
        return bulk(command[1])

    async with fake_redis(tmp_path, handler) as url:
        wire = wire_to(url, Timeouts())
        await wire.call("PING")
        calls = [asyncio.create_task(wire.call("ECHO", f"{n}")) for n in range(5)]
        done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        assert [type(call.exception()) for call in done] == [StoreUnavailable] * len(done)
        release.set()
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert answers[:3] == [b"0", b"1", b"2"]
        assert [type(answer) for answer in answers[3:]] == [StoreUnavailable] * 2
        await wire.close()


async def test_a_forgotten_script_is_sent_in_full(redis_url: str) -> None:
    wire = wire_to(redis_url, Timeouts())
    script = Script.load("renew")
    await wire.call("SCRIPT", "FLUSH")
    for _ in range(2):
        assert await wire.run(script, ("{s0}:a", "{s0}:b"), "r", "w", 0, 1, "n") == 0
    await wire.close()


async def test_nothing_is_answered_after_closing(redis_url: str) -> None:
    wire = wire_to(redis_url)
    await wire.call("PING")
    await wire.close()
    with pytest.raises(StoreUnavailable):
        await wire.call("PING")


async def test_a_tcp_port_works_like_a_socket(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = RedisServer(tmp_path / "redis", "--port", str(port))
    server.start()
    wire = wire_to(f"redis://127.0.0.1:{port}/1", Timeouts())
    assert await asyncio.gather(*(wire.call("ECHO", f"{n}") for n in range(3))) == [
        b"0",
        b"1",
        b"2",
    ]
    await wire.close()
    server.stop()


async def test_tls_is_spoken_with_a_server_whose_certificate_is_trusted(tmp_path: Path) -> None:
    async def handler(_: int, command: list[bytes]) -> Answer:
        return bulk(command[1])

    context, ca_file = self_signed(tmp_path)
    async with fake_redis(tmp_path, handler, context) as url:
        wire = wire_to(f"{url}?ssl_ca_certs={ca_file}", Timeouts())
        assert await wire.call("ECHO", "sealed") == b"sealed"
        await wire.close()
        stranger = wire_to(url)
        with pytest.raises(StoreUnavailable):
            await stranger.call("ECHO", "sealed")
        await stranger.close()


def self_signed(directory: Path) -> tuple[ssl.SSLContext, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    ca_file = directory / "ca.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    ca_file.write_bytes(certificate.public_bytes(Encoding.PEM) + secret)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(ca_file)
    return context, ca_file


async def test_password_and_database_of_the_url_are_used(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "redis", "--requirepass", "s3cret/:")
    server.start()
    wire = wire_to(server.url.replace("unix://", "unix://:s3cret%2F%3A@") + "?db=3")
    await wire.call("SET", "where", "here")
    assert b"db=3" in await wire.call("CLIENT", "LIST")
    with pytest.raises(StoreUnavailable):
        await wire_to(server.url).call("GET", "where")
    await wire.close()
    server.stop()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://host", Address("host")),
        ("redis://host:1/2", Address("host", 1, db=2)),
        ("redis://:p%40ss@host", Address("host", password="p@ss")),
        ("redis://me:p@[::1]:7", Address("::1", 7, username="me", password="p")),
        ("rediss://host/?ssl_ca_certs=ca.pem", Address("host", tls=True, ca_file="ca.pem")),
        ("unix:///run/redis.sock?db=1", Address(path="/run/redis.sock", db=1)),
    ],
)
def test_urls_are_understood(url: str, expected: Address) -> None:
    assert parse_address(url) == expected


@pytest.mark.parametrize(
    "url", ["", "http://h", "redis://h:port", "redis://h/db", "unix://", "redis://:secret@h:99999"]
)
def test_other_urls_are_refused_without_showing_the_password(url: str) -> None:
    with pytest.raises(BadUrl) as raised:
        parse_address(url)
    assert "secret" not in str(raised.value)


def test_an_address_shows_no_password() -> None:
    address = parse_address("redis://me:secret@host:1")
    assert "secret" not in repr(address) + str(address)


def test_every_script_says_what_it_gives_and_uses_no_clock_of_the_server() -> None:
    for script in SCRIPTS:
        assert "-- gives " in script.text
        assert "'TIME'" not in script.text
