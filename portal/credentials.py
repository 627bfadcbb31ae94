"""Who is asking: the key, from wherever a client put it, and whether it may be used now.

Strategy: every form is accepted on every door. SDKs send several at once, so the first that looks
like one of ours wins; the order is the door's own vendor's first. A text that fails the checksum is
refused without asking any store.

Rules:
- Refused in the ledger's order: unknown, disabled, expired; then the network.
- The client's address is the last entry of x-forwarded-for, which our Envoy appended, and only when
  the peer is that Envoy; anybody else's word about it counts nothing.
"""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, APIKeyQuery, HTTPBearer

from ledger.keys import KeyHandle, parse
from ledger.model import KeyFacts
from portal.dialects import Dialect
from portal.refusals import Kind, Refusal
from portal.requests import dialect_of_request, services_of
from portal.settings import Network

_FIRST: Mapping[Dialect, tuple[str, ...]] = {
    Dialect.ANTHROPIC: ("x-api-key", "authorization"),
    Dialect.OPENAI: ("authorization",),
    Dialect.GEMINI: ("x-goog-api-key", "key"),
}
FORMS = ("x-api-key", "authorization", "x-goog-api-key", "api-key", "key")
_CHALLENGE = {"www-authenticate": "Bearer"}  # RFC 9110, 11.6.1: a 401 names a scheme

# For the API's description; what is sent is read below, all forms at once.
_schemes = (
    APIKeyHeader(name="x-api-key", scheme_name="x-api-key", auto_error=False),
    HTTPBearer(scheme_name="bearer", auto_error=False),
    APIKeyHeader(name="x-goog-api-key", scheme_name="x-goog-api-key", auto_error=False),
    APIKeyQuery(
        name="key",
        scheme_name="key",
        auto_error=False,
        description="Only where a header cannot be set: an address is easily shown to others.",
    ),
)


@dataclass(frozen=True, slots=True)
class Caller:
    """A key that may be used now."""

    handle: KeyHandle
    facts: KeyFacts


async def authenticated(request: Request) -> Caller:
    """The caller. Raises Refusal: 401, or 403 for the network. Nothing is looked at before."""
    services = services_of(request)
    handle = _find(request, services.catalog.key_prefixes)
    now_ms = services.now_ms()
    facts = await services.ledger.authenticate(handle, now_ms)
    if facts is None:
        raise _unauthenticated("The API key is not known here, or was deleted.")
    if facts.disabled:
        raise _unauthenticated("The API key is disabled.")
    if facts.expires_at_ms is not None and facts.expires_at_ms <= now_ms:
        raise _unauthenticated(f"The API key has expired{_on(facts.expires_at_ms)}.")
    if facts.networks and not _within(_client(request), facts.networks):
        raise Refusal(Kind.PERMISSION, "This API key may not be used from this network address.")
    request.state.key_id = facts.key_id
    return Caller(handle, facts)


async def _documented(
    x_api_key: Annotated[object, Security(_schemes[0])],
    bearer: Annotated[object, Security(_schemes[1])],
    x_goog_api_key: Annotated[object, Security(_schemes[2])],
    key: Annotated[object, Security(_schemes[3])],
) -> None:
    """Puts the four forms into the API's description."""


SignedIn = Annotated[Caller, Depends(authenticated)]
DOCUMENTED = Depends(_documented)


def _find(request: Request, prefixes: Sequence[str]) -> KeyHandle:
    offered = False
    for text in _offered(request):
        offered = True
        handle = parse(text, prefixes)
        if handle is not None:
            return handle
    if offered:
        raise _unauthenticated(
            "The API key is not valid: it is not a key of this gateway, or it was not copied whole."
        )
    raise _unauthenticated(
        "No API key was sent. Send it as `x-api-key`, `Authorization: Bearer`, `x-goog-api-key` or "
        "the query parameter `key`."
    )


def _offered(request: Request) -> Iterator[str]:
    first = _FIRST[dialect_of_request(request)]
    for form in (*first, *(form for form in FORMS if form not in first)):
        source = request.query_params if form == "key" else request.headers
        for value in source.getlist(form):
            if value.strip():
                yield _bare(value) if form == "authorization" else value.strip()


def _bare(value: str) -> str:
    """The credential of an Authorization header; some clients leave the scheme out."""
    scheme, _, rest = value.strip().partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else value.strip()


def _unauthenticated(message: str) -> Refusal:
    return Refusal(Kind.AUTHENTICATION, message, headers=_CHALLENGE)


def _on(at_ms: int) -> str:
    try:
        return f" on {datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d at %H:%M UTC}"
    except (ValueError, OverflowError, OSError):  # a date that no calendar has
        return ""


def _client(request: Request) -> str | None:
    """The client's address; None when nobody trustworthy says."""
    peer = request.client.host if request.client else None
    if not is_trusted(peer, services_of(request).settings.trusted_proxies):
        return peer
    forwarded = request.headers.getlist("x-forwarded-for")
    if not forwarded:
        return peer
    return forwarded[-1].rpartition(",")[2].strip()


def is_trusted(peer: str | None, proxies: Sequence[Network]) -> bool:
    """Whether the peer is our Envoy. A Unix socket has no address: only this machine reaches it."""
    if not peer:
        return True
    address = _address(peer)
    return address is not None and any(address in network for network in proxies)


def _within(client: str | None, networks: Sequence[str]) -> bool:
    address = _address(client) if client else None
    if address is None:
        return False
    return any(address in network for network in map(_network, networks) if network is not None)


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None  # allows nobody


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
