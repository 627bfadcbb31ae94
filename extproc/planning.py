"""From what is asked to a plan: where it goes, how it looks there, how the answer is written.

The body is changed only in the value of `model`, unless the route speaks another protocol than the
door: then it is translated (extproc/translation.py).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from extproc import replies, routing, translation
from extproc.asking import Asked
from extproc.doors import Opened
from extproc.exchange.ticket import Reply, Ticket
from extproc.tariff import Tariff
from extproc.world import World
from translators import stripping
from translators.canonical.failure import Failure, Kind
from translators.canonical.loss import Loss, LossKind
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
            set_headers |= {"content-type": "application/json", **_VERSIONS.get(self.protocol, {})}
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


# What a dialect's server demands of every client; on the native path the client says it.
_VERSIONS = {"anthropic": {"anthropic-version": "2023-06-01"}}


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
        losses = (Loss("reasoning", LossKind.UNSEALED, "another upstream's"),) if found else ()
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


def turn(chosen: "Chosen", attempt: int) -> "Route":
    """The route of an attempt."""
    return chosen.routes[(attempt - 1) % len(chosen.routes)]


def plan(
    world: World,
    asked: Asked,
    facts: "KeyFacts",
    account: str | None,
    identity: tuple[str, int, int],
) -> "Plan | translation.Counted | Failure":
    """Where this attempt goes. `identity`: request id, attempt, start in ms."""
    request_id, attempt, started_at_ms = identity
    catalog = world.catalog
    chosen = route_of(world, asked, facts, request_id, account)
    if isinstance(chosen, Failure):
        return chosen
    tries = min(len(chosen.routes), catalog.limits.max_attempts)
    route = turn(chosen, attempt)
    strict = asked.strict or facts.strict or catalog.strict(chosen.group)
    made: translation.Translated | None = None
    losses: tuple[Loss, ...]
    if translation.needed(asked, route):
        done = translation.translated(world, asked, route, request_id, started_at_ms, strict)
        if not isinstance(done, translation.Translated):
            return done
        made, body, losses = done, done.body, done.losses
    else:
        try:
            renamed, losses = _renamed(world, asked, route.upstream_model)
        except NotUnderstood as error:
            return Failure(Kind.INVALID_REQUEST, str(error), param=error.param)
        if strict and (failure := translation.refused(losses)) is not None:
            return failure
    return Plan(
        asked=asked,
        body=renamed if made is None else body,
        route=route,
        last_attempt=attempt >= tries,
        tariff=Tariff(route.price, catalog.multiplier(chosen.group)),
        protocol=asked.opened.door.protocol if made is None else route.surface,
        reply=made.reply if made else None,
        path=made.path if made else None,
        losses=losses,
    )


def recalled(
    world: World, asked: Asked, facts: "KeyFacts", request_id: str, attempt: int
) -> tuple[Asked, tuple[str, ...]]:
    """The request, and the calls in it whose reasoning must be looked up for a translation.

    Whatever is wrong with the request is left for `plan` to say.
    """
    if not translation.may_have_seals(asked):
        return asked, ()
    chosen = route_of(world, asked, facts, request_id, None)
    if isinstance(chosen, Failure) or not translation.needed(asked, turn(chosen, attempt)):
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
