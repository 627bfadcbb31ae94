"""Accounts in Redis as an auditor sees them: of one moment, and corrected by differences.

Nobody has to be alone to correct: an account that somebody else has corrected since it was looked
at stays as it is.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from ledger.keys import SHARDS
from ledger.model import Account, AccountMode, Applied
from ledger.plans import NO_RANK, Rank
from ledger.store.accounts import MARK_TTL_MS, read_rank
from ledger.store.link import Reply
from ledger.store.streams import StreamEntry, stream_entry
from ledger.store.wire import Script, Wire

AUDIT = Script.load("audit")
MEND = Script.load("mend")
PAGE = 1_000  # entries of a stream in one reply
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
    mended: dict[str, int]  # how often each of the accounts was corrected


@dataclass(frozen=True, slots=True)
class Mending:
    """What is added to an account so that it is right, if it was corrected `mended` times before.
    `until_ms` None: it stays. `turned`: the last turn of a plan that SQL knows; a later one
    stays."""

    credit_micro: int = 0
    allowance_micro: int = 0
    held_micro: int = 0
    until_ms: int | None = None
    turned: Rank = NO_RANK
    mended: int = 0


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
            {one: int(v[-1] or 0) for one, v in zip(customer_ids, accounts, strict=True)},
        )

    async def mend(self, shard: str, customer_id: str, mending: Mending, name: str) -> Applied:
        """Once under this name. ALREADY also where somebody else has corrected it since."""
        tag = f"{{s{shard}}}:"
        applied = await self._wire.run(
            MEND,
            (f"{tag}acct:{customer_id}", f"{tag}entry:{name}"),
            mending.credit_micro,
            mending.allowance_micro,
            mending.held_micro,
            "" if mending.until_ms is None else mending.until_ms,
            MARK_TTL_MS,
            *mending.turned,
            mending.mended,
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
    mode, *amounts, turned, _ = values
    if mode is None:
        return None
    credit, allowance, until_ms, held = (int(amount or 0) for amount in amounts)
    return Account(
        *(AccountMode(mode.decode()), credit, allowance, until_ms or None, held),
        turned=read_rank(turned),
    )
