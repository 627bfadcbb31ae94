"""Real clients on real sockets: grpcio's two and grpclib, on both event loops, also with TLS."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpclib.client import Channel

from cli.readiness import health_check
from tests.e2e.authority import Authority, Signed
from tests.e2e.gateway import until
from tests.extproc.http2.serving import LOOPS, MAX_MESSAGE, Running, serving, unix

BIG = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
NAME = "workers.clavis.internal"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture(params=[(loop, tls) for loop in LOOPS for tls in (False, True)], ids=str)
def running(
    request: pytest.FixtureRequest, tmp_path: Path, authority: Authority
) -> Iterator[Running]:
    loop, tls = request.param
    if tls:
        with serving("127.0.0.1:0", loop, (authority, authority.sign(NAME))) as made:
            yield made
    else:
        with serving(unix(tmp_path), loop) as made:
            yield made


def credentials(authority: Authority, shown: Signed | None) -> grpc.ChannelCredentials:
    if shown is None:
        return grpc.ssl_channel_credentials(authority.ca.read_bytes())
    key, chain = shown.key.read_bytes(), shown.chain.read_bytes()
    return grpc.ssl_channel_credentials(authority.ca.read_bytes(), key, chain)


def channel(running: Running, authority: Authority, kind: Any = grpc) -> Any:
    if running.address.startswith("unix:"):
        return kind.insecure_channel(running.address, options=BIG)
    shown = credentials(authority, authority.sign("envoy.internal"))
    options = (*BIG, ("grpc.ssl_target_name_override", NAME))
    return kind.secure_channel(running.address, shown, options=options)


def stream(made: Any, method: str) -> Any:
    return made.stream_stream(f"/test.T/{method}")


def test_the_synchronous_client_talks_to_and_fro(running: Running, authority: Authority) -> None:
    sent = [b"", b"one", b"x" * 100_000, b"last"]
    with channel(running, authority) as made:
        for _ in range(3):
            call = stream(made, "Echo")(iter(sent))
            assert list(call) == sent
            assert call.code() is grpc.StatusCode.OK
        assert made.unary_unary("/test.T/Echo")(b"unary") == b"unary"


async def test_the_asynchronous_client_talks_to_and_fro(
    running: Running, authority: Authority
) -> None:
    async with channel(running, authority, grpc.aio) as made:
        call = stream(made, "Echo")()
        for data in (b"one", b"", b"three"):
            await call.write(data)
            assert await call.read() == data
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK


def test_the_largest_body_goes_both_ways(running: Running, authority: Authority) -> None:
    body = bytes(range(256)) * (32 * 1024 * 4)
    assert len(body) == 32 * 1024 * 1024
    with channel(running, authority) as made:
        assert made.unary_unary("/test.T/Echo")(body, timeout=60) == body
        assert made.unary_unary("/test.T/Count")(body, timeout=60) == b"33554432"


def test_many_messages_of_more_than_a_window_come_through(
    running: Running, authority: Authority
) -> None:
    with channel(running, authority) as made:
        sent = (b"x" * 10_000 for _ in range(2_000))
        assert list(stream(made, "Count")(sent, timeout=60)) == [b"20000000"]
        heard = stream(made, "Many")(iter([b"2000 10000"]), timeout=60)
        assert sum(map(len, heard)) == 20_000_000


def test_a_message_over_the_limit_is_refused_by_its_size(
    running: Running, authority: Authority
) -> None:
    with channel(running, authority) as made:
        with pytest.raises(grpc.RpcError) as refused:
            made.unary_unary("/test.T/Count")(b"x" * (MAX_MESSAGE + 1), timeout=60)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert made.unary_unary("/test.T/Count")(b"after", timeout=20) == b"5"


def test_compressed_messages_are_refused(running: Running, authority: Authority) -> None:
    with channel(running, authority) as made, pytest.raises(grpc.RpcError) as refused:
        made.unary_unary("/test.T/Echo")(b"x" * 1000, compression=grpc.Compression.Gzip, timeout=20)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_an_unknown_method_is_unimplemented(running: Running, authority: Authority) -> None:
    with channel(running, authority) as made:
        for method in ("/test.T/Nothing", "/", "/test.T"):
            with pytest.raises(grpc.RpcError) as refused:
                made.unary_unary(method)(b"", timeout=20)
            assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_failure_of_ours_says_nothing_of_itself(running: Running, authority: Authority) -> None:
    with channel(running, authority) as made, pytest.raises(grpc.RpcError) as refused:
        made.unary_unary("/test.T/Fail")(b"", timeout=20)
    assert refused.value.code() is grpc.StatusCode.INTERNAL
    assert "secret" not in str(refused.value)
    assert [str(failure) for failure in running.failures] == ["a secret"]


def test_a_status_with_a_text_arrives(running: Running, authority: Authority) -> None:
    with channel(running, authority) as made, pytest.raises(grpc.RpcError) as refused:
        made.unary_unary("/test.T/Abort")(b"", timeout=20)
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    assert refused.value.details() == "no such thing: 100 % gone, é"
    assert running.failures == []


def test_a_call_that_is_cancelled_reads_the_end(running: Running, authority: Authority) -> None:
    with channel(running, authority) as made:
        calls = []
        release = threading.Event()

        def requests() -> Iterator[bytes]:
            yield b"x"
            release.wait(30)

        for _ in range(5):
            call = stream(made, "Hold")(requests())
            assert next(call) == b"held"
            calls.append(call)
        assert (running.held, running.ended) == (5, 0)
        for call in calls[:3]:
            call.cancel()
        until(lambda: running.ended == 3, "three handlers to read the end")
        release.set()
    until(lambda: running.ended == 5, "the channel's end to be theirs")
    assert running.failures == []


async def test_grpclib_checks_health(tmp_path: Path) -> None:
    with serving(unix(tmp_path)) as running:
        client = Channel(path=running.address.removeprefix("unix:"))
        try:
            check = health_check(client)
            answer = await check(HealthCheckRequest(service="test.T"), timeout=20)
            assert answer.status == HealthCheckResponse.SERVING
            running.loop.call_soon_threadsafe(running.health.enter_shutdown)
            answer = await check(HealthCheckRequest(), timeout=20)
            assert answer.status == HealthCheckResponse.NOT_SERVING
        finally:
            client.close()


def test_health_is_checked_and_watched(running: Running, authority: Authority) -> None:
    with channel(running, authority) as made:
        stub = HealthStub(made)
        assert stub.Check(HealthCheckRequest()).status == HealthCheckResponse.SERVING
        with pytest.raises(grpc.RpcError) as refused:
            stub.Check(HealthCheckRequest(service="nobody"))
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND
        watch = stub.Watch(HealthCheckRequest(service="test.T"))
        unknown = stub.Watch(HealthCheckRequest(service="nobody"))
        assert next(watch).status == HealthCheckResponse.SERVING
        assert next(unknown).status == HealthCheckResponse.SERVICE_UNKNOWN
        unknown.cancel()
        running.loop.call_soon_threadsafe(running.health.enter_shutdown)
        assert next(watch).status == HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.RpcError) as ended:
            next(watch)
        assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
        assert stub.Check(HealthCheckRequest()).status == HealthCheckResponse.NOT_SERVING


def test_calls_of_many_threads_do_not_mix(running: Running, authority: Authority) -> None:
    with channel(running, authority) as made, ThreadPoolExecutor(8) as pool:
        asked = [str(number).encode() * (number % 300) for number in range(400)]
        assert list(pool.map(made.unary_unary("/test.T/Nap"), asked)) == asked


@pytest.mark.parametrize("shown", ["nothing", "another's"])
def test_a_client_that_is_not_ours_is_not_let_in(
    authority: Authority, tmp_path: Path, shown: str
) -> None:
    stranger = Authority(tmp_path / "strangers")
    client = stranger.sign("envoy.internal") if shown == "another's" else None
    with serving("127.0.0.1:0", tls=(authority, authority.sign(NAME))) as running:
        options = (("grpc.ssl_target_name_override", NAME),)
        made: Any = grpc.secure_channel(
            running.address, credentials(authority, client), options=options
        )
        with made:
            with pytest.raises(grpc.RpcError) as refused:
                made.unary_unary("/test.T/Echo")(b"", timeout=20)
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert running.do(running.sessions()) == 0
