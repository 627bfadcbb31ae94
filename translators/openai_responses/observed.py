"""A whole answer of the Responses or the Images API, read into the events its stream would yield.

The endpoints of this dialect answer with five shapes: a response (created, retrieved or cancelled),
a compaction, images, a token count, and small objects about stored things (deletions, lists). Usage
is read from the first three; a token count is not usage, nothing was generated and nothing is
charged.
"""

from collections.abc import Iterable
from typing import Any

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
from translators.canonical.usage import Usage
from translators.fields import text
from translators.openai_chat.failure import failure_inside
from translators.openai_chat.observed import read_answer
from translators.openai_responses.usage import (
    added,
    of_response,
    read_drawing_usage,
    read_image_usage,
)
from translators.openai_responses.vocabulary import (
    CALL_OUTPUTS,
    CALLS,
    HEARD_ERRORS,
    HEARD_FINISH,
    NOT_GENERATED,
)


class Items:
    """What the output items of one response add up to, whether they come at once or one by one."""

    __slots__ = ("_open_calls", "file_searches", "generated", "refused", "searches")

    def __init__(self, items: Iterable[object] = ()) -> None:
        self._open_calls: set[str] = set()
        self.generated = False
        self.refused = False
        self.searches: int | None = None
        self.file_searches: int | None = None
        for item in items:
            if isinstance(item, dict):
                self.note(item)

    @property
    def calls_tools(self) -> bool:
        """Whether a call waits for the caller: what the server ran has its output beside it."""
        return bool(self._open_calls)

    def note(self, item: dict[str, Any]) -> None:
        """Take in one complete item."""
        kind = str(item.get("type"))
        if kind not in NOT_GENERATED:
            self.generated = True
        if kind in CALLS:
            self._open_calls.add(str(item.get("call_id") or item.get("id")))
        elif kind in CALL_OUTPUTS:
            self._open_calls.discard(str(item.get("call_id") or item.get("id")))
        elif kind == "web_search_call":
            self.searches = (self.searches or 0) + _is_search(item)
        elif kind == "file_search_call":
            self.file_searches = (self.file_searches or 0) + 1
        elif kind == "message":
            self.refused = self.refused or _has_refusal(item.get("content"))


def _is_search(call: dict[str, Any]) -> bool:
    """Opening a page and finding in it are calls of the same type that are not charged."""
    action = call.get("action")
    kind = action.get("type") if isinstance(action, dict) else None
    return kind is None or kind == "search"


def _has_refusal(content: object) -> bool:
    return isinstance(content, list) and any(
        isinstance(part, dict) and part.get("type") == "refusal" for part in content
    )


def begun_of(response: dict[str, Any]) -> Begun | None:
    begun = Begun(text(response.get("id")), text(response.get("model")))
    return begun if begun.id or begun.model else None


def finish_of(response: dict[str, Any], items: Items) -> Finish | None:
    """How the response finished; None while it is queued or in progress (a background response)."""
    status = text(response.get("status"))
    if status is None or status in ("queued", "in_progress"):
        return None
    why = response.get("incomplete_details")
    reason = text(why.get("reason")) if isinstance(why, dict) else None
    raw = reason if status == "incomplete" and reason else status
    unified = HEARD_FINISH.get(raw, Reason.OTHER)
    if unified is Reason.STOP and items.calls_tools:
        unified = Reason.TOOL_CALLS
    elif unified is Reason.STOP and items.refused:
        unified = Reason.REFUSAL
    return Finish(unified, raw)


def outcome_of(response: dict[str, Any], items: Items) -> list[StreamEvent]:
    """Finish, usage and failure of a response, in this order, as far as it has them."""
    events: list[StreamEvent] = []
    if (finish := finish_of(response, items)) is not None:
        events.append(Finished(finish))
    if (usage := of_response(response, items.searches, items.file_searches)) is not None:
        events.append(Metered(usage))
    if error := response.get("error"):
        events.append(Failed(failure_inside(error, HEARD_ERRORS)))
    elif finish is not None and finish.unified is Reason.ERROR:
        events.append(Failed(failure_inside({}, HEARD_ERRORS)))
    return events


def image_usage_of(answer: dict[str, Any]) -> Usage | None:
    return added(read_image_usage(answer.get("usage")), read_drawing_usage(answer.get("svg_usage")))


def observe_response(body: bytes) -> list[StreamEvent]:
    """Events of a 2xx answer that was not streamed. NotUnderstood if it is no JSON object."""
    answer = read_answer(body)
    output = answer.get("output")
    if isinstance(output, list):
        return [*_read_response(answer, output), Ended()]
    if "data" in answer and "object" not in answer:
        return [*_read_images(answer), Ended()]
    if error := answer.get("error"):
        return [Failed(failure_inside(error, HEARD_ERRORS)), Ended()]
    return [Ended()]


def _read_response(answer: dict[str, Any], output: list[Any]) -> list[StreamEvent]:
    items = Items(output)
    events: list[StreamEvent] = []
    if (begun := begun_of(answer)) is not None:
        events.append(begun)
    if items.generated:
        events.append(Generated())
    return events + outcome_of(answer, items)


def _read_images(answer: dict[str, Any]) -> list[StreamEvent]:
    events: list[StreamEvent] = []
    if answer.get("data"):
        events.append(Generated())
    if (usage := image_usage_of(answer)) is not None:
        events.append(Metered(usage))
    return events
