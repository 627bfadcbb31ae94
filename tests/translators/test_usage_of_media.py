"""Images, audio and searches in usage: each vendor's own figures into disjoint buckets."""

from typing import Any

import pytest

from translators.canonical.usage import Usage
from translators.gemini.usage import read_usage as gemini_read
from translators.openai_chat.usage import read_usage as chat_read
from translators.openai_responses.observed import Items
from translators.openai_responses.usage import (
    of_response,
    read_image_usage,
)

Json = dict[str, Any]


def modal(**tokens: int) -> list[Json]:
    return [{"modality": name.upper(), "tokenCount": count} for name, count in tokens.items()]


CHAT: list[tuple[str, Json, Usage]] = [
    (
        "a spoken answer to a recording: gpt-audio",
        {
            "prompt_tokens": 220,
            "completion_tokens": 60,
            "total_tokens": 280,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 190},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 46},
        },
        Usage(
            30,
            0,
            audio_input_tokens=190,
            output_tokens=14,
            reasoning_tokens=0,
            audio_output_tokens=46,
        ),
    ),
    (
        "a picture among the words",
        {
            "prompt_tokens": 100,
            "completion_tokens": 5,
            "prompt_tokens_details": {"image_tokens": 85, "text_tokens": 15, "audio_tokens": 0},
        },
        Usage(15, image_input_tokens=85, output_tokens=5),
    ),
    (
        "of cached media there is no figure: the text was cached first",
        {
            "prompt_tokens": 1500,
            "completion_tokens": 1,
            "prompt_tokens_details": {"cached_tokens": 1024, "audio_tokens": 400},
        },
        Usage(76, 1024, audio_input_tokens=400, output_tokens=1),
    ),
    (
        "and where more was cached than there is text, audio was too",
        {
            "prompt_tokens": 1500,
            "completion_tokens": 1,
            "prompt_tokens_details": {"cached_tokens": 1408, "audio_tokens": 400},
        },
        Usage(0, 1408, audio_input_tokens=92, output_tokens=1),
    ),
    (
        "reasoning, sound and words in one figure",
        {
            "prompt_tokens": 10,
            "completion_tokens": 100,
            "completion_tokens_details": {"reasoning_tokens": 30, "audio_tokens": 50},
        },
        Usage(10, output_tokens=20, reasoning_tokens=30, audio_output_tokens=50),
    ),
    (
        "reasoning that was never in the figure (xAI)",
        {
            "prompt_tokens": 10,
            "completion_tokens": 60,
            "total_tokens": 100,
            "completion_tokens_details": {"reasoning_tokens": 30, "audio_tokens": 50},
        },
        Usage(10, output_tokens=10, reasoning_tokens=30, audio_output_tokens=50),
    ),
    (
        "a model that hears nothing says 0, which is to say nothing",
        {
            "prompt_tokens": 10,
            "completion_tokens": 6,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        },
        Usage(10, 0, output_tokens=6, reasoning_tokens=0),
    ),
]


@pytest.mark.parametrize(("wire", "usage"), [case[1:] for case in CHAT], ids=[c[0] for c in CHAT])
def test_chat_usage_of_media(wire: Json, usage: Usage) -> None:
    assert chat_read(wire) == usage


IMAGES: list[tuple[str, Json, Usage]] = [
    (
        "an edit: words, a picture in, a picture out",
        {
            "input_tokens": 373,
            "input_tokens_details": {"image_tokens": 323, "text_tokens": 50},
            "output_tokens": 4160,
            "total_tokens": 4533,
        },
        Usage(50, image_input_tokens=323, image_output_tokens=4160),
    ),
    (
        "a drawing from words alone",
        {
            "input_tokens": 50,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": 50},
            "output_tokens": 272,
            "total_tokens": 322,
        },
        Usage(50, image_output_tokens=272),
    ),
    (
        "what was cached is told apart",
        {
            "input_tokens": 1373,
            "input_tokens_details": {"image_tokens": 1323, "text_tokens": 50},
            "cached_tokens": 1024,
            "cached_tokens_details": {"cached_image_tokens": 990, "cached_text_tokens": 34},
            "output_tokens": 272,
            "total_tokens": 1645,
        },
        Usage(16, 1024, image_input_tokens=333, image_output_tokens=272),
    ),
    (
        "what was cached is not told apart",
        {
            "input_tokens": 1373,
            "input_tokens_details": {
                "image_tokens": 1323,
                "text_tokens": 50,
                "cached_tokens": 1024,
            },
            "output_tokens": 272,
        },
        Usage(0, 1024, image_input_tokens=349, image_output_tokens=272),
    ),
]


@pytest.mark.parametrize(
    ("wire", "usage"), [case[1:] for case in IMAGES], ids=[c[0] for c in IMAGES]
)
def test_image_usage(wire: Json, usage: Usage) -> None:
    assert read_image_usage(wire) == usage


def test_the_image_tool_of_a_response_adds_its_pictures() -> None:
    drawn = {**IMAGES[0][1], "output_tokens_details": {"image_tokens": 4160, "text_tokens": 0}}
    response = {
        "usage": {"input_tokens": 20, "output_tokens": 5, "total_tokens": 25},
        "tool_usage": {"image_gen": drawn, "web_search": {"num_requests": 0}},
    }
    assert of_response(response, None) == Usage(
        70, image_input_tokens=323, output_tokens=5, image_output_tokens=4160, web_searches=0
    )


@pytest.mark.parametrize(
    ("kinds", "web", "files"),
    [
        ([], None, None),
        (["message"], None, None),
        (["file_search_call"], None, 1),
        (["file_search_call", "web_search_call", "file_search_call"], 1, 2),
    ],
)
def test_searches_in_files_are_counted_by_their_calls(
    kinds: list[str], web: int | None, files: int | None
) -> None:
    """Nothing else says them: `tool_usage` has web searches alone. Many queries are one call."""
    items = Items({"type": kind, "queries": ["a", "b"]} for kind in kinds)
    assert (items.searches, items.file_searches) == (web, files)
    found = of_response({}, items.searches, items.file_searches)
    assert (found or Usage()) == Usage(web_searches=web, file_searches=files)


GEMINI: list[tuple[str, Json, Usage]] = [
    (
        "a question about a recording",
        {"promptTokenCount": 200, "promptTokensDetails": modal(text=8, audio=192)},
        Usage(8, audio_input_tokens=192),
    ),
    (
        "film is looked at and heard; documents are looked at",
        {
            "promptTokenCount": 1600,
            "promptTokensDetails": modal(text=10, video=1032, audio=300, document=258),
        },
        Usage(10, image_input_tokens=1290, audio_input_tokens=300),
    ),
    (
        "the prompt's details include what was cached",
        {
            "promptTokenCount": 326,
            "cachedContentTokenCount": 173,
            "promptTokensDetails": modal(text=68, image=258),
            "cacheTokensDetails": modal(image=137, text=36),
        },
        Usage(32, 173, image_input_tokens=121),
    ),
    (
        "cached without details: the text was cached first",
        {
            "promptTokenCount": 326,
            "cachedContentTokenCount": 173,
            "promptTokensDetails": modal(text=68, image=258),
        },
        Usage(0, 173, image_input_tokens=153),
    ),
    (
        "details of the cache that do not add up",
        {
            "promptTokenCount": 1000,
            "cachedContentTokenCount": 800,
            "promptTokensDetails": modal(text=100, audio=900),
            "cacheTokensDetails": modal(audio=600),
        },
        Usage(0, 800, audio_input_tokens=200),
    ),
    (
        "what tools gave is input on top, of its own kinds",
        {
            "promptTokenCount": 100,
            "promptTokensDetails": modal(text=60, image=40),
            "toolUsePromptTokenCount": 500,
            "toolUsePromptTokensDetails": modal(text=200, image=300),
        },
        Usage(260, image_input_tokens=340),
    ),
    (
        "speech",
        {
            "promptTokenCount": 9,
            "candidatesTokenCount": 75,
            "candidatesTokensDetails": modal(audio=75),
        },
        Usage(9, output_tokens=0, audio_output_tokens=75),
    ),
    (
        "the Live API's names, as older SDKs spell them",
        {
            "response_token_count": 80,
            "response_tokens_details": [
                {"modality": "audio", "token_count": 75},
                {"modality": "text", "token_count": 5},
            ],
        },
        Usage(output_tokens=5, audio_output_tokens=75),
    ),
    (
        "modalities that nobody knows are text, details that are none say nothing",
        {
            "promptTokenCount": 9,
            "promptTokensDetails": [*modal(smell=3, modality_unspecified=2), None, {}, "x"],
            "candidatesTokenCount": 4,
            "candidatesTokensDetails": {"modality": "AUDIO", "tokenCount": 4},
        },
        Usage(9, output_tokens=4),
    ),
]


@pytest.mark.parametrize(
    ("wire", "usage"), [case[1:] for case in GEMINI], ids=[c[0] for c in GEMINI]
)
def test_gemini_usage_of_media(wire: Json, usage: Usage) -> None:
    assert gemini_read(wire, None) == usage
