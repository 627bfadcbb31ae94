"""What a translation could not say. A loss is a returned value, never silence, never an exception.

A loss names its field in one of two ways. A decoder names a field of the caller's own by its path
in the caller's dialect, for it has no other name. An encoder does not know who asks: it has one
neutral name for one thing, whatever the dialect, and so have the refusals of encoders. Each dialect
says which of its fields a neutral name means (`Protocol.own_name`).

docs/losses.md lists the kinds and the names; a test holds the page to this file.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from translators.canonical.parts import (
    Media,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    SearchCall,
    Text,
    ToolCall,
    ToolResult,
)


class LossKind(StrEnum):
    """How something was lost."""

    DROPPED = "dropped"  # the target has no place for it
    CLAMPED = "clamped"  # a figure was moved to the nearest that the target takes
    CHANGED = "changed"  # said in another way, whose meaning is close but not the same
    ADDED = "added"  # the target demands what the caller did not say
    UNSEALED = "unsealed"  # a sealed value for another issuer was left out


class Neutral(StrEnum):
    """The names of what can be lost, in no dialect's words. They are public: dashboards count them.

    `parts[]` and `tools[]` can be followed by a dialect's own word for a kind; see `foreign`.
    """

    # The answer that is wanted.
    MAX_OUTPUT_TOKENS = "max_output_tokens"  # the limit of the answer
    CHOICES = "n"  # several answers to one request
    STOP = "stop"  # sequences that end the answer
    OUTPUT_FORMAT = "output_format"  # JSON, or JSON by a schema, as the form of the answer
    OUTPUT_SCHEMA = "output_format.schema"  # a part of that schema
    OUTPUT_NAME = "output_format.name"  # the schema's name
    OUTPUT_DESCRIPTION = "output_format.description"  # what the schema says of itself
    OUTPUT_STRICT = "output_format.strict"  # the promise that the answer fits the schema
    VERBOSITY = "verbosity"  # how much to say

    # How tokens are drawn.
    TEMPERATURE = "temperature"  # how freely tokens are drawn
    TOP_P = "top_p"  # out of which share of probability
    TOP_K = "top_k"  # out of how many of the likeliest
    SEED = "seed"  # that the same are drawn again
    PRESENCE_PENALTY = "presence_penalty"  # against what was said at all
    FREQUENCY_PENALTY = "frequency_penalty"  # against what was said often
    LOGIT_BIAS = "logit_bias"  # for and against single tokens
    LOGPROBS = "logprobs"  # probabilities of the tokens
    TOP_LOGPROBS = "top_logprobs"  # those of the likeliest alternatives

    # Reasoning.
    REASONING = "reasoning"  # the wish for it, or reasoning in the conversation with its seal
    EFFORT = "reasoning.effort"  # how hard to think, as a level
    BUDGET_TOKENS = "reasoning.budget_tokens"  # how hard to think, as a number of tokens
    ADAPTIVE = "reasoning.adaptive"  # to think as hard as the model finds right
    REASONING_OFF = "reasoning.off"  # the wish for none
    SUMMARY = "reasoning.summary"  # how much of it to show

    # Tools.
    TOOLS = "tools[]"  # a tool
    TOOL_NAME = "tools[].name"  # what a tool is called
    TOOL_NAMESPACE = "tools[].namespace"  # the group that a tool is in
    TOOL_TYPE = "tools[].type"  # that a tool is built in, or takes free text
    TOOL_FORMAT = "tools[].format"  # the grammar of a tool's free text
    TOOL_SCHEMA = "tools[].schema"  # a part of a tool's parameters
    TOOL_STRICT = "tools[].strict"  # the promise that calls fit the parameters
    TOOL_CHOICE = "tool_choice"  # whether to call, and what
    PARALLEL_TOOL_CALLS = "parallel_tool_calls"  # whether several calls may come at once
    WEB_SEARCH = "web_search"  # the provider's own web search
    ALLOWED_DOMAINS = "web_search.allowed_domains"  # where alone it may look
    BLOCKED_DOMAINS = "web_search.blocked_domains"  # where it may not look
    SEARCH_LOCATION = "web_search.location"  # where the user is
    SEARCH_USES = "web_search.max_uses"  # how often it may look
    SEARCH_SIZE = "web_search.context_size"  # how much of what it finds the model reads

    # The conversation, and the parts of an answer.
    MESSAGES = "messages[]"  # a message
    SPEAKER = "messages[].name"  # who of several speaks
    SYSTEM = "system"  # the operator's words, told as a part of the user's
    PREFILL = "prefill"  # the beginning of the answer, for the model to go on with
    PARTS = "parts[]"  # a part of a message or of an answer
    TEXT = "text"  # a text, or white space in it, that may not stand where it stood
    IMAGE = "image"  # a picture
    DOCUMENT = "document"  # a document
    AUDIO = "audio"  # a sound
    VIDEO = "video"  # a film
    FILE = "file"  # a file that a provider stores, by its id
    MEDIA_TYPE = "media.type"  # of what type such a file is
    MEDIA_NAME = "media.name"  # its file name
    MEDIA_DETAIL = "media.detail"  # how closely to look at it
    CITATIONS = "citations"  # sources of a text, or the wish for them
    CALL = "tool_call"  # a call of a tool
    ARGUMENTS = "arguments"  # what a tool was called with
    RESULT = "tool_result"  # what a tool gave
    RESULT_ERROR = "tool_result.is_error"  # that a tool failed
    REFUSAL = "refusal"  # that words are those of a refusal
    SEARCH = "search"  # a web search that was made
    SEARCH_QUERIES = "search.queries"  # what was asked
    SEARCH_FOUND = "search.found"  # what was found

    # The account.
    USER = "user"  # the end user's id
    METADATA = "metadata"  # the caller's own notes
    SERVICE_TIER = "service_tier"  # how fast, at which price
    CACHE = "cache"  # what the provider shall cache, and for how long
    CACHE_KEY = "cache_key"  # which requests share a cache

    UNKNOWN = "unknown_field"  # a field whose name is not fit to be repeated


# What is in the conversation: every dialect has one field for all of it.
IN_CONVERSATION: frozenset[str] = frozenset(
    {
        Neutral.MESSAGES,
        Neutral.SYSTEM,
        Neutral.PREFILL,
        Neutral.PARTS,
        Neutral.TEXT,
        Neutral.IMAGE,
        Neutral.DOCUMENT,
        Neutral.AUDIO,
        Neutral.VIDEO,
        Neutral.FILE,
        Neutral.MEDIA_TYPE,
        Neutral.MEDIA_NAME,
        Neutral.MEDIA_DETAIL,
        Neutral.CITATIONS,
        Neutral.CALL,
        Neutral.ARGUMENTS,
        Neutral.RESULT,
        Neutral.REFUSAL,
        Neutral.SEARCH,
        Neutral.CACHE,
    }
)

_PLACE = re.compile(r"\[\d+\]|\.\d+(?=\.|$)")
_SHOWN = re.compile(r"[A-Za-z0-9_.\[\]-]{1,120}")


def field_at(path: str) -> str:
    """A field of the caller's own as a loss names it: without places in lists, so that one field of
    many messages is one loss. Losses stand in a header: what is not fit for one is not shown."""
    field = _PLACE.sub("[]", path)
    return field if _SHOWN.fullmatch(field) else Neutral.UNKNOWN


def foreign(what: Neutral, kind: str) -> str:
    """The name of a part or a tool that only its own dialect knows, by that dialect's word for it.
    What stands before a dot in the word says where such a part stood."""
    word = kind.rpartition(".")[2]
    return f"{what}.{word}" if _SHOWN.fullmatch(word) else what


def of_part(part: Part) -> str:
    """The name of a part."""
    match part:
        case Text():
            return Neutral.TEXT
        case Media():
            return Neutral(part.kind)
        case Reasoning():
            return Neutral.REASONING
        case ToolCall():
            return Neutral.CALL
        case ToolResult():
            return Neutral.RESULT
        case Refusal():
            return Neutral.REFUSAL
        case SearchCall():
            return Neutral.SEARCH
        case Opaque():
            return foreign(Neutral.PARTS, part.type)
        case _:
            assert_never(part)


def is_neutral(field: str) -> bool:
    """Whether this is no field of the caller's own. (`tools[]` is one in every dialect.)"""
    return isinstance(field, Neutral) or field.startswith(f"{Neutral.PARTS}.")


@dataclass(frozen=True, slots=True)
class Loss:
    """One loss. `field` is a neutral name or the path of a field of the caller's own. `note` is for
    people; it never quotes the caller's text."""

    field: str
    kind: LossKind
    note: str = ""

    def __str__(self) -> str:
        return f"{self.field}={self.kind.value}"


def unique(losses: Iterable[Loss]) -> tuple[Loss, ...]:
    """The losses in their order, each field and kind once."""
    found: dict[str, Loss] = {}
    for loss in losses:
        found.setdefault(str(loss), loss)
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Encoded:
    """A body in the target's dialect, and what it could not say."""

    body: bytes
    losses: tuple[Loss, ...] = ()
