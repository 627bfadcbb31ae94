"""The management API: credit once for each reference, plans, codes, entries, usage, the proof."""

import csv
import io
from typing import Any

from tests.portal.conftest import NOW_MS, World

DAY_MS = 86_400_000


async def prepaid(world: World, name: str = "acme") -> str:
    """A prepaid customer's id."""
    made = await world.manage("POST", "/customers", {"name": name, "mode": "prepaid"}, 201)
    return str(made["id"])


async def account(world: World, name: str = "acme") -> dict[str, Any]:
    found: dict[str, Any] = (await world.manage("GET", f"/customers/{name}"))["account"]
    return found


async def test_a_top_up_is_there_at_once_and_only_once_for_its_reference(world: World) -> None:
    customer = await prepaid(world)
    body = {"amount_micro": 5_000_000, "reference": "invoice-1", "reason": "thanks"}
    made = await world.manage("POST", "/customers/acme/credit", body, 201)
    assert made == {
        "booking": "booked",
        "entry": {
            "id": made["entry"]["id"],
            "customer_id": customer,
            "pot": "credit",
            "kind": "topup",
            "amount_micro": 5_000_000,
            "request_id": None,
            "reference": "invoice-1",
            "actor": "admin:admin",
            "reason": "thanks",
            "created_at": "2025-11-20T12:00:00.000Z",
        },
    }
    again = await world.manage("POST", "/customers/acme/credit", body, 200)
    assert (again["booking"], again["entry"]) == ("already", made["entry"])
    other = {**body, "amount_micro": 6_000_000}
    refused = (await world.manage("POST", "/customers/acme/credit", other, 409))["error"]
    assert (refused["kind"], refused["param"]) == ("conflict", "reference")
    assert (await account(world))["available_micro"] == 5_000_000


async def test_the_idempotency_key_is_the_reference_where_the_body_has_none(world: World) -> None:
    await prepaid(world)
    for status in (201, 200):
        body = {"amount_micro": 7}
        made = await world.manage(
            "POST", "/customers/acme/credit", body, status, idempotency_key="once"
        )
        assert made["entry"]["reference"] == "once"
    assert (await account(world))["credit_micro"] == 7


async def test_an_adjustment_never_takes_more_than_there_is(world: World) -> None:
    await prepaid(world)
    await world.manage("POST", "/customers/acme/credit", {"amount_micro": 100}, 201)
    take = {"kind": "adjustment", "reason": "booked twice"}
    path = "/customers/acme/credit"
    too_much = await world.manage("POST", path, {**take, "amount_micro": -101}, 409)
    assert too_much["error"]["param"] == "amount_micro"
    await world.manage("POST", path, {**take, "amount_micro": -40}, 201)
    await world.manage("POST", path, {**take, "amount_micro": 0}, 400)
    await world.manage("POST", path, {"amount_micro": -1}, 400)  # a top-up only adds
    assert (await account(world))["available_micro"] == 60


async def test_entries_are_listed_page_by_page_and_as_csv(world: World) -> None:
    await prepaid(world)
    for number in range(5):
        world.clock[0] = NOW_MS + number
        body = {"amount_micro": number + 1, "reason": '=1+1, "quoted"'}
        await world.manage("POST", "/customers/acme/credit", body, 201)
    seen: list[int] = []
    cursor = ""
    for _ in range(3):
        page = await world.manage("GET", f"/customers/acme/entries?limit=2{cursor}")
        seen += [entry["amount_micro"] for entry in page["data"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [5, 4, 3, 2, 1]
    assert (page["has_more"], page["next_cursor"]) == (False, None)
    text = await world.manage("GET", "/customers/acme/entries", accept="text/csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["amount_micro"] for row in rows] == ["5", "4", "3", "2", "1"]
    assert rows[0]["reason"] == '\'=1+1, "quoted"', "no spreadsheet runs it"
    assert rows[0]["request_id"] == ""


async def test_a_plan_gives_its_allowance_and_is_replaced_and_ended(world: World) -> None:
    await prepaid(world)
    plan = {"name": "team", "allowance_micro": 20_000_000, "period": "month"}
    made = await world.manage("PUT", "/customers/acme/plan", plan)
    assert (made["name"], made["period"], made["until"]) == ("team", "month", None)
    found = await account(world)
    assert (found["allowance_micro"], found["allowance_until"]) == (
        20_000_000,
        "2025-12-20T12:00:00.000Z",
    )
    assert (await world.manage("PUT", "/customers/acme/plan", plan))["id"] == made["id"]
    smaller = {**plan, "allowance_micro": 1_000_000, "period": "day"}
    world.clock[0] += 1000
    await world.manage("PUT", "/customers/acme/plan", smaller)
    assert (await account(world))["allowance_micro"] == 1_000_000
    world.clock[0] += 1000
    ended = await world.manage("DELETE", "/customers/acme/plan")
    assert (ended["plan"], ended["account"]["available_micro"]) == (None, 0)


async def test_codes_are_shown_once_listed_without_and_revoked(world: World) -> None:
    body = {"amount_micro": 10, "count": 3, "expires_at": "2026-01-01", "reason": "workshop"}
    made = (await world.manage("POST", "/redeem-codes", body, 201))["data"]
    assert len({one["code"] for one in made}) == 3
    listed = await world.manage("GET", "/redeem-codes?limit=2")
    assert (len(listed["data"]), listed["has_more"]) == (2, True)
    rest = await world.manage("GET", f"/redeem-codes?cursor={listed['next_cursor']}")
    every = [*listed["data"], *rest["data"]]
    assert {one["id"] for one in every} == {one["id"] for one in made}
    assert "code" not in every[0]
    assert (every[0]["expires_at"], every[0]["actor"]) == (
        "2026-01-01T00:00:00.000Z",
        "admin:admin",
    )
    await world.manage("DELETE", f"/redeem-codes/{made[0]['id']}", status=204)
    await world.manage("DELETE", f"/redeem-codes/{made[0]['id']}", status=404)


async def test_usage_is_summed_by_what_is_asked_for(world: World) -> None:
    await world.key("one")
    await world.key("two")
    one, two = world.keys
    for number, (key, day, model) in enumerate(
        [(one, 0, "gpt-5"), (one, 1, "gpt-5"), (two, 0, "gpt-5"), (two, 0, "claude-opus-5-5")]
    ):
        at_ms = NOW_MS - day * DAY_MS - number
        await world.record(f"req-{number}", key, started_at_ms=at_ms, model=model)

    async def rows(query: str) -> list[list[Any]]:
        found = await world.manage("GET", f"/usage?{query}")
        names = {"key": "key_id", "customer": "customer_id"}
        columns = [names.get(name, name) for name in found["group_by"]]
        return [[*(row[c] for c in columns), row["requests"]] for row in found["data"]]

    assert await rows("group_by=day") == [["2025-11-19", 1], ["2025-11-20", 3]]
    assert await rows("group_by=model,key") == [
        ["claude-opus-5-5", two.id, 1],
        *sorted([["gpt-5", one.id, 2], ["gpt-5", two.id, 1]]),
    ]
    assert await rows("group_by=customer") == [[one.customer_id, 4]]
    assert await rows("group_by=&model=gpt-5") == [[3]]
    assert await rows(f"group_by=day&key={one.id}") == [["2025-11-19", 1], ["2025-11-20", 1]]
    assert await rows("group_by=&customer=acme&from=2025-11-20") == [[3]]
    assert await rows("group_by=day&from=2020-01-01&to=2020-01-02") == []
    total = (await world.manage("GET", "/usage?group_by=day"))["total"]
    assert (total["requests"], total["cost_micro"]) == (4, 4 * 70)
    assert total["output_tokens"] == 4 * (50 + 60)


async def test_media_are_parts_of_the_sums_that_they_belong_to(world: World) -> None:
    await world.key("one")
    media = {"image_input_tokens": 1_000, "audio_input_tokens": 300, "audio_output_tokens": 70}
    await world.record("req-1", world.keys[0], **media, file_searches=2)
    await world.record("req-2", world.keys[0], image_output_tokens=9, web_searches=1)
    total = (await world.manage("GET", "/usage"))["total"]
    assert {name: total[name] for name in (*media, "image_output_tokens")} == {
        **media,
        "image_output_tokens": 9,
    }
    assert total["input_tokens"] == 2 * 10 + 1_000 + 300
    assert total["output_tokens"] == 2 * (50 + 60) + 70 + 9
    assert (total["web_searches"], total["file_searches"]) == (1, 2)
    [row] = csv.DictReader(io.StringIO(await world.manage("GET", "/usage", accept="text/csv")))
    assert [row["audio_input_tokens"], row["file_searches"]] == ["300", "2"]


async def test_usage_as_csv_has_what_was_grouped_by_and_every_count(world: World) -> None:
    await world.key("one")
    await world.record("req-1", world.keys[0], model="=evil()")
    text = await world.manage("GET", "/usage?group_by=model,day", accept="text/csv;q=1, */*")
    [row] = csv.DictReader(io.StringIO(text))
    assert list(row)[:3] == ["model", "day", "requests"]
    assert (row["model"], row["requests"], row["cost_micro"]) == ("'=evil()", "1", "70")


async def test_the_books_clear_or_the_proof_says_what_does_not(world: World) -> None:
    customer = await prepaid(world)
    await world.manage("POST", "/customers/acme/credit", {"amount_micro": 100}, 201)
    proof = await world.manage("GET", "/reconcile")
    assert (proof["clean"], proof["differences"], proof["credit_micro"]) == (True, [], 100)
    shard = (await world.ledger.customers())[0].shard
    await world.ledger.hot.wire.call("HINCRBY", f"{{s{shard}}}:acct:{customer}", "credit", 7)
    proof = await world.manage("GET", "/reconcile")
    assert proof["clean"] is False
    assert proof["differences"] == [
        {"customer_id": customer, "check": "credit", "expected": 100, "found": 107}
    ]
