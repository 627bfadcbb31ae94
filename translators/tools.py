"""Tools fitted to a dialect that lacks some of their kinds, and given back their own names after.

Towards the upstream: names are made to match the target's rules, namespaces flattened, freeform and
foreign built-in tools turned into functions, ids of calls made to match. Towards the client: the
inverse, on the events of the answer. Everything is deterministic, so that a longer conversation has
the shorter one's bytes as its beginning.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from translators.canonical.loss import Loss
from translators.canonical.request import Request
from translators.canonical.stream import StreamEvent
from translators.protocol import ToolRules


@dataclass(frozen=True, slots=True)
class ToolMap:
    """From the names that the upstream knows back to the caller's tools. A value that can be
    written down."""

    entries: dict[str, tuple[str, ...]] = field(default_factory=dict)


def fitted(request: Request, rules: ToolRules) -> tuple[Request, ToolMap, tuple[Loss, ...]]:
    """The request with tools, calls, results and choice as the target can take them."""
    return request, ToolMap(), ()


class Restorer:
    """Events of the answer with the caller's own tools in them. One for each answer."""

    def __init__(self, tools: ToolMap, rules: ToolRules, seed: str) -> None:
        """`rules` are the client's dialect's, `seed` as in ReplyContext."""

    def restored(self, events: Iterable[StreamEvent]) -> list[StreamEvent]:
        return list(events)
