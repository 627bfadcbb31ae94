"""Where a request goes: the public model's routes, in the order in which they are tried.

The order is that of the key's groups, then the tiers', then what needs no translation first, and
among equals a draw by weight from a seed that is the same for requests which belong together
(extproc/affinity.py). Every worker computes the same order without asking anybody. Passed over are
routes that were tried, and those that may not be asked now: resting, or at their limits.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from catalog.ranks import ways
from extproc import failures
from extproc.exchange.ticket import Occasion
from extproc.health import BROKE_OFF
from extproc.seals import SEAL_REFUSED
from extproc.tariff import Tariff
from ledger.cooldowns import Cooldowns
from ledger.model import WORKER_LOST, Attempt
from translators.canonical.failure import Failure, Kind

if TYPE_CHECKING:
    from catalog import Catalog, Route, Way
    from extproc.doors import Door
    from ledger.model import KeyFacts


@dataclass(frozen=True, slots=True)
class Candidate:
    """A route, and the group whose price multiplier and limits apply on it."""

    route: "Route"
    group: str | None
    multiplier: Fraction

    @property
    def tariff(self) -> Tariff:
        return Tariff(self.route.price, self.multiplier)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Every way to the model for this request, and the seed by which its routes are drawn."""

    ways: "tuple[Way, ...]"
    seed: int
    account: str | None = None  # the only one that can answer

    @property
    def first(self) -> Candidate:
        return next(self.candidates())

    @property
    def tariffs(self) -> tuple[Tariff, ...]:
        """All that an attempt may cost."""
        return tuple(Tariff(price, way.multiplier) for way in self.ways for price in way.prices)

    def candidates(self) -> Iterator[Candidate]:
        """The routes, best first."""
        for way in self.ways:
            for route in way.ordered(self.seed):
                if self.account in (None, route.account):
                    yield Candidate(route, way.group, way.multiplier)


def choose(
    catalog: "Catalog",
    facts: "KeyFacts",
    model: str,
    door: "Door",
    seed: Callable[[], int],
    account: str | None = None,
) -> "Chosen | Failure":
    """The ways to the model, or the failure that says why there is none.

    `seed` is asked only where there is something to draw. `account` pins the request to the account
    that holds a stored answer.
    """
    assert door.surface is not None
    if catalog.find_model(model) is None:
        return _unknown(catalog, facts, model)
    access = catalog.access(facts.groups, model, door.gate, facts.models, facts.endpoints)
    if not access.allowed:
        return Failure(Kind.PERMISSION, _sentence(access.reason or f"this key may not use {model}"))
    # The group that opened the door decides the pools and the price alike.
    groups = access.groups or None
    convert = door.convertible and account is None
    found = catalog.ways(model, door.surface, groups, convert=convert)
    if not found:
        return (
            _not_served(catalog, model, door, groups)
            if account is None
            else _stored_elsewhere(model)
        )
    spread = any(way.is_spread for way in found)
    chosen = Chosen(found, seed() if spread else 0, account)
    if account is not None and next(chosen.candidates(), None) is None:
        return _stored_elsewhere(model)
    return chosen


# ------------------------------------------------------------------ what is left of them


@dataclass(frozen=True, slots=True)
class Obstacles:
    """Why routes were passed over: the earliest time at which one may be asked again."""

    until_ms: int = 0  # 0: nothing stood in the way
    limits: bool = True  # all of them are at a limit of ours, and none is ill

    def and_at(self, until_ms: int, limited: bool) -> "Obstacles":
        earliest = min(self.until_ms, until_ms) if self.until_ms else until_ms
        return Obstacles(earliest, self.limits and limited)

    def failure(self, now_ms: int) -> Failure:
        """With a true time to come again."""
        wait_s = max(self.until_ms - now_ms, 1) / 1000
        if self.limits:
            message = "Every upstream account of this model is at its limit."
            return Failure(Kind.RATE_LIMITED, message, retry_after_s=wait_s)
        message = "No healthy upstream account is left for this model."
        return Failure(Kind.UNAVAILABLE, message, retry_after_s=wait_s)


def exhausted(tries: tuple[Attempt, ...]) -> Failure:
    """No further attempt is left, and the last one asked for another."""
    if tries and tries[-1].reason == BROKE_OFF:
        return failures.truncated()
    return Failure(Kind.UNAVAILABLE, "No upstream account is left for this request.")


def attempts_made(tries: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
    """The attempts that were the upstream's to answer: no worker of ours died in them, and none
    was refused for a sealed value alone, which is left out in the next one."""
    return tuple(one for one in tries if one.reason not in (WORKER_LOST, SEAL_REFUSED))


def ready(
    chosen: Chosen, cooldowns: Cooldowns, occasion: Occasion
) -> "tuple[Iterator[Candidate], list[Obstacles]]":
    """The candidates that may be asked now. The list is filled while they are taken: at the end it
    holds what stood in the way of the others."""
    obstacles = [Obstacles()]
    tries = occasion.tries
    if not tries and cooldowns.quiet:
        return chosen.candidates(), obstacles
    if tries and tries[-1].reason == SEAL_REFUSED:
        same = (one for one in chosen.candidates() if _went_to(one.route, tries[-1]))
        return same, obstacles
    made = attempts_made(tries)
    found = _passing(chosen, cooldowns, made, occasion.now_ms, obstacles)
    return (_those_last(found, tries[-1]) if tries else found), obstacles


def _passing(
    chosen: Chosen,
    cooldowns: Cooldowns,
    made: tuple[Attempt, ...],
    now_ms: int,
    obstacles: list[Obstacles],
) -> Iterator[Candidate]:
    for one in chosen.candidates():
        route = one.route
        if any(_went_to(route, attempt) for attempt in made):
            continue
        obstacle = cooldowns.obstacle(route.account, route.upstream_model, now_ms)
        if obstacle is None:
            yield one
        else:
            obstacles[0] = obstacles[0].and_at(*obstacle)


def _those_last(candidates: Iterator[Candidate], last: Attempt) -> Iterator[Candidate]:
    """Where the last attempt went is asked again at the end: whose worker died nobody knows."""
    again = []
    for one in candidates:
        if _went_to(one.route, last):
            again.append(one)
        else:
            yield one
    yield from again


def _went_to(route: "Route", attempt: Attempt) -> bool:
    return (route.account, route.upstream_model) == (attempt.account, attempt.upstream_model)


# ------------------------------------------------------------------ refusals


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
    return Chosen(ways(door.surface, [(None, Fraction(1), (route,))]), 0)
