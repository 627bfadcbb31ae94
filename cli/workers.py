"""The workers' slots: a stable socket for each, and generations of a process that take it over.

Envoy knows `extproc-<i>.sock`. A generation listens on a name of its own and, when it is ready,
renames that over the stable one: a connection made before stays with the old process, one made
after reaches the new. Nobody ever finds the place empty.

A worker that dies leaves its socket without an owner. Until its successor is ready the place is
given to a neighbour (a hard link to the neighbour's socket), so that Envoy is not refused there: a
dead worker is the least loaded of all and would be asked first.

Requests that ran in a dead worker are settled from what it last metered, but a little later: Envoy
tries them again in another worker, which takes them over.
"""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from cli.journal import Journal
from cli.processes import Launch, Spec
from cli.readiness import grpc_serving
from cli.settings import Places

WORKERS_STOP_ORDER = 20
GRACE_S = 600.0  # an old generation finishes its answers, long ones too, while the new one serves
STOP_S = 10.0  # at shutdown Envoy has waited for the answers already


class Workers:
    """The specs of all slots, and what must happen when one of them ends."""

    def __init__(
        self,
        count: int,
        places: Places,
        arguments: tuple[str, ...],
        environment: Mapping[str, str],
        boot: str,
        journal: Journal,
        lost: Callable[[str], None],
    ) -> None:
        """`boot` makes worker ids unique among machines and runs; `lost` is told of each id whose
        process has ended."""
        self._places = places
        self._arguments = arguments
        self._environment = environment
        self._boot = boot
        self._journal = journal
        self._lost = lost
        self._owners: list[int] = [0] * count  # the generation that holds each slot; 0: nobody

    @property
    def names(self) -> list[str]:
        return [f"extproc-{index}" for index in range(len(self._owners))]

    @property
    def addresses(self) -> list[str]:
        """For Envoy."""
        return [f"unix:{self._places.worker(index)}" for index in range(len(self._owners))]

    def specs(self, after: tuple[str, ...]) -> list[Spec]:
        return [self._spec(index, after) for index in range(len(self._owners))]

    def worker_id(self, index: int, generation: int) -> str:
        return f"w{index}-{generation}-{self._boot}"

    def _spec(self, index: int, after: tuple[str, ...]) -> Spec:
        return Spec(
            name=f"extproc-{index}",
            launch=lambda generation: self._launch(index, generation),
            after=after,
            stop_order=WORKERS_STOP_ORDER,
            stop_timeout_s=STOP_S,
            retire_timeout_s=GRACE_S + STOP_S,
            on_end=lambda generation, meant: self._ended(index, generation, meant),
        )

    def _launch(self, index: int, generation: int) -> Launch:
        socket = self._places.worker_generation(index, generation)
        socket.unlink(missing_ok=True)

        def promote() -> None:
            socket.replace(self._places.worker(index))
            self._owners[index] = generation

        return Launch(
            argv=(
                *(sys.executable, "-m", "extproc"),
                *self._arguments,
                *("--listen", f"unix:{socket}"),
                *("--worker-id", self.worker_id(index, generation)),
                *("--grace-s", f"{GRACE_S:g}"),
            ),
            env=self._environment,
            ready=grpc_serving(socket),
            promote=promote,
        )

    def _ended(self, index: int, generation: int, meant: bool) -> None:
        if self._owners[index] == generation:
            self._owners[index] = 0
            if not meant:
                self._lend(index)
        self._places.worker_generation(index, generation).unlink(missing_ok=True)
        self._lost(self.worker_id(index, generation))

    def _lend(self, index: int) -> None:
        """Give the slot's place to a neighbour that lives."""
        count = len(self._owners)
        for step in range(1, count):
            neighbour = (index + step) % count
            if self._owners[neighbour]:
                with suppress(OSError):
                    link_over(self._places.worker(neighbour), self._places.worker(index))
                    self._journal.event("lent", name=f"extproc-{index}", to=f"extproc-{neighbour}")
                    return


def link_over(source: Path, target: Path) -> None:
    """A second name for a socket, put in the place of whatever is there, in one step."""
    beside = target.with_name(f".{target.name}.lent")
    beside.unlink(missing_ok=True)
    os.link(source, beside)
    beside.replace(target)
