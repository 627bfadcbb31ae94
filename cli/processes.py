"""What the supervisor must know of a process: how it is run, when it is ready, how it ends.

A `Spec` is a row of the supervisor's table. It makes a `Launch` for each generation, since a
worker's socket and identity differ from one generation to the next; all else never changes while we
run.
"""

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

Ready = Callable[[], Awaitable[bool]]


async def at_once() -> bool:
    """For a process that nobody waits for: ready as soon as it runs."""
    return True


def nothing() -> None:
    """Promotion of a process that has no place to take."""


async def no_preparation() -> None:
    """The end of a process that needs none."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One generation of a process. `promote` is called once, when it is ready."""

    argv: tuple[str, ...]
    ready: Ready = at_once
    env: Mapping[str, str] = field(default_factory=dict)
    promote: Callable[[], None] = nothing


@dataclass(frozen=True, slots=True)
class Backoff:
    """The wait before a restart: none the first time, then doubling, with jitter, to a ceiling.

    A process that stayed up for `stable_s` starts again with a clean slate.
    """

    base_s: float = 0.1
    ceiling_s: float = 10.0
    stable_s: float = 10.0
    jitter: float = 0.25

    def delay_s(self, failures: int, rng: random.Random) -> float:
        """`failures` counts the deaths in a row, this one included: 1, 2, ..."""
        if failures <= 1:
            return 0.0
        wait = min(self.ceiling_s, self.base_s * 2.0 ** min(failures - 2, 30))
        return wait * rng.uniform(1 - self.jitter, 1 + self.jitter)


@dataclass(frozen=True, slots=True)
class Spec:
    """A row of the table.

    `after` names the processes that must be ready before this one starts. Processes stop in
    ascending `stop_order`, equal ones together; `prepare_stop` runs just before (draining).
    `on_end` is told of the end of every generation: its number, and whether we meant it to end.
    """

    name: str
    launch: Callable[[int], Launch]
    after: tuple[str, ...] = ()
    stop_order: int = 0
    ready_timeout_s: float = 30.0
    stop_timeout_s: float = 10.0
    retire_timeout_s: float = 10.0  # of an old generation after a hand-over
    backoff: Backoff = Backoff()
    prepare_stop: Callable[[], Awaitable[None]] = no_preparation
    on_end: Callable[[int, bool], None] = lambda generation, meant: None
