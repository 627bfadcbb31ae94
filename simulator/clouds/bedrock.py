"""Amazon Bedrock's runtime: Claude by InvokeModel, with a response stream, and CountTokens; and the
Messages API beside it.

Strict where Bedrock is: a model or a `stream` in the body is an extraneous key, the version must be
its own, a beta flag that it does not know fails the request, tokens are counted for models and not
for inference profiles.
Sources: docs.aws.amazon.com/bedrock/latest/APIReference (API_runtime_InvokeModel, CommonErrors).
"""

import base64
import binascii
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import orjson

from simulator import anthropic
from simulator.anthropic import question, validate
from simulator.anthropic.stream import PING
from simulator.call import Call, Dialect, Endpoint, Headers, Refused, Reply, Stream, refused
from simulator.clouds import frames, sigv4
from simulator.clouds.config import Aws
from simulator.clouds.tokens import bearer
from simulator.script import ErrorSpec, StreamErrorSpec

VERSION = "bedrock-2023-05-31"
KNOWN_BETAS = frozenset(
    {
        "compact-2026-01-12",
        "computer-use-2025-01-24",
        "context-1m-2025-08-07",
        "context-management-2025-06-27",
        "effort-2025-11-24",
        "fine-grained-tool-streaming-2025-05-14",
        "interleaved-thinking-2025-05-14",
        "tool-search-tool-2025-10-19",
    }
)
_STREAM: Headers = [
    (b"content-type", b"application/vnd.amazon.eventstream"),
    (b"x-amzn-bedrock-content-type", b"application/json"),
]
_NAMES = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    413: "ValidationException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
    529: "ServiceUnavailableException",
}
_MESSAGES = {
    401: "The security token included in the request is invalid.",
    403: "You don't have access to the model with the specified model ID.",
    429: "Too many requests, please wait before trying again.",
    500: "The system encountered an unexpected error during processing. Try your request again.",
    503: "Bedrock is unable to process your request.",
    529: "Bedrock is unable to process your request.",
}
_PATH = re.compile(r"/model/(?P<model>[^/]+)/(?P<action>[a-z-]+)")
_PROFILE = re.compile(r"[a-z-]{2,8}\.anthropic\.")
_MESSAGES_PATH = re.compile(r"/anthropic/v1/(?P<rest>messages(?:/count_tokens)?)")
Route = Callable[[Call, str], Endpoint | None]


def _name(spec: ErrorSpec) -> str:
    named = spec.type if spec.type and spec.type[:1].isupper() else None
    return named or _NAMES.get(spec.status, "InternalServerException")


def _error(spec: ErrorSpec, request_id: str) -> bytes:
    said = spec.message or _MESSAGES.get(spec.status, "The request failed.")
    return orjson.dumps({"message": said})


def _headers(call: Call) -> Headers:
    return [(b"x-amzn-requestid", call.request_id.encode())]


def _error_headers(spec: ErrorSpec) -> Headers:
    return [(b"x-amzn-errortype", f"{_name(spec)}:http://internal.amazon.com/coral/".encode())]


DIALECT = Dialect(
    name="bedrock",
    error=_error,
    headers=_headers,
    error_headers=_error_headers,
    key=lambda call: bearer(dict(call.headers)),
    unauthorized=lambda call: _denied("UnrecognizedClientException", _MESSAGES[401]),
    malformed=lambda call, detail: refused(400, f"Malformed input request: {detail}"),
    unknown_model=lambda call: refused(400, "The provided model identifier is invalid."),
)


def _denied(name: str, message: str) -> Refused:
    return refused(403, message, type=name)


def routes(config: Aws) -> Route:
    """The endpoints, for these keys."""
    admit = _admission(config)
    invoke = Endpoint(DIALECT, _invoke, question.last_text, _check, admit=admit)
    streamed = Endpoint(DIALECT, _streamed, question.last_text, _check, admit=admit)
    count = Endpoint(DIALECT, _count, _counted_text, _check_count, admit=admit)
    actions = {"invoke": invoke, "invoke-with-response-stream": streamed, "count-tokens": count}
    messages = {
        rest: Endpoint(DIALECT, found.answer, found.last_text, found.validate, admit=admit)
        for _, rest, found in anthropic.ENDPOINTS
    }
    nowhere = Endpoint(DIALECT, _nowhere, body="none", admit=admit)

    def route(call: Call, rest: str) -> Endpoint:
        if found := _MESSAGES_PATH.fullmatch(rest):
            return messages[found["rest"]]
        found = _PATH.fullmatch(call.raw_path.removeprefix("/aws"))
        if found is None or call.method != "POST" or found["action"] not in actions:
            return nowhere
        call.model = unquote(found["model"])
        return actions[found["action"]]

    return route


def _nowhere(call: Call) -> Reply:
    raise refused(404, "UnknownOperationException", type="UnknownOperationException")


def _admission(config: Aws) -> Callable[[Call], None]:
    keys = {key.access_key_id: key for key in config.keys}

    def admit(call: Call) -> None:
        if "authorization" not in call.headers:
            raise _denied("MissingAuthenticationTokenException", "Missing Authentication Token")
        key = bearer(dict(call.headers))
        if key is not None:
            if key not in config.api_keys:
                raise _denied("AccessDeniedException", "Authentication failed: invalid API key.")
            return
        asked = sigv4.Asked(call.method, call.raw_path, call.raw_query, call.headers, call.body)
        try:
            sigv4.check(asked, keys, config.region, "bedrock", datetime.now(UTC))
        except sigv4.NotSigned as wrong:
            raise _denied(wrong.name, str(wrong)) from None

    return admit


def _check(call: Call) -> None:
    """The envelope, then what Anthropic checks."""
    body = call.json
    for name in ("model", "stream"):
        if name in body:
            said = f"#: extraneous key [{name}] is not permitted"
            raise refused(400, f"Malformed input request: {said}, please reformat your input.")
    if body.get("anthropic_version") != VERSION:
        said = "#: required key [anthropic_version] not found"
        raise refused(400, f"Malformed input request: {said}, please reformat your input.")
    flags = body.get("anthropic_beta", [])
    if not isinstance(flags, list) or not KNOWN_BETAS.issuperset(flags):
        said = "The model returned the following errors: invalid beta flag"
        raise refused(400, said)
    validate.messages(_as_messages(call, streamed=False))


def _as_messages(call: Call, *, streamed: bool) -> Call:
    """The call as it would have come to Anthropic."""
    own = ("anthropic_version", "anthropic_beta")
    body = {name: value for name, value in call.json.items() if name not in own}
    model = call.model.rpartition("/")[2].rpartition("anthropic.")[2]
    inner = Call(
        call.method,
        call.path,
        call.query,
        {**call.headers, "anthropic-version": "2023-06-01"},
        call.body,
        call.request_id,
        {**body, "model": model, **({"stream": True} if streamed else {})},
        model,
        script=call.script,
    )
    inner.raw_path, inner.raw_query = call.raw_path, call.raw_query
    return inner


def _messages(call: Call, *, streamed: bool) -> Reply | Stream:
    return anthropic.ENDPOINTS[0][2].answer(_as_messages(call, streamed=streamed))


def _invoke(call: Call) -> Reply:
    made = _messages(call, streamed=False)
    assert isinstance(made, Reply)
    usage: dict[str, Any] = orjson.loads(made.body).get("usage") or {}
    counts = [
        (b"x-amzn-bedrock-input-token-count", str(usage.get("input_tokens", 0)).encode()),
        (b"x-amzn-bedrock-output-token-count", str(usage.get("output_tokens", 0)).encode()),
    ]
    headers = [(b"content-type", b"application/json"), *_headers(call), *counts]
    return Reply(made.status, headers, made.body)


def _streamed(call: Call) -> Stream:
    made = _messages(call, streamed=True)
    assert isinstance(made, Stream)
    events = [_frame(event, call) for event in made.events if event != PING]
    if (at := call.script.bad_frame_at) is not None and at < len(events):
        events[at] = frames.damaged(events[at])
    headers = [*_STREAM, *_headers(call)]
    return Stream(headers, events, made.terminal, _failure, ping=None, sse=False)


def _frame(event: bytes, call: Call) -> bytes:
    data = event.partition(b"data: ")[2].rstrip(b"\n")
    if data.startswith(b'{"type":"message_stop"'):
        metrics = {"inputTokenCount": 1, "outputTokenCount": 1, "invocationLatency": 9}
        data = orjson.dumps({**orjson.loads(data), "amazon-bedrock-invocationMetrics": metrics})
    return frames.chunk(data)


def _failure(spec: StreamErrorSpec, at: int) -> list[bytes]:
    name = spec.type if spec.type and spec.type.endswith("Exception") else _name(spec)
    said = spec.message or _MESSAGES.get(spec.status, "The request failed.")
    return [frames.exception(name[:1].lower() + name[1:], said)]


def _invocation(call: Call) -> dict[str, Any]:
    """The request inside a question for a number of tokens. Raises Refused."""
    try:
        text = call.json["input"]["invokeModel"]["body"]
        inner = orjson.loads(base64.b64decode(text, validate=True))
    except (KeyError, TypeError, binascii.Error, orjson.JSONDecodeError):
        raise refused(400, "Malformed input request: input.invokeModel.body") from None
    if not isinstance(inner, dict):
        raise refused(400, "Malformed input request: input.invokeModel.body")
    return inner


def _counted_text(call: Call) -> str:
    try:
        call = Call(call.method, call.path, {}, {}, b"", "", _invocation(call))
    except Refused:
        return ""
    return question.last_text(call)


def _check_count(call: Call) -> None:
    if _PROFILE.match(call.model):
        raise refused(400, "The provided model doesn't support counting tokens.")
    call.json = _invocation(call)
    _check(call)


def _count(call: Call) -> Reply:
    body = call.json if "messages" in call.json else _invocation(call)
    said = call.script.usage.input
    tokens = question.input_tokens(body) if said is None else said
    headers = [(b"content-type", b"application/json"), *_headers(call)]
    return Reply(200, headers, orjson.dumps({"inputTokens": tokens}))
