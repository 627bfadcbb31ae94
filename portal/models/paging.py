"""Pages of a list of models, by cursor.

A cursor is a name, so a catalog that changes between two pages moves no page boundary; only a
cursor whose model is gone is refused.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from catalog import Model
from portal.refusals import Kind, Refusal


@dataclass(frozen=True, slots=True)
class Page:
    """`has_more` says whether there are further models in the direction of paging."""

    models: Sequence[Model]
    has_more: bool


def page_after(models: Sequence[Model], name: str | None, limit: int, param: str) -> Page:
    """The page behind `name`, the first one for None. Raises Refusal naming `param`."""
    start = 0 if name is None else _position(models, name, param) + 1
    return Page(models[start : start + limit], start + limit < len(models))


def page_before(models: Sequence[Model], name: str, limit: int, param: str) -> Page:
    """The page in front of `name`, in the same order. Raises Refusal naming `param`."""
    end = _position(models, name, param)
    start = max(0, end - limit)
    return Page(models[start:end], start > 0)


def to_token(name: str) -> str:
    """A cursor as an opaque token."""
    return base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")


def from_token(token: str, param: str) -> str:
    """The cursor in a token. Raises Refusal naming `param`."""
    try:
        return base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True).decode()
    except (ValueError, binascii.Error):
        raise _refused(param) from None


def _position(models: Sequence[Model], name: str, param: str) -> int:
    for position, model in enumerate(models):
        if model.name == name:
            return position
    raise _refused(param)


def _refused(param: str) -> Refusal:
    message = f"{param}: not a cursor of this list, or its model is gone; begin again without it."
    return Refusal(Kind.INVALID_REQUEST, message, param=param)
