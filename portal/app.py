"""The application, put together. `create_app(settings)` is the whole public interface.

envelope ─▶ guard ─▶ failures ─▶ routes: health, models, usage, credits, management, pages
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.types import ASGIApp

from portal import convert, failures, health
from portal.credits import doors as credits
from portal.description import describe
from portal.envelope import Envelope
from portal.manage import doors as manage
from portal.manage.guard import Guard
from portal.models import doors as models
from portal.pages import doors as pages
from portal.pages import upstreams
from portal.services import Services
from portal.settings import Settings
from portal.usage import doors as usage

_TAGS = [
    {"name": "Models", "description": "The models that a key may use, as each vendor lists them."},
    {"name": "Usage", "description": "What a key has used, by request and by period."},
    {"name": "Credits", "description": "What the customer behind a key has. Amounts in micro-USD."},
    {
        "name": "Management",
        "description": "Customers, keys, credit and usage of everybody, for whoever has an admin "
        "token: `Authorization: Bearer`. Without one configured there are no such paths. Errors "
        "have one shape.",
    },
    {"name": "Conversion", "description": "From one protocol to another. Losses are always named."},
    {"name": "Health", "description": "For supervisors and load balancers. No key needed."},
    {"name": "Pages", "description": "For people. No key needed."},
]
_DESCRIPTION = """One API key opens every protocol; the path chooses. This document describes what
Clavis adds to them. The protocols themselves are their vendors' own: POST /v1/messages (Anthropic),
/v1/chat/completions and /v1/responses (OpenAI), /v1beta/models/{model}:generateContent (Google).
A model of chat answers at all four: what its provider does not speak is converted.
Every answer carries its id as `x-request-id` and `request-id`; errors come in the dialect of the
path."""


class Portal(FastAPI):
    """FastAPI with the envelope around everything, the answer to a defect included."""

    def build_middleware_stack(self) -> ASGIApp:
        return Envelope(Guard(super().build_middleware_stack()))

    def openapi(self) -> dict[str, object]:
        return describe(self, convert.router)


def create_app(settings: Settings) -> FastAPI:
    """The portal as an ASGI application. Stores and catalog are opened by its lifespan."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with Services(settings) as services:
            app.state.services = services
            yield

    app = Portal(
        title="Clavis",
        version=version("clavis"),
        summary="One API key, every LLM protocol, on Envoy",
        description=_DESCRIPTION,
        openapi_tags=_TAGS,
        lifespan=lifespan,
        redirect_slashes=False,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    failures.install(app)
    doors = (models.router(), usage.router(), credits.router())
    for router in (health.router, *doors, *manage.ROUTERS, pages.router, upstreams.router):
        app.include_router(router)
    return app
