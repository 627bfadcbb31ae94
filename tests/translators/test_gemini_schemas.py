"""Schemas on both ways: JSON Schema in Gemini's words, and Gemini's words in JSON Schema."""

from typing import Any

import orjson
import pytest
from google.genai.types import Schema
from hypothesis import given
from hypothesis import strategies as st

from translators.gemini.schema import MOST_NODES, cleaned
from translators.gemini.schema_reading import standard_schema
from translators.protocol import NotUnderstood

Json = dict[str, Any]

CLEANED: dict[str, tuple[Json, Json, bool]] = {
    "plain": (
        {"type": "object", "properties": {"a": {"type": "string", "description": "d"}}},
        {"type": "OBJECT", "properties": {"a": {"type": "STRING", "description": "d"}}},
        False,
    ),
    "properties called like keywords": (
        {
            "type": "object",
            "properties": {
                name: {"type": "string"}
                for name in ("const", "format", "default", "title", "$ref", "not", "required")
            },
        },
        {
            "type": "OBJECT",
            "properties": {
                name: {"type": "STRING"}
                for name in ("const", "format", "default", "title", "$ref", "not", "required")
            },
        },
        False,
    ),
    "words without a meaning for values": (
        {"$schema": "x", "$id": "y", "$comment": "z", "type": "string", "examples": ["e"]},
        {"type": "STRING"},
        False,
    ),
    "exclusive bounds of integers": (
        {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10},
        {"type": "INTEGER", "minimum": 1, "maximum": 9},
        False,
    ),
    "exclusive bounds of numbers": (
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "NUMBER", "minimum": 0, "description": "(greater than 0)"},
        True,
    ),
    "exclusive bounds of the fourth draft": (
        {"type": "number", "minimum": 0, "exclusiveMinimum": True},
        {"type": "NUMBER", "minimum": 0, "description": "(greater than 0)"},
        True,
    ),
    "constant": ({"const": "a"}, {"type": "STRING", "enum": ["a"]}, False),
    "constant number": (
        {"type": "integer", "const": 5},
        {"type": "INTEGER", "description": "(one of [5])"},
        True,
    ),
    "choice": (
        {"type": "string", "enum": ["a", "b", "a"]},
        {"type": "STRING", "enum": ["a", "b"]},
        False,
    ),
    "choice with null": (
        {"enum": ["a", None]},
        {"type": "STRING", "enum": ["a"], "nullable": True},
        False,
    ),
    "choice of numbers": (
        {"type": "integer", "enum": [1, 2], "description": "n"},
        {"type": "INTEGER", "description": "n (one of [1,2])"},
        True,
    ),
    "nullable": ({"type": ["string", "null"]}, {"type": "STRING", "nullable": True}, False),
    "nullable by alternatives": (
        {"anyOf": [{"type": "integer"}, {"type": "null"}], "description": "n"},
        {"type": "INTEGER", "nullable": True, "description": "n"},
        False,
    ),
    "several types": (
        {"type": ["string", "integer", "null"], "description": "d"},
        {
            "anyOf": [{"type": "STRING"}, {"type": "INTEGER"}],
            "nullable": True,
            "description": "d",
        },
        False,
    ),
    "one of": (
        {"oneOf": [{"type": "string"}, {"type": "number"}]},
        {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]},
        False,
    ),
    "all of": (
        {
            "allOf": [
                {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
                {"properties": {"b": {"type": "integer"}}, "required": ["b"]},
            ],
            "description": "d",
        },
        {
            "type": "OBJECT",
            "properties": {"a": {"type": "STRING"}, "b": {"type": "INTEGER"}},
            "required": ["a", "b"],
            "description": "d",
        },
        False,
    ),
    "references": (
        {
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/A", "description": "here"}},
            "$defs": {"A": {"type": "string", "description": "there"}},
        },
        {"type": "OBJECT", "properties": {"a": {"type": "STRING", "description": "here"}}},
        False,
    ),
    "a reference that means nothing": (
        {"type": "object", "properties": {"a": {"$ref": "https://x.org/s"}}},
        {"type": "OBJECT", "properties": {"a": {"type": "OBJECT"}}},
        True,
    ),
    "a schema that contains itself": (
        {
            "$ref": "#/$defs/N",
            "$defs": {
                "N": {
                    "type": "object",
                    "properties": {
                        "next": {"$ref": "#/$defs/N"},
                        "all": {"type": "array", "items": {"$ref": "#/$defs/N"}},
                    },
                }
            },
        },
        {
            "type": "OBJECT",
            "properties": {
                "next": {"type": "OBJECT"},
                "all": {"type": "ARRAY", "items": {"type": "OBJECT"}},
            },
        },
        True,
    ),
    "required that is not there": (
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["b", "a", 5]},
        {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "required": ["a"]},
        False,
    ),
    "required on the property": (
        {"type": "object", "properties": {"a": {"type": "string", "required": True}}},
        {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "required": ["a"]},
        False,
    ),
    "properties without an object": (
        {"a": {"type": "string"}, "b": {"type": "array"}},
        {
            "type": "OBJECT",
            "properties": {"a": {"type": "STRING"}, "b": {"type": "ARRAY", "items": {}}},
        },
        False,
    ),
    "array without items": ({"type": "array"}, {"type": "ARRAY", "items": {}}, False),
    "array of arrays": (
        {"type": "array", "items": {"type": "array"}},
        {"type": "ARRAY", "items": {"type": "ARRAY", "items": {}}},
        False,
    ),
    "tuple": (
        {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]},
        {"type": "ARRAY", "items": {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]}},
        True,
    ),
    "known format": (
        {"type": "string", "format": "date-time"},
        {"type": "STRING", "format": "date-time"},
        False,
    ),
    "odd format": (
        {"type": "string", "format": "uri"},
        {"type": "STRING", "description": "(format: uri)"},
        True,
    ),
    "unknown keywords": (
        {"type": "number", "multipleOf": 5, "not": {"const": 10}, "description": "n"},
        {"type": "NUMBER", "description": 'n (multipleOf: 5; not: {"const":10})'},
        True,
    ),
    "closed object": (
        {"type": "object", "properties": {"a": {}}, "additionalProperties": False},
        {"type": "OBJECT", "properties": {"a": {}}},
        True,
    ),
    "counts and patterns": (
        {"type": "string", "minLength": 1, "maxLength": 9, "pattern": "^a", "default": "a"},
        {"type": "STRING", "minLength": 1, "maxLength": 9, "pattern": "^a", "default": "a"},
        False,
    ),
    "true": (
        {"type": "object", "properties": {"a": True}},
        {"type": "OBJECT", "properties": {"a": {}}},
        False,
    ),
}


@pytest.mark.parametrize("case", CLEANED)
def test_json_schema_in_geminis_words(case: str) -> None:
    """3.1, 3.2, 3.3, 3.8, 0.4"""
    schema, wire, changed = CLEANED[case]
    assert cleaned(schema) == (wire, changed)
    assert cleaned(schema)[0] == wire, "what was read is not written to"
    Schema.model_validate(wire)


def test_what_would_multiply_is_cut_off() -> None:
    """References put in place, and merged pieces, are bounded together."""
    doubling: Json = {"$defs": {"D0": {"type": "string"}}, "$ref": "#/$defs/D30"}
    merging: Json = {"$defs": {"M0": {"type": "string"}}, "$ref": "#/$defs/M30"}
    for n in range(1, 31):
        before = {"$ref": f"#/$defs/D{n - 1}"}
        doubling["$defs"][f"D{n}"] = {"type": "object", "properties": {"a": before, "b": before}}
        merging["$defs"][f"M{n}"] = {"allOf": [{"$ref": f"#/$defs/M{n - 1}"}] * 2}
    written, changed = cleaned(doubling)
    assert changed
    assert orjson.dumps(written).count(b'"type"') < 3 * MOST_NODES
    assert cleaned(merging)[0].get("type") in ("STRING", None)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["object", "a", "null"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type", "properties", "items", "anyOf", "allOf", "$ref", "enum", "const",
                    "required", "format", "exclusiveMinimum", "nullable", "description", "a", "not",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)  # fmt: skip


@given(VALUES)
def test_whatever_the_schema_the_sdk_takes_what_comes_out(schema: Any) -> None:
    written, _ = cleaned({"type": "object", "properties": {"a": schema}})
    Schema.model_validate(written)
    assert "$ref" not in str(written.get("properties", {}).get("a", {}).keys())
    try:
        assert isinstance(standard_schema(schema, "x"), dict)
    except NotUnderstood as error:
        assert error.param == "x"


READ: list[tuple[Json, Json]] = [
    ({"type": "STRING"}, {"type": "string"}),
    ({"type": "TYPE_UNSPECIFIED", "title": "t"}, {"title": "t"}),
    ({"type": "string", "format": "enum", "enum": ["a"]}, {"type": "string", "enum": ["a"]}),
    ({"type": "STRING", "nullable": True, "enum": ["a"]},
     {"type": ["string", "null"], "enum": ["a", None]}),
    ({"type": "STRING", "nullable": False}, {"type": "string"}),
    ({"any_of": [{"type": "STRING"}], "nullable": True},
     {"anyOf": [{"type": "string"}, {"type": "null"}]}),
    ({"type": "ARRAY", "min_items": "2", "maxItems": 3, "items": {"type": "NUMBER"}},
     {"type": "array", "minItems": 2, "maxItems": 3, "items": {"type": "number"}}),
    ({"type": "OBJECT", "properties": {"b": {"type": "STRING"}, "a_b": {"type": "INTEGER"}},
      "property_ordering": ["a_b", "b"], "required": ["b"], "minimum": None},
     {"type": "object", "properties": {"a_b": {"type": "integer"}, "b": {"type": "string"}},
      "required": ["b"]}),
    ({"type": "OBJECT", "properties": {"format": {"type": "STRING", "example": 1}}},
     {"type": "object", "properties": {"format": {"type": "string", "examples": [1]}}}),
    ({"defs": {"A": {"type": "STRING"}}, "ref": "#/$defs/A", "additional_properties": False},
     {"$defs": {"A": {"type": "string"}}, "$ref": "#/$defs/A", "additionalProperties": False}),
]  # fmt: skip


@pytest.mark.parametrize(("wire", "schema"), READ)
def test_geminis_words_in_json_schema(wire: Json, schema: Json) -> None:
    found = standard_schema(wire, "p")
    assert found == schema
    if "properties" in schema:
        assert list(found["properties"]) == list(schema["properties"])


@pytest.mark.parametrize(
    "wire", [5, [], "x", {"type": 5}, {"properties": []}, {"items": {"type": [1]}}]
)
def test_what_is_no_schema_is_refused(wire: Any) -> None:
    with pytest.raises(NotUnderstood) as refused:
        standard_schema(wire, "tools[0].parameters")
    assert refused.value.param == "tools[0].parameters"
