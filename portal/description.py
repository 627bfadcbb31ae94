"""The API's own description: pieces for the routes, and the finished OpenAPI document.

FastAPI writes the document; here it gets what FastAPI cannot know: errors in three dialects,
parameters that a handler reads by itself, the headers of every answer. It drops FastAPI's own 422,
which is never sent. What the data plane serves of our own is described here too (`elsewhere`).
"""

from typing import Any, Union

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from portal.dialects import Dialect
from portal.refusals import ERROR_BODIES, VENDORS

Json = dict[str, Any]

_ERRORS = {
    400: "A parameter is not understood.",
    401: "The key is missing, unknown, disabled or expired.",
    403: "The key may not be used from this network address.",
    404: "Unknown, or not this key's.",
    405: "The path does not take this method.",
    409: "It does not fit what there is: a name that is taken, a code that was used.",
    413: "The body is too large.",
    503: "The gateway lacks a part it needs; try again.",
}
_HEADERS: Json = {
    "x-request-id": {"$ref": "#/components/headers/x-request-id"},
    "request-id": {"$ref": "#/components/headers/request-id"},
}
_FRAMEWORKS = ("HTTPValidationError", "ValidationError")


def errors_of(dialect: Dialect | None, *statuses: int) -> dict[int | str, Json]:
    """Error answers of a route, in its dialect or, for None, in any vendor's."""
    any_vendor = tuple(ERROR_BODIES[vendor] for vendor in VENDORS)
    model: object = ERROR_BODIES[dialect] if dialect else Union[any_vendor]  # noqa: UP007
    return {status: {"model": model, "description": _ERRORS[status]} for status in statuses}


def parameters_of(*queries: type[BaseModel]) -> list[Json]:
    """The fields of query models as OpenAPI parameters."""
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": schema.pop("description", ""),
            "schema": schema,
        }
        for query in queries
        for name, schema in query.model_json_schema().get("properties", {}).items()
    ]


def describe(app: FastAPI, elsewhere: APIRouter) -> Json:
    """The OpenAPI document of the application and of routes that it does not serve, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=[*app.routes, *elsewhere.routes],
            tags=app.openapi_tags,
        )
        app.openapi_schema = _finished(document)
    return app.openapi_schema


def _finished(document: Json) -> Json:
    components = document.setdefault("components", {})
    for name in _FRAMEWORKS:
        components.get("schemas", {}).pop(name, None)
    components["headers"] = {
        name: {
            "description": "Id of this request; usage is found by it.",
            "schema": {"type": "string"},
        }
        for name in _HEADERS
    }
    for operations in document["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            for response in operation["responses"].values():
                response["headers"] = dict(_HEADERS)
    return document
