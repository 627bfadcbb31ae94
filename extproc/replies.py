"""Headers of what we answer and of what we send on: which pass, which stay behind, which are ours.

Upstream-bound: everything the client sent passes (unknown beta headers too) except credentials,
traces of the client's network, hop-by-hop headers and our own vocabulary. Client-bound:
everything passes except the upstream's ids, account names and account limits.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter

from extproc.exchange.ticket import Ticket
from ledger.model import UsageRecord
from ledger.records import fresh_input, visible_output
from translators.canonical.failure import Failure
from translators.protocol import Protocol

# Credentials, and names of accounts at a vendor: ours replace them.
_CREDENTIALS = frozenset(
    {
        "authorization",
        "x-api-key",
        "x-goog-api-key",
        "api-key",
        "cookie",
        "proxy-authorization",
        "openai-organization",
        "openai-project",
        "x-goog-user-project",
    }
)
# What a translated request keeps. Envoy finds no route without x-forwarded-proto; the route removes
# it and our request id.
_TRANSPORT = frozenset(
    {
        "host",
        "content-type",
        "content-length",
        "transfer-encoding",
        "accept",
        "user-agent",
        "x-forwarded-proto",
        "x-request-id",
    }
)
# Where the client sits is not the upstream's business; compressed answers could not be metered.
_PRIVATE = frozenset(
    {
        "accept-encoding",
        "forwarded",
        "via",
        "x-real-ip",
        "true-client-ip",
        "cf-connecting-ip",
        "fastly-client-ip",
        "x-client-ip",
        "origin",
        "referer",
        "te",
    }
)
_PRIVATE_PREFIXES = (
    "x-clavis-",
    "x-forwarded-",
    "x-envoy-",
    "x-amz",  # x-amzn- too; what begins with x-amz- would have to be signed
    "cf-",
    "sec-fetch-",
)

_FROM_UPSTREAM = frozenset(
    {
        "set-cookie",
        "server",
        "via",
        "alt-svc",
        "strict-transport-security",
        "x-request-id",
        "request-id",
        "openai-organization",
        "openai-project",
        "anthropic-organization-id",
        "x-served-by",
        "report-to",
        "nel",
    }
)
_FROM_UPSTREAM_PREFIXES = (
    "x-clavis-",
    "x-envoy-",
    "x-ratelimit-",  # the account's limits, not the key's
    "anthropic-ratelimit-",
    "cf-",
    "x-amz",  # the clouds' ids, regions, deployments and counts
    "x-ms-",
    "apim-",
    "azureml-",
    "x-vertex-",
    "access-control-",  # the edge's to say
)


def kept_from_upstream(names: Iterable[str]) -> tuple[str, ...]:
    """Request headers that do not go upstream."""
    return tuple(
        name
        for name in names
        if (name in _CREDENTIALS or name in _PRIVATE or name.startswith(_PRIVATE_PREFIXES))
        and name != "x-forwarded-proto"  # Envoy finds no route without it; the route removes it
    )


def kept_from_translated(names: Iterable[str]) -> tuple[str, ...]:
    """Request headers that do not go to an upstream of another dialect: all but the transport's,
    for betas, SDK names and session ids mean nothing there."""
    return tuple(
        name for name in names if name not in _TRANSPORT and not name.startswith((":", "x-envoy-"))
    )


def kept_from_client(names: Iterable[str]) -> tuple[str, ...]:
    """Response headers that do not go to the client."""
    return tuple(
        name for name in names if name in _FROM_UPSTREAM or name.startswith(_FROM_UPSTREAM_PREFIXES)
    )


def kept_of_translated(names: Iterable[str]) -> tuple[str, ...]:
    """Response headers of an upstream whose answer was written anew: they speak of other bytes, and
    of another vendor."""
    return tuple(name for name in names if not name.startswith(":") and name not in _NEUTRAL)


def replaced(headers: Mapping[str, str], kept: Iterable[str]) -> tuple[str, ...]:
    """Headers to remove where an answer of ours takes the place of an upstream's."""
    removed = ("content-length", "content-encoding", "transfer-encoding", *kept)
    return tuple(name for name in dict.fromkeys(removed) if name not in headers)


_NEUTRAL = frozenset({"date", "transfer-encoding"})


def identity(request_id: str, hint: str | None = None) -> dict[str, str]:
    """Headers that every answer carries: our id under both names that SDKs read."""
    headers = {"x-request-id": request_id, "request-id": request_id}
    if hint:
        headers["x-clavis-hint"] = hint
    return headers


def answered(ticket: Ticket) -> dict[str, str]:
    """Headers of an answer that an upstream gave, or failed to give."""
    headers = identity(ticket.request_id, ticket.hint)
    if ticket.upstream:
        headers["x-clavis-upstream"] = ticket.upstream
    headers["x-clavis-attempts"] = str(ticket.attempt)
    if ticket.losses:
        headers["x-clavis-losses"] = losses(ticket.losses)
    headers.update(ticket.quotas)
    return headers


MAX_LOSSES_CHARS = 1_000  # of the header; the usage record has them all


def losses(found: Sequence[str]) -> str:
    """The header that names what a translation could not say."""
    text = ", ".join(found)
    return text if len(text) <= MAX_LOSSES_CHARS else f"{text[: MAX_LOSSES_CHARS - 5]}, ..."


_FIGURES: tuple[tuple[str, Callable[[UsageRecord], int | None]], ...] = (
    ("x-clavis-input-tokens", fresh_input),
    ("x-clavis-cache-read-tokens", attrgetter("cache_read_tokens")),
    ("x-clavis-output-tokens", visible_output),
    ("x-clavis-reasoning-tokens", attrgetter("reasoning_tokens")),
    ("x-clavis-cost-micro", attrgetter("cost_micro")),
)


def figures(record: UsageRecord) -> dict[str, str]:
    """Tokens and cost of a whole answer, where known."""
    writes = [record.cache_write_5m_tokens, record.cache_write_1h_tokens]
    found = {name: str(value) for name, figure in _FIGURES if (value := figure(record)) is not None}
    if any(value is not None for value in writes):
        found["x-clavis-cache-write-tokens"] = str(sum(value or 0 for value in writes))
    return found


def refusal(
    failure: Failure, protocol: Protocol, request_id: str, extra: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a failure in the caller's dialect."""
    headers = identity(request_id)
    headers["content-type"] = "application/json"
    headers.update(protocol.failure_headers(failure))
    headers.update(extra or {})
    return failure.http_status, headers, protocol.render_failure(failure, request_id)
