"""GET …/v1/models and …/v1/models/{id} under every prefix.

One handler serves all: the shape follows from the request (see portal.dialects), and each shape
reads its own parameters. What the key may see comes before what was asked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from catalog import Model
from catalog.surfaces import Surface
from portal.credentials import DOCUMENTED, SignedIn
from portal.description import errors_of, parameters_of
from portal.dialects import Dialect
from portal.models import lookup
from portal.models.anthropic import (
    AnthropicModel,
    AnthropicModelList,
    AnthropicQuery,
    anthropic_list,
    anthropic_model,
)
from portal.models.gemini import (
    GeminiModel,
    GeminiModelList,
    GeminiQuery,
    gemini_list,
    gemini_model,
)
from portal.models.openai import (
    OpenAIModel,
    OpenAIModelList,
    OpenAIQuery,
    openai_list,
    openai_model,
)
from portal.models.served import SurfacesOf, surfaces_for
from portal.requests import dialect_of_request, services_of

AnyModel = OpenAIModel | AnthropicModel | GeminiModel
AnyModelList = OpenAIModelList | AnthropicModelList | GeminiModelList


@dataclass(frozen=True, slots=True)
class Shape:
    """How one vendor writes models. Surfaces are those at whose doors the key has a model."""

    entry: type[BaseModel]
    page: type[BaseModel]
    query: type[BaseModel]
    write_entry: Callable[[Model, Sequence[Surface]], AnyModel]
    write_page: Callable[[Sequence[Model], Mapping[str, object], SurfacesOf], AnyModelList]


SHAPES: Mapping[Dialect, Shape] = {
    Dialect.OPENAI: Shape(OpenAIModel, OpenAIModelList, OpenAIQuery, openai_model, openai_list),
    Dialect.ANTHROPIC: Shape(
        AnthropicModel, AnthropicModelList, AnthropicQuery, anthropic_model, anthropic_list
    ),
    Dialect.GEMINI: Shape(GeminiModel, GeminiModelList, GeminiQuery, gemini_model, gemini_list),
}

# Base path to the dialect that it says, None where the headers say it.
BASES: Mapping[str, Dialect | None] = {
    "/v1": None,
    "/openai/v1": Dialect.OPENAI,
    "/api/v1": Dialect.ANTHROPIC,
    "/claude/v1": Dialect.ANTHROPIC,
    "/anthropic/v1": Dialect.ANTHROPIC,
    "/v1beta": Dialect.GEMINI,
    "/gemini/v1beta": Dialect.GEMINI,
    "/gemini/v1": Dialect.GEMINI,
}


def router() -> APIRouter:
    """Both doors under every base."""
    made = APIRouter(tags=["Models"], dependencies=[DOCUMENTED])
    for base, dialect in BASES.items():
        shapes = [SHAPES[dialect]] if dialect else list(SHAPES.values())
        slug = base.strip("/").replace("/", "_")
        made.add_api_route(
            f"{base}/models",
            list_models,
            operation_id=f"list_models_{slug}",
            summary="Models of this key",
            response_description="The models, or a page of them.",
            response_model=_either([shape.page for shape in shapes]),
            response_model_exclude_unset=True,
            responses=errors_of(dialect, 400, 401, 403, 503),
            openapi_extra={"parameters": parameters_of(*(shape.query for shape in shapes))},
        )
        made.add_api_route(
            f"{base}/models/{{model:path}}",
            get_model,
            operation_id=f"get_model_{slug}",
            summary="One model",
            response_description="The model.",
            response_model=_either([shape.entry for shape in shapes]),
            response_model_exclude_unset=True,
            responses=errors_of(dialect, 401, 403, 404, 405, 503),
        )
    return made


async def list_models(request: Request, caller: SignedIn) -> AnyModelList:
    """The models that this key may use, in the shape of the path's vendor; on /v1/models in
    Anthropic's when `anthropic-version` is sent, in Google's when the key comes as `x-goog-api-key`
    or `key` alone, in OpenAI's otherwise. Each shape has its vendor's paging."""
    catalog = services_of(request).catalog
    models = lookup.visible(catalog, caller.facts)
    shape = SHAPES[dialect_of_request(request)]
    surfaces_of = partial(surfaces_for, catalog, caller.facts)
    try:
        return shape.write_page(models, _query(request), surfaces_of)
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_input=False)) from None


async def get_model(request: Request, caller: SignedIn, model: str) -> AnyModel:
    """One model by name or alias; names may contain `/` and `:`. Unknown to this key: 404 with the
    nearest name."""
    dialect = dialect_of_request(request)
    names = lookup.without_prefix(model) if dialect is Dialect.GEMINI else (model,)
    catalog = services_of(request).catalog
    found = lookup.find(catalog, caller.facts, names)
    return SHAPES[dialect].write_entry(found, surfaces_for(catalog, caller.facts, found))


def _query(request: Request) -> dict[str, object]:
    """Parameters with their last values; `lifecycle` with all of them."""
    query = request.query_params
    lists = {name: query.getlist(name) for name in ("lifecycle", "lifecycle[]") if name in query}
    return {**query, **lists}


def _either(models: list[type[BaseModel]]) -> object:
    if len(models) == 1:
        return models[0]
    return AnyModelList if OpenAIModelList in models else AnyModel
