"""The catalog file followed: every right change goes live, every wrong one is told and the old stays.

Used by whoever runs Envoy's configuration: `clavis up` for a gateway on one machine, and
`clavis publish --follow` where each part has a container of its own.
"""

import asyncio
from collections.abc import Mapping, Sequence

from catalog import Catalog, CatalogError, CatalogFile, parse
from cli import certificates
from cli.bootstrap import EnvoySettings
from cli.journal import Journal
from cli.publication import Publication, Refused, Unreachable
from cli.rendering import development_certificates, envoy_settings
from cli.settings import Settings

RETRY_S = 1.0
RENEW_EVERY_S = 12 * 3600.0


class Following:
    """Raises CatalogError when the catalog is wrong from the start."""

    def __init__(
        self,
        settings: Settings,
        workers: Sequence[str],
        environment: Mapping[str, str],
        journal: Journal,
    ) -> None:
        """`workers` are the addresses that Envoy is told; `environment` is the catalog's."""
        self._settings = settings
        self._workers = workers
        self._environment = environment
        self._journal = journal
        self._file = CatalogFile(settings.catalog, environment)
        self._publication = Publication(settings.places, journal)

    @property
    def catalog(self) -> Catalog:
        return self._file.current
