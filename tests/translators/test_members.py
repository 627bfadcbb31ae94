"""Taking members out of a body and putting others in: every byte besides stays."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from translators import members


@pytest.mark.parametrize(
    ("body", "left"),
    [
        (b'{"model":"m"}', b"{}"),
        (b'{ "model" : "m" }', b"{ }"),
        (b'{"model":"m","a":1}', b'{"a":1}'),
        (b'{"a":1,"model":"m"}', b'{"a":1}'),
        (b'{"a":1, "model":"m" }', b'{"a":1 }'),
        (b'{"a":1.50,"model":"m","b":[{"model":"inner"}]}', b'{"a":1.50,"b":[{"model":"inner"}]}'),
        (b'{"model":"m","model":"n","a":"\\"model\\":"}', b'{"a":"\\"model\\":"}'),
        (b'{"a":1,"model":"m","model":"n"}', b'{"a":1}'),
        (b'{"m\\u006fdel":"m","a":1e400}', b'{"a":1e400}'),
        (b'{"model":null,\n "stream":true,\n "a":2}', b'{"a":2}'),
        (b'{"a":1}', b'{"a":1}'),
    ],
)
def test_members_are_cut_out(body: bytes, left: bytes) -> None:
    assert members.without(body, ("model", "stream")) == left


def test_a_member_that_is_an_object_is_taken_out_too() -> None:
    body = b'{"betas": ["x", "y"], "a": {"betas": 1}, "model": "m"}'
    assert orjson.loads(members.without(body, ("betas", "model"))) == {"a": {"betas": 1}}


@pytest.mark.parametrize(
    ("body", "more"),
    [(b"{}", b'{"v":"x"}'), (b'{ "a":1}', b'{"v":"x", "a":1}'), (b" { } ", b' {"v":"x" } ')],
)
def test_members_are_put_first(body: bytes, more: bytes) -> None:
    assert members.with_first(body, {"v": "x"}) == more


SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["model", "stream", "a", '"model":']), inner, max_size=3)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(["model", "stream", "a", "b", "model "]), JSON)


@given(OBJECTS, st.booleans())
def test_what_is_left_is_the_object_without_them(value: dict[str, Any], indented: bool) -> None:
    body = orjson.dumps(value, option=orjson.OPT_INDENT_2 if indented else 0)
    left = {key: inner for key, inner in value.items() if key not in ("model", "stream")}
    cut = members.without(body, ("model", "stream"))
    assert orjson.loads(cut) == left
    assert orjson.loads(members.with_first(cut, {"v": 1})) == {"v": 1, **left}
