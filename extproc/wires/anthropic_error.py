"""Anthropic's error object, for clouds that serve Claude and have errors of their own shape."""

from typing import Any

import orjson

_WORDLESS = "The upstream reported an error."


def error_body(kind: str, message: object) -> bytes:
    """The body of an error answer."""
    said = message if isinstance(message, str) and message else _WORDLESS
    body: dict[str, Any] = {"type": "error", "error": {"type": kind, "message": said}}
    return orjson.dumps(body)


def error_event(kind: str, message: object) -> bytes:
    """The same inside a stream."""
    return b"event: error\ndata: " + error_body(kind, message) + b"\n\n"
