"""The last step of a plan: the request in the envelope of its route's wire, and who asks.

Both are of the route and not of the protocol, so nothing before this knows of them. A plan without
a wire and with a fixed key header never comes here.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from extproc import translation
from extproc.vouching import Outgoing, Vouching
from extproc.wires import ENVELOPES
from extproc.wires.envelope import Letter
from extproc.world import World
from translators.canonical.failure import Failure, Kind
from translators.canonical.loss import unique
from translators.protocol import NotUnderstood

if TYPE_CHECKING:
    from catalog import Route
    from extproc.planning import Plan


NOT_READY = Failure(
    Kind.UNAVAILABLE, "The gateway cannot show its credentials to the upstream; the operator knows."
)


def is_ready(world: World, route: "Route") -> bool:
    """Whether who asks can be shown to this upstream now."""
    if (identity := route.identity) is None:
        return True
    return world.vouching is not None and world.vouching.ready(identity)


def sealed(world: World, plan: "Plan", strict: bool) -> "Plan | Failure":
    """The plan with its body in the envelope of its route's wire."""
    wire = plan.route.wire
    assert wire is not None
    try:
        made = ENVELOPES[wire.name].seal(wire, _letter(plan))
    except NotUnderstood as error:
        return Failure(Kind.INVALID_REQUEST, str(error), param=error.param)
    own = world.protocol(plan.asked.opened.door.protocol)
    if strict and (failure := translation.refused(made.losses, own)) is not None:
        return failure
    body = made.body if made.body is not None else plan.body
    return replace(plan, body=body, sealed=made, losses=unique((*plan.losses, *made.losses)))


def _letter(plan: "Plan") -> Letter:
    asked, route = plan.asked, plan.route
    body = plan.body if plan.body is not None else asked.body
    is_translated = plan.reply is not None
    rest = plan.path
    if rest is None:
        rest = asked.opened.rest.replace("{model}", route.upstream_model)
    return Letter(
        surface=route.surface,
        model=route.upstream_model,
        rest=rest,
        query="" if is_translated else asked.opened.query,
        body=body or b"",
        streamed=asked.streamed,
        counts=asked.counts,
        betas="" if is_translated else asked.betas,
    )


def finished(
    plan: "Plan",
    headers: Mapping[str, str],
    set_headers: dict[str, str],
    removed: tuple[str, ...],
    vouching: Vouching | None,
) -> tuple[str, ...]:
    """Adds to `set_headers` what the envelope and the signature say, the signature last; gives the
    headers to remove."""
    if plan.sealed is not None:
        for name in plan.sealed.removed:
            set_headers.pop(name, None)
        removed = (*removed, *(name for name in plan.sealed.removed if name in headers))
        set_headers.update(plan.sealed.headers)
    if (identity := plan.route.identity) is not None:
        assert vouching is not None, "a route whose header cannot be made is not taken"
        body = plan.body if plan.body is not None else plan.asked.body
        request = Outgoing(
            method=headers.get(":method", "POST"),
            path=set_headers[":path"],
            authority=set_headers[":authority"],
            is_tls=plan.route.tls,
            headers=set_headers,
            body=body or b"",
        )
        set_headers.update(vouching.headers(identity, request))
    return tuple(name for name in dict.fromkeys(removed) if name not in set_headers)
