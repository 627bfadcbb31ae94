"""The conformance suite of the record: every test runs on SQLite and on a real PostgreSQL."""

import asyncio
import threading
from dataclasses import replace

import pytest

from ledger.errors import BadUrl, Conflict, NotFound, StoreUnavailable
from ledger.keys import KeyHandle, hash_of, parse, shard_of
from ledger.model import (
    Attempt,
    KeyFacts,
    KeyRow,
    KeySpec,
    Limit,
    LimitKind,
    Outcome,
    Revocation,
    UsageRecord,
    UsageSource,
)
from ledger.store.engine import normal_url
from ledger.store.record import Record
from tests.ledger.conftest import until
from tests.ledger.samples import NOW_MS, RECORD, record_of

SPEC = KeySpec(
    name="ci",
    groups=("gold", "default"),
    models=("claude-*",),
    endpoints=("messages",),
    networks=("10.0.0.0/8",),
    expires_at_ms=NOW_MS + 1,
    strict=True,
)


async def new_key(record: Record, spec: KeySpec = SPEC) -> tuple[KeyRow, str]:
    customer = await record.create_customer("acme", NOW_MS)
    return await record.create_key(customer.id, spec, NOW_MS)


async def test_customers_are_listed_in_the_order_of_their_making(record: Record) -> None:
    first = await record.create_customer("first", NOW_MS)
    second = await record.create_customer("second", NOW_MS + 1)
    assert await record.customers() == [first, second]
    assert first.shard == shard_of(first.id)
    assert await record.customer(first.id) == await record.customer("first") == first
    assert await record.customer("nobody") is None


async def test_a_customers_name_is_taken_once(record: Record) -> None:
    await record.create_customer("acme", NOW_MS)
    with pytest.raises(Conflict):
        await record.create_customer("acme", NOW_MS)
    assert len(await record.customers()) == 1


async def test_a_key_is_kept_as_a_hash_with_all_that_was_said_of_it(record: Record) -> None:
    key, secret = await new_key(record)
    handle = parse(secret, ("sk-",))
    assert handle == KeyHandle(key.key_hash, key.shard) == KeyHandle(hash_of(secret), key.shard)
    assert secret not in repr(key)
    assert (key.hint, key.version, key.disabled) == (f"sk-…{secret[-4:]}", 1, False)
    assert await record.key(key.id) == key
    assert await record.keys() == await record.keys(key.customer_id) == [key]
    assert await record.keys("cus_nobody") == []
    assert await record.facts_by_hash(key.key_hash) == (
        key.shard,
        KeyFacts(
            key_id=key.id,
            customer_id=key.customer_id,
            name="ci",
            groups=("gold", "default"),
            models=("claude-*",),
            endpoints=("messages",),
            networks=("10.0.0.0/8",),
            expires_at_ms=NOW_MS + 1,
            disabled=False,
            version=1,
            strict=True,
        ),
    )


async def test_all_keys_of_a_customer_share_its_shard(record: Record) -> None:
    customer = await record.create_customer("acme", NOW_MS)
    for _ in range(3):
        key, secret = await record.create_key(customer.id, SPEC, NOW_MS, prefix="cc_user_")
        handle = parse(secret, ("cc_user_",))
        assert handle is not None
        assert handle.shard == key.shard == customer.shard


async def test_what_does_not_exist_is_not_found(record: Record) -> None:
    with pytest.raises(NotFound):
        await record.create_key("cus_nobody", SPEC, NOW_MS)
    with pytest.raises(NotFound):
        await record.key("key_nothing")
    with pytest.raises(NotFound):
        await record.set_disabled("key_nothing", True, NOW_MS)
    with pytest.raises(NotFound):
        await record.rotate("key_nothing", NOW_MS)
    assert await record.facts_by_hash("00" * 32) is None


async def test_every_change_raises_the_version_and_waits_to_be_published(record: Record) -> None:
    key, _ = await new_key(record)
    assert await record.unpublished() == ([key], [])
    await record.published(key)
    assert await record.unpublished() == ([], [])
    disabled = await record.set_disabled(key.id, True, NOW_MS + 5)
    assert disabled == replace(key, disabled=True, version=2, updated_at_ms=NOW_MS + 5)
    enabled = await record.set_disabled(key.id, False, NOW_MS - 9)
    assert enabled == replace(key, version=3, updated_at_ms=NOW_MS + 5)
    await record.published(disabled)
    assert await record.unpublished() == ([enabled], [])


async def test_changes_at_the_same_time_are_all_counted(record: Record) -> None:
    key, _ = await new_key(record)
    await asyncio.gather(*(record.set_disabled(key.id, True, NOW_MS) for _ in range(8)))
    assert (await record.key(key.id)).version == 9


async def test_a_key_carries_its_own_limits_and_its_customers(record: Record) -> None:
    """Whoever changes the customer's changes all its keys, and no other's."""
    key, _ = await new_key(record, replace(SPEC, limits=((LimitKind.REQUESTS, 60),)))
    other, _ = await record.create_key(key.customer_id, SPEC, NOW_MS)
    stranger = await record.create_customer("stranger", NOW_MS)
    theirs, _ = await record.create_key(stranger.id, SPEC, NOW_MS)
    own = Limit(f"key:{key.id}", LimitKind.REQUESTS, 60)
    assert await limits_of(record, key) == (own,)
    ceilings = ((LimitKind.CONCURRENCY, 4),)
    await record.set_customer_limits(key.customer_id, ceilings, NOW_MS + 1)
    shared = Limit(f"customer:{key.customer_id}", LimitKind.CONCURRENCY, 4)
    assert await limits_of(record, key) == (own, shared)
    assert await limits_of(record, other) == (shared,)
    assert await limits_of(record, theirs) == ()
    assert [k.version for k in await record.keys()] == [
        1 if k.id == theirs.id else 2 for k in await record.keys()
    ]
    assert dict((f.key_id, f.limits) for _, _, f in await record.all_facts()) == {
        key.id: (own, shared),
        other.id: (shared,),
        theirs.id: (),
    }


async def test_limits_and_strictness_of_a_key_change(record: Record) -> None:
    key, _ = await new_key(record)
    limits = ((LimitKind.TOKENS, 1000), (LimitKind.SPEND_MONTH, 5))
    changed = await record.set_key_limits(key.id, limits, NOW_MS + 1)
    assert changed == replace(key, limits=limits, version=2, updated_at_ms=NOW_MS + 1)
    assert await record.key(key.id) == changed
    loose = await record.set_key_strict(key.id, False, NOW_MS + 2)
    assert (loose.strict, loose.version) == (False, 3)
    assert (await record.set_key_limits(key.id, (), NOW_MS)).limits == ()
    with pytest.raises(ValueError):
        await record.set_key_limits(key.id, ((LimitKind.TOKENS, -1),), NOW_MS)
    with pytest.raises(NotFound):
        await record.set_key_limits("key_nothing", (), NOW_MS)


async def limits_of(record: Record, key: KeyRow) -> tuple[Limit, ...]:
    found = await record.facts_by_hash(key.key_hash)
    assert found is not None
    return found[1].limits


async def test_rotation_makes_the_old_secret_worthless(record: Record) -> None:
    key, old = await new_key(record)
    rotated, secret = await record.rotate(key.id, NOW_MS)
    assert secret != old
    assert (rotated.id, rotated.version, rotated.key_hash) == (key.id, 2, hash_of(secret))
    assert await record.facts_by_hash(hash_of(old)) is None
    gone = Revocation(key.shard, hash_of(old), 2)
    assert await record.unpublished() == ([rotated], [gone])
    await record.revoked(gone)
    assert await record.unpublished() == ([rotated], [])


async def test_rotation_with_grace_leaves_the_old_secret_for_a_while(record: Record) -> None:
    key, old = await new_key(record, replace(SPEC, expires_at_ms=None))
    _, secret = await record.rotate(key.id, NOW_MS, grace_ms=1000)
    before = await record.facts_by_hash(hash_of(old))
    after = await record.facts_by_hash(hash_of(secret))
    assert before is not None
    assert after is not None
    assert before[1] == replace(after[1], expires_at_ms=NOW_MS + 1000)
    assert after[1].expires_at_ms is None
    assert [(one[1], one[2]) for one in await record.all_facts()] == [
        (hash_of(secret), after[1]),
        (hash_of(old), before[1]),
    ]
    await record.rotate(key.id, NOW_MS, grace_ms=1000)
    assert await record.facts_by_hash(hash_of(old)) is None
    assert await record.facts_by_hash(hash_of(secret)) is not None
    _, gone = await record.unpublished()
    assert gone == [Revocation(key.shard, hash_of(old), 3)]


async def test_grace_never_outlives_the_key(record: Record) -> None:
    key, old = await new_key(record)
    await record.rotate(key.id, NOW_MS, grace_ms=1000)
    found = await record.facts_by_hash(hash_of(old))
    assert found is not None
    assert found[1].expires_at_ms == SPEC.expires_at_ms


async def test_rotations_at_the_same_time_leave_one_secret(record: Record) -> None:
    key, old = await new_key(record)
    made = await asyncio.gather(*(record.rotate(key.id, NOW_MS) for _ in range(4)))
    secrets = [old] + [secret for _, secret in made]
    alive = [one for one in secrets if await record.facts_by_hash(hash_of(one)) is not None]
    assert len(alive) == 1
    _, gone = await record.unpublished()
    assert {one.key_hash for one in gone} == {hash_of(one) for one in secrets if one not in alive}


async def test_usage_is_kept_whole(record: Record) -> None:
    bare = UsageRecord(
        request_id="req_bare",
        key_id="key_1",
        customer_id="cus_1",
        protocol="gemini",
        endpoint="generate",
        model="모델 “ü” 🙂",
        upstream=None,
        account=None,
        upstream_model=None,
        upstream_request_id=None,
        status=499,
        outcome=Outcome.ABANDONED,
        finish=None,
        streamed=False,
        attempts=1,
        started_at_ms=NOW_MS,
        latency_ms=0,
        ttft_ms=None,
    )
    large = record_of(
        "req_large", input_tokens=2**53 - 1, losses=("a", "b"), usage_source=UsageSource.CLAMPED
    )
    charged = record_of(
        "req_charged",
        price_source="genai-prices 0.2.3",
        charged_credit_micro=60,
        charged_allowance_micro=7,
        uncollected_micro=3,
        attempts_detail=(
            Attempt("anthropic", "main", 529, "overloaded", 12),
            Attempt("bedrock", None, 200, None, 900, tokens=210, cost_micro=70),
        ),
    )
    for one in (bare, large, charged, RECORD):
        assert await record.add_usage([one]) == 1
        assert await record.usage(one.request_id, "key_1") == one


async def test_usage_of_another_key_is_not_found(record: Record) -> None:
    await record.add_usage([RECORD])
    assert await record.usage("req_1", "key_2") is None
    assert await record.usage("req_2", "key_1") is None
    assert await record.usage_by_request("req_1") == RECORD
    assert await record.usage_by_request("req_2") is None
    assert await record.has_usage("req_1")
    assert not await record.has_usage("req_2")


async def test_usage_is_added_once_whatever_comes_twice(record: Record) -> None:
    """Across batches, within a batch, and at the same time; the first one stays."""
    assert await record.add_usage([]) == 0
    some = [record_of(f"req_{number}") for number in range(10)]
    assert await record.add_usage(some[:6]) == 6
    assert await record.add_usage([replace(one, status=500) for one in some]) == 4
    assert await record.add_usage([*some, *some]) == 0
    assert await record.usage_count() == 10
    kept = await record.usage("req_0", "key_1")
    assert kept is not None
    assert kept.status == 200
    new = [record_of(f"new_{number}") for number in range(50)]
    added = await asyncio.gather(*(record.add_usage(new) for _ in range(4)))
    assert sum(added) == 50


async def test_a_large_batch_is_one_commit(record: Record) -> None:
    assert await record.add_usage([record_of(f"req_{number}") for number in range(3000)]) == 3000
    assert await record.usage_count() == 3000


async def test_usage_is_listed_newest_first_page_by_page(record: Record) -> None:
    """Also when several began in the same millisecond."""
    times = [0, 1, 1, 1, 2, 3]
    some = [record_of(f"req_{n}", started_at_ms=NOW_MS + at) for n, at in enumerate(times)]
    other = record_of("req_other", key_id="key_2")
    await record.add_usage([*some, other])
    pages: list[UsageRecord] = []
    before = None
    while page := await record.usage_of_key("key_1", NOW_MS, NOW_MS + 3, 2, before):
        pages += page
        before = (page[-1].started_at_ms, page[-1].request_id)
    assert pages == list(reversed(some[:5]))
    assert await record.usage_of_key("key_1", NOW_MS + 3, NOW_MS + 4) == [some[5]]
    assert await record.usage_of_key("key_3", 0, NOW_MS + 9) == []


async def test_an_answer_to_a_ping(record: Record) -> None:
    await record.ping()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("sqlite:///a.db", "sqlite+aiosqlite:///a.db"),
        ("sqlite+aiosqlite:////a/b.db", "sqlite+aiosqlite:////a/b.db"),
        ("postgres://u:p%40@h:1/d", "postgresql+asyncpg://u:p%40@h:1/d"),
        ("postgresql+psycopg://h/d", "postgresql+asyncpg://h/d"),
    ],
)
def test_urls_get_the_driver_that_is_used(url: str, expected: str) -> None:
    assert normal_url(url) == expected


@pytest.mark.parametrize("url", ["", "mysql://u:secret@h/d", "sqlite://", "secret", "sqlite:x"])
def test_other_urls_are_refused_without_showing_them(url: str) -> None:
    with pytest.raises(BadUrl) as raised:
        Record.connect(url)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["postgresql://u:secret@127.0.0.1:9/d", "sqlite:////nowhere/at/all.db"]
)
async def test_an_absent_database_is_unavailable(url: str) -> None:
    absent = Record.connect(url)
    with pytest.raises(StoreUnavailable) as raised:
        await absent.ping()
    assert "secret" not in str(raised.value)
    await absent.close()
    await until(no_connection_thread_lives)


async def no_connection_thread_lives() -> bool:
    """The thread of a SQLite connection that failed still has a word for this event loop."""
    return not any("_connection_worker" in thread.name for thread in threading.enumerate())
