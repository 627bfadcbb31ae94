"""GET credits and POST redeem: what the customer behind a key has, and how it gets more."""

from typing import Any

import httpx

from tests.portal.conftest import World
from tests.portal.test_models import shape_of

PREFIXES = ("", "/openai", "/api", "/claude", "/anthropic", "/gemini")


async def customers_key(world: World, name: str = "acme", mode: str = "prepaid") -> str:
    await world.manage("POST", "/customers", {"name": name, "mode": mode}, 201)
    made = await world.manage("POST", f"/customers/{name}/keys", {"name": "k"}, 201)
    return str(made["secret"])


async def redeem(world: World, key: str, code: str, base: str = "/v1") -> httpx.Response:
    return await world.client.post(
        f"{base}/credits/redeem", json={"code": code}, headers={"authorization": f"Bearer {key}"}
    )


async def code_of(world: World, micro: int = 10_000_000, **body: Any) -> str:
    made = await world.manage("POST", "/redeem-codes", {"amount_micro": micro, **body}, 201)
    return str(made["data"][0]["code"])


async def test_credits_are_the_customers_under_every_prefix(world: World) -> None:
    key = await customers_key(world)
    plan = {"name": "team", "allowance_micro": 2_000_000, "period": "month"}
    await world.manage("PUT", "/customers/acme/plan", plan)
    await world.manage("POST", "/customers/acme/credit", {"amount_micro": 9_500_000}, 201)
    bodies = [(await world.get(f"{prefix}/v1/credits", key)).json() for prefix in PREFIXES]
    body = bodies[0]
    assert bodies == [body] * len(PREFIXES)
    assert body["plan"].pop("id").startswith("plan")
    assert body == {
        "object": "credits",
        "mode": "prepaid",
        "available_micro": 11_500_000,
        "credit_micro": 9_500_000,
        "allowance_micro": 2_000_000,
        "allowance_until": "2025-12-20T12:00:00.000Z",
        "held_micro": 0,
        "available": "11.50 USD",
        "plan": {
            **plan,
            "since": "2025-11-20T12:00:00.000Z",
            "until": None,
        },
    }


async def test_an_open_customer_has_none_and_is_told_so(world: World) -> None:
    key = await world.key()
    body = (await world.get("/v1/credits", key)).json()
    assert (body["mode"], body["available_micro"], body["plan"]) == ("open", 0, None)


async def test_a_code_is_redeemed_once_however_it_is_typed(world: World) -> None:
    key = await customers_key(world)
    code = await code_of(world)
    first = (await redeem(world, key, f" {code.lower().replace('-', ' ')} ")).json()
    assert (first["credited_micro"], first["already"]) == (10_000_000, False)
    assert first["credits"]["available_micro"] == 10_000_000
    again = (await redeem(world, key, code)).json()
    assert (again["credited_micro"], again["already"]) == (10_000_000, True)
    assert again["credits"]["available_micro"] == 10_000_000
    entries = (await world.manage("GET", "/customers/acme/entries"))["data"]
    assert [(entry["kind"], entry["amount_micro"]) for entry in entries] == [("redeem", 10_000_000)]


async def test_somebody_elses_code_an_expired_one_and_none_are_refused(world: World) -> None:
    mine, theirs = await customers_key(world), await customers_key(world, "other")
    used = await code_of(world)
    assert (await redeem(world, theirs, used)).status_code == 200
    expired = await code_of(world, expires_at="2025-11-21")
    world.clock[0] += 86_400_000
    changed = used[:-1] + ("0" if used[-1] != "0" else "1")
    for code, status in ((used, 409), (expired, 409), (changed, 404), ("é", 404), ("x" * 101, 400)):
        answer = await redeem(world, mine, code, "/api/v1")
        assert (code, answer.status_code, shape_of(answer.json())) == (code, status, "anthropic")
    assert (await world.get("/v1/credits", mine)).json()["available_micro"] == 0


async def test_redeeming_needs_a_key_and_a_body(world: World) -> None:
    assert (await redeem(world, "nonsense", "x")).status_code == 401
    key = await customers_key(world)
    for content in (b"", b"{}", b'{"code": 1}', b'{"code": "x", "more": 1}', b"{broken"):
        answer = await world.client.post(
            "/v1/credits/redeem",
            content=content,
            headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
        )
        assert (content, answer.status_code) == (content, 400)


async def test_a_key_sums_its_own_usage_alone(world: World) -> None:
    mine, _ = await world.key("mine"), await world.key("other")
    for number, key in enumerate((world.keys[0], world.keys[0], world.keys[1])):
        await world.record(f"req-{number}", key, started_at_ms=world.clock[0] - number)
    body = (await world.get("/v1/usage?group_by=day,model", mine)).json()
    [row] = body["data"]
    assert (row["day"], row["model"], row["requests"]) == ("2025-11-20", "claude-sonnet", 2)
    assert (row["key_id"], row["customer_id"]) == (None, None)
    assert body["total"]["requests"] == 2
    total = (await world.get("/v1/usage?group_by=", mine)).json()
    assert [row["requests"] for row in total["data"]] == [2]
    refused = await world.get("/v1/usage?group_by=day,customer", mine)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "group_by")
