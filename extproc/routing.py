"""Where a request goes: the public model's targets, ordered for this request, one for each attempt.

The order is the tiers', within a tier those of the caller's own protocol first, and among equals a
weighted shuffle seeded by the request id: every worker computes the same order without asking
anybody, so that a retry that lands elsewhere takes the next target.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from translators.canonical.failure import Failure, Kind

if TYPE_CHECKING:
    from catalog import Catalog, Route
    from extproc.doors import Door
    from ledger.model import KeyFacts


@dataclass(frozen=True, slots=True)
class Chosen:
    """Routes in the order of the attempts, and the group whose price multiplier applies."""

    routes: "tuple[Route, ...]"
    group: str | None


def choose(
    catalog: "Catalog",
    facts: "KeyFacts",
    model: str,
    door: "Door",
    request_id: str,
    account: str | None = None,
) -> "Chosen | Failure":
    """The targets in the order of the attempts, or the failure that says why there is none.

    `account` pins the request to the account that holds a stored answer.
    """
    assert door.surface is not None
    if catalog.find_model(model) is None:
        return _unknown(catalog, facts, model)
    access = catalog.access(facts.groups, model, door.gate, facts.models, facts.endpoints)
    if not access.allowed:
        return Failure(Kind.PERMISSION, _sentence(access.reason or f"this key may not use {model}"))
    # The group that opened the door decides the pools and the price alike.
    groups = None if access.group is None else (access.group,)
    if door.convertible and account is None:
        routes = catalog.convertible(model, door.surface, groups)
    else:
        routes = catalog.targets(model, door.surface, groups)
    if account is not None:
        routes = tuple(route for route in routes if route.account == account)
        if not routes:
            return _stored_elsewhere(model)
    if not routes:
        return _not_served(catalog, model, door, groups)
    return Chosen(tuple(_ordered(routes, door.surface, request_id)), access.group)


def _ordered(routes: "Sequence[Route]", surface: str, seed: str) -> "list[Route]":
    if len(routes) == 1:
        return list(routes)
    dice = random.Random(seed)
    # Efraimidis and Spirakis: the order of u^(1/w) is a weighted draw without replacement.
    # What needs no translation loses nothing, so within a tier it goes first.
    return sorted(
        routes,
        key=lambda r: (r.tier, r.surface != surface, -(dice.random() ** (1 / max(r.weight, 1e-9)))),
    )


def _unknown(catalog: "Catalog", facts: "KeyFacts", model: str) -> Failure:
    nearest = catalog.nearest(model, facts.groups)
    advice = f" Did you mean {nearest}?" if nearest else " See GET /v1/models."
    return Failure(
        Kind.NOT_FOUND,
        f"The model {_shown(model)} is not available here.{advice}",
        code="model_not_found",
        param="model",
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


_PATHS = {
    "anthropic": "POST /v1/messages",
    "openai_chat": "POST /v1/chat/completions",
    "openai_responses": "POST /v1/responses",
    "gemini": "POST /v1beta/models/{model}:generateContent",
    "openai_images": "POST /v1/images/generations",
    "openai_embeddings": "POST /v1/embeddings",
    "gemini_embeddings": "POST /v1beta/models/{model}:embedContent",
}


def _stored_elsewhere(model: str) -> Failure:
    return Failure(
        Kind.INVALID_REQUEST,
        f"The previous response is stored at an upstream that does not serve the model "
        f"{_shown(model)}. Use the model that gave it, or send the whole input.",
        param="previous_response_id",
    )


def _not_served(
    catalog: "Catalog", model: str, door: "Door", groups: tuple[str, ...] | None
) -> Failure:
    """No route: wrong endpoint for this model, or no account for it."""
    surfaces = catalog.reachable(model, groups)
    if not surfaces or door.surface in surfaces:
        return Failure(Kind.UNAVAILABLE, f"No upstream account serves the model {_shown(model)}.")
    paths = ", ".join(_PATHS[surface] for surface in surfaces)
    return Failure(
        Kind.INVALID_REQUEST,
        f"The model {_shown(model)} is not served at this endpoint. It is served at {paths}.",
        code="unsupported_endpoint",
        param="model",
    )


def _shown(model: str) -> str:
    """A caller's text inside our message: bounded, and quoted so that it reads as theirs."""
    return repr(model if len(model) <= 80 else f"{model[:80]}…")


def by_account(catalog: "Catalog", account: str, door: "Door") -> "Chosen | Failure":
    """The one route to the account that holds a stored answer."""
    assert door.surface is not None
    route = catalog.route_by_account(account, door.surface)
    if route is None:
        return Failure(Kind.NOT_FOUND, "The upstream that stored this response is no longer here.")
    return Chosen((route,), None)
