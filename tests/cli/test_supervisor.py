"""The supervisor keeps its table running, in order, and leaves nothing behind."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from cli.child import Child
from cli.processes import Backoff, Launch, Spec
from cli.supervised import StartFailed
from cli.supervisor import Supervisor
from tests.cli.fakes import (
    answering,
    ask,
    ask_now,
    fake_argv,
    fake_spec,
    journal,
    lives,
    pid_of,
    until,
)


async def test_starts_in_the_order_of_needs(tmp_path: Path) -> None:
    book, memory = journal()
    specs = [
        fake_spec("door", tmp_path, after=("worker", "store")),
        fake_spec("worker", tmp_path, after=("store",)),
        fake_spec("store", tmp_path),
    ]
    supervisor = Supervisor(specs, book)
    await supervisor.start()
    await supervisor.stop()
    assert [e["name"] for e in memory.events("ready")] == ["store", "worker", "door"]


async def test_stops_in_the_order_of_duties(tmp_path: Path) -> None:
    """Whatever the order of starting: the door first, the store last."""
    book, _ = journal()
    specs = [
        fake_spec("store", tmp_path, stop_order=3),
        fake_spec("worker", tmp_path, stop_order=2),
        fake_spec("door", tmp_path, stop_order=1),
    ]
    supervisor = Supervisor(specs, book)
    await supervisor.start()
    await supervisor.stop()
    assert (tmp_path / "ends").read_text().split() == ["door", "worker", "store"]


async def test_preparation_runs_before_the_process_is_told_to_end(tmp_path: Path) -> None:
    book, _ = journal()
    seen: list[str | None] = []

    async def drain() -> None:
        seen.append(await ask(tmp_path / "door.sock"))

    supervisor = Supervisor([fake_spec("door", tmp_path, prepare_stop=drain)], book)
    await supervisor.start()
    pid = supervisor["door"].pid
    await supervisor.stop()
    assert seen == [f"door {pid}"]


async def test_a_dead_process_is_started_again(tmp_path: Path) -> None:
    book, memory = journal()
    ended: list[tuple[int, bool]] = []
    spec = fake_spec("worker", tmp_path, on_end=lambda g, meant: ended.append((g, meant)))
    supervisor = Supervisor([spec], book)
    await supervisor.start()
    first = pid_of(await ask(tmp_path / "worker.sock"))
    os.kill(first, signal.SIGKILL)
    await until(lambda: supervisor["worker"].restarts == 1)
    assert pid_of(await ask(tmp_path / "worker.sock")) != first
    assert [e["code"] for e in memory.events("restarting")] == [-signal.SIGKILL]
    await supervisor.stop()
    assert ended == [(1, False), (2, True)]


async def test_a_process_that_keeps_dying_is_restarted_with_growing_waits(tmp_path: Path) -> None:
    book, memory = journal()
    spec = fake_spec("worker", tmp_path)
    supervisor = Supervisor([spec], book)
    await supervisor.start()
    for _ in range(3):
        before = supervisor["worker"].generation
        await ask(tmp_path / "worker.sock", b"die")
        await until(partial(_newer, supervisor, before))
    await supervisor.stop()
    assert [e["delay_ms"] for e in memory.events("restarting")] == [0, 10, 20]


def _newer(supervisor: Supervisor, generation: int) -> bool:
    return supervisor["worker"].generation > generation and supervisor["worker"].running


def test_back_off_doubles_to_its_ceiling_with_jitter() -> None:
    plain = Backoff(base_s=0.1, ceiling_s=10.0, jitter=0.0)
    rng = random.Random(1)
    waits = [plain.delay_s(failures, rng) for failures in range(1, 11)]
    assert waits == [0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10]
    assert plain.delay_s(10_000, rng) == 10
    shaken = Backoff(base_s=1.0, ceiling_s=10.0, jitter=0.25)
    jittered = {shaken.delay_s(2, rng) for _ in range(200)}
    assert len(jittered) > 100
    assert min(jittered) >= 0.75 and max(jittered) <= 1.25


async def test_a_failed_start_says_why_and_leaves_nothing_running(tmp_path: Path) -> None:
    book, _ = journal()
    specs = [
        fake_spec("store", tmp_path),
        fake_spec("worker", tmp_path, "--fail", after=("store",)),
        fake_spec("door", tmp_path, after=("worker",)),
    ]
    supervisor = Supervisor(specs, book)
    with pytest.raises(StartFailed, match=r"worker ended with code 3\n  this is why it failed"):
        await supervisor.start()
    assert not any(status.running for status in supervisor.statuses())
    assert await ask(tmp_path / "store.sock") is None


async def test_a_missing_program_is_a_failed_start() -> None:
    book, _ = journal()
    spec = Spec("ghost", lambda generation: Launch(("/nonexistent/ghost",)))
    with pytest.raises(StartFailed, match="cannot run /nonexistent/ghost"):
        await Supervisor([spec], book).start()


async def test_silence_is_a_failed_start(tmp_path: Path) -> None:
    book, _ = journal()
    spec = fake_spec(
        "mute",
        tmp_path,
        launch=lambda generation: Launch(
            fake_argv(tmp_path / "mute.sock"), ready=answering(tmp_path / "elsewhere.sock")
        ),
        ready_timeout_s=0.3,
    )
    with pytest.raises(StartFailed, match=r"mute was not ready within 0\.3 s"):
        await Supervisor([spec], book).start()


async def test_deaf_processes_are_killed_after_the_grace(tmp_path: Path) -> None:
    book, memory = journal()
    supervisor = Supervisor([fake_spec("deaf", tmp_path, "--deaf", stop_timeout_s=0.2)], book)
    await supervisor.start()
    await supervisor.stop()
    assert [e["code"] for e in memory.events("stopped")] == [-signal.SIGKILL]


async def test_grandchildren_end_with_their_parent(tmp_path: Path) -> None:
    book, _ = journal()
    note = tmp_path / "grandchild"
    supervisor = Supervisor([fake_spec("parent", tmp_path, "--child", str(note))], book)
    await supervisor.start()
    grandchild = int(await until(lambda: note.exists() and note.read_text()))
    assert lives(grandchild)
    await supervisor.stop()
    await until(lambda: not lives(grandchild))


async def test_output_reaches_the_journal_under_the_name_of_its_process(tmp_path: Path) -> None:
    book, memory = journal()
    supervisor = Supervisor([fake_spec("talker", tmp_path)], book)
    await supervisor.start()
    await until(lambda: {"process": "talker", "message": "listening"} in memory.entries)
    await supervisor.stop()


async def test_stop_during_a_long_back_off_does_not_wait_for_it(tmp_path: Path) -> None:
    book, memory = journal()
    slow = Backoff(base_s=3600.0, ceiling_s=3600.0, jitter=0.0)
    supervisor = Supervisor([fake_spec("worker", tmp_path, backoff=slow)], book)
    await supervisor.start()
    await ask(tmp_path / "worker.sock", b"die")
    await until(lambda: supervisor["worker"].restarts == 1)
    await ask(tmp_path / "worker.sock", b"die")
    await until(lambda: len(memory.events("restarting")) == 2)
    async with asyncio.timeout(10):
        await supervisor.stop()


SUPERVISE = """
import asyncio, sys
from pathlib import Path
from cli.supervisor import Supervisor
from tests.cli.fakes import fake_spec, journal

async def main() -> None:
    directory = Path(sys.argv[1])
    supervisor = Supervisor([fake_spec(n, directory) for n in ("one", "two")], journal()[0])
    await supervisor.start()
    print("up", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's promise exists on Linux")
def test_no_orphan_is_left_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    """SIGKILL gives it no chance to do anything: the kernel ends its children."""
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, str(tmp_path)], stdout=subprocess.PIPE
    )
    try:
        assert supervisor.stdout is not None
        assert supervisor.stdout.readline() == b"up\n"
        pids = [pid_of(ask_now(tmp_path / f"{name}.sock")) for name in ("one", "two")]
        assert all(lives(pid) for pid in pids)
    finally:
        supervisor.kill()
        supervisor.communicate()
    asyncio.run(until(lambda: not any(lives(pid) for pid in pids)))


async def test_a_child_that_has_ended_is_not_signalled(tmp_path: Path) -> None:
    """Its number may belong to somebody else by then."""
    book, _ = journal()
    child = Child.start("brief", (sys.executable, "-S", "-c", ""), {}, book)
    await child.exited.wait()
    child.signal(signal.SIGTERM)
    child.kill()
    assert await child.stop(1.0) == 0
