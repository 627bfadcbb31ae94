"""Alive, ready, and what is missing; the catalog followed while the portal runs."""

from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from structlog.testing import capture_logs

from portal.app import create_app
from portal.settings import Settings
from tests.ledger.conftest import RedisServer, own_redis, until
from tests.portal.conftest import CATALOG, ENV, LISTED, World, started
from tests.portal.test_models import names_in

__all__ = ["own_redis"]


async def test_a_portal_with_everything_is_alive_and_ready(world: World) -> None:
    alive, ready = await world.get("/healthz"), await world.get("/readyz")
    assert (alive.status_code, alive.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert ready.json()["missing"] == []


async def test_probes_leave_no_line_in_the_log(world: World) -> None:
    with capture_logs() as logs:
        await world.get("/healthz")
        await world.get("/readyz")
    assert logs == []


async def test_a_redis_that_goes_away_is_missing_until_it_is_back(
    own_redis: RedisServer, sqlite_url: str, tmp_path: Path, stack: AsyncExitStack
) -> None:
    path = tmp_path / "catalog.yaml"
    path.write_text(CATALOG, "utf-8")
    client = await started(create_app(Settings(path, own_redis.url, sqlite_url, env=ENV)), stack)
    assert (await client.get("/readyz")).status_code == 200
    own_redis.kill()
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["missing"]) == (503, ["redis"])
    assert str(tmp_path) not in answer.text
    assert (await client.get("/healthz")).status_code == 200
    own_redis.start()

    async def is_ready() -> bool:
        return (await client.get("/readyz")).status_code == 200

    await until(is_ready)


async def test_a_database_without_tables_is_missing_and_its_url_is_not_shown(
    redis_url: str, tmp_path: Path, stack: AsyncExitStack
) -> None:
    path = tmp_path / "catalog.yaml"
    path.write_text(CATALOG, "utf-8")
    url = f"sqlite:///{tmp_path / 'secret-name.sqlite3'}"
    client = await started(create_app(Settings(path, redis_url, url, env=ENV)), stack)
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["missing"]) == (503, ["sql"])
    assert "secret-name" not in answer.text


async def test_a_portal_started_with_a_wrong_catalog_serves_when_it_is_right(
    world: World, stack: AsyncExitStack
) -> None:
    path = world.settings.catalog.with_name("late.yaml")
    path.write_text("version: 2\n", "utf-8")
    with capture_logs() as logs:
        client = await started(create_app(replace(world.settings, catalog=path)), stack)
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["missing"]) == (503, ["catalog"])
    assert [entry["event"] for entry in logs][:1] == ["catalog_wrong"]
    key = await world.key()
    path.write_text(CATALOG, "utf-8")

    async def lists() -> bool:
        answer = await client.get("/v1/models", headers={"x-api-key": key})
        return answer.status_code == 200

    await until(lists)
    assert (await client.get("/readyz")).status_code == 200


async def test_a_changed_catalog_is_served_and_a_wrong_one_is_not(world: World) -> None:
    key = await world.key()
    path = world.settings.catalog

    async def listed() -> list[str]:
        return names_in((await world.get("/v1/models", key)).json())

    def put(text: str) -> None:
        new = path.with_name("new")
        new.write_text(text, "utf-8")
        new.replace(path)

    async def is_new() -> bool:
        return await listed() == ["fresh", *LISTED[1:]]

    put(CATALOG.replace("name: claude-opus-5-5", "name: fresh"))
    await until(is_new)
    with capture_logs() as logs:
        put("version: 1\nmodels: [{ name: x, targets: [{ provider: none }] }]\n")

        async def is_reported() -> bool:
            return any(entry["event"] == "catalog_wrong" for entry in logs)

        await until(is_reported)
    assert await is_new()
    assert (await world.get("/readyz")).status_code == 200


async def test_a_catalog_of_hundreds_comes_in_pages_of_each_vendors_default(
    world: World,
) -> None:
    key = await world.key()
    many = "".join(
        f"  - {{ name: bulk-{number:03}, targets: [{{ provider: local }}] }}\n"
        for number in range(120)
    )
    world.settings.catalog.write_text(CATALOG.replace("models:\n", f"models:\n{many}"), "utf-8")

    async def has_come() -> bool:
        return "bulk-119" in (await world.get("/v1/models", key)).text

    await until(has_come)
    anthropic = (await world.get("/api/v1/models", key)).json()
    gemini = (await world.get("/v1beta/models", key)).json()
    assert (len(anthropic["data"]), anthropic["has_more"]) == (20, True)
    assert (len(gemini["models"]), "nextPageToken" in gemini) == (50, True)
