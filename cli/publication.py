"""How a changed catalog goes live: Envoy first, then whoever sends requests there.

A worker that knew of a provider before Envoy has its cluster would answer 503; a cluster that went
away before the workers know would do the same. So:

1. The new configuration is written with the old catalog's clusters still in it.
2. When Envoy has taken it over, the accepted catalog is published to workers and portal.
3. The clusters that nobody names any more are removed when no request runs in them.

What Envoy refuses is taken back: the old catalog stays everywhere.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import httpx
import yaml

from catalog import Catalog
from cli import bootstrap
from cli.bootstrap import EnvoySettings
from cli.envoy_admin import EnvoyAdmin
from cli.journal import Journal
from cli.settings import Places

APPLY_TIMEOUT_S = 15.0  # Envoy needs milliseconds, DNS of a new provider perhaps seconds
POLL_S = 0.05
LEAVE_POLL_S = 1.0

Files = Mapping[str, str]


class Refused(Exception):
    """Envoy did not take the new configuration; its own log says more."""


class Unreachable(Refused):
    """Envoy does not answer: try again when it is back."""


class Publication:
    """One at a time: whoever calls `publish` awaits it before the next."""

    def __init__(self, places: Places, journal: Journal) -> None:
        self._places = places
        self._journal = journal
        self._leaving: asyncio.Task[None] | None = None

    def first(self, settings: EnvoySettings, catalog: Catalog, text: str) -> None:
        """Before Envoy runs: everything at once."""
        self._write(bootstrap.render(settings, catalog))
        self._accept(text)

    async def publish(self, settings: EnvoySettings, catalog: Catalog, text: str) -> None:
        """Raises Refused, the old catalog being in force again then."""
        if self._leaving is not None:
            self._leaving.cancel()
        old = self._current()
        new = bootstrap.render(settings, catalog)
        both = {
            **new,
            "clusters.yaml": with_clusters_of(new["clusters.yaml"], old["clusters.yaml"]),
        }
        if old.get("bootstrap.yaml") != new["bootstrap.yaml"]:
            self._journal.event("restart_needed", reason="limits of requests change with a restart")
        try:
            await self._apply(old, both)
        except Refused:
            self._write(old)
            raise
        self._accept(text)
        gone = cluster_names(both["clusters.yaml"]) - cluster_names(new["clusters.yaml"])
        if gone:
            self._leaving = asyncio.create_task(self._leave(gone, new))

    async def close(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            await asyncio.gather(self._leaving, return_exceptions=True)

    async def _apply(self, old: Files, new: Files) -> None:
        async with EnvoyAdmin(self._places.admin) as admin:
            before = await _updates(admin)
            expected = {
                counter: before.get(f"{counter}.update_success", 0) + 1
                for counter, name in _WATCHED.items()
                if old.get(name) != new[name]
            }
            self._write(new)
            try:
                async with asyncio.timeout(APPLY_TIMEOUT_S):
                    while not await self._applied(  # noqa: ASYNC110 - Envoy rings no bell
                        admin, before, expected, new
                    ):
                        await asyncio.sleep(POLL_S)
            except TimeoutError:
                raise Refused("Envoy did not take the new configuration in time") from None

    async def _applied(
        self,
        admin: EnvoyAdmin,
        before: Mapping[str, int],
        expected: Mapping[str, int],
        new: Files,
    ) -> bool:
        now = await _updates(admin)
        for counter in expected:
            name = f"{counter}.update_rejected"
            if now.get(name, 0) > before.get(name, 0):
                raise Refused(f"Envoy refused the new configuration ({name})")
        if any(now.get(f"{c}.update_success", 0) < count for c, count in expected.items()):
            return False
        try:
            return cluster_names(new["clusters.yaml"]) <= await admin.clusters()
        except httpx.HTTPError:
            return False

    async def _leave(self, gone: set[str], new: Files) -> None:
        """Remove clusters that no catalog names any more, once they are idle."""
        async with EnvoyAdmin(self._places.admin) as admin:
            while True:
                await asyncio.sleep(LEAVE_POLL_S)  # the workers take up the new catalog meanwhile
                try:
                    active = await admin.upstream_active(gone)
                except httpx.HTTPError:
                    continue
                if active == 0:
                    break
        self._write(new)
        self._journal.event("clusters_removed", clusters=sorted(gone))

    def _current(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in self._places.envoy.glob("*.yaml")}

    def _write(self, files: Files) -> None:
        """What is named before who names it: secrets, clusters, endpoints, then the listeners."""
        self._places.envoy.mkdir(parents=True, exist_ok=True)
        for name in sorted(files, key=_order):
            bootstrap.replace(self._places.envoy / name, files[name])

    def _accept(self, text: str) -> None:
        bootstrap.replace(self._places.accepted_catalog, text)


_LAST = ("clusters.yaml", "endpoints.yaml", "listeners.yaml", "bootstrap.yaml")
_WATCHED = {"cluster_manager.cds": "clusters.yaml", "listener_manager.lds": "listeners.yaml"}


def _order(name: str) -> int:
    return _LAST.index(name) if name in _LAST else -1


def cluster_names(text: str) -> set[str]:
    return {resource["name"] for resource in _resources(text)}


def with_clusters_of(new: str, old: str) -> str:
    """The new clusters and those of the old that it lacks."""
    resources = _resources(new)
    names = {resource["name"] for resource in resources}
    kept = [resource for resource in _resources(old) if resource["name"] not in names]
    if not kept:
        return new
    return json.dumps({"resources": [*resources, *kept]}, indent=2) + "\n"


def _resources(text: str) -> list[dict[str, Any]]:
    loaded = yaml.safe_load(text) or {}
    return list(loaded.get("resources") or ())


async def _updates(admin: EnvoyAdmin) -> dict[str, int]:
    try:
        return await admin.updates()
    except httpx.HTTPError as error:
        raise Unreachable(f"Envoy does not answer: {type(error).__name__}") from None
