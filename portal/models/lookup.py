"""Which models a key sees, and the one it asks for by name.

A model outside of the key's groups and one that never was get the same answer: a key learns nothing
of what it may not use. Listed are named models that some upstream serves, in the catalog's order;
a name that only a pattern answers can be asked for but is not listed.
"""

from catalog import Catalog, Model
from ledger.model import KeyFacts
from portal.dialects import action_of
from portal.refusals import Kind, Refusal

MAX_SHOWN = 200  # characters of an unknown name that are repeated
_ANY_DOOR = "messages"  # access is judged for a door; for lists the door does not matter


def visible(catalog: Catalog, facts: KeyFacts) -> list[Model]:
    """The models to list for a key."""
    return catalog.visible_models(facts.groups, facts.models)


def find(catalog: Catalog, facts: KeyFacts, names: tuple[str, ...]) -> Model:
    """The model that the first known of these names stands for; an alias gives its model, a pattern
    a model of the asked name. Raises Refusal: 404, naming the nearest that the key may use."""
    for name in names:
        model = catalog.find_model(name)
        if model is not None and _may_see(catalog, facts, model, name):
            return model if not model.is_pattern else _named(model, name)
    raise _unknown(catalog, facts, names[-1])


def _may_see(catalog: Catalog, facts: KeyFacts, model: Model, asked: str) -> bool:
    name = asked if model.is_pattern else model.name
    access = catalog.access(facts.groups, name, _ANY_DOOR, facts.models)
    allowed = access.allowed or access.refused == "endpoint"
    return allowed and bool(catalog.surfaces_of(name))


def _named(pattern: Model, name: str) -> Model:
    return pattern.model_copy(update={"name": name, "aliases": (), "display_name": None})


def _unknown(catalog: Catalog, facts: KeyFacts, name: str) -> Refusal:
    if action_of(name):
        message = "Methods of a model take POST."
        return Refusal(Kind.METHOD, message, headers={"allow": "POST"})
    near = catalog.nearest(name, facts.groups or ("default",))
    hint = ""
    if near is not None:
        model = catalog.find_model(near)
        if model is not None and _may_see(catalog, facts, model, near):
            hint = f" Did you mean {near}?"
    shown = name if len(name) <= MAX_SHOWN else name[:MAX_SHOWN] + "…"
    return Refusal(
        Kind.NOT_FOUND,
        f"The model {shown!r} does not exist here, or this key's groups do not include it.{hint} "
        "GET /v1/models lists the models of this key.",
        param="model",
        code="model_not_found",
    )


def without_prefix(name: str) -> tuple[str, ...]:
    """A name as Google's clients send it, with and without `models/` in front."""
    short = name.removeprefix("models/")
    return (name,) if short == name else (name, short)
