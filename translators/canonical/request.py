"""What a caller asks for, in neutral words.

Turns stand in the caller's order; a system turn stands where it was said. Decoders neither merge
nor repair turns: what a target needs of them is in translators/ordering.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from translators.canonical.effort import Effort
from translators.canonical.loss import Loss
from translators.canonical.parts import CacheMark, Part, ToolKind


class Role(StrEnum):
    SYSTEM = "system"  # also `developer`: the operator's voice
    USER = "user"  # also results of tools
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Turn:
    """One message. `name` is the speaker's, where the dialect has one."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the caller runs. `schema` None: it takes no arguments (or free text).

    `grammar` constrains free text: {"syntax": "lark" or "regex", "definition": ...}. `origin`: see
    ToolCall; the dialect that declares a built-in tool also gives it a name and a schema.
    """

    name: str
    description: str | None = None
    schema: Mapping[str, Any] | None = None
    strict: bool | None = None
    kind: ToolKind = ToolKind.FUNCTION
    grammar: Mapping[str, Any] | None = None
    namespace: str | None = None
    namespace_description: str | None = None
    origin: str | None = None
    cache: CacheMark | None = None


@dataclass(frozen=True, slots=True)
class WebSearch:
    """The provider's own web search. `location`: {"city", "region", "country", "timezone"}.

    `cached`: it may look only at what the provider has read before, and ask nobody else.
    """

    allowed_domains: tuple[str, ...] = ()
    blocked_domains: tuple[str, ...] = ()
    location: Mapping[str, str] | None = None
    max_uses: int | None = None
    context_size: str | None = None  # low, medium, high
    native_type: str | None = None  # the dialect's own word and version
    cached: bool = False


@dataclass(frozen=True, slots=True)
class HostedTool:
    """Another tool that the provider runs. Only its own dialect knows it."""

    issuer: str
    type: str
    data: Mapping[str, Any]


AnyTool = Tool | WebSearch | HostedTool


class ToolMode(StrEnum):
    AUTO = "auto"
    REQUIRED = "required"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """`names` limits the choice: REQUIRED with one name is 'call this one'. Names are those of
    `Tool.name`; a hosted web search is chosen by the name in WEB_SEARCH."""

    mode: ToolMode
    names: tuple[str, ...] = ()


WEB_SEARCH = "web_search"


@dataclass(frozen=True, slots=True)
class ReasoningWish:
    """How hard to think, and how much of it to show.

    At most one of `effort` and `budget_tokens` is what the caller said; see canonical/effort.py for
    the table between them. `off`: the caller wants no reasoning. `adaptive`: as much as the model
    finds right. `summary`: auto, concise, detailed or none; None: the caller said nothing.
    """

    effort: Effort | None = None
    budget_tokens: int | None = None
    off: bool = False
    adaptive: bool = False
    summary: str | None = None


class FormatKind(StrEnum):
    JSON_OBJECT = "json_object"
    JSON_SCHEMA = "json_schema"


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """The shape that the answer's text must have."""

    kind: FormatKind
    schema: Mapping[str, Any] | None = None
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn. None: not said."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: Mapping[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """One request for an answer.

    `model` is what the body names; the gateway replaces it with the upstream's. `choices` is how
    many answers are wanted. `losses` is what the decoder could not put into these words: unknown
    fields among them. `echo` is what the caller's dialect repeats in its answers; nobody else reads
    it.
    """

    model: str
    turns: tuple[Turn, ...]
    tools: tuple[AnyTool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    sampling: Sampling = Sampling()
    max_output_tokens: int | None = None
    reasoning: ReasoningWish | None = None
    output_format: OutputFormat | None = None
    verbosity: str | None = None  # low, medium, high
    choices: int = 1
    service_tier: str | None = None  # auto, default, flex, priority: neutral words
    user: str | None = None  # the end user's id; an encoder gets a pseudonym (conversion.py)
    cache_key: str | None = None
    cache_mark: CacheMark | None = None  # cache whatever is best
    metadata: Mapping[str, Any] | None = None
    stream: bool = False
    include_usage: bool = True  # the caller wants figures in the stream
    losses: tuple[Loss, ...] = ()
    echo: Mapping[str, Any] = field(default_factory=dict)
