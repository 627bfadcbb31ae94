"""`systemInstruction` and `contents` of a neutral request.

- What the operator said first is the system instruction, one part for each of its texts; what he
  says later stands where he said it, as a reminder in the user's turn.
- Contents begin with the user, alternate, end with the user, and are never empty.
- The results of functions come first in the content that follows the calls.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from translators.canonical.capabilities import Capabilities
from translators.canonical.loss import Loss, LossKind, Neutral, of_part
from translators.canonical.parts import Part, Text, ToolResult
from translators.canonical.request import Request, Role, Turn
from translators.gemini.parts_encoding import ContentParts, Family
from translators.gemini.vocabulary import SPOKEN_ROLES
from translators.ordering import merged, paired, prefilled

# Said by the user where the API wants him to speak and he did not.
_NOTHING = "."
_GO_ON = "Continue your last message exactly where it ended, without repeating any of it."

_REMINDER = Loss(Neutral.SYSTEM, LossKind.CHANGED, "a later system turn became a reminder")
_PREFILL = Loss(Neutral.PREFILL, LossKind.CHANGED, "the model is asked to continue")
_ADDED = Loss(Neutral.MESSAGES, LossKind.ADDED, "a user's turn, which the API demands")


class Contents:
    """The wire's `system` parts and `contents`; losses are added to those given."""

    def __init__(self, request: Request, capabilities: Capabilities, losses: list[Loss]) -> None:
        self._capabilities = capabilities
        self._losses = losses
        if any(turn.name for turn in request.turns):
            losses.append(Loss(Neutral.SPEAKER, LossKind.DROPPED))
        turns, repairs = paired(request.turns)
        losses += repairs
        first = next((at for at, t in enumerate(turns) if t.role is not Role.SYSTEM), len(turns))
        self.system = [
            {"text": text} for turn in turns[:first] for text in self._system_texts(turn)
        ]
        spoken = [self._spoken(turn) for turn in turns[first:]]
        self.contents = self._contents(merged(turn for turn in spoken if turn.parts))

    def _system_texts(self, turn: Turn) -> list[str]:
        texts: list[str] = []
        for part in turn.parts:
            if not isinstance(part, Text):
                self._losses.append(Loss(of_part(part), LossKind.DROPPED, "system is text alone"))
                continue
            if part.cache is not None:
                self._losses.append(Loss(Neutral.CACHE, LossKind.DROPPED))
            texts += [part.text] if part.text else []
        return texts

    def _spoken(self, turn: Turn) -> Turn:
        """A later system turn as the user's."""
        if turn.role is not Role.SYSTEM:
            return replace(turn, name=None)
        texts = self._system_texts(turn)
        if texts:
            self._losses.append(_REMINDER)
        reminders = (f"<system-reminder>\n{text}\n</system-reminder>" for text in texts)
        return Turn(Role.USER, tuple(Text(reminder) for reminder in reminders))

    def _contents(self, turns: list[Turn]) -> list[dict[str, Any]]:
        family = Family.of(self._capabilities)
        contents: list[dict[str, Any]] = []
        for turn in turns:
            encoding = ContentParts(turn, self._capabilities, family, self._losses)
            parts = encoding.wire(_results_first(turn.parts))
            if not parts:
                continue
            role = SPOKEN_ROLES[turn.role]
            if contents and contents[-1]["role"] == role:
                contents[-1]["parts"] += parts
            else:
                contents.append({"role": role, "parts": parts})
        return self._between_users(contents, prefilled(turns))

    def _between_users(
        self, contents: list[dict[str, Any]], continues: bool
    ) -> list[dict[str, Any]]:
        """The contents with the user first and last; `continues`: he wants the model to go on."""
        user, model = SPOKEN_ROLES[Role.USER], SPOKEN_ROLES[Role.ASSISTANT]
        if not contents or contents[0]["role"] == model:
            self._losses.append(_ADDED)
            contents.insert(0, {"role": user, "parts": [{"text": _NOTHING}]})
        if contents[-1]["role"] == model:
            self._losses.append(_PREFILL if continues else _ADDED)
            said = _GO_ON if continues else _NOTHING
            contents.append({"role": user, "parts": [{"text": said}]})
        return contents


def _results_first(parts: tuple[Part, ...]) -> Iterable[Part]:
    """A reminder may have come between the calls and their results."""
    if any(isinstance(part, ToolResult) for part in parts):
        return sorted(parts, key=lambda part: not isinstance(part, ToolResult))
    return parts
