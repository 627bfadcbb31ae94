"""Limits as one process counts them, for as long as the hot store is away.

Strategy: the same arithmetic as scripts/admit.lua, on a copy of what the hot store said last. As
long as it answers, each of its answers replaces what is counted here; where it falls silent, this
process goes on from there, with what it admits itself. Other processes do the same, so that each of
them may let through what is left of a limit: nobody can say more without a store that all share.

Buckets are GCRA as a leaky bucket, exact in integers: `level at most` says that at the time `at`
there was level / 60000 of a minute's `most` to be waited for.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ledger.model import Limit, LimitKind, LimitState
from ledger.store.limits import DAY_MS, period_of

MAX_COUNTED = 20_000  # limits remembered, some 5 MB; beyond, the one unused for longest starts anew
MINUTE_MS = 60_000
NOBODY_KNOWS_MS = 1_000  # when to ask again where only the end of another request helps

_MINUTE = frozenset({LimitKind.REQUESTS, LimitKind.TOKENS})


@dataclass(slots=True)
class _Count:
    """Of requests and tokens: `level` at `at`. Of spend: `level` in the period from day `at` on, as
    the hot store said, and `own`, which it does not know. Of concurrency: `own` run."""

    level: int = 0
    at: int = 0
    most: int = 0
    own: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What limits say to one request. `states` is what is left without it; `refused` is the limit
    that takes longest to let it pass, and `cap_micro` what may be held."""

    states: tuple[LimitState, ...]
    refused: LimitState | None
    wait_ms: int
    cap_micro: int


class LocalLimits:
    """All methods take the limits of one request, of one scope and kind the strictest alone."""

    def __init__(self) -> None:
        self._counts: OrderedDict[tuple[str, LimitKind], _Count] = OrderedDict()

    def saw(self, states: Iterable[LimitState], now_ms: int) -> None:
        """What the hot store said is left."""
        for state in states:
            limit = state.limit
            if limit.kind is LimitKind.CONCURRENCY:
                continue
            count = self._count(limit)
            used = max(0, limit.most - state.remaining)
            if limit.kind in _MINUTE:
                count.level, count.at, count.most = used * MINUTE_MS, now_ms, limit.most
            else:
                self._spent(count, limit, now_ms)
                count.level = used

    def ask(
        self, limits: Sequence[Limit], tokens: int, hold_micro: int, least_micro: int, now_ms: int
    ) -> Answer:
        """May a request pass that may use so many tokens? Takes nothing."""
        states, refused, wait_ms, cap_micro = [], None, 0, hold_micro
        for limit in limits:
            if limit.kind in _MINUTE:
                state, needed_ms = self._minute(limit, _wanted(limit, tokens), now_ms)
            elif limit.kind is LimitKind.CONCURRENCY:
                state = LimitState(limit, max(0, limit.most - self._count(limit).own), 0)
                needed_ms = 0 if state.remaining else NOBODY_KNOWS_MS
            else:
                state = self._spend(limit, now_ms)
                needed_ms = state.reset_ms if state.remaining < least_micro else 0
                cap_micro = min(cap_micro, state.remaining)
            states.append(state)
            if needed_ms > wait_ms:
                refused, wait_ms = state, needed_ms
        return Answer(tuple(states), refused, wait_ms, cap_micro)

    def take(
        self, limits: Sequence[Limit], tokens: int, granted_micro: int, now_ms: int
    ) -> tuple[LimitState, ...]:
        """What was asked for; gives what is left then."""
        states = []
        for limit in limits:
            count = self._count(limit)
            if limit.kind in _MINUTE:
                self._leak(count, limit.most, now_ms)
                count.level += _wanted(limit, tokens) * MINUTE_MS
                states.append(self._minute(limit, 0, now_ms)[0])
            elif limit.kind is LimitKind.CONCURRENCY:
                count.own += 1
                states.append(LimitState(limit, max(0, limit.most - count.own), 0))
            else:
                count.own += granted_micro
                states.append(self._spend(limit, now_ms))
        return tuple(states)

    def give_back(
        self,
        limits: Sequence[Limit],
        reserved: tuple[int, int],  # tokens and micro-USD, as taken
        used: tuple[int, int],
        now_ms: int,
    ) -> None:
        """A request has ended: it runs no more, and tokens and spend are what it used."""
        for limit in limits:
            count = self._counts.get((limit.scope, limit.kind))
            if count is None:
                continue
            match limit.kind:
                case LimitKind.REQUESTS:
                    pass
                case LimitKind.TOKENS:
                    self._leak(count, limit.most, now_ms)
                    more = used[0] - _wanted(limit, reserved[0])
                    count.level = max(0, count.level + more * MINUTE_MS)
                case LimitKind.CONCURRENCY:
                    count.own = max(0, count.own - 1)
                case _:
                    self._spent(count, limit, now_ms)
                    count.own = max(0, count.own + used[1] - reserved[1])

    def _count(self, limit: Limit) -> _Count:
        name = limit.scope, limit.kind
        count = self._counts.get(name)
        if count is None:
            if len(self._counts) >= MAX_COUNTED:
                self._counts.popitem(last=False)
            count = self._counts[name] = _Count()
        else:
            self._counts.move_to_end(name)
        return count

    def _leak(self, count: _Count, most: int, now_ms: int) -> None:
        if count.most != most:
            count.level, count.most = min(count.level, most * MINUTE_MS), most
        count.level = max(0, count.level - max(0, now_ms - count.at) * most)
        count.at = max(now_ms, count.at)

    def _minute(self, limit: Limit, wanted: int, now_ms: int) -> tuple[LimitState, int]:
        count, most = self._count(limit), limit.most
        self._leak(count, most, now_ms)
        if most == 0:
            return LimitState(limit, 0, MINUTE_MS), MINUTE_MS
        left = max(0, (most * MINUTE_MS - count.level) // MINUTE_MS)
        after = count.level + wanted * MINUTE_MS
        needed_ms = max(0, _ceiling(after, most) - MINUTE_MS) if wanted else 0
        return LimitState(limit, left, _ceiling(count.level, most)), needed_ms

    def _spend(self, limit: Limit, now_ms: int) -> LimitState:
        count = self._count(limit)
        ends_ms = self._spent(count, limit, now_ms)
        return LimitState(limit, max(0, limit.most - count.level - count.own), ends_ms - now_ms)

    def _spent(self, count: _Count, limit: Limit, now_ms: int) -> int:
        """Begins a new period where the old one is over; gives the end of the one of now."""
        first, after = period_of(limit.kind, now_ms // DAY_MS)
        if count.at != first:
            count.level, count.at, count.own = 0, first, 0
        return after * DAY_MS


def _wanted(limit: Limit, tokens: int) -> int:
    return 1 if limit.kind is LimitKind.REQUESTS else max(1, min(tokens, limit.most))


def _ceiling(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)
