"""Google's error object, read from whatever an upstream sends and written as Google writes it.

Reading is tolerant: the object, the same in an array of one, HTML, nothing at all. `ErrorInfo`
tells when a 400 speaks of the account's key and not of the request; `RetryInfo` tells how long to
wait.
Writing is exact: `code` is the HTTP status as a number (in a stream the SDK chooses its exception
by it), `status` a word of google.rpc.Code, `details` typed as Google types them. In a stream the
error is a bare `data:` line: the Python SDK fails on `event:` lines and on comments.
Sources: google-genai 3.4 (errors, _api_client), google/rpc/error_details.proto, AIP-193.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from translators.canonical.failure import Failure, Kind
from translators.fields import inner, text
from translators.gemini.vocabulary import (
    ACCOUNT_REASONS,
    BAD_REQUEST,
    ERROR_INFO,
    HEARD_ERRORS,
    PHRASES,
    REQUEST_INFO,
    RETRY_INFO,
    SPOKEN_ERRORS,
)
from translators.heard import (
    MOST_WAIT_S,
    kind_by_status,
    retry_after_header,
    retry_after_s,
    seal_refused,
    told,
)

_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")

# Statuses that a word in the body cannot contradict.
_FIRM = frozenset({401, 402, 403, 404, 413, 429, 529})

# ------------------------------------------------------------------------------------------ reading


def decode_failure(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """An upstream's error answer. Never raises; an unreadable body still gives a Failure."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        parsed = None
    return _failure(parsed, status, retry_after_s(headers, status))


def failure_inside(chunk: object) -> Failure:
    """The failure that an object inside a 200 answer, or inside a stream, tells of."""
    return _failure(chunk, None, None)


def _failure(parsed: object, status: int | None, wait_s: float | None) -> Failure:
    error = _error_in(parsed)
    message = text(error.get("message"))
    details = [inner(detail) for detail in _list(error.get("details"))]
    reason = next((r for d in details if (r := _reason(d)) is not None), None)
    told_wait_s = next((w for d in details if (w := _wait_s(d)) is not None), None)
    return Failure(
        kind=_kind_of(error, message, reason, status),
        message=told(message, status),
        code=reason,
        status=status,
        retry_after_s=told_wait_s if wait_s is None else wait_s,
        seal_refused=seal_refused(status, reason, message),
    )


def _error_in(parsed: object) -> Mapping[str, Any]:
    """The object that holds `code`, `message` and `status`, whatever it is wrapped in."""
    if isinstance(parsed, list) and parsed:
        parsed = parsed[0]
    error = inner(parsed).get("error", parsed)
    return {"message": error} if isinstance(error, str) else inner(error)


def _kind_of(
    error: Mapping[str, Any], message: str | None, reason: str | None, status: int | None
) -> Kind:
    if reason in ACCOUNT_REASONS:
        return ACCOUNT_REASONS[reason]
    if status in _FIRM:
        return kind_by_status(status)
    lower = (message or "").lower()
    for phrase, meaning in PHRASES:
        if phrase in lower:
            return meaning
    word = HEARD_ERRORS.get(text(error.get("status")) or "")
    if word is not None and (word is not Kind.INVALID_REQUEST or status in (None, 400)):
        return word
    code = error.get("code")
    return kind_by_status(code if status is None and type(code) is int else status)


def _reason(detail: Mapping[str, Any]) -> str | None:
    return text(detail.get("reason")) if detail.get("@type") == ERROR_INFO else None


def _wait_s(detail: Mapping[str, Any]) -> float | None:
    """`retryDelay` as protobuf writes a Duration in JSON: "34.07s"."""
    if detail.get("@type") != RETRY_INFO:
        return None
    delay = _DURATION.fullmatch(text(detail.get("retryDelay", detail.get("retry_delay"))) or "")
    return min(float(delay[1]), MOST_WAIT_S) if delay else None


def _list(value: object) -> Iterable[object]:
    return value if isinstance(value, list) else ()


# ------------------------------------------------------------------------------------------ writing


def render_failure(failure: Failure, request_id: str) -> bytes:
    """The JSON body of an error answer."""
    details: list[dict[str, Any]] = [{"@type": REQUEST_INFO, "requestId": request_id}]
    if failure.retry_after_s is not None:
        delay = f"{retry_after_header(failure.retry_after_s)}s"
        details.append({"@type": RETRY_INFO, "retryDelay": delay})
    if failure.param is not None:
        violation = {"field": failure.param, "description": failure.message}
        details.append({"@type": BAD_REQUEST, "fieldViolations": [violation]})
    error = {
        "code": failure.http_status,
        "message": failure.message,
        "status": SPOKEN_ERRORS[failure.kind],
        "details": details,
    }
    return orjson.dumps({"error": error})


def render_stream_failure(failure: Failure, request_id: str) -> bytes:
    """One event that the SDKs raise, with the line ends that Google's events have."""
    return b"data: " + render_failure(failure, request_id) + b"\r\n\r\n"


def failure_headers(failure: Failure) -> dict[str, str]:
    """`retry-after` when known."""
    if failure.retry_after_s is None:
        return {}
    return {"retry-after": retry_after_header(failure.retry_after_s)}
