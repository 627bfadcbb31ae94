"""Images and documents in a Responses request that we send."""

from typing import Any

import pytest

from tests.translators.responses_sent import HI, PNG, assistant, message, sent, text, user
from translators.canonical.capabilities import Capabilities
from translators.canonical.parts import (
    Filed,
    Inline,
    Located,
    Media,
    MediaKind,
    Plain,
    Text,
    ToolCall,
    ToolResult,
)
from translators.protocol import NotUnderstood


def test_a_result_with_an_image_is_a_list_in_its_order() -> None:
    result = ToolResult("c", (Text("a"), Media(MediaKind.IMAGE, Located("https://x")), Text("b")))
    body, _ = sent(HI, assistant(ToolCall("c", "f", "{}")), user(result))
    assert body["input"][2]["output"] == [
        text("a"),
        {"type": "input_image", "detail": "auto", "image_url": "https://x"},
        text("b"),
    ]


@pytest.mark.parametrize(
    ("media", "content", "losses"),
    [
        (
            Media(MediaKind.IMAGE, Inline(PNG), "image/jpeg", detail="high"),
            {
                "type": "input_image",
                "detail": "high",
                "image_url": f"data:image/png;base64,{PNG}",
            },
            [],
        ),
        (
            Media(MediaKind.IMAGE, Filed("openai_chat", "file-1")),
            {"type": "input_image", "detail": "auto", "file_id": "file-1"},
            [],
        ),
        (
            Media(MediaKind.DOCUMENT, Inline("aGk="), "application/pdf", "a.pdf"),
            {
                "type": "input_file",
                "filename": "a.pdf",
                "file_data": "data:application/pdf;base64,aGk=",
            },
            [],
        ),
        (
            Media(MediaKind.DOCUMENT, Inline("aGk="), "application/pdf"),
            {
                "type": "input_file",
                "filename": "document.pdf",
                "file_data": "data:application/pdf;base64,aGk=",
            },
            ["media.name=added"],
        ),
        (
            Media(MediaKind.DOCUMENT, Located("https://a/b.pdf")),
            {"type": "input_file", "file_url": "https://a/b.pdf"},
            [],
        ),
        (
            Media(MediaKind.DOCUMENT, Plain("a ``` b"), title="T", context="C", cited=True),
            text("T\nC\n````\na ``` b\n````"),
            ["citations=dropped"],
        ),
    ],
)
def test_media(media: Media, content: dict[str, Any], losses: list[str]) -> None:
    body, found = sent(user(media))
    assert body["input"] == [message("user", content)]
    assert found == losses


def test_media_that_a_model_does_not_take_are_named_in_their_place() -> None:
    blind = Capabilities(images=False, documents=False)
    body, losses = sent(
        user(
            Media(MediaKind.IMAGE, Inline(PNG)),
            Media(MediaKind.DOCUMENT, Located("https://a/b.pdf")),
        ),
        capabilities=blind,
    )
    words = [part["text"] for part in body["input"][0]["content"]]
    assert ["image" in words[0], "document" in words[1]] == [True, True]
    assert losses == ["image=dropped", "document=dropped"]


@pytest.mark.parametrize(
    "media",
    [
        Media(MediaKind.AUDIO, Inline("aGk="), "audio/wav"),
        Media(MediaKind.VIDEO, Located("https://a")),
        Media(MediaKind.DOCUMENT, Filed("anthropic", "file_1")),
    ],
)
def test_media_that_nothing_could_stand_for_are_refused(media: Media) -> None:
    with pytest.raises(NotUnderstood):
        sent(user(media))


def test_an_image_of_the_model_is_shown_as_the_users() -> None:
    body, losses = sent(HI, assistant(Text("Here."), Media(MediaKind.IMAGE, Inline(PNG))), HI)
    assert [item["role"] for item in body["input"]] == ["user", "assistant", "user", "user"]
    assert losses == ["image=changed"]
