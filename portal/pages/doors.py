"""Where the pages are: /, /docs, /openapi.json and what they are made of."""

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from portal.credentials import is_trusted
from portal.pages import reference, start
from portal.pages.frame import asset, page, read
from portal.requests import services_of

router = APIRouter(tags=["Pages"])

_STYLE = read("style.css")
_ICON = read("icon.svg")


@router.get(
    "/", operation_id="start_page", response_description="A page.", response_class=HTMLResponse
)
async def start_page(request: Request) -> Response:
    """What this is, the base URL of each tool, and where the doors are."""
    catalog = services_of(request).loaded_catalog
    host = request.headers.get("host", "")
    return page("Clavis", start.content(start.origin(_scheme(request), host, catalog)))


@router.get(
    "/docs", operation_id="docs", response_description="A page.", response_class=HTMLResponse
)
async def docs(request: Request) -> Response:
    """This description, for people."""
    return page("Clavis API", reference.content(request.app.openapi()))


@router.get("/openapi.json", operation_id="openapi", response_description="The document.")
async def openapi(request: Request) -> JSONResponse:
    """This description, for machines."""
    return JSONResponse(request.app.openapi())


@router.get("/portal/style.css", include_in_schema=False)
async def style() -> Response:
    """How the pages look."""
    return asset(_STYLE, "text/css")


@router.get("/portal/icon.svg", include_in_schema=False)
@router.get("/favicon.ico", include_in_schema=False)
async def icon() -> Response:
    """The pages' icon."""
    return asset(_ICON, "image/svg+xml")


def _scheme(request: Request) -> str:
    """What the client used towards Envoy, where Envoy says so."""
    peer = request.client.host if request.client else None
    forwarded = request.headers.get("x-forwarded-proto", "")
    is_ours = is_trusted(peer, services_of(request).settings.trusted_proxies)
    return forwarded if is_ours and forwarded in ("http", "https") else "http"
