"""The list of models as Google gives it: resource names, pages by token.

A page size above the maximum is lowered to it, as Google does. Parameters may come in camel or
snake case. Source: ai.google.dev/api/models, google-genai 3.4 models.py.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from catalog import Model
from catalog.surfaces import Surface
from portal.models.paging import from_token, page_after, to_token
from portal.models.served import SurfacesOf

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000

_METHODS: Mapping[Surface, tuple[str, ...]] = {
    "gemini": ("generateContent", "streamGenerateContent", "countTokens"),
    "gemini_embeddings": ("embedContent", "batchEmbedContents"),
}
_EXAMPLE: dict[str, Any] = {
    "name": "models/gemini-3-pro",
    "baseModelId": "gemini-3-pro",
    "version": "1",
    "displayName": "Gemini 3 Pro",
    "inputTokenLimit": 1048576,
    "outputTokenLimit": 65536,
    "supportedGenerationMethods": ["generateContent", "streamGenerateContent", "countTokens"],
}


class GeminiQuery(BaseModel):
    """Parameters of Google's list."""

    page_size: int = Field(
        default=DEFAULT_PAGE_SIZE,
        ge=0,
        description=f"Models per page, {DEFAULT_PAGE_SIZE} for 0, at most {MAX_PAGE_SIZE}.",
        validation_alias=AliasChoices("pageSize", "page_size"),
    )
    page_token: str | None = Field(
        default=None,
        description="`nextPageToken` of the page before.",
        validation_alias=AliasChoices("pageToken", "page_token"),
    )


class GeminiModel(BaseModel):
    """One model as Google writes it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: str = Field(description="models/{model}")
    baseModelId: str
    version: str = "1"
    displayName: str
    inputTokenLimit: int | None = Field(default=None, description="Only where declared.")
    outputTokenLimit: int | None = Field(default=None, description="Only where declared.")
    supportedGenerationMethods: list[str] = Field(
        description="Of models that speak another protocol too: they are converted."
    )


class GeminiModelList(BaseModel):
    """A page of models as Google writes it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"models": [_EXAMPLE]}]})

    models: list[GeminiModel]
    nextPageToken: str | None = Field(default=None, description="Absent on the last page.")


def gemini_model(model: Model, surfaces: Sequence[Surface]) -> GeminiModel:
    """One model."""
    entry = {
        "name": f"models/{model.name}",
        "baseModelId": model.name,
        "version": "1",
        "displayName": model.display_name or model.name,
        "inputTokenLimit": model.context_window,
        "outputTokenLimit": model.max_output_tokens,
        "supportedGenerationMethods": [
            method for surface in surfaces for method in _METHODS.get(surface, ())
        ],
    }
    return GeminiModel.model_validate({k: v for k, v in entry.items() if v is not None})


def gemini_list(
    models: Sequence[Model], query: Mapping[str, object], surfaces_of: SurfacesOf
) -> GeminiModelList:
    """The asked page. Raises ValidationError, or Refusal for a wrong token."""
    wanted = GeminiQuery.model_validate(query)
    cursor = from_token(wanted.page_token, "pageToken") if wanted.page_token else None
    size = min(wanted.page_size or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
    page = page_after(models, cursor, size, "pageToken")
    entries = [gemini_model(model, surfaces_of(model)) for model in page.models]
    if not page.has_more:
        return GeminiModelList(models=entries)
    return GeminiModelList(models=entries, nextPageToken=to_token(page.models[-1].name))
