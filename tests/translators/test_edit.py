"""Renaming the model: what JSON means is renamed, and every other byte stays."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from translators.edit import Span, replace_model, values_of
from translators.protocol import NotUnderstood


class Written:
    """A JSON document as text, with the places where the top-level model's value is."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self.pieces: list[str] = []
        self.models: list[int] = []

    def space(self) -> None:
        self.pieces.append(self._draw(st.sampled_from(["", "", " ", "\n", "\t\r\n "])))

    def text(self, value: str) -> None:
        """A string, each of its characters as itself or as an escape."""
        out = ['"']
        for char in value:
            if char in '"\\' or char < " " or self._draw(st.integers(0, 9)) == 0:
                code = f"{ord(char):04x}" if ord(char) < 0x10000 else None
                upper = self._draw(st.booleans())
                escape = f"\\u{code.upper() if upper else code}" if code else char
                out.append("\\" + char if char in '"\\' and upper else escape)
            else:
                out.append(char)
        self.pieces.append("".join([*out, '"']))

    def value(self, value: Any, depth: int = 0) -> None:
        self.space()
        if isinstance(value, str):
            self.text(value)
        elif isinstance(value, list):
            self.items("[", [(None, item) for item in value], "]", depth)
        elif isinstance(value, tuple):
            self.items("{", list(value), "}", depth)
        else:
            self.pieces.append(json.dumps(value))
        self.space()

    def items(self, opened: str, items: list[Any], closed: str, depth: int) -> None:
        self.pieces.append(opened)
        for n, (key, value) in enumerate(items):
            if n:
                self.pieces.append(",")
            if key is not None:
                self.space()
                self.text(key)
                self.space()
                self.pieces.append(":")
            if depth == 0 and key == "model":
                self.models.append(len(self.pieces) + 1)
            self.value(value, depth + 1)
        self.pieces.append(closed)


WORDS = st.sampled_from(
    ["model", "Model", "models", '"model"', 'say "model', "x\\", "{", "]", "", "é", "😀"]
)
TEXTS = WORDS | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(st.tuples(WORDS, inner), max_size=3).map(tuple)
    ),
    max_leaves=12,
)
NOT_A_MODEL = WORDS.filter(lambda word: word != "model")
MEMBERS = st.tuples(st.just("model"), TEXTS) | st.tuples(NOT_A_MODEL, VALUES)


@st.composite
def documents(draw: st.DrawFn) -> Written:
    written = Written(draw)
    written.value(tuple(draw(st.lists(MEMBERS, max_size=6))))
    return written


@given(documents(), TEXTS)
def test_the_models_value_is_renamed_and_every_other_byte_stays(doc: Written, new: str) -> None:
    body = "".join(doc.pieces).encode()
    renamed = replace_model(body, new)
    wanted = [
        json.dumps(new, ensure_ascii=False) if n in doc.models else piece
        for n, piece in enumerate(doc.pieces)
    ]
    same = [json.loads(doc.pieces[n]) == new for n in doc.models]
    if all(same):
        assert renamed is body, "nothing to change: not even a copy"
    elif not any(same) and new.isprintable():
        assert renamed == "".join(wanted).encode()
    top = json.loads(renamed)
    assert not doc.models or top["model"] == new
    before = json.loads(body)
    assert {k: v for k, v in top.items() if k != "model"} == {
        k: v for k, v in before.items() if k != "model"
    }


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (rb'{"model":"a"}', rb'{"model":"new"}'),
        (rb'{"model" : "a" , "x":1}', rb'{"model" : "new" , "x":1}'),
        (rb'{"x":{"model":"a"},"model":"b"}', rb'{"x":{"model":"a"},"model":"new"}'),
        (rb'{"model":"b","x":[{"model":"a"}]}', rb'{"model":"new","x":[{"model":"a"}]}'),
        (rb'{"mod\u0065l":"a"}', rb'{"mod\u0065l":"new"}'),
        (rb'{"\u006D\u006F\u0064\u0065\u006C":"a"}', rb'{"\u006D\u006F\u0064\u0065\u006C":"new"}'),
        (rb'{"model":"a","model":"b"}', rb'{"model":"new","model":"new"}'),
        (rb'{"model":"a","mod\u0065l":"b"}', rb'{"model":"new","mod\u0065l":"new"}'),
        (rb'{"model":null,"model":"b"}', rb'{"model":"new","model":"new"}'),
        (rb'{"model":12,"model":true}', rb'{"model":"new","model":"new"}'),
        (rb'{"model":"new"}', rb'{"model":"new"}'),
        (rb'{"model":"n\u0065w"}', rb'{"model":"n\u0065w"}'),
        (rb'{"x":"model","y":"\"model\":\"a\""}', rb'{"x":"model","y":"\"model\":\"a\""}'),
        (rb'{"say \"model":"a"}', rb'{"say \"model":"a"}'),
        (rb'{"x\\":{"model":"a"}}', rb'{"x\\":{"model":"a"}}'),
        (rb'{"x":"{","model":"a","y":"}"}', rb'{"x":"{","model":"new","y":"}"}'),
        (rb'{"x":["model"],"model":"a"}', rb'{"x":["model"],"model":"new"}'),
        (rb'{"n":1e400,"m":123456789012345678901234567890,"model":"a"}',
         rb'{"n":1e400,"m":123456789012345678901234567890,"model":"new"}'),
        ('{"Modell":"ü","model":"ü\u2028"}'.encode(), '{"Modell":"ü","model":"new"}'.encode()),
        (b'{}', b'{}'),
    ],
)  # fmt: skip
def test_cases_that_others_get_wrong(body: bytes, wanted: bytes) -> None:
    assert replace_model(body, "new") == wanted


def test_a_name_that_json_must_escape_stays_a_name() -> None:
    assert json.loads(replace_model(b'{"model":"a"}', 'a"b\\c\né')) == {"model": 'a"b\\c\né'}


@pytest.mark.parametrize("value", [b"{}", b'["a"]', b'{"model":"x"}'])
def test_a_model_that_is_no_scalar_is_refused(value: bytes) -> None:
    """Also where a second one is a string: the one that counts may be the other."""
    for body in (b'{"model":' + value + b"}", b'{"model":' + value + b',"model":"a"}'):
        with pytest.raises(NotUnderstood) as refusal:
            replace_model(body, "new")
        assert refusal.value.param == "model"


@given(st.binary(max_size=60) | st.text('{}[]",:\\model \n', max_size=60).map(str.encode))
@example(b'"model":')
@example(b'{"model":"')
@example(b'{"model"')
@example(b'"model":"a"}}}}')
def test_nonsense_does_no_harm(body: bytes) -> None:
    try:
        replace_model(body, "new")
    except NotUnderstood:
        return


def test_a_huge_body_costs_a_few_searches() -> None:
    """32 MiB of brackets or of escaped quotes, with a second model behind. A scan in Python would
    take minutes."""
    filling = b"[]," * 8_000_000
    body = b'{"model":"a","x":[' + filling + b'1],"model":"b"}'
    assert replace_model(body, "new") == (b'{"model":"new","x":[' + filling + b'1],"model":"new"}')
    quotes = rb"\"\\" * 8_000_000
    body = b'{"x":[{"model":"a"}],"y":"' + quotes + b'","model":"b"}'
    assert replace_model(body, "new").endswith(rb'\\","model":"new"}')


def test_values_are_found_by_name_and_depth() -> None:
    body = b'{"requests":[{"model":"a"},{"x":{"model":"b"}}],"model":{"model":"c"}}'
    assert [body[a:b] for a, b in values_of(body, "model", depth=3)] == [b'"a"']
    assert [body[a:b] for a, b in values_of(body, "model", depth=2)] == [b'"c"']
    assert values_of(body, "model") == [Span(56, 56)], "an object has no span"
    assert values_of(body, "requests") == [Span(12, 12)]
    assert values_of(body, "absent") == []
