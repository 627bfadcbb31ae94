"""What every answer has in common, outside of everything else.

- The request id, as `x-request-id` and `request-id`: Envoy's, or a new one.
- `nosniff`, and `no-store` unless the answer says otherwise: lists depend on the key.
- HEAD is GET without the body; a slash at the end of a path means nothing.
- One log line without path, query, address or header: the route's template says enough, and
  whatever a caller typed may be a key in the wrong place.
"""

import re
import time
from collections.abc import MutableMapping
from typing import Any
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_QUIET = frozenset({"/healthz", "/readyz"})  # asked every few seconds; only failures are news

log = structlog.get_logger("portal")


class Envelope:
    """ASGI middleware; the outermost, so that it also dresses the answer to a defect of ours."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope))
        scope.setdefault("state", {})["request_id"] = request_id
        is_head = scope["method"] == "HEAD"
        if is_head:
            scope["method"] = "GET"
        scope["path"] = _without_last_slash(scope["path"])
        answer = _Answer(send, request_id, is_head)
        began = time.perf_counter()
        try:
            await self._app(scope, receive, answer.send)
        finally:
            _tell(scope, answer.status, time.perf_counter() - began)


class _Answer:
    """Passes messages on to the server, dressed."""

    def __init__(self, send: Send, request_id: str, is_head: bool) -> None:
        self._send = send
        self._request_id = request_id
        self._is_head = is_head
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._dress(message)
        elif message["type"] == "http.response.body" and self._is_head:
            message = {**message, "body": b""}
        await self._send(message)

    def _dress(self, message: MutableMapping[str, Any]) -> None:
        headers = MutableHeaders(scope=message)
        headers["x-request-id"] = headers["request-id"] = self._request_id
        headers["x-content-type-options"] = "nosniff"
        headers.setdefault("cache-control", "no-store")


def _request_id(headers: Headers) -> str:
    """Envoy's id: it has replaced whatever the client sent. Anything odd is not from it."""
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else str(uuid4())


def _without_last_slash(path: str) -> str:
    return path.rstrip("/") or "/"


def _tell(scope: Scope, status: int | None, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", None)
    if route in _QUIET and status is not None and status < 400:
        return
    log.info(
        "request",
        request_id=scope["state"]["request_id"],
        method=scope["method"],
        route=route,
        status=status,
        key_id=scope["state"].get("key_id"),
        admin=scope["state"].get("admin"),
        duration_ms=round(seconds * 1000, 1),
    )
