"""How hard to think, said in the field that the model knows.

Servers of this dialect steer reasoning by fields of their own; which one a model knows is data:

    reasoning_effort      a level, or `none`
    thinking              {"type": "enabled" | "disabled"}, a level beside it where there are levels
    enable_thinking       true or false, `thinking_budget` beside it where there are budgets
    chat_template_kwargs  {"enable_thinking": true | false}, which the model's template reads

Some of them ignore what they do not know without a word, so that only what is known is said.
"""

from typing import Any, assert_never

from translators.canonical.capabilities import Capabilities, Thinking, ThinkingField
from translators.canonical.effort import BUDGETS, Effort, effort_of, nearest
from translators.canonical.loss import Loss, LossKind, Neutral
from translators.canonical.request import ReasoningWish
from translators.openai_chat.vocabulary import EFFORT_OFF

Json = dict[str, Any]

_EFFORT, _BUDGET = "reasoning_effort", "thinking_budget"
_WITH_LEVELS = (ThinkingField.EFFORT, ThinkingField.THINKING)

_SWITCHED = "reasoning is on or off here, and no more"


def write_thinking(
    wish: ReasoningWish, capabilities: Capabilities, body: Json, losses: list[Loss]
) -> None:
    """Adds what is asked of reasoning to the body."""
    writer = _Writer(capabilities, body, losses)
    if capabilities.thinking is Thinking.NONE:
        writer.cannot(wish)
        return
    if wish.summary not in (None, "auto"):
        losses.append(Loss(Neutral.SUMMARY, LossKind.DROPPED))
    if wish.off:
        writer.off()
    elif writer.has_budgets:
        writer.budget(wish)
    elif writer.has_levels:
        writer.level(wish)
    elif wish.effort or wish.budget_tokens or wish.adaptive:
        writer.only_on(wish)


class _Writer:
    def __init__(self, capabilities: Capabilities, body: Json, losses: list[Loss]) -> None:
        self._knows = capabilities
        self._body = body
        self._losses = losses

    def _lose(self, field: Neutral, kind: LossKind, note: str = "") -> None:
        self._losses.append(Loss(field, kind, note))

    @property
    def has_budgets(self) -> bool:
        flag = self._knows.thinking_field is ThinkingField.FLAG
        return flag and self._knows.thinking is Thinking.BUDGET

    @property
    def has_levels(self) -> bool:
        field, switch = self._knows.thinking_field, self._knows.thinking is Thinking.SWITCH
        return field in _WITH_LEVELS and (field is ThinkingField.EFFORT or not switch)

    def cannot(self, wish: ReasoningWish) -> None:
        asked = wish.effort or wish.budget_tokens or wish.adaptive
        if asked or (wish.off and not self._knows.thinking_off):
            self._lose(Neutral.REASONING, LossKind.DROPPED)

    def off(self) -> None:
        if self._knows.thinking_off:
            self._switch(on=False)
            return
        if not self.has_levels:
            self._lose(Neutral.REASONING_OFF, LossKind.DROPPED, "this model always reasons")
            return
        self._lose(Neutral.REASONING_OFF, LossKind.CLAMPED, "the least effort instead")
        self._body[_EFFORT] = nearest(Effort.MINIMAL, self._knows.efforts).value

    def level(self, wish: ReasoningWish) -> None:
        effort = wish.effort
        if effort is None and wish.budget_tokens is not None:
            self._lose(Neutral.BUDGET_TOKENS, LossKind.CHANGED, "said as an effort")
            effort = effort_of(wish.budget_tokens)
        if effort is not None:
            taken = nearest(effort, self._knows.efforts)
            if taken is not effort:
                self._lose(Neutral.EFFORT, LossKind.CLAMPED)
            self._body[_EFFORT] = taken.value
        if effort is not None or wish.adaptive:
            self._switch(on=True)

    def budget(self, wish: ReasoningWish) -> None:
        wanted = wish.budget_tokens
        if wanted is None and wish.effort is not None:
            wanted = BUDGETS[wish.effort]
        if wanted is not None:
            most = self._knows.max_budget_tokens or wanted
            given = max(self._knows.min_budget_tokens, min(wanted, most))
            if given != wanted:
                said = Neutral.BUDGET_TOKENS if wish.budget_tokens is not None else Neutral.EFFORT
                self._lose(said, LossKind.CLAMPED)
            self._body[_BUDGET] = given
        if wanted is not None or wish.adaptive:
            self._switch(on=True)

    def only_on(self, wish: ReasoningWish) -> None:
        if wish.effort is not None:
            self._lose(Neutral.EFFORT, LossKind.CHANGED, _SWITCHED)
        elif wish.budget_tokens is not None:
            self._lose(Neutral.BUDGET_TOKENS, LossKind.CHANGED, _SWITCHED)
        self._switch(on=True)

    def _switch(self, *, on: bool) -> None:
        match self._knows.thinking_field:
            case ThinkingField.EFFORT:
                if not on:  # a level alone switches it on
                    self._body[_EFFORT] = EFFORT_OFF
            case ThinkingField.THINKING:
                self._body["thinking"] = {"type": "enabled" if on else "disabled"}
            case ThinkingField.FLAG:
                self._body["enable_thinking"] = on
            case ThinkingField.TEMPLATE:
                self._body["chat_template_kwargs"] = {"enable_thinking": on}
            case _:
                assert_never(self._knows.thinking_field)
