"""Where the figures were taken: without it they mean nothing."""

import datetime
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

from cli.binaries import envoy_binary

PACKAGES = ("grpcio", "uvloop", "xds-protos", "hiredis", "orjson")


def describe(now: datetime.datetime) -> dict[str, str]:
    """Processor, system and versions, by name. `now` is aware."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return {
        "date": now.strftime("%Y-%m-%d %H:%M UTC"),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.release()}",
        "load average at the start": load,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "envoy": _envoy(),
        "packages": versions,
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    if path.is_file():
        for line in path.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _envoy() -> str:
    """`version: <commit>/1.40.0/Clean/RELEASE/BoringSSL` is what the binary says."""
    said = subprocess.run(
        [str(envoy_binary()), "--version"], capture_output=True, text=True, check=True
    ).stdout
    parts = said.strip().rpartition("version:")[2].strip().split("/")
    return parts[1] if len(parts) > 1 else said.strip()
