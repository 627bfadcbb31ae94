"""Rounds: one subject, one kind of work, a few seconds; and sides that take turns.

The load is another process, told what to do over its standard input. A round's cost is the CPU time
of the subject's processes between its beginning and its end, divided by the requests: nothing is
subtracted, idle housekeeping counts too.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from bench import gauges
from bench.answers import Work
from bench.load import Result
from bench.stack import Subject

LINE_LIMIT = 64 * 1024 * 1024  # one result: eight bytes a request, far less than this


@dataclass(frozen=True, slots=True)
class Round:
    """One round's figures for one request, and all of its times (microseconds)."""

    requests: int
    failed: int
    why: str
    per_second: float
    cpu_us: Mapping[str, float]  # role: CPU time for a request
    messages: float  # sent by Envoy to the processor for a request; 0 where there is none
    total_us: Sequence[int]
    first_us: Sequence[int]

    def cost_us(self, *roles: str) -> float:
        """CPU time of these roles for a request; of all of them when none is named."""
        return sum(us for role, us in self.cpu_us.items() if not roles or role in roles)


@dataclass(frozen=True, slots=True)
class Form:
    """How a comparison is run. `rounds` counts those of each side, after one to warm up."""

    seconds: float
    rounds: int
    connections: int


class Unable(Exception):
    """A subject fails at a kind of work: there is nothing to measure. The message says why."""


class Load:
    """The load process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def run(self, subject: Subject, work: Work, connections: int, seconds: float) -> Result:
        command = _command("run", subject, work, connections) | {"seconds": seconds}
        return Result(**await self._ask(command))

    async def hold(self, subject: Subject, work: Work, connections: int) -> None:
        """Opens streams and returns when each has shown its first words."""
        await self._ask(_command("hold", subject, work, connections))

    async def release(self) -> None:
        """Closes what `hold` opened."""
        await self._ask({"op": "release"})

    async def _ask(self, command: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(orjson.dumps(command) + b"\n")
        await self._process.stdin.drain()
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the load process ended")
        answer: dict[str, Any] = orjson.loads(line)
        return answer


@asynccontextmanager
async def load_process() -> AsyncIterator[Load]:
    """The load, ended by closing its standard input."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.load"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_LIMIT,
    )
    try:
        yield Load(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def one(load: Load, subject: Subject, work: Work, connections: int, seconds: float) -> Round:
    """One round."""
    messages = await gauges.messages(subject.admin) if subject.admin else 0
    before = gauges.cpu_us(subject.pids)
    result = await load.run(subject, work, connections, seconds)
    after = gauges.cpu_us(subject.pids)
    if subject.admin:
        messages = await gauges.messages(subject.admin) - messages
    requests = max(result.requests, 1)
    return Round(
        requests=result.requests,
        failed=result.failed,
        why=result.why,
        per_second=result.requests / result.seconds if result.seconds else 0.0,
        cpu_us={role: (after[role] - before[role]) / requests for role in after},
        messages=messages / requests,
        total_us=result.total_us,
        first_us=result.first_us,
    )


async def taking_turns(
    load: Load, subjects: Sequence[Subject], work: Work, form: Form
) -> dict[str, list[Round]]:
    """Rounds by subject, in the order A B C A B C. The first of each warms up and is dropped.

    Raises Unable when a subject does not do this work at all.
    """
    found: dict[str, list[Round]] = {subject.name: [] for subject in subjects}
    for subject in subjects:
        warm = await one(load, subject, work, form.connections, form.seconds)
        if warm.failed:
            raise Unable(f"{subject.name}, {work.name}: {warm.failed} failed: {warm.why}")
    for _ in range(form.rounds):
        for subject in subjects:
            made = await one(load, subject, work, form.connections, form.seconds)
            found[subject.name].append(made)
    return found


def _command(op: str, subject: Subject, work: Work, connections: int) -> dict[str, Any]:
    fields = asdict(work)
    fields |= {name: fields[name].decode() for name in ("body", "first", "end")}
    own = {"op": op, "port": subject.port, "headers": dict(subject.headers)}
    return fields | own | {"connections": connections}
