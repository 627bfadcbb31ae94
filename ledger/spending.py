"""What was spent in the running day, week and month, as SQL knows it, for limits that Redis counts.

A Redis that lost its data has forgotten what keys and customers spent, and a limit that is set
within a period has not counted what came before it. Both are raised to the sum of the rows of
usage. Limits of groups are not: no row says through which group its request came.
"""

from collections.abc import Sequence

from ledger.ledger import Ledger
from ledger.model import LimitKind
from ledger.store.limits import DAY_MS, period_of, spend_key
from ledger.store.wire import Script
from ledger.usage_sums import Dimension

RAISE = Script.load("raise")
KEPT_MS = 2 * DAY_MS  # behind the end of a period, as in admit.lua
_DIMENSIONS = {"key": Dimension.KEY, "customer": Dimension.CUSTOMER}
_SPEND = (LimitKind.SPEND_DAY, LimitKind.SPEND_WEEK, LimitKind.SPEND_MONTH)

Limited = tuple[str, str, LimitKind]  # shard, scope, kind


async def restore_spending(ledger: Ledger, now_ms: int) -> int:
    """How many sums were raised. Raises StoreUnavailable; may run at any time, and twice."""
    limited = {
        (shard, limit.scope, limit.kind)
        for shard, _, facts in await ledger.record.all_facts()
        for limit in facts.limits
        if limit.kind in _SPEND and limit.scope.partition(":")[0] in _DIMENSIONS
    }
    raised = 0
    for kind in _SPEND:
        for what, dimension in _DIMENSIONS.items():
            some = [one for one in limited if one[2] is kind and one[1].startswith(f"{what}:")]
            raised += await _restore(ledger, kind, dimension, some, now_ms) if some else 0
    return raised


async def _restore(
    ledger: Ledger, kind: LimitKind, dimension: Dimension, some: Sequence[Limited], now_ms: int
) -> int:
    first, after = period_of(kind, now_ms // DAY_MS)
    sums = await ledger.record.usage_sums(first * DAY_MS, after * DAY_MS, (dimension,))
    field = "key_id" if dimension is Dimension.KEY else "customer_id"
    spent = {getattr(one, field): one.cost_micro for one in sums}
    kept_ms = after * DAY_MS - now_ms + KEPT_MS
    raised = 0
    for shard, scope, _ in some:
        if micro := spent.get(scope.partition(":")[2], 0):
            key = spend_key(shard, scope, kind, now_ms // DAY_MS)
            raised += await ledger.hot.wire.run(RAISE, (key,), micro, kept_ms)
    return raised
