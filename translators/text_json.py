"""JSON read and written so that nothing changes on the way: the order of keys, the size of numbers.

orjson is fast but reads an integer beyond 64 bits as a float and refuses to write one. A text with
so long a number goes through the standard library instead. Floats keep their shortest spelling.
"""

import json
import re
from typing import Any

import orjson

from translators.protocol import NotUnderstood

# A number behind what can stand before one: in an array, in an object, or alone.
_LONG_NUMBER = re.compile(rb"(?:[:\[,]\s*+|\A\s*+)-?[0-9]{19}")

# Whether there are so many digits in a row anywhere is asked first, some ten times as fast.
_DIGITS = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x20 for byte in range(256))
_LONG = b"0" * 19


def loads(data: bytes | str) -> Any:
    """Raises ValueError (orjson.JSONDecodeError is one) for anything that is not JSON."""
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    parsed = orjson.loads(raw)
    if _LONG not in raw.translate(_DIGITS) or not _LONG_NUMBER.search(raw):
        return parsed
    try:
        return json.loads(raw)
    except RecursionError:
        raise ValueError("JSON that is nested too deeply.") from None


def dumps(value: object) -> bytes:
    """Compact, in the order of insertion, the same bytes for the same value.

    NotUnderstood for what is nested too deeply to be written.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        pass  # a long number, deep nesting, or half a surrogate pair
    try:
        written = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    except RecursionError:
        raise NotUnderstood("JSON that is nested too deeply.") from None
    return written.encode("utf-8", "replace")


def text(value: object) -> str:
    """`dumps` as text."""
    return dumps(value).decode()
