"""From a request's headers and body to a plan: what is asked, where it goes, how it looks there.

The body is read just far enough to know the model and whether a stream is wanted, and changed
only in the value of `model`.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from extproc import replies, routing
from extproc.doors import Opened
from extproc.exchange.ticket import Ticket
from extproc.tariff import Tariff
from extproc.world import World
from translators.canonical.failure import Failure, Kind
from translators.edit import multipart_field, replace_multipart_field
from translators.protocol import NotUnderstood

if TYPE_CHECKING:
    from catalog import Route
    from ledger.keys import KeyHandle
    from ledger.model import KeyFacts

MAX_MODEL = 256  # characters: names are remembered, and clients choose them

# Stored answers have no model in their path; this is what their usage records say.
STORED = "stored-response"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the caller wants. `pin` is the id of a stored answer that decides the account."""

    opened: Opened
    model: str
    streamed: bool
    body: bytes | None
    content_type: str
    pin: str | None = None
    keeps_answer: bool = False


def read(
    world: World, opened: Opened, headers: dict[str, str], body: bytes | None
) -> Asked | Failure:
    """The request as far as the gateway must understand it."""
    content_type = headers.get("content-type", "")
    is_form = content_type[:19].lower() == "multipart/form-data"
    if opened.door.stored:
        return Asked(opened, STORED, False, body, content_type, pin=opened.subject)
    if headers.get("content-encoding", "identity") != "identity":
        return Failure(Kind.INVALID_REQUEST, "Send the request body uncompressed.", status=415)
    if not body:
        return Failure(Kind.INVALID_REQUEST, "The request body is empty; send JSON.")
    try:
        if opened.door.multipart and is_form:
            model = multipart_field(body, content_type, "model")
            streamed = multipart_field(body, content_type, "stream") in ("true", "True", "1")
            return _asked(opened, model, streamed, body, content_type)
        peek = world.protocol(opened.door.protocol).peek(body)
    except NotUnderstood as error:
        return Failure(Kind.INVALID_REQUEST, str(error), param=error.param)
    asked = _asked(opened, opened.model or peek.model, peek.stream, body, content_type)
    if isinstance(asked, Failure) or opened.door.kind != "responses":
        return asked
    if peek.unserved is not None:
        return Failure(
            Kind.INVALID_REQUEST,
            f"`{peek.unserved}` refers to state that this gateway does not keep; "
            "use previous_response_id, or send the whole input.",
            code="unsupported_parameter",
            param=peek.unserved,
        )
    return replace(asked, pin=peek.previous_id, keeps_answer=peek.stored)


def _asked(
    opened: Opened, model: str | None, streamed: bool, body: bytes, content_type: str
) -> Asked | Failure:
    if not model:
        return Failure(Kind.INVALID_REQUEST, "The field `model` is required.", param="model")
    if len(model) > MAX_MODEL:
        return Failure(Kind.NOT_FOUND, "There is no model with so long a name.", param="model")
    return Asked(opened, model, streamed or opened.streamed, body, content_type)


def pin_missing(asked: Asked) -> Failure:
    """The stored answer is not there, is not this customer's, or is too old."""
    if asked.opened.door.stored:
        return Failure(
            Kind.NOT_FOUND, "There is no stored response with this id.", param="response_id"
        )
    return Failure(
        Kind.INVALID_REQUEST,
        "The previous response was not found.",
        code="previous_response_not_found",
        param="previous_response_id",
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """One attempt, decided. `body` is the changed body; None: it stays as it came."""

    asked: Asked
    body: bytes | None
    route: "Route"
    last_attempt: bool
    tariff: Tariff
    protocol: str

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
            protocol=door.protocol,
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
            keeps_answer=self.asked.keeps_answer,
        )

    def upstream(self, headers: dict[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
        """Headers to set and headers to remove."""
        route, asked = self.route, self.asked
        rest = asked.opened.rest.replace("{model}", route.upstream_model)
        query = f"?{asked.opened.query}" if asked.opened.query else ""
        set_headers = {
            ":path": route.path(rest) + query,
            ":authority": route.authority,
            ":scheme": "https" if route.tls else "http",
            "x-clavis-cluster": route.cluster,
        }
        for name, value in route.headers:
            if name not in headers or replies.kept_from_upstream((name,)):
                set_headers[name] = value
        if route.auth is not None:
            set_headers[route.auth[0]] = route.auth[1]
        removed = replies.kept_from_upstream(n for n in headers if n not in set_headers)
        if self.body is not None:
            set_headers["content-length"] = str(len(self.body))
        return set_headers, removed


def _renamed(world: World, asked: Asked, name: str) -> bytes | None:
    """The body with the upstream's model name; None when it stays as it came.

    Raises NotUnderstood where readers could disagree about the model.
    """
    if asked.body is None or asked.opened.door.stored:
        return None
    if asked.opened.door.multipart and asked.content_type[:10].lower() == "multipart/":
        edited = replace_multipart_field(asked.body, asked.content_type, "model", name)
    else:
        edited = world.protocol(asked.opened.door.protocol).rename_model(asked.body, name)
    return None if edited == asked.body else edited


def plan(
    world: World,
    asked: Asked,
    facts: "KeyFacts",
    request_id: str,
    attempt: int,
    account: str | None,
) -> Plan | Failure:
    """Where this attempt goes."""
    catalog, door = world.catalog, asked.opened.door
    if door.stored:
        assert account is not None
        chosen = routing.by_account(catalog, account, door)
    else:
        chosen = routing.choose(catalog, facts, asked.model, door, request_id, account)
    if isinstance(chosen, Failure):
        return chosen
    tries = min(len(chosen.routes), catalog.limits.max_attempts)
    route = chosen.routes[(attempt - 1) % len(chosen.routes)]
    try:
        body = _renamed(world, asked, route.upstream_model)
    except NotUnderstood as error:
        return Failure(Kind.INVALID_REQUEST, str(error), param=error.param)
    return Plan(
        asked=asked,
        body=body,
        route=route,
        last_attempt=attempt >= tries,
        tariff=Tariff(route.price, catalog.multiplier(chosen.group)),
        protocol=door.protocol,
    )


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
        protocol=opened.door.protocol,
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
