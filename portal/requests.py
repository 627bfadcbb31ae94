"""What the rest of the portal reads from a request: its dialect, its id, its services."""

from typing import cast

from fastapi import Request

from portal.dialects import Dialect, dialect_of
from portal.services import Services


def dialect_of_request(request: Request) -> Dialect:
    """The dialect in which this request is answered."""
    # Not request.url: it is put together with the Host header, which may be anything.
    return dialect_of(request.scope["path"], request.headers, request.query_params.keys())


def request_id_of(request: Request) -> str:
    """Our id of this request; the envelope has set it."""
    return cast(str, request.state.request_id)


def services_of(request: Request) -> Services:
    """The catalog and the ledger."""
    return cast(Services, request.app.state.services)
