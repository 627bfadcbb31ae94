"""Bedrock's errors, by name, in Anthropic's words.

A name comes in the header x-amzn-errortype of an error answer, or in a frame of a stream. Statuses
are not always what they would be at Anthropic: a spent quota is 400, a signature that does not fit
is 400 or 403, a model that failed is 424. What is ours to mend (credentials, signatures) is 401, so
that it is never told to a caller as his fault. ARNs name the account and are struck out.
Sources: docs.aws.amazon.com/bedrock/latest/APIReference, CommonErrors and API_runtime_InvokeModel;
docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from extproc.wires.anthropic_error import error_body, error_event
from extproc.wires.envelope import ErrorAnswer
from extproc.wires.eventstream import Message

_AUTHENTICATION = (401, "authentication_error")
_RATE = (429, "rate_limit_error")
_OVERLOADED = (529, "overloaded_error")
_TIMEOUT = (504, "timeout_error")
_FAILED = (500, "api_error")

# In lower case and without "exception" at the end.
_NAMES: dict[str, tuple[int, str]] = {
    "throttling": _RATE,
    "servicequotaexceeded": _RATE,
    "modelnotready": _OVERLOADED,
    "serviceunavailable": _OVERLOADED,
    "modeltimeout": _TIMEOUT,
    "modelerror": _FAILED,
    "modelstreamerror": _FAILED,
    "internalserver": _FAILED,
    "internalfailure": _FAILED,
    "validation": (400, "invalid_request_error"),
    "resourcenotfound": (404, "not_found_error"),
    "accessdenied": (403, "permission_error"),
    "expiredtoken": _AUTHENTICATION,
    "requestexpired": _AUTHENTICATION,
    "incompletesignature": _AUTHENTICATION,
    "invalidsignature": _AUTHENTICATION,
    "signaturedoesnotmatch": _AUTHENTICATION,
    "invalidclienttokenid": _AUTHENTICATION,
    "missingauthenticationtoken": _AUTHENTICATION,
    "unrecognizedclient": _AUTHENTICATION,
    "notauthorized": _AUTHENTICATION,
    "optinrequired": _AUTHENTICATION,
}
_BY_STATUS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}
_ARN = re.compile(r"\barn:[a-z-]+:[^\s\"',;)]*")


def refusal(protocol: str, status: int, headers: Mapping[str, str], body: bytes) -> ErrorAnswer:
    """An error answer as Anthropic would give it."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        parsed = None
    told: dict[str, Any] = parsed if isinstance(parsed, dict) else {}
    named = _named(headers.get("x-amzn-errortype") or told.get("__type"))
    if named is not None:
        status, kind = named
    elif isinstance(told.get("error"), dict):
        return ErrorAnswer(status, body)  # the model's own words
    else:
        kind = _BY_STATUS.get(status, "api_error")
    return ErrorAnswer(status, error_body(kind, _message(told)))


def event(message: Message) -> bytes:
    """An exception, or an error, in a stream as Anthropic's error event."""
    headers = message.headers
    if headers.get(":message-type") == "exception":
        try:
            parsed = orjson.loads(message.payload)
        except orjson.JSONDecodeError:
            parsed = None
        told: dict[str, Any] = parsed if isinstance(parsed, dict) else {}
        name = headers.get(":exception-type")
    else:
        told, name = {"message": headers.get(":error-message")}, headers.get(":error-code")
    _, kind = _named(name) or _FAILED
    return error_event(kind, _message(told))


def _named(name: object) -> tuple[int, str] | None:
    """What a name means. It may come with a namespace before it and a URL behind."""
    if not isinstance(name, str):
        return None
    bare = name.partition(":")[0].rpartition("#")[2].lower().removesuffix("exception")
    return _NAMES.get(bare)


def _message(told: Mapping[str, Any]) -> str | None:
    message = told.get("message") or told.get("Message")
    return _ARN.sub("[redacted]", message) if isinstance(message, str) else None
