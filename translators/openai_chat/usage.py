"""Token usage of Chat Completions and embeddings, in disjoint buckets and put together again.

On the wire `prompt_tokens` INCLUDES the tokens read from and written to the cache, images and
audio, and `completion_tokens` INCLUDES reasoning, images and audio. Inside, each token is in one
bucket, so all are subtracted, never below zero. Some implementers (xAI) leave reasoning out of
`completion_tokens`; their `total_tokens` gives them away, and nothing is subtracted. Absent is not
zero: a figure nobody sent is None. Of cached media there is no figure.
Sources: openai 3.52 types.CompletionUsage, the prompt caching guide, DeepSeek's and xAI's API
references.
"""

from collections.abc import Mapping
from typing import Any

from translators.canonical.usage import Usage, parted, rest
from translators.fields import count, inner


def first_count(*candidates: object) -> int | None:
    """The first candidate that is a count; upstreams differ in where they put the same figure."""
    for candidate in candidates:
        if (found := count(candidate)) is not None:
            return found
    return None


def reasoning_is_apart(
    total: int | None, given: int | None, written: int | None, reasoning: int | None
) -> bool:
    """Whether the output figure leaves reasoning out: then the total is more than both figures."""
    if not reasoning or written is None:
        return False
    if reasoning > written:
        return True
    return total is not None and given is not None and total >= given + written + reasoning


def read_usage(usage: object) -> Usage | None:
    """The buckets of a `usage` object; None when it is absent, null or says nothing."""
    if not isinstance(usage, dict):
        return None
    prompt_details = inner(usage.get("prompt_tokens_details"))
    output_details = inner(usage.get("completion_tokens_details"))
    cached = first_count(
        prompt_details.get("cached_tokens"),
        usage.get("prompt_cache_hit_tokens"),  # DeepSeek
        usage.get("cached_tokens"),  # Moonshot
    )
    stored = first_count(
        prompt_details.get("cache_write_tokens"),
        prompt_details.get("cache_creation_input_tokens"),  # Model Studio (Qwen)
    )
    prompt = count(usage.get("prompt_tokens"))
    written = count(usage.get("completion_tokens"))
    reasoning = count(output_details.get("reasoning_tokens"))
    fresh = first_count(rest(prompt, cached, stored), usage.get("prompt_cache_miss_tokens"))
    given, heard, seen = parted(fresh, *_media(prompt_details))
    apart = reasoning_is_apart(count(usage.get("total_tokens")), prompt, written, reasoning)
    made, spoken, drawn = parted(
        rest(written, None if apart else reasoning), *_media(output_details)
    )
    found = Usage(
        input_tokens=given,
        cache_read_tokens=cached,
        cache_write_5m_tokens=stored,
        image_input_tokens=seen,
        audio_input_tokens=heard,
        output_tokens=made,
        reasoning_tokens=reasoning,
        image_output_tokens=drawn,
        audio_output_tokens=spoken,
    )
    return found if found != Usage() else None


def _media(details: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Audio and images of a figure's details."""
    return count(details.get("audio_tokens")) or None, count(details.get("image_tokens")) or None


def write_usage(usage: Usage) -> dict[str, Any]:
    """The buckets as a `usage` object: the inverse of `read_usage`, for answers and streams.

    OpenAI's own server always names cached and reasoning tokens, so they are 0 where nobody told;
    what it names only where it has it is left out then.
    """
    prompt = usage.total_input_tokens or 0
    written = usage.total_output_tokens or 0
    prompt_details = {
        "cached_tokens": usage.cache_read_tokens or 0,
        "audio_tokens": usage.audio_input_tokens or 0,
    }
    stored = (usage.cache_write_5m_tokens, usage.cache_write_1h_tokens)
    if any(figure is not None for figure in stored):
        prompt_details["cache_write_tokens"] = sum(figure or 0 for figure in stored)
    if usage.image_input_tokens:
        prompt_details["image_tokens"] = usage.image_input_tokens
    output_details = {
        "reasoning_tokens": usage.reasoning_tokens or 0,
        "audio_tokens": usage.audio_output_tokens or 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    }
    if usage.image_output_tokens:
        output_details["image_tokens"] = usage.image_output_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
        "prompt_tokens_details": prompt_details,
        "completion_tokens_details": output_details,
    }
