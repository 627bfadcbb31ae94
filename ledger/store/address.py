"""Where a Redis is and how to get in: the URL forms that redis-py and redis-cli understand.

redis://[user:password@]host[:port][/db]        rediss://…  (TLS, system trust store,
unix://[user:password@]/path[?db=N]                          or ?ssl_ca_certs=FILE)
"""

import ssl
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from ledger.errors import BadUrl

DEFAULT_PORT = 6379


@dataclass(frozen=True, slots=True)
class Address:
    """One Redis. `path` is set for a Unix socket, else `host` and `port` are."""

    host: str = "localhost"
    port: int = DEFAULT_PORT
    path: str | None = None
    db: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    ca_file: str | None = None

    def __str__(self) -> str:
        """For logs: without credentials."""
        return f"unix:{self.path}" if self.path else f"{self.host}:{self.port}"

    def tls_context(self) -> ssl.SSLContext | None:
        return ssl.create_default_context(cafile=self.ca_file) if self.tls else None


def parse_address(url: str) -> Address:
    """Raises BadUrl; the message never repeats the URL, which may carry a password."""
    try:
        parts = urlsplit(url)
        options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        port = parts.port or DEFAULT_PORT
        in_path = parts.path.strip("/") if parts.scheme != "unix" else ""
        db = int(options.get("db") or in_path or 0)
    except ValueError:
        raise BadUrl("not a Redis URL: port and database are numbers") from None
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise BadUrl("a Redis URL begins with redis://, rediss:// or unix://")
    if parts.scheme == "unix" and not parts.path:
        raise BadUrl("a unix:// URL names the path of a socket")
    return Address(
        host=parts.hostname or "localhost",
        port=port,
        path=unquote(parts.path) if parts.scheme == "unix" else None,
        db=db,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        tls=parts.scheme == "rediss",
        ca_file=options.get("ssl_ca_certs"),
    )
