"""Ids that Gemini leaves out: of calls, of answers. The same input gives the same id."""

import base64
import re
from hashlib import sha256

_UNFIT = re.compile(r"[^a-zA-Z0-9_-]")
_MOST_NAME = 40


def call_in_history(name: str, turn: int, ordinal: int) -> str:
    """The id of a call that a request tells without one. Turns before it decide: a conversation
    that grows keeps the ids that it had."""
    return f"call_{turn}_{ordinal}_{_UNFIT.sub('_', name)[:_MOST_NAME]}"


def call_in_answer(answer_id: str | None, ordinal: int, name: str, arguments: str) -> str:
    """The id of a call in an answer; another answer gives another id."""
    seen = "\n".join((answer_id or "", str(ordinal), name, arguments))
    return f"call_{sha256(seen.encode('utf-8', 'replace')).hexdigest()[:24]}"


def answer_id(seed: str) -> str:
    """A `responseId` as Google makes them: 17 bytes in base64."""
    return base64.urlsafe_b64encode(sha256(seed.encode()).digest()[:17]).decode().rstrip("=")
