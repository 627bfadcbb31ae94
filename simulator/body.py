"""Reading a request body: JSON objects and multipart forms, into `call.json` and `call.files`."""

import re
from typing import Any

import orjson

from simulator.call import Call, Endpoint

_NAME = re.compile(rb'name="([^"]*)"')
_FILENAME = re.compile(rb'filename="([^"]*)"')


def read_body(call: Call, endpoint: Endpoint) -> None:
    """Fills `call.json` (and `files`, `model`). Raises Refused in the provider's words."""
    if endpoint.body == "none":
        return
    if endpoint.body == "form":
        _read_form(call, endpoint)
    else:
        try:
            value = orjson.loads(call.body)
        except orjson.JSONDecodeError as error:
            raise endpoint.dialect.malformed(call, str(error)) from None
        if not isinstance(value, dict):
            raise endpoint.dialect.malformed(call, "not an object")
        call.json = value
    if not call.model:
        model = call.json.get("model")
        call.model = model if isinstance(model, str) else ""


def _read_form(call: Call, endpoint: Endpoint) -> None:
    """multipart/form-data (RFC 7578): repeated fields and names ending in [] become lists."""
    content_type = call.headers.get("content-type", "")
    match = re.search(r'boundary="?([^";]+)"?', content_type)
    if not content_type.startswith("multipart/form-data") or match is None:
        raise endpoint.dialect.malformed(call, "expected multipart/form-data with a boundary")
    mark = b"--" + match[1].encode()
    sections = (b"\r\n" + call.body).split(b"\r\n" + mark)
    if len(sections) < 2 or not sections[-1].startswith(b"--"):
        raise endpoint.dialect.malformed(call, "the form has no closing boundary")
    fields: dict[str, Any] = {}
    for section in sections[1:-1]:
        head, _, content = section.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if name is None:
            raise endpoint.dialect.malformed(call, "a form part has no name")
        key = name[1].decode("utf-8", "replace").removesuffix("[]")
        if _FILENAME.search(head):
            call.files.setdefault(key, []).append(content)
        else:
            fields[key] = content.decode("utf-8", "replace")
    call.json = fields
