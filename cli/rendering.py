"""Envoy's configuration from settings and catalog: as text, as files, and as Envoy judges it."""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from catalog import Catalog, load
from cli import bootstrap, certificates
from cli.binaries import envoy_binary
from cli.bootstrap import Certificate, EnvoySettings
from cli.inlined import BOOTSTRAP, inlined
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
    with tempfile.TemporaryDirectory(prefix="clavis-") as name:
        directory = Path(name)
        write(settings, directory)
        files = {path.name: path.read_text() for path in directory.glob("*.yaml")}
        whole = directory / "whole.yaml"
        whole.write_text(inlined(files))
        return _complaints(binary, directory / BOOTSTRAP) or _complaints(binary, whole)


def _complaints(binary: Path, config: Path) -> list[str]:
    """Envoy's last words about one file; none when it accepts it. Raises OperatorError."""
    argv = [str(binary), "--mode", "validate", "--log-level", "warning", "-c", str(config)]
    try:
        result = subprocess.run(
            argv, capture_output=True, text=True, timeout=VALIDATE_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OperatorError(f"Cannot run {binary}: {error}") from error
    if result.returncode == 0:
        return []
    return [line for line in result.stderr.splitlines() if line.strip()][-5:] or ["no reason given"]


def _described(settings: Settings) -> tuple[EnvoySettings, Catalog]:
    loaded = load(settings.catalog, os.environ)
    return envoy_settings(settings, loaded, worker_addresses(settings)), loaded


def worker_addresses(settings: Settings) -> list[str]:
    """Where the workers of these settings listen, for Envoy."""
    return [f"unix:{settings.places.worker(index)}" for index in range(settings.workers)]


def envoy_settings(settings: Settings, catalog: Catalog, workers: Sequence[str]) -> EnvoySettings:
    """What this gateway's Envoy is told; makes the development certificates that are missing."""
    places = settings.places
    return EnvoySettings(
        directory=places.envoy,
        workers=workers,
        portal=f"unix:{places.portal}",
        admin=f"unix:{places.admin}",
        bind=settings.bind,
        http_port=settings.http_port or None,
        https_port=settings.https_port or None,
        certificates=_certificates(settings, catalog),
        max_body_bytes=catalog.limits.max_body_bytes,
        max_attempts=catalog.limits.max_attempts,
    )


def development_certificates(settings: Settings, catalog: Catalog) -> dict[str, certificates.Pair]:
    """For every domain that names no files, and `localhost`."""
    without = [domain.name for domain in catalog.domains if domain.certificate is None]
    return certificates.ensure(settings.places.tls, without, datetime.now(UTC))


def _certificates(settings: Settings, catalog: Catalog) -> list[Certificate]:
    """The default first: Envoy takes it when no name fits. Files are relative to the catalog's."""
    pairs = development_certificates(settings, catalog)
    base = settings.catalog.absolute().parent
    for domain in catalog.domains:
        if domain.certificate is not None and domain.private_key is not None:
            pair = certificates.Pair(base / domain.certificate, base / domain.private_key)
            pairs[domain.name] = pair
    return [Certificate(name, pair.certificate, pair.private_key) for name, pair in pairs.items()]
