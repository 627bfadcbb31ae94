"""Anthropic's error object, read from whatever an upstream sends, written as Anthropic writes it.

Reading is tolerant: the documented object, its relatives, HTML, nothing at all. The status decides
what is firm (401, 402, 413), then the type, then the status again. A 400 that speaks of the account
and not of the request is told by its sentence.
Writing is exact: `type`, `error.type`, `error.message` and `request_id` as the SDKs read them; the
exception's class follows from the HTTP status, inside a stream from the `error` event.
Sources: anthropic 2.11 (_exceptions, _streaming, types.shared.ErrorResponse), the guide "Errors".
"""

from collections.abc import Mapping
from typing import Any

import orjson

from translators.anthropic.vocabulary import (
    ACCOUNT_PHRASES,
    HEARD_ERRORS,
    RETRYABLE,
    SPOKEN_ERRORS,
)
from translators.canonical.failure import Failure, Kind
from translators.fields import inner, text
from translators.heard import (
    kind_by_status,
    retry_after_header,
    retry_after_s,
    seal_refused,
    told,
)

# Statuses that a type in the body cannot contradict.
_FIRM = frozenset({401, 402, 413, 429, 529})

# 'The request is wrong' and 'the API failed' say less than a 404 or a 503 does.
_VAGUE = frozenset({Kind.INVALID_REQUEST, Kind.INTERNAL})

# ------------------------------------------------------------------------------------------ reading


def decode_failure(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """An upstream's error answer. Never raises; an unreadable body still gives a Failure."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        parsed = None
    return _failure(_error_in(parsed), status, retry_after_s(headers, status))


def failure_inside(event: object) -> Failure:
    """The failure that an `error` event, or an error object inside a 200 answer, tells of."""
    return _failure(_error_in(event), None, None)


def _failure(error: Mapping[str, Any], status: int | None, wait_s: float | None) -> Failure:
    message = text(error.get("message"))
    return Failure(
        kind=_kind_of(error, message, status),
        message=told(message, status),
        code=text(inner(error.get("details")).get("error_code")),
        status=status,
        retry_after_s=wait_s,
        seal_refused=seal_refused(status, None, message),
    )


def _error_in(parsed: object) -> Mapping[str, Any]:
    """The object that holds `type` and `message`, whatever it is wrapped in."""
    if isinstance(parsed, list) and parsed:
        parsed = parsed[0]
    outer = inner(parsed)
    error = outer.get("error")
    if isinstance(error, str):
        return {"message": text(outer.get("message")) or error}
    if error is not None:
        return inner(error)
    return outer if "message" in outer else {"message": outer.get("detail")}


def _kind_of(error: Mapping[str, Any], message: str | None, status: int | None) -> Kind:
    by_status = kind_by_status(status)
    if status in _FIRM:
        return by_status
    kind = HEARD_ERRORS.get(text(error.get("type")) or "")
    if kind in (None, Kind.INVALID_REQUEST):
        lower = (message or "").lower()
        for phrase, meaning in ACCOUNT_PHRASES:
            if phrase in lower:
                return meaning
    if kind is None or (kind in _VAGUE and status is not None):
        return by_status
    return kind


# ------------------------------------------------------------------------------------------ writing


def render_failure(failure: Failure, request_id: str) -> bytes:
    """The JSON body of an error answer."""
    return orjson.dumps(
        {
            "type": "error",
            "error": {"type": SPOKEN_ERRORS[failure.kind], "message": failure.message},
            "request_id": request_id,
        }
    )


def render_stream_failure(failure: Failure, request_id: str) -> bytes:
    """The `error` event that the SDKs raise. No stop reason and no message_stop follow it."""
    return b"event: error\ndata: " + render_failure(failure, request_id) + b"\n\n"


def failure_headers(failure: Failure) -> dict[str, str]:
    """`retry-after` when known, and `x-should-retry`, which the SDKs obey before the status."""
    headers = {"x-should-retry": "true" if failure.kind in RETRYABLE else "false"}
    if failure.retry_after_s is not None:
        headers["retry-after"] = retry_after_header(failure.retry_after_s)
    return headers
