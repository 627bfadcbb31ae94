"""Token usage of the Messages API, in disjoint buckets.

On the wire `input_tokens` EXCLUDES what was read from and written to the cache; `output_tokens`
INCLUDES thinking. Media are not told apart: images are input like any other. Writes are split by
lifetime in `cache_creation`; `message_delta` gives only their sum, so the split of `message_start`
is kept and what the sum grew by counts as 5 minutes.
A stream's figures are cumulative: later ones replace earlier ones key by key, and are never added.
The one thing that is added: `iterations` of type `compaction`, whose tokens the API bills but does
not include in the figures above them. `advisor_message` iterations are another model's, at another
price; they have no bucket here.
Sources: anthropic 2.11 types.Usage, types.MessageDeltaUsage, types.beta.BetaUsage.
"""

from collections.abc import Mapping
from typing import Any

from translators.canonical.usage import Usage
from translators.fields import count, inner

_NOTHING = Usage()


def merge(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """The wire's figures so far. A key that is null later keeps its earlier figure."""
    return {**earlier, **{key: value for key, value in later.items() if value is not None}}


def read_usage(wire: Mapping[str, Any]) -> Usage | None:
    """The buckets of a `usage` object; None when it says nothing."""
    usage = _read_one(wire)
    iterations = wire.get("iterations")
    for iteration in iterations if isinstance(iterations, list) else ():
        if isinstance(iteration, dict) and iteration.get("type") == "compaction":
            usage = usage.plus(_read_one(iteration))
    return usage if usage != _NOTHING else None


def _read_one(wire: Mapping[str, Any]) -> Usage:
    write_5m, write_1h = _cache_writes(wire)
    output = count(wire.get("output_tokens"))
    thinking = count(inner(wire.get("output_tokens_details")).get("thinking_tokens"))
    if output is not None and thinking is not None:
        output = max(0, output - thinking)
    return Usage(
        input_tokens=count(wire.get("input_tokens")),
        cache_read_tokens=count(wire.get("cache_read_input_tokens")),
        cache_write_5m_tokens=write_5m,
        cache_write_1h_tokens=write_1h,
        output_tokens=output,
        reasoning_tokens=thinking,
        web_searches=count(inner(wire.get("server_tool_use")).get("web_search_requests")),
    )


def _cache_writes(wire: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Cache writes that live 5 minutes and 1 hour."""
    whole = count(wire.get("cache_creation_input_tokens"))
    split = inner(wire.get("cache_creation"))
    write_5m = count(split.get("ephemeral_5m_input_tokens"))
    write_1h = count(split.get("ephemeral_1h_input_tokens"))
    if write_5m is None and write_1h is None:
        return whole, None
    unsaid = (whole or 0) - (write_5m or 0) - (write_1h or 0)
    if unsaid > 0:
        write_5m = (write_5m or 0) + unsaid
    return write_5m, write_1h


# ------------------------------------------------------------------------------------------ writing


def write_usage(usage: Usage) -> dict[str, Any]:
    """The `usage` object of a whole answer or of `message_start`: every figure that the SDKs read,
    zero where nobody told it."""
    return {
        "input_tokens": usage.fresh_input_tokens or 0,
        "cache_creation_input_tokens": _written(usage),
        "cache_read_input_tokens": usage.cache_read_tokens or 0,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_5m_tokens or 0,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens or 0,
        },
        **_write_output(usage),
        "service_tier": "standard",
    }


def write_delta_usage(usage: Usage) -> dict[str, Any]:
    """The `usage` object of `message_delta`. Where the input was not told, it says nothing of it,
    so that the figure of `message_start` stays."""
    figures: dict[str, Any] = {}
    if usage.total_input_tokens is not None:
        figures = {
            "input_tokens": usage.fresh_input_tokens or 0,
            "cache_creation_input_tokens": _written(usage),
            "cache_read_input_tokens": usage.cache_read_tokens or 0,
        }
    return figures | _write_output(usage)


def _write_output(usage: Usage) -> dict[str, Any]:
    figures: dict[str, Any] = {"output_tokens": usage.total_output_tokens or 0}
    if usage.reasoning_tokens is not None:
        figures["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    if usage.web_searches is not None:
        searches = {"web_search_requests": usage.web_searches, "web_fetch_requests": 0}
        figures["server_tool_use"] = searches
    return figures


def _written(usage: Usage) -> int:
    return (usage.cache_write_5m_tokens or 0) + (usage.cache_write_1h_tokens or 0)
