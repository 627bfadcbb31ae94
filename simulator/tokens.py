"""Counting: four characters of text, or four bytes of JSON, are one token. Crude, and the same
everywhere."""

from typing import Any

import orjson


def of_text(text: str) -> int:
    """Tokens of a text; the empty text has none."""
    return (len(text) + 3) // 4


def of_json(*values: Any) -> int:
    """Tokens of what the model is given to read. At least one."""
    return max(1, sum(len(orjson.dumps(value)) for value in values if value) // 4)


def cut(text: str, tokens: int) -> str:
    """The first `tokens` tokens of a text."""
    return text[: tokens * 4]


def pieces(text: str, count: int | None) -> list[str]:
    """A text in `count` pieces (at most one a character), or in pieces of about four words'
    length."""
    if not text:
        return []
    if count is None:
        count = (len(text) + 19) // 20
    count = min(count, len(text))
    size, rest = divmod(len(text), count)
    out, start = [], 0
    for index in range(count):
        end = start + size + (index < rest)
        out.append(text[start:end])
        start = end
    return out
