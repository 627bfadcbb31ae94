"""Nothing below /manage is reached without a token: not a route, not a 405, not a body.

Where no token is configured there is no management: every such path is 404. This stands before the
routes, as a framework reads the body and judges the method before it asks who it is. Bodies are
small here and for credits; a larger one is refused before it is held.
"""

from collections.abc import MutableMapping
from typing import Any

from fastapi import Request
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from portal.dialects import MANAGEMENT
from portal.failures import answer
from portal.help import no_such_path
from portal.refusals import Kind, Refusal
from portal.requests import services_of

MAX_BODY_BYTES = 256 * 1024  # the largest request here is a list of patterns
_CHALLENGE = {"www-authenticate": "Bearer"}
_WRONG = "The admin token is missing or wrong: send it as `Authorization: Bearer`."


class Guard:
    """ASGI middleware, inside of the envelope."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"].partition("/")[2].partition("/")[0] == MANAGEMENT:
            refusal = _judge(Request(scope))
            if refusal is not None:
                await answer(Request(scope), refusal)(scope, receive, send)
                return
        await self._app(scope, _bounded(scope, receive), send)


def _judge(request: Request) -> Refusal | None:
    """The refusal, or None: the name of the token is in the request's state then."""
    admins = services_of(request).admins
    if not admins.configured:
        return Refusal(Kind.NOT_FOUND, no_such_path(request.scope["path"]))
    scheme, _, token = request.headers.get("authorization", "").strip().partition(" ")
    name = admins.name_of(token.strip()) if scheme.lower() == "bearer" else None
    if name is None:
        return Refusal(Kind.AUTHENTICATION, _WRONG, headers=_CHALLENGE)
    request.state.admin = name
    return None


def _bounded(scope: Scope, receive: Receive) -> Receive:
    """Reads no more of a body than a request here can have."""
    declared = Headers(scope=scope).get("content-length", "0")
    seen = int(declared) if declared.isascii() and declared.isdigit() else 0
    if seen <= MAX_BODY_BYTES:
        seen = 0

    async def bounded() -> MutableMapping[str, Any]:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > MAX_BODY_BYTES:
            raise HTTPException(413)
        return message

    return bounded
