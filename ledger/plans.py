"""Plans: an allowance that begins anew every period, and what is left of it ends.

Periods are counted from the plan's own beginning, in UTC: a month that began on the 31st at 10:30
ends on the last day of a shorter month at 10:30, and on the 31st again of a longer one. A plan that
should follow the calendar begins at the calendar's boundary. Values and arithmetic only: time is an
argument.

A plan turns when a period begins or the plan ends: what is left is taken back and the new allowance
given. A period that passed while nothing ran is never made up for: its allowance would have ended
unused.

Turns of a customer have an order, and none is made after one that comes later: whoever was slow, or
tells an old turn again, does not undo the allowance of today.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum

DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OVER = 2**52  # beyond the time of any end

# Where a turn comes among all turns of its customer: when its plan was made, as the plan made last
# is the one that counts; then the number of its period or, beyond all of these, the time of its end
# in ms.
Rank = tuple[int, int]
NO_RANK: Rank = (0, -1)


class PlanPeriod(StrEnum):
    """How long one allowance lasts."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class PlanSpec:
    """What an administrator says of a plan. `since_ms` None: from now on; `until_ms` None: until
    it is changed or ended."""

    name: str
    allowance_micro: int
    period: PlanPeriod
    since_ms: int | None = None
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan of one customer, who has one at a time. `next_turn_ms` None: nothing is left to do."""

    id: str
    customer_id: str
    name: str
    allowance_micro: int
    period: PlanPeriod
    since_ms: int
    until_ms: int | None
    next_turn_ms: int | None
    actor: str
    created_at_ms: int

    def active(self, now_ms: int) -> bool:
        return self.since_ms <= now_ms and (self.until_ms is None or now_ms < self.until_ms)


@dataclass(frozen=True, slots=True)
class Period:
    """[start_ms, end_ms), number 0 being the first."""

    number: int
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Turn:
    """What a plan does next: the allowance of one period, or, `number` None, its end.

    `id` names it once and for all, so that doing it again is doing nothing.
    """

    id: str
    plan: Plan
    number: int | None
    allowance_micro: int
    until_ms: int  # until when the allowance is valid; 0 at the end
    next_turn_ms: int | None

    @property
    def rank(self) -> Rank:
        if self.number is not None:
            return self.plan.created_at_ms, self.number
        return self.plan.created_at_ms, self.plan.next_turn_ms or 0


class Turning(IntEnum):
    """What became of a turn, in order of precedence. Only the last changes anything.

    ALREADY: it was made before; its figures are those of then.
    SUPERSEDED: a later one was made, or this very one so long ago that nobody knows its figures.
    """

    ALREADY = 1
    SUPERSEDED = 2
    TURNED = 3


@dataclass(frozen=True, slots=True)
class TurnMade:
    """A turn that Redis made. All that entries need to be made of it."""

    id: str
    granted_micro: int
    taken_micro: int


@dataclass(frozen=True, slots=True)
class Turned:
    """What a turn did to the allowance before it. `before` is the turn that was made before this
    one: nobody may have told SQL of it."""

    turning: Turning
    taken_micro: int = 0  # what ended
    carried_micro: int = 0  # what stays for requests that run: their holds rely on it
    before: TurnMade | None = None


def period_at(period: PlanPeriod, since_ms: int, now_ms: int) -> Period:
    """The period of a plan that began at `since_ms` in which `now_ms`, not before it, lies."""
    if now_ms < since_ms:
        raise ValueError("the plan has not begun")
    if period is PlanPeriod.MONTH:
        return _month_at(since_ms, now_ms)
    length_ms = DAY_MS if period is PlanPeriod.DAY else WEEK_MS
    number = (now_ms - since_ms) // length_ms
    start_ms = since_ms + number * length_ms
    return Period(number, start_ms, start_ms + length_ms)


def turn_at(plan: Plan, now_ms: int) -> Turn | None:
    """What is to be done now, None when nothing is."""
    if plan.next_turn_ms is None or now_ms < plan.next_turn_ms:
        return None
    if plan.until_ms is not None and now_ms >= plan.until_ms:
        return Turn(f"{plan.id}:end:{plan.next_turn_ms}", plan, None, 0, 0, None)
    period = period_at(plan.period, plan.since_ms, now_ms)
    end_ms = period.end_ms if plan.until_ms is None else min(period.end_ms, plan.until_ms)
    turn_id = f"{plan.id}:{period.number}"
    return Turn(turn_id, plan, period.number, plan.allowance_micro, end_ms, end_ms)


def rank_of_last_turn(plan: Plan) -> Rank | None:
    """Of the last turn that was made, as far as the plan's row tells; None where there was none.
    Never too high, so that no turn is missed."""
    due_ms = plan.next_turn_ms
    if due_ms is None:
        began = plan.until_ms is not None and plan.since_ms < plan.until_ms
        return (plan.created_at_ms, _OVER) if began else None
    if due_ms <= max(plan.since_ms, plan.created_at_ms):
        return None
    if plan.until_ms is not None and due_ms > plan.until_ms:
        return plan.created_at_ms, due_ms - 1  # it ended, and left something to running requests
    return plan.created_at_ms, period_at(plan.period, plan.since_ms, due_ms - 1).number


def _month_at(since_ms: int, now_ms: int) -> Period:
    since, now = _moment(since_ms), _moment(now_ms)
    number = (now.year - since.year) * 12 + now.month - since.month
    if _after_months(since_ms, number) > now_ms:
        number -= 1
    return Period(number, _after_months(since_ms, number), _after_months(since_ms, number + 1))


def _after_months(since_ms: int, months: int) -> int:
    """Counted from the beginning, not from the period before: the 31st stays the 31st."""
    since = _moment(since_ms)
    years, month = divmod(since.month - 1 + months, 12)
    year = since.year + years
    day = min(since.day, monthrange(year, month + 1)[1])
    begins = since.replace(year=year, month=month + 1, day=day)
    return (begins - _EPOCH) // timedelta(milliseconds=1)


def _moment(at_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=at_ms)
