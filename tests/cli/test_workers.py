"""A worker's slot has an owner at every moment, whoever that is."""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cli.journal import Journal
from cli.processes import Launch, Spec
from cli.settings import Places
from cli.supervised import StartFailed
from cli.supervisor import Supervisor
from cli.workers import Workers
from tests.cli.fakes import QUICK, Memory, answering, ask, fake_argv, journal, pid_of, until


@pytest.fixture
def places(tmp_path: Path) -> Places:
    made = Places(tmp_path)
    made.prepare()
    return made


class Fixture:
    """Slots whose processes are fakes: only the program and the question of readiness differ."""

    def __init__(self, places: Places, count: int) -> None:
        self.lost: list[str] = []
        self.failing = False
        book, self.memory = journal()
        self.workers = Workers(count, places, (), {}, "boot", book, self.lost.append)
        self.supervisor = Supervisor([self._fake(s) for s in self.workers.specs(())], book)

    def _fake(self, spec: Spec) -> Spec:
        def launch(generation: int) -> Launch:
            real = spec.launch(generation)
            assert real.argv[:3] == (sys.executable, "-m", "extproc")
            listen = real.argv[real.argv.index("--listen") + 1]
            path = Path(listen.removeprefix("unix:"))
            name = real.argv[real.argv.index("--worker-id") + 1]
            flags = ("--fail",) if self.failing else ()
            argv = fake_argv(path, "--name", name, *flags)
            return replace(real, argv=argv, ready=answering(path))

        return replace(spec, launch=launch, backoff=QUICK, stop_timeout_s=5.0)


async def test_the_first_generation_takes_the_stable_place(places: Places) -> None:
    fixture = Fixture(places, 1)
    await fixture.supervisor.start()
    assert fixture.workers.addresses == [f"unix:{places.worker(0)}"]
    assert (await ask(places.worker(0)) or "").startswith("w0-1-boot ")
    assert not places.worker_generation(0, 1).exists()
    await fixture.supervisor.stop()


async def test_a_hand_over_never_leaves_the_place_empty(places: Places) -> None:
    """Somebody answers at every moment of ten hand-overs, and the last is the newest."""
    fixture = Fixture(places, 1)
    await fixture.supervisor.start()
    rolled = asyncio.Event()
    answers: list[str | None] = []

    async def keep_asking() -> None:
        while not rolled.is_set():
            answers.append(await ask(places.worker(0)))

    asking = asyncio.create_task(keep_asking())
    for _ in range(10):
        await fixture.supervisor.roll(["extproc-0"])
    rolled.set()
    await asking
    assert (await ask(places.worker(0)) or "").startswith("w0-11-boot ")
    # A fake accepts one connection at a time and drops its queue when it ends: an empty answer is
    # the fake's, a refused connection (None) would be the slot's.
    assert len(answers) > 10
    assert None not in answers
    await fixture.supervisor.stop()


async def test_the_old_generation_ends_only_after_the_new_one_has_its_place(
    places: Places,
) -> None:
    fixture = Fixture(places, 1)
    await fixture.supervisor.start()
    await fixture.supervisor.roll(["extproc-0"])
    await until(lambda: fixture.lost)
    names = [(e["event"], e.get("generation")) for e in fixture.memory.entries if "event" in e]
    assert names == [("ready", 1), ("ready", 2), ("stopped", None)]
    assert fixture.lost == ["w0-1-boot"]
    await fixture.supervisor.stop()


async def test_a_new_generation_that_fails_leaves_the_old_one_in_place(places: Places) -> None:
    fixture = Fixture(places, 1)
    await fixture.supervisor.start()
    before = await ask(places.worker(0))
    fixture.failing = True
    with pytest.raises(StartFailed, match="extproc-0 ended with code 3"):
        await fixture.supervisor.roll(["extproc-0"])
    assert await ask(places.worker(0)) == before
    await fixture.supervisor.stop()


async def test_a_dead_workers_place_goes_to_a_neighbour_until_it_is_back(places: Places) -> None:
    fixture = Fixture(places, 2)
    await fixture.supervisor.start()
    seen: list[str] = []
    fixture.supervisor["extproc-0"]._journal = Journal(Memory(), lambda name, _: seen.append(name))
    neighbour = await ask(places.worker(1))
    fixture.failing = True  # so that the dead one does not come back at once
    await ask(places.worker(0), b"die")
    await until(lambda: fixture.memory.events("lent"))
    assert await ask(places.worker(0)) == neighbour
    assert fixture.lost[0] == "w0-1-boot"
    fixture.failing = False
    await until(lambda: fixture.supervisor["extproc-0"].restarts == 1)
    assert pid_of(await ask(places.worker(0))) != pid_of(neighbour)
    assert "restart_failed" in seen
    await fixture.supervisor.stop()


async def test_worker_ids_differ_in_every_generation_slot_and_run(places: Places) -> None:
    book, _ = journal()
    ids = {
        Workers(2, places, (), {}, boot, book, print).worker_id(index, generation)
        for boot in ("a", "b")
        for index in (0, 1)
        for generation in (1, 2)
    }
    assert len(ids) == 8
