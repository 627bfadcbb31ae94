"""What an upstream's refusal says in every dialect alike: its status, how long to wait, its words.

A message is kept, for it helps the caller, but not what it may give away: credentials and the names
of accounts are struck out. Free text that is no JSON error is never repeated; it may name hosts.
There is no clock here: a date in `retry-after` is measured against the answer's own `date`.
"""

import math
import re
from calendar import timegm
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


# In the vendors' own sentences: the reasoning that came back is not what they sealed, or not for
# this account.
_SEAL_REFUSED = re.compile(
    r"invalid `?signature`? in `?thinking"
    r"|`?thinking`? .{0,80}cannot be modified"
    r"|(?:invalid|corrupted) thought.?signature"
    r"|thought.?signature is (?:not valid|invalid)"
    r"|encrypted content .{0,200}could not be (?:verified|decrypted)",
    re.IGNORECASE | re.DOTALL,
)


def seal_refused(status: int | None, code: str | None, message: str | None) -> bool:
    """Whether an upstream does not take its own sealed reasoning back."""
    if status not in (None, 400, 422):
        return False
    if code == "invalid_encrypted_content":
        return True
    return message is not None and _SEAL_REFUSED.search(message) is not None


def retry_after_s(headers: Mapping[str, str], status: int | None = None) -> float | None:
    """Seconds to wait as the headers tell: `retry-after-ms`, else `retry-after` in either form,
    else, of a refusal for a limit, when the limits of which nothing is left begin anew."""
    lower = {name.lower(): value for name, value in headers.items()}
    for name, divisor in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(lower[name]) / divisor
        except (KeyError, ValueError):
            continue
        if 0 <= seconds <= MOST_WAIT_S:
            return seconds
    wait_s = _until_s(lower.get("retry-after"), lower.get("date"))
    return _exhausted_s(lower) if wait_s is None and status == 429 else wait_s


def retry_after_header(seconds: float) -> str:
    """`retry-after` in whole seconds, rounded up: a caller who comes too early is refused again."""
    return str(max(0, math.ceil(seconds)))


def _exhausted_s(headers: Mapping[str, str]) -> float | None:
    """The longest reset of what is used up: OpenAI's and its relatives' `x-ratelimit-*`, with
    durations (6m0s) or seconds, and Anthropic's `anthropic-ratelimit-*`, with dates."""
    waits: list[float] = []
    for name, value in headers.items():
        found = _REMAINING.fullmatch(name)
        if found is None or value.strip() != "0":
            continue
        prefix, what = found.groups()
        reset = headers.get(f"{prefix}reset-{what}") or headers.get(f"{prefix}{what}-reset") or ""
        wait_s = _duration_s(reset)
        if wait_s is None:
            wait_s = _instant_s(reset, headers.get("date"))
        if wait_s is not None:
            waits.append(wait_s)
    return max(waits, default=None)


_REMAINING = re.compile(
    r"((?:x|anthropic)-ratelimit-)(?:remaining-(?=[a-z-]+$))?([a-z-]+?)(?:-remaining)?"
)
_DURATION = re.compile(
    r"(?:(\d{1,4})d)?(?:(\d{1,6})h)?(?:(\d{1,7})m(?!s))?(?:(\d{1,9}(?:\.\d+)?)(ms|s)?)?"
)


def _duration_s(text: str) -> float | None:
    """`1s`, `6m0s`, `120ms`, `2h59m56s`, or seconds."""
    found = _DURATION.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        return None
    days, hours, minutes, amount, unit = found.groups()
    seconds = float(amount or 0) / (1000 if unit == "ms" else 1)
    whole_s = int(days or 0) * 86_400 + int(hours or 0) * 3600 + int(minutes or 0) * 60 + seconds
    return whole_s if whole_s <= MOST_WAIT_S else None


_INSTANT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|([+-])(\d\d):(\d\d))"
)


def _instant_s(then: str, now: str | None) -> float | None:
    """From the answer's own date until an instant of RFC 3339."""
    found = _INSTANT.fullmatch(then)
    if found is None:
        return None
    *moment, sign, hours, minutes = found.groups()
    offset_s = (int(hours or 0) * 60 + int(minutes or 0)) * 60 * (-1 if sign == "-" else 1)
    try:
        wait_s = timegm(tuple(map(int, moment))) - offset_s - _unix_s(now)
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(0.0, wait_s), MOST_WAIT_S)


def _unix_s(date: str | None) -> float:
    return parsedate_to_datetime(date or "").timestamp()


def _until_s(then: str | None, now: str | None) -> float | None:
    if then is None or now is None:
        return None
    try:
        wait_s = (parsedate_to_datetime(then) - parsedate_to_datetime(now)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(0.0, wait_s), MOST_WAIT_S)
