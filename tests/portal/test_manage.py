"""The management API: customers and keys, from their making to their end."""

from typing import Any

import pytest

from ledger.model import AccountMode, LimitKind
from ledger.store.hot import HotStore
from tests.portal.conftest import NOW_MS, World

LIMITS = {
    "rpm": 60,
    "tpm": None,
    "concurrency": 4,
    "spend_per_day": "2.5",
    "spend_per_week": None,
    "spend_per_month": None,
}
NONE: dict[str, Any] = dict.fromkeys(LIMITS)


async def test_a_customer_is_made_once_and_found_by_id_and_name(world: World) -> None:
    made = await world.manage("POST", "/customers", {"name": "acme"}, 201)
    assert made == {
        "id": made["id"],
        "name": "acme",
        "mode": "open",
        "limits": NONE,
        "created_at": "2025-11-20T12:00:00.000Z",
    }
    assert await world.manage("GET", "/customers") == {"data": [made]}
    by_id, by_name = [await world.manage("GET", f"/customers/{r}") for r in (made["id"], "acme")]
    assert by_id == by_name == {
        **made,
        "account": {
            "credit_micro": 0,
            "allowance_micro": 0,
            "allowance_until": None,
            "held_micro": 0,
            "available_micro": 0,
        },
        "plan": None,
    }  # fmt: skip
    again = await world.manage("POST", "/customers", {"name": "acme"}, 409)
    assert again["error"]["kind"] == "conflict"
    missing = await world.manage("GET", "/customers/nobody", status=404)
    assert missing["error"]["param"] == "customer"


async def test_the_catalog_says_what_a_new_customer_is_unless_it_is_said(world: World) -> None:
    path = world.settings.catalog
    path.write_text(path.read_text("utf-8") + "\nbilling: {prepaid: true}\n", "utf-8")
    await _until_prepaid(world)
    plain = await world.manage("POST", "/customers", {"name": "plain"}, 201)
    said = await world.manage("POST", "/customers", {"name": "said", "mode": "open"}, 201)
    assert (plain["mode"], said["mode"]) == ("prepaid", "open")


async def _until_prepaid(world: World) -> None:
    import asyncio

    for _ in range(100):
        if world.app.state.services.catalog.billing.prepaid:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the catalog did not change")


async def test_mode_and_limits_change_and_reach_every_key(world: World) -> None:
    await world.manage("POST", "/customers", {"name": "acme"}, 201)
    key = await world.manage("POST", "/customers/acme/keys", {"name": "laptop"}, 201)
    changed = await world.manage(
        "PATCH", "/customers/acme", {"mode": "prepaid", "limits": {"rpm": 60, "concurrency": 4,
        "spend_per_day": 2.5}}
    )  # fmt: skip
    assert (changed["mode"], changed["limits"]) == ("prepaid", LIMITS)
    facts = await world.ledger.authenticate(world.handle(key["secret"]), NOW_MS)
    assert facts is not None
    assert {(limit.scope, limit.kind, limit.most) for limit in facts.limits} == {
        (f"customer:{changed['id']}", LimitKind.REQUESTS, 60),
        (f"customer:{changed['id']}", LimitKind.CONCURRENCY, 4),
        (f"customer:{changed['id']}", LimitKind.SPEND_DAY, 2_500_000),
    }
    account = await world.ledger.account(changed["id"])
    assert account.mode is AccountMode.PREPAID
    kept = await world.manage("PATCH", "/customers/acme", {})
    assert (kept["mode"], kept["limits"]) == ("prepaid", LIMITS)
    free = await world.manage("PATCH", "/customers/acme", {"limits": {}})
    assert free["limits"] == NONE


async def test_a_key_is_shown_once_with_its_secret_and_then_without(world: World) -> None:
    await world.manage("POST", "/customers", {"name": "acme"}, 201)
    body = {
        "name": "ci",
        "groups": ["claude"],
        "models": ["claude-*"],
        "endpoints": ["messages"],
        "networks": ["10.0.0.0/8"],
        "expires_at": "2025-12-01",
        "strict": True,
        "limits": {"rpm": 60, "concurrency": 4, "spend_per_day": "2.50"},
    }
    made = await world.manage("POST", "/customers/acme/keys", body, 201)
    secret = made.pop("secret")
    assert {name: made[name] for name in body} == {
        **body,
        "expires_at": "2025-12-01T00:00:00.000Z",
        "limits": LIMITS,
    }
    assert await world.manage("GET", f"/keys/{made['id']}") == made
    listed = await world.manage("GET", "/keys?customer=acme")
    assert listed == await world.manage("GET", "/keys") == {"data": [made]}
    assert secret not in str(listed)
    assert "key_hash" not in made
    facts = await world.ledger.authenticate(world.handle(secret), NOW_MS)
    assert facts is not None
    assert {(limit.scope, limit.most) for limit in facts.limits} == {
        (f"key:{made['id']}", most) for most in (60, 4, 2_500_000)
    }


async def test_a_key_is_changed_disabled_enabled_and_rotated(world: World) -> None:
    await world.manage("POST", "/customers", {"name": "acme"}, 201)
    made = await world.manage("POST", "/customers/acme/keys", {"name": "ci"}, 201)
    key, secret = f"/keys/{made['id']}", made["secret"]
    changed = await world.manage("PATCH", key, {"strict": True, "limits": {"tpm": 1000}})
    assert (changed["strict"], changed["limits"]["tpm"]) == (True, 1000)
    facts = await world.ledger.authenticate(world.handle(secret), NOW_MS)
    assert facts is not None
    assert (facts.strict, len(facts.limits)) == (True, 1)

    assert (await world.manage("POST", f"{key}/disable"))["disabled"] is True
    assert (await world.get("/v1/models", secret)).status_code == 401
    assert (await world.manage("POST", f"{key}/enable"))["disabled"] is False
    assert (await world.get("/v1/models", secret)).status_code == 200

    turned = await world.manage("POST", f"{key}/rotate", {"grace_s": 60})
    assert turned["id"] == made["id"]
    assert [(await world.get("/v1/models", s)).status_code for s in (secret, turned["secret"])] == [
        200,
        200,
    ]
    await world.manage("POST", f"{key}/rotate", {})
    assert (await world.get("/v1/models", secret)).status_code == 401


async def test_a_key_of_the_catalogs_prefix(world: World) -> None:
    await world.manage("POST", "/customers", {"name": "acme"}, 201)
    made = await world.manage("POST", "/customers/acme/keys", {"name": "ci"}, 201)
    assert made["secret"].startswith(world.app.state.services.catalog.key_prefix)


WRONG: list[tuple[str, str, Any, str]] = [
    ("POST", "/customers", {}, "name"),
    ("POST", "/customers", {"name": ""}, "name"),
    ("POST", "/customers", {"name": "a\0b"}, "name"),
    ("POST", "/customers", {"name": "x" * 257}, "name"),
    ("POST", "/customers", {"name": 1}, "name"),
    ("POST", "/customers", {"name": "a", "mode": "free"}, "mode"),
    ("POST", "/customers", {"name": "a", "moed": "open"}, "moed"),
    ("POST", "/customers", {"name": "a", "limits": {"rpm": 0}}, "limits"),
    ("POST", "/customers", {"name": "a", "limits": {"rps": 1}}, "limits"),
    ("POST", "/customers", {"name": "a", "limits": {"spend_per_day": "1.0000001"}}, "limits"),
    ("PATCH", "/customers/acme", {"limits": {"rpm": "many"}}, "limits"),
    ("POST", "/customers/acme/keys", {"name": "k", "groups": ["none-such"]}, "groups"),
    ("POST", "/customers/acme/keys", {"name": "k", "endpoints": ["smoke"]}, "endpoints"),
    ("POST", "/customers/acme/keys", {"name": "k", "networks": ["10.0.0.1/8"]}, "networks"),
    ("POST", "/customers/acme/keys", {"name": "k", "expires_at": "2025-11-19"}, "expires_at"),
    ("POST", "/customers/acme/keys", {"name": "k", "expires_at": "soon"}, "expires_at"),
    ("PUT", "/customers/acme/plan", {"name": "p", "allowance_micro": 1, "period": "year"},
     "period"),
    ("PUT", "/customers/acme/plan", {"name": "p", "allowance_micro": 0.5, "period": "day"},
     "allowance_micro"),
    ("POST", "/customers/acme/credit", {"amount_micro": 1.5}, "amount_micro"),
    ("POST", "/customers/acme/credit", {"amount_micro": "1"}, "amount_micro"),
    ("POST", "/customers/acme/credit", {"amount_micro": 10**18}, "amount_micro"),
    ("POST", "/customers/acme/credit", {"amount_micro": 1, "kind": "charge"}, "kind"),
    ("POST", "/customers/acme/credit", {"amount_micro": 1, "kind": "adjustment"}, "reason"),
    ("POST", "/redeem-codes", {"amount_micro": 0}, "amount_micro"),
    ("POST", "/redeem-codes", {"amount_micro": 1, "count": 1001}, "count"),
    ("DELETE", "/redeem-codes/xyz", None, "code"),
    ("GET", "/customers/%00", None, "customer"),
    ("GET", "/keys/%00", None, "key"),
    ("GET", "/usage?group_by=week", None, "group_by"),
    ("GET", "/usage?group_by=day,day", None, "group_by"),
    ("GET", "/usage?from=never", None, "from"),
    ("GET", "/customers/acme/entries?limit=0", None, "limit"),
    ("GET", "/customers/acme/entries?cursor=x", None, "cursor"),
]  # fmt: skip


async def test_what_is_wrong_is_400_and_named(world: World) -> None:
    await world.manage("POST", "/customers", {"name": "acme"}, 201)
    for method, path, body, param in WRONG:
        answer = await world.manage(method, path, body, 400)
        assert (path, body, answer["error"]["param"]) == (path, body, param)
    assert len((await world.manage("GET", "/customers"))["data"]) == 1
    assert (await world.manage("GET", "/keys"))["data"] == []


async def test_json_that_is_none_is_400(world: World) -> None:
    for content in (b"{broken", b"[]", b"", b'"text"', b'{"name": "\\ud800"}', b"\xff"):
        answer = await world.client.post(
            "/manage/v1/customers",
            content=content,
            headers={
                "authorization": "Bearer an-admin-token-of-the-tests",
                "content-type": "application/json",
            },
        )
        assert (content, answer.status_code) == (content, 400)
        assert answer.json()["error"]["kind"] == "invalid_request"


UNKNOWN = [
    ("GET", "/customers/none", None),
    ("PATCH", "/customers/none", {}),
    ("DELETE", "/customers/none/plan", None),
    ("POST", "/customers/none/keys", {"name": "k"}),
    ("POST", "/customers/none/credit", {"amount_micro": 1}),
    ("GET", "/customers/none/entries", None),
    ("GET", "/keys?customer=none", None),
    ("GET", "/keys/none", None),
    ("PATCH", "/keys/none", {}),
    ("POST", "/keys/none/disable", None),
    ("POST", "/keys/none/rotate", {}),
    ("GET", "/usage?customer=none", None),
    ("DELETE", f"/redeem-codes/{'0' * 64}", None),
    ("GET", "/nothing", None),
]


async def test_what_there_is_not_is_404_in_one_shape(world: World) -> None:
    for method, path, body in UNKNOWN:
        answer = await world.manage(method, path, body, 404)
        assert (path, answer["error"]["kind"]) == (path, "not_found")
        assert "request_id" in answer["error"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PURGE"])
async def test_a_wrong_method_is_405_in_one_shape(world: World, method: str) -> None:
    answer = await world.manage(method, "/customers", status=405)
    assert answer["error"]["kind"] == "method"


async def test_a_key_is_disabled_in_the_record_even_when_redis_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ledger.errors import StoreUnavailable

    await world.manage("POST", "/customers", {"name": "acme"}, 201)
    made = await world.manage("POST", "/customers/acme/keys", {"name": "ci"}, 201)

    async def away(*_: object) -> None:
        raise StoreUnavailable("no Redis")

    monkeypatch.setattr(HotStore, "put_key", away)
    answer = await world.manage("POST", f"/keys/{made['id']}/disable", status=503)
    assert answer["error"]["kind"] == "unavailable"
    assert (await world.manage("GET", f"/keys/{made['id']}"))["disabled"] is True
