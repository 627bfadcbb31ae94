"""What the operating system and Envoy know of running processes: CPU time, memory, messages.

CPU time is user plus system, of a process and of everything under it; the children that it has
already reaped are in its own `children_*` figures. Resolution is a clock tick (10 ms on Linux), so
a round must cost each side some hundred ticks to be worth reading.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

Pids = Mapping[str, Sequence[int]]  # role (worker, envoy, ...) to the processes that play it


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one process and everything under it, in bytes. USS is what ending it would give back."""

    rss: int
    uss: int


def cpu_us(pids: Pids) -> dict[str, float]:
    """CPU time so far of each role, in microseconds."""
    return {role: sum(_cpu_us(pid) for pid in group) for role, group in pids.items()}


def memory(pid: int) -> Memory:
    full = [process.memory_full_info() for process in _family(pid)]
    return Memory(sum(info.rss for info in full), sum(info.uss for info in full))


async def messages(admin: Path) -> int:
    """How many messages Envoy has sent to external processors since it started."""
    return await _stat(admin, "http.attempt.ext_proc.stream_msgs_sent")


async def in_flight(admin: Path) -> int:
    """Requests that Envoy's edge has not finished."""
    return await _stat(admin, "http.edge.downstream_rq_active")


async def _stat(admin: Path, name: str) -> int:
    transport = httpx.AsyncHTTPTransport(uds=str(admin))
    async with httpx.AsyncClient(transport=transport, base_url="http://envoy") as client:
        answer = await client.get("/stats", params={"filter": f"^{name}$"})
    answer.raise_for_status()
    return int(answer.text.rpartition(":")[2])


def _cpu_us(pid: int) -> float:
    total = 0.0
    for process in _family(pid):
        times = process.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
    return total * 1e6


def _family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]
