"""Where a worker's CPU time goes: the same stack and load, one worker under a profiler.

py-spy, if it is in PATH, samples from outside and disturbs nothing; else cProfile counts inside,
which makes small Python functions look dearer than they are, and counts the start too. Time inside
gRPC's own machinery shows under the function of ours that called it.
"""

import asyncio
import pstats
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.answers import CHAT_PLAIN, CHAT_STREAM, Work
from bench.rounds import Load, load_process
from bench.stack import Subject, stack
from bench.suite import Plan

SECONDS = 8.0
RATE_HZ = 250
SHOWN = 30
_MAIN = "<module> (extproc/__main__.py"  # the bottom of the event loop's stack

Shares = Sequence[tuple[str, float, float]]  # function, own share, share with what it calls


async def run(plan: Plan, directory: Path, console: Console) -> None:
    """Prints a table for whole answers and one for streams."""
    spy = shutil.which("py-spy")
    for work in (CHAT_PLAIN, CHAT_STREAM):
        place = directory / work.name
        place.mkdir()
        found = await (_sampled(plan, place, work, spy) if spy else _counted(plan, place, work))
        table = Table(title=f"{work.name}, one worker, {'py-spy' if spy else 'cProfile'}")
        table.add_column("function")
        table.add_column("own", justify="right")
        table.add_column("with callees", justify="right")
        for name, own, whole in found[:SHOWN]:
            table.add_row(name, f"{100 * own:.1f} %", f"{100 * whole:.1f} %")
        console.print(table)


async def _sampled(plan: Plan, directory: Path, work: Work, spy: str) -> Shares:
    out = directory / "stacks"
    async with stack(directory, plan.pace_ms) as made, load_process() as load:
        gateway = await made.gateway()
        await load.run(gateway, work, plan.connections, 1.0)
        argv = (
            *(spy, "record", "--pid", str(gateway.pids["worker"][0]), "--format", "raw"),
            *("--duration", f"{SECONDS:g}", "--rate", str(RATE_HZ), "--output", str(out)),
        )
        watching = asyncio.create_task(_quietly(argv))
        await _busy(load, gateway, work, plan, watching)
    return shares(out.read_text().splitlines())


async def _busy(
    load: Load, gateway: Subject, work: Work, plan: Plan, until: "asyncio.Task[None]"
) -> None:
    while not until.done():
        await load.run(gateway, work, plan.connections, 1.0)
    await until


async def _quietly(argv: Sequence[str]) -> None:
    devnull = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*argv, stdout=devnull, stderr=devnull)
    await process.wait()


async def _counted(plan: Plan, directory: Path, work: Work) -> Shares:
    out = directory / "profile"
    words = ("-m", "cProfile", "-o", str(out))
    async with stack(directory, plan.pace_ms) as made, load_process() as load:
        gateway = await made.gateway(profiled=words)
        await load.run(gateway, work, plan.connections, SECONDS)
    entries = pstats.Stats(str(out)).stats.items()  # type: ignore[attr-defined]
    total = sum(own for _, (_, _, own, _, _) in entries) or 1.0
    rows = [
        (f"{name} ({_short(file)}:{line})", own / total, whole / total)
        for (file, line, name), (_, _, own, whole, _) in entries
    ]
    return sorted(rows, key=lambda row: -row[1])


def shares(lines: Sequence[str]) -> Shares:
    """Folded stacks (`bottom;...;top count`) as shares of the event loop's thread, by own time.

    Other threads are left out: samplers count them as busy where they cannot see that they wait.
    """
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for line in lines:
        text, _, count = line.rpartition(" ")
        frames = [frame.rpartition(":")[0] + ")" for frame in text.split(";")]
        if not any(frame.startswith(_MAIN) for frame in frames):
            continue
        own[frames[-1]] += int(count)
        for frame in set(frames):
            whole[frame] += int(count)
    total = sum(own.values()) or 1
    return [(name, count / total, whole[name] / total) for name, count in own.most_common()]


def _short(file: str) -> str:
    return "/".join(Path(file).parts[-2:])
