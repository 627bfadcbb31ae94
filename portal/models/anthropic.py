"""The list of models as Anthropic gives it: pages in both directions, by id.

`capabilities` is null: the catalog's are open data, and a client that finds the field filled
expects every capability in it. All models are `active`. Source: anthropic 2.11 types/model_info.py,
types/model_list_params.py, pagination.py.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from catalog import Model
from catalog.surfaces import Surface
from portal.models.paging import page_after, page_before
from portal.models.served import SurfacesOf
from portal.models.times import released_at
from portal.refusals import Kind, Refusal

DEFAULT_LIMIT = 20
MAX_LIMIT = 1000

_EXAMPLE: dict[str, Any] = {
    "type": "model",
    "id": "claude-opus-5-5",
    "display_name": "Claude Opus 5.5",
    "created_at": "2026-09-30T00:00:00Z",
    "lifecycle": "active",
    "line": None,
    "capabilities": None,
    "max_input_tokens": 1000000,
    "max_tokens": 128000,
    "deprecated_at": None,
    "retires_at": None,
}

Lifecycle = Literal["active", "deprecated", "retired"]


class AnthropicQuery(BaseModel):
    """Parameters of Anthropic's list."""

    limit: int = Field(default=DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="Models per page.")
    after_id: str | None = Field(default=None, description="The page right after this model.")
    before_id: str | None = Field(default=None, description="The page right before this model.")
    lifecycle: list[Lifecycle] = Field(
        default=["active", "deprecated"],
        description="Stages to list. All models here are active.",
        validation_alias=AliasChoices("lifecycle", "lifecycle[]"),
    )


class AnthropicModel(BaseModel):
    """One model as Anthropic writes it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    type: Literal["model"] = "model"
    id: str
    display_name: str
    created_at: str = Field(description="Release, RFC 3339; the epoch where it is not declared.")
    lifecycle: Lifecycle = "active"
    line: str | None = None
    capabilities: dict[str, object] | None = None
    max_input_tokens: int | None = None
    max_tokens: int | None = None
    deprecated_at: str | None = None
    retires_at: str | None = None


class AnthropicModelList(BaseModel):
    """A page of models as Anthropic writes it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "data": [_EXAMPLE],
                    "has_more": False,
                    "first_id": _EXAMPLE["id"],
                    "last_id": _EXAMPLE["id"],
                }
            ]
        }
    )

    data: list[AnthropicModel]
    has_more: bool = Field(description="Whether there is more in the direction of paging.")
    first_id: str | None
    last_id: str | None


def anthropic_model(model: Model, _: Sequence[Surface]) -> AnthropicModel:
    """One model. Anthropic's shape has no place for the doors that serve it."""
    return AnthropicModel(  # every field is named: what is not set is left out of the answer
        type="model",
        id=model.name,
        display_name=model.display_name or model.name,
        created_at=f"{released_at(model):%Y-%m-%dT%H:%M:%SZ}",
        lifecycle="active",
        line=None,
        capabilities=None,
        max_input_tokens=model.context_window,
        max_tokens=model.max_output_tokens,
        deprecated_at=None,
        retires_at=None,
    )


def anthropic_list(
    models: Sequence[Model], query: Mapping[str, object], surfaces_of: SurfacesOf
) -> AnthropicModelList:
    """The asked page. Raises ValidationError, or Refusal for a wrong cursor."""
    wanted = AnthropicQuery.model_validate(query)
    if wanted.after_id is not None and wanted.before_id is not None:
        message = "before_id: after_id and before_id exclude each other."
        raise Refusal(Kind.INVALID_REQUEST, message, param="before_id")
    if "active" not in wanted.lifecycle:
        models = ()
    if wanted.before_id is not None:
        page = page_before(models, wanted.before_id, wanted.limit, "before_id")
    else:
        page = page_after(models, wanted.after_id, wanted.limit, "after_id")
    names = [model.name for model in page.models]
    return AnthropicModelList(
        data=[anthropic_model(model, surfaces_of(model)) for model in page.models],
        has_more=page.has_more,
        first_id=names[0] if names else None,
        last_id=names[-1] if names else None,
    )
