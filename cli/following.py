"""The catalog file followed: a right change goes live, a wrong one is told and the old one stays.

Used by whoever writes Envoy's configuration: `clavis up` for a gateway on one machine, and
`clavis publish --follow` where every part has a container of its own.
"""

import asyncio
from collections.abc import Mapping, Sequence

from catalog import Catalog, CatalogError, CatalogFile, parse
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

    def first(self) -> None:
        """Everything at once, before Envoy runs. Raises CatalogError."""
        self._publication.first(*self._effective())

    async def catch_up(self) -> None:
        """What changed while nobody followed: in order when Envoy runs, at once when it does not.

        Raises CatalogError.
        """
        if not self._settings.places.accepted_catalog.exists():
            self.first()
            return
        try:
            await self._publication.publish(*self._effective())
        except Unreachable:
            self.first()
        except Refused as error:
            self._journal.event("catalog_refused", problems=[str(error)])

    async def run(self, stopping: asyncio.Event) -> None:
        """Until `stopping` is set or it is cancelled."""
        changed = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(self._watch(changed, stopping))
            others = [
                group.create_task(self._publish_changes(changed)),
                group.create_task(self._renew_certificates()),
            ]
            await watching
            for task in others:
                task.cancel()

    async def close(self) -> None:
        await self._publication.close()

    def _effective(self) -> tuple[EnvoySettings, Catalog, str]:
        """What the catalog file says now. Read once: text and catalog belong together.

        Raises CatalogError.
        """
        text = self._settings.catalog.read_text("utf-8-sig")
        catalog = parse(text, self._environment)
        return envoy_settings(self._settings, catalog, self._workers), catalog, text

    async def _watch(self, changed: asyncio.Event, stopping: asyncio.Event) -> None:
        def refused(error: CatalogError) -> None:
            self._journal.event("catalog_refused", problems=error.problems)

        await self._file.watch(lambda _: changed.set(), refused, stopping)

    async def _publish_changes(self, changed: asyncio.Event) -> None:
        while True:
            await changed.wait()
            changed.clear()
            try:
                await self._publication.publish(*self._effective())
            except Unreachable:
                changed.set()
                await asyncio.sleep(RETRY_S)
            except (Refused, CatalogError, OSError) as error:
                self._journal.event("catalog_refused", problems=[str(error)])
            else:
                self._journal.event("catalog_published", models=len(self.catalog.models))

    async def _renew_certificates(self) -> None:
        """Envoy watches the directory and takes up what is renewed."""
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            development_certificates(self._settings, self.catalog)
