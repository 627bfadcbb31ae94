"""Media of neutral requests, and parts that Gemini has no place for."""

import pytest

from tests.translators.gemini_asked import HI, IMAGE, PNG, Json, assistant, contents, user
from translators.canonical.capabilities import Capabilities
from translators.canonical.parts import (
    CacheMark,
    Citation,
    Filed,
    Inline,
    Located,
    Media,
    MediaKind,
    Opaque,
    Plain,
    SearchCall,
    Source,
    Text,
)
from translators.protocol import NotUnderstood

# ------------------------------------------------------------------------------------------- media

PDF = "JVBERi0xLjc="
MEDIA: dict[str, tuple[Media, list[Json], list[str]]] = {
    "label that the bytes contradict": (
        IMAGE,
        [{"inlineData": {"mimeType": "image/png", "data": PNG}}],
        [],
    ),
    "unknown bytes without a label": (
        Media(MediaKind.IMAGE, Inline("AAAA")),
        [{"inlineData": {"mimeType": "image/jpeg", "data": "AAAA"}}],
        ["media.type=changed"],
    ),
    "pdf with a title": (
        Media(MediaKind.DOCUMENT, Inline(PDF), name="a.pdf", title="T", context="C", cited=True),
        [{"text": "T\nC"}, {"inlineData": {"mimeType": "application/pdf", "data": PDF}}],
        ["citations=dropped", "media.name=dropped"],
    ),
    "audio": (
        Media(MediaKind.AUDIO, Inline("AAAA"), "audio/x-wav"),
        [{"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}],
        [],
    ),
    "https address": (
        Media(MediaKind.IMAGE, Located("https://x.org/a.WEBP?b=c.png"), detail="high"),
        [{"fileData": {"fileUri": "https://x.org/a.WEBP?b=c.png", "mimeType": "image/webp"}}],
        ["media.detail=dropped", "media.type=changed"],
    ),
    "https address with its type": (
        Media(MediaKind.DOCUMENT, Located("https://x.org/a"), "text/html", detail="auto"),
        [{"fileData": {"fileUri": "https://x.org/a", "mimeType": "text/html"}}],
        [],
    ),
    "https address that tells nothing": (
        Media(MediaKind.DOCUMENT, Located("https://x.org/a.b/")),
        [{"fileData": {"fileUri": "https://x.org/a.b/", "mimeType": "application/pdf"}}],
        ["media.type=changed"],
    ),
    "data url": (
        Media(MediaKind.IMAGE, Located(f"data:image/jpeg;charset=utf-8;base64,{PNG}")),
        [{"inlineData": {"mimeType": "image/png", "data": PNG}}],
        [],
    ),
    "own file": (
        Media(MediaKind.VIDEO, Filed("gemini", "gs://b/a.mp4"), "video/mp4"),
        [{"fileData": {"fileUri": "gs://b/a.mp4", "mimeType": "video/mp4"}}],
        [],
    ),
    "plain text": (
        Media(MediaKind.DOCUMENT, Plain("x < y"), title="T"),
        [{"text": "T\n<document>\nx < y\n</document>"}],
        [],
    ),
}


@pytest.mark.parametrize("case", MEDIA)
def test_media(case: str) -> None:
    """4.1 to 4.10"""
    media, wire, losses = MEDIA[case]
    found, lost = contents(user(media))
    assert found == [{"role": "user", "parts": wire}]
    assert lost == losses


@pytest.mark.parametrize(
    ("source", "param"),
    [
        (Located("http://x.org/a.png"), "image"),
        (Located("file:///a"), "image"),
        (Filed("openai", "file-1"), "file"),
    ],
)
def test_what_nobody_can_fetch_is_refused(source: Source, param: str) -> None:
    with pytest.raises(NotUnderstood) as refused:
        contents(user(Media(MediaKind.IMAGE, source)))
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (MediaKind.IMAGE, Capabilities(images=False)),
        (MediaKind.DOCUMENT, Capabilities(documents=False)),
        (MediaKind.AUDIO, Capabilities(audio=False)),
    ],
)
def test_what_the_model_cannot_take_is_refused(kind: MediaKind, given: Capabilities) -> None:
    with pytest.raises(NotUnderstood):
        contents(user(Media(kind, Inline("AAAA"))), given=given)


def test_parts_that_cannot_be_said() -> None:
    cache = CacheMark()
    found, losses = contents(
        user(Text("a", cache=cache)),
        assistant(
            Text("b", citations=(Citation("https://x.org"),)),
            SearchCall("s", ("q",)),
            Opaque("claude", "container", {}),
            Opaque("gemini", "executableCode", {"executableCode": {"code": "1"}}),
        ),
        HI,
    )
    assert found[1]["parts"] == [{"text": "b"}, {"executableCode": {"code": "1"}}]
    assert losses == [
        "cache=dropped",
        "citations=dropped",
        "search=dropped",
        "parts[].container=dropped",
    ]
