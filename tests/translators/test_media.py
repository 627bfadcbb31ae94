"""Data URLs as clients write them, and what the first bytes of a file say."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translators.media import DataUrl, data_url, parse_data_url, sniffed, standard_type
from translators.protocol import NotUnderstood

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(30)).decode()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("data:image/png;base64,aGk=", DataUrl("image/png", "aGk=")),
        ("DATA:Image/PNG;BASE64,aGk=", DataUrl("image/png", "aGk=")),
        ("data:image/png;charset=utf-8;base64,aGk=", DataUrl("image/png", "aGk=")),
        ("data:image/png; name=a b.png ; base64,aGk=", DataUrl("image/png", "aGk=")),
        ("data:image/jpg;base64,aGk=", DataUrl("image/jpeg", "aGk=")),
        ("data:;base64,aGk=", DataUrl("text/plain", "aGk=")),
        (f"data:;base64,{PNG}", DataUrl("image/png", PNG)),
        ("data:,hi%20you", DataUrl("text/plain", "aGkgeW91")),
        ("data:text/html,<b>hi</b>", DataUrl("text/html", "PGI+aGk8L2I+")),
        ("data:text/plain,a,b", DataUrl("text/plain", "YSxi")),
        ("data:image/png;base64,aGk", DataUrl("image/png", "aGk=")),
        ("data:image/png;base64,-_-_", DataUrl("image/png", "+/+/")),
        ("data:image/png;base64,a%2Bk%3D", DataUrl("image/png", "a+k=")),
        ("data:image/png;base64,aG\r\n k=", DataUrl("image/png", "aGk=")),
        ("data:image/png;base64,", DataUrl("image/png", "")),
    ],
)
def test_a_data_url(url: str, expected: DataUrl) -> None:
    assert parse_data_url(url) == expected


@pytest.mark.parametrize("url", ["https://example.com/a.png", "", "data", "aGk=", "file:data:,x"])
def test_what_is_no_data_url(url: str) -> None:
    assert parse_data_url(url) is None


@pytest.mark.parametrize("url", ["data:", "data:image/png;base64", "data:" + "x" * 2_000 + ",x"])
def test_a_data_url_without_data_is_not_understood(url: str) -> None:
    with pytest.raises(NotUnderstood):
        parse_data_url(url)


@given(st.binary(max_size=40))
def test_a_data_url_is_read_as_it_was_written(content: bytes) -> None:
    encoded = base64.b64encode(content).decode()

    assert parse_data_url(data_url("image/webp", encoded)) == DataUrl("image/webp", encoded)


@given(st.text(max_size=40))
def test_no_data_url_breaks_the_reader(text: str) -> None:
    for url in (text, f"data:{text}", f"data:;base64,{text}"):
        try:
            parse_data_url(url)
        except NotUnderstood:
            assert "," not in url


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"RIFF\x00\x00\x00\x00????", None),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"ID3\x04", "audio/mpeg"),
        (b"\xff\xfb\x90\x64", "audio/mpeg"),
        (b"\xff\xf1\x50\x80", "audio/aac"),
        (b"OggS\x00", "audio/ogg"),
        (b"fLaC\x00", "audio/flac"),
        (b"FORM\x00\x00\x00\x00AIFF", "audio/aiff"),
        (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        (b"\x00\x00\x00\x18ftypheic", "image/heic"),
        (b"\x00\x00\x00\x18ftypavif", "image/avif"),
        (b"\x00\x00\x00\x18ftypM4A ", "audio/mp4"),
        (b"\x1aE\xdf\xa3", "video/webm"),
        (b"BM\x36\x00\x00\x00\x00\x00\x00\x00", "image/bmp"),
        (b"BMW is a maker of cars", None),
        (b"II*\x00", "image/tiff"),
        (b"MM\x00*", "image/tiff"),
        (b"<svg xmlns=''>", "image/svg+xml"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- x --><svg>", "image/svg+xml"),
        (b"<svgish>", None),
        (b"<html>", None),
        (b"hello", None),
        (b"", None),
    ],
)
def test_the_first_bytes_tell(head: bytes, media_type: str | None) -> None:
    assert sniffed(base64.b64encode(head + b"\x00" * 3).decode()) == media_type


def test_what_is_no_base64_tells_nothing() -> None:
    assert sniffed("!!!!") is None
    assert sniffed("äöü") is None
    assert sniffed("a") is None


def test_only_the_first_bytes_are_looked_at() -> None:
    assert sniffed(PNG + "!" * 1_000_000) == "image/png"


def test_media_types_have_one_name() -> None:
    assert standard_type("Image/JPG; q=1") == "image/jpeg"
    assert standard_type("audio/x-wav") == "audio/wav"
    assert standard_type("image/webp") == "image/webp"
