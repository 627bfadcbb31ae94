"""A Gemini client's requests, put together from pieces."""

import base64
from typing import Any

import orjson

from translators.canonical.request import (
    Request,
    Turn,
)
from translators.gemini import PROTOCOL

Json = dict[str, Any]
HI: Json = {"role": "user", "parts": [{"text": "hi"}]}
OWN = base64.b64encode(b"\xfb\xff\xfe own").decode()


def decode(**fields: Any) -> Request:
    body = {"contents": [HI], **fields}
    return PROTOCOL.decode_request(orjson.dumps(body))


def turns(*contents: Any) -> tuple[Turn, ...]:
    return decode(contents=list(contents)).turns


def user(*parts: Json) -> Json:
    return {"role": "user", "parts": list(parts)}


def model(*parts: Json) -> Json:
    return {"role": "model", "parts": list(parts)}


def losses(request: Request) -> list[str]:
    return [str(loss) for loss in request.losses]


PNG = "iVBORw0KGgo="


def call(name: str, args: Any = None, **more: Any) -> Json:
    return {"functionCall": {"name": name, "args": args or {}, **more}}


def result(name: str, response: Json, **more: Any) -> Json:
    return {"functionResponse": {"name": name, "response": response, **more}}
