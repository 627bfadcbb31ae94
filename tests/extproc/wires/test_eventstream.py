"""AWS's event stream: every split, every damage, and whatever bytes may come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.wires.eventstream import MOST_MESSAGE_BYTES, EventStream, Message
from simulator.clouds import frames

# Of aws-c-event-stream's tests: no headers and no payload; a payload; a header and a payload.
PUBLISHED = [
    (bytes.fromhex("000000100000000005c248eb7d98c8ff"), Message({}, b"")),
    (
        bytes.fromhex("0000001d00000000fd528c5a") + b"{'foo':'bar'}" + bytes.fromhex("c3653936"),
        Message({}, b"{'foo':'bar'}"),
    ),
    (
        bytes.fromhex("0000003d0000002007fd83960c")
        + b"content-type\x07\x00\x10application/json{'foo':'bar'}"
        + bytes.fromhex("8d9c08b1"),
        Message({"content-type": "application/json"}, b"{'foo':'bar'}"),
    ),
]
ALL = b"".join(data for data, _ in PUBLISHED)
MESSAGES = [message for _, message in PUBLISHED]


def read(*pieces: bytes) -> list[Message]:
    stream = EventStream()
    found = [message for piece in pieces for message in stream.feed(piece)]
    assert not stream.is_damaged
    return found


@pytest.mark.parametrize(("data", "message"), PUBLISHED)
def test_a_published_message_is_read(data: bytes, message: Message) -> None:
    assert read(data) == [message]


def test_messages_are_the_same_whole_and_one_byte_at_a_time() -> None:
    assert read(ALL) == MESSAGES
    assert read(*(ALL[at : at + 1] for at in range(len(ALL)))) == MESSAGES


@pytest.mark.parametrize("at", range(len(ALL) + 1))
def test_messages_are_the_same_at_every_split(at: int) -> None:
    assert read(ALL[:at], ALL[at:]) == MESSAGES


@pytest.mark.parametrize("at", range(len(ALL)))
def test_a_turned_bit_anywhere_ends_the_stream_after_what_was_whole(at: int) -> None:
    stream = EventStream()
    found = stream.feed(ALL[:at] + bytes((ALL[at] ^ 0x10,)) + ALL[at + 1 :])
    before = [0, 16, 45].index(max(start for start in (0, 16, 45) if start <= at))
    assert found == MESSAGES[:before]
    assert stream.is_damaged
    assert stream.feed(ALL) == []


@pytest.mark.parametrize("cut", range(1, len(ALL)))
def test_a_stream_that_breaks_off_gives_what_was_whole_and_no_more(cut: int) -> None:
    whole = sum(cut >= end for end in (16, 45, 106))
    assert read(ALL[:cut]) == MESSAGES[:whole]


def test_headers_of_every_type_are_passed_over_and_texts_kept() -> None:
    written = (
        b"\x01a\x00" b"\x01b\x01" b"\x01c\x02\x7f" b"\x01d\x03\x00\x01" b"\x01e\x04\x00\x00\x00\x01"
        b"\x01f\x05" + bytes(8) + b"\x01g\x06\x00\x02\xff\xfe" b"\x01h\x07\x00\x03abc"
        b"\x01i\x08" + bytes(8) + b"\x01j\x09" + bytes(16)
    )  # fmt: skip
    assert read(framed(written, b"x")) == [Message({"h": "abc"}, b"x")]


@pytest.mark.parametrize(
    "headers",
    [b"\x05ab", b"\x01a", b"\x01a\x07\x00", b"\x01a\x07\x00\x09ab", b"\x01a\x0a", b"\x01a\x09\x00"],
)
def test_headers_that_cannot_be_read_end_the_stream(headers: bytes) -> None:
    stream = EventStream()
    assert stream.feed(framed(headers, b"")) == []
    assert stream.is_damaged


@pytest.mark.parametrize(
    ("total", "headers"),
    [(15, 0), (16, 1), (100, 85), (MOST_MESSAGE_BYTES + 1, 0), (0xFFFFFFFF, 0), (1 << 20, 1 << 19)],
)
def test_an_impossible_length_ends_the_stream_at_once(total: int, headers: int) -> None:
    prelude = total.to_bytes(4, "big") + headers.to_bytes(4, "big")
    stream = EventStream()
    assert stream.feed(prelude + frames.crc32(prelude).to_bytes(4, "big")) == []
    assert stream.is_damaged


def framed(headers: bytes, payload: bytes) -> bytes:
    prelude = (16 + len(headers) + len(payload)).to_bytes(4, "big") + len(headers).to_bytes(
        4, "big"
    )
    body = prelude + frames.crc32(prelude).to_bytes(4, "big") + headers + payload
    return body + frames.crc32(body).to_bytes(4, "big")


@given(st.lists(st.binary(max_size=40), max_size=8), st.data())
def test_whatever_bytes_come_nothing_is_raised_and_nothing_held_after_damage(
    pieces: list[bytes], data: st.DataObject
) -> None:
    stream = EventStream()
    for piece in pieces:
        mixed = data.draw(st.sampled_from([piece, ALL, ALL[:20] + piece]))
        for message in stream.feed(mixed):
            assert isinstance(message, Message)


@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.text(min_size=1, max_size=9), st.text(max_size=20), max_size=4),
            st.binary(max_size=300),
        ),
        max_size=5,
    ),
    st.lists(st.integers(1, 50), min_size=1, max_size=20),
)
def test_what_is_written_is_read_in_whatever_pieces(
    sent: list[tuple[dict[str, str], bytes]], sizes: list[int]
) -> None:
    data = b"".join(frames.message(headers, payload) for headers, payload in sent)
    pieces: list[bytes] = []
    at = 0
    while at < len(data):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(data[at : at + size])
        at += size
    assert read(*pieces) == [Message(headers, payload) for headers, payload in sent]
