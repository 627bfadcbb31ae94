"""What token endpoints have in common: errors of RFC 6749."""

import orjson

from simulator.call import Call, Dialect, Headers, Refused, refused
from simulator.script import ErrorSpec


def _error(spec: ErrorSpec, request_id: str) -> bytes:
    body: dict[str, object] = {
        "error": spec.type
        or ("temporarily_unavailable" if spec.status >= 500 else "invalid_request"),
        "error_description": spec.message or "The request failed.",
    }
    if spec.code is not None:
        body["error_codes"] = [int(spec.code)]
    return orjson.dumps(body)


def _headers(call: Call) -> Headers:
    return [(b"cache-control", b"no-store")]


def _never(call: Call) -> Refused:
    return refused(401, "invalid_client", type="invalid_client")


def dialect(name: str) -> Dialect:
    """The manners of a token endpoint."""
    return Dialect(
        name=name,
        error=_error,
        headers=_headers,
        error_headers=lambda spec: [],
        key=lambda call: None,
        unauthorized=_never,
        malformed=lambda call, detail: refused(400, detail),
        unknown_model=_never,
    )
