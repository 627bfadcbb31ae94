"""At which doors a model answers a key.

A model of chat that any chat surface of an upstream serves answers at every chat door: what was
asked in one protocol is converted to another. A group with `passthrough` converts nothing, and
other doors have nothing to convert to. What the key's groups, or the key itself, do not open is
left out.
"""

from collections.abc import Callable, Mapping

from catalog import Catalog, Model
from catalog.surfaces import SURFACES, SURFACES_OF_KIND, DoorKind, Surface
from ledger.model import KeyFacts

DOOR_OF: Mapping[Surface, DoorKind] = {
    "anthropic": "messages",
    "openai_chat": "chat",
    "openai_responses": "responses",
    "gemini": "generate",
    "openai_images": "images",
    "openai_embeddings": "embeddings",
    "gemini_embeddings": "embeddings",
}
SurfacesOf = Callable[[Model], tuple[Surface, ...]]  # of a model, for one key

_CHAT = frozenset(SURFACES_OF_KIND["chat"])


def surfaces_for(catalog: Catalog, facts: KeyFacts, model: Model) -> tuple[Surface, ...]:
    """The surfaces at whose doors this key has the model, converted or not."""
    native = frozenset(catalog.surfaces_of(model))
    converted = _CHAT if native & _CHAT else frozenset()
    return tuple(
        surface
        for surface in SURFACES
        if surface in native | converted
        and _opens(catalog, facts, model.name, surface, surface in native)
    )


def _opens(catalog: Catalog, facts: KeyFacts, name: str, surface: Surface, is_native: bool) -> bool:
    access = catalog.access(facts.groups, name, DOOR_OF[surface], facts.models, facts.endpoints)
    if not access.allowed or access.group is None:
        return False
    group = catalog.groups.get(access.group)
    return is_native or group is None or not group.passthrough
