"""Text in JSON that passes unparsed is counted, whatever surrounds it and wherever it is cut."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.translators.replay import CONTENT_TYPES, Stream, label, protocol_of, streams
from translators.canonical.stream import PartDelta
from translators.text_size import TextSize

FIELDS = ("content", "arguments")

# What is counted otherwise, and why nobody is harmed.
OTHERWISE = {
    # Arguments are objects there, not text. Gemini tells its usage in every chunk.
    "gemini/parallel_tool_calls",
    "gemini/partial_arguments",
    "gemini/thoughts_text_calls",
    "gemini/snake_case",
    # Sources that the answer was made from bear texts as well; usage is told.
    "gemini/google_search",
    "anthropic/code_execution",
    "anthropic/web_search",
    "anthropic/web_search_error",
    # Arguments that come whole, at the beginning of a block.
    "anthropic/input_in_start",
    "anthropic/pause_turn",
    # Nothing but a last event with everything in it, usage included.
    "openai_responses/no_deltas",
    "openai_responses/terminal_event_only",
    # Two more choices were paid for than a decoder tells of.
    "openai_chat/several_choices",
    # A list of parts: their `text` says once more, at other providers, what `reasoning` said.
    "openai_chat/thinking_in_content",
}


@pytest.mark.parametrize("stream", streams(), ids=label)
def test_what_is_counted_is_what_is_read(stream: Stream) -> None:
    protocol = protocol_of(stream.folder)
    decoder = protocol.stream_decoder(CONTENT_TYPES[stream.file], "issuer")
    events = [*decoder.feed(stream.data), *decoder.close()]
    texts = [event.text for event in events if isinstance(event, PartDelta)]
    read = len("".join(texts).encode("utf-8", "replace"))
    counted = TextSize(protocol.text_fields).feed(stream.data)
    if label(stream.folder) in OTHERWISE:
        assert counted != read
    else:
        # Quotes within arguments are escaped: two bytes for one.
        assert read - 2 <= counted <= 1.3 * read + 4


def chunks(texts: list[str], padding: str = "") -> bytes:
    said = [
        {"id": f"x-{padding}", "choices": [{"delta": {"content": text}}], "obfuscation": padding}
        for text in texts
    ]
    return b"".join(b"data: " + orjson.dumps(one) + b"\n\n" for one in said)


def counted(pieces: list[bytes], fields: tuple[str, ...] = FIELDS) -> int:
    size = TextSize(fields)
    return sum(size.feed(piece) for piece in pieces)


def test_what_frames_the_text_does_not_count() -> None:
    texts = ["some", " words", ""]
    assert counted([chunks(texts)]) == counted([chunks(texts, "x" * 500)]) == len("some words")


def test_other_fields_and_other_values_do_not_count() -> None:
    assert counted([b'{"contents":"abc","text":"abc","content":null,"content":["abc"]}']) == 0
    assert counted([b'{"content" : "abc", "arguments":"d\\"e"}']) == 3 + 4
    quoted = orjson.dumps({"content": '{"content":"abc"}'})
    assert counted([quoted]) == len('{\\"content\\":\\"abc\\"}')


def test_characters_that_are_escaped_count_about_as_others() -> None:
    assert counted([rb'{"content":"\u00e9\u4e16"}']) == 6


@given(st.lists(st.text(max_size=12), min_size=1, max_size=4), st.data())
def test_a_text_may_be_cut_anywhere(texts: list[str], data: st.DataObject) -> None:
    """But not within the name of its field: that one is missed."""
    whole, places, begins = chunks(texts), list[int](), 0
    for event in whole.splitlines(keepends=True):
        if event.strip():
            value = event.index(b'"content":"') + len(b'"content":"')
            places += range(begins + value, begins + len(event))
        begins += len(event)
    cuts = sorted(data.draw(st.sets(st.sampled_from(places), max_size=6)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert b"".join(pieces) == whole
    assert counted(pieces) == counted([whole])
