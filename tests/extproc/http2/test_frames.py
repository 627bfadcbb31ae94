"""The layout of frames, judged by `hyperframe`."""

from typing import Any

import pytest
from hyperframe import frame as other
from hypothesis import given
from hypothesis import strategies as st

from extproc.http2 import frames
from extproc.http2.frames import ConnectionFault, ErrorCode, FrameReader

SAMPLES: list[other.Frame] = [
    other.DataFrame(3, b"content", flags=["END_STREAM"]),
    other.DataFrame(2**31 - 1, b""),
    other.DataFrame(5, b"x" * 16_384),
    other.HeadersFrame(1, b"\x82\x86", flags=["END_HEADERS"]),
    other.ContinuationFrame(1, b"\x84", flags=["END_HEADERS"]),
    other.RstStreamFrame(7, error_code=8),
    other.SettingsFrame(0, settings={3: 100, 4: 1 << 20}),
    other.SettingsFrame(0, flags=["ACK"]),
    other.PingFrame(0, b"12345678"),
    other.GoAwayFrame(0, last_stream_id=9, error_code=11, additional_data=b"calm"),
    other.WindowUpdateFrame(3, window_increment=2**31 - 1),
    other.PriorityFrame(3, depends_on=1, stream_weight=15),
]


def whole(data: bytes) -> list[frames.Frame]:
    return list(FrameReader().feed(data))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_a_frame_is_read_as_another_codec_wrote_it(sample: other.Frame) -> None:
    data = sample.serialize()
    [(kind, flags, stream_id, payload)] = whole(data)
    assert (kind, stream_id) == (sample.type, sample.stream_id)
    assert payload == sample.serialize_body()
    assert frames.frame(kind, flags, stream_id, payload) == data


def test_frames_are_the_same_at_every_split_of_their_bytes() -> None:
    small = [sample for sample in SAMPLES if len(sample.serialize()) < 100]
    data = b"".join(sample.serialize() for sample in small)
    for cut in range(len(data) + 1):
        reader = FrameReader()
        assert [*reader.feed(data[:cut]), *reader.feed(data[cut:])] == whole(data)
    reader = FrameReader()
    one_by_one = [f for at in range(len(data)) for f in reader.feed(data[at : at + 1])]
    assert one_by_one == whole(data)


@given(st.lists(st.integers(1, 5000), max_size=40), st.integers(0, 3))
def test_frames_are_the_same_however_they_are_cut(cuts: list[int], skip: int) -> None:
    data = b"".join(sample.serialize() for sample in SAMPLES[skip:])
    reader, found, at = FrameReader(), [], 0
    for size in [*cuts, len(data)]:
        found += list(reader.feed(data[at : at + size]))
        at += size
    assert found == whole(data)


def test_our_frames_are_read_by_another_codec() -> None:
    def read(data: bytes) -> Any:
        frame, length = other.Frame.parse_frame_header(memoryview(data[:9]))
        frame.parse_body(memoryview(data[9 : 9 + length]))
        return frame

    assert read(frames.settings({4: 70_000, 6: 5})).settings == {4: 70_000, 6: 5}
    assert read(frames.window_update(5, 1000)).window_increment == 1000
    assert read(frames.rst_stream(5, ErrorCode.CANCEL)).error_code == 8
    away = read(frames.goaway(7, ErrorCode.ENHANCE_YOUR_CALM, "calm"))
    assert (away.last_stream_id, away.error_code) == (7, 11)
    assert away.additional_data == b"calm"


def test_a_frame_longer_than_was_agreed_is_refused_by_its_head_alone() -> None:
    head = other.DataFrame(1, b"x" * 16_385).serialize()[:9]
    with pytest.raises(ConnectionFault) as refused:
        whole(head)
    assert refused.value.code is ErrorCode.FRAME_SIZE_ERROR


def test_frames_before_one_that_is_refused_are_read() -> None:
    reader = FrameReader().feed(SAMPLES[0].serialize() + b"\xff" * 9)
    assert next(reader)[3] == b"content"
    with pytest.raises(ConnectionFault):
        next(reader)


@pytest.mark.parametrize("pad", [0, 1, 255])
@pytest.mark.parametrize("priority", [False, True])
def test_padding_and_priority_are_read_over(pad: int, priority: bool) -> None:
    flags = ["END_HEADERS", "PADDED", *(["PRIORITY"] if priority else [])]
    sample = other.HeadersFrame(
        1, b"block", pad_length=pad, depends_on=3, stream_weight=9, exclusive=True, flags=flags
    )
    [(_, read, _, payload)] = whole(sample.serialize())
    assert frames.fragment(read, payload) == b"block"


@pytest.mark.parametrize("payload", [b"", b"\x01", b"\x05abcd", b"\xff" + b"x" * 254])
def test_padding_longer_than_its_frame_is_a_fault(payload: bytes) -> None:
    with pytest.raises(ConnectionFault):
        frames.unpadded(frames.PADDED, payload)
