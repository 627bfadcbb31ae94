"""Neutral requests put together from pieces, and encoded for Gemini: every body is held to the
provider's stand-in."""

import base64
from typing import Any

import orjson

from simulator.signature import seal
from tests.translators.conformance.upstream import refusal
from translators.canonical.capabilities import DEFAULT_CAPABILITIES, Capabilities
from translators.canonical.parts import (
    Inline,
    Media,
    MediaKind,
    Part,
    Text,
)
from translators.canonical.request import (
    Request,
    Role,
    Tool,
    Turn,
)
from translators.canonical.sealed import Sealed
from translators.gemini import PROTOCOL

Json = dict[str, Any]
MODEL = "gemini-3.1-pro-preview"
SIGNATURE = seal("gemini", "hm")
OWN = Sealed("gemini", SIGNATURE)
FOREIGN = Sealed("claude", "Er8")
SENTINEL = base64.b64encode(b"skip_thought_signature_validator").decode()
HI = Turn(Role.USER, (Text("hi"),))
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
F = Tool("f", "d", SCHEMA)


def encode(
    *turns: Turn, given: Capabilities = DEFAULT_CAPABILITIES, **fields: Any
) -> tuple[Json, list[str]]:
    """The body, which the stand-in takes, and the losses."""
    request = Request(model=MODEL, turns=turns or (HI,), **fields)
    encoded = PROTOCOL.encode_request(request, given)
    assert encoded == PROTOCOL.encode_request(request, given), "the same bytes"
    path = PROTOCOL.request_path(MODEL, False)
    assert refusal("gemini", path, encoded.body) is None
    body: Json = orjson.loads(encoded.body)
    return body, [str(loss) for loss in encoded.losses]


def contents(*turns: Turn, **fields: Any) -> tuple[list[Json], list[str]]:
    body, losses = encode(*turns, **fields)
    return body["contents"], losses


def config(**fields: Any) -> tuple[Json, list[str]]:
    body, losses = encode(**fields)
    return body.get("generationConfig", {}), losses


def user(*parts: Part) -> Turn:
    return Turn(Role.USER, parts)


def assistant(*parts: Part) -> Turn:
    return Turn(Role.ASSISTANT, parts)


def system(*texts: str) -> Turn:
    return Turn(Role.SYSTEM, tuple(Text(text) for text in texts))


def said(role: str, *texts: str) -> Json:
    return {"role": role, "parts": [{"text": text} for text in texts]}


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB"
IMAGE = Media(MediaKind.IMAGE, Inline(PNG), "image/jpeg")
