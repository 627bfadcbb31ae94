"""Claude in Amazon Bedrock by InvokeModel.

    /model/{modelId}/invoke
    /model/{modelId}/invoke-with-response-stream
    /model/{modelId}/count-tokens

Model and streaming stand in the path, the version and the flags in the body. The id is escaped
whole, as AWS's own SDKs do: it may be an ARN with slashes. A stream comes in frames of AWS's own
(extproc/wires/eventstream.py), each with one of Anthropic's events in base64; errors have a name in
a header. Both leave here in Anthropic's words.
Sources: docs.aws.amazon.com/bedrock/latest/APIReference, API_runtime_InvokeModel,
API_runtime_InvokeModelWithResponseStream, API_runtime_CountTokens; anthropic 2.11 (lib/bedrock).
"""

import base64
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from extproc.wires import bedrock_errors, betas
from extproc.wires.anthropic_error import error_event
from extproc.wires.envelope import Envelope, Letter, Sealed
from extproc.wires.eventstream import EventStream, Message
from translators import members
from translators.protocol import NotUnderstood

if TYPE_CHECKING:
    from catalog import Wire

VERSION = "bedrock-2023-05-31"
MEDIA_TYPE = "application/vnd.amazon.eventstream"

# Said in the path or said anew; what a caller says of them is not heeded.
_SAID = ("anthropic_beta", "anthropic_version", "model", "stream")

# Tokens are counted for models, not for the inference profiles that lead to them.
_PROFILE = re.compile(r"^(?:[a-z]{2,6}(?:-gov)?)\.(?=anthropic\.)")

_TYPE = re.compile(r"[A-Za-z0-9_.-]{1,64}")

# InvokeModel insists on a limit of the answer; counting gives none.
_SOME_TOKENS = 1024


def _seal(wire: "Wire", letter: Letter) -> Sealed:
    if letter.model in ("", ".", ".."):
        raise NotUnderstood("There is no model with this name.", param="model")
    flags, losses = betas.kept(letter.betas, wire.betas)
    said: dict[str, Any] = {"anthropic_version": VERSION}
    if flags:
        said["anthropic_beta"] = flags
    if letter.counts:
        action, model = "count-tokens", _PROFILE.sub("", letter.model)
        body = _to_count(letter.body, said)
    else:
        action = "invoke-with-response-stream" if letter.streamed else "invoke"
        model = letter.model
        body = members.with_first(members.without(letter.body, _SAID), said)
    return Sealed(
        path=f"/{quote(model, safe='')}/{action}",
        body=body,
        headers={"content-type": "application/json", "accept": "application/json"},
        removed=("anthropic-version", betas.HEADER),
        losses=losses,
    )


def _to_count(body: bytes, said: dict[str, Any]) -> bytes:
    request: dict[str, Any] = orjson.loads(body)
    asked = {key: value for key, value in request.items() if key not in _SAID}
    thinking = asked.get("thinking")
    budget = thinking.get("budget_tokens") if isinstance(thinking, dict) else None
    least = _SOME_TOKENS + (budget if isinstance(budget, int) else 0)
    invocation = orjson.dumps({**said, "max_tokens": least, **asked})
    inner = base64.b64encode(invocation).decode()
    return orjson.dumps({"input": {"invokeModel": {"body": inner}}})


def _headers(headers: dict[str, str]) -> dict[str, str]:
    seen = dict(headers)
    if seen.get("content-type", "").startswith(MEDIA_TYPE):
        seen["content-type"] = "text/event-stream; charset=utf-8"
    if (own := seen.get("x-amzn-requestid")) is not None:
        seen["request-id"] = own
    return seen


def _whole(body: bytes) -> bytes:
    """A count as Anthropic gives it; a message is one already."""
    if not body.lstrip().startswith(b'{"inputTokens"'):
        return body
    try:
        tokens = orjson.loads(body).get("inputTokens")
    except orjson.JSONDecodeError:
        return body
    return orjson.dumps({"input_tokens": tokens})


class Frames:
    """The frames of a response stream, as Anthropic's events. After an error nothing more is
    said."""

    __slots__ = ("_is_over", "_stream")

    def __init__(self) -> None:
        self._stream = EventStream()
        self._is_over = False

    def feed(self, data: bytes) -> bytes:
        if self._is_over:
            return b""
        said: list[bytes] = []
        for message in self._stream.feed(data):
            said.append(self._said(message))
            if self._is_over:
                return b"".join(said)
        if self._stream.is_damaged:
            said.append(self._damaged())
        return b"".join(said)

    def close(self) -> bytes:
        """Nothing: whether the answer is whole is told by its last event, not by the frames."""
        return b""

    def _said(self, message: Message) -> bytes:
        if message.headers.get(":message-type") != "event":
            self._is_over = True
            return bedrock_errors.event(message)
        if message.headers.get(":event-type") != "chunk":
            return b""
        event = _event(message.payload)
        return self._damaged() if event is None else event

    def _damaged(self) -> bytes:
        self._is_over = True
        return error_event("api_error", "The upstream's stream was damaged on its way.")


def _event(payload: bytes) -> bytes | None:
    """One of Anthropic's events out of a chunk; nothing for what has no type; None where there is
    no JSON in it."""
    try:
        inner = base64.b64decode(orjson.loads(payload)["bytes"], validate=True)
        parsed = orjson.loads(inner)
    except (KeyError, TypeError, ValueError):
        return None
    kind = parsed.get("type") if isinstance(parsed, dict) else None
    if not isinstance(kind, str) or not _TYPE.fullmatch(kind):
        return b""
    # Line ends in JSON are white space between its tokens.
    line = inner if b"\n" not in inner and b"\r" not in inner else orjson.dumps(parsed)
    return b"event: " + kind.encode() + b"\ndata: " + line + b"\n\n"


ENVELOPE = Envelope(
    _seal, headers=_headers, framing=Frames, refusal=bedrock_errors.refusal, whole=_whole
)
