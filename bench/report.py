"""What a run found, as values: sections of figures, each with its budget beside it.

Budgets are DESIGN.md's, section 5. A figure knows its verdict, so the table, the JSON and the page
in docs/ cannot disagree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """`NONE`: there is no budget, or nothing to judge by."""

    OK = "ok"
    OVER = "over"
    NONE = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a figure may be: at most, or at least, `limit`. `text` is how people read it."""

    limit: float
    text: str
    at_least: bool = False

    def judge(self, value: float | None) -> Verdict:
        if value is None:
            return Verdict.NONE
        kept = value >= self.limit if self.at_least else value <= self.limit
        return Verdict.OK if kept else Verdict.OVER


PLAIN = Budget(1.8, "≤ 1.8 x floor")
TRANSLATED = Budget(2.2, "≤ 2.2 x floor")
CHUNK = Budget(1.6, "≤ 1.6 x floor")
FIRST_TOKEN_US = Budget(3_000, "< 3 ms")
WORKER_BYTES = Budget(150 * 1024 * 1024, "< 150 MB")
STREAM_BYTES = Budget(50 * 1024, "< 50 KB")
SCALE = Budget(1.8, "≥ 1.8 x one", at_least=True)
LITELLM = Budget(0.2, "≤ 1/5")
PORTKEY = Budget(1.0, "≤ 1")
POLICY = Budget(0.8, "adds ≤ 0.8 x floor")
ROUND_TRIPS = Budget(2.0, "≤ 2")
DRAINED = Budget(10_000, "≥ 10,000/s of a core", at_least=True)
SUMMED_US = Budget(1_000_000, "< 1 s")
ROUTING_US = Budget(50, "adds < 50 µs")
FAILOVER_US = Budget(5_000, "adds < 5 ms")
LINEAR = Budget(2.0, "≤ 2")  # 16 would be quadratic; caches and buffers make long ones dearer


@dataclass(frozen=True, slots=True)
class Figure:
    """One row. `values` by column, in `unit` (us, bytes, per_s, count; mixed: the section's notes
    tell); `ratio` as its section's heading says; `spread` is the ratio's unrest, half its
    interquartile range."""

    what: str
    unit: str
    values: Mapping[str, float | None]
    ratio: float | None = None
    budget: Budget | None = None
    verdict: Verdict = Verdict.NONE
    spread: float | None = None


def judged(
    what: str,
    unit: str,
    values: Mapping[str, float | None],
    budget: Budget,
    *,
    ratio: float | None = None,
    value: float | None = None,
    spread: float | None = None,
) -> Figure:
    """A row with a verdict: on `value` where one is given, else on the ratio."""
    verdict = budget.judge(ratio if value is None else value)
    return Figure(what, unit, values, ratio, budget, verdict, spread)


@dataclass(frozen=True, slots=True)
class Section:
    """Rows that share columns. `ratio` names what the ratio column holds; empty: no such column."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Figure]
    ratio: str = ""
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run. `failed` counts requests that were not answered as they should."""

    command: str
    machine: Mapping[str, str]
    sections: Sequence[Section]
    requests: int
    failed: int
    problems: Sequence[str] = field(default_factory=tuple)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "command": self.command,
            "machine": dict(self.machine),
            "requests": self.requests,
            "failed": self.failed,
            "problems": list(self.problems),
            "sections": [
                {
                    "title": section.title,
                    "ratio": section.ratio,
                    "notes": list(section.notes),
                    "rows": [_row(figure) for figure in section.rows],
                }
                for section in self.sections
            ],
        }


def _row(figure: Figure) -> dict[str, Any]:
    return {
        "what": figure.what,
        "unit": figure.unit,
        "values": dict(figure.values),
        "ratio": figure.ratio,
        "spread": figure.spread,
        "budget": figure.budget.text if figure.budget else None,
        "verdict": figure.verdict.value,
    }
