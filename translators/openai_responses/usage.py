"""Token usage of the Responses and Images APIs, taken apart into disjoint buckets.

`input_tokens` INCLUDES cache reads and writes, `output_tokens` INCLUDES reasoning, as in Chat
Completions under other names. Responses do not tell media apart; images do, what was cached of them
too. Hosted tools are told apart in `tool_usage`: web searches that are charged for, and an image
tool whose tokens are NOT in `usage` and are added here. Searches in stored files stand nowhere: the
calls among the items are counted. Of the two lifetimes of cache writes the short one (30 minutes)
goes with the short bucket and the long one (12 hours) with the long bucket.
Sources: openai 3.52 types.responses.{Response.tool_usage, ResponseUsage},
types.ImagesResponse.Usage.
"""

from typing import Any

from translators.canonical.usage import Usage, parted, rest
from translators.fields import count, inner
from translators.openai_chat.usage import reasoning_is_apart


def read_usage(usage: object) -> Usage | None:
    """The buckets of a response's `usage`; None when it is absent, null or says nothing."""
    if not isinstance(usage, dict):
        return None
    input_details = inner(usage.get("input_tokens_details"))
    cached = count(input_details.get("cached_tokens"))
    stored = count(input_details.get("cache_write_tokens"))
    stored_long = count(
        inner(input_details.get("cache_write_tokens_details")).get("ttl_12h_tokens")
    )
    given = count(usage.get("input_tokens"))
    written = count(usage.get("output_tokens"))
    reasoning = count(inner(usage.get("output_tokens_details")).get("reasoning_tokens"))
    apart = reasoning_is_apart(count(usage.get("total_tokens")), given, written, reasoning)
    return _unless_empty(
        Usage(
            input_tokens=rest(given, cached, stored_long if stored is None else stored),
            cache_read_tokens=cached,
            cache_write_5m_tokens=rest(stored, stored_long),
            cache_write_1h_tokens=stored_long,
            output_tokens=written if apart else rest(written, reasoning),
            reasoning_tokens=reasoning,
        )
    )


def read_image_usage(usage: object) -> Usage | None:
    """The buckets of an image answer's `usage`; output is image tokens unless it is told apart."""
    if not isinstance(usage, dict):
        return None
    details = inner(usage.get("input_tokens_details"))
    cached = count(usage.get("cached_tokens"))
    if cached is None:
        cached = count(details.get("cached_tokens"))
    seen = count(details.get("image_tokens")) or None
    remembered = count(inner(usage.get("cached_tokens_details")).get("cached_image_tokens"))
    fresh = rest(count(usage.get("input_tokens")), cached)
    given, _, seen = parted(fresh, None, rest(seen, remembered))
    text = count(inner(usage.get("output_tokens_details")).get("text_tokens"))
    return _unless_empty(
        Usage(
            input_tokens=given,
            cache_read_tokens=cached,
            image_input_tokens=seen,
            output_tokens=text,
            image_output_tokens=rest(count(usage.get("output_tokens")), text),
        )
    )


def read_drawing_usage(usage: object) -> Usage | None:
    """`svg_usage`: the tokens of the model that wrote a vector image, beside the rendering's."""
    if not isinstance(usage, dict):
        return None
    return read_usage(
        usage | {"output_tokens_details": {"reasoning_tokens": usage.get("reasoning_tokens")}}
    )


def of_response(
    response: dict[str, Any], searches: int | None, file_searches: int | None = None
) -> Usage | None:
    """Everything a response is charged for. The searches are those among its items; what it says
    itself of web searches goes before."""
    tools = inner(response.get("tool_usage"))
    billed = count(inner(tools.get("web_search")).get("num_requests"))
    image = inner(tools.get("image_gen"))
    drawn = read_image_usage(image) if count(image.get("total_tokens")) else None
    found = added(read_usage(response.get("usage")), drawn)
    searches = billed if billed is not None else searches
    if searches is None and file_searches is None:
        return found
    calls = Usage(web_searches=searches, file_searches=file_searches)
    return (found or Usage()).merged(calls)


def added(one: Usage | None, other: Usage | None) -> Usage | None:
    """The sum of two usages, of which either may be absent."""
    if one is None or other is None:
        return one or other
    return one.plus(other)


def _unless_empty(usage: Usage) -> Usage | None:
    return usage if usage != Usage() else None


# ------------------------------------------------------------------------------------------ writing


def usage_object(usage: Usage) -> dict[str, Any]:
    """The `usage` of a response: what is disjoint inside is inclusive here. The tokens of generated
    images stand in `tool_usage`."""
    written = (usage.cache_write_5m_tokens or 0) + (usage.cache_write_1h_tokens or 0)
    details: dict[str, Any] = {
        "cached_tokens": usage.cache_read_tokens or 0,
        "cache_write_tokens": written,
    }
    if usage.cache_write_1h_tokens is not None:
        details["cache_write_tokens_details"] = {
            "ttl_12h_tokens": usage.cache_write_1h_tokens,
            "ttl_30m_tokens": usage.cache_write_5m_tokens or 0,
        }
    given = usage.total_input_tokens or 0
    made = (usage.total_output_tokens or 0) - (usage.image_output_tokens or 0)
    return {
        "input_tokens": given,
        "input_tokens_details": details,
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": given + made,
    }


def tool_usage_object(usage: Usage) -> dict[str, Any] | None:
    """`tool_usage`, where the tokens of images and the searches stand apart; None without any."""
    if usage.web_searches is None and not usage.image_output_tokens:
        return None
    drawn = usage.image_output_tokens or 0
    return {
        "image_gen": {
            "input_tokens": 0,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
            "output_tokens": drawn,
            "output_tokens_details": {"image_tokens": drawn, "text_tokens": 0},
            "total_tokens": drawn,
        },
        "web_search": {"num_requests": usage.web_searches or 0},
    }
