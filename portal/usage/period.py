"""The period of a usage listing, and the cursor that leads through it.

A moment is a date (UTC), a date and time in RFC 3339 (UTC where no offset is given) or Unix
seconds. `from` is included. `to` is not, except that a bare date includes its day. Without `from` a
period is 30 days long, without `to` it ends now.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from portal.refusals import Kind, Refusal

DEFAULT_DAYS = 30
DAY_MS = 86_400_000
MAX_TIME_MS = 253_402_300_800_000  # the first moment that no date can say, as in the ledger

_UNIX = re.compile(r"[0-9]{1,12}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FORMS = "a date (2026-01-31), a time (2026-01-31T12:00:00Z) or Unix seconds"

Cursor = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Period:
    """[from_ms, to_ms), Unix milliseconds."""

    from_ms: int
    to_ms: int


def period(start: str | None, end: str | None, now_ms: int) -> Period:
    """The period that two parameters name. Raises Refusal."""
    to_ms = now_ms + 1 if end is None else moment(end, "to", end_of_day=True)
    from_ms = max(0, to_ms - DEFAULT_DAYS * DAY_MS) if start is None else moment(start, "from")
    if from_ms > to_ms:
        raise Refusal(Kind.INVALID_REQUEST, "from: lies after `to`.", param="from")
    return Period(from_ms, to_ms)


def moment(text: str, param: str, *, end_of_day: bool = False) -> int:
    """Unix milliseconds of a moment in any of the forms. Raises Refusal."""
    try:
        if _UNIX.fullmatch(text):
            moment_ms = int(text) * 1000
        elif _DATE.fullmatch(text):
            day = date.fromisoformat(text)
            start = datetime(day.year, day.month, day.day, tzinfo=UTC)
            moment_ms = _unix_ms(start) + (DAY_MS if end_of_day else 0)
        else:
            moment_ms = _unix_ms(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise _not_a_moment(param) from None
    if not 0 <= moment_ms <= MAX_TIME_MS:
        raise _not_a_moment(param)
    return moment_ms


def _unix_ms(moment: datetime) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)


def _not_a_moment(param: str) -> Refusal:
    return Refusal(Kind.INVALID_REQUEST, f"{param}: {_FORMS}.", param=param)


def rfc3339(at_ms: int) -> str:
    """A moment, UTC with milliseconds."""
    at_ms = min(at_ms, MAX_TIME_MS - 1)
    moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def to_token(cursor: Cursor) -> str:
    """A cursor as an opaque token."""
    at_ms, request_id = cursor
    return base64.urlsafe_b64encode(f"{at_ms}:{request_id}".encode()).decode().rstrip("=")


def from_token(token: str) -> Cursor:
    """The cursor in a token. Raises Refusal."""
    try:
        padded = token + "=" * (-len(token) % 4)
        text = base64.b64decode(padded, b"-_", validate=True).decode("ascii")
        at_ms, _, request_id = text.partition(":")
        if not _TIME.fullmatch(at_ms) or not _LISTED_ID.fullmatch(request_id):
            raise ValueError
    except (ValueError, binascii.Error):
        message = "cursor: not a `next_cursor` of this list."
        raise Refusal(Kind.INVALID_REQUEST, message, param="cursor") from None
    return int(at_ms), request_id


_TIME = re.compile(r"[0-9]{1,15}")
_REQUEST_ID = re.compile(r"[!-~]{1,256}")
_LISTED_ID = re.compile(
    r"[!-~]{1,320}"
)  # of whatever is listed page by page; a charge has a long one


def is_request_id(text: str) -> bool:
    """Whether a text can be a request id: what stores hold, and nothing that they choke on."""
    return _REQUEST_ID.fullmatch(text) is not None
