"""The process: where it listens, what it writes, how it ends."""

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from portal.__main__ import main
from portal.server import bound_unix
from tests.ledger.conftest import until
from tests.portal.conftest import ENV, LISTED, World
from tests.portal.test_models import names_in


@dataclass
class Running:
    """A portal process and what it wrote until it listened."""

    process: "subprocess.Popen[bytes]"
    lines: list[dict[str, object]] = field(default_factory=list)

    def until_event(self, event: str) -> dict[str, object]:
        """Reads on until a line with this event; fails when the output ends before."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(json.loads(line))
            if self.lines[-1]["event"] == event:
                return self.lines[-1]
        raise AssertionError(f"ended without {event}: {self.lines}")

    def end(self, number: int = signal.SIGTERM) -> int:
        """Signals the process, reads the rest, gives the exit code."""
        self.process.send_signal(number)
        rest, _ = self.process.communicate()
        self.lines += [json.loads(line) for line in rest.splitlines()]
        return self.process.returncode


@contextmanager
def portal(world: World, *options: str, by_environment: bool = False) -> Iterator[Running]:
    stores = {
        "CLAVIS_CATALOG": str(world.settings.catalog),
        "CLAVIS_REDIS_URL": world.settings.redis_url,
        "CLAVIS_SQL_URL": world.settings.sql_url,
    }
    given = [] if by_environment else ["--catalog", "--redis", "--sql"]
    values = [value for pair in zip(given, stores.values(), strict=False) for value in pair]
    process = subprocess.Popen(
        [sys.executable, "-m", "portal", *values, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **ENV, **(stores if by_environment else {})},
    )
    try:
        yield Running(process)
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


async def test_on_a_unix_socket_it_serves_writes_json_without_keys_and_ends_with_0(
    world: World, tmp_path: Path
) -> None:
    key = await world.key()
    path = tmp_path / "portal.sock"
    with portal(world, "--uds", str(path)) as running:
        await asyncio.to_thread(running.until_event, "catalog_loaded")
        transport = httpx.AsyncHTTPTransport(uds=str(path))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            answer = await client.get("/v1/models", headers={"authorization": f"Bearer {key}"})
            assert names_in(answer.json()) == LISTED
            query = await client.get(f"/v1beta/models?key={key}")
            assert query.status_code == 200
            head = await client.head(f"/api/v1/models?key={key}")
            assert (head.status_code, head.content) == (200, b"")
            near = await world.key("near", networks=("203.0.113.0/24",))
            headers = {"x-api-key": near, "x-forwarded-for": "10.0.0.1, 203.0.113.7"}
            assert (await client.get("/v1/models", headers=headers)).status_code == 200
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert await asyncio.to_thread(running.end) == 0
        assert not path.exists()
    text = json.dumps(running.lines)
    assert key not in text
    assert "upstream-secret" not in text
    requests = [line for line in running.lines if line["event"] == "request"]
    assert [line["status"] for line in requests] == [200] * 4
    assert {line["key_id"] for line in requests} == {row.id for row in world.keys}
    assert all("time" in line and "level" in line for line in running.lines)


async def test_on_a_free_port_with_settings_from_the_environment(world: World) -> None:
    with portal(world, "--port", "0", by_environment=True) as running:
        listening = await asyncio.to_thread(running.until_event, "listening")
        await asyncio.to_thread(running.until_event, "catalog_loaded")
        async with httpx.AsyncClient(base_url=f"http://{listening['at']}") as client:
            assert (await client.get("/readyz")).status_code == 200
        assert await asyncio.to_thread(running.end, signal.SIGINT) == 0


async def test_a_request_in_flight_is_answered_after_sigterm(world: World, tmp_path: Path) -> None:
    path = tmp_path / "portal.sock"
    with portal(world, "--uds", str(path)) as running:
        await asyncio.to_thread(running.until_event, "catalog_loaded")
        await world.ledger.hot.wire.call("CLIENT", "PAUSE", "1500", "ALL")
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n")
        await writer.drain()
        ending = asyncio.create_task(asyncio.to_thread(running.end))
        answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert await ending == 0


async def test_a_second_process_takes_the_socket_over_and_keeps_it(
    world: World, tmp_path: Path
) -> None:
    path = tmp_path / "portal.sock"
    with portal(world, "--uds", str(path)) as old:
        await asyncio.to_thread(old.until_event, "catalog_loaded")
        with portal(world, "--uds", str(path)) as new:
            await asyncio.to_thread(new.until_event, "catalog_loaded")
            assert await asyncio.to_thread(old.end) == 0
            transport = httpx.AsyncHTTPTransport(uds=str(path))
            async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
                assert (await client.get("/healthz")).status_code == 200
            assert await asyncio.to_thread(new.end) == 0


async def test_raw_bytes_that_are_no_http_do_not_end_the_server(
    world: World, tmp_path: Path
) -> None:
    path = tmp_path / "portal.sock"
    with portal(world, "--uds", str(path)) as running:
        await asyncio.to_thread(running.until_event, "catalog_loaded")
        for raw in (b"\0\xff\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /%"):
            _, writer = await asyncio.open_unix_connection(str(path))
            writer.write(raw)
            writer.close()

        async def is_alive() -> bool:
            transport = httpx.AsyncHTTPTransport(uds=str(path))
            async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
                return (await client.get("/healthz")).status_code == 200

        await until(is_alive)
        assert await asyncio.to_thread(running.end) == 0


def test_a_stale_socket_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "portal.sock"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()
    with bound_unix(path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--catalog", "x", "--redis", "y"],
        ["--catalog", "x", "--redis", "y", "--sql", "z", "--port", "many"],
        ["--catalog", "x", "--redis", "y", "--sql", "z", "--trusted-proxies", "everybody"],
        ["--cat", "x", "--redis", "y", "--sql", "z"],
    ],
)
def test_wrong_options_end_with_2_and_say_why(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CLAVIS_CATALOG", "CLAVIS_REDIS_URL", "CLAVIS_SQL_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: python -m portal" in capsys.readouterr().err
