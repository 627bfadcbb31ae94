"""Settlements on this machine's disk, while Redis is away: what a worker that dies would forget.

Strategy: each process appends to a file of its own, synced before a settlement counts as kept, and
empties it when all of them are settled. The owner holds a lock on its file for as long as it
lives; a process that starts copies the files without an owner into its own and removes them. A
crash anywhere leaves a line in two files at worst, and a settlement may be told twice.

A line is the CRC-32 of its JSON, a space, the JSON and a line feed. A line that was cut off was
never acknowledged to anybody, and is passed over.

Everything here blocks: it is to be called in a thread.
"""

import fcntl
import os
import threading
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import orjson

from ledger.errors import BadRecord
from ledger.model import Settlement
from ledger.records import decode_record, encode_record

SUFFIX = ".spool"
MAX_SPOOL_BYTES = 1 << 30  # a million settlements; a disk must not fill up for an absent Redis
MAX_LINE_BYTES = 64 * 1024  # four times a record


class SpoolFull(OSError):
    """The spool has MAX_SPOOL_BYTES. Find out why Redis stays away."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A settlement that Redis may not have."""

    settlement: Settlement
    since_ms: int  # Unix ms


class Adopted(NamedTuple):
    """What was taken over: how many files, and what was admitted without a lease, by customer."""

    files: int
    local_micro: Counter[str]


class Spool:
    """Raises OSError when the disk does. Creates the directory and its file when first needed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path: Path | None = None
        self._file = -1
        self._lock = threading.Lock()  # a cancelled caller's thread goes on

    def append(self, items: Sequence[Waiting]) -> None:
        """On disk when this returns."""
        with self._lock:
            self._write(b"".join(map(_line, items)))

    def read(self, offset: int, count: int) -> tuple[list[Waiting], int]:
        """At most so many from this offset on, and the offset after them. Nothing: the end."""
        with self._lock:
            found: list[Waiting] = []
            while self._path is not None and len(found) < count:
                block = os.pread(self._file, MAX_LINE_BYTES, offset)
                if not block:
                    break
                line, feed, _ = block.partition(b"\n")
                offset += len(line) + len(feed)
                if (item := _read(line)) is not None:
                    found.append(item)
            return found, offset

    def adopt(self) -> Adopted:
        """Takes over what processes that died have left."""
        with self._lock:
            files, local_micro = 0, Counter[str]()
            for path in sorted(self._directory.glob(f"*{SUFFIX}")):
                if path != self._path and (data := self._adopt(path)):
                    files += 1
                    local_micro += _local_micro(data)
            return Adopted(files, local_micro)

    def clear(self) -> None:
        """Everything in it is settled."""
        with self._lock:
            if self._path is not None:
                os.ftruncate(self._file, 0)

    def close(self) -> None:
        """Gives the file up: to the next process, unless it is empty."""
        with self._lock:
            if self._path is not None:
                if os.fstat(self._file).st_size == 0:
                    self._path.unlink(missing_ok=True)
                os.close(self._file)
            self._path = None

    def _write(self, data: bytes) -> None:
        if self._path is None:
            self._create()
        size = os.fstat(self._file).st_size
        if size + len(data) > MAX_SPOOL_BYTES:
            raise SpoolFull(f"{self._path} has more than {MAX_SPOOL_BYTES} bytes")
        try:
            written = 0
            while written < len(data):
                written += os.pwrite(self._file, data[written:], size + written)
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, size)  # half a line would spoil the next one
            raise

    def _create(self) -> None:
        """Locked before it has the name by which others look for it."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{os.getpid()}-{uuid4().hex}"
        unnamed = self._directory / f"{name}.new"
        self._file = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        path = self._directory / f"{name}{SUFFIX}"
        unnamed.rename(path)
        self._sync_directory()
        self._path = path

    def _adopt(self, path: Path) -> bytes:
        """What was in it. Nothing: it is not ours to take."""
        try:
            orphan = path.open("rb")
        except FileNotFoundError:
            return b""
        with orphan:
            try:
                fcntl.flock(orphan.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return b""  # its owner lives
            if os.fstat(orphan.fileno()).st_nlink == 0:
                return b""  # somebody else was faster
            data = orphan.read()
            if data:
                self._write(data if data.endswith(b"\n") else data + b"\n")
            path.unlink()
            self._sync_directory()
            return data

    def _sync_directory(self) -> None:
        descriptor = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _line(item: Waiting) -> bytes:
    settlement = item.settlement
    said: dict[str, object] = {
        "since_ms": item.since_ms,
        "shard": settlement.shard,
        "worker": settlement.worker_id,
        "record": encode_record(settlement.record).decode(),
    }
    if settlement.local:
        said["local"] = True
    body = orjson.dumps(said)
    return b"%08x %b\n" % (zlib.crc32(body), body)


def _local_micro(data: bytes) -> Counter[str]:
    """What of these lines was admitted without a lease, by customer."""
    found = Counter[str]()
    for line in BytesIO(data):
        item = _read(line) if b'"local":true' in line else None
        if item is not None and item.settlement.local:
            record = item.settlement.record
            found[record.customer_id] += record.cost_micro or 0
    return found


def _read(line: bytes) -> Waiting | None:
    """None for a line that was never written whole, or that this version does not understand."""
    checksum, _, rest = line.partition(b" ")
    body = rest.removesuffix(b"\n")
    if checksum != b"%08x" % zlib.crc32(body):
        return None
    try:
        raw = orjson.loads(body)
        record = decode_record(raw["record"].encode())
        local = raw.get("local") is True
        return Waiting(Settlement(raw["shard"], record, raw["worker"], local), raw["since_ms"])
    except (ValueError, KeyError, BadRecord):
        return None
