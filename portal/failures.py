"""From whatever went wrong to an answer in the caller's dialect.

Refusal                  as it says
RequestValidationError   400 that names the parameter, not its value
HTTPException            404 with help, 405 with `allow`, whatever else the framework refuses
NotFound, Conflict       404, 409: the ledger has no such thing, or has it already
LedgerError              503: a store is away (or refuses, which an operator reads in the log)
anything else            500 with the request id; where it happened goes to the log, no message,
                         because messages of drivers may carry values
"""

import traceback
from collections.abc import Mapping

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ledger.errors import Conflict, LedgerError, NotFound
from portal.help import no_such_path, wrong_method
from portal.refusals import Kind, Refusal, error_body, kind_of_status
from portal.requests import dialect_of_request, request_id_of

RETRY_AFTER = {"retry-after": "1"}  # seconds; embedded stores restart faster

_PLACES = ("query", "path", "header", "body")

log = structlog.get_logger("portal")


def install(app: FastAPI) -> None:
    """Registers a handler for each row of the table above."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(NotFound, _not_found)
    app.add_exception_handler(Conflict, _conflict)
    app.add_exception_handler(LedgerError, _store)
    app.add_exception_handler(Exception, _defect)


def answer(request: Request, refusal: Refusal) -> Response:
    """The refusal as a response."""
    body = error_body(refusal, dialect_of_request(request), request_id_of(request))
    return Response(
        body.model_dump_json(),
        status_code=refusal.status,
        headers=refusal.headers,
        media_type="application/json",
    )


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return answer(request, error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return answer(request, invalid(error.errors()[0]))


def invalid(found: Mapping[str, object]) -> Refusal:
    """The refusal for one finding of pydantic. Never repeats the input."""
    location = found.get("loc")
    names = [str(step) for step in location] if isinstance(location, tuple) else []
    param = next((name for name in names if name not in _PLACES and not name.isdigit()), None)
    message = str(found.get("msg", "not understood")).removeprefix("Value error, ")
    return Refusal(Kind.INVALID_REQUEST, f"{param}: {message}" if param else message, param=param)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 404:
        return answer(request, Refusal(Kind.NOT_FOUND, no_such_path(request.scope["path"])))
    if error.status_code == 405:
        allowed = _with_head(headers.get("Allow", "GET"))
        message = wrong_method(request.method, allowed)
        return answer(request, Refusal(Kind.METHOD, message, headers={"allow": allowed}))
    refusal = Refusal(
        kind_of_status(error.status_code),
        "The request could not be read.",
        status=error.status_code,
        headers=headers,
    )
    return answer(request, refusal)


def _with_head(allowed: str) -> str:
    return allowed if "HEAD" in allowed else allowed.replace("GET", "GET, HEAD")


async def _not_found(request: Request, error: Exception) -> Response:
    return answer(request, Refusal(Kind.NOT_FOUND, "There is no such customer, key or plan."))


async def _conflict(request: Request, error: Exception) -> Response:
    return answer(request, Refusal(Kind.CONFLICT, "Something with this name exists already."))


async def _store(request: Request, error: Exception) -> Response:
    log.error("store_failed", request_id=request_id_of(request), why=type(error).__name__)
    message = "The gateway's store does not answer; try again."
    return answer(request, Refusal(Kind.UNAVAILABLE, message, headers=RETRY_AFTER))


async def _defect(request: Request, error: Exception) -> Response:
    request_id = request_id_of(request)
    log.error("defect", request_id=request_id, why=type(error).__name__, where=where(error))
    message = f"The gateway failed to serve this request; its id is {request_id}."
    return answer(request, Refusal(Kind.INTERNAL, message))


def where(error: BaseException) -> list[str]:
    """The innermost frames of an exception, without any value."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
