"""Requests with a value of every wrong type at every place, and what becomes of them upstream.

A decoder understands or says NotUnderstood; what it understood can be written, and the provider's
stand-in, which shares no code with us, takes what is written.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.translators.conformance.profiles import PROFILES, Profile
from tests.translators.conformance.upstream import refusal
from tests.translators.test_wrong_types import replaced
from translators.conversion import convert
from translators.openai_chat import PROTOCOL
from translators.protocol import NotUnderstood

# A part of the dialect's own that nobody documents goes back as it came: the provider is to judge.
CASES = sorted(
    path
    for path in (Path(__file__).parent / "conformance" / "requests" / "openai_chat").glob("*.json")
    if path.stem != "unknown_block"
)

# Everything that the dialect knows, each thing once, so that every reader is reached.
FULL: dict[str, Any] = {
    "model": "m",
    "messages": [
        {
            "role": "user",
            "name": "n",
            "content": [
                {"type": "text", "text": "x", "prompt_cache_breakpoint": {"ttl": "30m"}},
                {
                    "type": "image_url",
                    "image_url": {"url": "data:image/png;base64,AA", "detail": "low"},
                },
                {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
                {"type": "file", "file": {"file_data": "AA", "filename": "a.pdf"}},
                {
                    "type": "video_url",
                    "video_url": {"url": "https://x"},
                    "cache_control": {"ttl": "5m"},
                },
                {"type": "odd", "odd": 1},
            ],
        },
        {
            "role": "assistant",
            "content": [{"type": "refusal", "refusal": "x"}],
            "reasoning_content": "x",
            "reasoning": "x",
            "refusal": "x",
            "audio": {"id": "x"},
            "annotations": [{"url_citation": {"url": "x", "start_index": 1}}],
            "function_call": {"name": "f", "arguments": "{}"},
            "tool_calls": [
                {
                    "id": "c",
                    "type": "function",
                    "index": 0,
                    "function": {"name": "f", "arguments": "{}"},
                    "extra_content": {"google": {"thought_signature": "x"}},
                },
                {"id": "d", "type": "custom", "custom": {"name": "f", "input": "x"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c", "content": "x", "cache_control": {"ttl": "1h"}},
        {"role": "function", "name": "f", "content": "x"},
        {"role": "system", "content": "x"},
    ],
    "tools": [
        {
            "type": "function",
            "function": {"name": "f", "parameters": {"anyOf": [{"a": 1}]}, "strict": True},
        },
        {
            "type": "custom",
            "custom": {
                "name": "g",
                "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}},
            },
        },
    ],
    "functions": [{"name": "h", "description": "x", "parameters": {"properties": {"a": {}}}}],
    "tool_choice": {
        "type": "allowed_tools",
        "allowed_tools": {
            "mode": "auto",
            "tools": [{"type": "function", "function": {"name": "f"}}],
        },
    },
    "function_call": {"name": "h"},
    "web_search_options": {
        "search_context_size": "low",
        "user_location": {"approximate": {"city": "x"}},
    },
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "x", "schema": {"type": "object"}},
    },
    "stop": ["x"],
    "logit_bias": {"1": 1},
    "metadata": {"a": "x"},
    "thinking": {"type": "enabled", "budget_tokens": 1},
    "reasoning": {"effort": "low", "max_tokens": 1, "enabled": True, "exclude": True},
    "stream": True,
    "stream_options": {"include_usage": True, "include_obfuscation": True},
    "prompt_cache_options": {"mode": "implicit", "ttl": "30m"},
    "temperature": 1,
    "top_logprobs": 1,
    "n": 1,
    "user": "x",
    "safety_identifier": "y",
    "service_tier": "flex",
    "verbosity": "low",
    "seed": 1,
}


def profiles() -> tuple[Profile, ...]:
    return PROFILES["openai_chat"]


@pytest.mark.parametrize(
    "change", [{}, {"tool_choice": None, "thinking": {}}, {"reasoning_effort": "low"}]
)
def test_everything_in_one_request_is_understood(change: dict[str, Any]) -> None:
    PROTOCOL.decode_request(orjson.dumps(FULL | change))


@pytest.mark.parametrize(
    "change", [{}, {"tool_choice": None, "thinking": None}], ids=["new", "older"]
)
def test_a_wrong_value_anywhere_is_understood_or_named(change: dict[str, Any]) -> None:
    for other in replaced(FULL | change):
        try:
            request = PROTOCOL.decode_request(orjson.dumps(other))
        except NotUnderstood as error:
            assert error.param or not isinstance(other, dict)
            continue
        for profile in profiles()[::3]:
            with suppress(NotUnderstood):
                convert(request, PROTOCOL, "m", profile.capabilities)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_what_clients_send_is_taken_when_it_is_written_again(case: Path) -> None:
    body = case.read_bytes()
    for profile in profiles():
        try:
            request = PROTOCOL.decode_request(body)
            sent = convert(request, PROTOCOL, profile.model, profile.capabilities).body
        except NotUnderstood as error:
            assert error.param
            continue
        assert refusal("openai_chat", PROTOCOL.request_path("m", False), sent) is None, profile.name
