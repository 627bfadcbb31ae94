"""Rate limits in the headers that OpenAI's clients read; others look for them too.

Source: the API reference, "Rate limits": limit and remaining are counts, reset a duration such as
`1s`, `6m0s` or `250ms`.
"""

from collections.abc import Iterable

from translators.canonical.quota import Quota


def quota_headers(quotas: Iterable[Quota], now_ms: int) -> dict[str, str]:
    """`x-ratelimit-*` of each kind of limit."""
    headers: dict[str, str] = {}
    for quota in quotas:
        headers[f"x-ratelimit-limit-{quota.kind}"] = str(quota.most)
        headers[f"x-ratelimit-remaining-{quota.kind}"] = str(quota.remaining)
        headers[f"x-ratelimit-reset-{quota.kind}"] = duration(quota.reset_ms)
    return headers


def duration(span_ms: int) -> str:
    """As OpenAI writes it."""
    if span_ms < 1000:
        return f"{span_ms}ms"
    minutes, rest_ms = divmod(span_ms, 60_000)
    seconds = f"{rest_ms / 1000:.3f}".rstrip("0").rstrip(".")
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
