"""How hard to think, how much of it to show, and how many tokens there are for all of it.

Models differ: older ones take a budget of tokens, newer ones a level of effort and think as they
find right, some do not think. Rules of the API that bind the fields together:
- `max_tokens` is needed, and the budget is a part of it. What the caller has set is never raised,
  for his credit was held for it: the budget is lowered, and where no budget fits there is none.
- Thinking with a budget permits no forced tool. The caller's tool is a contract, thinking a wish:
  thinking gives way.
- While thinking with a budget, the turn that called the tools must begin with its own thinking. If
  that is lost (another model thought it), this request goes without.
- A prefilled answer permits no thinking.
"""

from dataclasses import dataclass
from typing import Any

from translators.anthropic.request_encoding_tools import NOT_FORCED, Toolbox
from translators.anthropic.vocabulary import SPOKEN_DISPLAYS, SPOKEN_EFFORTS
from translators.canonical.capabilities import Capabilities, Thinking
from translators.canonical.effort import BUDGETS, Effort, effort_of, nearest
from translators.canonical.loss import Loss, LossKind, Neutral
from translators.canonical.request import ReasoningWish, Request
from translators.estimate import estimate

# What is asked for where neither the caller nor the catalog says how much a model can write. Every
# model since Claude 4 can write as much, and it is more than nearly every answer needs.
DEFAULT_MAX_TOKENS = 32_000

# A limit that we choose is no less, however full the context seems: the estimate may be wrong.
LEAST_MAX_TOKENS = 4_096

# The API's own least budget.
LEAST_BUDGET_TOKENS = 1_024

# Of `max_tokens` that hold a budget, this part of five is for the answer itself.
_ANSWERS_FIFTH = 1

# This dialect switches thinking on by a budget, so a model that has only the switch gets one.
_BUDGETED = (Thinking.BUDGET, Thinking.SWITCH)

NO_LIMIT = Loss(Neutral.MAX_OUTPUT_TOKENS, LossKind.ADDED, "the API asks for a limit")
LIMIT_LOWERED = Loss(Neutral.MAX_OUTPUT_TOKENS, LossKind.CLAMPED, "more than the model writes")
NO_REASONING = Loss(Neutral.REASONING, LossKind.DROPPED, "this model does not reason")
NO_ROOM = Loss(Neutral.REASONING, LossKind.DROPPED, "the limit of the answer has no room for it")
NO_OFF = Loss(Neutral.REASONING_OFF, LossKind.CLAMPED, "this model reasons, as little as it can")
FOR_TOOL = Loss(Neutral.REASONING, LossKind.DROPPED, "not beside a tool that must be called")
FOR_PREFILL = Loss(Neutral.REASONING, LossKind.DROPPED, "not beside the beginning of an answer")
LOST_THREAD = Loss(Neutral.REASONING, LossKind.DROPPED, "reasoning that led to the calls is lost")
BUDGET_CLAMPED = Loss(Neutral.BUDGET_TOKENS, LossKind.CLAMPED)
BUDGET_AS_EFFORT = Loss(Neutral.BUDGET_TOKENS, LossKind.CHANGED, "became an effort")
EFFORT_CLAMPED = Loss(Neutral.EFFORT, LossKind.CLAMPED, "the nearest that the model knows")
EFFORT_LOWERED = Loss(Neutral.EFFORT, LossKind.CLAMPED, "within the limit of the answer")
ADAPTIVE_AS_BUDGET = Loss(Neutral.ADAPTIVE, LossKind.CHANGED, "became a budget")
NO_SUMMARY = Loss(Neutral.SUMMARY, LossKind.DROPPED)


@dataclass(slots=True)
class Plan:
    """The fields of the body. None: the field is not sent."""

    max_tokens: int
    thinking: dict[str, Any] | None = None
    effort: str | None = None

    @property
    def budgeted(self) -> bool:
        return self.thinking is not None and self.thinking["type"] == "enabled"

    @property
    def thinks(self) -> bool:
        return self.thinking is not None and self.thinking["type"] in ("enabled", "adaptive")


@dataclass(frozen=True, slots=True)
class Conversation:
    """What the messages, once written, say of thinking. `loses_thread`: the last calls of tools do
    not begin with thinking. `prefilled`: the last message is the answer's beginning."""

    loses_thread: bool
    prefilled: bool


def plan(
    request: Request,
    capabilities: Capabilities,
    conversation: Conversation,
    box: Toolbox,
    losses: list[Loss],
) -> Plan:
    planned = Plan(_limit(request, capabilities, losses))
    wish = request.reasoning
    if wish is None:
        return planned
    if capabilities.thinking is Thinking.NONE:
        if not wish.off:
            losses.append(NO_REASONING)
        return planned
    if wish.off:
        _off(planned, capabilities, losses)
    elif capabilities.thinking in _BUDGETED:
        _budget(planned, wish, capabilities, losses)
    else:
        _adaptive(planned, wish, capabilities, losses)
    if planned.thinks:
        _give_way(planned, capabilities, conversation, box, losses)
    return planned


def _limit(request: Request, capabilities: Capabilities, losses: list[Loss]) -> int:
    wanted, most = request.max_output_tokens, capabilities.max_output_tokens
    if wanted is None:
        losses.append(NO_LIMIT)
        return _own_limit(request, capabilities)
    if most is not None and wanted > most:
        losses.append(LIMIT_LOWERED)
        return most
    return wanted


def _own_limit(request: Request, capabilities: Capabilities) -> int:
    """The most that the model can write, within what the input leaves of its context: older models
    refuse a limit that is beyond it."""
    most = capabilities.max_output_tokens or DEFAULT_MAX_TOKENS
    if capabilities.context_window is None:
        return most
    room = capabilities.context_window - estimate(request)
    return max(min(most, room), min(most, LEAST_MAX_TOKENS))


def _off(planned: Plan, capabilities: Capabilities, losses: list[Loss]) -> None:
    if capabilities.thinking_off:
        planned.thinking = {"type": "disabled"}
    elif capabilities.thinking not in _BUDGETED:
        losses.append(NO_OFF)
        planned.effort = SPOKEN_EFFORTS[_nearest(Effort.LOW, capabilities)]


def _nearest(effort: Effort, capabilities: Capabilities) -> Effort:
    accepted = tuple(e for e in capabilities.efforts if e in SPOKEN_EFFORTS)
    return nearest(effort, accepted or tuple(SPOKEN_EFFORTS))


def _adaptive(
    planned: Plan, wish: ReasoningWish, capabilities: Capabilities, losses: list[Loss]
) -> None:
    effort = wish.effort
    if effort is None and wish.budget_tokens is not None:
        losses.append(BUDGET_AS_EFFORT)
        effort = effort_of(wish.budget_tokens)
    if effort is not None:
        known = _nearest(effort, capabilities)
        if known is not effort and wish.effort is not None:
            losses.append(EFFORT_CLAMPED)
        planned.effort = SPOKEN_EFFORTS[known]
    planned.thinking = {"type": "adaptive"}
    if wish.summary is not None:
        planned.thinking["display"] = SPOKEN_DISPLAYS.get(wish.summary, "summarized")


def _budget(
    planned: Plan, wish: ReasoningWish, capabilities: Capabilities, losses: list[Loss]
) -> None:
    wanted = _wanted_budget(wish, losses)
    if wanted is None:
        if wish.summary not in (None, "none"):
            losses.append(NO_SUMMARY)
        return
    least = max(LEAST_BUDGET_TOKENS, capabilities.min_budget_tokens)
    if planned.max_tokens <= least:
        losses.append(NO_ROOM)
        return
    room = max(least, planned.max_tokens * (5 - _ANSWERS_FIFTH) // 5)
    most = min(room, capabilities.max_budget_tokens or room)
    given = max(least, min(wanted, most))
    if given != wanted:
        losses.append(BUDGET_CLAMPED if wish.budget_tokens is not None else EFFORT_LOWERED)
    planned.thinking = {"type": "enabled", "budget_tokens": given}
    if wish.summary == "none":
        planned.thinking["display"] = SPOKEN_DISPLAYS["none"]


def _wanted_budget(wish: ReasoningWish, losses: list[Loss]) -> int | None:
    if wish.budget_tokens is not None:
        return wish.budget_tokens
    if wish.effort is not None:
        return BUDGETS[wish.effort]
    if wish.adaptive:
        losses.append(ADAPTIVE_AS_BUDGET)
        return BUDGETS[Effort.HIGH]  # what adaptive models do when no effort is given
    return None


def _give_way(
    planned: Plan,
    capabilities: Capabilities,
    conversation: Conversation,
    box: Toolbox,
    losses: list[Loss],
) -> None:
    """Takes thinking out again where something else does not permit it."""
    if box.forced and not (planned.budgeted or capabilities.thinking_off):
        losses.append(NOT_FORCED)
        box.unforce()
    elif box.forced:
        losses.append(FOR_TOOL)
        _stop(planned, capabilities)
    elif planned.budgeted and conversation.loses_thread:
        losses.append(LOST_THREAD)
        _stop(planned, capabilities)
    elif conversation.prefilled:
        losses.append(FOR_PREFILL)
        _stop(planned, capabilities)


def _stop(planned: Plan, capabilities: Capabilities) -> None:
    """A budget is simply not given. A model that thinks of itself has to be told not to."""
    planned.thinking = None if planned.budgeted else {"type": "disabled"}
    if not capabilities.thinking_off:
        planned.thinking = None
