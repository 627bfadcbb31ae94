"""Fields of JSON objects, read with care: of a caller's request, of an upstream's answer.

A request is only looked at, never written again, so a wrong type is refused here only in a field
that the gateway itself acts on. An answer is never refused for a field: what is not there, or is
of another type than documented, is None.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from translators.protocol import NotUnderstood

# A figure above this is a defect, not a count of tokens; believing it would empty a balance.
MOST_TOKENS = 1_000_000_000

MOST_CHOICES = 1_000  # answers of one request; upstreams refuse far fewer


def read_request(body: bytes) -> dict[str, Any]:
    """The request's JSON object. NotUnderstood says where it is wrong, without quoting it."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise NotUnderstood(f"The request body is not valid JSON ({where}).") from None
    if not isinstance(parsed, dict):
        raise NotUnderstood("The request body must be a JSON object.")
    return parsed


def wanted_text(request: Mapping[str, Any], name: str) -> str | None:
    """A string of the request; None where absent or null, NotUnderstood where it is not one."""
    value = request.get(name)
    if value is None or isinstance(value, str):
        return value
    raise NotUnderstood(f"'{name}' must be a string.", param=name)


def wanted_flag(request: Mapping[str, Any], name: str) -> bool:
    """A boolean of the request, false where absent or null."""
    value = request.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise NotUnderstood(f"'{name}' must be a boolean.", param=name)


def wanted_count(value: object, name: str) -> int | None:
    """A number of tokens asked for; None where absent or null."""
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise NotUnderstood(f"'{name}' must be a whole number that is not negative.", param=name)


def choices(value: object) -> int:
    """How many answers are wanted: 1 where absent, or not to be understood. Lenient servers take a
    number in quotes too."""
    return min(max(count(unquoted(value)) or 1, 1), MOST_CHOICES)


def unquoted(value: object) -> object:
    """The whole number where a string holds one; everything else as it is."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        return int(value)
    return value


def text(value: object) -> str | None:
    """The value where it is a string that is not empty."""
    return value if isinstance(value, str) and value else None


def count(value: object) -> int | None:
    """The value where it is a plausible number of tokens; None is 'not reported'."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS:
        return value
    return None


def inner(value: object) -> Mapping[str, Any]:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}
