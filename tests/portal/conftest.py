"""A portal with a real Redis, a real SQLite file and a real catalog file, and a clock to turn."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from ledger.keys import KeyHandle, parse
from ledger.ledger import Ledger
from ledger.model import KeyRow, KeySpec, Settled, Settlement, UsageRecord
from ledger.store.record import Record
from portal.app import create_app
from portal.settings import Settings
from tests.ledger.conftest import redis_url, shared_redis
from tests.ledger.samples import record_of

__all__ = ["redis_url", "shared_redis"]

CATALOG = Path(__file__).with_name("catalog.yaml").read_text("utf-8")
ENV = {"ANTHROPIC_API_KEY": "sk-ant-upstream-secret"}
ADMIN = "an-admin-token-of-the-tests"
NOW_MS = 1_763_640_000_000  # 2025-11-20 12:00 UTC
LISTED = [  # what the default group sees, in the catalog's order
    "claude-opus-5-5",
    "gpt-5-mini",
    "gemini-3-pro",
    "meta/llama-4:free",
    "text-embedding-3-small",
    "gpt-image-1",
]


@dataclass
class World:
    """One portal and what stands behind it."""

    settings: Settings
    ledger: Ledger
    app: FastAPI
    client: httpx.AsyncClient
    clock: list[int]
    keys: list[KeyRow] = field(default_factory=list)

    async def key(self, name: str = "development", **spec: Any) -> str:
        """A new key's secret; its row is the last of `keys`."""
        if not self.keys:
            await self.ledger.create_customer("acme", NOW_MS)
        customer = (await self.ledger.customers())[0]
        row, secret = await self.ledger.create_key(customer.id, KeySpec(name, **spec), NOW_MS)
        self.keys.append(row)
        return secret

    def handle(self, secret: str) -> KeyHandle:
        found = parse(secret, ("sk-",))
        assert found is not None
        return found

    async def get(self, path: str, key: str | None = None, **headers: str) -> httpx.Response:
        """GET with the key as Bearer; header names are written with underscores."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent["authorization"] = f"Bearer {key}"
        return await self.client.get(path, headers=sent)

    async def manage(
        self, method: str, path: str, body: Any = None, status: int = 200, **headers: str
    ) -> Any:
        """What the management API answers, which must have this status."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.client.request(
            method,
            f"/manage/v1{path}",
            json=body,
            headers={"authorization": f"Bearer {ADMIN}", **sent},
        )
        assert answer.status_code == status, answer.text
        if answer.headers.get("content-type", "").startswith("text/csv"):
            return answer.text
        return answer.json() if answer.content else None

    async def settle(self, request_id: str, key: KeyRow, **changes: Any) -> UsageRecord:
        """A finished request of the key, in Redis and on its way to SQL."""
        record = record_of(request_id, key_id=key.id, customer_id=key.customer_id, **changes)
        settled = await self.ledger.hot.settle(Settlement(key.shard, record, "w0"))
        assert settled is Settled.SETTLED
        return record

    async def record(self, request_id: str, key: KeyRow, **changes: Any) -> UsageRecord:
        """A finished request of the key, in SQL."""
        record = record_of(request_id, key_id=key.id, customer_id=key.customer_id, **changes)
        assert await self.ledger.record.add_usage([record]) == 1
        return record


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with every table and nothing in it, to be copied."""
    path = tmp_path_factory.mktemp("sql") / "migrated.sqlite3"

    async def migrate() -> None:
        record = Record.connect(f"sqlite:///{path}")
        await record.migrate()
        await record.close()

    asyncio.run(migrate())
    return path


@pytest.fixture
def sqlite_url(migrated: Path, tmp_path: Path) -> str:
    """A database of one's own, migrated."""
    path = tmp_path / "ledger.sqlite3"
    shutil.copyfile(migrated, path)
    return f"sqlite:///{path}"


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
def settings(redis_url: str, sqlite_url: str, tmp_path: Path) -> Settings:
    """Settings of a portal whose catalog file a test may change; its clock stands still."""
    path = tmp_path / "catalog" / "catalog.yaml"
    path.parent.mkdir()
    path.write_text(CATALOG, "utf-8")
    return Settings(path, redis_url, sqlite_url, admin_token=ADMIN, clock=lambda: NOW_MS, env=ENV)


async def started(app: FastAPI, stack: AsyncExitStack) -> httpx.AsyncClient:
    """The application with its lifespan, and a client that speaks to it as Envoy would: by a Unix
    socket, which has no peer address."""
    await stack.enter_async_context(app.router.lifespan_context(app))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False, client=("", 0))
    return await stack.enter_async_context(
        httpx.AsyncClient(transport=transport, base_url="http://api.example.com")
    )


@pytest.fixture
async def world(settings: Settings, stack: AsyncExitStack) -> World:
    clock = [NOW_MS]
    settings = replace(settings, clock=lambda: clock[0])
    ledger = await Ledger.open(settings.redis_url, settings.sql_url)
    stack.push_async_callback(ledger.close)
    app = create_app(settings)
    return World(settings, ledger, app, await started(app, stack), clock)
