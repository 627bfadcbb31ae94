"""Requests of the Responses API that are refused; whatever comes, nothing else is raised."""

import contextlib
import json
import random
from typing import Any

import pytest

from tests.simulator.agents import RESPONSES
from tests.translators.responses_asked import (
    CONTENTS,
    HARMLESS,
    ITEMS,
    OUTPUTS,
    SCHEMA,
    TOOLS,
    decoded,
)
from translators.openai_responses import PROTOCOL
from translators.protocol import NotUnderstood


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"background": True}, "background"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"conversation": {"id": "conv_1"}}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"generate": False}, "generate"),
        ({"prompt_cache_options": {"prewarm": True}}, "prompt_cache_options.prewarm"),
        ({"input": None}, "input"),
        ({"input": 3}, "input"),
        ({"input": [3]}, "input[0]"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
        ({"input": [{"id": "msg_1"}]}, "input[0]"),
        ({"input": [{"type": "compaction_trigger"}]}, "input[0]"),
        ({"input": [{"role": "critic", "content": "a"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]},
         "input[0].content[0].text"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
         "input[0].content[0]"),
        ({"input": [{"type": "function_call", "name": "f"}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": {}}]},
         "input[0].output"),
        ({"input": [{"type": "function_call_output", "call_id": "c",
                     "output": [{"type": "encrypted_content"}]}]}, "input[0].output[0].type"),
        ({"model": None}, "model"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": {"type": "function"}}, "tools"),
        ({"tool_choice": "any"}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.name"),
        ({"tool_choice": {"type": "magic"}}, "tool_choice.type"),
        ({"temperature": "hot"}, "temperature"),
        ({"max_output_tokens": -1}, "max_output_tokens"),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort"),
        ({"text": {"verbosity": "huge"}}, "text.verbosity"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
        ({"metadata": {"a": 1}}, "metadata.a"),
    ],
)  # fmt: skip
def test_what_is_refused_names_the_field(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(NotUnderstood) as refused:
        decoded(**fields)
    assert refused.value.param == param


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"3", b"null", b"\xff", b'{"input": "a"}'])
def test_a_body_that_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        PROTOCOL.decode_request(body)


FULL: dict[str, Any] = {
    "model": "gpt-5",
    "instructions": "s",
    "input": [
        {"role": "user", "content": [content for content, _ in CONTENTS]},
        *[item for _, item, _ in ITEMS],
        *[item for _, item, _ in OUTPUTS],
        {"type": "additional_tools", "tools": [{"type": "shell", "environment": None}]},
    ],
    "tools": [item for _, item, _ in TOOLS]
    + [{"type": "namespace", "name": "n", "tools": [{"type": "custom", "name": "c"}]}],
    "tool_choice": {
        "type": "allowed_tools",
        "mode": "auto",
        "tools": [{"type": "custom", "name": "c"}],
    },
    "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}, "verbosity": "low"},
    "prompt_cache_options": {"mode": "implicit", "ttl": "30m"},
    "prompt_cache_retention": "24h",
    "temperature": 1,
    "max_tool_calls": 2,
    **HARMLESS,
}


WRONG: list[Any] = [
    None,
    True,
    -1,
    1.5,
    10**30,
    "x",
    "",
    [],
    {},
    [[]],
    [{}],
    {"type": 1},
    {"type": "x"},
    ["x"],
]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = [path] if path else []
    for key, one in inner if isinstance(value, dict | list) else ():
        found += places(one, (*path, key)) if isinstance(one, dict | list) else [(*path, key)]
    return found


def put(value: Any, path: tuple[Any, ...], wrong: Any) -> Any:
    copy = json.loads(json.dumps(value))
    target = copy
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = wrong
    return copy


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_wrong_types_at_every_depth_are_refused_or_read(wrong: Any) -> None:
    for path in places(FULL):
        try:
            PROTOCOL.decode_request(json.dumps(put(FULL, path, wrong)).encode())
        except NotUnderstood as refused:
            assert refused.args[0]


def test_a_body_that_is_nested_too_deeply_is_refused_or_read() -> None:
    deep = '{"a":' * 900 + "1" + "}" * 900
    for field in (f'"tools":[{{"type":"function","name":"f","parameters":{deep}}}]',
                  f'"input":[{{"type":"shell_call","call_id":"c","action":{deep}}}]'):  # fmt: skip
        body = f'{{"model":"m","input":"a",{field}}}'
        with contextlib.suppress(NotUnderstood):
            PROTOCOL.decode_request(body.encode())


def test_random_keys_are_losses_and_never_errors() -> None:
    rng = random.Random(7)
    for path in places(FULL):
        target = FULL
        for key in path:
            target = target[key]
        if isinstance(target, dict):
            name = f"x{rng.randrange(10**6)}"
            PROTOCOL.decode_request(json.dumps(put(FULL, (*path, name), {"y": [1]})).encode())


@pytest.mark.parametrize("client", RESPONSES)
def test_real_clients_are_read(client: str) -> None:
    request = PROTOCOL.decode_request(json.dumps(RESPONSES[client]).encode())
    assert request.turns
    known = {"tools[].external_web_access", "reasoning.context", "truncation"}
    assert {loss.field for loss in request.losses} <= known
