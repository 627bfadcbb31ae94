"""Messages requests that are wrong: refused with the field's name, whatever JSON comes."""

from typing import Any

import orjson
import pytest

from tests.translators.replay import RECORDINGS
from tests.translators.test_anthropic_requests_blocks import BLOCKS, MARK, read
from tests.translators.test_wrong_types import replaced
from translators.anthropic import PROTOCOL
from translators.canonical.loss import Loss, LossKind
from translators.protocol import NotUnderstood

Json = dict[str, Any]
SCHEMA: Json = {"type": "object", "properties": {"city": {"type": "string"}}}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": ["x"]}, "messages.0"),
        ({"messages": [{"role": "bot", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": [{}]}]}, "messages.0.content.0.type"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]},
         "messages.0.content.0.text"),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "x"}}]}]},
         "messages.0.content.0.source.type"),
        ({"system": 5}, "system"),
        ({"system": [{"type": "image"}]}, "system.0.type"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"thinking": {"type": "odd"}}, "thinking.type"),
        ({"thinking": {}}, "thinking.type"),
        ({"output_config": {"effort": "none"}}, "output_config.effort"),
        ({"output_config": {"format": {"type": "json_object"}}}, "output_config.format.type"),
        ({"tools": [{"input_schema": {}}]}, "tools.0.name"),
        ({"tools": [{"type": "code_execution_20250825", "name": [1]}]}, "tools.0.name"),
        ({"tool_choice": {"type": "odd"}}, "tool_choice.type"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"cache_control": {"type": "ephemeral", "ttl": "9m"}}, "cache_control.ttl"),
        ({"service_tier": "fast"}, "service_tier"),
        ({"stop_sequences": [1]}, "stop_sequences"),
    ],
)  # fmt: skip
def test_a_wrong_field_is_named(fields: Json, param: str) -> None:
    with pytest.raises(NotUnderstood) as refusal:
        read(**fields)
    assert refusal.value.param == param
    assert str(refusal.value)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"7", b"nonsense", b'{"model":"\xff"}', b'{"a":' * 990 + b"1" + b"}" * 990]
)
def test_a_body_that_is_no_request(body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        PROTOCOL.decode_request(body)


def test_deep_arguments_are_refused_and_not_fallen_over() -> None:
    deep = b"[" * 900 + b"]" * 900
    call = b'{"type":"tool_use","id":"t","name":"f","input":{"a":%b}}' % deep
    body = b'{"model":"m","messages":[{"role":"assistant","content":[%b]}]}' % call
    try:
        PROTOCOL.decode_request(body)
    except NotUnderstood as error:
        assert "deep" in str(error)


RICH: Json = {
    "model": "m",
    "max_tokens": 9,
    "system": [{"type": "text", "text": "s", "cache_control": {**MARK, "ttl": "1h"}}],
    "messages": [
        {"role": "user", "content": [block for block, _ in BLOCKS.values()]},
        {"role": "assistant", "content": [
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": 1}},
            {"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"url": "u"}]},
            {"type": "text", "text": "t", "citations": [{"type": "x", "url": "u"}]},
        ]},
        {"role": "system", "content": [{"type": "text", "text": "s"}]},
    ],
    "tools": [
        {"name": "f", "input_schema": SCHEMA, "strict": True, "allowed_callers": ["x"]},
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 1,
         "user_location": {"city": "x"}, "allowed_domains": ["x"]},
        {"type": "computer_20250124", "name": "computer", "display_width_px": 1,
         "display_height_px": 1},
        {"type": "browser_toolset_20260801"},
    ],
    "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 2, "display": "omitted"},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {}}},
    "metadata": {"user_id": "u"},
    "stop_sequences": ["s"],
    "service_tier": "auto",
    "temperature": 1,
}  # fmt: skip


def test_wrong_types_at_every_depth_are_understood_or_refused() -> None:
    bodies = [RICH, *(orjson.loads(p.read_bytes()) for p in sorted(
        (RECORDINGS / "anthropic").glob("*/request.json")))]  # fmt: skip
    refused = 0
    for body in bodies:
        for other in replaced(body):
            try:
                PROTOCOL.decode_request(orjson.dumps(other))
            except NotUnderstood as error:
                refused += 1
                assert str(error)
    assert refused > 100


def test_losses_say_each_thing_once_and_never_quote() -> None:
    assert read(**{"secret thing": "x"}).losses == (Loss("unknown_field", LossKind.DROPPED),)
