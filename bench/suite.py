"""The whole measurement, from an empty directory to a report."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import costs, failover, growth, latency, machine, memory, peers, policy, scale
from bench.report import Report, Section
from bench.rounds import Form, Load, Round, load_process
from bench.stack import Stack, Subject, stack


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to look. `seconds` is one round of one side; `pace_ms` lies between two events."""

    seconds: float = 1.5
    rounds: int = 6
    connections: int = 8
    idle_streams: int = 500
    pace_ms: float = 2.0
    growth_seconds: float = 1.0
    records: int = 20_000  # settled, drained; fifty times as many are summed
    peers: bool = False
    peers_home: Path = Path(".bench")


SHORT = Plan(seconds=0.2, rounds=1, connections=2, idle_streams=10, growth_seconds=0, records=200)


async def run(plan: Plan, directory: Path, command: str) -> Report:
    """Raises NotReady or Unable when floor or gateway do not work; a peer only leaves a note."""
    about = machine.describe(datetime.datetime.now(datetime.UTC))
    async with stack(directory, plan.pace_ms) as made, load_process() as load:
        floor = await made.floor()
        gateway = await made.gateway()
        sections, seen = await _main_sections(plan, made, load, floor, gateway)
        problems: list[str] = []
        if plan.peers:
            section, rounds, problems = await peers.measure(
                load, made, (floor, gateway), _form(plan), plan.peers_home
            )
            sections.append(section)
            seen += rounds
        return Report(
            command=command,
            machine=about,
            sections=sections,
            requests=sum(made.requests for made in seen),
            failed=sum(made.failed for made in seen),
            problems=[*problems, *_failures(seen)],
        )


async def _main_sections(
    plan: Plan, made: Stack, load: Load, floor: Subject, gateway: Subject
) -> tuple[list[Section], list[Round]]:
    direct = Subject("direct", made.upstream_port)
    sections, seen = await costs.measure(load, floor, gateway, _form(plan))
    sides = (floor, await made.prepaid(gateway))
    section, rounds = await policy.measure(load, made, sides, _form(plan), plan.records)
    sections.append(section)
    seen += rounds
    alone = Form(plan.seconds / 2, plan.rounds, 1)
    section, rounds = await latency.measure(load, direct, floor, gateway, alone)
    sections.append(section)
    seen += rounds
    section, rounds = await failover.measure(load, direct, gateway, alone)
    sections.append(section)
    seen += rounds
    sections.append(failover.routing_section(plan.growth_seconds))
    sections.append(await memory.measure(load, floor, gateway, plan.idle_streams))
    double = await made.gateway("double", workers=2)
    form = Form(plan.seconds, plan.rounds, plan.connections * 4)
    section, rounds = await scale.measure(load, gateway, double, form)
    sections.append(section)
    sections += growth.measure(plan.growth_seconds)
    return sections, seen + rounds


def _form(plan: Plan) -> Form:
    return Form(plan.seconds, plan.rounds, plan.connections)


def _failures(seen: Sequence[Round]) -> list[str]:
    return sorted({made.why for made in seen if made.failed})
