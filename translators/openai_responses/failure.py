"""OpenAI's error object in Responses and Images: as in Chat Completions, except inside a stream.

A started stream that fails ends here as OpenAI ends it: an `error` event, then `response.failed`.
Both are needed. The official SDKs raise on the first (they look for a nested `error`; the
documented flat fields stand beside it), while Codex ignores it and reads only `response.failed`,
where it decides from `code`, and from a sentence in the message, whether and when to try again.
Neither may be mistaken for a finish.
Sources: openai 3.52 types.responses.{ResponseErrorEvent, ResponseFailedEvent}, _streaming; codex-rs
codex-api src/sse/responses.rs.
"""

import math
from collections.abc import Mapping
from typing import Any

from translators import text_json
from translators.canonical.failure import Failure, Kind
from translators.openai_chat import failure as common
from translators.openai_chat.failure import error_object, failure_headers, render_failure
from translators.openai_responses.vocabulary import HEARD_ERRORS

__all__ = ["decode_failure", "failure_headers", "render_failure", "render_stream_failure"]


def decode_failure(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """An upstream's error answer. Never raises; an unreadable body still gives a Failure."""
    return common.decode_failure(status, headers, body, HEARD_ERRORS)


def render_stream_failure(failure: Failure, request_id: str) -> bytes:
    """The two events that end a failed stream; numbered from 0, its position is not known here."""
    return failed_events(failure, 0, _failed_response(request_id))


def failed_events(failure: Failure, number: int, response: dict[str, Any]) -> bytes:
    """The same for a stream whose next sequence_number and response object are known."""
    error = error_object(failure) | {"message": _with_wait(failure)}
    flat = {name: error[name] for name in ("code", "message", "param")}
    said = {"type": "error", "sequence_number": number, **flat, "error": error}
    failed = {
        "type": "response.failed",
        "sequence_number": number + 1,
        "response": response | {"status": "failed", "error": response_error(failure)},
    }
    return sse_event("error", said) + sse_event("response.failed", failed)


def response_error(failure: Failure) -> dict[str, str | None]:
    """`error` of a failed response."""
    code = error_object(failure)["code"] or "server_error"
    return {"code": code, "message": _with_wait(failure)}


def sse_event(name: str, data: dict[str, Any]) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + text_json.dumps(data) + b"\n\n"


def _with_wait(failure: Failure) -> str:
    """The message, with the wait in OpenAI's words: a started stream has no headers left."""
    wait_s = failure.retry_after_s
    if failure.kind is not Kind.RATE_LIMITED or wait_s is None:
        return failure.message
    if "try again in" in failure.message.lower():
        return failure.message
    return f"{failure.message} Please try again in {math.ceil(wait_s)}s."


def _failed_response(request_id: str) -> dict[str, Any]:
    """The smallest response object that the SDKs accept."""
    return {
        "id": request_id,
        "object": "response",
        "created_at": 0,
        "status": "failed",
        "error": None,
        "incomplete_details": None,
        "model": "",
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": None,
    }
