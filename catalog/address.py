"""A provider's base URL, taken apart once: where to connect, what to call it, what to put before
each path.

Only http and https, a host name or an IP literal, an optional port and an optional path prefix.
User information, queries and fragments are refused: a credential belongs in an account.
"""

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

from catalog.fields import is_host_name

_DEFAULT_PORT = {"http": 80, "https": 443}
_FORM = "write http://host[:port][/prefix] or https://..."


@dataclass(frozen=True, slots=True)
class Address:
    """`host` has no brackets; `authority` is what :authority and Host carry; `prefix` has no end
    slash."""

    tls: bool
    host: str
    port: int
    authority: str
    prefix: str
    is_ip: bool


@lru_cache(maxsize=4096)
def split_url(url: str) -> Address:
    """Take a base URL apart. Raises ValueError with a message that does not repeat the URL."""
    if not url.isascii() or any(character <= " " for character in url):
        raise ValueError(f"blanks and non-ASCII characters are not allowed: {_FORM}")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f"not a URL: {_FORM}") from None
    _refuse_extras(parts)
    host = parts.hostname or ""
    is_ip = _is_ip(host)
    if not is_ip and not is_host_name(host):
        raise ValueError(f"no usable host: {_FORM}")
    if port == 0:
        raise ValueError("port 0 cannot be connected to")
    tls = parts.scheme == "https"
    default = _DEFAULT_PORT[parts.scheme]
    shown = f"[{host}]" if ":" in host else host
    authority = shown if port in (None, default) else f"{shown}:{port}"
    return Address(tls, host, port or default, authority, parts.path.rstrip("/"), is_ip)


def _refuse_extras(parts: SplitResult) -> None:
    if parts.scheme not in _DEFAULT_PORT:
        raise ValueError(f"the scheme must be http or https: {_FORM}")
    if "@" in parts.netloc:
        raise ValueError("no user information in a base URL: put the credential into an account")
    if parts.query or parts.fragment:
        raise ValueError(f"no query and no fragment: {_FORM}")


def _is_ip(host: str) -> bool:
    try:
        return not getattr(ipaddress.ip_address(host), "scope_id", None)
    except ValueError:
        return False
