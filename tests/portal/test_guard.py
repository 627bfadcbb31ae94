"""Nothing below /manage is reached without an admin token, and where there is none there is
nothing."""

import hashlib
import json
import re
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from structlog.testing import capture_logs

from portal import failures
from portal.app import create_app
from portal.manage.admins import Admins
from portal.manage.doors import ROUTERS
from portal.manage.guard import MAX_BODY_BYTES
from tests.portal.conftest import ADMIN, World, started
from tests.portal.test_models import shape_of
from tests.test_house import ROOT

TRIES = (  # method and path: routes, methods that none takes, paths that there are not
    ("GET", "/manage/v1/customers"),
    ("POST", "/manage/v1/customers"),
    ("DELETE", "/manage/v1/customers"),
    ("GET", "/manage/v1/nothing"),
    ("GET", "/manage/v1"),
    ("GET", "/manage"),
    ("HEAD", "/manage/v1/keys"),
    ("PURGE", "/manage/v1/keys"),
)
WRONG: tuple[dict[str, Any], ...] = (
    {},
    {"authorization": ADMIN},
    {"authorization": f"Basic {ADMIN}"},
    {"authorization": f"Bearer {ADMIN}x"},
    {"authorization": f"Bearer {ADMIN[:-1]}"},
    {"authorization": "Bearer"},
    {"authorization": b"Bearer \xff\xfe"},
    {"x-api-key": ADMIN},
)


async def test_without_the_token_every_path_and_method_is_401_in_one_shape(world: World) -> None:
    for method, path in TRIES:
        for headers in WRONG:
            answer = await world.client.request(method, path, headers=headers, content=b"{broken")
            assert (method, path, answer.status_code) == (method, path, 401)
            assert answer.headers["www-authenticate"] == "Bearer"
            if method != "HEAD":
                assert shape_of(answer.json()) == "management"
                assert ADMIN not in answer.text


def test_the_edge_sends_management_to_the_portal_before_any_door() -> None:
    """Envoy takes the first route that matches the whole path, without its query."""
    text = (ROOT / "envoy" / "envoy.yaml").read_text("utf-8")
    routes = re.findall(
        r'match: \{ safe_regex: \{ regex: "([^"]+)" \} \}\s+route:'
        r"\s*(?:\{ cluster: (\w+)|\n\s+cluster: (\w+))",
        text,
    )
    assert len(routes) >= 2
    for path in ("/manage/v1/customers", "/manage/v1/customers/a/keys", "/manage/v1/usage"):
        first = next(r for r in routes if re.fullmatch(r[0].replace("\\\\", "\\"), path))
        assert first[1:] == ("portal", "")


async def test_a_route_that_the_guard_does_not_stand_before_refuses_by_itself(
    world: World,
) -> None:
    bare = FastAPI()
    failures.install(bare)
    for router in ROUTERS:
        bare.include_router(router)
    bare.state.services = world.app.state.services

    @bare.middleware("http")
    async def with_an_id(request: Request, call_next: Any) -> Any:
        request.state.request_id = "id"
        return await call_next(request)

    transport = httpx.ASGITransport(app=bare)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        answer = await client.get(
            "/manage/v1/customers", headers={"authorization": f"Bearer {ADMIN}"}
        )
    assert answer.status_code == 401


async def test_a_key_is_no_admin_token_and_an_admin_token_no_key(world: World) -> None:
    key = await world.key()
    assert (await world.get("/manage/v1/customers", key)).status_code == 401
    assert (await world.get("/v1/models", ADMIN)).status_code == 401


async def test_where_no_token_is_configured_there_is_no_management(
    world: World, stack: AsyncExitStack
) -> None:
    client = await started(create_app(replace(world.settings, admin_token=None)), stack)
    for method, path in TRIES:
        for headers in ({}, {"authorization": f"Bearer {ADMIN}"}, {"authorization": "Bearer "}):
            answer = await client.request(method, path, headers=headers, content=b"{broken")
            assert (method, path, answer.status_code) == (method, path, 404)


async def test_a_token_that_anybody_guesses_is_none(world: World, stack: AsyncExitStack) -> None:
    with capture_logs() as logs:
        client = await started(create_app(replace(world.settings, admin_token="secret")), stack)
    headers = {"authorization": "Bearer secret"}
    assert (await client.get("/manage/v1/customers", headers=headers)).status_code == 404
    assert "admin_token_too_short" in [entry["event"] for entry in logs]
    assert "secret" not in json.dumps(logs)


def line(name: str, token: str) -> str:
    return f"{name} {hashlib.sha256(token.encode()).hexdigest()}\n"


async def test_tokens_of_the_file_open_and_end_without_a_restart(
    world: World, stack: AsyncExitStack, tmp_path: Path
) -> None:
    path = tmp_path / "tokens"
    path.write_text("# who may\n\n" + line("billing", "token-of-billing") + line("ops", "two"))
    settings = replace(world.settings, admin_token=None, admin_tokens=path)
    client = await started(create_app(settings), stack)

    async def asked(token: str) -> int:
        return await status_of(client, token)

    assert [await asked(t) for t in ("token-of-billing", "two", ADMIN)] == [200, 200, 401]
    path.write_text(line("ops", "another one"))
    assert [await asked(t) for t in ("token-of-billing", "two", "another one")] == [401, 401, 200]
    path.unlink()
    assert await asked("another one") == 404


async def status_of(client: httpx.AsyncClient, token: str) -> int:
    headers = {"authorization": f"Bearer {token}"}
    return (await client.get("/manage/v1/customers", headers=headers)).status_code


@pytest.mark.parametrize(
    "text", ["", "name\n", "name short\n", "plain-token\n", f"a b {'0' * 64}\n", "\0\xff\n"]
)
def test_a_line_that_is_none_opens_nothing_and_is_not_repeated(text: str, tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(text, "utf-8")
    with capture_logs() as logs:
        assert Admins(None, path).configured is False
    assert "plain-token" not in json.dumps(logs)
    assert len(logs) == bool(text.strip())


def test_both_kinds_of_token_have_names(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(line("billing", "one"))
    admins = Admins(ADMIN, path)
    assert [admins.name_of(t) for t in ("one", ADMIN, "")] == ["billing", "admin", None]
    assert Admins(None, None).configured is False
    assert Admins(None, tmp_path / "none").configured is False


async def test_the_log_says_who_and_never_the_token(world: World) -> None:
    with capture_logs() as logs:
        await world.manage("GET", "/customers")
        await world.client.get("/manage/v1/keys", headers={"authorization": "Bearer wrong-token"})
    requests = [entry for entry in logs if entry["event"] == "request"]
    assert [(entry["admin"], entry["status"]) for entry in requests] == [
        ("admin", 200),
        (None, 401),
    ]
    assert ADMIN not in json.dumps(logs)
    assert "wrong-token" not in json.dumps(logs)


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_that_is_too_large_is_413(world: World, declared: bool) -> None:
    content = b'{"name": "' + b"x" * MAX_BODY_BYTES + b'"}'

    async def in_pieces() -> object:
        for start in range(0, len(content), 10_000):
            yield content[start : start + 10_000]

    answer = await world.client.post(
        "/manage/v1/customers",
        content=content if declared else in_pieces(),  # type: ignore[arg-type]
        headers={"authorization": f"Bearer {ADMIN}", "content-type": "application/json"},
    )
    assert (answer.status_code, answer.json()["error"]["kind"]) == (413, "too_large")
