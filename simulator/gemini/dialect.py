"""Google's manners: error bodies, keys, headers. Source: ai.google.dev, API reference and
errors."""

from typing import Any

import orjson

from simulator.call import Call, Dialect, Headers, Refused, refused
from simulator.script import ErrorSpec

STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
MESSAGES = {
    403: "The caller does not have permission",
    404: "Requested entity was not found.",
    413: "Request payload size exceeds the limit.",
    429: "You exceeded your current quota, please check your plan and billing details.",
    500: "An internal error has occurred. Please retry or report in Troubleshooting.",
    503: "The model is overloaded. Please try again later.",
    504: "Deadline expired before operation could complete.",
}
_STATIC: Headers = [
    (b"vary", b"Origin, X-Origin, Referer"),
    (b"x-content-type-options", b"nosniff"),
    (b"server-timing", b"gfet4t7; dur=12"),
]
JSON: Headers = [(b"content-type", b"application/json; charset=UTF-8")]
SSE: Headers = [(b"content-type", b"text/event-stream")]
_TYPES = "type.googleapis.com/google.rpc."


def error_object(spec: ErrorSpec) -> dict[str, Any]:
    """The `error` member. `spec.code` is the machine-readable reason in the details."""
    number = 503 if spec.status == 529 else spec.status  # Google's overload is 503
    status = spec.type or STATUSES.get(number, "UNKNOWN")
    message = spec.message or MESSAGES.get(number, "Error")
    error: dict[str, Any] = {"code": number, "message": message, "status": status}
    details: list[dict[str, Any]] = []
    if spec.code is not None:
        info = {"reason": spec.code, "domain": "googleapis.com"}
        details.append({"@type": _TYPES + "ErrorInfo", **info})
    if spec.param is not None:
        violations = [{"field": spec.param, "description": message}]
        details.append({"@type": _TYPES + "BadRequest", "fieldViolations": violations})
    if spec.status == 429:
        seconds = spec.headers.get("retry-after", "1")
        details.append({"@type": _TYPES + "RetryInfo", "retryDelay": f"{seconds}s"})
    if details:
        error["details"] = details
    return error


def _error(spec: ErrorSpec, request_id: str) -> bytes:
    return orjson.dumps({"error": error_object(spec)}, option=orjson.OPT_INDENT_2)


def _headers(call: Call) -> Headers:
    return [(b"x-request-id", call.request_id.encode()), *_STATIC]


def _error_headers(spec: ErrorSpec) -> Headers:
    return []


def _key(call: Call) -> str | None:
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else None
    return call.headers.get("x-goog-api-key") or call.query.get("key") or bearer


def _unauthorized(call: Call) -> Refused:
    if not call.key:
        message = (
            "Method doesn't allow unregistered callers (callers without established identity). "
            "Please use API Key or other form of API consumer identity to call this API."
        )
        return refused(403, message)
    if "authorization" in call.headers and "x-goog-api-key" not in call.headers:
        message = "Request had invalid authentication credentials. Expected OAuth 2 access token."
        return refused(401, message, code="ACCESS_TOKEN_TYPE_UNSUPPORTED")
    message = "API key not valid. Please pass a valid API key."
    return refused(400, message, code="API_KEY_INVALID")


def _malformed(call: Call, detail: str) -> Refused:
    if detail == "not an object":
        detail = "Root element must be a message."
    return refused(400, f"Invalid JSON payload received. {detail}")


def _unknown_model(call: Call) -> Refused:
    message = (
        f"models/{call.model} is not found for API version v1beta, or is not supported for "
        f"{call.action or 'GetModel'}. Call ListModels to see the list of available models."
    )
    return refused(404, message)


DIALECT = Dialect(
    name="gemini",
    error=_error,
    headers=_headers,
    error_headers=_error_headers,
    key=_key,
    unauthorized=_unauthorized,
    malformed=_malformed,
    unknown_model=_unknown_model,
)
