"""What was received, in memory and bounded, for tests to read: GET /_sim/requests.

Credentials are kept and shown only as SHA-256 hashes; everything else is as it came, the body to
the byte.
"""

import base64
import hashlib
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson

MAX_ENTRIES = 2000
MAX_BODY_BYTES = 128 * 1024 * 1024  # all bodies together; the oldest entries go first

_SECRET_HEADERS = frozenset(
    {
        "authorization",
        "x-api-key",
        "x-goog-api-key",
        "api-key",
        "x-amz-security-token",
        "proxy-authorization",
        "cookie",
    }
)


@dataclass(slots=True)
class Entry:
    """One request and how its answer went. `end`: pending, complete, cut, dropped, disconnected."""

    id: str
    method: str
    path: str
    query: list[tuple[str, str]]
    headers: list[tuple[str, str]]
    body: bytes
    received_at_ms: int
    model: str = ""
    status: int | None = None
    events_sent: int = 0
    end: str = "pending"


def hashed(secret: str) -> str:
    """How a credential is shown."""
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()


def _header(name: str, value: str) -> str:
    if name not in _SECRET_HEADERS:
        return value
    scheme, _, token = value.partition(" ")
    if name.endswith("authorization") and token:
        return f"{scheme} {hashed(token)}"
    return hashed(value)


def shown_headers(headers: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Name and value pairs, credentials hashed."""
    return [[name, _header(name, value)] for name, value in headers]


def shown_query(query: Iterable[tuple[str, str]]) -> list[list[str]]:
    """The same for a query: `key` is Google's credential."""
    return [[name, hashed(value) if name == "key" else value] for name, value in query]


class RequestLog:
    """The last requests, newest last."""

    def __init__(
        self, max_entries: int = MAX_ENTRIES, max_body_bytes: int = MAX_BODY_BYTES
    ) -> None:
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._max_entries = max_entries
        self._max_body_bytes = max_body_bytes
        self._body_bytes = 0

    def open(
        self,
        id: str,
        method: str,
        path: str,
        query: list[tuple[str, str]],
        headers: Iterable[tuple[str, str]],
    ) -> Entry:
        """Notes a request whose body is not here yet."""
        entry = Entry(id, method, path, query, list(headers), b"", int(time.time() * 1000))
        self._entries[id] = entry
        if len(self._entries) > self._max_entries:
            self._forget_oldest()
        return entry

    def body(self, entry: Entry, body: bytes) -> None:
        """Adds the body; drops the oldest entries when all bodies are too much together."""
        entry.body = body
        if entry.id not in self._entries:
            return
        self._body_bytes += len(body)
        while self._body_bytes > self._max_body_bytes and len(self._entries) > 1:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        _, gone = self._entries.popitem(last=False)
        self._body_bytes -= len(gone.body)

    def clear(self) -> None:
        """Forgets everything."""
        self._entries.clear()
        self._body_bytes = 0

    def find(self, query: dict[str, str]) -> list[dict[str, Any]]:
        """Entries by `id` (ours, or an x-request-id that was sent), `model`, `path`; `last=N` at
        most."""
        found = [entry for entry in self._entries.values() if _fits(entry, query)]
        if query.get("last", "").isdigit():
            found = found[-int(query["last"]) :]
        return [render(entry) for entry in found]


def _fits(entry: Entry, query: dict[str, str]) -> bool:
    if query.get("model", entry.model) != entry.model:
        return False
    if query.get("path", entry.path) != entry.path:
        return False
    wanted = query.get("id")
    if wanted is None or wanted == entry.id:
        return True
    return any(
        name in ("x-request-id", "x-client-request-id") and value == wanted
        for name, value in entry.headers
    )


def render(entry: Entry) -> dict[str, Any]:
    """An entry as JSON: `body` parsed where it is JSON, `body_text` or `body_base64` as
    received."""
    shown: dict[str, Any] = {
        "id": entry.id,
        "received_at_ms": entry.received_at_ms,
        "method": entry.method,
        "path": entry.path,
        "query": shown_query(entry.query),
        "headers": shown_headers(entry.headers),
        "model": entry.model,
        "status": entry.status,
        "events_sent": entry.events_sent,
        "end": entry.end,
        "body_sha256": hashlib.sha256(entry.body).hexdigest(),
    }
    try:
        shown["body_text"] = entry.body.decode()
    except UnicodeDecodeError:
        shown["body_base64"] = base64.b64encode(entry.body).decode()
    try:
        shown["body"] = orjson.loads(entry.body)
    except orjson.JSONDecodeError:
        shown["body"] = None
    return shown
