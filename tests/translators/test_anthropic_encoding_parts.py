"""Requests written for the Messages API: each kind of part as the block that it is.

Everything that is written here is also asked of the simulator (test_anthropic_encoding.py).
"""

from typing import Any

import pytest

from tests.translators.test_anthropic_encoding import (
    CALL,
    HI,
    HOME,
    PNG,
    RESULT,
    assistant,
    text,
    user,
    written,
)
from translators.anthropic import PROTOCOL
from translators.canonical.capabilities import Capabilities
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
    Plain,
    Reasoning,
    Refusal,
    SearchCall,
    Text,
    ToolCall,
    ToolKind,
    ToolResult,
)
from translators.canonical.request import Request, Tool
from translators.canonical.sealed import Sealed
from translators.protocol import NotUnderstood

Json = dict[str, Any]
PDF = "JVBERi0xLjQK"


MEDIA: dict[str, tuple[Media, Json, list[str]]] = {
    "image under a wrong label": (
        Media(MediaKind.IMAGE, Inline(PNG), "image/jpeg"),
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        [],
    ),
    "image at an address": (
        Media(MediaKind.IMAGE, Located("https://x/y.png"), detail="auto"),
        {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
        [],
    ),
    "image in a data URL": (
        Media(MediaKind.IMAGE, Located(f"data:image/png;charset=utf-8;base64,{PNG}"), detail="low"),
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        ["media.detail=dropped"],
    ),
    "image of a stored file": (
        Media(MediaKind.IMAGE, Filed("anthropic", "file_1")),
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        [],
    ),
    "image in the cloud": (
        Media(MediaKind.IMAGE, Located("gs://b/x.png")),
        text("[An image was left out: this model cannot read it.]"),
        ["image=dropped"],
    ),
    "image of an unknown kind": (
        Media(MediaKind.IMAGE, Inline("Qk0="), "image/bmp"),
        text("[An image was left out: this model cannot read it.]"),
        ["image=dropped"],
    ),
    "pdf": (
        Media(MediaKind.DOCUMENT, Inline(PDF), None, name="a.pdf", context="C", cited=True),
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
            "title": "a.pdf",
            "context": "C",
            "citations": {"enabled": True},
        },
        [],
    ),
    "pdf at an address": (
        Media(MediaKind.DOCUMENT, Located("https://x/y.pdf"), title="T"),
        {"type": "document", "source": {"type": "url", "url": "https://x/y.pdf"}, "title": "T"},
        [],
    ),
    "text in bytes": (
        Media(MediaKind.DOCUMENT, Inline("aGk="), "text/csv"),
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "hi"},
        },
        [],
    ),
    "text": (
        Media(MediaKind.DOCUMENT, Plain("hi"), cache=CacheMark()),
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "hi"},
            "cache_control": {"type": "ephemeral"},
        },
        [],
    ),
    "an office document": (
        Media(MediaKind.DOCUMENT, Inline("UEsDBA=="), "application/msword"),
        text("[A document was left out: this model cannot read it.]"),
        ["document=dropped"],
    ),
}


@pytest.mark.parametrize("name", MEDIA)
def test_media(name: str) -> None:
    """4.1 to 4.8"""
    media, block, lost = MEDIA[name]
    body, losses = written(user(media, Text("see")))
    assert (body["messages"][0]["content"][0], losses) == (block, lost)


def test_a_model_that_sees_nothing() -> None:
    blind = Capabilities(images=False, documents=False)
    document = Media(MediaKind.DOCUMENT, Plain("a ``` b"), title="T", context="C")
    body, losses = written(user(Media(MediaKind.IMAGE, Inline(PNG)), document), capabilities=blind)
    assert [block["text"] for block in body["messages"][0]["content"]] == [
        "[An image was left out: this model cannot read it.]",
        "T\nC\n````\na ``` b\n````",
    ]
    assert losses == ["image=dropped", "document=changed"]


@pytest.mark.parametrize(
    ("media", "param"),
    [
        (Media(MediaKind.AUDIO, Inline("x"), "audio/wav"), "audio"),
        (Media(MediaKind.VIDEO, Located("https://x")), "video"),
        (Media(MediaKind.IMAGE, Filed("openai_responses", "file-1")), "file"),
    ],
)
def test_what_the_dialect_has_not_is_refused(media: Media, param: str) -> None:
    """4.9 and 4.10"""
    with pytest.raises(NotUnderstood) as refused:
        written(user(media))
    assert refused.value.param == param


def test_a_picture_that_the_model_drew_is_told_of() -> None:
    body, losses = written(HI, assistant(Media(MediaKind.IMAGE, Inline(PNG))), HI)
    assert "left out" in body["messages"][1]["content"][0]["text"]
    assert losses == ["image=dropped"]


@pytest.mark.parametrize(
    ("arguments", "kind", "given", "lost"),
    [
        ('{"b":1,"a":12345678901234567890123}', ToolKind.FUNCTION,
         b'{"b":1,"a":12345678901234567890123}', []),
        ("", ToolKind.FUNCTION, b"{}", []),
        ("[1]", ToolKind.FUNCTION, b'{"input":"[1]"}', ["arguments=changed"]),
        ("{oops", ToolKind.FUNCTION, b'{"input":"{oops"}',
         ["arguments=changed"]),
        ("free", ToolKind.FREEFORM, b'{"input":"free"}', []),
    ],
)  # fmt: skip
def test_arguments(arguments: str, kind: ToolKind, given: bytes, lost: list[str]) -> None:
    """2.9, 2.10 and 0.5"""
    call = ToolCall("t1", "f", arguments, kind)
    turns = (HI, assistant(call), user(RESULT))
    request = Request("m", turns, (Tool("f"),), max_output_tokens=9)
    encoded = PROTOCOL.encode_request(request, HOME)
    assert b'"name":"f","input":' + given in encoded.body
    assert [str(loss) for loss in encoded.losses] == lost


def test_results() -> None:
    """2.13 and 2.14: errors and pictures have their place here."""
    failed = ToolResult("t1", (Text("no"), Media(MediaKind.IMAGE, Inline(PNG))), is_error=True)
    body, losses = written(HI, assistant(CALL), user(failed))
    (block,) = body["messages"][-1]["content"]
    assert (block["is_error"], [part["type"] for part in block["content"]]) == (
        True, ["text", "image"],
    )  # fmt: skip
    assert losses == []
    body, losses = written(HI, assistant(CALL), user(ToolResult("t1", (), is_error=True)))
    assert body["messages"][-1]["content"][0]["content"] == [text("[error]")]
    assert losses == ["tool_result=added"]
    body, losses = written(HI, assistant(CALL), user(ToolResult("t1", (Text(""),))))
    assert body["messages"][-1]["content"] == [{"type": "tool_result", "tool_use_id": "t1"}]


def test_a_refusal_is_text() -> None:
    body, losses = written(HI, assistant(Refusal("I will not.")), HI)
    assert body["messages"][1]["content"] == [text("I will not.")]
    assert losses == ["refusal=changed"]


def test_parts_of_other_dialects_are_lost_and_our_own_return() -> None:
    ours = {"type": "mcp_tool_use", "id": "x", "name": "f", "server_name": "s", "input": {}}
    body, losses = written(
        HI,
        assistant(Opaque("openai_responses", "x", {}), Text("a"), Opaque("anthropic", "x", ours)),
        HI,
    )
    assert body["messages"][1]["content"] == [text("a"), ours]
    assert losses == ["parts[].x=dropped"]


def test_a_search_goes_back_only_with_its_seals() -> None:
    own = Found("https://x", "T", sealed=Sealed("anthropic", "Ev0"))
    ours = SearchCall("srvtoolu_1", ("q",), (own,))
    paused = SearchCall("srvtoolu_2", ("q",))
    foreign = SearchCall("ws_1", ("q",), (Found("https://y"),))
    body, losses = written(HI, assistant(ours, foreign, Text("a")), HI)
    kinds = [block["type"] for block in body["messages"][1]["content"]]
    assert kinds == ["server_tool_use", "web_search_tool_result", "text"]
    assert losses == ["search=dropped"]
    body, _ = written(HI, assistant(paused), judged=False)
    assert body["messages"][-1]["content"][0]["type"] == "server_tool_use", "it goes on"


def test_citations_of_others_are_lost() -> None:
    native = {
        "type": "char_location",
        "cited_text": "q",
        "document_index": 0,
        "document_title": None,
        "start_char_index": 0,
        "end_char_index": 1,
    }
    own = Citation(quoted="q", issuer="anthropic", native={**native, "file_id": None})
    body, losses = written(HI, assistant(Text("a", (own, Citation("https://x"), Citation()))), HI)
    assert body["messages"][1]["content"][0]["citations"] == [native]
    assert losses == ["citations=dropped"]


# ------------------------------------------------------------------------------------------- seals


def test_reasoning_returns_to_its_issuer_alone() -> None:
    """6.5, 6.6 and 6.9"""
    turns = (
        HI,
        assistant(
            Reasoning("mine", Sealed("anthropic", "E1")),
            Reasoning("", Sealed("anthropic", "E2"), redacted=True),
            Reasoning("other", Sealed("gemini", "x")),
            Reasoning("nobody's"),
            Text("a", sealed=Sealed("gemini", "y")),
        ),
        HI,
    )
    body, losses = written(*turns, judged=False)
    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "mine", "signature": "E1"},
        {"type": "redacted_thinking", "data": "E2"},
        text("a"),
    ]
    assert losses == ["reasoning=unsealed"]


def test_a_family_of_its_own_opens_only_its_own_seals() -> None:
    other = Capabilities(family="kimi")
    turns = (HI, assistant(Reasoning("mine", Sealed("anthropic", "E1")), Text("a")), HI)
    body, losses = written(*turns, capabilities=other)
    assert (len(body["messages"][1]["content"]), losses) == (1, ["reasoning=unsealed"])
