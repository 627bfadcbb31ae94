"""From what is asked to a plan: where it goes, how it looks there, how the answer is written.

The body is changed only in the value of `model`, unless the route speaks another protocol than the
door: then it is translated (extproc/translation.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from extproc import affinity, billing, replies, routing, seals, translation, wiring
from extproc.asking import Asked
from extproc.doors import Opened
from extproc.exchange.ticket import EVERYTHING, Believed, Occasion, Reply, Ticket
from extproc.routing import Candidate, Chosen
from extproc.tariff import Tariff
from extproc.vouching import Vouching
from extproc.wires.envelope import Sealed
from extproc.world import World
from ledger.cooldowns import Ceiling, Reservation
from translators import capping, stripping
from translators.canonical.failure import Failure, Kind
from translators.canonical.loss import Loss, LossKind, Neutral
from translators.edit import replace_multipart_field
from translators.protocol import NotUnderstood

if TYPE_CHECKING:
    from catalog import Route
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
    probe: bool = False  # the account is due: only one request may try it
    watched: bool = False  # the account has failed lately
    unsealed: bool = False  # no sealed value goes with it
    believed: Believed = EVERYTHING  # of the upstream's figures
    sealed: Sealed | None = None  # in the envelope of the route's wire

    @property
    def has_body(self) -> bool:
        return self.asked.body is not None

    def has_cap(self, world: World) -> bool:
        """Whether the request can bound its output: those for pictures and forms cannot."""
        own = self.asked.opened.door
        chats = self.reply is not None or own.convertible
        return chats and bool(world.protocol(self.protocol).cap_fields)

    def reservation(self, occasion: Occasion, lease_ms: int) -> Reservation | None:
        """The place that this attempt needs at the account; None where it may just go there."""
        route, limits = self.route, self.route.limits
        if limits is None and not self.probe:
            return None
        ceiling = Ceiling(limits.rpm, limits.tpm, limits.concurrency) if limits else Ceiling()
        return Reservation(
            account=route.account,
            model=route.upstream_model,
            attempt_id=f"{occasion.request_id}/{occasion.attempt}",
            ceiling=ceiling,
            tokens=self.quote.hold_tokens if self.quote else 0,
            probe=self.probe,
            deadline_ms=occasion.now_ms + lease_ms,
        )

    def ticket(self, handle: "KeyHandle", facts: "KeyFacts", occasion: Occasion) -> Ticket:
        door = self.asked.opened.door
        return Ticket(
            request_id=occasion.request_id,
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
            attempt=occasion.attempt,
            started_at_ms=occasion.started_at_ms,
            last_attempt=self.last_attempt,
            hint=self.asked.opened.hint,
            billed=not door.free,
            keeps_answer=self.asked.keeps_answer and self.reply is None,
            reply=self.reply,
            losses=tuple(str(loss) for loss in self.losses),
            price_source=self.tariff.source,
            input_estimate=self.quote.input_tokens if self.quote else 0,
            believed=self.believed,
            tries=occasion.tries,
            sent_at_ms=occasion.now_ms,
            unsealed=self.unsealed,
            watched=self.watched,
            wire=self.route.wire.name if self.route.wire is not None else "",
            vouched=self.route.identity is not None,
        )

    def upstream(
        self, headers: dict[str, str], vouching: Vouching | None = None
    ) -> tuple[dict[str, str], tuple[str, ...]]:
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
        if self.sealed is not None or route.identity is not None:
            removed = wiring.finished(self, headers, set_headers, removed, vouching)
        return set_headers, removed

    def _upstream_path(self) -> str:
        if self.sealed is not None:
            return self.route.path(self.sealed.path)
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
    world: World,
    asked: Asked,
    facts: "KeyFacts",
    request_id: str,
    account: str | None,
    headers: Mapping[str, str],
) -> Chosen | Failure:
    """The ways of this request to its model."""
    door = asked.opened.door
    if door.stored:
        assert account is not None
        return routing.by_account(world.catalog, account, door)

    def seed() -> int:
        return affinity.seed_of(asked, headers, facts.customer_id, request_id)

    return routing.choose(world.catalog, facts, asked.model, door, seed, account)


@dataclass(frozen=True, slots=True)
class _Passed:
    """A body that goes as it came, but for the model's name. None: it stays."""

    body: bytes | None
    losses: tuple[Loss, ...]


_Made = _Passed | translation.Translated | translation.Counted


def _made(
    world: World, asked: Asked, route: "Route", occasion: Occasion, strict: bool
) -> "_Made | Failure":
    """The request for this route."""
    if translation.needed(asked, route):
        identity = occasion.request_id, occasion.started_at_ms
        return translation.translated(world, asked, route, *identity, strict)
    try:
        body, losses = _renamed(world, asked, route.upstream_model)
    except NotUnderstood as error:
        return Failure(Kind.INVALID_REQUEST, str(error), param=error.param)
    own = world.protocol(asked.opened.door.protocol)
    if strict and (failure := translation.refused(losses, own)) is not None:
        return failure
    return _Passed(body, losses)


@dataclass(frozen=True, slots=True)
class _Found:
    """The route of this attempt, the request for it, and whether there is another one behind it."""

    candidate: Candidate
    made: _Made
    more: bool


def _find(
    world: World, asked: Asked, chosen: Chosen, occasion: Occasion, strict: bool
) -> _Found | Failure:
    """The first route that may be asked and can take the request.

    A route that would lose what must not be lost is no target of this request: the next one that
    can take it has the turn. The failure is the first such route's, where none can.
    """
    if len(routing.attempts_made(occasion.tries)) >= world.catalog.limits.max_attempts:
        return routing.exhausted(occasion.tries)
    candidates, obstacles = routing.ready(chosen, world.cooldowns, occasion)
    unable: Failure | None = None
    for candidate in candidates:
        if not wiring.is_ready(world, candidate.route):
            unable = wiring.NOT_READY
            continue
        made = _made(world, asked, candidate.route, occasion, strict)
        if isinstance(made, Failure):
            unable = unable or made
            continue
        more = any(wiring.is_ready(world, behind.route) for behind in candidates)
        return _Found(candidate, made, more)
    if obstacles[0].until_ms:
        return obstacles[0].failure(occasion.now_ms)
    return unable or routing.exhausted(occasion.tries)


def plan(
    world: World,
    asked: Asked,
    facts: "KeyFacts",
    account: str | None,
    occasion: Occasion,
    headers: Mapping[str, str],
) -> "Plan | translation.Counted | Failure":
    """Where this attempt goes."""
    catalog = world.catalog
    chosen = route_of(world, asked, facts, occasion.request_id, account, headers)
    if isinstance(chosen, Failure):
        return chosen
    group = chosen.first.group
    if asked.answer_in is not None and catalog.passthrough(group):
        message = "This key's group translates nothing, and so no answer into another format."
        return Failure(Kind.INVALID_REQUEST, message, param="style")
    strict = asked.strict or facts.strict or catalog.strict(group)
    found = _find(world, asked, chosen, occasion, strict)
    if isinstance(found, Failure):
        return found
    if isinstance(found.made, translation.Counted):
        return found.made
    return _planned(world, asked, chosen, found, occasion, strict)


def _planned(
    world: World, asked: Asked, chosen: Chosen, found: _Found, occasion: Occasion, strict: bool
) -> Plan | Failure:
    made, route = found.made, found.candidate.route
    assert not isinstance(made, translation.Counted)
    translated = made if isinstance(made, translation.Translated) else None
    protocol = world.protocol(route.surface if translated else asked.opened.door.protocol)
    body, losses, tries = made.body, made.losses, occasion.tries
    if unsealed := bool(tries) and tries[-1].reason == seals.SEAL_REFUSED:
        body, lost = seals.without(body if body is not None else asked.body or b"", protocol)
        losses = (*losses, *lost)
    most = world.catalog.limits.max_attempts
    rests = world.cooldowns
    quiet = rests.quiet
    place = route.account, route.upstream_model
    planned = Plan(
        asked=asked,
        body=body,
        route=route,
        last_attempt=not found.more or len(routing.attempts_made(tries)) + 1 >= most,
        tariff=found.candidate.tariff,
        protocol=protocol.name,
        reply=translated.reply if translated else None,
        path=translated.path if translated else None,
        losses=losses,
        demanded=protocol.demanded if translated else {},
        group=found.candidate.group,
        quote=billing.quote(world, asked, chosen),
        probe=not quiet and rests.due(*place, occasion.now_ms) is not None,
        watched=not quiet and rests.known(*place) is not None,
        unsealed=unsealed,
        believed=billing.believed(route, asked.choices, protocol.rounds),
    )
    return planned if route.wire is None else wiring.sealed(world, planned, strict)


def lowered(world: World, made: Plan, most: int) -> Plan:
    """The same plan with an output cap that can be paid. The caller is told of it as a loss."""
    loss = Loss(Neutral.MAX_OUTPUT_TOKENS, LossKind.CLAMPED, "to what the credit pays for")
    protocol = world.protocol(made.protocol)
    body = made.body if made.body is not None else made.asked.body
    assert body is not None
    legacy = made.route.capabilities.legacy_max_tokens
    capped = capping.capped(body, protocol.cap_fields, most, legacy)
    return replace(made, body=capped, losses=(*made.losses, loss))


def recalled(
    world: World,
    asked: Asked,
    facts: "KeyFacts",
    request_id: str,
    headers: Mapping[str, str],
) -> tuple[Asked, tuple[str, ...]]:
    """The request, and the calls in it whose reasoning must be looked up for a translation.

    Whatever is wrong with the request is left for `plan` to say.
    """
    if not translation.may_have_seals(world, asked):
        return asked, ()
    chosen = route_of(world, asked, facts, request_id, None, headers)
    if isinstance(chosen, Failure):
        return asked, ()
    if not any(translation.needed(asked, one.route) for one in chosen.candidates()):
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
    occasion: Occasion,
) -> Ticket:
    """The ticket of a request that goes nowhere."""
    return Ticket(
        request_id=occasion.request_id,
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
        attempt=occasion.attempt,
        started_at_ms=occasion.started_at_ms,
        tries=occasion.tries,
    )
