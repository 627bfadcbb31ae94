"""Rate limits in the headers that Anthropic's clients read: counts, and the reset as RFC 3339.

Source: the API's guide "Rate limits", response headers.
"""

from collections.abc import Iterable

from translators.canonical.quota import Quota


def quota_headers(quotas: Iterable[Quota], now_ms: int) -> dict[str, str]:
    """`anthropic-ratelimit-*` of each kind of limit."""
    headers: dict[str, str] = {}
    for quota in quotas:
        name = f"anthropic-ratelimit-{quota.kind}"
        headers[f"{name}-limit"] = str(quota.most)
        headers[f"{name}-remaining"] = str(quota.remaining)
        headers[f"{name}-reset"] = moment(now_ms + quota.reset_ms)
    return headers


def moment(at_ms: int) -> str:
    """RFC 3339 in whole seconds, rounded up: who comes at the second told is not too early."""
    days, second = divmod(-(-at_ms // 1000), 86_400)
    year, month, day = _date(days)
    clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    return f"{year:04}-{month:02}-{day:02}T{clock}Z"


def _date(days: int) -> tuple[int, int, int]:
    """The civil date of a day since 1970-01-01 (Howard Hinnant, "chrono-compatible low-level date
    algorithms")."""
    shifted = days + 719_468
    era, of_era = divmod(shifted, 146_097)
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    return year_of_era + era * 400 + (month <= 2), month, day
