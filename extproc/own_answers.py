"""Answers that the gateway gives itself: stored answers, estimated counts, dry runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from extproc import translation
from extproc.asking import Asked
from extproc.planning import route_of
from extproc.tariff import Tariff
from extproc.world import World
from translators import stripping, text_json
from translators.canonical.capabilities import DEFAULT_CAPABILITIES
from translators.canonical.failure import Failure, Kind
from translators.canonical.loss import Loss
from translators.canonical.usage import Usage
from translators.conversion import convert
from translators.estimate import estimate
from translators.protocol import NotUnderstood

if TYPE_CHECKING:
    from ledger.model import KeyFacts

ASSUMED_OUTPUT_TOKENS = 1_000  # of a dry run's price, where the request has no cap


@dataclass(frozen=True, slots=True)
class OwnAnswer:
    """A 200 of ours, in JSON."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    losses: tuple[str, ...] = ()


def counted(made: translation.Counted) -> OwnAnswer:
    """An estimate where no upstream can count; the header says that it is one."""
    return OwnAnswer(made.body, {"x-clavis-usage-source": "estimated"})


def stored(world: World, asked: Asked, kept: bytes, method: str) -> OwnAnswer | Failure:
    """A stored answer that we hold, or its input. `method` is the request's."""
    state = world.protocol(asked.opened.door.protocol).state
    assert state is not None
    if method == "POST":
        return Failure(
            Kind.INVALID_REQUEST, "Only a response with background set to true can be cancelled."
        )
    if parse_qs(asked.opened.query).get("stream") == ["true"]:
        message = "Only a response that was created with background set to true can be streamed."
        return Failure(Kind.INVALID_REQUEST, message, param="stream")
    try:
        if asked.opened.rest.endswith("/input_items"):
            return OwnAnswer(state.show_input(kept, asked.opened.query))
        return OwnAnswer(state.show(kept))
    except NotUnderstood as error:
        return Failure(Kind.NOT_FOUND, str(error), param="response_id")


def deleted(world: World, asked: Asked) -> OwnAnswer:
    """What is said of a stored answer that was deleted."""
    state = world.protocol(asked.opened.door.protocol).state
    assert state is not None and asked.pin is not None
    return OwnAnswer(state.show_deleted(asked.pin))


def continued(world: World, asked: Asked, kept: bytes) -> Asked | Failure:
    """The request with the history that its stored answer stands for."""
    state = world.protocol(asked.opened.door.protocol).state
    assert state is not None and asked.body is not None
    try:
        body = state.expand(asked.body, kept)
    except NotUnderstood as error:
        return Failure(Kind.INVALID_REQUEST, str(error), param=error.param)
    return replace(asked, body=body, rewritten=True, carries=stripping.carries(body))


def dry_run(
    world: World,
    asked: Asked,
    facts: "KeyFacts",
    request_id: str,
    headers: Mapping[str, str],
) -> OwnAnswer | Failure:
    """What would be sent, what it would lose and cost. Nobody is asked."""
    chosen = route_of(world, asked, facts, request_id, None, headers)
    if isinstance(chosen, Failure):
        return chosen
    fitting = (one for one in chosen.candidates() if asked.dry in ("", one.route.surface))
    candidate = next(fitting, None)
    route = candidate.route if candidate else None
    target = world.protocol(route.surface if route else str(asked.dry))
    capabilities = (
        translation.capabilities_of(route.capabilities) if route else DEFAULT_CAPABILITIES
    )
    name = route.upstream_model if route else asked.model
    try:
        request = translation.decoded(world, asked)
        made = convert(request, target, name, capabilities)
    except NotUnderstood as error:
        param = world.protocol(asked.opened.door.protocol).own_name(error.param)
        return Failure(Kind.INVALID_REQUEST, str(error), param=param)
    tokens = estimate(request)
    tariff = candidate.tariff if candidate else None
    path = target.request_path(name, asked.streamed)
    shown: dict[str, Any] = {
        "from": asked.opened.door.protocol,
        "to": target.name,
        "model": asked.model,
        "upstream_model": name,
        "provider": route.provider if route else None,
        "path": route.path(path) if route else path,
        "body": text_json.loads(made.body),
        "losses": [_loss(loss) for loss in made.losses],
        "input_tokens_estimated": tokens,
        "price": _price(tariff),
        "cost_micro_estimated": _cost(tariff, tokens, request.max_output_tokens),
    }
    losses = tuple(str(loss) for loss in made.losses)
    try:
        return OwnAnswer(text_json.dumps(shown), losses=losses)
    except NotUnderstood as error:  # the body was just not too deep
        return Failure(Kind.INVALID_REQUEST, str(error))


def _loss(loss: Loss) -> dict[str, str]:
    return {"field": loss.field, "kind": loss.kind.value, "note": loss.note}


def _price(tariff: Tariff | None) -> dict[str, float] | None:
    """US dollars per million tokens, the group's multiplier included."""
    if tariff is None or tariff.price is None:
        return None
    million = 1_000_000
    buckets = {"input": Usage(input_tokens=million), "output": Usage(output_tokens=million)}
    return {
        f"{name}_usd_per_million": (tariff.cost_micro(usage) or 0) / million
        for name, usage in buckets.items()
    }


def _cost(tariff: Tariff | None, tokens: int, cap: int | None) -> int | None:
    """The input's estimate and the output that the request allows, in micro-USD."""
    if tariff is None:
        return None
    output = cap if cap is not None else ASSUMED_OUTPUT_TOKENS
    return tariff.cost_micro(Usage(input_tokens=tokens, output_tokens=output))
