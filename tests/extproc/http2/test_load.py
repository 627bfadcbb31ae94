"""Many streams, slow readers, connections that end of age, drains under load: no call is lost."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest

from tests.e2e.gateway import until
from tests.extproc.http2.memory import REQUEST, Pair, message
from tests.extproc.http2.serving import LOOPS, Running, serving, unix

# A channel of its own for each test: grpcio shares connections among equal channels.
OPTIONS = (("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1))


@pytest.fixture(params=LOOPS)
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    with serving(unix(tmp_path), request.param) as made:
        yield made


def method(name: str) -> list[tuple[str, str]]:
    return [(n, f"/test.T/{name}" if n == ":path" else v) for n, v in REQUEST]


def channel(running: Running, kind: Any = grpc) -> Any:
    return kind.insecure_channel(running.address, options=OPTIONS)


async def test_a_thousand_streams_at_once(running: Running) -> None:
    async with channel(running, grpc.aio) as made:
        calls = [made.stream_stream("/test.T/Hold")() for _ in range(1_500)]
        for call in calls:
            await call.write(b"x")
        assert [await call.read() for call in calls] == [b"held"] * 1_500
        assert running.held == 1_500 and running.ended == 0
        assert running.do(running.sessions()) == 1
        for call in calls:
            await call.done_writing()
        assert [await call.code() for call in calls] == [grpc.StatusCode.OK] * 1_500
    assert running.ended == 1_500


def test_a_reader_that_is_slow_holds_its_writer_and_nobody_else(running: Running) -> None:
    with channel(running) as made:
        slow = made.stream_stream("/test.T/Many")(iter([b"4000 100000"]))
        assert len(next(slow)) == 100_000
        before = psutil.Process().memory_info().rss
        for _ in range(20):
            assert made.unary_unary("/test.T/Echo")(b"quick", timeout=20) == b"quick"
        time.sleep(0.5)
        assert psutil.Process().memory_info().rss - before < 100_000_000, "of 400 MB"
        assert sum(1 for _ in slow) == 3_999


def test_a_peer_that_reads_nothing_holds_at_most_a_buffer(running: Running) -> None:
    """Windows wide open and a socket that nobody empties: the transport is what is full."""
    pair = Pair()
    pair.client.update_settings({4: 2**31 - 1})
    pair.client.increment_flow_control_window(2**31 - 1 - 65_535)
    pair.request(message(b"4000 100000"), end=True, headers=method("Many"))
    before = psutil.Process().memory_info().rss
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(running.address.removeprefix("unix:"))
        raw.sendall(pair.client.data_to_send())
        time.sleep(1)
        assert psutil.Process().memory_info().rss - before < 50_000_000, "of 400 MB"
        assert running.do(running.sessions()) == 1
    until(lambda: running.do(running.sessions()) == 0, "the connection to be gone")
    assert running.failures == []


def test_connections_end_of_age_without_a_failed_call(tmp_path: Path) -> None:
    with serving(unix(tmp_path), max_age_s=0.2) as running:
        stop = time.monotonic() + 4
        answered = 0

        def ask(number: int) -> int:
            count = 0
            with channel(running) as made:
                call = made.unary_unary("/test.T/Nap")
                while time.monotonic() < stop:
                    assert call(b"x" * number, timeout=20) == b"x" * number
                    count += 1
            return count

        with channel(running) as made, ThreadPoolExecutor(4) as pool:
            release = threading.Event()

            def requests() -> Iterator[bytes]:
                yield b"x"
                release.wait(30)
                yield b"y"

            long = made.stream_stream("/test.T/Hold")(requests())
            assert next(long) == b"held"
            answered = sum(pool.map(ask, range(4)))
            release.set()
            assert list(long) == [b"held"], "a call that runs goes on, however old"
        assert answered > 100
        until(lambda: running.do(running.sessions()) == 0, "all connections to be gone")


@pytest.mark.parametrize("loop", LOOPS)
def test_a_drain_under_load_fails_no_call(tmp_path: Path, loop: str) -> None:
    """As a rolling restart does it: a new server takes the name, then the old one drains."""
    with serving(unix(tmp_path), loop) as new:
        with serving(f"unix:{tmp_path}/old", loop) as old:
            path = Path(new.address.removeprefix("unix:"))
            path.replace(tmp_path / "new")
            Path(old.address.removeprefix("unix:")).replace(path)
            stop = threading.Event()

            def ask(number: int) -> int:
                count = 0
                while not stop.is_set():
                    with channel(new) as made:
                        call = made.stream_stream("/test.T/Nap")
                        for _ in range(50):
                            assert list(call(iter([b"x"]), timeout=20)) == [b"x"]
                            count += 1
                return count

            with ThreadPoolExecutor(6) as pool:
                counts = [pool.submit(ask, number) for number in range(6)]
                until(lambda: old.do(old.sessions()) >= 6, "load on the old server")
                (tmp_path / "new").replace(path)
                old.health.enter_shutdown()
                begun = time.monotonic()
                old.do(old.server.drain(30))
                took = time.monotonic() - begun
                time.sleep(0.3)
                stop.set()
                assert sum(count.result() for count in counts) > 50
            assert took < 10
            assert path.exists(), "the old server's name is another's now"
        assert new.do(new.sessions()) <= 6


def test_a_drain_waits_for_calls_and_then_lets_them_settle(running: Running) -> None:
    release = threading.Event()

    def requests() -> Iterator[bytes]:
        yield b"x"
        release.wait(30)

    with channel(running) as made:
        calls = [made.stream_stream("/test.T/Hold")(requests()) for _ in range(3)]
        assert [next(call) for call in calls] == [b"held"] * 3
        begun = time.monotonic()
        running.do(running.server.drain(1))
        assert 1 <= time.monotonic() - begun < 4
        assert running.ended == 3, "they read the end and went theirs"
        with pytest.raises(grpc.RpcError) as ended:
            next(calls[0])
        assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
        release.set()
    assert not Path(running.address.removeprefix("unix:")).exists()


def test_a_handler_that_does_not_end_is_cancelled_at_last(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extproc.http2.server.SETTLE_S", 0.3)
    begun, cancelled = threading.Event(), threading.Event()

    async def stubborn(call: Any) -> None:
        begun.set()
        try:
            await asyncio.sleep(3600)
        finally:
            cancelled.set()

    running.server._service.handlers["/test.T/Stubborn"] = stubborn  # type: ignore[index]
    with channel(running) as made:
        call = made.unary_unary("/test.T/Stubborn").future(b"")
        assert begun.wait(20)
        running.do(running.server.drain(0.2))
        assert cancelled.is_set()
        assert call.exception() is not None


def test_a_connection_that_has_left_closes_when_its_last_handler_ends(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though its stream is long gone, and nothing is left to be said."""
    monkeypatch.setattr("extproc.http2.session.LEAVING_S", 0.1)
    begun = threading.Event()

    async def late(call: Any) -> None:
        begun.set()
        await asyncio.sleep(1)

    running.server._service.handlers["/test.T/Late"] = late  # type: ignore[index]
    pair = Pair()
    stream_id = pair.request(headers=method("Late"))
    pair.client.reset_stream(stream_id)
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(running.address.removeprefix("unix:"))
        raw.sendall(pair.client.data_to_send())
        assert begun.wait(20)
        started = time.monotonic()
        running.do(running.server.drain(30))
        assert 1 < time.monotonic() - started < 10


def test_a_peer_that_says_nothing_is_not_waited_for(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extproc.http2.session.GREETING_S", 0.2)
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(running.address.removeprefix("unix:"))
        raw.settimeout(10)
        data = b""
        while piece := raw.recv(1000):
            data += piece
    assert data.endswith(b"no greeting")


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_peer_that_says_no_more_and_reads_no_more_keeps_no_call(
    tmp_path: Path, loop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its socket stays open: nothing but its end of file tells."""
    monkeypatch.setattr("extproc.http2.session.CLOSE_S", 0.3)
    pair = Pair()
    pair.client.update_settings({4: 2**31 - 1})
    pair.client.increment_flow_control_window(2**31 - 1 - 65_535)
    pair.request(message(b"100 1000000"), headers=method("Many"))
    pair.request(message(b"x"), headers=method("Hold"))
    with serving(unix(tmp_path), loop) as running, socket.socket(socket.AF_UNIX) as raw:
        raw.connect(running.address.removeprefix("unix:"))
        raw.sendall(pair.client.data_to_send())
        until(lambda: running.held == 1, "the call to begin")
        raw.shutdown(socket.SHUT_WR)
        until(lambda: running.ended == 1, "the call to end")
        until(lambda: running.do(running.sessions()) == 0, "the connection to be gone")
        assert running.failures == []


def test_a_fault_is_told_before_the_connection_closes(running: Running) -> None:
    with socket.socket(socket.AF_UNIX) as raw:
        raw.connect(running.address.removeprefix("unix:"))
        raw.settimeout(10)
        raw.sendall(b"GET / HTTP/1.1\r\n\r\n" + b"x" * 100)
        data = b""
        while piece := raw.recv(1000):
            data += piece
    assert data.endswith(b"not HTTP/2")
