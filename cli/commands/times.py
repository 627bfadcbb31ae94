"""Times as operators write and read them; inside, Unix milliseconds."""

import re
import time
from datetime import UTC, datetime

from cli.output import OperatorError

_SPAN = re.compile(r"(\d+)\s*(s|m|h|d|w)")
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


def now_ms() -> int:
    return int(time.time() * 1000)


def span_ms(text: str) -> int:
    """`90s`, `15m`, `24h`, `30d`, `2w`. Raises OperatorError."""
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise OperatorError(f"{text!r} is no time span: write 90s, 15m, 24h, 30d or 2w.")
    return int(match.group(1)) * _UNIT_MS[match.group(2)]


def moment_ms(text: str, now: int, *, end_of_day: bool = False) -> int:
    """A span ago (7d), a date (UTC), or a time in ISO 8601. Raises OperatorError."""
    if _SPAN.fullmatch(text.strip()):
        return max(0, now - span_ms(text))
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise OperatorError(f"{text!r} is no time: write 7d, 2027-01-31 or ISO 8601.") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    at_ms = int(moment.timestamp() * 1000)
    return at_ms + _UNIT_MS["d"] if end_of_day and len(text.strip()) == len("2027-01-31") else at_ms


def later_ms(text: str, now: int) -> int:
    """A span from now, or a date (its beginning, UTC) or time in ISO 8601. Must be in the
    future."""
    if _SPAN.fullmatch(text.strip()):
        at = now + span_ms(text)
    else:
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError:
            raise OperatorError(
                f"{text!r} is no time: write 30d, 2027-01-31 or 2027-01-31T12:00:00+00:00."
            ) from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        at = int(moment.timestamp() * 1000)
    if at <= now:
        raise OperatorError(f"{text!r} lies in the past.")
    return at


def format_ms(at_ms: int | None) -> str | None:
    if at_ms is None:
        return None
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
