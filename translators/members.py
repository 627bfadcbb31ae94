"""Taking members out of a JSON object and putting others in, without touching the rest of it.

As in translators/edit.py the body is valid JSON and stays as it came but for what is changed. A
member whose value is an object or an array is not looked for as bytes: then, and only then, the
body is parsed and written anew.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from translators import edit

_BLANKS = b" \t\r\n"


def without(body: bytes, names: Iterable[str]) -> bytes:
    """The object without these top-level members, however often they stand there."""
    for name in names:
        places = edit.members_of(body, name)
        if any(span.start == span.end for span in places):
            return _parsed_without(body, {name, *names})
        for start, end in reversed(places):
            body = _cut(body, start, end)
    return body


def with_first(body: bytes, members: Mapping[str, Any]) -> bytes:
    """The object with these members before all others. They must not be in it."""
    start = body.index(b"{") + 1
    added = orjson.dumps(members)[1:-1]
    is_empty = body[start:].lstrip(_BLANKS).startswith(b"}")
    return body[:start] + added + (b"" if is_empty else b",") + body[start:]


def _parsed_without(body: bytes, names: set[str]) -> bytes:
    parsed = orjson.loads(body)
    return orjson.dumps({key: value for key, value in parsed.items() if key not in names})


def _cut(body: bytes, start: int, end: int) -> bytes:
    """The body without the member from `start` to `end`, and without one of the commas at it."""
    after = len(body) - len(body[end:].lstrip(_BLANKS))
    if body[after : after + 1] == b",":
        return body[:start] + body[after + 1 :].lstrip(_BLANKS)
    head = body[:start].rstrip(_BLANKS)
    return head.removesuffix(b",") + body[end:]
