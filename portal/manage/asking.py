"""What the management handlers have in common: who asks, what for, and the described errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, cast

from fastapi import Path, Query, Request, Security
from fastapi.security import HTTPBearer

from ledger.model import Customer, KeyRow
from portal.description import errors_of
from portal.dialects import Dialect
from portal.refusals import Kind, Refusal
from portal.requests import services_of
from portal.usage.period import moment

BASE = "/manage/v1"
DEFAULT_LIMIT = 100
MAX_LIMIT = 500

_PLAIN = r"^[^\x00-\x1f]{1,256}$"
CustomerRef = Annotated[str, Path(pattern=_PLAIN, description="A customer's id or name.")]
KeyRef = Annotated[str, Path(pattern=_PLAIN, description="A key's id.")]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Entries of one page.")]
Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before.")]

_SAYS = {
    400: "A parameter or a field is not understood.",
    401: "The admin token is missing or wrong.",
    404: "Unknown; every path, where no token is configured.",
}


async def _admitted(
    request: Request,
    admin: Annotated[
        object,
        Security(
            HTTPBearer(
                scheme_name="admin",
                auto_error=False,
                description="CLAVIS_ADMIN_TOKEN, or a token whose hash is in the tokens' file.",
            )
        ),
    ],
) -> None:
    """Puts the admin token into the API's description. The guard has looked at it already: whoever
    comes past it, by a mistake of ours, goes no further."""
    if getattr(request.state, "admin", None) is None:
        raise Refusal(Kind.AUTHENTICATION, "The admin token is missing.")


ADMIN = Security(_admitted)


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Error answers of a management route; what every one can answer is added."""
    found = errors_of(Dialect.MANAGEMENT, *sorted({401, 404, 503, *statuses}))
    for status, text in _SAYS.items():
        if status in found:
            found[status]["description"] = text
    return found


def actor_of(request: Request) -> str:
    """Who did it, for the record: the name of the token."""
    return f"admin:{cast(str, request.state.admin)}"


async def customer_of(request: Request, ref: str) -> Customer:
    """Raises Refusal when there is none."""
    found = await services_of(request).ledger.record.customer(ref)
    if found is None:
        raise Refusal(Kind.NOT_FOUND, "There is no such customer.", param="customer")
    return found


async def key_of(request: Request, ref: str) -> KeyRow:
    """Raises NotFound."""
    return await services_of(request).ledger.record.key(ref)


def later(text: str | None, param: str, now_ms: int) -> int | None:
    """A moment to come. Raises Refusal."""
    if text is None:
        return None
    at_ms = moment(text, param)
    if at_ms <= now_ms:
        raise Refusal(Kind.INVALID_REQUEST, f"{param}: lies in the past.", param=param)
    return at_ms


@contextmanager
def understood() -> Iterator[None]:
    """What the ledger's values refuse to be is the asker's mistake; their messages are ours."""
    try:
        yield
    except ValueError as error:
        raise Refusal(Kind.INVALID_REQUEST, f"{error}.") from None
