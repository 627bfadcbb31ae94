"""Stored answers, kept by the gateway for upstreams that keep none.

Kept is a JSON object: `items`, the input of the request with everything before it, and `response`,
the answer as it was sent. Continuing an answer means sending its items, its output and the new
input. `instructions` of an earlier request are not carried over: the API does not either.
Source: the API reference, "Responses", "Conversation state".
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs

from translators import text_json
from translators.canonical.reply import ReplyContext
from translators.fields import inner, read_request
from translators.protocol import NotUnderstood, State

MOST_LISTED = 100  # the API's own limit of one page


def expand(body: bytes, kept: bytes) -> bytes:
    """The request with the history in its input, and without the id that stood for it."""
    request = _read(body)
    request.pop("previous_response_id", None)
    stored = _opened(kept)
    output = inner(stored.get("response")).get("output")
    history = [*stored["items"], *(output if isinstance(output, list) else [])]
    request["input"] = history + _items(request)
    return text_json.dumps(request)


def keep(body: bytes, answer: bytes) -> bytes:
    """What to keep of an exchange: `body` is the expanded request."""
    try:
        response = text_json.loads(answer)
    except ValueError:
        raise NotUnderstood("The answer is not valid JSON.") from None
    return text_json.dumps({"items": _items(_read(body)), "response": response})


def show(kept: bytes) -> bytes:
    """The answer, as GET gives it."""
    return text_json.dumps(_opened(kept).get("response"))


def show_input(kept: bytes, query: str) -> bytes:
    """One page of the input items. `order` (desc by default), `limit`, `after` as in the API."""
    asked = parse_qs(query)
    items = [_named(item, place) for place, item in enumerate(_opened(kept)["items"])]
    if asked.get("order", ["desc"])[0] != "asc":
        items.reverse()
    if after := asked.get("after", [""])[0]:
        ids = [item.get("id") for item in items]
        items = items[ids.index(after) + 1 :] if after in ids else []
    text = asked.get("limit", ["20"])[0]
    limit = min(int(text), MOST_LISTED) if text.isascii() and text.isdigit() and text != "0" else 20
    page = items[:limit]
    return text_json.dumps(
        {
            "object": "list",
            "data": page,
            "first_id": page[0]["id"] if page else None,
            "last_id": page[-1]["id"] if page else None,
            "has_more": len(items) > limit,
        }
    )


def show_deleted(answer_id: str) -> bytes:
    """What DELETE answers."""
    return text_json.dumps({"id": answer_id, "object": "response", "deleted": True})


def id_of(context: ReplyContext) -> str:
    """The id under which an answer is sent."""
    return f"resp_{context.seed}"


def _opened(kept: bytes) -> dict[str, Any]:
    try:
        stored = text_json.loads(kept)
    except ValueError:
        stored = None
    if not isinstance(stored, dict) or not isinstance(stored.get("items"), list):
        raise NotUnderstood("The stored response cannot be read.", param="previous_response_id")
    return stored


def _read(body: bytes) -> dict[str, Any]:
    """The request with its numbers as they came; NotUnderstood says where it is wrong."""
    read_request(body)
    read: dict[str, Any] = text_json.loads(body)
    return read


def _items(request: Mapping[str, Any]) -> list[Any]:
    """The input as items; a plain text is a user's message."""
    given = request.get("input")
    if isinstance(given, list):
        return list(given)
    if not given:
        return []
    return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": given}]}]


def _named(item: object, place: int) -> dict[str, Any]:
    """An item with an id, as the API lists it: clients page by ids."""
    named = dict(item) if isinstance(item, dict) else {"type": "message"}
    if not named.get("id"):
        digest = sha256(text_json.dumps([place, named])).hexdigest()[:32]
        named = {"id": f"msg_{digest}", **named}
    return named


STATE = State(expand, keep, show, show_input, show_deleted, id_of)
