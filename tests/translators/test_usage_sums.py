"""Whatever a vendor tells apart, the buckets add up to what it calls its total, and so does what is
written of them for a caller."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translators.anthropic.usage import read_usage as anthropic_read
from translators.anthropic.usage import write_delta_usage, write_usage
from translators.canonical.usage import Usage, parted
from translators.gemini.usage import read_usage as gemini_read
from translators.gemini.usage import write_usage as gemini_write
from translators.openai_chat.usage import read_usage as chat_read
from translators.openai_chat.usage import write_usage as chat_write
from translators.openai_responses.usage import (
    of_response,
    read_image_usage,
    tool_usage_object,
    usage_object,
)
from translators.openai_responses.usage import read_usage as responses_read

Json = dict[str, Any]


def modal(**tokens: int) -> list[Json]:
    return [{"modality": name.upper(), "tokenCount": count} for name, count in tokens.items()]


small = st.integers(0, 5_000)
maybe = st.none() | small


@given(maybe, maybe, maybe)
def test_a_parted_figure_adds_up_to_itself(
    whole: int | None, audio: int | None, images: int | None
) -> None:
    text, *media = parted(whole, audio, images)
    if whole is None:
        assert (text, *media) == (None, audio, images)
        return
    assert text is not None and text >= 0
    assert text + sum(part or 0 for part in media) == whole
    assert [part is None for part in media] == [audio is None, images is None]


@given(small, small, small, small, small, small, small, small, st.booleans())
def test_whatever_gemini_tells_apart_the_sums_are_its_own(
    text: int,
    audio: int,
    image: int,
    cached_audio: int,
    cached_image: int,
    tools: int,
    candidates: int,
    spoken: int,
    told: bool,
) -> None:
    cached = min(cached_audio, audio) + min(cached_image, image)
    wire = {
        "promptTokenCount": text + audio + image,
        "promptTokensDetails": modal(text=text, audio=audio, image=image),
        "cachedContentTokenCount": cached,
        "toolUsePromptTokenCount": tools,
        "candidatesTokenCount": candidates,
        "candidatesTokensDetails": modal(audio=spoken),
    }
    if told:
        kept = modal(audio=min(cached_audio, audio), image=min(cached_image, image))
        wire["cacheTokensDetails"] = kept
    read = gemini_read(wire, None)
    assert read is not None
    assert read.total_input_tokens == text + audio + image + tools
    assert read.cache_read_tokens == cached
    assert read.total_output_tokens == candidates
    if told and audio:
        assert read.audio_input_tokens == audio - min(cached_audio, audio)


@given(small, small, small, small, small, small, small)
def test_whatever_openai_tells_apart_the_sums_are_its_own(
    prompt: int, cached: int, audio: int, image: int, written: int, reasoning: int, spoken: int
) -> None:
    cached, reasoning = min(cached, prompt), min(reasoning, written)
    wire = {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
        "prompt_tokens_details": {
            "cached_tokens": cached,
            "audio_tokens": audio,
            "image_tokens": image,
        },
        "completion_tokens_details": {"reasoning_tokens": reasoning, "audio_tokens": spoken},
    }
    read = chat_read(wire)
    assert read is not None
    assert (read.total_input_tokens, read.total_output_tokens) == (prompt, written)
    drawn = read_image_usage(
        {
            "input_tokens": prompt,
            "input_tokens_details": {"image_tokens": image},
            "cached_tokens": cached,
            "cached_tokens_details": {"cached_image_tokens": spoken},
            "output_tokens": written,
        }
    )
    assert drawn is not None
    assert (drawn.total_input_tokens, drawn.total_output_tokens) == (prompt, written)


def _responses_written(usage: Usage) -> Usage | None:
    return of_response({"usage": usage_object(usage), "tool_usage": tool_usage_object(usage)}, None)


WAYS: dict[str, Callable[[Usage], Usage | None]] = {
    "anthropic": lambda usage: anthropic_read(write_usage(usage)),
    "anthropic delta": lambda usage: anthropic_read(write_delta_usage(usage)),
    "openai_chat": lambda usage: chat_read(chat_write(usage)),
    "openai_responses": _responses_written,
    "gemini": lambda usage: gemini_read(gemini_write(usage), usage.web_searches),
}


@pytest.mark.parametrize("way", WAYS)
@given(st.builds(Usage, **dict.fromkeys(Usage.__dataclass_fields__, maybe)))
def test_what_is_written_for_a_caller_has_the_same_sums(way: str, usage: Usage) -> None:
    read = WAYS[way](usage) or Usage()
    assert (read.total_input_tokens or 0) == (usage.total_input_tokens or 0)
    assert (read.total_output_tokens or 0) == (usage.total_output_tokens or 0)
    assert (read.cache_read_tokens or 0) == (usage.cache_read_tokens or 0)
    assert (read.reasoning_tokens or 0) == (usage.reasoning_tokens or 0)


@pytest.mark.parametrize("way", ["openai_chat", "gemini"])
@given(st.builds(Usage, **dict.fromkeys(Usage.__dataclass_fields__, maybe)))
def test_dialects_that_have_words_for_media_say_them(way: str, usage: Usage) -> None:
    read = WAYS[way](usage) or Usage()
    for bucket in ("image_input", "audio_input", "image_output", "audio_output"):
        said = getattr(read, f"{bucket}_tokens") or 0
        assert said == (getattr(usage, f"{bucket}_tokens") or 0), bucket


def test_responses_have_no_word_for_audio_and_count_it_in() -> None:
    usage = Usage(10, audio_input_tokens=90, output_tokens=4, audio_output_tokens=6)
    assert responses_read(usage_object(usage)) == Usage(
        100, 0, 0, output_tokens=10, reasoning_tokens=0
    )


def test_plus_adds_what_both_report_and_merged_replaces() -> None:
    one = Usage(1, audio_input_tokens=2, file_searches=1)
    other = Usage(10, image_input_tokens=5, audio_input_tokens=20)
    assert one.plus(other) == Usage(
        11, image_input_tokens=5, audio_input_tokens=22, file_searches=1
    )
    assert one.merged(other) == Usage(
        10, image_input_tokens=5, audio_input_tokens=20, file_searches=1
    )
