"""Makes Redis true again from SQL and the streams, on a running gateway too.

In order: what the streams have goes into SQL; keys and entries that Redis was not told are told;
accounts that it does not have are made; and what differs is corrected by its difference, so that a
request which settles in the same moment is not undone. What cannot be corrected now, as open leases
hold it, is said: run it again when they are done.

The writer corrects by itself whenever Redis has started anew: a machine that loses power takes the
last second of Redis with it.
"""

import asyncio
import time
from dataclasses import dataclass

import structlog

from ledger.entries import AccountFacts
from ledger.errors import StoreUnavailable
from ledger.intake import Intake
from ledger.keys import SHARDS, new_id
from ledger.ledger import Ledger
from ledger.model import Applied
from ledger.reconcile import Auditor, Check, Difference, Reconciliation, reconcile
from ledger.spending import restore_spending
from ledger.store.audit import Audit, Look, Mending
from ledger.store.streams import Streams

CONSUMER = "rebuild"
BATCH = 500  # entries read of one shard
CLAIM_IDLE_MS = 1_000  # what a writer that lives has read is written by then
PATIENCE_S = 900.0  # for all of it, with some million records in the streams
PAUSE_S = 0.1
TRIES = 10  # to correct an account that others correct at the same time
log = structlog.get_logger("ledger.rebuild")

MENDED = (Check.CREDIT, Check.ALLOWANCE, Check.HELD, Check.ALLOWANCE_UNTIL, Check.TURNED)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was done, and what an audit says now."""

    drained: int  # records that came from the streams into SQL
    keys: int  # facts of keys that Redis was given
    published: int  # changes and entries that it was told
    accounts: int  # accounts that it did not have
    spending: int  # sums of what was spent under a limit that were too low
    corrected: tuple[Difference, ...]
    left: tuple[Difference, ...]  # what could not be corrected
    now: Reconciliation


class Mender:
    """Corrects accounts in Redis by what differs from SQL. Raises StoreUnavailable. Several may do
    so at once, and whoever dies meanwhile keeps nobody from it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._auditor = Auditor(ledger)
        self._audit = Audit(ledger.hot.wire)

    async def mend(self) -> tuple[list[Difference], list[Difference]]:
        """What was corrected, and what could not be."""
        suspects = {one.customer_id for one in (await self._auditor.accounts()).differences}
        known = [
            facts
            for facts in await self._ledger.record.all_account_facts()
            if facts.customer_id in suspects
        ]
        corrected: list[Difference] = []
        left = await self._strangers(suspects - {facts.customer_id for facts in known})
        for facts in known:
            differences, applied = await self._settle_up(facts)
            (corrected if applied is Applied.APPLIED else left).extend(differences)
        return corrected, left

    async def _settle_up(self, facts: AccountFacts) -> tuple[list[Difference], Applied]:
        """What differed, and what became of it; looked at again where somebody else was faster."""
        for _ in range(TRIES):
            mended = (await self._look(facts)).mended[facts.customer_id]
            differences = await self._differences(facts)
            if not differences:
                return [], Applied.ALREADY
            applied = await self._correct(facts, {one.check: one for one in differences}, mended)
            if applied is not Applied.ALREADY:
                break
        return differences, applied

    async def _look(self, facts: AccountFacts) -> Look:
        return await self._audit.look(facts.shard, (facts.customer_id,))

    async def _differences(self, facts: AccountFacts) -> list[Difference]:
        """Looked at once more, after it is said that from now on the account is made of the entries
        up to here: a settlement that SQL has and that comes again is given back; see ledger.intake.
        A turn of a plan of which SQL was not told is no difference: it is told.
        """
        look = await self._look(facts)
        made = await self._ledger.hot.last_turn(facts.shard, facts.customer_id)
        if made is not None:
            await self._ledger.record.keep_turn(facts.customer_id, made, look.at_ms)
        await self._ledger.record.set_loaded([facts.customer_id], look.at_ms)
        found = await self._auditor.accounts_of(facts.shard, [facts])
        return [one for one in found.differences if one.check in MENDED]

    async def _correct(
        self, facts: AccountFacts, differing: dict[Check, Difference], mended: int
    ) -> Applied:
        until = differing.get(Check.ALLOWANCE_UNTIL)
        mending = Mending(
            _lacking(differing.get(Check.CREDIT)),
            _lacking(differing.get(Check.ALLOWANCE)),
            _lacking(differing.get(Check.HELD)),
            until.expected if until is not None else None,
            await self._ledger.record.last_turn(facts.customer_id),
            mended,
        )
        applied = await self._audit.mend(facts.shard, facts.customer_id, mending, new_id("mend"))
        log.warning(
            "account_corrected" if applied is Applied.APPLIED else "account_not_corrected",
            customer=facts.customer_id,
            **{check.value: _lacking(one) for check, one in differing.items()},
        )
        return applied

    async def _strangers(self, customer_ids: set[str]) -> list[Difference]:
        """Nobody's accounts are not ours to change."""
        if not customer_ids:
            return []
        found = (await self._auditor.accounts()).differences
        return [one for one in found if one.customer_id in customer_ids and one.check in MENDED]


class Rebuilder:
    """`rebuild` may be repeated at any time. Raises StoreUnavailable, also after PATIENCE_S."""

    def __init__(self, ledger: Ledger, redis_url: str) -> None:
        self._ledger = ledger
        self._streams = Streams(redis_url, CONSUMER, block_ms=100)
        self._audit = Audit(ledger.hot.wire)

    async def close(self) -> None:
        await self._streams.close()

    async def rebuild(self) -> Rebuilt:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._rebuild()
        except TimeoutError:
            raise StoreUnavailable(f"Redis is not rebuilt after {PATIENCE_S:g} s") from None

    async def _rebuild(self) -> Rebuilt:
        drained = await self._drain()
        keys = await self._ledger.warm()
        published = await self._ledger.publish()
        accounts = await self._ledger.bring_accounts()
        spending = await restore_spending(self._ledger, int(time.time() * 1000))
        corrected, left = await Mender(self._ledger).mend()
        return Rebuilt(
            *(drained, keys, published, accounts, spending),
            corrected=tuple(corrected),
            left=tuple(left),
            now=await reconcile(self._ledger),
        )

    async def _drain(self) -> int:
        """What the streams have now; what comes later is for the writer."""
        intake = Intake(self._ledger, self._streams)
        await self._streams.create_groups()
        looks = [await self._audit.look(str(shard), ()) for shard in range(SHARDS)]
        drained = 0
        while looks := [look for look in looks if await self._has_more(look)]:
            written = await intake.write(await self._streams.claim_abandoned(CLAIM_IDLE_MS, BATCH))
            written += await intake.write(await self._streams.read_new(BATCH, block=False))
            drained += written
            if not written:
                await asyncio.sleep(PAUSE_S)  # somebody else writes, or died a moment ago
        return drained

    async def _has_more(self, look: Look) -> bool:
        async for _ in self._audit.pending(look):
            return True
        return False


def _lacking(difference: Difference | None) -> int:
    return difference.expected - difference.found if difference is not None else 0
