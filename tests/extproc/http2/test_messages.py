"""gRPC's layer: messages cut anywhere, timeouts, texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.http2.messages import Abort, MessageReader, Status, percent_encoded, timeout_s
from tests.extproc.http2.memory import message

SAMPLES = [b"", b"one", b"", b"x" * 300, b"\x00\x00\x00\x00\x05", b"last"]
DATA = b"".join(message(sample) for sample in SAMPLES)


def test_messages_are_the_same_at_every_two_cuts() -> None:
    for first in range(0, len(DATA), 3):
        for second in range(first, len(DATA) + 1, 7):
            reader = MessageReader(1000)
            found = reader.feed(DATA[:first])
            found += reader.feed(DATA[first:second])
            found += reader.feed(DATA[second:])
            assert found == SAMPLES
            assert not reader.partial


def test_messages_are_the_same_byte_by_byte() -> None:
    reader = MessageReader(1000)
    assert [m for at in range(len(DATA)) for m in reader.feed(DATA[at : at + 1])] == SAMPLES


@given(st.lists(st.binary(max_size=60)), st.lists(st.integers(1, 50)))
def test_messages_are_the_same_however_they_are_cut(sent: list[bytes], cuts: list[int]) -> None:
    data, reader, found = b"".join(map(message, sent)), MessageReader(60), []
    for size in [*cuts, len(data)]:
        if data[:size]:
            found += reader.feed(data[:size])
        data = data[size:]
    assert found == sent


def test_an_end_within_a_message_is_known() -> None:
    for end in range(1, len(message(b"abc"))):
        reader = MessageReader(10)
        reader.feed(message(b"abc")[:end])
        assert reader.partial


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (message(b"x", compressed=1), Status.UNIMPLEMENTED),
        (message(b"x", compressed=255), Status.UNIMPLEMENTED),
        (message(b"x" * 11), Status.RESOURCE_EXHAUSTED),
        (b"\x00\xff\xff\xff\xff", Status.RESOURCE_EXHAUSTED),
    ],
)
def test_what_is_refused_is_refused_by_its_prefix(data: bytes, status: Status) -> None:
    with pytest.raises(Abort) as refused:
        MessageReader(10).feed(data[:5])
    assert refused.value.status is status


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"1H", 3600), (b"2M", 120), (b"3S", 3), (b"250m", 0.25), (b"5u", 5e-6), (b"7n", 7e-9),
        (b"0S", 0), (b"99999999H", 30 * 24 * 3600), (b"", None), (b"S", None), (b"1", None),
        (b"-1S", None), (b"1.5S", None), (b"123456789S", None), (b"1s", None), (b"\xb2S", None),
        (b" 1S", None),
    ],
)  # fmt: skip
def test_timeouts(value: bytes, seconds: float | None) -> None:
    assert timeout_s(value) == (None if seconds is None else pytest.approx(seconds))


def test_a_text_is_percent_encoded() -> None:
    assert percent_encoded("100 % of ü\n~\x7f") == b"100 %25 of %C3%BC%0A~%7F"
