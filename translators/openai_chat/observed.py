"""A whole Chat Completions or embeddings answer, read into the events its stream would yield.

What ended a choice is judged from what the choice holds, not only from `finish_reason`: many
implementers say `stop` beside tool calls, and a refusal's text comes with `stop` too.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from translators.canonical.finish import Finish, Reason
from translators.canonical.stream import (
    Begun,
    Ended,
    Failed,
    Finished,
    Generated,
    Metered,
    StreamEvent,
)
from translators.fields import text
from translators.openai_chat.failure import failure_inside
from translators.openai_chat.usage import read_usage
from translators.openai_chat.vocabulary import HEARD_FINISH
from translators.protocol import NotUnderstood

# The fields of a message or a delta that hold something generated. `role` alone does not count.
_GENERATED = (
    "content",
    "tool_calls",
    "function_call",
    "refusal",
    "reasoning_content",
    "reasoning",
    "reasoning_details",
    "audio",
)


def read_answer(body: bytes) -> dict[str, Any]:
    """The answer's JSON object, or NotUnderstood."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise NotUnderstood("The upstream's answer is not valid JSON.") from None
    if not isinstance(parsed, dict):
        raise NotUnderstood("The upstream's answer is not a JSON object.")
    return parsed


def holds_something(part: Mapping[str, Any]) -> bool:
    """Whether a message or a delta holds anything the model made."""
    return any(part.get(field) for field in _GENERATED)


def calls_tools(part: Mapping[str, Any]) -> bool:
    return bool(part.get("tool_calls") or part.get("function_call"))


def finish_of(raw: str, *, tools: bool, refused: bool) -> Finish:
    """The unified reason for a `finish_reason`, given what the choice held."""
    unified = HEARD_FINISH.get(raw.lower(), Reason.OTHER)
    if unified in (Reason.STOP, Reason.OTHER):
        if tools:
            unified = Reason.TOOL_CALLS
        elif refused:
            unified = Reason.REFUSAL
    return Finish(unified, raw)


def begun_of(answer: Mapping[str, Any]) -> Begun | None:
    """The answer's name, once it has one: some upstreams begin with a chunk that has none."""
    begun = Begun(text(answer.get("id")), text(answer.get("model")))
    return begun if begun.id or begun.model else None


def error_in(answer: Mapping[str, Any]) -> object:
    """The error an answer or a chunk carries, in OpenAI's place or in vLLM's; else falsy."""
    return answer.get("error") or (answer if answer.get("object") == "error" else None)


def observe_response(body: bytes) -> list[StreamEvent]:
    """Events of a 2xx answer that was not streamed. NotUnderstood if it is no JSON object."""
    answer = read_answer(body)
    events: list[StreamEvent] = []
    if (begun := begun_of(answer)) is not None:
        events.append(begun)
    choices = answer.get("choices")
    finished: list[StreamEvent] = []
    generated = _has_embeddings(answer)
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict):
            generated = _read_choice(choice, finished) or generated
    if generated:
        events.append(Generated())
    events.extend(finished)
    if (usage := read_usage(answer.get("usage"))) is not None:
        events.append(Metered(usage))
    if (error := error_in(answer)) and not any(isinstance(event, Failed) for event in finished):
        events.append(Failed(failure_inside(error)))
    events.append(Ended())
    return events


def _has_embeddings(answer: Mapping[str, Any]) -> bool:
    return answer.get("object") == "list" and bool(answer.get("data"))


def _read_choice(choice: dict[str, Any], events: list[StreamEvent]) -> bool:
    """Append how one choice finished or failed; true when it holds something."""
    message = choice.get("message")
    if not isinstance(message, dict):
        message = {"content": choice.get("text")}  # the older text completions
    raw = text(choice.get("finish_reason"))
    if raw is not None:
        refused = bool(message.get("refusal"))
        events.append(Finished(finish_of(raw, tools=calls_tools(message), refused=refused)))
    if (error := choice.get("error")) and not any(isinstance(event, Failed) for event in events):
        events.append(Failed(failure_inside(error)))
    return holds_something(message)
