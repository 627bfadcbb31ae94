"""Token usage of Gemini, in disjoint buckets.

On the wire `promptTokenCount` INCLUDES `cachedContentTokenCount`; `candidatesTokenCount` EXCLUDES
`thoughtsTokenCount`; `toolUsePromptTokenCount` is input on top of the prompt. Each has details that
tell its modalities apart: those of the prompt include what was cached, which has details of its
own. Video and documents are priced as images are. Figures of a stream are cumulative. Google leaves
out what is zero, so that most figures may be absent.
Searches are not in `usageMetadata`: they are the queries that `groundingMetadata` lists, as far as
they are charged for. Searches in stored files are free; only what they find is input.
Sources: google-genai 3.4 types.GenerateContentResponseUsageMetadata, types.UsageMetadata; the
guides on pricing and on grounding with Google Search.
"""

from collections.abc import Mapping
from typing import Any

from translators.canonical.usage import Usage, known_sum, parted, rest
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
    "promptTokensDetails": "prompt_tokens_details",
    "cacheTokensDetails": "cache_tokens_details",
    "candidatesTokensDetails": "candidates_tokens_details",
    "responseTokensDetails": "response_tokens_details",
    "toolUsePromptTokensDetails": "tool_use_prompt_tokens_details",
}

_SEEN = frozenset({"IMAGE", "VIDEO", "DOCUMENT"})
_HEARD = "AUDIO"
_WORDS = "TEXT"

# Models before Gemini 3 are charged for a grounded answer, however many queries it took.
_SEARCH_ONCE = ("gemini-1", "gemini-2")


def read_usage(wire: Mapping[str, Any], searches: int | None) -> Usage | None:
    """The buckets of a `usageMetadata` object with the searches so far; None if there are none."""
    output = _figure(wire, "candidatesTokenCount")
    if output is None:
        output = _figure(wire, "responseTokenCount")
    made, spoken, drawn = parted(
        output, *_media(wire, "candidatesTokensDetails", "responseTokensDetails")
    )
    cached = _figure(wire, "cachedContentTokenCount")
    given, heard, seen = _prompt(wire, cached)
    usage = Usage(
        input_tokens=given,
        cache_read_tokens=cached,
        image_input_tokens=seen,
        audio_input_tokens=heard,
        output_tokens=made,
        reasoning_tokens=_figure(wire, "thoughtsTokenCount"),
        image_output_tokens=drawn,
        audio_output_tokens=spoken,
        web_searches=searches,
    )
    results = _figure(wire, "toolUsePromptTokenCount")
    if results is not None:
        text, audio, images = parted(results, *_media(wire, "toolUsePromptTokensDetails"))
        usage = usage.plus(Usage(text, image_input_tokens=images, audio_input_tokens=audio))
    return usage if usage != _NOTHING else None


def _prompt(
    wire: Mapping[str, Any], cached: int | None
) -> tuple[int | None, int | None, int | None]:
    """What of the prompt was fresh: text, audio and images."""
    audio, images = _media(wire, "promptTokensDetails")
    if cached and (audio or images):
        cached_audio, cached_images = _media(wire, "cacheTokensDetails")
        audio, images = rest(audio, cached_audio), rest(images, cached_images)
    return parted(rest(_figure(wire, "promptTokenCount"), cached), audio, images)


def write_usage(usage: Usage) -> dict[str, Any]:
    """A `usageMetadata` object. What is zero is left out, except the prompt's and the answer's.
    Modalities stand where there is more than text; what was cached counts as text."""
    prompt = usage.total_input_tokens
    made = (usage.output_tokens, usage.image_output_tokens, usage.audio_output_tokens)
    candidates = known_sum(made)
    whole = (prompt or 0) + (usage.total_output_tokens or 0)
    wire: dict[str, Any] = {}
    for name, figure, zero in (
        ("promptTokenCount", prompt, True),
        ("candidatesTokenCount", candidates, True),
        ("totalTokenCount", whole, True),
        ("cachedContentTokenCount", usage.cache_read_tokens, False),
        ("thoughtsTokenCount", usage.reasoning_tokens, False),
    ):
        if figure is not None and (figure or zero):
            wire[name] = figure
    if given := _modalities(prompt, usage.image_input_tokens, usage.audio_input_tokens):
        wire["promptTokensDetails"] = given
        if cached := usage.cache_read_tokens:
            wire["cacheTokensDetails"] = [{"modality": _WORDS, "tokenCount": cached}]
    if told := _modalities(candidates, usage.image_output_tokens, usage.audio_output_tokens):
        wire["candidatesTokensDetails"] = told
    return wire


def _modalities(
    whole: int | None, images: int | None, audio: int | None
) -> list[dict[str, Any]] | None:
    """The details of a figure; None where it is all text."""
    media = [("IMAGE", images), (_HEARD, audio)]
    if not any(tokens for _, tokens in media):
        return None
    text = rest(whole, images, audio)
    return [
        {"modality": modality, "tokenCount": tokens}
        for modality, tokens in ((_WORDS, text), *media)
        if tokens
    ]


def searches_in(candidate: Mapping[str, Any], model: str | None) -> int | None:
    """How many searches of a candidate are charged for; None when it was not grounded. Google
    counts each query once and no empty ones."""
    grounding = inner(candidate.get("groundingMetadata") or candidate.get("grounding_metadata"))
    queries = grounding.get("webSearchQueries") or grounding.get("web_search_queries")
    if not isinstance(queries, list) or not queries:
        return None
    found = len({query for query in queries if isinstance(query, str) and query})
    return min(found, 1) if model is not None and model.startswith(_SEARCH_ONCE) else found


def _figure(wire: Mapping[str, Any], name: str) -> int | None:
    value = wire.get(name)
    return count(wire.get(_SNAKE[name]) if value is None else value)


def _media(wire: Mapping[str, Any], *names: str) -> tuple[int | None, int | None]:
    """Tokens of audio, and of what a model looks at, in the first of these details."""
    details: object = None
    for name in names:
        details = details or wire.get(name) or wire.get(_SNAKE[name])
    if not isinstance(details, list):
        return None, None
    audio = images = 0
    for detail in details:
        modality = detail.get("modality") if isinstance(detail, dict) else None
        if not isinstance(modality, str) or modality == _WORDS:
            continue
        tokens = count(detail.get("tokenCount", detail.get("token_count"))) or 0
        if modality.upper() == _HEARD:
            audio += tokens
        elif modality.upper() in _SEEN:
            images += tokens
    return audio or None, images or None
