"""What is kept for a customer between requests: for that customer alone, and for a time."""

import asyncio
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.store import keepsakes
from ledger.store.address import parse_address
from ledger.store.hot import SCRIPTS, HotStore
from ledger.store.keepsakes import (
    ANSWER,
    COMPRESS_BYTES,
    DEFAULT_MAX_BYTES,
    ENTRY_BYTES,
    INLINE_BYTES,
    MAX_ITEMS,
    MAX_VALUE_BYTES,
    SEAL,
    Keepsakes,
)
from ledger.store.pins import MAX_SUBJECT, Pins
from ledger.store.wire import Wire
from tests.ledger.fake_redis import bulk, fake_redis
from tests.ledger.samples import SHARD

US, THEM = "cus_1", "cus_2"
LIFETIME_S = 60
PREFIX = f"{{s{SHARD}}}:keep:{US}"
LARGE = b'{"text": "' + b"again and again " * 10_000 + b'"}'
NOBODYS = ("", "x" * (MAX_SUBJECT + 1), "\ud800")


@pytest.fixture
def kept(hot: HotStore) -> Keepsakes:
    return Keepsakes(hot.wire)


async def put(kept: Keepsakes, kind: str, subject: str, value: bytes, customer: str = US) -> None:
    assert await kept.put_many(SHARD, customer, {(kind, subject): value}, LIFETIME_S) == []


async def get(kept: Keepsakes, kind: str, subject: str, customer: str = US) -> bytes | None:
    return (await kept.get_many(SHARD, customer, kind, [subject])).get(subject)


async def test_what_is_kept_is_found_by_kind_and_id(kept: Keepsakes) -> None:
    items = {(ANSWER, "resp_1"): b"{}", (SEAL, "call_1"): b"one", (SEAL, "call_2"): b"two"}
    assert await kept.put_many(SHARD, US, items, LIFETIME_S) == []
    seals = await kept.get_many(SHARD, US, SEAL, ["call_2", "call_9", "call_1", "call_2"])
    assert seals == {"call_2": b"two", "call_1": b"one"}
    assert await kept.get_many(SHARD, US, ANSWER, ["resp_1", "call_1"]) == {"resp_1": b"{}"}


async def test_another_customer_finds_and_deletes_nothing(kept: Keepsakes) -> None:
    await put(kept, ANSWER, "resp_1", b"ours")
    assert await get(kept, ANSWER, "resp_1", THEM) is None
    assert await kept.find_answer(SHARD, THEM, "resp_1") == (None, None)
    assert await kept.delete(SHARD, THEM, ANSWER, "resp_1") is False
    await put(kept, ANSWER, "resp_1", b"theirs", THEM)
    assert await get(kept, ANSWER, "resp_1") == b"ours"


async def test_a_later_value_takes_the_place_of_an_earlier_one(kept: Keepsakes) -> None:
    await put(kept, SEAL, "call_1", b"first")
    await put(kept, SEAL, "call_1", b"second")
    assert await get(kept, SEAL, "call_1") == b"second"


async def test_each_value_has_the_lifetime_that_was_asked_for(
    kept: Keepsakes, hot: HotStore
) -> None:
    items = {(SEAL, "call_1"): b"one", (ANSWER, "resp_1"): LARGE}
    await kept.put_many(SHARD, US, items, LIFETIME_S)
    for key in (f"{PREFIX}:seal:call_1", f"{PREFIX}:answer:resp_1"):
        assert LIFETIME_S - 5 < await hot.wire.call("TTL", key) <= LIFETIME_S


async def test_what_is_deleted_is_gone_and_a_second_deletion_says_so(kept: Keepsakes) -> None:
    await put(kept, ANSWER, "resp_1", b"{}")
    assert await kept.delete(SHARD, US, ANSWER, "resp_1") is True
    assert await kept.delete(SHARD, US, ANSWER, "resp_1") is False
    assert await get(kept, ANSWER, "resp_1") is None


@pytest.mark.parametrize(
    ("pinned", "value"), [(None, None), ("main", None), (None, b"{}"), ("main", LARGE)]
)
async def test_an_answer_is_found_at_its_account_or_here(
    kept: Keepsakes, hot: HotStore, pinned: str | None, value: bytes | None
) -> None:
    if pinned is not None:
        await Pins(hot.wire).put(SHARD, US, "resp_1", pinned, LIFETIME_S)
    if value is not None:
        await put(kept, ANSWER, "resp_1", value)
    assert await kept.find_answer(SHARD, US, "resp_1") == (pinned, value)


@pytest.mark.parametrize("subject", NOBODYS)
async def test_an_id_that_nobody_can_have_is_nobodys(
    kept: Keepsakes, hot: HotStore, subject: str
) -> None:
    refused = await kept.put_many(
        SHARD, US, {(SEAL, subject): b"x", (SEAL, "call_1"): b"y"}, LIFETIME_S
    )
    assert refused == [(SEAL, subject)]
    assert await kept.get_many(SHARD, US, SEAL, [subject, "call_1"]) == {"call_1": b"y"}
    assert await kept.find_answer(SHARD, US, subject) == (None, None)
    assert await kept.delete(SHARD, US, SEAL, subject) is False
    pins = Pins(hot.wire)
    await pins.put(SHARD, US, subject, "main", LIFETIME_S)
    assert await pins.get(SHARD, US, subject) is None


async def test_a_value_that_is_too_large_is_not_kept_and_the_others_are(
    kept: Keepsakes,
) -> None:
    items = {(SEAL, "a"): b"x" * 2000, (SEAL, "b"): b"x" * 2001}
    assert await kept.put_many(SHARD, US, items, LIFETIME_S, 2000) == [(SEAL, "b")]
    assert await kept.get_many(SHARD, US, SEAL, ["a", "b"]) == {"a": b"x" * 2000}


async def test_of_very_many_the_last_are_kept_and_found(
    kept: Keepsakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_ITEMS > 1000
    monkeypatch.setattr(keepsakes, "MAX_ITEMS", 3)
    items = {(SEAL, str(number)): b"x" for number in range(5)}
    assert await kept.put_many(SHARD, US, items, LIFETIME_S) == [(SEAL, "0"), (SEAL, "1")]
    found = await kept.get_many(SHARD, US, SEAL, [str(number) for number in range(5)])
    assert list(found) == ["2", "3", "4"]
    assert list(await kept.get_many(SHARD, US, SEAL, ["4", "3", "2", "9"])) == ["3", "2"]


async def test_nothing_asked_is_nothing_found_even_without_redis() -> None:
    kept = Keepsakes(Wire(parse_address("unix:///no/such/socket")))
    assert await kept.put_many(SHARD, US, {}, LIFETIME_S) == []
    assert await kept.get_many(SHARD, US, SEAL, []) == {}
    assert await kept.get_many(SHARD, US, SEAL, list(NOBODYS)) == {}


# ------------------------------------------------------------------------------------- the format


SIZES = (
    0,
    1,
    COMPRESS_BYTES,
    COMPRESS_BYTES + 1,
    INLINE_BYTES,
    INLINE_BYTES + 1,
    DEFAULT_MAX_BYTES,
)


@pytest.mark.parametrize("size", SIZES)
async def test_a_value_of_any_size_comes_out_as_it_went_in(kept: Keepsakes, size: int) -> None:
    value = (LARGE * (size // len(LARGE) + 1))[:size]
    await put(kept, ANSWER, "resp_1", value)
    assert await get(kept, ANSWER, "resp_1") == value
    assert await kept.find_answer(SHARD, US, "resp_1") == (None, value)


async def test_what_is_longer_than_a_kilobyte_is_compressed(kept: Keepsakes, hot: HotStore) -> None:
    stored = {}
    for size in (COMPRESS_BYTES, COMPRESS_BYTES + 1):
        await put(kept, SEAL, "call_1", b"x" * size)
        stored[size] = await hot.wire.call("GET", f"{PREFIX}:seal:call_1")
    assert stored[COMPRESS_BYTES] == b"\0" + b"x" * COMPRESS_BYTES
    assert stored[COMPRESS_BYTES + 1][:1] == b"\1"
    assert len(stored[COMPRESS_BYTES + 1]) < 50


async def test_what_does_not_shrink_is_kept_as_it_is(kept: Keepsakes, hot: HotStore) -> None:
    noise = b"".join(zlib.crc32(b"%d" % number).to_bytes(4, "big") for number in range(1000))
    await put(kept, SEAL, "call_1", noise)
    assert await hot.wire.call("STRLEN", f"{PREFIX}:seal:call_1") == len(noise) + 1
    assert await get(kept, SEAL, "call_1") == noise


GARBAGE = (
    b"",
    b"{}",
    b"\2future",
    b"\1",
    b"\1not zlib",
    b"\1" + zlib.compress(LARGE)[:-1],
    b"\1" + zlib.compress(bytes(MAX_VALUE_BYTES + 1)),
    b"\1" + b"\xff" * (INLINE_BYTES + 1),
)


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_is_absent(kept: Keepsakes, hot: HotStore, garbage: bytes) -> None:
    await hot.wire.call("SET", f"{PREFIX}:answer:resp_1", garbage)
    await put(kept, ANSWER, "resp_2", b"{}")
    assert await kept.get_many(SHARD, US, ANSWER, ["resp_1", "resp_2"]) == {"resp_2": b"{}"}
    assert await kept.find_answer(SHARD, US, "resp_1") == (None, None)


async def test_a_key_of_another_type_is_absent(kept: Keepsakes, hot: HotStore) -> None:
    await hot.wire.call("RPUSH", f"{PREFIX}:seal:call_1", "x")
    assert await get(kept, SEAL, "call_1") is None
    await put(kept, SEAL, "call_1", b"y")
    assert await get(kept, SEAL, "call_1") == b"y"


@given(st.binary(max_size=3000))
def test_reading_never_raises_and_what_was_packed_is_read(data: bytes) -> None:
    assert keepsakes._unpack(keepsakes._pack(data)) == data
    keepsakes._unpack(data)
    keepsakes._unpack(b"\1" + data)


# ---------------------------------------------------------------------------------- the round trip


async def test_every_operation_is_one_command_within_one_slot(tmp_path: Path) -> None:
    """So it is one round trip, and no Redis Cluster refuses it."""
    seen: list[list[bytes]] = []

    async def handler(_: int, command: list[bytes]) -> bytes:
        if command[0] == b"SCRIPT":
            return bulk(b"sha")
        seen.append(command)
        held = b"*%d\r\n" % (len(command) - 1) + b"$-1\r\n" * (len(command) - 1)
        return held if command[0] == b"MGET" else b":1\r\n"

    many = {(kind, f"{{s9}}{n}"): LARGE for kind in (ANSWER, SEAL) for n in range(20)}
    async with fake_redis(tmp_path, handler) as url:
        wire = Wire(parse_address(url), SCRIPTS)
        kept = Keepsakes(wire)
        calls: list[Any] = [
            kept.put_many(SHARD, US, many, LIFETIME_S),
            kept.get_many(SHARD, US, SEAL, [one for _, one in many]),
            kept.find_answer(SHARD, US, "resp_1"),
            kept.delete(SHARD, US, ANSWER, "resp_1"),
        ]
        for count, call in enumerate(calls, 1):
            await call
            assert len(seen) == count
        await wire.close()
    assert [command[0] for command in seen] == [b"EVALSHA", b"MGET", b"MGET", b"EVALSHA"]
    scripts = [key for call in (seen[0], seen[3]) for key in call[3 : 3 + int(call[2])]]
    keys = [*scripts, *seen[1][1:], *seen[2][1:]]
    assert len(keys) == (2 + len(many)) + 3 + len(many) // 2 + 2
    assert {key.partition(b"}")[0] for key in keys} == {b"{s7"}


async def test_many_at_once_do_not_mix(kept: Keepsakes) -> None:
    async def one(number: int) -> bytes | None:
        await put(kept, SEAL, f"call_{number}", b"%d" % number * 30_000)
        return await get(kept, SEAL, f"call_{number}")

    found = await asyncio.gather(*(one(number) for number in range(20)))
    assert found == [b"%d" % number * 30_000 for number in range(20)]


async def left(kept: Keepsakes, count: int) -> list[str]:
    """Which of `count` answers are still there."""
    ids = [f"resp_{number}" for number in range(count)]
    return sorted(await kept.get_many(SHARD, US, ANSWER, ids))


async def test_beyond_a_customers_quota_the_oldest_makes_room(kept: Keepsakes) -> None:
    value = b"x" * 99  # and its format marker
    quota = 3 * (100 + ENTRY_BYTES)  # small values take more for their entries than for themselves
    for number in range(5):
        items = {(ANSWER, f"resp_{number}"): value}
        assert await kept.put_many(SHARD, US, items, LIFETIME_S, quota_bytes=quota) == []
    assert await left(kept, 5) == ["resp_2", "resp_3", "resp_4"]
    await kept.put_many(SHARD, US, {(ANSWER, "resp_2"): value}, LIFETIME_S, quota_bytes=quota)
    await kept.put_many(SHARD, US, {(ANSWER, "resp_5"): value}, LIFETIME_S, quota_bytes=quota)
    assert await left(kept, 6) == ["resp_2", "resp_4", "resp_5"], "writing again makes it young"
    assert await kept.delete(SHARD, US, ANSWER, "resp_4")
    await kept.put_many(SHARD, US, {(ANSWER, "resp_6"): value}, LIFETIME_S, quota_bytes=quota)
    assert await left(kept, 7) == ["resp_2", "resp_5", "resp_6"], "what was deleted counts no more"
    await put(kept, ANSWER, "resp_0", value, THEM)
    assert await left(kept, 7) == ["resp_2", "resp_5", "resp_6"], "a quota is one customer's"
