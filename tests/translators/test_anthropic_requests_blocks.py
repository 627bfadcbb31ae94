"""Content blocks of Messages requests, read: each kind as the part that it is."""

from typing import Any

import orjson
import pytest

from translators import carry
from translators.anthropic import PROTOCOL
from translators.canonical.parts import (
    CacheMark,
    Citation,
    Filed,
    Found,
    Inline,
    Located,
    Media,
    MediaKind,
    Opaque,
    Part,
    Plain,
    Reasoning,
    SearchCall,
    Text,
    ToolCall,
    ToolResult,
)
from translators.canonical.request import (
    Request,
)
from translators.canonical.sealed import Sealed

Json = dict[str, Any]
MARK: Json = {"type": "ephemeral"}
CALL: Json = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"b": 1, "a": [2]}}


def read(**fields: Any) -> Request:
    body = {"model": "m", "max_tokens": 9, "messages": [], **fields}
    return PROTOCOL.decode_request(orjson.dumps(body))


def parts(*blocks: Json, role: str = "user") -> tuple[Part, ...]:
    return read(messages=[{"role": role, "content": list(blocks)}]).turns[0].parts


BLOCKS: dict[str, tuple[Json, tuple[Part, ...]]] = {
    "text": ({"type": "text", "text": "a", "cache_control": {**MARK, "ttl": "1h"}},
             (Text("a", cache=CacheMark("1h")),)),
    "image": ({"type": "image", "source": {"type": "base64", "media_type": "image/png",
                                           "data": "aGk="}},
              (Media(MediaKind.IMAGE, Inline("aGk="), "image/png"),)),
    "image at an address": ({"type": "image", "source": {"type": "url", "url": "https://x/y"}},
                            (Media(MediaKind.IMAGE, Located("https://x/y")),)),
    "image of a file": ({"type": "image", "source": {"type": "file", "file_id": "file_1"}},
                        (Media(MediaKind.IMAGE, Filed("anthropic", "file_1")),)),
    "pdf": ({"type": "document", "title": "T", "context": "C", "citations": {"enabled": True},
             "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}},
            (Media(MediaKind.DOCUMENT, Inline("aGk="), "application/pdf", title="T", context="C",
                   cited=True),)),
    "document of text": ({"type": "document", "source": {"type": "text", "data": "d",
                                                         "media_type": "text/plain"}},
                         (Media(MediaKind.DOCUMENT, Plain("d"), "text/plain"),)),
    "document of blocks": (
        {"type": "document", "source": {"type": "content", "content": [
            {"type": "text", "text": "a"},
            {"type": "image", "source": {"type": "url", "url": "https://x/y"}},
            {"type": "text", "text": "b"}]}},
        (Media(MediaKind.DOCUMENT, Plain("a\n\nb"), "text/plain"),
         Media(MediaKind.IMAGE, Located("https://x/y")))),
    "search result": (
        {"type": "search_result", "source": "https://x", "title": "T",
         "content": [{"type": "text", "text": "a"}], "citations": {"enabled": True}},
        (Media(MediaKind.DOCUMENT, Plain("a"), "text/plain", title="T", context="https://x",
               cited=True),)),
    "thinking": ({"type": "thinking", "thinking": "hm", "signature": "E1"},
                 (Reasoning("hm", Sealed("anthropic", "E1")),)),
    "thinking that is not shown": ({"type": "thinking", "thinking": "", "signature": "E1"},
                                   (Reasoning("", Sealed("anthropic", "E1")),)),
    "thinking of another model": (
        {"type": "thinking", "thinking": "hm", "signature": "clv1.gemini.xyz"},
        (Reasoning("hm", Sealed("gemini", "xyz")),)),
    "thinking that nobody signed": ({"type": "thinking", "thinking": "hm", "signature": ""},
                                    (Reasoning("hm"),)),
    "redacted thinking": ({"type": "redacted_thinking", "data": "E2"},
                          (Reasoning("", Sealed("anthropic", "E2"), redacted=True),)),
    "a call": ({**CALL, "caller": {"type": "direct"}, "cache_control": MARK},
               (ToolCall("toolu_1", "f", '{"b":1,"a":[2]}', cache=CacheMark()),)),
    "a result in one text": ({"type": "tool_result", "tool_use_id": "t", "content": "a"},
                             (ToolResult("t", (Text("a"),)),)),
    "a result without content": ({"type": "tool_result", "tool_use_id": "t", "is_error": True},
                                 (ToolResult("t", (), is_error=True),)),
    "a result with an image": (
        {"type": "tool_result", "tool_use_id": "t", "cache_control": MARK, "content": [
            {"type": "text", "text": "a"},
            {"type": "image", "source": {"type": "url", "url": "https://x/y"}}]},
        (ToolResult("t", (Text("a"), Media(MediaKind.IMAGE, Located("https://x/y"))),
                    cache=CacheMark()),)),
    "a summary of what was before": (
        {"type": "compaction", "content": "S"},
        (Text("<conversation-summary>\nS\n</conversation-summary>"),)),
    "a part of a beta": ({"type": "container_upload", "file_id": "f"},
                         (Opaque("anthropic", "container_upload",
                                 {"type": "container_upload", "file_id": "f"}),)),
}  # fmt: skip


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block(name: str) -> None:
    block, expected = BLOCKS[name]
    assert parts(block) == expected


def test_a_search_is_one_part_with_what_it_found() -> None:
    """2.19"""
    asked = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}}
    found = {
        "type": "web_search_result",
        "url": "https://x",
        "title": "T",
        "encrypted_content": "Ev0",
        "page_age": "2 days",
    }
    foreign = {"type": "web_search_result", "url": "https://y", "encrypted_content": ""}
    result = {
        "type": "web_search_tool_result",
        "tool_use_id": "s",
        "content": [found, foreign],
    }
    failed = {**result, "content": {"type": "web_search_tool_result_error", "error_code": "x"}}
    seen = (
        Found("https://x", "T", "2 days", Sealed("anthropic", "Ev0")),
        Found("https://y"),
    )
    assert parts(asked, result, role="assistant") == (SearchCall("s", ("q",), seen),)
    assert parts(asked, failed, role="assistant") == (SearchCall("s", ("q",), error="x"),)
    assert parts(asked, role="assistant") == (SearchCall("s", ("q",)),)
    assert isinstance(parts(result, role="assistant")[0], Opaque), "a result without its call"


def test_other_tools_of_the_provider_stay_as_they_are() -> None:
    block = {"type": "server_tool_use", "id": "s", "name": "code_execution", "input": {"code": "1"}}
    result = {"type": "code_execution_tool_result", "tool_use_id": "s", "content": {}}
    assert parts(block, result, role="assistant") == (
        Opaque("anthropic", "server_tool_use", block),
        Opaque("anthropic", "code_execution_tool_result", result),
    )


def test_citations_go_back_to_whom_they_came_from() -> None:
    page = {
        "type": "web_search_result_location",
        "url": "https://x",
        "title": "T",
        "cited_text": "q",
        "encrypted_index": "Eo8",
    }
    foreign = {**page, "encrypted_index": ""}
    place = {
        "type": "char_location",
        "cited_text": "q",
        "document_index": 0,
        "document_title": "D",
        "start_char_index": 0,
        "end_char_index": 1,
    }
    (read_text,) = parts({"type": "text", "text": "a", "citations": [page, foreign, place]})
    assert read_text == Text(
        "a",
        (
            Citation("https://x", "T", "q", issuer="anthropic", native=page),
            Citation("https://x", "T", "q"),
            Citation(None, "D", "q", issuer="anthropic", native=place),
        ),
    )


def test_a_seal_behind_a_call_is_the_calls() -> None:
    """6.5: what another model signed its call with comes back through a Messages client."""
    seal = Sealed("gemini", "CiQ+/=")
    carried = {"type": "redacted_thinking", "data": carry.wrapped(seal, "anthropic")}
    own = {"type": "redacted_thinking", "data": "E2"}
    second = {**CALL, "id": "toolu_2"}
    read_parts = parts(CALL, carried, second, own, carried, role="assistant")
    assert [getattr(part, "sealed", None) for part in read_parts] == [
        seal, None, Sealed("anthropic", "E2"), seal,
    ]  # fmt: skip
    assert [type(part) for part in read_parts] == [ToolCall, ToolCall, Reasoning, Reasoning]


def test_arguments_keep_their_order_and_their_numbers() -> None:
    """0.5"""
    body = (
        b'{"model":"m","messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t",'
        b'"name":"f","input":{"z":123456789012345678901234567890,"a":1.5,'
        b'"title":"\xe2\x80\xa8"}}]}]}'
    )
    (call,) = PROTOCOL.decode_request(body).turns[0].parts
    assert isinstance(call, ToolCall)
    assert call.arguments == '{"z":123456789012345678901234567890,"a":1.5,"title":"\u2028"}'
