"""Vertex AI: Claude by rawPredict, and Gemini, whose requests are a little stricter there.

    .../publishers/anthropic/models/{model}:rawPredict, :streamRawPredict
    .../publishers/anthropic/models/count-tokens:rawPredict
    .../publishers/google/models/{model}:generateContent, ...

For Claude the model stands in the path and the version in the body; flags stay a header, for in the
body alone they are not heeded. Streams are Anthropic's own events. For Gemini every message needs
its role. Errors of Google's own are in Google's shape and name the project: Claude's callers get
them in Anthropic's, and nobody gets the name.
Sources: anthropic 2.11 (lib/vertex), cloud.google.com/vertex-ai/generative-ai/docs/partner-models/
claude/use-claude, litellm pull request 22321.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from extproc.wires import betas
from extproc.wires.anthropic_error import error_body
from extproc.wires.envelope import Envelope, ErrorAnswer, Letter, Sealed
from translators import members

if TYPE_CHECKING:
    from catalog import Wire

VERSION = "vertex-2023-10-16"

_PROJECT = re.compile(rb"projects/[^/\s\"'`\\]+")

# Google's words for what went wrong: https://cloud.google.com/apis/design/errors
_TYPES = {
    "INVALID_ARGUMENT": "invalid_request_error",
    "FAILED_PRECONDITION": "invalid_request_error",
    "OUT_OF_RANGE": "invalid_request_error",
    "UNAUTHENTICATED": "authentication_error",
    "PERMISSION_DENIED": "permission_error",
    "NOT_FOUND": "not_found_error",
    "RESOURCE_EXHAUSTED": "rate_limit_error",
    "DEADLINE_EXCEEDED": "timeout_error",
    "UNAVAILABLE": "overloaded_error",
}


def _seal(wire: "Wire", letter: Letter) -> Sealed:
    if letter.surface == "gemini":
        return _gemini(letter)
    flags, losses = betas.kept(letter.betas, wire.betas)
    headers, removed = betas.as_header(flags)
    if letter.counts:
        # The model stays in the body: it is what the tokens are counted for.
        path = "/models/count-tokens:rawPredict"
        body = members.without(letter.body, ("anthropic_version",))
    else:
        action = "streamRawPredict" if letter.streamed else "rawPredict"
        path = f"/models/{quote(letter.model, safe='@')}:{action}"
        body = members.without(letter.body, ("anthropic_version", "model"))
    return Sealed(
        path=path,
        body=members.with_first(body, {"anthropic_version": VERSION}),
        headers={**headers, "content-type": "application/json"},
        removed=(*removed, "anthropic-version"),
        losses=losses,
    )


def _gemini(letter: Letter) -> Sealed:
    query = f"?{letter.query}" if letter.query else ""
    return Sealed(letter.rest + query, _with_roles(letter.body))


def _with_roles(body: bytes) -> bytes | None:
    """The body with a role for each message; None where all have one."""
    request: dict[str, Any] = orjson.loads(body)
    contents = request.get("contents")
    silent = [
        content
        for content in (contents if isinstance(contents, list) else [contents])
        if isinstance(content, dict) and not content.get("role")
    ]
    for content in silent:
        content["role"] = "user"
    return orjson.dumps(request) if silent else None


def _refusal(protocol: str, status: int, headers: Mapping[str, str], body: bytes) -> ErrorAnswer:
    shaped = _in_shape(status, body) if protocol == "anthropic" else body
    return ErrorAnswer(status, _PROJECT.sub(b"projects/-", shaped))


def _in_shape(status: int, body: bytes) -> bytes:
    """Google's own error in Anthropic's shape; one of Anthropic's stays as it is."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body
    outer = parsed[0] if isinstance(parsed, list) and parsed else parsed
    error = outer.get("error") if isinstance(outer, dict) else None
    if not isinstance(error, dict) or not isinstance(error.get("status"), str):
        return body
    return error_body(_TYPES.get(error["status"], "api_error"), error.get("message"))


ENVELOPE = Envelope(_seal, refusal=_refusal)
