"""`contents` and `systemInstruction` as turns.

- A role that is missing is the user's, and so is the older `function`.
- Neighbouring contents of the model are one turn, and their texts one text: the SDKs' chats keep
  every chunk of a stream as a content of its own.
- Calls without an id get one, and a response without an id belongs to the first call of its name
  that still waits, as the API itself matches them.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from translators.canonical.loss import Loss
from translators.canonical.parts import Part, Reasoning, Text, ToolCall, ToolResult
from translators.canonical.request import Role, Turn
from translators.gemini.ids import call_in_history
from translators.gemini.request_parts import read_part
from translators.gemini.vocabulary import HEARD_ROLES
from translators.gemini.wire import Fields
from translators.protocol import NotUnderstood


def read_system(value: Any, losses: list[Loss]) -> list[Turn]:
    """`systemInstruction`: a content, or a string."""
    if value is None:
        return []
    if isinstance(value, str):
        return [Turn(Role.SYSTEM, (Text(value),))] if value else []
    content = Fields(value, "systemInstruction")
    parts = [read for part in _parts(content) for read in read_part(part, losses)]
    content.text("role")
    losses += content.unread()
    return [Turn(Role.SYSTEM, tuple(parts))] if parts else []


def read_contents(request: Fields, losses: list[Loss]) -> list[Turn]:
    """NotUnderstood where there are none."""
    contents = list(request.objects("contents"))
    if not contents:
        raise NotUnderstood("contents is not specified", param="contents")
    calls = _Calls()
    turns: list[Turn] = []
    for index, content in enumerate(contents):
        role = HEARD_ROLES.get((content.text("role") or "").lower())
        if role is None:
            path = content.at("role")
            raise NotUnderstood("Please use a valid role: user, model.", param=path)
        read = [one for part in _parts(content) for one in read_part(part, losses)]
        losses += content.unread()
        parts = calls.named(read, index)
        if role is Role.ASSISTANT and turns and turns[-1].role is role:
            parts = [*turns.pop().parts, *parts]
        turns.append(Turn(role, tuple(parts)))
    return [_with_joined_texts(turn) for turn in turns]


def _parts(content: Fields) -> Iterable[Fields]:
    """A string is a part of text, as the SDKs take it."""
    for index, part in enumerate(content.items("parts")):
        wire = {"text": part} if isinstance(part, str) else part
        yield Fields(wire, f"{content.at('parts')}[{index}]")


class _Calls:
    """The ids of calls, and which call a response belongs to."""

    def __init__(self) -> None:
        self._waiting: dict[str, int] = {}  # id -> how many calls of it wait
        self._by_name: dict[str, deque[str]] = {}

    def named(self, parts: list[Part], turn: int) -> list[Part]:
        """The parts with the ids of calls and results filled in."""
        result: list[Part] = []
        ordinal = 0
        for part in parts:
            if isinstance(part, ToolCall):
                part = replace(part, id=part.id or call_in_history(part.name, turn, ordinal))
                ordinal += 1
                self._waiting[part.id] = self._waiting.get(part.id, 0) + 1
                self._by_name.setdefault(part.name, deque()).append(part.id)
            elif isinstance(part, ToolResult):
                part = replace(part, call_id=self._answered(part, turn, ordinal))
                ordinal += 1
            result.append(part)
        return result

    def _answered(self, result: ToolResult, turn: int, ordinal: int) -> str:
        name = result.name or ""
        waiting = self._by_name.get(name, deque())
        if self._waiting.get(result.call_id):
            self._waiting[result.call_id] -= 1
            return result.call_id
        while waiting:
            first = waiting.popleft()
            if self._waiting.get(first):
                self._waiting[first] -= 1
                return first
        return result.call_id or call_in_history(name, turn, ordinal)


def _with_joined_texts(turn: Turn) -> Turn:
    """The model's pieces of one text made one. A seal closes the text that it signs."""
    if turn.role is not Role.ASSISTANT:
        return turn
    joined: list[Part] = []
    run: list[Text | Reasoning] = []
    for part in turn.parts:
        if run and (type(part) is not type(run[0]) or run[-1].sealed is not None):
            joined.append(_one(run))
            run = []
        if isinstance(part, Text | Reasoning):
            run.append(part)
        else:
            joined.append(part)
    if run:
        joined.append(_one(run))
    return replace(turn, parts=tuple(joined))


def _one(run: list[Text | Reasoning]) -> Text | Reasoning:
    return replace(run[-1], text="".join(part.text for part in run)) if len(run) > 1 else run[0]
