"""The one table between efforts and budgets of reasoning. docs/reasoning.md publishes it.

A budget is read as the effort whose own budget is nearest from above, so that an effort survives
the way to a budget and back.
"""

from enum import StrEnum


class Effort(StrEnum):
    """How hard to think, from least to most."""

    MINIMAL = "minimal"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"
    MAX = "max"


EFFORTS: tuple[Effort, ...] = tuple(Effort)

# Tokens of reasoning that an effort stands for, where a model takes a budget.
BUDGETS: dict[Effort, int] = {
    Effort.MINIMAL: 1_024,
    Effort.LOW: 4_096,
    Effort.MEDIUM: 10_240,
    Effort.HIGH: 24_576,
    Effort.XHIGH: 32_768,
    Effort.MAX: 65_536,
}


def effort_of(budget_tokens: int) -> Effort:
    """The effort that a budget stands for: the least one whose own budget covers it."""
    for effort, budget in BUDGETS.items():
        if budget_tokens <= budget:
            return effort
    return Effort.MAX


def nearest(effort: Effort, accepted: tuple[Effort, ...]) -> Effort:
    """The accepted effort closest to the asked one; of two, the lesser. Empty: all are accepted."""
    if not accepted or effort in accepted:
        return effort
    place = EFFORTS.index(effort)
    return min(accepted, key=lambda e: (abs(EFFORTS.index(e) - place), EFFORTS.index(e)))
