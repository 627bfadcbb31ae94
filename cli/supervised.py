"""One row of the table kept alive: started, watched, restarted, replaced, stopped.

1. A generation counts only when it is ready; one that dies or stays silent before is a failure.
2. At the first start a failure is the operator's to see. Later it is ours to mend, for ever, with
   back-off: giving up would turn a passing fault into an outage.
3. A replacement starts beside the old generation, and takes its place before the old one is told to
   end. When it does not get ready, the old one stays.
"""

import asyncio
import random

from cli.child import CannotStart, Child
from cli.journal import Journal
from cli.processes import Launch, Spec

POLL_S = 0.02  # between two looks at readiness; a look costs a connection at most


class StartFailed(Exception):
    """A process did not get ready. The message has its last lines; the logs have all of them."""


class Supervised:
    def __init__(self, spec: Spec, journal: Journal, rng: random.Random) -> None:
        self.spec = spec
        self.generation = 0
        self.restarts = 0
        self._journal = journal
        self._rng = rng
        self._child: Child | None = None
        self._alive: dict[Child, int] = {}  # every generation that runs, the old ones too
        self._retiring: set[asyncio.Task[None]] = set()
        self._keeper: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()  # one of restart and replacement at a time
        self._since = 0.0
        self._failures = 0

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None and self._child.running else None

    async def start(self) -> None:
        """The first start; nothing if it was started already. Raises StartFailed."""
        if self._keeper is not None:
            return
        self._take(await self._launch())
        self._keeper = asyncio.create_task(self._keep(), name=f"keep {self.spec.name}")
        self._keeper.add_done_callback(self._keeper_ended)

    async def replace(self) -> None:
        """Hand over to a new generation; the old one ends by itself, in the time it is given.

        Raises StartFailed, the old one still in place.
        """
        async with self._turn:
            old = self._child
            self._take(await self._launch())
            if old is not None and old.running:
                retirement = asyncio.create_task(self._retire(old, self.spec.retire_timeout_s))
                self._retiring.add(retirement)
                retirement.add_done_callback(self._retiring.discard)
            elif old is not None:
                self._bury(old, meant=False)

    async def stop(self) -> None:
        """End every generation, within the spec's timeout, and stay stopped."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self.running:
            await self.spec.prepare_stop()
        grace_s = self.spec.stop_timeout_s
        await asyncio.gather(*(self._retire(child, grace_s) for child in list(self._alive)))
        await asyncio.gather(*self._retiring)

    def kill(self) -> None:
        """All generations at once, without ceremony; `stop` still has to be awaited."""
        for child in self._alive:
            child.kill()

    async def _keep(self) -> None:
        while True:
            child = self._child
            assert child is not None
            await child.exited.wait()
            async with self._turn:
                if self._child is child:  # nobody has replaced it meanwhile
                    await self._revive(child)

    def _keeper_ended(self, keeper: asyncio.Task[None]) -> None:
        """A keeper ends only by being cancelled; anything else is our mistake and must be seen."""
        if not keeper.cancelled() and (error := keeper.exception()) is not None:
            self._journal.event("keeper_failed", name=self.spec.name, error=repr(error))

    async def _revive(self, dead: Child) -> None:
        lived_s = asyncio.get_running_loop().time() - self._since
        if lived_s >= self.spec.backoff.stable_s:
            self._failures = 0
        self._bury(dead, meant=False)
        while True:
            self._failures += 1
            delay_s = self.spec.backoff.delay_s(self._failures, self._rng)
            self._journal.event(
                "restarting",
                name=self.spec.name,
                code=dead.returncode,
                failures=self._failures,
                delay_ms=round(delay_s * 1000),
            )
            await asyncio.sleep(delay_s)
            try:
                self._take(await self._launch())
            except StartFailed as error:
                self._journal.event("restart_failed", name=self.spec.name, reason=str(error))
            else:
                self.restarts += 1
                return

    async def _launch(self) -> Child:
        """A new generation, ready and promoted."""
        self.generation += 1
        generation = self.generation
        launch = self.spec.launch(generation)
        try:
            child = Child.start(self.spec.name, launch.argv, launch.env, self._journal)
        except CannotStart as error:
            raise StartFailed(str(error)) from error
        self._alive[child] = generation
        try:
            await self._until_ready(child, launch)
            launch.promote()
        except (StartFailed, OSError) as error:
            child.kill()
            await child.exited.wait()
            self._bury(child, meant=False)
            raise StartFailed(str(error)) from error
        self._journal.event("ready", name=self.spec.name, pid=child.pid, generation=generation)
        return child

    async def _until_ready(self, child: Child, launch: Launch) -> None:
        try:
            async with asyncio.timeout(self.spec.ready_timeout_s):
                while not await launch.ready():
                    if not child.running:
                        raise StartFailed(self._why(child, f"ended with code {child.returncode}"))
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            wait = f"was not ready within {self.spec.ready_timeout_s:g} s"
            raise StartFailed(self._why(child, wait)) from None
        if not child.running:  # somebody else answered the question
            raise StartFailed(self._why(child, f"ended with code {child.returncode}"))

    def _why(self, child: Child, what: str) -> str:
        return "\n  ".join([f"{self.spec.name} {what}", *list(child.lines.last)[-6:]])

    def _take(self, child: Child) -> None:
        self._child = child
        self._since = asyncio.get_running_loop().time()

    async def _retire(self, child: Child, grace_s: float) -> None:
        code = await child.stop(grace_s)
        if child in self._alive:  # a shutdown may have overtaken a slow hand-over
            self._journal.event("stopped", name=self.spec.name, pid=child.pid, code=code)
            self._bury(child, meant=True)

    def _bury(self, child: Child, meant: bool) -> None:
        generation = self._alive.pop(child, None)
        if generation is not None:
            self.spec.on_end(generation, meant)
