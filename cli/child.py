"""One process that we started, from its birth to its reaping.

1. It cannot outlive us: the kernel kills it when we die, however we die (Linux; elsewhere an
   orderly end is needed). It leads a session and a process group of its own, so that Ctrl-C in a
   terminal reaches us alone and its own children can be ended with it.
2. The group is killed before the leader is reaped: while its body lies unreaped the number of the
   group cannot belong to anybody else.
3. Nothing is signalled that was not started here.
"""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from cli.journal import Journal, Lines

READ_BYTES = 256 * 1024
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class CannotStart(Exception):
    """The program could not be executed at all: it is missing or may not be run."""


class Child:
    """A running or ended process. `returncode` is negative for a signal, as in `subprocess`."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], lines: Lines) -> None:
        self.name = name
        self.pid = process.pid
        self.lines = lines
        self.exited = asyncio.Event()
        self._process = process
        self._loop = asyncio.get_running_loop()
        self._watch_output()
        self._watch_end()

    @classmethod
    def start(
        cls, name: str, argv: Sequence[str], env: Mapping[str, str], journal: Journal
    ) -> "Child":
        """Must be called in the main thread: the kernel's promise is tied to the calling thread."""
        try:
            process = subprocess.Popen(
                list(argv),
                env={**os.environ, **env},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_dies_with_us(),
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise CannotStart(f"{name}: cannot run {argv[0]}: {error}") from error
        return cls(name, process, Lines(name, journal))

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    @property
    def running(self) -> bool:
        return not self.exited.is_set()

    def signal(self, number: signal.Signals) -> None:
        """To the leader alone: an orderly end is its own affair. Nothing if it has ended."""
        if self.running:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    def kill(self) -> None:
        """The whole group, at once."""
        if self.running:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    async def stop(self, grace_s: float) -> int:
        """SIGTERM, and SIGKILL after the grace. Returns the code. Cancelling it kills at once."""
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace_s):
                await self.exited.wait()
        except TimeoutError:
            pass
        finally:
            self.kill()
        await self.exited.wait()
        return self.returncode or 0

    def _watch_output(self) -> None:
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._loop.add_reader(self._process.stdout.fileno(), self._read)

    def _read(self) -> bytes:
        """Read once; b"" when there is nothing more, now or ever."""
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        try:
            data = os.read(descriptor, READ_BYTES)
        except BlockingIOError:
            return b""
        if data:
            self.lines.feed(data)
        else:
            self._loop.remove_reader(descriptor)
        return data

    def _watch_end(self) -> None:
        if sys.platform == "linux":
            descriptor = os.pidfd_open(self.pid)
            self._loop.add_reader(descriptor, self._ended, descriptor)
        else:
            waiting = self._loop.run_in_executor(None, self._process.wait)
            waiting.add_done_callback(lambda _: self._ended(None))

    def _ended(self, descriptor: int | None) -> None:
        if descriptor is not None:
            self._loop.remove_reader(descriptor)
            os.close(descriptor)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)  # before the reaping: see rule 2
        self._process.wait()
        while self._read():
            pass
        assert self._process.stdout is not None
        self._loop.remove_reader(self._process.stdout.fileno())
        self._process.stdout.close()
        self.lines.close()
        self.exited.set()


def _dies_with_us() -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def promise() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # we died between the fork and the promise
            os._exit(1)

    return promise
