"""The streams of settled records, as the writer sees them: read, retire, bury.

One stream per shard, one consumer group. An entry stays in its stream until SQL has it: reading
only marks it as this consumer's, and what a consumer that died had read is claimed by the others.
On a Redis Cluster one XREADGROUP may not span slots; run one writer per node there.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from ledger.errors import StoreRefused
from ledger.store.address import parse_address
from ledger.store.hot import ALL_SHARDS
from ledger.store.link import Reply
from ledger.store.wire import Script, Timeouts, Wire

GROUP = "writers"
MAX_DEAD = 100_000  # unreadable entries kept of one shard; each is evidence, none is content
BLOCK_MARGIN_MS = 5_000  # how much longer than BLOCK a reply may take
RETIRED = 1_000  # ids in one script: Lua's unpack takes some thousands

RETIRE = Script.load("retire")
BURY = Script.load("bury")


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """One settled record, not yet in SQL, with what its settlement charged. `data` is None if it
    was deleted after being read."""

    shard: str
    id: bytes
    data: bytes | None
    credit_micro: int = 0
    allowance_micro: int = 0
    uncollected_micro: int = 0

    @property
    def settlement(self) -> str:
        """Names this settlement among all of all shards."""
        return f"{self.shard}/{self.id.decode()}"

    @property
    def settled_at_ms(self) -> int:
        """By the clock of Redis."""
        return int(self.id.partition(b"-")[0])


class Streams:
    """A consumer of all the streams, with a connection of its own, as reading blocks."""

    def __init__(self, redis_url: str, consumer: str, block_ms: int) -> None:
        timeouts = Timeouts(reply_ms=block_ms + BLOCK_MARGIN_MS)
        self._wire = Wire(parse_address(redis_url), (RETIRE, BURY), timeouts)
        self._consumer = consumer
        self._block_ms = block_ms
        self._names = tuple(f"{{s{shard}}}:stream" for shard in ALL_SHARDS)
        self._shard_of = {
            name.encode(): shard for name, shard in zip(self._names, ALL_SHARDS, strict=True)
        }

    async def close(self) -> None:
        await self._wire.close()

    async def create_groups(self) -> None:
        """From the beginning of each stream; groups that exist are left alone."""
        await asyncio.gather(*(self._create_group(name) for name in self._names))

    async def read_new(self, count: int, block: bool) -> list[StreamEntry]:
        """Entries that no consumer has; at most `count` of a shard. Waits for one if `block`."""
        waiting = ("BLOCK", self._block_ms) if block else ()
        return await self._read(count, waiting, ">")

    async def read_own(self, count: int) -> list[StreamEntry]:
        """Entries that this consumer read before and never retired: after a crash."""
        return await self._read(count, (), "0")

    async def claim_abandoned(self, idle_ms: int, count: int) -> list[StreamEntry]:
        """Entries that another consumer read at least `idle_ms` ago and never retired."""
        replies = await asyncio.gather(
            *(
                self._wire.call(
                    "XAUTOCLAIM", name, GROUP, self._consumer, idle_ms, "0", "COUNT", count
                )
                for name in self._names
            )
        )
        return [
            entry
            for name, reply in zip(self._names, replies, strict=True)
            for entry in self._entries(name.encode(), reply[1])
        ]

    async def retire(self, entries: list[StreamEntry]) -> None:
        """These are in SQL."""
        ids: dict[str, list[bytes]] = {}
        for entry in entries:
            ids.setdefault(entry.shard, []).append(entry.id)
        await asyncio.gather(
            *(
                self._wire.run(RETIRE, (f"{{s{shard}}}:stream",), GROUP, *some[at : at + RETIRED])
                for shard, some in ids.items()
                for at in range(0, len(some), RETIRED)
            )
        )

    async def bury(self, entry: StreamEntry) -> None:
        """This one will never be in SQL."""
        tag = f"{{s{entry.shard}}}:"
        keys = (f"{tag}stream", f"{tag}dead")
        await self._wire.run(BURY, keys, GROUP, entry.id, entry.data or b"", MAX_DEAD)

    async def backlog(self) -> int:
        """Entries in all streams: settled, and not known to be in SQL."""
        lengths = await asyncio.gather(*(self._wire.call("XLEN", name) for name in self._names))
        return sum(lengths)

    async def server_run_id(self) -> str:
        """Changes whenever the Redis server was started anew."""
        info: bytes = await self._wire.call("INFO", "server")
        found = [line for line in info.decode().splitlines() if line.startswith("run_id:")]
        return found[0] if found else ""

    async def unsynced_directory(self) -> Path | None:
        """Where a Redis on this machine keeps the append-only file that it leaves to us to sync."""
        if self._wire.address.path is None:
            return None
        try:
            policy = await self._wire.call("CONFIG", "GET", "appendfsync")
            directory = await self._wire.call("CONFIG", "GET", "dir")
        except StoreRefused:
            return None
        return Path(directory[1].decode()) if policy[1] == b"no" else None

    async def _create_group(self, name: str) -> None:
        try:
            await self._wire.call("XGROUP", "CREATE", name, GROUP, "0", "MKSTREAM")
        except StoreRefused as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def _read(
        self, count: int, waiting: tuple[str | int, ...], after: str
    ) -> list[StreamEntry]:
        ids = (after,) * len(self._names)
        reply = await self._wire.call(
            *("XREADGROUP", "GROUP", GROUP, self._consumer, "COUNT", count),
            *waiting,
            *("STREAMS", *self._names, *ids),
        )
        return [entry for name, entries in reply or () for entry in self._entries(name, entries)]

    def _entries(self, name: bytes, entries: Reply) -> list[StreamEntry]:
        shard = self._shard_of[name]
        return [
            stream_entry(shard, item[0], item[1])
            for item in entries
            if item is not None  # Redis 6.2 gives nothing at all for a claimed, deleted entry
        ]


def stream_entry(shard: str, entry_id: bytes, pairs: list[bytes] | None) -> StreamEntry:
    """An entry without the field `record` has empty data; older versions charge nothing."""
    if pairs is None:
        return StreamEntry(shard, entry_id, None)
    if len(pairs) == 2 and pairs[0] == b"record":
        return StreamEntry(shard, entry_id, pairs[1])
    content = dict(zip(pairs[::2], pairs[1::2], strict=False))
    return StreamEntry(
        shard,
        entry_id,
        content.get(b"record", b""),
        _micro(content.get(b"credit")),
        _micro(content.get(b"allowance")),
        _micro(content.get(b"uncollected")),
    )


def _micro(digits: bytes | None) -> int:
    return int(digits) if digits is not None and digits.isdigit() else 0
