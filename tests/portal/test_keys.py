"""Who may ask: keys in every form, and a 401 before anything else."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from ipaddress import ip_network

import httpx
import pytest

from ledger.keys import mint
from ledger.model import KeySpec
from portal.app import create_app
from portal.settings import Network
from tests.portal.conftest import NOW_MS, World, started
from tests.portal.test_models import shape_of

DOORS = (
    "/v1/models",
    "/openai/v1/models/gpt-5-mini",
    "/api/v1/models",
    "/v1beta/models",
    "/gemini/v1beta/models/gpt-5-mini",
    "/v1/usage",
    "/openai/v1/usage/x",
    "/claude/v1/usage",
    "/gemini/v1beta/usage/x",
)
FORMS: dict[str, Callable[[str], dict[str, str]]] = {
    "x-api-key": lambda key: {"x-api-key": key},
    "bearer": lambda key: {"authorization": f"Bearer {key}"},
    "bearer in small letters": lambda key: {"authorization": f"bearer  {key} "},
    "authorization without a scheme": lambda key: {"authorization": key},
    "x-goog-api-key": lambda key: {"x-goog-api-key": key},
}


async def test_every_form_opens_every_door(world: World) -> None:
    key = await world.key()
    for path in ("/v1/models", "/api/v1/models", "/v1beta/models", "/v1/usage"):
        for form, headers_of in FORMS.items():
            answer = await world.client.get(path, headers=headers_of(key))
            assert (path, form, answer.status_code) == (path, form, 200)
        assert (path, (await world.get(f"{path}?key={key}")).status_code) == (path, 200)


async def test_without_a_key_every_door_is_401_in_its_dialect(world: World) -> None:
    expected = {"api": "anthropic", "claude": "anthropic", "gemini": "gemini", "v1beta": "gemini"}
    for path in DOORS:
        answer = await world.get(path)
        assert (path, answer.status_code) == (path, 401)
        assert "No API key was sent" in answer.json()["error"]["message"]
        assert answer.headers["www-authenticate"] == "Bearer"
        assert shape_of(answer.json()) == expected.get(path.split("/")[1], "openai")


async def test_the_key_is_judged_before_the_request(world: World) -> None:
    key = await world.key()
    for path, status in (
        ("/api/v1/models?limit=wrong", 400),
        ("/v1beta/models?pageToken=***", 400),
        ("/v1/usage?from=never&limit=0", 400),
        ("/v1/models/no-such-model", 404),
        ("/v1/usage/%00", 404),
    ):
        without, with_key = await world.get(path), await world.get(path, key)
        assert (path, without.status_code, with_key.status_code) == (path, 401, status)


async def test_the_text_that_looks_like_ours_wins_wherever_it_stands(world: World) -> None:
    key = await world.key()
    strangers = {"x-api-key": "sk-ant-x", "authorization": "Bearer AIza", "x-goog-api-key": "?"}
    for name, value in FORMS.items():
        sent = {**strangers, **value(key)}
        assert (await world.client.get("/v1/models", headers=sent)).status_code == 200, name
    answer = await world.client.get(f"/v1/models?key=&key={key}", headers=strangers)
    assert answer.status_code == 200
    twice = [("x-api-key", "nonsense"), ("x-api-key", key)]
    assert (await world.client.get("/v1/models", headers=twice)).status_code == 200


async def test_of_two_keys_of_ours_the_doors_own_form_wins(world: World) -> None:
    one = await world.key("one", groups=("claude",))
    other = await world.key("other", groups=("no-such-group",))
    headers = {"x-api-key": one, "authorization": f"Bearer {other}"}
    anthropic = await world.client.get("/api/v1/models", headers=headers)
    openai = await world.client.get("/openai/v1/models", headers=headers)
    assert (len(anthropic.json()["data"]), len(openai.json()["data"])) == (1, 0)


def broken(key: str) -> str:
    last = "0" if key[-1] != "0" else "1"
    return key[:-1] + last


GARBAGE = ("nonsense", "sk-", "Bearer", "Basic dXNlcjpwYXNz", "sk-ant-api03-x", "sk-é", "\x01")


async def test_garbage_is_401_without_asking_a_store(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asked(*_: object) -> None:
        raise AssertionError("a store was asked")

    monkeypatch.setattr(world.app.state.services.ledger, "authenticate", asked)
    for text in (*GARBAGE, "x" * 50_000, broken(mint("sk-", "3").secret)):
        headers = [(b"authorization", b"Bearer " + text.encode())]
        answer = await world.client.get("/v1/models", headers=headers)
        assert (text[:20], answer.status_code) == (text[:20], 401)
        assert "was not copied whole" in answer.json()["error"]["message"]
        assert len(answer.text) < 300


async def test_a_wellformed_key_that_nobody_made_is_401(world: World) -> None:
    answer = await world.get("/v1/models", mint("sk-", "3").secret)
    assert answer.status_code == 401
    assert "not known here" in answer.json()["error"]["message"]


async def test_prefixes_are_the_catalogs(world: World) -> None:
    await world.key()
    customer = world.keys[0].customer_id
    accepted = await world.ledger.record.create_key(
        customer, KeySpec("further"), NOW_MS, "cc_user_"
    )
    other = await world.ledger.record.create_key(customer, KeySpec("further"), NOW_MS, "pk-")
    assert (await world.get("/v1/models", accepted[1])).status_code == 200
    assert (await world.get("/v1/models", other[1])).status_code == 401


async def test_a_disabled_key_is_401_at_once_and_says_so(world: World) -> None:
    key = await world.key()
    assert (await world.get("/v1/models", key)).status_code == 200
    await world.ledger.disable_key(world.keys[0].id, NOW_MS)
    answer = await world.get("/v1/models", key)
    assert answer.status_code == 401
    assert answer.json()["error"]["message"] == "The API key is disabled."
    await world.ledger.enable_key(world.keys[0].id, NOW_MS)
    assert (await world.get("/v1/models", key)).status_code == 200


async def test_a_key_expires_to_the_millisecond_and_says_when(world: World) -> None:
    key = await world.key(expires_at_ms=NOW_MS + 1)
    assert (await world.get("/v1/models", key)).status_code == 200
    world.clock[0] = NOW_MS + 1
    answer = await world.get("/api/v1/models", key)
    assert answer.status_code == 401
    assert answer.json()["error"] == {
        "type": "authentication_error",
        "message": "The API key has expired on 2025-11-20 at 12:00 UTC.",
    }


async def test_disabled_comes_before_expired(world: World) -> None:
    key = await world.key(expires_at_ms=NOW_MS - 1)
    await world.ledger.disable_key(world.keys[0].id, NOW_MS)
    answer = await world.get("/v1/models", key)
    assert answer.json()["error"]["message"] == "The API key is disabled."


async def test_a_rotated_key_works_until_its_grace_ends(world: World) -> None:
    old = await world.key()
    _, new = await world.ledger.rotate_key(world.keys[0].id, NOW_MS, grace_ms=1000)
    assert [(await world.get("/v1/models", key)).status_code for key in (old, new)] == [200, 200]
    world.clock[0] = NOW_MS + 1000
    assert [(await world.get("/v1/models", key)).status_code for key in (old, new)] == [401, 200]


# --------------------------------------------------------------------------------------- networks


async def test_networks_are_judged_by_what_envoy_appended(world: World) -> None:
    key = await world.key(networks=("203.0.113.0/24", "2001:db8::/32"))
    for forwarded, status in (
        ("203.0.113.7", 200),
        ("198.51.100.1, 203.0.113.7", 200),
        ("203.0.113.7, 198.51.100.1", 403),  # the client's own claim, then what Envoy saw
        ("::ffff:203.0.113.7", 200),
        ("2001:db8::1", 200),
        ("203.0.113.7:443", 403),
        ("unknown", 403),
        ("", 403),
    ):
        answer = await world.get("/api/v1/models", key, x_forwarded_for=forwarded)
        assert (forwarded, answer.status_code) == (forwarded, status)
        if status == 403:
            assert answer.json()["error"]["type"] == "permission_error"


async def test_a_key_for_networks_is_refused_where_nobody_says_whence(world: World) -> None:
    key = await world.key(networks=("0.0.0.0/0",))
    assert (await world.get("/v1/models", key)).status_code == 403


async def test_a_network_that_is_none_allows_nobody(world: World) -> None:
    key = await world.key(networks=("everywhere",))
    answer = await world.get("/v1/models", key, x_forwarded_for="203.0.113.7")
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("peer", "trusted", "status"),
    [
        ("127.0.0.1", (), 200),
        ("10.1.2.3", (), 403),  # its x-forwarded-for is anybody's word
        ("10.1.2.3", (ip_network("10.0.0.0/8"),), 200),
        ("203.0.113.9", (), 200),  # no proxy: it is the client itself
        ("not an address", (), 403),
    ],
)
async def test_only_a_trusted_peer_says_who_the_client_is(
    world: World, stack: AsyncExitStack, peer: str, trusted: tuple[Network, ...], status: int
) -> None:
    key = await world.key(networks=("203.0.113.0/24",))
    proxies = (*world.settings.trusted_proxies, *trusted)
    app = create_app(replace(world.settings, trusted_proxies=proxies))
    await started(app, stack)
    transport = httpx.ASGITransport(app=app, client=(peer, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        headers = {"x-api-key": key, "x-forwarded-for": "203.0.113.7"}
        assert (await client.get("/v1/models", headers=headers)).status_code == status
