"""Requests written for the Messages API: formats of the answer, cache marks, questions for a count.

Everything that is written here is also asked of the simulator (test_anthropic_encoding.py).
"""

from typing import Any

import orjson
import pytest

from tests.translators.test_anthropic_encoding import (
    CALL,
    HI,
    HOME,
    RESULT,
    assistant,
    refusal,
    system,
    user,
    written,
)
from translators.anthropic import PROTOCOL
from translators.anthropic.schemas import NotEnforceable, enforced_schema
from translators.canonical.capabilities import Capabilities
from translators.canonical.effort import Effort
from translators.canonical.parts import CacheMark, Media, MediaKind, Plain, Text
from translators.canonical.request import (
    FormatKind,
    OutputFormat,
    ReasoningWish,
    Request,
    Tool,
    ToolChoice,
    ToolMode,
)
from translators.protocol import NotUnderstood

Json = dict[str, Any]
SCHEMA: Json = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
CLOSED = {**SCHEMA, "additionalProperties": False}
WISH = OutputFormat(FormatKind.JSON_SCHEMA, SCHEMA, name="N", description="A number", strict=True)


def test_a_schema_is_enforced_where_the_model_can() -> None:
    """3.6"""
    body, losses = written(output_format=WISH, reasoning=ReasoningWish(effort=Effort.LOW))
    assert body["output_config"] == {
        "format": {"type": "json_schema", "schema": CLOSED},
        "effort": "low",
    }
    assert losses == ["output_format.description=dropped"]


@pytest.mark.parametrize(
    ("wish", "capabilities"),
    [
        (WISH, Capabilities(structured_output=False)),
        (OutputFormat(FormatKind.JSON_SCHEMA, {"type": "array", "items": {}}), HOME),
        (OutputFormat(FormatKind.JSON_SCHEMA, {**SCHEMA, "additionalProperties": True}), HOME),
        (OutputFormat(FormatKind.JSON_OBJECT), HOME),
    ],
)
def test_otherwise_it_is_an_instruction(wish: OutputFormat, capabilities: Capabilities) -> None:
    """3.6: behind the caller's own system prompt, so that its cache is kept."""
    body, losses = written(system(Text("s")), HI, output_format=wish, capabilities=capabilities)
    own, told = body["system"]
    assert own["text"] == "s" and "JSON" in told["text"]
    if wish.schema is not None:
        assert orjson.dumps(wish.schema).decode() in told["text"]
    assert losses == ["output_format=changed"]


def test_citations_and_a_format_exclude_each_other() -> None:
    cited = Media(MediaKind.DOCUMENT, Plain("d"), cited=True)
    body, losses = written(user(cited, Text("a")), output_format=OutputFormat(
        FormatKind.JSON_SCHEMA, SCHEMA))  # fmt: skip
    assert "citations" not in body["messages"][0]["content"][0]
    assert losses == ["citations=dropped"]


@pytest.mark.parametrize(
    ("schema", "enforced", "told"),
    [
        (SCHEMA, CLOSED, False),
        ({**SCHEMA, "$schema": "x", "title": "T"}, {**CLOSED, "title": "T"}, False),
        ({"type": "object", "properties": {"s": {"type": "string", "minLength": 2,
                                                 "description": "d", "format": "date"}}},
         {"type": "object", "additionalProperties": False, "properties": {"s": {
             "type": "string", "format": "date", "description": "d\n\n{minLength: 2}"}}}, True),
        ({"type": "object", "properties": {"s": {"type": ["string", "null"]}}},
         {"type": "object", "additionalProperties": False, "properties": {"s": {
             "anyOf": [{"type": "string"}, {"type": "null"}]}}}, False),
        ({"type": "object", "properties": {"s": {"enum": ["a", None], "type": "string"}}},
         {"type": "object", "additionalProperties": False,
          "properties": {"s": {"enum": ["a", None]}}}, False),
        ({"type": "object", "properties": {"s": {"oneOf": [{"type": "integer"}, {"const": "x"}]}}},
         {"type": "object", "additionalProperties": False,
          "properties": {"s": {"anyOf": [{"type": "integer"}, {"const": "x"}]}}}, False),
        ({"type": "object", "properties": {"l": {"type": "array", "items": {"type": "number"},
                                                 "minItems": 1, "maxItems": 3}}},
         {"type": "object", "additionalProperties": False, "properties": {"l": {
             "type": "array", "items": {"type": "number"}, "minItems": 1,
             "description": "{maxItems: 3}"}}}, True),
        ({"$ref": "#/$defs/X", "$defs": {"X": {"type": "object", "properties": {
            "y": {"$ref": "#/$defs/Y"}}}, "Y": {"type": "string"}}},
         {"$defs": {"X": {"type": "object", "properties": {"y": {"$ref": "#/$defs/Y"}},
                          "additionalProperties": False}, "Y": {"type": "string"}},
          "type": "object", "properties": {"y": {"$ref": "#/$defs/Y"}},
          "additionalProperties": False}, False),
    ],
)  # fmt: skip
def test_what_is_enforced_of_a_schema_and_what_is_told(
    schema: Json, enforced: Json, told: bool
) -> None:
    assert enforced_schema(schema) == (enforced, told)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "array"},
        {"type": "object", "properties": {"a": {}}},
        {"type": "object", "properties": {"a": {"type": "odd"}}},
        {"type": "object", "properties": {"a": 5}},
        {"type": "object", "properties": {"m": {"type": "object", "additionalProperties": {}}}},
        {"type": "object", "properties": {"a": {"$ref": "#"}}},
        {"$ref": "#/$defs/X",
         "$defs": {"X": {"type": "object", "properties": {"x": {"$ref": "#/$defs/X"}}}}},
        {"$ref": "#/$defs/X", "$defs": {
            "X": {"type": "object", "properties": {"y": {"$ref": "#/$defs/Y"}}},
            "Y": {"anyOf": [{"$ref": "#/$defs/X"}, {"type": "null"}]}}},
    ],
)  # fmt: skip
def test_what_cannot_be_enforced(schema: Json) -> None:
    with pytest.raises(NotEnforceable):
        enforced_schema(schema)


# ----------------------------------------------------------------------------------------- caching

MARK = CacheMark()


def test_four_marks_are_kept_and_the_oldest_go() -> None:
    """11.5"""
    body, losses = written(
        system(Text("s", cache=MARK)),
        user(Text("a", cache=MARK), Text("", cache=MARK), Text("b", cache=MARK)),
        assistant(Text("c", cache=MARK), CALL),
        user(RESULT),
        tools=(Tool("f", cache=MARK),),
        cache_mark=MARK,
    )
    assert "cache_control" not in body["tools"][0]
    assert "cache_control" not in body["system"][0]
    assert body["cache_control"] == {"type": "ephemeral"}
    assert losses == ["text=dropped", "cache=dropped"]


def test_an_hour_does_not_follow_five_minutes() -> None:
    body, losses = written(
        system(Text("s", cache=CacheMark("1h"))),
        user(Text("a", cache=CacheMark("5m")), Text("b", cache=CacheMark("1h"))),
    )
    marks = [body["system"][0], *body["messages"][0]["content"]]
    assert [block["cache_control"].get("ttl") for block in marks] == ["1h", "5m", None]
    assert losses == ["cache=clamped"]


def test_a_longer_conversation_begins_with_the_bytes_of_the_shorter() -> None:
    """Caches of prompts live by it."""
    short = (system(Text("s")), HI, assistant(Text("x"), CALL), user(RESULT))
    longer = (*short, assistant(Text("y")), user(Text("z")))
    tools = (Tool("f", schema=SCHEMA),)
    first, second = (
        PROTOCOL.encode_request(Request("m", turns, tools, max_output_tokens=9), HOME).body
        for turns in (short, longer)
    )
    common = first[: first.index(b'"content":"ok"')] if b'"content":"ok"' in first else b""
    until = first.index(b'],"tools"')
    assert second.startswith(first[:until]) and common in second


# ---------------------------------------------------------------------------------------- counting


def test_the_question_for_a_count() -> None:
    """8.14: everything that has tokens, and nothing that only an answer needs."""
    counting = PROTOCOL.counting
    assert counting is not None
    request = Request(
        "m",
        (system(Text("s")), HI),
        tools=(Tool("f"),),
        tool_choice=ToolChoice(ToolMode.REQUIRED),
        max_output_tokens=9,
        user="u",
        choices=3,
        stream=True,
        output_format=OutputFormat(FormatKind.JSON_SCHEMA, SCHEMA),
    )
    body = orjson.loads(counting.encode(request, HOME).body)
    fields = ["model", "system", "messages", "tools", "tool_choice", "output_config"]
    assert list(body) == fields
    assert refusal(body, "messages/count_tokens") is None
    assert counting.path("m") == "/messages/count_tokens"


def test_a_count() -> None:
    counting = PROTOCOL.counting
    assert counting is not None
    assert counting.decode(b'{"input_tokens":14}') == 14
    assert counting.decode(counting.render(14)) == 14
    for body in (b"", b"[]", b"{}", b'{"input_tokens":"14"}', b'{"input_tokens":-1}'):
        with pytest.raises(NotUnderstood):
            counting.decode(body)


def test_where_requests_go() -> None:
    assert PROTOCOL.request_path("m", True) == PROTOCOL.request_path("m", False) == "/messages"
