"""What a worker weighs, and what a stream that says nothing for a while weighs.

A stream's weight is the growth of the resident memory of workers and Envoy while many of them stand
open after their first words, divided by their number. Some are opened and closed before, so that
what is only ever allocated once is there already.
"""

import asyncio

from bench import gauges
from bench.answers import CHAT_IDLE
from bench.report import STREAM_BYTES, WORKER_BYTES, Figure, Section, judged
from bench.rounds import Load
from bench.stack import Subject

COLUMNS = ("floor", "gateway")
_SETTLE_S = 5.0  # how long the last bytes of a release may take to be forgotten
_STEP_S = 0.1


async def measure(load: Load, floor: Subject, gateway: Subject, streams: int) -> Section:
    """Memory after all earlier work, and of `streams` idle ones."""
    sides = {"floor": floor, "gateway": gateway}
    workers = {name: gauges.memory(side.pids["worker"][0]) for name, side in sides.items()}
    idle = {name: await _idle(load, side, streams) for name, side in sides.items()}
    rows = [
        judged(
            "a worker, resident",
            "bytes",
            {name: float(found.rss) for name, found in workers.items()},
            WORKER_BYTES,
            value=workers["gateway"].rss,
        ),
        Figure("a worker, its own (USS)", "bytes", {n: float(w.uss) for n, w in workers.items()}),
        judged(
            "an open idle stream: worker",
            "bytes",
            {name: found["worker"] for name, found in idle.items()},
            STREAM_BYTES,
            value=idle["gateway"]["worker"],
        ),
        Figure("an open idle stream: Envoy", "bytes", {n: i["envoy"] for n, i in idle.items()}),
    ]
    notes = [
        f"{streams} idle streams at once. The budget of a stream is the worker's; Envoy's share "
        "(two connections, the hop between its listeners, a gRPC stream) is the floor's too.",
    ]
    return Section("Memory", COLUMNS, rows, "", notes)


async def _idle(load: Load, subject: Subject, streams: int) -> dict[str, float]:
    """Bytes for one idle stream, by role."""
    roles = ("worker", "envoy")
    await load.hold(subject, CHAT_IDLE, max(streams // 10, 1))
    await load.release()
    await _quiet(subject)
    before = {role: _rss(subject, role) for role in roles}
    await load.hold(subject, CHAT_IDLE, streams)
    after = {role: _rss(subject, role) for role in roles}
    await load.release()
    await _quiet(subject)
    return {role: (after[role] - before[role]) / streams for role in roles}


async def _quiet(subject: Subject) -> None:
    """Waits until Envoy has no request in flight; what goes on after the time counts as ours."""
    assert subject.admin is not None
    for _ in range(round(_SETTLE_S / _STEP_S)):
        if await gauges.in_flight(subject.admin) == 0:
            return
        await asyncio.sleep(_STEP_S)


def _rss(subject: Subject, role: str) -> int:
    return sum(gauges.memory(pid).rss for pid in subject.pids[role])
