"""An output cap lowered in a body that otherwise stays: its fields, their order, its numbers."""

import pytest

from translators.capping import capped
from translators.protocol import NotUnderstood, discover


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("anthropic", b'{"max_tokens": 9, "x": 1}', b'{"max_tokens":5,"x":1}'),
        ("openai_responses", b'{"input": "a"}', b'{"input":"a","max_output_tokens":5}'),
        ("openai_chat", b'{"a": 1}', b'{"a":1,"max_completion_tokens":5}'),
        ("openai_chat", b'{"max_tokens": 9, "a": 1}', b'{"max_tokens":5,"a":1}'),
        (
            "openai_chat",
            b'{"max_tokens": 9, "max_completion_tokens": 8}',
            b'{"max_tokens":5,"max_completion_tokens":5}',
        ),
        ("openai_chat", b'{"max_completion_tokens": null}', b'{"max_completion_tokens":5}'),
        (
            "gemini",
            b'{"contents": []}',
            b'{"contents":[],"generationConfig":{"maxOutputTokens":5}}',
        ),
        (
            "gemini",
            b'{"generation_config": {"top_k": 1}}',
            b'{"generation_config":{"top_k":1,"max_output_tokens":5}}',
        ),
        (
            "gemini",
            b'{"generationConfig": {"max_output_tokens": 9}}',
            b'{"generationConfig":{"max_output_tokens":5}}',
        ),
    ],
)
def test_the_cap_is_lowered_where_the_dialect_has_it(
    name: str, body: bytes, expected: bytes
) -> None:
    assert capped(body, discover()[name].cap_fields, 5) == expected


def test_servers_that_know_only_the_older_name_get_that() -> None:
    fields = discover()["openai_chat"].cap_fields
    assert capped(b"{}", fields, 5, legacy=True) == b'{"max_tokens":5}'


def test_long_numbers_survive() -> None:
    fields = discover()["anthropic"].cap_fields
    body = b'{"n":123456789012345678901234567890,"max_tokens":5}'
    assert capped(body, fields, 5) == body


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense"])
def test_what_is_no_request_is_not_understood(body: bytes) -> None:
    with pytest.raises(NotUnderstood):
        capped(body, discover()["anthropic"].cap_fields, 5)
