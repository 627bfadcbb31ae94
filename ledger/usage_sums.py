"""Sums of usage: what they are grouped by, what they count, and which days a period covers whole.

Sums of whole days (UTC) are kept ready; the ends of a period that cover a part of a day are summed
from the rows themselves, so that a sum is exact for every period. Values and arithmetic only.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ledger.model import Outcome, UsageRecord

DAY_MS = 86_400_000


class Dimension(StrEnum):
    """What sums may be grouped by."""

    DAY = "day"
    MODEL = "model"
    KEY = "key"
    CUSTOMER = "customer"


@dataclass(frozen=True, slots=True)
class UsageSum:
    """Sums of some requests. What was not grouped by is None. Counts that upstreams did not report
    count as zero; `failures` are requests that did not complete."""

    day_ms: int | None  # the day's beginning
    model: str | None
    key_id: str | None
    customer_id: str | None
    requests: int = 0
    failures: int = 0
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    image_input_tokens: int = 0
    audio_input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    image_output_tokens: int = 0
    audio_output_tokens: int = 0
    web_searches: int = 0
    file_searches: int = 0
    cost_micro: int = 0
    charged_credit_micro: int = 0
    charged_allowance_micro: int = 0
    uncollected_micro: int = 0

    @property
    def fresh_input_tokens(self) -> int:
        """Input of every kind that no cache had a part in."""
        return self.input_tokens + self.image_input_tokens + self.audio_input_tokens

    @property
    def total_output_tokens(self) -> int:
        """Everything generated."""
        visible = self.output_tokens + self.image_output_tokens + self.audio_output_tokens
        return visible + self.reasoning_tokens


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """Which requests; None is no condition."""

    customer_id: str | None = None
    key_id: str | None = None
    model: str | None = None


DayKey = tuple[int, str, str, str]  # day_ms, customer, key, model


def day_of(at_ms: int) -> int:
    """The beginning of the day (UTC) in which this moment lies."""
    return at_ms // DAY_MS * DAY_MS


def whole_days(from_ms: int, to_ms: int) -> tuple[int, int]:
    """[first, after the last) of the days that lie in [from_ms, to_ms) as a whole; empty when the
    first is not before the last."""
    return -(-from_ms // DAY_MS) * DAY_MS, day_of(to_ms)


def sums_by_day(records: Iterable[UsageRecord]) -> dict[DayKey, list[int]]:
    """Sums of these records in the order of ledger.schema.SUMS."""
    sums: dict[DayKey, list[int]] = {}
    completed = Outcome.COMPLETED
    for record in records:
        key = (day_of(record.started_at_ms), record.customer_id, record.key_id, record.model)
        values = (
            1,
            0 if record.outcome is completed else 1,
            record.input_tokens or 0,
            record.cache_read_tokens or 0,
            record.cache_write_5m_tokens or 0,
            record.cache_write_1h_tokens or 0,
            record.image_input_tokens or 0,
            record.audio_input_tokens or 0,
            record.output_tokens or 0,
            record.reasoning_tokens or 0,
            record.image_output_tokens or 0,
            record.audio_output_tokens or 0,
            record.web_searches or 0,
            record.file_searches or 0,
            record.cost_micro or 0,
            record.charged_credit_micro,
            record.charged_allowance_micro,
            record.uncollected_micro,
        )
        known = sums.get(key)
        sums[key] = list(values) if known is None else list(map(int.__add__, known, values))
    return sums
