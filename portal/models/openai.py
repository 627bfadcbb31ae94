"""The list of models as OpenAI gives it: whole, without pages.

The fields behind `owned_by` are additions, those of the catalog only where it declares them;
OpenAI's SDKs ignore what they do not know. Source: openai 3.52 types/model.py.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from catalog import Model
from catalog.surfaces import DoorKind, Surface
from portal.models.served import DOOR_OF, SurfacesOf
from portal.models.times import released_at

_EXAMPLE: dict[str, Any] = {
    "id": "gpt-5-mini",
    "object": "model",
    "created": 1754524800,
    "owned_by": "openai",
    "endpoints": ["messages", "chat", "responses", "generate"],
}


class OpenAIQuery(BaseModel):
    """OpenAI's list has no parameters; others are ignored."""


class OpenAIModel(BaseModel):
    """One model as OpenAI writes it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="Release, Unix seconds; 0 where it is not declared.")
    owned_by: str
    endpoints: list[DoorKind] = Field(
        description="Doors where this key has the model; at some it is converted."
    )
    display_name: str | None = Field(default=None, description="Only where declared.")
    context_window: int | None = Field(default=None, description="Tokens; only where declared.")
    max_output_tokens: int | None = Field(default=None, description="Tokens; only where declared.")


class OpenAIModelList(BaseModel):
    """A list of models as OpenAI writes it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"object": "list", "data": [_EXAMPLE]}]}
    )

    object: Literal["list"] = "list"
    data: list[OpenAIModel]


def openai_model(model: Model, surfaces: Sequence[Surface]) -> OpenAIModel:
    """One model."""
    entry = {
        "id": model.name,
        "object": "model",
        "created": int(released_at(model).timestamp()),
        "owned_by": model.owned_by or model.targets[0].provider,
        "endpoints": list(dict.fromkeys(DOOR_OF[surface] for surface in surfaces)),
        "display_name": model.display_name,
        "context_window": model.context_window,
        "max_output_tokens": model.max_output_tokens,
    }
    return OpenAIModel.model_validate({k: v for k, v in entry.items() if v is not None})


def openai_list(
    models: Sequence[Model], query: Mapping[str, object], surfaces_of: SurfacesOf
) -> OpenAIModelList:
    """Every model; the query changes nothing."""
    return OpenAIModelList(
        object="list", data=[openai_model(model, surfaces_of(model)) for model in models]
    )
