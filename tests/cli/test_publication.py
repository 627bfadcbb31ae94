"""A changed catalog goes live in Envoy first, and what Envoy refuses is taken back."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from catalog import Catalog, parse
from cli.bootstrap import EnvoySettings
from cli.publication import Publication, Refused, Unreachable, cluster_names, with_clusters_of
from cli.settings import Places
from tests.cli.fakes import journal, until

OLD = """
version: 1
providers:
  first: {base_url: "http://127.0.0.1:9", auth: none, surfaces: {openai_chat: /v1}, prices: none}
models:
  - {name: a, targets: [{provider: first}]}
"""
NEW = OLD.replace("first", "second")


class FakeEnvoy:
    """An admin interface that says what a test wants; `takes` is whether it accepts a change."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.takes = True
        self.successes = self.rejections = 0
        self.active = 1
        self.seen = self._files()

    def _files(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in self.places.envoy.glob("*.yaml")}

    def answer(self, path: str) -> object:
        files = self._files()
        if files != self.seen:
            self.seen = files
            self.successes += self.takes
            self.rejections += not self.takes
        if path.startswith("/clusters"):
            names = cluster_names(self.seen["clusters.yaml"])
            return {"cluster_statuses": [{"name": name} for name in names]}
        if "upstream_rq" in path:
            return {"stats": [{"name": "x", "value": self.active}]}
        stats = {"update_success": self.successes, "update_rejected": self.rejections}
        kinds = ("cluster_manager.cds", "listener_manager.lds")
        return {
            "stats": [
                {"name": f"{kind}.{name}", "value": value}
                for kind in kinds
                for name, value in stats.items()
            ]
        }

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while request := await reader.readline():
                while await reader.readline() not in (b"\r\n", b""):
                    pass
                body = json.dumps(self.answer(request.split()[1].decode())).encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            writer.close()

        server = await asyncio.start_unix_server(handle, str(self.places.admin))
        try:
            yield
        finally:
            server.close()


class Fixture:
    def __init__(self, directory: Path) -> None:
        self.places = Places(directory)
        self.places.prepare()
        self.settings = EnvoySettings(
            directory=self.places.envoy,
            workers=["unix:/w"],
            portal="unix:/p",
            admin=f"unix:{self.places.admin}",
        )
        book, self.memory = journal()
        self.publication = Publication(self.places, book)
        self.publication.first(*self.told(OLD))
        self.envoy = FakeEnvoy(self.places)

    def told(self, text: str) -> tuple[EnvoySettings, Catalog, str]:
        return self.settings, parse(text, {}), text

    @property
    def clusters(self) -> set[str]:
        return cluster_names((self.places.envoy / "clusters.yaml").read_text())

    @property
    def accepted(self) -> str:
        return self.places.accepted_catalog.read_text()


@pytest.fixture
def fixture(tmp_path: Path) -> Fixture:
    return Fixture(tmp_path)


async def test_old_clusters_stay_until_no_request_runs_in_them(fixture: Fixture) -> None:
    async with fixture.envoy.serving():
        await fixture.publication.publish(*fixture.told(NEW))
        assert fixture.accepted == NEW
        assert fixture.clusters == {"provider_first", "provider_second"}
        fixture.envoy.active = 0
        await until(lambda: fixture.clusters == {"provider_second"})
        await fixture.publication.close()
    assert [e["clusters"] for e in fixture.memory.events("clusters_removed")] == [
        ["provider_first"]
    ]


async def test_what_envoy_refuses_is_taken_back(fixture: Fixture) -> None:
    fixture.envoy.takes = False
    async with fixture.envoy.serving():
        with pytest.raises(Refused, match="update_rejected"):
            await fixture.publication.publish(*fixture.told(NEW))
    assert fixture.accepted == OLD
    assert fixture.clusters == {"provider_first"}


async def test_without_an_envoy_nothing_changes(fixture: Fixture) -> None:
    with pytest.raises(Unreachable):
        await fixture.publication.publish(*fixture.told(NEW))
    assert fixture.accepted == OLD
    assert fixture.clusters == {"provider_first"}


async def test_a_change_of_limits_is_said_to_need_a_restart(fixture: Fixture) -> None:
    settings = EnvoySettings(
        directory=fixture.places.envoy,
        workers=["unix:/w"],
        portal="unix:/p",
        admin=f"unix:{fixture.places.admin}",
        max_body_bytes=1_000_000,
    )
    _, catalog, text = fixture.told(NEW)
    async with fixture.envoy.serving():
        await fixture.publication.publish(settings, catalog, text)
        await fixture.publication.close()
    assert len(fixture.memory.events("restart_needed")) == 1


def test_new_clusters_win_over_old_ones_of_the_same_name() -> None:
    old = json.dumps({"resources": [{"name": "a", "v": 1}, {"name": "b", "v": 1}]})
    new = json.dumps({"resources": [{"name": "a", "v": 2}]})
    merged = json.loads(with_clusters_of(new, old))["resources"]
    assert merged == [{"name": "a", "v": 2}, {"name": "b", "v": 1}]
    assert with_clusters_of(new, new) == new
