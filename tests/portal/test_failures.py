"""Whatever goes wrong is told in the caller's dialect, with an id, and without anything inside."""

import json
import re
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.responses import JSONResponse
from structlog.testing import capture_logs

from ledger.errors import StoreUnavailable
from portal.app import create_app
from portal.dialects import Dialect
from portal.refusals import WORDS, Kind, Refusal, error_body
from tests.portal.conftest import World, started
from tests.portal.test_models import shape_of

WRONG_PATHS = [
    ("/api", "anthropic", "/api/v1/messages"),
    ("/claude/", "anthropic", "/claude/v1/messages"),
    ("/anthropic/v1", "anthropic", "/anthropic/v1/messages"),
    ("/openai", "openai", "/openai/v1/chat/completions or /openai/v1/responses"),
    ("/openai/v1", "openai", "is a prefix, not an endpoint"),
    ("/gemini", "gemini", "/gemini/v1beta/models/{model}:generateContent"),
    ("/v1", "openai", "/v1/chat/completions"),
    ("/v1beta", "gemini", "/v1beta/models/{model}:generateContent"),
    ("/v1/nothing", "openai", "GET /v1/models"),
    ("/api/v1/nothing", "anthropic", "There is no such path here"),
    ("/v1beta/nothing", "gemini", "There is no such path here"),
    ("/v1/messages", "anthropic", "There is no such path here"),
    ("/wp-login.php", "openai", "There is no such path here"),
    ("/v1/models/../../etc/passwd", "openai", ""),
]


async def test_a_wrong_path_is_404_with_help_in_the_dialect_it_suggests(world: World) -> None:
    for path, shape, says in WRONG_PATHS:
        answer = await world.get(path)
        assert (path, answer.status_code, shape_of(answer.json())) == (path, 404, shape)
        assert says in answer.json()["error"]["message"]


async def test_headers_suggest_the_dialect_of_a_path_that_suggests_none(world: World) -> None:
    anthropic = await world.get("/nothing", anthropic_version="2023-06-01")
    gemini = await world.get("/nothing", x_goog_api_key="x")
    assert [shape_of(a.json()) for a in (anthropic, gemini)] == ["anthropic", "gemini"]


@pytest.mark.parametrize(
    ("path", "shape"),
    [("/v1/usage", "openai"), ("/api/v1/models", "anthropic"), ("/v1beta/models/x", "gemini")],
)
async def test_a_wrong_method_is_405_in_dialect_with_allow(
    world: World, path: str, shape: str
) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"):
        answer = await world.client.request(method, path, content=b"{broken")
        assert (answer.status_code, shape_of(answer.json())) == (405, shape)
        assert answer.headers["allow"] == "GET, HEAD"
        assert method in answer.json()["error"]["message"]


async def test_every_answer_carries_the_id_that_envoy_gave(world: World) -> None:
    given_id = "0d9c6e2a-4f0b-4d6e-9a43-1f0f7c1f4b11"
    for path in ("/", "/healthz", "/docs", "/v1/models", "/api", "/portal/x"):
        answer = await world.get(path, x_request_id=given_id)
        ids = {answer.headers["x-request-id"], answer.headers["request-id"]}
        assert (path, ids) == (path, {given_id})


async def test_an_id_is_made_where_none_or_an_odd_one_came(world: World) -> None:
    made = set()
    odd = ("", "two words", "x" * 129, "a\tb", '{"a":1}', "ü")
    for headers in ({}, *({b"x-request-id": text.encode()} for text in odd)):
        answer = await world.client.get("/api", headers=headers)
        made.add(str(UUID(answer.headers["x-request-id"])))
        assert answer.headers["request-id"] == answer.json()["request_id"]
    assert len(made) == 7


async def test_lists_are_not_cached_and_not_sniffed(world: World) -> None:
    answer = await world.get("/v1/models", await world.key())
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("dialect", Dialect)
def test_every_kind_has_a_word_in_every_dialect(kind: Kind, dialect: Dialect) -> None:
    body = error_body(Refusal(kind, "why"), dialect, "id").model_dump()
    assert shape_of(body) == dialect.value
    assert body["error"]["message"] == "why"
    if dialect is Dialect.GEMINI:
        assert body["error"]["code"] == WORDS[kind].status


# ----------------------------------------------------------------------------------------- defects


@pytest.mark.parametrize(
    ("path", "shape"),
    [("/v1/broken", "openai"), ("/api/v1/broken", "anthropic"), ("/v1beta/broken", "gemini")],
)
async def test_a_defect_is_500_with_the_id_and_nothing_else(
    world: World, stack: AsyncExitStack, path: str, shape: str
) -> None:
    app = create_app(world.settings)

    async def broken() -> None:
        raise RuntimeError("postgresql://user:password@db.internal")

    app.add_api_route(path, broken)
    client = await started(app, stack)
    with capture_logs() as logs:
        answer = await client.get(path, headers={"x-request-id": "abc-1"})
    assert (answer.status_code, shape_of(answer.json())) == (500, shape)
    assert "abc-1" in answer.json()["error"]["message"]
    assert answer.headers["request-id"] == "abc-1"
    for secret in ("password", "RuntimeError", "Traceback", ".py"):
        assert secret not in answer.text
    told = [entry for entry in logs if entry["event"] == "defect"]
    assert (told[0]["why"], told[0]["request_id"]) == ("RuntimeError", "abc-1")
    assert "broken" in told[0]["where"][-1]
    assert "password" not in json.dumps(logs)


async def test_a_store_that_is_away_is_503_in_dialect(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await world.key()

    async def away(*_: object) -> None:
        raise StoreUnavailable("no connection to db.internal")

    monkeypatch.setattr(world.app.state.services.ledger, "authenticate", away)
    for path, shape in (("/v1/models", "openai"), ("/api/v1/usage", "anthropic")):
        answer = await world.get(path, key)
        assert (answer.status_code, shape_of(answer.json())) == (503, shape)
        assert answer.headers["retry-after"] == "1"
        assert "internal" not in answer.text


async def test_what_the_framework_refuses_keeps_its_status_in_dialect(
    world: World, stack: AsyncExitStack
) -> None:
    from starlette.exceptions import HTTPException

    app = create_app(world.settings)

    async def teapot() -> JSONResponse:
        raise HTTPException(418, "a text of the framework", {"x-note": "kept"})

    app.add_api_route("/gemini/teapot", teapot)
    answer = await (await started(app, stack)).get("/gemini/teapot")
    assert (answer.status_code, answer.headers["x-note"]) == (418, "kept")
    assert answer.json()["error"]["code"] == 418


async def test_the_log_holds_no_key_no_path_and_no_query(world: World) -> None:
    key = await world.key()
    with capture_logs() as logs:
        await world.get(f"/v1beta/models?key={key}")
        await world.get(f"/v1/models/{key}", key)
        await world.get(f"/{key}", x_api_key=key)
        await world.get("/v1/usage/private-id", key)
    text = json.dumps(logs)
    assert [entry["route"] for entry in logs if entry["event"] == "request"] == [
        "/v1beta/models",
        "/v1/models/{model:path}",
        None,
        "/v1/usage/{request_id:path}",
    ]
    assert key not in text
    assert key[-20:] not in text
    assert "private-id" not in text


# ---------------------------------------------------------------------------------------- any path

ROOTS = ["", "/v1", "/v1/models", "/v1beta/models", "/api/v1/usage", "/gemini", "/docs", "/portal"]
ODD = st.text(
    st.characters(codec="utf-8") | st.sampled_from("/?%:#[]@\0\r\n;\\.é\u2028\ud7ff"), max_size=30
)


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(root=st.sampled_from(ROOTS), tail=st.binary(max_size=30) | ODD, data=st.data())
async def test_no_path_query_or_header_makes_a_5xx(
    world: World, root: str, tail: bytes | str, data: Any
) -> None:
    """Bytes as they may arrive: percent-encoded or not, UTF-8 or not."""
    raw = tail if isinstance(tail, bytes) else tail.encode("utf-8", "surrogatepass")
    query = data.draw(st.sampled_from([b"", b"limit=1&", b"pageToken=", b"from=", b"cursor="]))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": data.draw(st.sampled_from(["GET", "HEAD", "POST", "\x7f"])),
        "scheme": "http",
        "path": f"{root}/{raw.decode('utf-8', 'replace')}",
        "raw_path": raw,
        "root_path": "",
        "query_string": query + raw,
        "headers": [
            (b"host", data.draw(st.sampled_from([b"", b"[", b"a:b:c", raw]))),
            (b"x-api-key", (await _only_key(world)).encode()),
            (b"x-request-id", raw),
            (b"x-forwarded-proto", raw),
        ],
        "client": None,
        "server": None,
    }
    status = await _status(world, scope)
    assert status < 500, (scope["path"], query)


async def _only_key(world: World) -> str:
    if not hasattr(world.app.state, "test_key"):
        world.app.state.test_key = await world.key()
    return str(world.app.state.test_key)


async def _status(world: World, scope: dict[str, Any]) -> int:
    seen: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            seen.append(message["status"])
            for name, value in message["headers"]:
                assert not re.search(rb"[\r\n\0]", name + value)

    await world.app(scope, receive, send)
    assert len(seen) == 1
    return seen[0]


async def test_a_portal_without_a_catalog_refuses_politely(
    world: World, stack: AsyncExitStack
) -> None:
    away = replace(world.settings, catalog=world.settings.catalog.with_name("none.yaml"))
    client = await started(create_app(away), stack)
    answer = await client.get("/api/v1/models", headers={"x-api-key": await world.key()})
    assert (answer.status_code, shape_of(answer.json())) == (503, "anthropic")
    assert (await client.get("/")).status_code == 200
