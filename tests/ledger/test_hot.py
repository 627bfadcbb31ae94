"""The hot store's rules, one by one, on a real Redis, with a clock that the test holds."""

from dataclasses import replace

import pytest

from ledger.model import Lapsed, Outcome, Settled, UsageRecord, Verdict
from ledger.records import decode_record, encode_record
from ledger.store.hot import HotStore
from tests.ledger.samples import (
    FACTS,
    HANDLE,
    KEY_HASH,
    LEASE_MS,
    NOW_MS,
    SHARD,
    attempt_of,
    record_of,
    settlement_of,
)


@pytest.fixture(autouse=True)
async def known_key(hot: HotStore) -> None:
    assert await hot.put_key(SHARD, KEY_HASH, FACTS)


async def streamed(hot: HotStore) -> list[UsageRecord]:
    """What is on its way to SQL, oldest first."""
    entries = await hot.wire.call("XRANGE", f"{{s{SHARD}}}:stream", "-", "+")
    return [decode_record(fields[1]) for _, fields in entries]


async def leases(hot: HotStore) -> list[Lapsed]:
    return await hot.lapsed(NOW_MS + 10**9)


async def test_an_admission_brings_the_facts_and_leaves_a_lease(hot: HotStore) -> None:
    admission = await hot.admit(attempt_of("req_1", hold_micro=5))
    assert (admission.verdict, admission.facts) == (Verdict.ADMITTED, FACTS)
    assert admission.granted_micro == 5
    assert admission.retry_after_ms is None
    [lease] = await leases(hot)
    assert (lease.request_id, lease.worker_id, lease.attempt) == ("req_1", "w0", 1)
    assert lease.deadline_ms == NOW_MS + LEASE_MS


async def test_an_unknown_key_is_refused_without_facts(hot: HotStore) -> None:
    admission = await hot.admit(attempt_of("req_1", key_hash="cd" * 32))
    assert (admission.verdict, admission.facts) == (Verdict.UNKNOWN_KEY, None)
    assert await leases(hot) == []


async def test_the_verdicts_come_in_their_order_of_precedence(hot: HotStore) -> None:
    """A key that is disabled and expired, for a request that is settled: DISABLED is the answer."""
    await hot.settle(settlement_of("req_1"))
    everything = replace(FACTS, version=2, disabled=True, expires_at_ms=NOW_MS)
    expected = [
        (everything, Verdict.DISABLED),
        (replace(everything, version=3, disabled=False), Verdict.EXPIRED),
        (replace(FACTS, version=4), Verdict.DUPLICATE),
    ]
    for facts, verdict in expected:
        assert await hot.put_key(SHARD, KEY_HASH, facts)
        admission = await hot.admit(attempt_of("req_1"))
        assert (admission.verdict, admission.facts) == (verdict, facts)
        assert await leases(hot) == []
    assert await hot.drop_key(SHARD, KEY_HASH, 5)
    assert (await hot.admit(attempt_of("req_1"))).verdict is Verdict.UNKNOWN_KEY


async def test_a_key_expires_exactly_at_its_time(hot: HotStore) -> None:
    await hot.put_key(SHARD, KEY_HASH, replace(FACTS, version=2, expires_at_ms=NOW_MS + 1))
    assert (await hot.admit(attempt_of("req_1"))).verdict is Verdict.ADMITTED
    late = attempt_of("req_2", now_ms=NOW_MS + 1)
    assert (await hot.admit(late)).verdict is Verdict.EXPIRED


async def test_a_disabled_key_is_refused_by_the_very_next_admission(hot: HotStore) -> None:
    """Although its facts were decoded and remembered before."""
    for number in range(3):
        assert (await hot.admit(attempt_of(f"req_{number}"))).facts == FACTS
    disabled = replace(FACTS, version=2, disabled=True)
    await hot.put_key(SHARD, KEY_HASH, disabled)
    admission = await hot.admit(attempt_of("req_9"))
    assert (admission.verdict, admission.facts) == (Verdict.DISABLED, disabled)
    assert await hot.key_facts(HANDLE) == disabled


async def test_a_slow_put_of_older_facts_changes_nothing(hot: HotStore) -> None:
    disabled = replace(FACTS, version=2, disabled=True)
    assert await hot.put_key(SHARD, KEY_HASH, disabled)
    assert not await hot.put_key(SHARD, KEY_HASH, FACTS)
    assert await hot.key_facts(HANDLE) == disabled


async def test_a_dropped_key_is_not_revived_by_older_facts(hot: HotStore) -> None:
    assert await hot.drop_key(SHARD, KEY_HASH, 2)
    assert not await hot.put_key(SHARD, KEY_HASH, FACTS)
    assert await hot.key_facts(HANDLE) is None


async def test_a_key_that_comes_back_newer_stays(hot: HotStore) -> None:
    await hot.drop_key(SHARD, KEY_HASH, 2)
    assert await hot.put_key(SHARD, KEY_HASH, replace(FACTS, version=3))
    assert await hot.wire.call("PTTL", f"{{s{SHARD}}}:key:{KEY_HASH}") == -1


async def test_settlement_closes_the_lease_and_can_be_read_at_once(hot: HotStore) -> None:
    await hot.admit(attempt_of("req_1"))
    settlement = settlement_of("req_1")
    assert await hot.settle(settlement) is Settled.SETTLED
    assert await leases(hot) == []
    assert await hot.recent_usage(SHARD, "req_1") == settlement.record
    assert await streamed(hot) == [settlement.record]


async def test_a_second_settlement_is_already_done_and_changes_nothing(hot: HotStore) -> None:
    await hot.admit(attempt_of("req_1"))
    first = settlement_of("req_1")
    await hot.settle(first)
    assert await hot.settle(settlement_of("req_1", output_tokens=999)) is Settled.ALREADY
    assert await streamed(hot) == [first.record]


async def test_what_was_refused_at_admission_can_still_be_recorded(hot: HotStore) -> None:
    settlement = settlement_of("req_1", outcome=Outcome.REFUSED, status=403)
    assert await hot.settle(settlement) is Settled.SETTLED
    assert await streamed(hot) == [settlement.record]


async def test_nothing_recent_is_known_of_a_request_that_never_was(hot: HotStore) -> None:
    assert await hot.recent_usage(SHARD, "req_0") is None


async def test_asking_twice_for_one_attempt_is_admitted_twice(hot: HotStore) -> None:
    """The first reply may have been lost on its way."""
    for _ in range(2):
        assert (await hot.admit(attempt_of("req_1"))).verdict is Verdict.ADMITTED
    assert len(await leases(hot)) == 1


async def test_a_later_attempt_takes_the_lease_over(hot: HotStore) -> None:
    await hot.admit(attempt_of("req_1", "w0", 1))
    retry = attempt_of("req_1", "w1", 2, now_ms=NOW_MS + 5)
    assert (await hot.admit(retry)).verdict is Verdict.ADMITTED
    [lease] = await leases(hot)
    assert (lease.worker_id, lease.attempt, lease.note) == ("w1", 2, retry.note)
    assert lease.deadline_ms == NOW_MS + 5 + LEASE_MS


async def test_an_earlier_attempt_that_comes_late_is_a_duplicate(hot: HotStore) -> None:
    await hot.admit(attempt_of("req_1", "w1", 2))
    late = await hot.admit(attempt_of("req_1", "w0", 1))
    assert (late.verdict, late.settled) == (Verdict.DUPLICATE, None)
    [lease] = await leases(hot)
    assert (lease.worker_id, lease.attempt) == ("w1", 2)


async def test_a_killed_workers_request_that_another_retries_is_recorded_once(
    hot: HotStore,
) -> None:
    """Worker 0 dies after admission, worker 1 answers the retry, then the dead one's lease is
    looked for, and its settlement arrives after all."""
    await hot.admit(attempt_of("req_1", "w0", 1))
    await hot.admit(attempt_of("req_1", "w1", 2))
    assert await hot.expire(NOW_MS, worker_id="w0") == 0
    assert await hot.settle(settlement_of("req_1", "w0", 1)) is Settled.SUPERSEDED
    assert await hot.settle(settlement_of("req_1", "w1", 2)) is Settled.SETTLED
    assert await hot.settle(settlement_of("req_1", "w0", 1)) is Settled.ALREADY
    [record] = await streamed(hot)
    assert (record.account, record.attempts) == ("w1", 2)


async def test_the_same_worker_cannot_settle_an_attempt_that_its_own_retry_replaced(
    hot: HotStore,
) -> None:
    await hot.admit(attempt_of("req_1", "w0", 1))
    await hot.admit(attempt_of("req_1", "w0", 2))
    assert await hot.settle(settlement_of("req_1", "w0", 1)) is Settled.SUPERSEDED
    assert await hot.settle(settlement_of("req_1", "w0", 2)) is Settled.SETTLED


async def test_a_later_attempt_that_was_refused_may_settle_the_request(hot: HotStore) -> None:
    """The key was disabled between the attempts: the retry's refusal closes the first's lease."""
    await hot.admit(attempt_of("req_1", "w0", 1))
    await hot.put_key(SHARD, KEY_HASH, replace(FACTS, version=2, disabled=True))
    assert (await hot.admit(attempt_of("req_1", "w1", 2))).verdict is Verdict.DISABLED
    assert len(await leases(hot)) == 1
    assert await hot.settle(settlement_of("req_1", "w1", 2)) is Settled.SETTLED
    assert await leases(hot) == []


async def test_a_sign_of_life_moves_the_deadline_and_the_note(hot: HotStore) -> None:
    await hot.admit(attempt_of("req_1"))
    note = encode_record(record_of("req_1", output_tokens=77))
    assert await hot.renew("req_1", SHARD, "w0", NOW_MS + 10_000, LEASE_MS, note)
    assert await hot.lapsed(NOW_MS + LEASE_MS) == []
    [lease] = await hot.lapsed(NOW_MS + 10_000 + LEASE_MS)
    assert lease.note == note


async def test_only_the_owner_of_a_lease_can_renew_it(hot: HotStore) -> None:
    await hot.admit(attempt_of("req_1", "w0", 1))
    await hot.admit(attempt_of("req_1", "w1", 2))
    assert not await hot.renew("req_1", SHARD, "w0", NOW_MS, LEASE_MS, b"{}")
    assert not await hot.renew("req_1", SHARD, "w1", NOW_MS, LEASE_MS, b"{}", attempt=1)
    assert await hot.renew("req_1", SHARD, "w1", NOW_MS, LEASE_MS, b"{}", attempt=2)
    await hot.settle(settlement_of("req_1", "w1", 2))
    assert not await hot.renew("req_1", SHARD, "w1", NOW_MS, LEASE_MS, b"{}")
    assert await leases(hot) == []


async def test_a_lapsed_lease_is_settled_as_lost_with_what_was_metered(hot: HotStore) -> None:
    await hot.admit(attempt_of("req_1"))
    draft = record_of("req_1", output_tokens=77, status=0, latency_ms=0)
    await hot.renew("req_1", SHARD, "w0", NOW_MS, LEASE_MS, encode_record(draft))
    assert await hot.expire(NOW_MS + LEASE_MS - 1) == 0
    assert await hot.expire(NOW_MS + LEASE_MS) == 1
    expected = replace(draft, outcome=Outcome.LOST, status=500, latency_ms=LEASE_MS)
    assert await streamed(hot) == [expected]
    assert await hot.recent_usage(SHARD, "req_1") == expected
    assert await hot.expire(NOW_MS + LEASE_MS) == 0
    assert await hot.settle(settlement_of("req_1")) is Settled.ALREADY
    late = await hot.admit(attempt_of("req_1", "w1", 2))
    assert (late.verdict, late.settled) == (Verdict.DUPLICATE, Outcome.LOST)


async def test_a_dead_workers_leases_are_settled_before_their_time(hot: HotStore) -> None:
    await hot.admit(attempt_of("req_1", "w0"))
    await hot.admit(attempt_of("req_2", "w1"))
    assert await hot.expire(NOW_MS + 1, worker_id="w0") == 1
    [lease] = await leases(hot)
    assert lease.request_id == "req_2"
    [record] = await streamed(hot)
    assert (record.request_id, record.outcome, record.latency_ms) == ("req_1", Outcome.LOST, 1234)


async def stale_lease(hot: HotStore) -> Lapsed:
    """A lapsed lease as a sweeper read it, before something happened to it."""
    await hot.admit(attempt_of("req_1", "w0", 1))
    [lease] = await leases(hot)
    return lease


async def test_a_sweeper_does_not_settle_a_lease_with_an_older_note(hot: HotStore) -> None:
    """Renewed with the same deadline: only the note tells."""
    stale = await stale_lease(hot)
    note = encode_record(record_of("req_1", output_tokens=77))
    assert await hot.renew("req_1", SHARD, "w0", NOW_MS, LEASE_MS, note)
    assert await hot.expire_one(stale, NOW_MS + LEASE_MS) == 0
    assert await hot.expire(NOW_MS + LEASE_MS) == 1
    assert [record.output_tokens for record in await streamed(hot)] == [77]


async def test_a_sweeper_does_not_settle_a_lease_that_was_taken_over(hot: HotStore) -> None:
    """By an attempt with the same deadline and note: only the owner tells."""
    stale = await stale_lease(hot)
    await hot.admit(attempt_of("req_1", "w1", 1, note=stale.note))
    assert await hot.expire_one(stale, NOW_MS + LEASE_MS) == 0
    await hot.admit(attempt_of("req_1", "w1", 2, note=stale.note))
    assert await hot.expire_one(replace(stale, worker_id="w1"), NOW_MS + LEASE_MS) == 0
    assert await streamed(hot) == []


async def test_a_sweeper_does_not_settle_a_lease_that_lives_longer(hot: HotStore) -> None:
    """Renewed with the same note: only the deadline tells."""
    stale = await stale_lease(hot)
    assert await hot.renew("req_1", SHARD, "w0", NOW_MS + 1, LEASE_MS, stale.note)
    assert await hot.expire_one(stale, NOW_MS + LEASE_MS) == 0
    assert await streamed(hot) == []


async def test_a_lease_beside_a_settled_record_is_removed_without_a_second_record(
    hot: HotStore,
) -> None:
    """It cannot come about by the scripts; if it is there all the same, nothing is charged."""
    stale = await stale_lease(hot)
    await hot.wire.call("SET", f"{{s{SHARD}}}:usage:req_1", b"{}")
    assert await hot.expire_one(stale, NOW_MS + LEASE_MS) == 0
    assert await leases(hot) == []
    assert await streamed(hot) == []


async def test_an_unreadable_note_is_settled_as_it_is(hot: HotStore) -> None:
    """Nothing is hidden: the writer puts it aside, and the lease does not stay for ever."""
    await hot.admit(attempt_of("req_1", note=b"not a record"))
    assert await hot.expire(NOW_MS + LEASE_MS) == 1
    [(_, fields)] = await hot.wire.call("XRANGE", f"{{s{SHARD}}}:stream", "-", "+")
    assert fields == [b"record", b"not a record"]


async def test_no_key_of_a_customer_leaves_its_hash_slot(hot: HotStore) -> None:
    await hot.admit(attempt_of("req_1"))
    await hot.admit(attempt_of("req_2"))
    await hot.settle(settlement_of("req_1"))
    names = await hot.wire.call("KEYS", "*")
    assert len(names) == 5
    assert all(name.startswith(b"{s7}:") for name in names)


async def test_what_is_settled_is_forgotten_after_its_time(redis_url: str, hot: HotStore) -> None:
    short = HotStore.connect(redis_url, record_ttl_ms=5_000)
    await short.settle(settlement_of("req_1"))
    left_ms = await short.wire.call("PTTL", f"{{s{SHARD}}}:usage:req_1")
    assert 0 < left_ms <= 5_000
    await short.close()
