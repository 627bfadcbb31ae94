"""OpenAI's manners: error bodies, keys, and the headers that every answer carries.

Source: developers.openai.com, error codes and rate limits; the SDK's exception classes.
"""

from typing import Any

import orjson

from simulator.call import Call, Dialect, Headers, Refused, refused
from simulator.script import ErrorSpec

TYPES = {
    401: "invalid_request_error",
    402: "insufficient_quota",
    403: "invalid_request_error",
    429: "requests",
    500: "server_error",
    502: "server_error",
    503: "server_error",
    504: "server_error",
    529: "server_error",
}
CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
MESSAGES = {
    403: "You are not allowed to perform this action.",
    404: "Not found",
    413: "The request body is too large.",
    429: "Rate limit reached for requests per min (RPM): Limit 500, Used 500, Requested 1.",
    500: "The server had an error while processing your request. Sorry about that!",
    503: "The engine is currently overloaded, please try again later.",
    529: "The engine is currently overloaded, please try again later.",
}
_STATIC: Headers = [
    (b"openai-organization", b"simulator"),
    (b"openai-processing-ms", b"12"),
    (b"openai-version", b"2020-10-01"),
    (b"x-ratelimit-limit-requests", b"10000"),
    (b"x-ratelimit-limit-tokens", b"2000000"),
    (b"x-ratelimit-remaining-requests", b"9999"),
    (b"x-ratelimit-remaining-tokens", b"1999000"),
    (b"x-ratelimit-reset-requests", b"6ms"),
    (b"x-ratelimit-reset-tokens", b"30ms"),
]


def error_object(spec: ErrorSpec) -> dict[str, Any]:
    """The `error` member: message, type, param and code, with the status's own where left out."""
    kind = spec.type or TYPES.get(spec.status, "invalid_request_error")
    code = spec.code or (CODES.get(spec.status) if spec.message is None else None)
    message = spec.message or MESSAGES.get(spec.status, "Error")
    return {"message": message, "type": kind, "param": spec.param, "code": code}


def _error(spec: ErrorSpec, request_id: str) -> bytes:
    return orjson.dumps({"error": error_object(spec)})


def _headers(call: Call) -> Headers:
    return [(b"x-request-id", call.request_id.encode()), *_STATIC]


def _error_headers(spec: ErrorSpec) -> Headers:
    return []


def _key(call: Call) -> str | None:
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    return bearer or call.headers.get("api-key")  # api-key: the same API on Azure


def _unauthorized(call: Call) -> Refused:
    if not call.key:
        message = (
            "You didn't provide an API key. You need to provide your API key in an Authorization "
            "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
        )
        return refused(401, message, type="invalid_request_error")
    hint = call.key[-4:] if len(call.key) >= 16 else ""
    message = (
        f"Incorrect API key provided: {'*' * 8}{hint}. You can find your API key at "
        "https://platform.openai.com/account/api-keys."
    )
    return refused(401, message, type="invalid_request_error", code="invalid_api_key")


def _malformed(call: Call, detail: str) -> Refused:
    message = (
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't "
        "using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was "
        "sent was not valid JSON.)"
    )
    return refused(400, message)


def _unknown_model(call: Call) -> Refused:
    message = f"The model `{call.model}` does not exist or you do not have access to it."
    return refused(404, message, code="model_not_found")


DIALECT = Dialect(
    name="openai",
    error=_error,
    headers=_headers,
    error_headers=_error_headers,
    key=_key,
    unauthorized=_unauthorized,
    malformed=_malformed,
    unknown_model=_unknown_model,
)

JSON: Headers = [(b"content-type", b"application/json")]
SSE: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
]
PING = b": keep-alive\n\n"
