"""Envoy's configuration without a running gateway: as text, as files, and as Envoy judges it."""

import os
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from catalog import Catalog, load
from cli import bootstrap
from cli.binaries import envoy_binary
from cli.bootstrap import EnvoySettings
from cli.gateway import envoy_settings
from cli.output import OperatorError
from cli.settings import Settings

VALIDATE_TIMEOUT_S = 60


def rendered(settings: Settings) -> dict[str, str]:
    """File name to text. Raises CatalogError."""
    return bootstrap.render(*_described(settings))


def write(settings: Settings, directory: Path) -> list[str]:
    """Write the files there; their names. Raises CatalogError."""
    described, loaded = _described(settings)
    described = replace(described, directory=directory)
    bootstrap.write(described, loaded)
    return list(bootstrap.render(described, loaded))


def refusals(settings: Settings) -> list[str]:
    """Envoy's complaints about the configuration of these settings; none when it is accepted.

    Raises CatalogError and OperatorError.
    """
    binary = envoy_binary(settings.envoy)
    with tempfile.TemporaryDirectory(prefix="clavis-") as directory:
        write(settings, Path(directory))
        argv = [str(binary), "--mode", "validate", "--log-level", "warning"]
        try:
            result = subprocess.run(
                [*argv, "-c", str(Path(directory) / "bootstrap.yaml")],
                capture_output=True,
                text=True,
                timeout=VALIDATE_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise OperatorError(f"Cannot run {binary}: {error}") from error
    if result.returncode == 0:
        return []
    return [line for line in result.stderr.splitlines() if line.strip()][-5:] or ["no reason given"]


def _described(settings: Settings) -> tuple[EnvoySettings, Catalog]:
    loaded = load(settings.catalog, os.environ)
    workers = [f"unix:{settings.places.worker(index)}" for index in range(settings.workers)]
    return envoy_settings(settings, loaded, workers), loaded
