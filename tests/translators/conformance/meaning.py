"""What a request means, apart from how it is put: the same for two requests that ask the same.

Ids of calls become ordinals, arguments values, neighbouring turns of one role one turn; what no
dialect needs to keep (which of two fields said it) is left out.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from translators.canonical.effort import Effort, effort_of
from translators.canonical.loss import Loss
from translators.canonical.parts import Media, Part, Text, ToolCall, ToolResult
from translators.canonical.request import ReasoningWish, Request, Tool, Turn

Meaning = dict[str, Any]

TOLD_AS_ERROR = "[tool error] "


def meaning(request: Request) -> Meaning:
    """By the neutral names of the fields, which are those of losses."""
    sampling = request.sampling
    known: Meaning = {
        "turns": conversation(request.turns),
        "tools": [declared(tool) for tool in request.tools if isinstance(tool, Tool)],
        "tool_choice": choice(request),
        "parallel_tool_calls": parallel(request),
        "max_output_tokens": request.max_output_tokens,
        "reasoning": wished(request.reasoning),
        "output_format": request.output_format and shape(request.output_format.schema),
        "verbosity": request.verbosity,
        "service_tier": request.service_tier,
        "user": request.user,
        "temperature": None if sampling.temperature == 1 else sampling.temperature,
        "top_p": None if sampling.top_p == 1 else sampling.top_p,
        "top_k": sampling.top_k,
        "seed": sampling.seed,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "stop": sampling.stop,
    }
    return known


def conversation(turns: Iterable[Turn]) -> list[tuple[str, list[Any]]]:
    ordinals: dict[str, int] = {}
    said: list[tuple[str, list[Any]]] = []
    for turn in turns:
        parts = [part_of(part, ordinals) for part in turn.parts]
        if said and said[-1][0] == turn.role:
            said[-1][1].extend(parts)
        else:
            said.append((turn.role.value, parts))
    return said


def part_of(part: Part, ordinals: dict[str, int]) -> Any:
    match part:
        case Text():
            return ("text", part.text)
        case Media():
            return ("media", part.kind.value, part.source)
        case ToolCall():
            ordinals[part.id] = len(ordinals)
            value = json.loads(part.arguments or "{}")
            return ("call", ordinals[part.id], part.name, value)
        case ToolResult():
            texts = [one.text for one in part.parts if isinstance(one, Text)]
            return ("result", ordinals.get(part.call_id), texts, part.is_error)
        case _:
            return part


def declared(tool: Tool) -> tuple[Any, ...]:
    return (tool.name, tool.description, shape(tool.schema))


def shape(schema: Mapping[str, Any] | None) -> tuple[Any, list[str]]:
    """What an object has and must have; some dialects want it closed, or nothing said of none."""
    known = schema or {}
    return (known.get("properties"), sorted(known.get("required", [])))


def choice(request: Request) -> tuple[str, tuple[str, ...]] | None:
    """Not said is the same as auto."""
    chosen = request.tool_choice
    if chosen is None or (chosen.mode == "auto" and not chosen.names):
        return None
    return (chosen.mode.value, chosen.names)


def parallel(request: Request) -> bool:
    """Where no tool may be called it does not matter."""
    forbidden = request.tool_choice is not None and request.tool_choice.mode == "none"
    return forbidden or request.parallel_tool_calls is not False


def wished(wish: ReasoningWish | None) -> Effort | str | None:
    """An effort and the budget that stands for it mean the same."""
    if wish is None:
        return None
    if wish.off:
        return "off"
    if wish.budget_tokens is not None:
        return effort_of(wish.budget_tokens)
    return wish.effort


def touched(losses: Iterable[Loss], field: str) -> bool:
    """Whether a loss is about this field or something inside it."""
    heads = (loss.field.split(".")[0].partition("[")[0] for loss in losses)
    return field in heads


def differences(
    asked: Mapping[str, Any], said: Mapping[str, Any], losses: Iterable[Loss]
) -> dict[str, tuple[Any, Any]]:
    """The fields that mean something else afterwards though no loss says so."""
    known = tuple(losses)
    return {
        field: (asked[field], said[field])
        for field in asked
        if softened(asked[field], known) != softened(said[field], known)
        and (field == "turns" or not touched(known, field))
    }


def softened(value: Any, losses: tuple[Loss, ...]) -> Any:
    """Turns without what the losses say of them: that an error of a tool is told in its text."""
    if not any(loss.field.endswith("is_error") for loss in losses):
        return value
    if isinstance(value, list):
        return [softened(one, losses) for one in value]
    match value:
        case (role, list(parts)):
            return (role, softened(parts, losses))
        case ("result", ordinal, list(texts), bool()):
            return ("result", ordinal, [text.removeprefix(TOLD_AS_ERROR) for text in texts])
        case _:
            return value
