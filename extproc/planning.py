"""From what is asked to a plan: where it goes, how it looks there, how the answer is written.

The body is changed only in the value of `model`, unless the route speaks another protocol than the
door: then it is translated (extproc/translation.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from extproc import billing, replies, routing, translation
from extproc.asking import Asked
from extproc.doors import Opened
from extproc.exchange.ticket import Reply, Ticket
from extproc.tariff import Tariff
from extproc.world import World
from translators import capping, stripping
from translators.canonical.failure import Failure, Kind
from translators.canonical.loss import Loss, LossKind, Neutral
from translators.edit import replace_multipart_field
from translators.protocol import NotUnderstood

if TYPE_CHECKING:
    from catalog import Route
    from extproc.routing import Chosen
    from ledger.keys import KeyHandle
    from ledger.model import KeyFacts


@dataclass(frozen=True, slots=True)
class Plan:
    """One attempt, decided. `body` is the changed body; None: it stays as it came."""

    asked: Asked
    body: bytes | None
    route: "Route"
    last_attempt: bool
    tariff: Tariff
    protocol: str  # the upstream's
    reply: Reply | None = None  # translated: how the answer is written
    path: str | None = None  # translated: the upstream's path after the version
    losses: tuple[Loss, ...] = ()
    group: str | None = None
    quote: billing.Quote | None = None  # None: it costs nothing
    demanded: Mapping[str, str] = field(default_factory=dict)  # translated: the server's headers

    @property
    def has_body(self) -> bool:
        return self.asked.body is not None

    def ticket(
        self,
        handle: "KeyHandle",
        facts: "KeyFacts",
        request_id: str,
        attempt: int,
        started_at_ms: int,
    ) -> Ticket:
        door = self.asked.opened.door
        return Ticket(
            request_id=request_id,
            shard=handle.shard,
            key_id=facts.key_id,
            customer_id=facts.customer_id,
            protocol=self.asked.dialect,
            upstream_protocol=self.protocol,
            endpoint=door.kind,
            model=self.asked.model,
            upstream=self.route.provider,
            account=self.route.account,
            upstream_model=self.route.upstream_model,
            streamed=self.asked.streamed,
            attempt=attempt,
            started_at_ms=started_at_ms,
            last_attempt=self.last_attempt,
            hint=self.asked.opened.hint,
            billed=not door.free,
            keeps_answer=self.asked.keeps_answer and self.reply is None,
            reply=self.reply,
            losses=tuple(str(loss) for loss in self.losses),
            price_source=self.tariff.source,
            input_estimate=self.quote.input_tokens if self.quote else 0,
            window=self.route.capabilities.context_window,
        )

    def upstream(self, headers: dict[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
        """Headers to set and headers to remove."""
        route = self.route
        set_headers = {
            ":path": self._upstream_path(),
            ":authority": route.authority,
            ":scheme": "https" if route.tls else "http",
            "x-clavis-cluster": route.cluster,
        }
        translated = self.reply is not None
        for name, value in route.headers:
            if translated or name not in headers or replies.kept_from_upstream((name,)):
                set_headers[name] = value
        if route.auth is not None:
            set_headers[route.auth[0]] = route.auth[1]
        others = (name for name in headers if name not in set_headers)
        if translated:
            set_headers |= {"content-type": "application/json", **self.demanded}
            removed = replies.kept_from_translated(others)
        else:
            removed = replies.kept_from_upstream(others)
        if self.body is not None:
            set_headers["content-length"] = str(len(self.body))
        return set_headers, removed

    def _upstream_path(self) -> str:
        if self.path is not None:
            return self.route.path(self.path)
        opened = self.asked.opened
        query = f"?{opened.query}" if opened.query else ""
        return self.route.path(opened.rest.replace("{model}", self.route.upstream_model)) + query


def _renamed(world: World, asked: Asked, name: str) -> "tuple[bytes | None, tuple[Loss, ...]]":
    """The body with the upstream's model name; None when it stays as it came. And what it loses.

    Raises NotUnderstood where readers could disagree about the model.
    """
    if asked.body is None or asked.opened.door.stored:
        return None, ()
    body = asked.body
    losses: tuple[Loss, ...] = ()
    if asked.carries:
        protocol = world.protocol(asked.opened.door.protocol)
        body, found = stripping.stripped(body, protocol.no_seal)
        if found:
            losses = (Loss(Neutral.REASONING, LossKind.UNSEALED, "another upstream's"),)
    if asked.opened.door.multipart and asked.content_type[:10].lower() == "multipart/":
        edited = replace_multipart_field(body, asked.content_type, "model", name)
    else:
        edited = world.protocol(asked.opened.door.protocol).rename_model(body, name)
    stays = edited == asked.body and not asked.rewritten
    return (None if stays else edited), losses


def route_of(
    world: World, asked: Asked, facts: "KeyFacts", request_id: str, account: str | None
) -> "Chosen | Failure":
    """The routes of this request in the order of its attempts."""
    door = asked.opened.door
    if door.stored:
        assert account is not None
        return routing.by_account(world.catalog, account, door)
    return routing.choose(world.catalog, facts, asked.model, door, request_id, account)


@dataclass(frozen=True, slots=True)
class _Passed:
    """A body that goes as it came, but for the model's name. None: it stays."""

    body: bytes | None
    losses: tuple[Loss, ...]


_Made = _Passed | translation.Translated | translation.Counted


def _made(
    world: World, asked: Asked, route: "Route", identity: tuple[str, int], strict: bool
) -> _Made | Failure:
    """The request for this route. `identity`: request id, start in ms."""
    if translation.needed(asked, route):
        return translation.translated(world, asked, route, *identity, strict)
    try:
        body, losses = _renamed(world, asked, route.upstream_model)
    except NotUnderstood as error:
        return Failure(Kind.INVALID_REQUEST, str(error), param=error.param)
    own = world.protocol(asked.opened.door.protocol)
    if strict and (failure := translation.refused(losses, own)) is not None:
        return failure
    return _Passed(body, losses)


def _in_turn(
    world: World,
    asked: Asked,
    routes: "tuple[Route, ...]",
    identity: tuple[str, int, int],
    strict: bool,
) -> "tuple[Route, _Made, int] | Failure":
    """The route of this attempt, the request for it, and how many routes cannot take it.

    A route that would lose what must not be lost is no target of this request: the next one that
    can take it has the turn. The failure is the first route's, where none can.
    """
    request_id, attempt, started_at_ms = identity
    able: list[tuple[Route, _Made]] = []
    failures: list[Failure] = []
    for route in routes:
        made = _made(world, asked, route, (request_id, started_at_ms), strict)
        if isinstance(made, Failure):
            failures.append(made)
            continue
        able.append((route, made))
        if len(able) == attempt:
            break
    if not able:
        return failures[0]
    route, made = able[(attempt - 1) % len(able)]
    return route, made, len(failures)


def plan(
    world: World,
    asked: Asked,
    facts: "KeyFacts",
    account: str | None,
    identity: tuple[str, int, int],
) -> "Plan | translation.Counted | Failure":
    """Where this attempt goes. `identity`: request id, attempt, start in ms."""
    request_id, attempt, _ = identity
    catalog = world.catalog
    chosen = route_of(world, asked, facts, request_id, account)
    if isinstance(chosen, Failure):
        return chosen
    if asked.answer_in is not None and catalog.passthrough(chosen.group):
        message = "This key's group translates nothing, and so no answer into another format."
        return Failure(Kind.INVALID_REQUEST, message, param="style")
    strict = asked.strict or facts.strict or catalog.strict(chosen.group)
    found = _in_turn(world, asked, chosen.routes, identity, strict)
    if isinstance(found, Failure):
        return found
    route, made, unable = found
    if isinstance(made, translation.Counted):
        return made
    tries = min(len(chosen.routes) - unable, catalog.limits.max_attempts)
    translated = made if isinstance(made, translation.Translated) else None
    protocol = route.surface if translated else asked.opened.door.protocol
    return Plan(
        asked=asked,
        body=made.body,
        route=route,
        last_attempt=attempt >= tries,
        tariff=Tariff(route.price, catalog.multiplier(chosen.group)),
        protocol=protocol,
        reply=translated.reply if translated else None,
        path=translated.path if translated else None,
        losses=made.losses,
        demanded=world.protocol(protocol).demanded if translated else {},
        group=chosen.group,
        quote=billing.quote(world, asked, chosen, tries + unable),
    )


def lowered(world: World, made: Plan, most: int) -> Plan | Failure:
    """The same plan with an output cap that can be paid. The caller is told of it as a loss."""
    loss = Loss(Neutral.MAX_OUTPUT_TOKENS, LossKind.CLAMPED, "to what the credit pays for")
    protocol = world.protocol(made.protocol)
    body = made.body if made.body is not None else made.asked.body
    if body is None or not protocol.cap_fields or not made.asked.content_type_is_json:
        return Failure(Kind.CREDIT, "The credit does not cover this request.")
    legacy = made.route.capabilities.legacy_max_tokens
    capped = capping.capped(body, protocol.cap_fields, most, legacy)
    return replace(made, body=capped, losses=(*made.losses, loss))


def recalled(
    world: World, asked: Asked, facts: "KeyFacts", request_id: str, attempt: int
) -> tuple[Asked, tuple[str, ...]]:
    """The request, and the calls in it whose reasoning must be looked up for a translation.

    Whatever is wrong with the request is left for `plan` to say.
    """
    if not translation.may_have_seals(world, asked):
        return asked, ()
    chosen = route_of(world, asked, facts, request_id, None)
    if isinstance(chosen, Failure):
        return asked, ()
    if not any(translation.needed(asked, route) for route in chosen.routes[:attempt]):
        return asked, ()
    try:
        return translation.seals_wanted(world, asked)
    except NotUnderstood:
        return asked, ()


def refused(
    opened: Opened,
    asked: Asked | None,
    handle: "KeyHandle",
    facts: "KeyFacts",
    identity: tuple[str, int, int],
) -> Ticket:
    """The ticket of a request that goes nowhere. `identity`: request id, attempt, start in ms."""
    request_id, attempt, started_at_ms = identity
    return Ticket(
        request_id=request_id,
        shard=handle.shard,
        key_id=facts.key_id,
        customer_id=facts.customer_id,
        protocol=asked.dialect if asked else opened.door.protocol,
        upstream_protocol=opened.door.protocol,
        endpoint=opened.door.kind,
        model=(asked.model if asked else opened.model) or "",
        upstream=None,
        account=None,
        upstream_model=None,
        streamed=False,
        attempt=attempt,
        started_at_ms=started_at_ms,
    )
