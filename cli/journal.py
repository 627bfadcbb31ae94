"""Where the words of every process go: JSON lines that carry the process's name.

A child's line that is JSON already is not parsed, only opened to put the name in front: the access
log passes here, one line a request, and must stay cheap. Any other line becomes the `message` of an
object.

1. A line longer than `MAX_LINE_BYTES` is cut: a process gone mad must not fill our memory.
2. A log file is turned over at `MAX_FILE_BYTES`, keeping one older file.
"""

import os
import sys
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import orjson

MAX_LINE_BYTES = 64 * 1024  # longer than any line that we or Envoy write on purpose
MAX_FILE_BYTES = 32 * 1024 * 1024
KEPT_LINES = 20  # shown to the operator when a process does not start

Listener = Callable[[str, dict[str, object]], None]


class Sink(Protocol):
    """Takes whole tagged lines, each ending in a newline."""

    def write(self, process: str, lines: bytes) -> None: ...

    def close(self) -> None: ...


class StderrSink:
    """Everything in one stream, for a container or a service manager."""

    def write(self, process: str, lines: bytes) -> None:
        sys.stderr.buffer.write(lines)
        sys.stderr.buffer.flush()

    def close(self) -> None:
        sys.stderr.buffer.flush()


class FileSink:
    """One file for each process: `<directory>/<process>.jsonl`, and `.1` beside it for the older
    half."""

    def __init__(self, directory: Path, max_bytes: int = MAX_FILE_BYTES) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._open: dict[str, tuple[int, int]] = {}  # process: descriptor, bytes written
        directory.mkdir(parents=True, exist_ok=True)

    def write(self, process: str, lines: bytes) -> None:
        descriptor, size = self._open.get(process) or self._begin(process)
        os.write(descriptor, lines)
        size += len(lines)
        self._open[process] = (descriptor, size)
        if size >= self._max_bytes:
            os.close(descriptor)
            del self._open[process]
            path = self.path(process)
            path.replace(path.with_suffix(".jsonl.1"))

    def path(self, process: str) -> Path:
        return self._directory / f"{process}.jsonl"

    def close(self) -> None:
        for descriptor, _ in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def _begin(self, process: str) -> tuple[int, int]:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self.path(process), flags, 0o600)
        return descriptor, os.fstat(descriptor).st_size


class Journal:
    """Tags the children's lines and records our own events."""

    def __init__(self, sink: Sink, listener: Listener | None = None) -> None:
        self._sink = sink
        self._listener = listener

    def event(self, name: str, /, **fields: object) -> None:
        """Something that we did or saw. `fields` hold names and figures, never a secret."""
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        entry = {"process": "supervisor", "time": time, "event": name, **fields}
        line = orjson.dumps(entry, default=str)
        self._sink.write("supervisor", line + b"\n")
        if self._listener is not None:
            self._listener(name, fields)

    def lines(self, process: str, lines: list[bytes]) -> None:
        self._sink.write(process, b"".join(tagged(process, line) for line in lines))

    def close(self) -> None:
        self._sink.close()


def tagged(process: str, line: bytes) -> bytes:
    """One line of a child, without its end, as one line of ours."""
    if line.startswith(b'{"') and line.endswith(b"}"):
        return b'{"process":"' + process.encode() + b'",' + line[1:] + b"\n"
    message = line.decode("utf-8", "replace")
    return orjson.dumps({"process": process, "message": message}) + b"\n"


class Lines:
    """Splits what a child writes into lines, and remembers the last ones."""

    def __init__(self, process: str, journal: Journal) -> None:
        self._process = process
        self._journal = journal
        self._rest = b""
        self.last: deque[str] = deque(maxlen=KEPT_LINES)

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        while len(self._rest) > MAX_LINE_BYTES:
            lines.append(self._rest[:MAX_LINE_BYTES])
            self._rest = self._rest[MAX_LINE_BYTES:]
        self._pass_on(lines)

    def close(self) -> None:
        rest, self._rest = self._rest, b""
        self._pass_on([rest])

    def _pass_on(self, lines: list[bytes]) -> None:
        lines = [line[:MAX_LINE_BYTES].rstrip(b"\r") for line in lines if line.strip()]
        if lines:
            self.last.extend(line.decode("utf-8", "replace") for line in lines)
            self._journal.lines(self._process, lines)
