"""Accounts in Redis as an auditor sees them: of one moment, and corrected by differences."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from ledger.keys import SHARDS
from ledger.model import Account, AccountMode, Applied
from ledger.store.accounts import MARK_TTL_MS
from ledger.store.link import Reply
from ledger.store.streams import StreamEntry, stream_entry
from ledger.store.wire import Script, Wire

AUDIT = Script.load("audit")
MEND = Script.load("mend")
PAGE = 1_000  # entries of a stream in one reply
MENDING = "{s0}:mending"  # who corrects accounts now
MENDING_MS = 600_000  # whoever dies meanwhile keeps others from it for so long
SCANNED = 1_000  # names that Redis looks at in one step


@dataclass(frozen=True, slots=True)
class Look:
    """What a shard of Redis had at one moment. `last_id` is that of its stream; `holds` are sums of
    open leases by customer, of all customers."""

    shard: str
    at_ms: int  # by the clock of Redis
    last_id: str
    accounts: dict[str, Account | None]
    holds: dict[str, int]


@dataclass(frozen=True, slots=True)
class Mending:
    """What is added to an account so that it is right. `until_ms` None: it stays."""

    credit_micro: int = 0
    allowance_micro: int = 0
    held_micro: int = 0
    until_ms: int | None = None


class Audit:
    """All methods raise StoreUnavailable when Redis is away, and may then be repeated."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def look(self, shard: str, customer_ids: Sequence[str]) -> Look:
        """These accounts; None where Redis has none."""
        tag = f"{{s{shard}}}:"
        names = (f"{tag}acct:{customer_id}" for customer_id in customer_ids)
        keys = (f"{tag}stream", f"{tag}leases", *names)
        at_ms, last_id, accounts, flat = await self._wire.run(AUDIT, keys, f"{tag}lease:")
        holds: dict[str, int] = {}
        for name, held in zip(flat[::2], flat[1::2], strict=True):
            customer_id = name.decode()
            holds[customer_id] = holds.get(customer_id, 0) + int(held)
        return Look(
            shard,
            int(at_ms),
            last_id.decode(),
            {one: _account(v) for one, v in zip(customer_ids, accounts, strict=True)},
            holds,
        )

    async def mend(self, shard: str, customer_id: str, mending: Mending, name: str) -> Applied:
        """Once under this name."""
        tag = f"{{s{shard}}}:"
        applied = await self._wire.run(
            MEND,
            (f"{tag}acct:{customer_id}", f"{tag}entry:{name}"),
            mending.credit_micro,
            mending.allowance_micro,
            mending.held_micro,
            "" if mending.until_ms is None else mending.until_ms,
            MARK_TTL_MS,
        )
        return Applied(applied)

    async def pending(self, look: Look) -> AsyncIterator[list[StreamEntry]]:
        """What is left of what the stream had at that moment, page by page. What is gone by now
        is in SQL."""
        after = "-"
        name = f"{{s{look.shard}}}:stream"
        while True:
            items = await self._wire.call("XRANGE", name, after, look.last_id, "COUNT", PAGE)
            if not items:
                return
            yield [stream_entry(look.shard, entry_id, pairs) for entry_id, pairs in items]
            after = f"({items[-1][0].decode()}"

    async def lock(self, token: str) -> bool:
        """Two who correct at once would correct twice. False: somebody else does."""
        taken = await self._wire.call("SET", MENDING, token, "NX", "PX", MENDING_MS)
        return taken is not None or await self._wire.call("GET", MENDING) == token.encode()

    async def unlock(self, token: str) -> None:
        if await self._wire.call("GET", MENDING) == token.encode():
            await self._wire.call("DEL", MENDING)

    async def dead(self) -> int:
        """Entries of the streams that nobody could read."""
        lengths = await asyncio.gather(
            *(self._wire.call("XLEN", f"{{s{shard}}}:dead") for shard in range(SHARDS))
        )
        return sum(lengths)

    async def customers(self) -> AsyncIterator[tuple[str, str]]:
        """Shard and id of every customer of whom Redis has an account; some come twice."""
        cursor = b"0"
        while True:
            cursor, names = await self._wire.call(
                "SCAN", cursor, "MATCH", "{s*}:acct:*", "COUNT", SCANNED
            )
            for name in names:
                tag, _, customer_id = name.decode().partition("}:acct:")
                yield tag.removeprefix("{s"), customer_id
            if cursor == b"0":
                return


def _account(values: Reply) -> Account | None:
    mode, *amounts = values
    if mode is None:
        return None
    credit, allowance, until_ms, held = (int(amount or 0) for amount in amounts)
    return Account(AccountMode(mode.decode()), credit, allowance, until_ms or None, held)
