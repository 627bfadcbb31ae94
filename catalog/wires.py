"""How a provider says a protocol that is not its own: the wire of a surface, as data.

Claude in Bedrock and in Vertex AI speaks Anthropic's Messages, but the model stands in the path,
the version in the body, and Bedrock streams frames of its own. That is no fifth protocol: it is
another envelope, and extproc/wires/ puts requests into it and takes answers out of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from catalog.surfaces import Surface

WireName = Literal["plain", "bedrock", "vertex", "azure_deployments"]

WIRE_SURFACES: dict[WireName, tuple[Surface, ...]] = {
    "bedrock": ("anthropic",),
    "vertex": ("anthropic", "gemini"),
    "azure_deployments": ("openai_chat", "openai_images", "openai_embeddings"),
}
"""Where a wire can be used; `plain` everywhere."""

# What the path of azure_deployments ends with: ?api-version=.
API_VERSION = "api_version"


@dataclass(frozen=True, slots=True)
class Wire:
    """The wire of a route. `betas`: the beta flags that are let through; None for all."""

    name: WireName
    betas: frozenset[str] | None = None
    api_version: str = ""


def wire_of(
    name: WireName, betas: tuple[str, ...] | None, variables: Mapping[str, str]
) -> Wire | None:
    """The wire of a surface; None where requests and answers pass as they are."""
    if name == "plain" and betas is None:
        return None
    allowed = None if betas is None else frozenset(betas)
    return Wire(name, allowed, variables.get(API_VERSION, ""))
