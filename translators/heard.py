"""What an upstream's refusal says in every dialect alike: its status, how long to wait, its words.

A message is kept, for it helps the caller, but not what it may give away: credentials and the names
of accounts are struck out. Free text that is no JSON error is never repeated; it may name hosts.
There is no clock here: a date in `retry-after` is measured against the answer's own `date`.
"""

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from translators.canonical.failure import STATUS, Kind

# Long enough for every vendor's own sentences; a quoted prompt or a dump is cut.
MOST_MESSAGE_CHARS = 2_000

# A longer wait is a defect of the upstream, not advice.
MOST_WAIT_S = 30 * 86_400.0

_BY_STATUS: dict[int, Kind] = {status: kind for kind, status in STATUS.items()} | {
    408: Kind.TIMEOUT
}

_SECRETS = re.compile(
    r"\b(?:sk|rk|pk|gsk|xai|pplx|nvapi|csk|fw|sess|org|proj|acct|user|team|wrkspc)[-_][\w*.\-]{6,}"
    r"|\b(?:AIza|ya29\.)[\w*.\-]{6,}"
    r"|\bprojects?[/ ]\d{6,}"
    r"|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
    r"|\bBearer\s+\S+"
)


def redacted(message: str) -> str:
    """The message without credentials and account names, cut to a length fit to show."""
    return _SECRETS.sub("[redacted]", message)[:MOST_MESSAGE_CHARS]


def told(message: str | None, status: int | None) -> str:
    """What to tell the caller: the upstream's own message if there is one, else its status."""
    if message:
        return redacted(message)
    if status is None:
        return "The upstream reported an error."
    return f"The upstream answered with status {status}."


def kind_by_status(status: int | None) -> Kind:
    """What an HTTP status alone says of a failure."""
    if status is None:
        return Kind.UPSTREAM
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    return Kind.INVALID_REQUEST if 400 <= status < 500 else Kind.UPSTREAM


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait as the headers tell: `retry-after-ms`, else `retry-after` in either form."""
    lower = {name.lower(): value for name, value in headers.items()}
    for name, divisor in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(lower[name]) / divisor
        except (KeyError, ValueError):
            continue
        if 0 <= seconds <= MOST_WAIT_S:
            return seconds
    return _until_s(lower.get("retry-after"), lower.get("date"))


def retry_after_header(seconds: float) -> str:
    """`retry-after` in whole seconds, rounded up: a caller who comes too early is refused again."""
    return str(max(0, math.ceil(seconds)))


def _until_s(then: str | None, now: str | None) -> float | None:
    if then is None or now is None:
        return None
    try:
        wait_s = (parsedate_to_datetime(then) - parsedate_to_datetime(now)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(0.0, wait_s), MOST_WAIT_S)
