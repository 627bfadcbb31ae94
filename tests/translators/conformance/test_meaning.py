"""Requests keep their meaning from every protocol to every other, minus the declared losses."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings

from tests.translators import strategies
from tests.translators.conformance.cases import PROTOCOLS
from tests.translators.conformance.meaning import differences, meaning, touched
from tests.translators.conformance.profiles import PROFILES, usual
from translators import text_json
from translators.canonical.capabilities import Thinking
from translators.canonical.parts import Part, Text, ToolCall, ToolResult
from translators.canonical.request import Request, Role, Turn
from translators.conversion import Conversion, convert, pseudonym
from translators.protocol import discover

NAMES = [protocol.name for protocol in PROTOCOLS]
EXAMPLES = 25
MESSAGES = {
    "anthropic": "messages",
    "gemini": "contents",
    "openai_chat": "messages",
    "openai_responses": "input",
}

# Where each target has the field; () means that it has none, so that it must be a loss.
PLACES: dict[str, dict[str, tuple[str, ...]]] = {
    "anthropic": {
        "temperature": ("temperature",),
        "top_p": ("top_p",),
        "top_k": ("top_k",),
        "stop": ("stop_sequences",),
        "max_output_tokens": ("max_tokens",),
        "reasoning": ("thinking", "output_config.effort"),
        "output_format": ("output_config.format",),
        "parallel_tool_calls": ("tool_choice.disable_parallel_tool_use",),
        "tool_choice": ("tool_choice",),
        "service_tier": ("service_tier", "speed"),
        "user": ("metadata.user_id",),
    },
    "gemini": {
        "temperature": ("generationConfig.temperature",),
        "top_p": ("generationConfig.topP",),
        "top_k": ("generationConfig.topK",),
        "seed": ("generationConfig.seed",),
        "presence_penalty": ("generationConfig.presencePenalty",),
        "frequency_penalty": ("generationConfig.frequencyPenalty",),
        "stop": ("generationConfig.stopSequences",),
        "max_output_tokens": ("generationConfig.maxOutputTokens",),
        "reasoning": ("generationConfig.thinkingConfig",),
        "output_format": ("generationConfig.responseMimeType",),
        "tool_choice": ("toolConfig",),
        "service_tier": ("serviceTier",),
    },
    "openai_chat": {
        "temperature": ("temperature",),
        "top_p": ("top_p",),
        "seed": ("seed",),
        "presence_penalty": ("presence_penalty",),
        "frequency_penalty": ("frequency_penalty",),
        "stop": ("stop",),
        "max_output_tokens": ("max_completion_tokens", "max_tokens"),
        "reasoning": ("reasoning_effort",),
        "output_format": ("response_format",),
        "parallel_tool_calls": ("parallel_tool_calls",),
        "tool_choice": ("tool_choice",),
        "verbosity": ("verbosity",),
        "service_tier": ("service_tier",),
        "user": ("safety_identifier", "user"),
    },
    "openai_responses": {
        "temperature": ("temperature",),
        "top_p": ("top_p",),
        "max_output_tokens": ("max_output_tokens",),
        "reasoning": ("reasoning",),
        "output_format": ("text.format",),
        "parallel_tool_calls": ("parallel_tool_calls",),
        "tool_choice": ("tool_choice",),
        "verbosity": ("text.verbosity",),
        "service_tier": ("service_tier",),
        "user": ("safety_identifier", "user"),
    },
}
NOT_SAID = (None, (), True)  # parallel calls are the rule; nobody needs to say so


def for_usual(request: Request, target: str) -> Conversion:
    profile = usual(target)
    return convert(request, discover()[target], profile.model, profile.capabilities)


def said_by(request: Request, client: str) -> Request:
    """The request as it is when a client of this protocol has sent it."""
    return discover()[client].decode_request(for_usual(request, client).body)


def found(body: Any, path: str) -> bool:
    for step in path.split("."):
        if not isinstance(body, dict) or step not in body:
            return False
        body = body[step]
    return True


@pytest.mark.parametrize("target", NAMES)
@pytest.mark.parametrize("client", NAMES)
@settings(max_examples=EXAMPLES)
@given(request=strategies.requests())
def test_what_arrives_means_what_was_said_minus_the_losses(
    client: str, target: str, request: Request
) -> None:
    said = said_by(request, client)
    told = replace(said, user=pseudonym(said.user) if said.user else None)
    conversion = for_usual(said, target)
    arrived = discover()[target].decode_request(conversion.body)
    assert differences(meaning(told), meaning(arrived), conversion.losses) == {}


@pytest.mark.parametrize("target", NAMES)
@settings(max_examples=EXAMPLES * 2)
@given(request=strategies.requests())
def test_every_setting_is_in_the_body_or_among_the_losses(target: str, request: Request) -> None:
    for profile in PROFILES[target]:
        known = meaning(request)
        conversion = convert(request, discover()[target], profile.model, profile.capabilities)
        body = orjson.loads(conversion.body)
        if profile.capabilities.thinking is Thinking.NONE and known["reasoning"] == "off":
            known["reasoning"] = None  # it is off
        silent = [
            field
            for field in {f for fields in PLACES.values() for f in fields}
            if known[field] not in NOT_SAID
            and not any(found(body, path) for path in PLACES[target].get(field, ()))
            and not touched(conversion.losses, field)
        ]
        assert silent == [], profile.name


@pytest.mark.parametrize("target", NAMES)
@settings(max_examples=EXAMPLES)
@given(request=strategies.requests())
def test_the_same_request_gives_the_same_bytes(target: str, request: Request) -> None:
    first, second = for_usual(request, target), for_usual(request, target)
    assert (first.body, first.losses) == (second.body, second.losses)


@pytest.mark.parametrize("target", NAMES)
@settings(max_examples=EXAMPLES)
@given(request=strategies.requests(), more=strategies.requests())
def test_a_longer_conversation_begins_with_the_bytes_of_the_shorter(
    target: str, request: Request, more: Request
) -> None:
    """As far as the last message of the shorter one: what a prompt cache keeps."""
    further = [turn for turn in more.turns if turn.role is not Role.SYSTEM]
    calls = [Turn(turn.role, _renumbered(turn)) for turn in further]
    answer = Turn(Role.ASSISTANT, (Text("Yes."),))
    longer = replace(request, turns=(*request.turns, answer, *calls))
    if more.tools and not request.tools:
        longer = replace(request, turns=(*request.turns, answer, Turn(Role.USER, (Text("So?"),))))
    short, long = for_usual(request, target).body, for_usual(longer, target).body
    messages = text_json.dumps(text_json.loads(short)[MESSAGES[target]])
    end = short.index(messages) + len(messages) - len(b"]")
    assert long[:end] == short[:end]


def _renumbered(turn: Turn) -> tuple[Part, ...]:
    """The turn's parts with other ids of calls, for one id names one call."""
    renamed: list[Part] = []
    for part in turn.parts:
        match part:
            case ToolCall():
                renamed.append(replace(part, id=f"later_{part.id}"))
            case ToolResult():
                renamed.append(replace(part, call_id=f"later_{part.call_id}"))
            case _:
                renamed.append(part)
    return tuple(renamed)
