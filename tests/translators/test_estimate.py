"""Estimates are near what tokenizers say, and cheap."""

import time
from dataclasses import replace

import pytest
from hypothesis import given

from tests.translators.strategies import requests
from translators.canonical.parts import (
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
    Refusal,
    SearchCall,
    Text,
    ToolCall,
    ToolResult,
)
from translators.canonical.request import (
    FormatKind,
    HostedTool,
    OutputFormat,
    Request,
    Role,
    Tool,
    Turn,
    WebSearch,
)
from translators.canonical.sealed import Sealed
from translators.estimate import estimate, estimate_parts, estimate_text


# What js-tiktoken 1.0 counts with o200k_base, and with the older cl100k_base.
@pytest.mark.parametrize(
    ("text", "newer", "older"),
    [
        ("The quick brown fox jumps over the lazy dog. ", 201, 201),
        ("def double(values):\n    return [2 * value for value in values]\n", 300, 300),
        ("我们今天去公园散步\uff0c天气非常好。", 240, 360),
        ("いろはにほへと ちりぬるを わかよたれそ つねならむ", 520, 620),
        ("오늘은 날씨가 매우 좋아서 공원을 산책했습니다. ", 281, 621),
        ("Быстрая коричневая лиса прыгает через ленивую собаку. ", 382, 561),
        ("Über die Größe der Wälder in Österreich läßt sich viel erzählen. ", 281, 402),
        ("Zażółć gęślą jaźń. Größe, Übung, naïve café. ", 421, 461),
        ("आज मौसम बहुत अच्छा है इसलिए हम पार्क में टहलने गए। ", 281, 1041),
        ("วันนี้อากาศดีมากเราจึงไปเดินเล่นที่สวนสาธารณะ ", 361, 900),
        ("الطقس جميل جدا اليوم لذلك ذهبنا للتنزه في الحديقة. ", 302, 741),
        ("😀🚀🎉👩\u200d💻🔥", 220, 360),
    ],
)
def test_text_is_estimated_near_what_tokenizers_count(text: str, newer: int, older: int) -> None:
    assert newer * 0.7 < estimate_text(text * 20) < older * 1.3


def test_nothing_is_nothing() -> None:
    assert estimate_text("") == 0
    assert estimate_parts(()) == 0
    assert estimate(Request("m", ())) == 0


def test_lone_surrogates_do_not_break_it() -> None:
    assert estimate_text("\ud83d") > 0


PDF = "A" * 400_000


@pytest.mark.parametrize(
    ("part", "least", "most"),
    [
        (Media(MediaKind.IMAGE, Located("https://example.com/a.png")), 1_000, 2_000),
        (Media(MediaKind.IMAGE, Inline("aGk="), detail="low"), 50, 100),
        (Media(MediaKind.DOCUMENT, Inline(PDF), "application/pdf"), 5_000, 30_000),
        (Media(MediaKind.DOCUMENT, Inline("aGk="), "application/pdf"), 1_000, 3_000),
        (Media(MediaKind.DOCUMENT, Inline("a" * 4_000), "text/csv"), 700, 800),
        (Media(MediaKind.DOCUMENT, Plain("a" * 4_000), title="t" * 400), 1_100, 1_100),
        (Media(MediaKind.DOCUMENT, Filed("home", "file_1")), 1_000, 10_000),
        (Media(MediaKind.AUDIO, Inline("a" * 1_280_000)), 1_500, 2_500),  # a minute
        (Media(MediaKind.AUDIO, Located("gs://a")), 1_000, 10_000),
        (Media(MediaKind.VIDEO, Inline("a" * 1_000_000)), 500, 1_000),
        (Media(MediaKind.VIDEO, Located("gs://a")), 1_000, 10_000),
        (Reasoning("a" * 400, Sealed("x", "y" * 9_000)), 100, 100),
        (Reasoning("", Sealed("x", "y" * 600)), 100, 100),
        (ToolCall("a", "look", "{" + "a" * 318 + "}"), 100, 110),
        (ToolResult("a", (Text("a" * 400), Text("b" * 400))), 200, 210),
        (Refusal("a" * 40), 10, 10),
        (SearchCall("a", ("query " * 2,), (Found("https://example.com", "title"),)), 8, 20),
        (Opaque("x", "y", {"z": "a" * 320}), 100, 110),
    ],
)
def test_a_part(part: Part, least: int, most: int) -> None:
    assert least <= estimate_parts((part,)) <= most


def test_tools_and_the_shape_of_the_answer_count() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    plain = Request("m", (Turn(Role.USER, (Text("hi"),), name="Ann"),))
    tooled = replace(plain, tools=(Tool("look", "Looks. " * 20, schema),))
    searching = replace(tooled, tools=(*tooled.tools, WebSearch(), HostedTool("x", "y", {"z": 1})))
    shaped = replace(searching, output_format=OutputFormat(FormatKind.JSON_SCHEMA, schema))

    figures = [estimate(each) for each in (plain, tooled, searching, shaped)]
    assert figures == sorted(set(figures))


@given(requests())
def test_more_is_never_less(request: Request) -> None:
    longer = replace(request, turns=(*request.turns, Turn(Role.USER, (Text("more"),))))

    assert 0 < estimate(request) < estimate(longer)


def test_megabytes_are_counted_fast() -> None:
    text = "word слово 语言 " * 400_000  # 5.6 million characters
    begun = time.process_time()
    estimate_text(text)
    assert time.process_time() - begun < 2
