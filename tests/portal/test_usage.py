"""GET usage: one request by its id, a period page by page, and only one's own."""

from typing import Any

import pytest

from ledger.records import public_usage
from portal.usage.period import DAY_MS, Period, period
from tests.portal.conftest import NOW_MS, World
from tests.portal.test_models import shape_of

PREFIXES = ("", "/openai", "/api", "/claude", "/anthropic", "/gemini")


async def test_a_settled_request_is_readable_at_once_under_every_prefix(world: World) -> None:
    key = await world.key()
    await world.settle("req-1", world.keys[0])
    bodies = [(await world.get(f"{prefix}/v1/usage/req-1", key)).json() for prefix in PREFIXES]
    body = bodies[0]
    assert bodies == [body] * len(PREFIXES)
    assert body["request_id"] == "req-1"
    assert body["model"] == "claude-sonnet"
    assert body["input_tokens"] == 10
    assert body["output_tokens"] == 50 + 60
    assert body["cache_read_input_tokens"] == 20
    assert body["cache_creation"] == {
        "ephemeral_5m_input_tokens": 30,
        "ephemeral_1h_input_tokens": 40,
    }
    assert body["cost_micro"] == 70


async def test_the_answer_is_exactly_what_the_ledger_shows_to_the_public(world: World) -> None:
    """Every field is described, none is added, none lost, nulls included."""
    key = await world.key()
    record = await world.record(
        "req-1", world.keys[0], input_tokens=None, cost_micro=None, ttft_ms=None, finish=None
    )
    body = (await world.get("/v1/usage/req-1", key)).json()
    assert body == public_usage(record)
    schemas = world.app.openapi()["components"]["schemas"]
    assert set(schemas["Usage"]["properties"]) == set(body)
    assert set(schemas["Timing"]["properties"]) == set(body["timing"])
    assert "main" not in str(body), "the upstream account is the operator's affair"


async def test_a_request_is_found_in_sql_after_redis_forgot_it(world: World) -> None:
    key = await world.key()
    await world.record("req-old", world.keys[0])
    assert (await world.get("/v1/usage/req-old", key)).status_code == 200


@pytest.mark.parametrize("where", ["settle", "record"])
async def test_another_keys_request_answers_like_one_that_never_was(
    world: World, where: str
) -> None:
    await world.key("theirs")
    mine = await world.key("mine")
    await getattr(world, where)("theirs-1", world.keys[0])
    theirs = await world.get("/v1/usage/theirs-1", mine)
    never = await world.get("/v1/usage/never", mine)
    assert (theirs.status_code, theirs.text) == (404, never.text)


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/v1/usage", "openai"),
        ("/openai/v1/usage", "openai"),
        ("/api/v1/usage", "anthropic"),
        ("/gemini/v1/usage", "gemini"),
    ],
)
async def test_an_unknown_id_is_404_in_dialect(world: World, path: str, shape: str) -> None:
    key = await world.key()
    for request_id in ("none", "%00", "%ff", "a/b", "x" * 300, "%F0%9F%94%91"):
        answer = await world.get(f"{path}/{request_id}", key)
        assert (answer.status_code, shape_of(answer.json())) == (404, shape)
        assert "x-request-id" in answer.json()["error"]["message"]


# ----------------------------------------------------------------------------------------- listing


async def listed(world: World, key: str, query: str = "") -> dict[str, Any]:
    answer = await world.get(f"/v1/usage?{query}", key)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def ids(body: dict[str, Any]) -> list[str]:
    return [entry["request_id"] for entry in body["data"]]


async def test_a_listing_is_newest_first_and_ones_own(world: World) -> None:
    mine, other = await world.key("mine"), await world.key("other")
    for number in range(3):
        await world.record(f"req-{number}", world.keys[0], started_at_ms=NOW_MS - 3000 + number)
    await world.record("foreign", world.keys[1], started_at_ms=NOW_MS - 1)
    body = await listed(world, mine)
    assert ids(body) == ["req-2", "req-1", "req-0"]
    assert (body["object"], body["has_more"], body["next_cursor"]) == ("list", False, None)
    assert ids(await listed(world, other)) == ["foreign"]


async def test_a_converted_request_says_what_was_spoken_upstream_and_what_was_lost(
    world: World,
) -> None:
    key = await world.key()
    await world.record("req-2", world.keys[0], started_at_ms=NOW_MS - 2)
    await world.record(
        *("req-1", world.keys[0]), started_at_ms=NOW_MS - 1, upstream_protocol=None, losses=()
    )
    shown = [
        (entry["protocol"], entry["upstream_protocol"], entry["losses"])
        for entry in (await listed(world, key))["data"]
    ]
    assert shown == [
        ("anthropic", None, []),
        ("anthropic", "openai_chat", ["logprobs=dropped", "temperature=clamped"]),
    ]


async def test_pages_lead_through_everything_once_even_at_the_same_millisecond(
    world: World,
) -> None:
    key = await world.key()
    for number in range(7):
        await world.record(f"req-{number}", world.keys[0], started_at_ms=NOW_MS - number // 3)
    seen: list[str] = []
    cursor = ""
    for _ in range(4):
        body = await listed(world, key, f"limit=2{cursor}")
        seen += ids(body)
        cursor = f"&cursor={body['next_cursor']}"
    assert sorted(seen) == [f"req-{number}" for number in range(7)]
    assert (body["has_more"], body["next_cursor"]) == (False, None)


async def test_a_page_that_ends_with_the_last_request_says_so(world: World) -> None:
    key = await world.key()
    await world.record("req-1", world.keys[0], started_at_ms=NOW_MS)
    body = await listed(world, key, "limit=1")
    assert (ids(body), body["has_more"]) == (["req-1"], False)


async def test_a_period_includes_its_begin_and_not_its_end(world: World) -> None:
    key = await world.key()
    for at_ms in (NOW_MS - 1, NOW_MS, NOW_MS + 1000):
        await world.record(f"req-{at_ms}", world.keys[0], started_at_ms=at_ms)
    seconds = NOW_MS // 1000
    body = await listed(world, key, f"from={seconds}&to={seconds + 1}")
    assert ids(body) == [f"req-{NOW_MS}"]
    assert (body["from"], body["to"]) == ("2025-11-20T12:00:00.000Z", "2025-11-20T12:00:01.000Z")


async def test_a_period_is_thirty_days_until_now_by_default(world: World) -> None:
    key = await world.key()
    for days in (0, 29, 31):
        at_ms = NOW_MS - days * DAY_MS
        await world.record(f"days-{days}", world.keys[0], started_at_ms=at_ms)
    assert ids(await listed(world, key)) == ["days-0", "days-29"]


DAY = 1_763_596_800_000  # 2025-11-20 00:00 UTC


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2025-11-20", "2025-11-20", Period(DAY, DAY + DAY_MS)),
        ("2025-11-19", "2025-11-20T00:00:00Z", Period(DAY - DAY_MS, DAY)),
        ("2025-11-20T01:00:00+01:00", "2025-11-20T00:00:01", Period(DAY, DAY + 1000)),
        ("2025-11-20T00:00:00.123Z", "2025-11-20", Period(DAY + 123, DAY + DAY_MS)),
        ("1763596800", None, Period(DAY, NOW_MS + 1)),
        ("0", "1763596800", Period(0, DAY)),
        (None, "2025-11-20T00:00:00Z", Period(DAY - 30 * DAY_MS, DAY)),
        (None, "1970-01-02", Period(0, 2 * DAY_MS)),
    ],
)
def test_moments_come_as_dates_times_or_seconds(
    start: str | None, end: str | None, expected: Period
) -> None:
    assert period(start, end, NOW_MS) == expected


WRONG = [
    ("from=yesterday", "from"),
    ("from=2025-13-01", "from"),
    ("from=2025-11-20T25:00:00Z", "from"),
    ("from=", "from"),
    ("from=-1", "from"),
    ("from=1e9", "from"),
    ("from=999999999999", "from"),
    ("from=1763596800000", "from"),  # milliseconds
    ("to=0001-01-01T00:00:00%2B14:00", "to"),
    ("to=1969-12-31", None),  # its end is the first moment that counts
    ("to=9999-12-31", None),
    ("from=2025-11-20&to=2025-11-18", "from"),
    ("limit=0", "limit"),
    ("limit=501", "limit"),
    ("limit=x", "limit"),
    ("cursor=x", "cursor"),
    ("cursor=MTIz", "cursor"),
    ("cursor=%00", "cursor"),
    ("cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk6eA", "cursor"),
    ("group=day", None),
]


@pytest.mark.parametrize(("base", "shape"), [("/v1", "openai"), ("/api/v1", "anthropic")])
async def test_a_wrong_parameter_is_400_in_dialect_and_names_it(
    world: World, base: str, shape: str
) -> None:
    key = await world.key()
    for query, param in WRONG:
        answer = await world.get(f"{base}/usage?{query}", key)
        assert (query, answer.status_code) == (query, 400 if param else 200)
        if param is not None:
            assert shape_of(answer.json()) == shape
            assert answer.json()["error"]["message"].startswith(f"{param}: ")
            assert answer.json()["error"].get("param", param) == param
