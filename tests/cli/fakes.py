"""What the supervisor's tests share: rows of fake processes, and waiting on conditions."""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import orjson

from cli.journal import Journal
from cli.processes import Backoff, Launch, Spec

FAKE = Path(__file__).with_name("fake_process.py")
T = TypeVar("T")
QUICK = Backoff(base_s=0.01, ceiling_s=0.05, stable_s=60.0, jitter=0.0)


class Memory:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.text = b""

    def write(self, process: str, lines: bytes) -> None:
        self.text += lines

    def close(self) -> None:
        pass

    @property
    def entries(self) -> list[dict[str, object]]:
        return [orjson.loads(line) for line in self.text.splitlines()]

    def events(self, name: str) -> list[dict[str, object]]:
        return [entry for entry in self.entries if entry.get("event") == name]


def journal() -> tuple[Journal, Memory]:
    memory = Memory()
    return Journal(memory), memory


def fake_argv(path: Path, *flags: str) -> tuple[str, ...]:
    # -S -E: the fake needs only the standard library, and starts three times as fast
    return (sys.executable, "-S", "-E", str(FAKE), "--socket", str(path), *flags)


def fake_spec(name: str, directory: Path, *flags: str, **options: object) -> Spec:
    path = directory / f"{name}.sock"
    argv = fake_argv(path, "--name", name, "--ends", str(directory / "ends"), *flags)
    settings: dict[str, object] = {
        "launch": lambda generation: Launch(argv, ready=answering(path)),
        "backoff": QUICK,
        "stop_timeout_s": 5.0,
        "ready_timeout_s": 20.0,
        **options,
    }
    return Spec(name=name, **settings)  # type: ignore[arg-type]


def answering(path: Path) -> Callable[[], Awaitable[bool]]:
    async def ready() -> bool:
        return await ask(path) is not None

    return ready


async def ask(path: Path, word: bytes = b"bye") -> str | None:
    """What the process behind a socket says of itself; None when nobody is there, and "" when it
    was there but ended before it came to this connection."""
    try:
        reader, writer = await asyncio.open_unix_connection(str(path))
    except OSError:
        return None
    try:
        answer = await reader.read(100)
        writer.write(word)
    except ConnectionResetError:
        answer = b""
    finally:
        writer.close()
    return answer.decode()


def ask_now(path: Path) -> str | None:
    """The same, from a test without a loop."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path))
        except OSError:
            return None
        return connection.recv(100).decode()


async def until(condition: Callable[[], T], timeout_s: float = 20.0) -> T:
    async with asyncio.timeout(timeout_s):
        while not (value := condition()):  # noqa: ASYNC110 - the condition is outside the loop
            await asyncio.sleep(0.01)
    return value


def lives(pid: int) -> bool:
    """Whether a process runs; a body that is not reaped yet does not count."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def pid_of(answer: str | None) -> int:
    assert answer is not None
    return int(answer.split()[1])
