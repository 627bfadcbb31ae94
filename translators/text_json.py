"""JSON read and written so that nothing changes on the way: the order of keys, the size of numbers.

orjson is fast but reads an integer beyond 64 bits as a float and refuses to write one. A text with
so long a number goes through the standard library instead. Floats keep their shortest spelling.
"""

import json
import re
from typing import Any

import orjson

_LONG_NUMBER = re.compile(rb"[0-9]{19}")


def loads(data: bytes | str) -> Any:
    """Raises ValueError (orjson.JSONDecodeError is one) for anything that is not JSON."""
    raw = data.encode() if isinstance(data, str) else data
    parsed = orjson.loads(raw)
    return json.loads(raw) if _LONG_NUMBER.search(raw) else parsed


def dumps(value: object) -> bytes:
    """Compact, in the order of insertion, the same bytes for the same value."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def text(value: object) -> str:
    """`dumps` as text."""
    return dumps(value).decode()
