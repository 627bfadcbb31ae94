"""Who is asking, and may they: keys from every place clients put them, networks, verdicts.

If several keys arrive (SDKs send both Authorization and x-api-key), the first that looks like one
of ours wins. A text that fails the checksum is refused without asking any store.
"""

import ipaddress
from collections.abc import Sequence

from extproc.doors import Opened
from ledger.keys import KeyHandle, parse
from ledger.model import KeyFacts, Verdict
from translators.canonical.failure import Failure, Kind

CREDENTIAL_HEADERS = ("x-api-key", "authorization", "x-goog-api-key", "api-key")
_HOW = (
    "Send it as `x-api-key`, `Authorization: Bearer`, `x-goog-api-key` or the query "
    "parameter `key`."
)


def find_key(
    headers: dict[str, str], query_key: str | None, prefixes: Sequence[str]
) -> KeyHandle | Failure:
    """The caller's key, or the 401 that says what is wrong with what was sent."""
    offered = [value for name in CREDENTIAL_HEADERS if (value := headers.get(name))]
    if query_key:
        offered.append(query_key)
    if not offered:
        return Failure(Kind.AUTHENTICATION, f"No API key was sent. {_HOW}")
    for text in offered:
        handle = parse(_bare(text), prefixes)
        if handle is not None:
            return handle
    return Failure(
        Kind.AUTHENTICATION,
        "The API key is not valid: it is not a key of this gateway, or it was not copied whole.",
    )


def is_key(text: str, handle: KeyHandle | None, prefixes: Sequence[str]) -> bool:
    """True when `text` is the key that was found."""
    return handle is not None and parse(_bare(text), prefixes) == handle


def _bare(text: str) -> str:
    scheme, _, rest = text.strip().partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else text.strip()


def judge(facts: KeyFacts | None, client: str | None, now_ms: int) -> Failure | None:
    """The refusal that the facts of a key call for, if any, in the ledger's order of precedence."""
    if facts is None:
        return refusal(Verdict.UNKNOWN_KEY)
    if facts.disabled:
        return refusal(Verdict.DISABLED)
    if facts.expires_at_ms is not None and facts.expires_at_ms <= now_ms:
        return refusal(Verdict.EXPIRED)
    if facts.networks and not _within(client, facts.networks):
        return Failure(Kind.PERMISSION, "This API key may not be used from this network address.")
    return None


def refusal(verdict: Verdict, retry_after_ms: int | None = None) -> Failure | None:
    """A verdict as the failure that the caller sees. None: admitted."""
    retry_after_s = None if retry_after_ms is None else retry_after_ms / 1000
    match verdict:
        case Verdict.ADMITTED:
            return None
        case Verdict.UNKNOWN_KEY:
            return Failure(Kind.AUTHENTICATION, "The API key is not known here, or was deleted.")
        case Verdict.DISABLED:
            return Failure(Kind.AUTHENTICATION, "The API key is disabled.")
        case Verdict.EXPIRED:
            return Failure(Kind.AUTHENTICATION, "The API key has expired.")
        case Verdict.DUPLICATE:
            return Failure(Kind.INVALID_REQUEST, "This request id was settled already.", status=409)
        case Verdict.INSUFFICIENT_CREDIT:  # extproc/billing.py has the figures
            return Failure(Kind.CREDIT, "The credit does not cover this request.")
        case Verdict.OVER_LIMIT:
            return Failure(Kind.RATE_LIMITED, "A limit is reached.", retry_after_s=retry_after_s)


def _within(client: str | None, networks: Sequence[str]) -> bool:
    if client is None:
        return False
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in ipaddress.ip_network(network, strict=False) for network in networks)


def client_address(headers: dict[str, str]) -> str | None:
    """The peer that our edge saw; elsewhere the last entry of x-forwarded-for, Envoy's own."""
    if peer := headers.get("x-clavis-client"):
        return peer
    forwarded = headers.get("x-forwarded-for")
    return forwarded.rpartition(",")[2].strip() if forwarded else None


def dialect_of(opened: Opened, headers: dict[str, str]) -> str:
    """The dialect in which to refuse. On doors shared by all, the vendor's own headers tell."""
    if opened.door.surface is not None or opened.door.protocol != "openai_chat":
        return opened.door.protocol
    if "anthropic-version" in headers:
        return "anthropic"
    if opened.query_key or "x-goog-api-key" in headers:
        return "gemini"
    return opened.door.protocol
