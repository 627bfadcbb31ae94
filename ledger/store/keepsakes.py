"""What the gateway keeps for a customer between requests, as upstreams keep nothing for it: answers
that a later request may refer to, and seals of reasoning that a client's protocol has no place for.

Strategy: small values under a kind and an id, each with a lifetime, beside the pins. Losing one is
no disaster (an id that never was, reasoning without its seal), so there is no copy in SQL.

Rules:
- The customer is part of the key: nobody reads or deletes what another customer's request left.
- Every operation is one round trip within one slot of a Redis Cluster.
- A value has a format marker before it. What cannot be read is treated as absent.
- The size limit is that of the value as given, so that it does not depend on how well it shrinks.
"""

import asyncio
import zlib
from collections.abc import Mapping, Sequence
from typing import Final

from ledger.store.pins import is_subject, pin_key
from ledger.store.wire import Script, Wire

ANSWER: Final = "answer"  # a stored answer of the Responses API: its JSON, by its id
SEAL: Final = "seal"  # a seal of reasoning, by the id of the tool call that it belongs to

MEBIBYTE = 1024 * 1024
DEFAULT_QUOTA_BYTES = 64 * MEBIBYTE  # of one customer: the store's memory is everybody's
DEFAULT_MAX_BYTES = 4 * MEBIBYTE  # a long conversation is some 100 KB; images make it larger
MAX_VALUE_BYTES = 64 * MEBIBYTE  # whatever a caller allows; what unpacks to more is not ours
ENTRY_BYTES = 480  # key, index and size of one value in Redis's memory, as measured
MAX_ITEMS = 4096  # of one operation, the last ones; Redis serves nobody else meanwhile: about 2 ms
COMPRESS_BYTES = 1024  # below it the marker and the work are worth more than what is saved
INLINE_BYTES = 64 * 1024  # more takes a thread: a millisecond that other exchanges need not wait

KEEP = Script.load("keep")
DROP = Script.load("drop")

_PLAIN = b"\0"
_ZLIB = b"\1"
_LEVEL = 1  # half the time of the default for a tenth more of bytes

Item = tuple[str, str]  # kind and id


class Keepsakes:
    """`{sN}:keep:<customer>:<kind>:<id>` = marker and value. Raises StoreUnavailable."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def put_many(
        self,
        shard: str,
        customer_id: str,
        items: Mapping[Item, bytes],
        lifetime_s: int,
        max_bytes: int = DEFAULT_MAX_BYTES,
        quota_bytes: int = DEFAULT_QUOTA_BYTES,
    ) -> list[Item]:
        """Keeps these for `lifetime_s` seconds, in place of what was there. Gives those that are
        not kept: larger than `max_bytes`, under an id that is nobody's, or too many. Beyond the
        customer's quota, of packed bytes and their entries, what he left longest ago makes room.
        """
        limit = min(max_bytes, MAX_VALUE_BYTES)
        fit = [
            item for item, value in items.items() if len(value) <= limit and is_subject(item[1])
        ][-MAX_ITEMS:]
        if fit:
            keys = tuple(_key(shard, customer_id, *item) for item in fit)
            values = await _packed([items[item] for item in fit])
            books = _books(shard, customer_id)
            limits = (lifetime_s, quota_bytes, ENTRY_BYTES)
            await self._wire.run(KEEP, (*books, *keys), *limits, *values)
        kept = frozenset(fit)
        return [item for item in items if item not in kept]

    async def get_many(
        self, shard: str, customer_id: str, kind: str, ids: Sequence[str]
    ) -> dict[str, bytes]:
        """What is there of these, by id. Of very many ids the last ones, which a conversation needs
        most."""
        asked = [one for one in dict.fromkeys(ids) if is_subject(one)][-MAX_ITEMS:]
        if not asked:
            return {}
        keys = (_key(shard, customer_id, kind, one) for one in asked)
        held = await _unpacked(await self._wire.call("MGET", *keys))
        return {one: value for one, value in zip(asked, held, strict=True) if value is not None}

    async def delete(self, shard: str, customer_id: str, kind: str, subject: str) -> bool:
        """Whether there was something to delete."""
        if not is_subject(subject):
            return False
        keys = (*_books(shard, customer_id), _key(shard, customer_id, kind, subject))
        return bool(await self._wire.run(DROP, keys))

    async def find_answer(
        self, shard: str, customer_id: str, subject: str
    ) -> tuple[str | None, bytes | None]:
        """The account that holds a stored answer, and the answer that is kept here: an id has the
        one or the other, or is nobody's."""
        if not is_subject(subject):
            return None, None
        pin = pin_key(shard, customer_id, subject)
        keep = _key(shard, customer_id, ANSWER, subject)
        account, held = await self._wire.call("MGET", pin, keep)
        [value] = await _unpacked([held])
        return account.decode() if account else None, value


async def _packed(values: list[bytes]) -> list[bytes]:
    if sum(map(len, values)) <= INLINE_BYTES:
        return [_pack(value) for value in values]
    return await asyncio.to_thread(lambda: [_pack(value) for value in values])


async def _unpacked(held: list[bytes | None]) -> list[bytes | None]:
    packed_bytes = sum(len(data) for data in held if data is not None)
    if packed_bytes <= INLINE_BYTES // 4:  # JSON unpacks to about four times as much
        return [_unpack(data) for data in held]
    return await asyncio.to_thread(lambda: [_unpack(data) for data in held])


def _pack(value: bytes) -> bytes:
    if len(value) > COMPRESS_BYTES:
        packed = zlib.compress(value, _LEVEL)
        if len(packed) < len(value):
            return _ZLIB + packed
    return _PLAIN + value


def _unpack(data: bytes | None) -> bytes | None:
    """The value; None where there is none that this version can read."""
    if not data:
        return None
    marker, rest = data[:1], data[1:]
    if marker == _PLAIN:
        return rest
    if marker != _ZLIB:
        return None
    inflating = zlib.decompressobj()
    try:
        value = inflating.decompress(rest, MAX_VALUE_BYTES + 1)
    except zlib.error:
        return None
    return value if inflating.eof and len(value) <= MAX_VALUE_BYTES else None


def _books(shard: str, customer_id: str) -> tuple[str, str]:
    """Where Redis has the index and the sizes of what is kept for a customer."""
    return f"{{s{shard}}}:kept:{customer_id}", f"{{s{shard}}}:kept-sizes:{customer_id}"


def _key(shard: str, customer_id: str, kind: str, subject: str) -> str:
    return f"{{s{shard}}}:keep:{customer_id}:{kind}:{subject}"
