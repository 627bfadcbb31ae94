"""Anthropic's manners: error bodies, keys, and the headers that every answer carries.

Source: platform.claude.com, API errors, rate limits and versioning; the SDK's exception classes.
"""

from typing import Any

import orjson

from simulator.call import Call, Dialect, Headers, Refused, refused
from simulator.script import ErrorSpec

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    409: "conflict_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    500: "api_error",
    502: "api_error",
    503: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
MESSAGES = {
    401: "invalid x-api-key",
    402: "Your credit balance is too low to access the Anthropic API.",
    403: "Your API key does not have permission to use the specified resource.",
    404: "Not found",
    413: "Request exceeds the maximum size",
    429: "This request would exceed your organization's rate limit of 50 requests per minute.",
    500: "Internal server error",
    504: "Request timed out",
    529: "Overloaded",
}
_LIMITS: Headers = [
    (b"anthropic-organization-id", b"0f3b6a1e-5a77-4a3c-9c1d-51a1a7e00001"),
    (b"anthropic-ratelimit-requests-limit", b"4000"),
    (b"anthropic-ratelimit-requests-remaining", b"3999"),
    (b"anthropic-ratelimit-requests-reset", b"2030-01-01T00:00:00Z"),
    (b"anthropic-ratelimit-input-tokens-limit", b"2000000"),
    (b"anthropic-ratelimit-input-tokens-remaining", b"2000000"),
    (b"anthropic-ratelimit-input-tokens-reset", b"2030-01-01T00:00:00Z"),
    (b"anthropic-ratelimit-output-tokens-limit", b"400000"),
    (b"anthropic-ratelimit-output-tokens-remaining", b"400000"),
    (b"anthropic-ratelimit-output-tokens-reset", b"2030-01-01T00:00:00Z"),
    (b"anthropic-ratelimit-tokens-limit", b"2400000"),
    (b"anthropic-ratelimit-tokens-remaining", b"2400000"),
    (b"anthropic-ratelimit-tokens-reset", b"2030-01-01T00:00:00Z"),
]


def error_object(spec: ErrorSpec) -> dict[str, Any]:
    """The `error` member: the status's own type and message where the script leaves them out."""
    kind = spec.type or TYPES.get(spec.status, "api_error")
    return {"type": kind, "message": spec.message or MESSAGES.get(spec.status, "Error")}


def _error(spec: ErrorSpec, request_id: str) -> bytes:
    body = {"type": "error", "error": error_object(spec), "request_id": request_id}
    return orjson.dumps(body)


def _headers(call: Call) -> Headers:
    return [(b"request-id", call.request_id.encode()), *_LIMITS]


def _error_headers(spec: ErrorSpec) -> Headers:
    retry = b"false" if spec.status in (400, 401, 402, 403, 404, 413, 422) else b"true"
    return [(b"x-should-retry", retry)]


def _key(call: Call) -> str | None:
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    return call.headers.get("x-api-key") or (token.strip() if scheme.lower() == "bearer" else None)


def _unauthorized(call: Call) -> Refused:
    if call.key is None:
        message = "x-api-key header is required"
    elif "x-api-key" in call.headers:
        message = "invalid x-api-key"
    else:
        message = "Invalid bearer token"
    return refused(401, message)


def _malformed(call: Call, detail: str) -> Refused:
    if detail == "not an object":
        return refused(400, "Input should be a valid dictionary or object to extract fields from")
    return refused(400, f"The request body is not valid JSON: {detail}")


def _unknown_model(call: Call) -> Refused:
    return refused(404, f"model: {call.model}")


DIALECT = Dialect(
    name="anthropic",
    error=_error,
    headers=_headers,
    error_headers=_error_headers,
    key=_key,
    unauthorized=_unauthorized,
    malformed=_malformed,
    unknown_model=_unknown_model,
)
