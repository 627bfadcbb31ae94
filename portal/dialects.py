"""In whose words to answer: the path's prefix first, then its version, then the vendors' headers.

    /api /claude /anthropic     Anthropic's           /v1beta, {model}:generateContent   Google's
    /openai                     OpenAI's              /gemini                            Google's
    /manage                     our own

A path that belongs to everybody (/v1/models, /v1/usage, whatever is unknown) is answered as the
headers suggest: `anthropic-version` is only sent by Anthropic's clients; a Google key header counts
when nothing else speaks against it; OpenAI's is the neutral one.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum


class Dialect(StrEnum):
    """The shapes that lists and errors come in: three vendors', and our own for management."""

    ANTHROPIC = "anthropic"
    OPENAI = "openai"
    GEMINI = "gemini"
    MANAGEMENT = "management"


MANAGEMENT = "manage"  # the first segment of its paths
PREFIXES: Mapping[str, Dialect] = {
    "openai": Dialect.OPENAI,
    "api": Dialect.ANTHROPIC,
    "claude": Dialect.ANTHROPIC,
    "anthropic": Dialect.ANTHROPIC,
    "gemini": Dialect.GEMINI,
}
VERSIONS = frozenset({"v1", "v1beta", "v1alpha"})
GEMINI_ACTIONS = frozenset(
    {
        "generateContent",
        "streamGenerateContent",
        "countTokens",
        "embedContent",
        "batchEmbedContents",
    }
)
_OPENAI_WORDS = frozenset({"chat", "completions", "responses", "images", "embeddings"})


def dialect_of(path: str, headers: Mapping[str, str], parameters: Iterable[str]) -> Dialect:
    """The dialect of a request; `parameters` are the names in its query."""
    segments = [segment for segment in path.split("/") if segment]
    return _by_path(segments) or _by_headers(headers, parameters)


def _by_path(segments: list[str]) -> Dialect | None:
    if not segments:
        return None
    if segments[0] == MANAGEMENT:
        return Dialect.MANAGEMENT
    if segments[0] in PREFIXES:
        return PREFIXES[segments[0]]
    if segments[0] in ("v1beta", "v1alpha") or action_of(segments[-1]):
        return Dialect.GEMINI
    if "messages" in segments[:2]:
        return Dialect.ANTHROPIC
    return Dialect.OPENAI if _OPENAI_WORDS.intersection(segments[:2]) else None


def _by_headers(headers: Mapping[str, str], parameters: Iterable[str]) -> Dialect:
    if "anthropic-version" in headers:
        return Dialect.ANTHROPIC
    googles = "x-goog-api-key" in headers or "key" in parameters
    others = "authorization" in headers or "x-api-key" in headers
    return Dialect.GEMINI if googles and not others else Dialect.OPENAI


def action_of(segment: str) -> str | None:
    """The method in `{model}:{method}`, where it is one of Google's."""
    action = segment.rpartition(":")[2]
    return action if ":" in segment and action in GEMINI_ACTIONS else None
