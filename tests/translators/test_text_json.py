"""JSON that is read and written stays what it was."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translators import text_json
from translators.protocol import NotUnderstood

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=10,
)


@given(VALUES)
def test_what_is_written_is_read(value: Any) -> None:
    assert text_json.loads(text_json.dumps(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        '{"b":1,"a":2}',
        '{"n":123456789012345678901234567890}',
        "[-12345678901234567890]",
        "12345678901234567890123",
        '{"a": [1, 18446744073709551616]}',
        '{"z":"\u2028\u0085é","a":[0.1,1.0]}',
        '["1234567890123456789012345"]',
    ],
)
def test_the_text_itself_survives(text: str) -> None:
    assert text_json.text(text_json.loads(text)) == text.replace(": ", ":").replace(", ", ",")


@pytest.mark.parametrize("text", ["", "{", "NaN", '{"a":1}x', '"\\ud800"', b"\xff", "'a'"])
def test_what_is_no_json_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        text_json.loads(text)


def test_depth_beyond_what_can_be_written_is_not_understood() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(NotUnderstood):
        text_json.dumps(deep)
    with pytest.raises(ValueError):
        text_json.loads("[" * 1_020 + "1234567890123456789012" + "]" * 1_020)


def test_moderate_depth_is_written() -> None:
    text = "[" * 500 + "]" * 500

    assert text_json.text(text_json.loads(text)) == text


def test_half_a_surrogate_pair_is_replaced_rather_than_raised() -> None:
    assert json.loads(text_json.dumps({"a": "\ud83d"})) == {"a": "?"}
