"""The table of processes, started in the order of their needs and stopped in the order of their
duties.

Knows nothing of what the processes do: that is in their specs (`cli/stack.py` has ours).
"""

import asyncio
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from cli.journal import Journal
from cli.processes import Spec
from cli.supervised import StartFailed, Supervised


@dataclass(frozen=True, slots=True)
class Status:
    """One process as an operator wants to see it."""

    name: str
    running: bool
    pid: int | None
    generation: int
    restarts: int


class Supervisor:
    def __init__(
        self, specs: Sequence[Spec], journal: Journal, rng: random.Random | None = None
    ) -> None:
        rng = rng or random.Random()
        self._journal = journal
        self._members = {spec.name: Supervised(spec, journal, rng) for spec in specs}
        for spec in specs:
            for name in spec.after:
                assert name in self._members, f"{spec.name} waits for {name}, which is not there"

    def __getitem__(self, name: str) -> Supervised:
        return self._members[name]

    async def start(self) -> None:
        """Every process, each as soon as those before it are ready. All or nothing: on StartFailed
        (or cancellation) whatever had started is stopped before it is raised."""
        ready = {name: asyncio.Event() for name in self._members}

        async def begin(member: Supervised) -> None:
            for name in member.spec.after:
                await ready[name].wait()
            await member.start()
            ready[member.spec.name].set()

        try:
            async with asyncio.TaskGroup() as group:
                for member in self._members.values():
                    group.create_task(begin(member))
        except BaseExceptionGroup as failed:
            await self.stop()
            first, _ = failed.split(StartFailed)
            if first is not None:
                raise _first(first) from None
            raise
        except asyncio.CancelledError:
            await self.stop()
            raise

    async def roll(self, names: Iterable[str]) -> None:
        """A new generation of each, one at a time. The first that fails ends the round."""
        for name in names:
            await self._members[name].replace()

    async def stop(self) -> None:
        def order(member: Supervised) -> int:
            return member.spec.stop_order

        for _, members in groupby(sorted(self._members.values(), key=order), key=order):
            await asyncio.gather(*(member.stop() for member in members))
        self._journal.event("all_stopped")

    def kill(self) -> None:
        """For the operator who asks twice."""
        for member in self._members.values():
            member.kill()

    def statuses(self) -> list[Status]:
        return [
            Status(name, member.running, member.pid, member.generation, member.restarts)
            for name, member in self._members.items()
        ]


def _first(group: BaseExceptionGroup[StartFailed]) -> StartFailed:
    leaf: BaseException = group
    while isinstance(leaf, BaseExceptionGroup):
        leaf = leaf.exceptions[0]
    assert isinstance(leaf, StartFailed)
    return leaf
