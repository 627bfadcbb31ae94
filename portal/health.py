"""Is the process alive, and can it serve? Two questions, two answers.

/healthz says nothing about the stores: restarting a portal does not repair a Redis.
"""

from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from portal.requests import services_of

router = APIRouter(tags=["Health"])

_MISSING: dict[str, Any] = {
    "status": "not ready",
    "missing": ["redis"],
    "parts": {"catalog": "ok", "redis": "unreachable", "sql": "ok"},
}


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Whether the portal can serve, and if not, for lack of what."""

    model_config = ConfigDict(json_schema_extra={"examples": [_MISSING]})

    status: Literal["ready", "not ready"]
    missing: list[str]
    parts: dict[str, str] = Field(description="catalog, redis, sql: `ok` or what is wrong.")


@router.get("/healthz", operation_id="healthz", summary="Alive", response_description="Alive.")
async def healthz() -> Alive:
    """Answers as long as the process lives."""
    return Alive()


@router.get(
    "/readyz",
    operation_id="readyz",
    summary="Ready",
    response_description="Everything is there.",
    responses={503: {"model": Readiness, "description": "Something is missing."}},
)
async def readyz(request: Request, response: Response) -> Readiness:
    """Whether Redis and SQL answer and a catalog is loaded; 503 with what is missing."""
    parts = await services_of(request).state()
    missing = [name for name, state in parts.items() if state != "ok"]
    if missing:
        response.status_code = 503
    return Readiness(status="not ready" if missing else "ready", missing=missing, parts=parts)
