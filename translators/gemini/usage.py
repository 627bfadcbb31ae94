"""Token usage of Gemini, in disjoint buckets.

On the wire `promptTokenCount` INCLUDES `cachedContentTokenCount`; `candidatesTokenCount` EXCLUDES
`thoughtsTokenCount` and INCLUDES the tokens of images, which `candidatesTokensDetails` tells apart;
`toolUsePromptTokenCount` is input on top of the prompt. Figures of a stream are cumulative. Google
leaves out what is zero, so that most figures may be absent.
Searches are not in `usageMetadata`: they are the queries that `groundingMetadata` lists.
Sources: google-genai 3.4 types.GenerateContentResponseUsageMetadata, types.UsageMetadata.
"""

from collections.abc import Mapping
from typing import Any

from translators.canonical.usage import Usage
from translators.fields import count, inner

_NOTHING = Usage()

# The same figures in snake case, as some proxies and older SDKs write them.
_SNAKE = {
    "promptTokenCount": "prompt_token_count",
    "cachedContentTokenCount": "cached_content_token_count",
    "candidatesTokenCount": "candidates_token_count",
    "thoughtsTokenCount": "thoughts_token_count",
    "toolUsePromptTokenCount": "tool_use_prompt_token_count",
    "responseTokenCount": "response_token_count",
}


def read_usage(wire: Mapping[str, Any], searches: int | None) -> Usage | None:
    """The buckets of a `usageMetadata` object with the searches so far; None if there are none."""
    cached = _figure(wire, "cachedContentTokenCount")
    output = _figure(wire, "candidatesTokenCount")
    if output is None:
        output = _figure(wire, "responseTokenCount")
    images = _image_tokens(wire)
    if output is not None and images is not None:
        output = max(0, output - images)
    usage = Usage(
        input_tokens=_fresh_input(wire, cached),
        cache_read_tokens=cached,
        output_tokens=output,
        reasoning_tokens=_figure(wire, "thoughtsTokenCount"),
        image_output_tokens=images,
        web_searches=searches,
    )
    return usage if usage != _NOTHING else None


def write_usage(usage: Usage) -> dict[str, Any]:
    """A `usageMetadata` object. What is zero is left out, except the prompt's and the answer's."""
    images = usage.image_output_tokens
    output = usage.output_tokens
    if images is not None:
        output = (output or 0) + images
    prompt = usage.total_input_tokens
    wire: dict[str, Any] = {}
    for name, figure, zero in (
        ("promptTokenCount", prompt, True),
        ("candidatesTokenCount", output, True),
        ("totalTokenCount", (prompt or 0) + (usage.total_output_tokens or 0), True),
        ("cachedContentTokenCount", usage.cache_read_tokens, False),
        ("thoughtsTokenCount", usage.reasoning_tokens, False),
    ):
        if figure is not None and (figure or zero):
            wire[name] = figure
    if images:
        wire["candidatesTokensDetails"] = [
            {"modality": "TEXT", "tokenCount": usage.output_tokens or 0},
            {"modality": "IMAGE", "tokenCount": images},
        ]
    return wire


def searches_in(candidate: Mapping[str, Any]) -> int | None:
    """How many searches a candidate's grounding lists; None when it was not grounded."""
    grounding = inner(candidate.get("groundingMetadata") or candidate.get("grounding_metadata"))
    queries = grounding.get("webSearchQueries") or grounding.get("web_search_queries")
    return len(queries) if isinstance(queries, list) and queries else None


def _figure(wire: Mapping[str, Any], name: str) -> int | None:
    value = wire.get(name)
    return count(wire.get(_SNAKE[name]) if value is None else value)


def _fresh_input(wire: Mapping[str, Any], cached: int | None) -> int | None:
    prompt = _figure(wire, "promptTokenCount")
    tool_use = _figure(wire, "toolUsePromptTokenCount")
    if prompt is None:
        return tool_use
    return max(0, prompt - (cached or 0)) + (tool_use or 0)


def _image_tokens(wire: Mapping[str, Any]) -> int | None:
    details = wire.get("candidatesTokensDetails") or wire.get("candidates_tokens_details")
    found: int | None = None
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and detail.get("modality") == "IMAGE":
            tokens = count(detail.get("tokenCount", detail.get("token_count")))
            found = tokens if found is None else found + (tokens or 0)
    return found
