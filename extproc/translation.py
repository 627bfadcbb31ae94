"""The request side of a translated exchange: decoded, filled with what was kept, said anew.

A request is translated when its route speaks another protocol than its door, or when it asks for
something that the bytes as they are cannot give: an answer in another format. Nothing here does
I/O: what is kept of earlier answers was looked up before.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from extproc.asking import Asked
from extproc.exchange.ticket import Reply
from extproc.world import World
from translators import keepsakes, text_json
from translators.canonical.capabilities import Capabilities, Thinking, ThinkingField
from translators.canonical.effort import Effort
from translators.canonical.failure import Failure, Kind
from translators.canonical.loss import Loss, LossKind, unique
from translators.canonical.reply import ReplyContext
from translators.canonical.request import Request
from translators.conversion import Conversion, convert
from translators.estimate import estimate
from translators.protocol import NotUnderstood, Protocol
from translators.tools import fitted

if TYPE_CHECKING:
    from catalog import ModelCapabilities, Route

# What a strict caller does not accept. What a target demands beside it (ADDED) takes nothing away.
_LOST = frozenset(LossKind) - {LossKind.ADDED}


# Of a body that is translated: some two seconds of work. A value is worth several tokens, and a
# message has two and more, so that no model could read as much.
MAX_VALUES = 250_000


@dataclass(frozen=True, slots=True)
class Translated:
    """A request as its upstream gets it. `path` follows the version."""

    body: bytes
    path: str
    reply: Reply
    losses: tuple[Loss, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """Tokens that nobody could be asked for. The body is the answer in the caller's dialect."""

    tokens: int
    body: bytes


def needed(asked: Asked, route: "Route") -> bool:
    """Whether the bytes as they are will not do."""
    if not asked.opened.door.convertible:
        return False
    return route.surface != asked.opened.door.surface or asked.answer_in is not None


def decoded(world: World, asked: Asked) -> Request:
    """The body in neutral words. Raises NotUnderstood."""
    if asked.request is not None:
        return asked.request
    assert asked.body is not None
    if _has_more(asked.body, MAX_VALUES):
        raise NotUnderstood(f"The body has more than {MAX_VALUES} values: too many to translate.")
    request = world.protocol(asked.opened.door.protocol).decode_request(asked.body)
    return replace(request, model=asked.model, stream=asked.streamed)


def _has_more(body: bytes, most: int) -> bool:
    """Whether there are more values in arrays and objects, at all depths together."""
    if body.count(b",") < most // 2:  # most values have one before or behind them
        return False
    try:
        waiting, count = [text_json.loads(body)], 0
    except ValueError:
        return False  # the decoder says what is wrong
    while waiting and count <= most:
        node = waiting.pop()
        if isinstance(node, dict | list):
            count += len(node)
            waiting += node.values() if isinstance(node, dict) else node
    return count > most


def may_have_seals(world: World, asked: Asked) -> bool:
    """Whether reasoning may have been kept for calls in this request."""
    calls = world.protocol(asked.opened.door.protocol).unsealed_calls
    return calls is not None and calls in (asked.body or b"")


def seals_wanted(world: World, asked: Asked) -> "tuple[Asked, tuple[str, ...]]":
    """The request with its decoded form, and the calls whose reasoning may have been kept.

    Raises NotUnderstood.
    """
    request = decoded(world, asked)
    return replace(asked, request=request), tuple(keepsakes.wanted(request))


def with_seals(asked: Asked, found: Mapping[str, bytes]) -> Asked:
    """The request with the reasoning that was kept for its calls."""
    if asked.request is None or not found:
        return asked
    return replace(asked, request=keepsakes.restored(asked.request, found))


def translated(
    world: World, asked: Asked, route: "Route", request_id: str, started_at_ms: int, strict: bool
) -> Translated | Counted | Failure:
    """The request for this route, or the failure that says what cannot be translated."""
    own = world.protocol(asked.opened.door.protocol)
    target = world.protocol(route.surface)
    capabilities = capabilities_of(route.capabilities)
    try:
        request = decoded(world, asked)
        if asked.counts:
            return _count(world, asked, request, target, route, capabilities, request_id)
        conversion = convert(request, target, route.upstream_model, capabilities)
    except NotUnderstood as error:
        return Failure(Kind.INVALID_REQUEST, str(error), param=own.own_name(error.param))
    if strict and (refusal := refused(conversion.losses, own)) is not None:
        return refusal
    return Translated(
        body=conversion.body,
        path=target.request_path(route.upstream_model, asked.streamed),
        reply=_reply(world, asked, conversion, route, (request_id, started_at_ms)),
        losses=conversion.losses,
    )


def refused(losses: tuple[Loss, ...], own: Protocol) -> Failure | None:
    """What a strict caller is told of the first thing that would be lost. `own`: his protocol."""
    lost = [loss for loss in losses if loss.kind in _LOST]
    if not lost:
        return None
    first = lost[0]
    why = f" ({first.note})" if first.note else ""
    more = f", and {len(lost) - 1} more" if len(lost) > 1 else ""
    return Failure(
        Kind.INVALID_REQUEST,
        f"`{first.field}` cannot be kept by this model's upstream: {first.kind.value}{why}{more}. "
        "Strict conversion was asked for.",
        code="lossy_conversion",
        param=own.own_name(first.field),
    )


def _count(
    world: World,
    asked: Asked,
    request: Request,
    target: Protocol,
    route: "Route",
    capabilities: Capabilities,
    request_id: str,
) -> Translated | Counted:
    """The question for a number of tokens, or our own estimate where the target has none."""
    own = world.protocol(asked.opened.door.protocol)
    assert own.counting is not None, "a dialect with a door for counting can count"
    if target.counting is None:
        tokens = estimate(request)
        return Counted(tokens, own.counting.render(tokens))
    named = replace(request, model=route.upstream_model)
    fitting, tools, losses = fitted(named, target.tool_rules)
    counted = target.counting.encode(fitting, capabilities)
    context = ReplyContext(_seed(request_id), asked.model, 0, request_id=request_id)
    return Translated(
        body=counted.body,
        path=target.counting.path(route.upstream_model),
        reply=Reply(context, tools, target.name, counting=True),
        losses=unique((*request.losses, *losses, *counted.losses)),
    )


def _reply(
    world: World,
    asked: Asked,
    conversion: Conversion,
    route: "Route",
    identity: tuple[str, int],
) -> Reply:
    """How the answer is written. `identity`: request id, start in ms."""
    request_id, started_at_ms = identity
    request = conversion.request
    own = world.protocol(asked.opened.door.protocol)  # where the history will come from
    most = world.catalog.limits.stored_answer_max_bytes
    body = asked.body or b""
    context = ReplyContext(
        seed=_seed(request_id),
        model=asked.model,
        created_at_s=started_at_ms // 1000,
        include_usage=request.include_usage,
        input_estimate=estimate(request) if asked.streamed else None,
        sse=own.wants_events(asked.opened.query),
        echo=request.echo,
        previous_id=asked.pin,
        request_id=request_id,
    )
    return Reply(
        context=context,
        tools=conversion.tools,
        issuer=capabilities_of(route.capabilities).family or route.surface,
        seals_kept=own.unsealed_calls is not None,
        remembered=body if asked.keeps_answer and len(body) <= most else None,
    )


def _seed(request_id: str) -> str:
    return "".join(letter for letter in request_id if letter.isalnum()) or "0"


@lru_cache(maxsize=4096)
def capabilities_of(known: "ModelCapabilities") -> Capabilities:
    """The catalog's facts in the translators' words."""
    return Capabilities(
        **{
            name: getattr(known, name)
            for name in type(known).model_fields
            if name not in ("thinking", "thinking_field", "efforts")
        },
        thinking=Thinking(known.thinking),
        thinking_field=ThinkingField(known.thinking_field),
        efforts=tuple(Effort(word) for word in known.efforts),
    )
