"""The ASGI application: one root, every provider's natural paths, told apart by path and headers.

The order for a call is the providers' own: route, key, body, then what the script says (an error, a
page of HTML, a closed door), then the provider's strictness, then the answer. Imports nothing of
the gateway: the simulator must not share its mistakes.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.types import Receive, Scope, Send

from simulator.body import read_body
from simulator.call import Call, Dialect, Endpoint, Headers, Refused, Reply, Stream
from simulator.choose import Queues, choose
from simulator.clouds import Clouds
from simulator.clouds.config import CloudConfig
from simulator.delivery import Delivery
from simulator.ids import new_id
from simulator.log import Entry, RequestLog
from simulator.names import UNKNOWN
from simulator.routes import route
from simulator.script import BadScript, ErrorSpec, RawAnswer

# Anthropic's limit is 32 MB; a little more, because a gateway may lengthen a model's name
MAX_BODY_BYTES = 33 * 1024 * 1024
JSON: Headers = [(b"content-type", b"application/json")]
HTML = RawAnswer(
    content_type="text/html; charset=utf-8",
    body="<!DOCTYPE html><html><head><title>Just a moment...</title></head><body></body></html>",
)


class _TooLarge(Exception):
    """The body is over the limit; the rest of it is not read."""


class Simulator:
    """The application and its memory: keys it accepts (none: any), the log, the queues of
    scripts."""

    def __init__(
        self,
        api_keys: Iterable[str] = (),
        max_body_bytes: int = MAX_BODY_BYTES,
        clouds: CloudConfig | None = None,
    ) -> None:
        self.api_keys = frozenset(api_keys)
        self.clouds = Clouds(clouds or CloudConfig())
        self.max_body_bytes = max_body_bytes
        self.log = RequestLog()
        self.queues = Queues()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI. A websocket scope never comes: the server runs without, so an upgrade is a plain
        GET."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if path.startswith("/_sim/"):
            await self._control(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        call = Call(scope["method"], path, dict(query), headers, b"", new_id("req_"))
        call.raw_path = scope.get("raw_path", path.encode()).decode("latin-1")
        call.raw_query = scope["query_string"].decode("latin-1")
        entry = self.log.open(call.request_id, call.method, path, query, headers.items())
        delivery = Delivery(receive, send, entry)
        endpoint = self.clouds.route(call) or route(call)
        answer: Reply | Stream | None
        try:
            call.body = await _read(receive, self.max_body_bytes)
            self.log.body(entry, call.body)
            answer = self._answer(call, entry, endpoint)
        except _TooLarge:
            answer = _failed(endpoint.dialect, ErrorSpec(status=413), call)
        except BadScript as error:
            answer = _failed(endpoint.dialect, ErrorSpec(status=400, message=str(error)), call)
        except Refused as refusal:
            answer = _failed(endpoint.dialect, refusal.spec, call)
        if answer is None:
            await delivery.drop()
        elif isinstance(answer, Stream):
            await delivery.stream(answer, call.script)
        else:
            await delivery.reply(answer, call.script)

    def _answer(self, call: Call, entry: Entry, endpoint: Endpoint) -> Reply | Stream | None:
        """The answer; None closes the connection without one. Raises Refused, BadScript."""
        dialect = endpoint.dialect
        call.key = dialect.key(call)
        if endpoint.admit is not None:
            endpoint.admit(call)
        elif not call.key or (self.api_keys and call.key not in self.api_keys):
            raise dialect.unauthorized(call)
        read_body(call, endpoint)
        entry.model = call.model
        script = call.script = choose(call, self.queues, endpoint.last_text)
        if script.drop:
            return None
        if script.error is not None:
            raise Refused(script.error)
        if script.html or script.raw is not None:
            return _raw(script.raw or HTML, call, dialect)
        if call.model.startswith(UNKNOWN):
            raise dialect.unknown_model(call)
        if endpoint.validate is not None and not script.lenient:
            endpoint.validate(call)
        answer = endpoint.answer(call)
        if script.headers:
            answer.headers = [*answer.headers, *_encoded(script.headers)]
        return answer

    async def _control(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The /_sim/ endpoints: requests, scripts, health."""
        body = await _read(receive, self.max_body_bytes)
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        status, shown = self._controlled(scope["method"], scope["path"], query, body)
        data = orjson.dumps(shown)
        headers = [*JSON, (b"content-length", str(len(data)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": data})

    def _controlled(
        self, method: str, path: str, query: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, Any]]:
        match (method, path.removeprefix("/_sim/")):
            case ("GET", "health"):
                return 200, {"status": "ok"}
            case ("GET", "requests"):
                return 200, {"requests": self.log.find(query)}
            case ("DELETE", "requests"):
                self.log.clear()
            case ("POST", "scripts"):
                try:
                    self.queues.add(body)
                except BadScript as error:
                    return 400, {"error": str(error)}
            case ("DELETE", "tokens"):
                self.clouds.tokens.revoke()
            case ("DELETE", "scripts"):
                self.queues.clear()
            case ("GET", "scripts"):
                pass
            case _:
                return 404, {"error": f"no {method} {path}"}
        return 200, {"ok": True, "scripts_left": self.queues.left()}


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _read(receive: Receive, limit: int) -> bytes:
    message = await receive()
    if not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        if len(body) > limit:
            raise _TooLarge
        return body
    pieces, size = [], 0
    while message["type"] == "http.request":
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > limit:
            raise _TooLarge
        if not message.get("more_body", False):
            break
        message = await receive()
    return b"".join(pieces)


def _encoded(headers: dict[str, str]) -> Headers:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def _failed(dialect: Dialect, spec: ErrorSpec, call: Call) -> Reply:
    headers = [*dialect.headers(call), *dialect.error_headers(spec), *_encoded(spec.headers)]
    return Reply(spec.status, [*JSON, *headers], dialect.error(spec, call.request_id))


def _raw(raw: RawAnswer, call: Call, dialect: Dialect) -> Reply:
    headers = [(b"content-type", raw.content_type.encode()), *dialect.headers(call)]
    return Reply(raw.status, [*headers, *_encoded(raw.headers)], raw.body.encode())


app = Simulator()
