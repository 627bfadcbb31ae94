"""A whole Messages answer, read into the same events that its stream would yield.

The answer to a count of tokens says what a request would use, not what was used: it is no usage.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from translators.anthropic.failure import failure_inside
from translators.anthropic.usage import read_usage
from translators.anthropic.vocabulary import HEARD_FINISH
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
from translators.fields import inner, text
from translators.protocol import NotUnderstood


def observe_response(body: bytes) -> list[StreamEvent]:
    """Events of a 2xx answer that was not streamed. NotUnderstood if it is no JSON object."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise NotUnderstood("The upstream's answer is not valid JSON.") from None
    if not isinstance(answer, dict):
        raise NotUnderstood("The upstream's answer is not a JSON object.")
    if answer.get("type") == "error":
        return [Failed(failure_inside(answer)), Ended()]
    events: list[StreamEvent] = []
    if (begun := begun_of(answer)) is not None:
        events.append(begun)
    if holds_blocks(answer):
        events.append(Generated())
    if (usage := read_usage(inner(answer.get("usage")))) is not None:
        events.append(Metered(usage))
    if (finish := finish_of(answer)) is not None:
        events.append(Finished(finish))
    events.append(Ended())
    return events


def begun_of(message: Mapping[str, Any]) -> Begun | None:
    """The message's name, if it has one."""
    begun = Begun(text(message.get("id")), text(message.get("model")))
    return begun if begun.id or begun.model else None


def finish_of(holder: Mapping[str, Any]) -> Finish | None:
    """The `stop_reason` of a message or of a `message_delta`; None until the model has stopped."""
    raw = text(holder.get("stop_reason"))
    if raw is None:
        return None
    return Finish(HEARD_FINISH.get(raw, Reason.OTHER), raw)


def holds_blocks(message: Mapping[str, Any]) -> bool:
    """Whether any content block holds something that the model made."""
    content = message.get("content")
    return isinstance(content, list) and any(block_holds(block) for block in content)


def block_holds(block: object) -> bool:
    """Whether a content block holds something: a stream's text and thinking begin empty."""
    if not isinstance(block, dict):
        return False
    if block.get("type") in ("text", "thinking"):
        return any(value for key, value in block.items() if key != "type")
    return True
