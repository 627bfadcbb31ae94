"""The names of losses, and what callers call what they mean."""

import anthropic.types.beta.message_create_params as anthropic_params
import openai.types.chat.completion_create_params as chat_params
import openai.types.responses.response_create_params as responses_params
import pytest

from translators.canonical.loss import (
    IN_CONVERSATION,
    Loss,
    LossKind,
    Neutral,
    field_at,
    foreign,
    of_part,
    unique,
)
from translators.canonical.parts import MediaKind, Opaque
from translators.protocol import discover

# The newest types leave out what the newest models do not take.
SAMPLING = {"temperature", "top_p", "top_k"}
FIELDS = {
    "anthropic": set(anthropic_params.MessageCreateParamsBase.__annotations__) | SAMPLING,
    "gemini": {"contents", "generationConfig", "labels", "serviceTier", "toolConfig", "tools"},
    "openai_chat": set(chat_params.CompletionCreateParamsBase.__annotations__),
    "openai_responses": set(responses_params.ResponseCreateParamsBase.__annotations__),
}

# What callers of a dialect cannot say, so that it can never be lost of their requests.
UNSAYABLE = {
    "anthropic": {
        "n", "seed", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs",
        "top_logprobs", "verbosity", "unknown_field",
    },
    "gemini": {
        "cache_key", "logit_bias", "parallel_tool_calls", "user", "verbosity", "unknown_field",
    },
    "openai_chat": {"top_k", "unknown_field"},
    "openai_responses": {
        "n", "top_k", "seed", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs",
        "stop", "unknown_field",
    },
}  # fmt: skip


@pytest.mark.parametrize("protocol", sorted(FIELDS))
def test_every_name_is_a_field_of_the_callers_own(protocol: str) -> None:
    own_name = discover()[protocol].own_name
    heads = {name: (own_name(name) or "").partition(".")[0].partition("[")[0] for name in Neutral}
    absent = {name.value for name, head in heads.items() if head not in FIELDS[protocol]}
    assert absent == UNSAYABLE[protocol]


@pytest.mark.parametrize(
    ("protocol", "field", "own"),
    [
        ("openai_responses", Neutral.PREFILL, "input"),
        ("openai_chat", Neutral.PREFILL, "messages"),
        ("gemini", Neutral.FILE, "contents"),
        ("anthropic", Neutral.STOP, "stop_sequences"),
        ("anthropic", Neutral.EFFORT, "output_config.effort"),
        ("openai_chat", Neutral.EFFORT, "reasoning_effort"),
        ("openai_responses", Neutral.EFFORT, "reasoning.effort"),
        ("gemini", Neutral.CHOICES, "generationConfig.candidateCount"),
        ("openai_chat", Neutral.SEARCH_USES, "web_search_options"),
        ("openai_responses", foreign(Neutral.PARTS, "compaction"), "input"),
        ("anthropic", foreign(Neutral.TOOLS, "mcp"), "tools[].mcp"),
        ("anthropic", "stop", "stop"),  # a field of the caller's own, which his dialect lacks
        ("anthropic", "messages.0.content", "messages.0.content"),
        ("anthropic", None, None),
    ],
)
def test_what_a_caller_calls_it(protocol: str, field: str | None, own: str | None) -> None:
    assert discover()[protocol].own_name(field) == own


def test_a_field_of_the_callers_is_named_without_its_places() -> None:
    assert field_at("messages.0.content.12.x1") == "messages[].content[].x1"
    assert field_at("input[3].content[1].text") == "input[].content[].text"


@pytest.mark.parametrize("name", ["x\r\nset-cookie: a", "ü", "", "y" * 121, "a,b=c"])
def test_a_name_that_is_not_fit_for_a_header_is_not_repeated(name: str) -> None:
    assert field_at(name) == "unknown_field"
    assert foreign(Neutral.TOOLS, name) == "tools[]"


def test_every_kind_of_media_has_a_name() -> None:
    assert {Neutral(kind) for kind in MediaKind} <= IN_CONVERSATION


def test_a_part_of_one_dialect_has_its_word() -> None:
    assert of_part(Opaque("p", "compaction", {})) == "parts[].compaction"
    assert of_part(Opaque("p", "content.hologram", {})) == "parts[].hologram"


def test_a_loss_is_told_once() -> None:
    first = Loss(Neutral.STOP, LossKind.DROPPED, "one")
    assert unique([first, Loss("stop", LossKind.DROPPED, "two")]) == (first,)
    assert str(first) == "stop=dropped"
