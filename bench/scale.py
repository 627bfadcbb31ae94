"""Two workers against one: do they share anything that makes the second worth less than the first?

Throughput answers that only where the machine has cores to spare for everything else that runs (the
load, the upstream, Envoy, Redis). So there are two rows. Requests a second, as they are. And the
capacity that the CPU time says: twice one worker's, less what a request costs more with two, less
what an uneven share leaves unused; that one is judged.
"""

import os
from collections.abc import Sequence

import psutil

from bench import figures, gauges
from bench.answers import CHAT_PLAIN
from bench.report import SCALE, Figure, Section, judged
from bench.rounds import Form, Load, Round, one, taking_turns
from bench.stack import Subject

COLUMNS = ("one worker", "two workers")


async def measure(
    load: Load, single: Subject, double: Subject, form: Form
) -> tuple[Section, list[Round]]:
    """One section, and all rounds."""
    rounds = await taking_turns(load, (single, double), CHAT_PLAIN, form)
    before = [_cpu_us(double, place) for place in range(2)]
    psutil.cpu_percent()
    last = await one(load, double, CHAT_PLAIN, form.connections, form.seconds)
    busy = psutil.cpu_percent()  # since the call before: during that round
    shares = [_cpu_us(double, place) - start for place, start in enumerate(before)]
    sides = [rounds[single.name], rounds[double.name]]
    seen = [*sides[0], *sides[1], last]
    per_second = [[made.per_second for made in side] for side in sides]
    cost = [[made.cost_us("worker") for made in side] for side in sides]
    evenness = sum(shares) / (2 * max(shares)) if max(shares) else 1.0
    capacity = 2 * figures.median(figures.quotients(cost[0], cost[1])) * evenness
    rows = [
        Figure(
            "requests a second",
            "per_s",
            _values(per_second),
            figures.median(figures.quotients(per_second[1], per_second[0])),
        ),
        Figure(
            "CPU of the workers for a request",
            "us",
            _values(cost),
            figures.median(figures.quotients(cost[1], cost[0])),
        ),
        judged("capacity by CPU time", "count", {}, SCALE, ratio=capacity),
    ]
    notes = [
        f"{form.connections} connections; the busier worker of two did "
        f"{100 * max(shares) / (sum(shares) or 1):.0f} % of the work.",
        f"The machine's {os.cpu_count()} cores were {busy:.0f} % busy: with no core to spare, "
        "requests a second say nothing about workers.",
    ]
    return Section("Scale", COLUMNS, rows, "x one worker", notes), seen


def _values(sides: Sequence[Sequence[float]]) -> dict[str, float | None]:
    return {name: figures.median(side) for name, side in zip(COLUMNS, sides, strict=True)}


def _cpu_us(subject: Subject, place: int) -> float:
    return gauges.cpu_us({"worker": [subject.pids["worker"][place]]})["worker"]
