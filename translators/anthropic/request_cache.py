"""Cache marks, as many and in such an order as the API permits.

At most four blocks may be marked; the newest marks are kept, for what lies before them is cached
with them. In the order in which the API reads a request (tools, system, messages) a mark of an hour
must not follow one of five minutes.
"""

from collections.abc import Iterator
from typing import Any

from translators.canonical.loss import Loss, LossKind, Neutral

MOST_MARKS = 4

TRIMMED = Loss(Neutral.CACHE, LossKind.DROPPED, "more marks than the API permits")
SHORTENED = Loss(Neutral.CACHE, LossKind.CLAMPED, "an hour cannot follow five minutes")


def tidy(body: dict[str, Any], losses: list[Loss]) -> None:
    """Takes away and shortens marks in the body, which is changed in place."""
    marked = list(_marked(body))
    surplus = len(marked) - MOST_MARKS
    if surplus > 0:
        losses.append(TRIMMED)
        for block in marked[:surplus]:
            del block["cache_control"]
        marked = marked[surplus:]
    shorter = False
    for block in marked:
        mark = block["cache_control"]
        if mark.get("ttl") == "1h" and shorter:
            losses.append(SHORTENED)
            block["cache_control"] = {"type": "ephemeral"}
        shorter = shorter or mark.get("ttl") != "1h"


def _marked(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The marked blocks in the order in which the API reads them; the request itself is last."""
    for name in ("tools", "system"):
        yield from _in(body.get(name))
    for message in body["messages"]:
        yield from _in(message["content"])
    if "cache_control" in body:
        yield body


def _in(blocks: object) -> Iterator[dict[str, Any]]:
    for block in blocks if isinstance(blocks, list) else ():
        if block.get("type") == "tool_result":
            yield from _in(block.get("content"))
        if isinstance(block.get("cache_control"), dict):
            yield block
