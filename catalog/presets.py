"""Presets: what is known of providers, as data in presets.yaml beside this file.

A provider that names a preset takes from it whatever it does not say itself. Adding a provider that
speaks a known protocol is a row there and no code.
"""

from functools import cache
from pathlib import Path
from typing import Any

from pydantic import Field

from catalog.auth import AuthField
from catalog.fields import Day, Part
from catalog.providers import EndpointField, ModelsPath
from catalog.reading import read
from catalog.surfaces import Surface, home

_FILE = Path(__file__).with_name("presets.yaml")


class Preset(Part):
    """What is known of one provider."""

    title: str = Field(min_length=1, description="The provider's name for people.")
    base_url: str | None = Field(
        default=None, description="Address; absent where each customer has its own (Azure)."
    )
    base_urls: dict[str, str] = Field(
        default_factory=dict, description="Addresses for single values of its variable."
    )
    variables: dict[str, str] = Field(
        default_factory=dict, description="Values of variables, where they have a usual one."
    )
    surfaces: dict[Surface, EndpointField] = Field(
        min_length=1, description="Surface to base path."
    )
    auth: AuthField = Field(description="Key header.")
    models_path: ModelsPath | None = Field(
        default=None, description="Whole path of the model list, after the base URL."
    )
    prices: str = Field(description="Provider id in genai-prices; none where nobody charges.")
    source: str = Field(pattern=r"^https://", description="The page on which to check the row.")
    checked: Day | None = Field(
        default=None, description="When it was last compared with what is said there."
    )
    retired: Day | None = Field(
        default=None, description="When the provider ended; kept so that old catalogs load."
    )
    notes: str = Field(default="", description="What to know before using it.")

    @property
    def home(self) -> Surface:
        """The surface at which requests of other protocols are best sent."""
        return home(self.surfaces)


@cache
def presets() -> dict[str, Preset]:
    """Every preset by name."""
    return {name: Preset.model_validate(raw) for name, raw in _raw().items()}


def with_preset(provider: dict[str, Any]) -> dict[str, Any]:
    """A provider's raw declaration completed by the preset that it names, if there is such a
    one."""
    preset = _raw().get(provider.get("preset", ""))
    if preset is None:
        return provider
    taken = ["base_url", "surfaces", "auth", "models_path", "prices"]
    if "base_url" not in provider:
        taken.append("base_urls")
    completed = {key: preset[key] for key in taken if preset.get(key) is not None} | provider
    own = provider.get("variables", {})
    if isinstance(own, dict) and (usual := preset.get("variables")):
        completed["variables"] = usual | own
    return completed


@cache
def _raw() -> dict[str, dict[str, Any]]:
    return read(_FILE.read_text("utf-8")).value
