"""The event splitter, held against a reference that reads the standard letter by letter."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from translators.protocol import NotUnderstood
from translators.sse import MOST_STRAY_BYTES, SseEvent, SseParser


def parse(*pieces: bytes) -> list[SseEvent]:
    """The events of these pieces, the last one included though no blank line may follow it."""
    parser = SseParser()
    events = [event for piece in pieces for event in parser.feed(piece)]
    return events + parser.close()


def reference(stream: bytes) -> list[SseEvent]:
    """WHATWG HTML 9.2.6 as it is written; with the one departure that `sse.py` names."""
    if stream.startswith(b"\xef\xbb\xbf"):
        stream = stream[3:]
    lines: list[bytes] = [b""]
    at = 0
    while at < len(stream):
        if stream[at : at + 2] == b"\r\n":
            at += 1
        if stream[at] in b"\r\n":
            lines.append(b"")
        else:
            lines[-1] += stream[at : at + 1]
        at += 1
    events: list[SseEvent] = []
    name, data = b"", b""
    for line in [*lines, b""]:
        field, _, value = line.partition(b":")
        value = value[1:] if value.startswith(b" ") else value
        if not line:
            if data:
                events.append(SseEvent(name.decode("utf-8", "replace") or None, data[:-1]))
            name, data = b"", b""
        elif field == b"event":
            name = value
        elif field == b"data":
            data += value + b"\n"
    return events


ALPHABET = (
    b"data:", b"data", b"event:", b"event", b" ", b":", b"\n", b"\r", b"\r\n", b"\n\n", b"x", b"{",
    b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\xc2\x85", b"\xff", b"id: 1", b"retry: 1", b"dat", b"a:",
)  # fmt: skip
STREAMS = st.lists(st.sampled_from(ALPHABET), max_size=30).map(b"".join)


@given(STREAMS)
@example(b"\xef\xbb\xbfdata: x\n\n")
@example(b"data: x\r\rdata: y\r\n\r\n")
@example(b"data\n\n")
def test_it_reads_what_the_standard_says(stream: bytes) -> None:
    assert parse(stream) == reference(stream)


@given(STREAMS, st.lists(st.integers(0, 100), max_size=6))
def test_it_says_the_same_however_the_bytes_arrive(stream: bytes, cuts: list[int]) -> None:
    bounds = sorted({0, len(stream), *(min(cut, len(stream)) for cut in cuts)})
    pieces = [stream[a:b] for a, b in pairwise(bounds)]
    assert parse(*pieces) == parse(stream)
    assert parse(*(bytes([byte]) for byte in stream)) == parse(stream)


def test_nothing_but_cr_and_lf_ends_a_line() -> None:
    text = 'data: {"t":"a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg"}\n\n'.encode()
    assert parse(text) == [SseEvent(None, text[6:-2])]


def test_a_crlf_that_two_chunks_part_is_one_line_end() -> None:
    parser = SseParser()
    assert parser.feed(b"data: a\r") == []
    assert parser.feed(b"\ndata: b\r") == []
    assert parser.feed(b"\n\r\n") == [SseEvent(None, b"a\nb")]


def test_an_event_is_given_as_soon_as_its_blank_line_is_there() -> None:
    assert SseParser().feed(b"data: a\n\n") == [SseEvent(None, b"a")]
    assert SseParser().feed(b"data: a\r\n\r") == [SseEvent(None, b"a")], "LF may come or not"


def test_a_name_does_not_outlive_its_event() -> None:
    assert parse(b"event: a\n\ndata: x\n\n") == [SseEvent(None, b"x")]
    assert parse(b"event: a\ndata: x\n\ndata: y\n\n")[1] == SseEvent(None, b"y")


def test_a_line_that_trickles_in_costs_what_it_costs_at_once() -> None:
    """Half a million pieces of one line. Looking at the kept bytes again each time would take
    hours; the suite's own timeout is the measure."""
    parser = SseParser()
    for _ in range(500_000):
        parser.feed(b"abcdefgh")
    assert parser.feed(b"\n\n") == []
    parser.feed(b"data: ")
    for _ in range(500_000):
        parser.feed(b"abcdefgh")
    assert len(parser.feed(b"\n\n")[0].data) == 4_000_000


@pytest.mark.parametrize("pieces", [[b"data: " + b"x" * 100], [b"data: xxxx\n"] * 20])
def test_an_event_over_the_limit_is_not_understood(pieces: list[bytes]) -> None:
    """In one line or in many; also when it goes on being fed."""
    parser = SseParser(most_event_bytes=64)
    with pytest.raises(NotUnderstood):
        for piece in pieces:
            parser.feed(piece)
    with pytest.raises(NotUnderstood):
        parser.feed(b"x")


def test_the_limit_is_of_one_event_not_of_the_stream() -> None:
    parser = SseParser(most_event_bytes=64)
    for _ in range(100):
        assert parser.feed(b"data: " + b"x" * 40 + b"\n\n") != []


def test_lines_that_belong_to_no_event_are_kept_aside_up_to_a_limit() -> None:
    parser = SseParser()
    parser.feed(b'data: a\n\n: comment\nid: 3\nretry: 5\n{\n  "error": {"code": 503}\n}\n')
    assert bytes(parser.stray) == b'{\n  "error": {"code": 503}\n}\n'
    for _ in range(100):
        parser.feed(b"x" * 2_000 + b"\n")
    assert len(parser.stray) <= MOST_STRAY_BYTES
