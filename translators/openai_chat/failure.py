"""OpenAI's error object, read from whatever an upstream sends and written as OpenAI writes it.

Reading is tolerant: the documented `{"error": {...}}`, its many relatives, pages of HTML, nothing
at all. The HTTP status decides the kind unless a machine-readable code says more. Only a message
found in a JSON error is kept, with credentials and account names struck out; free text is never
repeated, it may name hosts.
Writing is exact: `error.type`, `code` and `param` as the official SDKs read them (the exception
class follows from the HTTP status; inside a stream from the presence of `error`).
Sources: openai 3.52 (_exceptions, _base_client, _streaming), openai-node
src/core/{error,streaming}.ts.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from translators.canonical.failure import Failure, Kind
from translators.fields import text
from translators.heard import (
    kind_by_status,
    retry_after_header,
    retry_after_s,
    seal_refused,
    told,
)
from translators.openai_chat.vocabulary import (
    ERRORS,
    FOREIGN_STATUSES,
    HEARD_ERRORS,
    RETRYABLE,
)

# Statuses that a code in the body cannot contradict.
_FIRM = frozenset({401, 402, 413, 426})

# What a status says that 'server_error' does not.
_CLEAR = frozenset({Kind.UNAVAILABLE, Kind.OVERLOADED, Kind.TIMEOUT})

_TOO_MUCH = re.compile(r"request too large for ", re.IGNORECASE)

_AGAIN_IN = re.compile(
    r"try again in\s+(?:(\d{1,4})h)?\s*(?:(\d{1,6})m(?!s))?"
    r"\s*(?:(\d{1,9}(?:\.\d+)?)\s*(ms|s\b|seconds?))?",
    re.I,
)

# ------------------------------------------------------------------------------------------ reading


def decode_failure(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    words: Mapping[str, Kind] = HEARD_ERRORS,
) -> Failure:
    """An upstream's error answer. Never raises; an unreadable body still gives a Failure."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        parsed = None
    return _failure(_normal(parsed), status, retry_after_s(headers, status), words)


def failure_inside(error: object, words: Mapping[str, Kind] = HEARD_ERRORS) -> Failure:
    """The failure that an error object inside a 200 answer or a started stream tells of."""
    return _failure(_normal(error), None, None, words)


def _failure(
    error: Mapping[str, Any], status: int | None, wait_s: float | None, words: Mapping[str, Kind]
) -> Failure:
    message = text(error.get("message"))
    kind, code = _kind_of(error, status, words)
    return Failure(
        kind=kind,
        message=told(message, status),
        code=code,
        param=text(error.get("param")),
        status=status,
        retry_after_s=wait_s if wait_s is not None else _again_in_s(message),
        seal_refused=seal_refused(status, code, message),
    )


def _normal(parsed: object) -> Mapping[str, Any]:
    """The object that holds `message`, whatever it is wrapped in; empty when there is none.

    Seen in the field: {"error": {...}}, {"error": "text"}, [{"error": {...}}] (Google), {"detail":
    "text"} and {"detail": [{"msg", "loc"}]} (FastAPI), {"message": ...}, {"object": "error",
    "message": ...} (vLLM).
    """
    if isinstance(parsed, list) and parsed:
        parsed = parsed[0]
    if isinstance(parsed, str):
        return {"message": parsed}
    if not isinstance(parsed, dict):
        return {}
    error = parsed.get("error")
    if isinstance(error, dict):
        return error
    if isinstance(error, str):
        return {"code": parsed.get("code"), "message": parsed.get("message") or error}
    detail = parsed.get("detail")
    if isinstance(detail, list) and detail:
        detail = detail[0]
    if isinstance(detail, dict):
        return {"message": detail.get("msg") or detail.get("message"), "code": detail.get("code")}
    return {"message": detail} if isinstance(detail, str) else parsed


def _kind_of(
    error: Mapping[str, Any], status: int | None, words: Mapping[str, Kind]
) -> tuple[Kind, str | None]:
    """The kind, and the code worth keeping. A number for a code is an HTTP status."""
    code = error.get("code")
    if status is None and isinstance(code, int):
        status = code
    known = text(code)
    by_status = FOREIGN_STATUSES.get(status or 0) or kind_by_status(status)
    if status in _FIRM:
        return by_status, known
    if status == 429 and _TOO_MUCH.match(text(error.get("message")) or ""):
        return Kind.TOO_LARGE, known  # one request of more tokens than a minute has: no other helps
    for word in (known, text(error.get("type"))):
        kind = words.get(word.lower()) if word else None
        # 'The request is wrong' and 'the server failed' say less than a 404 or a 503 does.
        vague = kind is Kind.INVALID_REQUEST or (kind is Kind.INTERNAL and by_status in _CLEAR)
        if kind is not None and (status is None or not vague):
            return kind, known
    return by_status, known


def _again_in_s(message: str | None) -> float | None:
    found = _AGAIN_IN.search(message) if message else None
    if found is None or not any(found.groups()):
        return None
    hours, minutes, amount, unit = found.groups()
    seconds = float(amount or 0) / (1000 if (unit or "").lower() == "ms" else 1)
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + seconds


# ------------------------------------------------------------------------------------------ writing


def error_object(failure: Failure) -> dict[str, str | None]:
    """The object under `error`: message, type, param and code, all four always present."""
    words = ERRORS[failure.kind]
    code = failure.code
    if code is None:
        code = _model_not_found(failure) or words.code
    return {
        "message": failure.message,
        "type": words.type,
        "param": failure.param,
        "code": code,
    }


def _model_not_found(failure: Failure) -> str | None:
    missing = failure.kind is Kind.NOT_FOUND and failure.param == "model"
    return "model_not_found" if missing else None


def render_failure(failure: Failure, request_id: str) -> bytes:
    """The JSON body. The SDKs read the request id from the `x-request-id` header."""
    return orjson.dumps({"error": error_object(failure)})


def render_stream_failure(failure: Failure, request_id: str) -> bytes:
    """One data event that the SDKs raise as APIError; no finish reason and no [DONE]."""
    return b"data: " + orjson.dumps({"error": error_object(failure)}) + b"\n\n"


def failure_headers(failure: Failure) -> dict[str, str]:
    """`retry-after` in whole seconds, rounded up, when known; `x-should-retry` for the SDKs."""
    headers = {"x-should-retry": "true" if failure.kind in RETRYABLE else "false"}
    if failure.retry_after_s is not None:
        headers["retry-after"] = retry_after_header(failure.retry_after_s)
    return headers
