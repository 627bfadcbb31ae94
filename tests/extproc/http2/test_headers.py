"""HPACK and requests, judged by the encoder of `hpack` as the other side."""

import contextlib
from typing import Any

import pytest
from hpack import Decoder, Encoder
from hypothesis import given
from hypothesis import strategies as st

from extproc.http2.frames import ConnectionFault, ErrorCode
from extproc.http2.headers import (
    MAX_LIST_BYTES,
    NO_TABLE,
    START,
    HeaderReader,
    Malformed,
    Request,
    literal,
    refusal,
    trailers,
    understood,
)
from extproc.http2.messages import Status
from tests.extproc.http2.memory import REQUEST

NAMES = st.sampled_from(["a", "b", "x-request-id", "grpc-timeout", "te", "content-type", "cookie"])
LISTS = st.lists(
    st.tuples(NAMES, st.sampled_from(["1S", "trailers", "application/grpc", "v" * 50, ""])),
    max_size=6,
)
STEPS = st.lists(st.one_of(LISTS, st.sampled_from([0, 40, 100, 4096])), max_size=30)


def raw(fields: Any) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in fields]


@given(STEPS, st.booleans())
def test_what_is_remembered_is_what_would_be_read(steps: list[Any], huffman: bool) -> None:
    """Blocks that are equal in their bytes, and not in their meaning: the table moves on."""
    encoder, reader = Encoder(), HeaderReader()
    for step in steps:
        if isinstance(step, int):
            if step != encoder.header_table_size:  # it would forget to tell
                encoder.header_table_size = step
            continue
        fields = raw([*REQUEST, *step])
        block = encoder.encode(fields, huffman=huffman)
        try:
            expected: Request | type[Malformed] = understood(fields)
        except Malformed:
            expected = Malformed
        try:
            assert reader.request(block) == expected
        except Malformed:
            assert expected is Malformed


def test_a_block_that_is_repeated_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, reader = Encoder(), HeaderReader()
    blocks = [encoder.encode(raw(REQUEST)) for _ in range(4)]
    assert blocks[1] == blocks[2] == blocks[3]
    first = reader.request(blocks[0])
    reader.request(blocks[1])
    monkeypatch.setattr(Decoder, "decode", None)
    assert reader.request(blocks[2]) == reader.request(blocks[3]) == first
    assert first == Request("/test.Echo/Echo")


def test_equal_bytes_mean_another_thing_after_the_table_has_moved() -> None:
    """Written by hand: 0x40 puts a field into the table, where 0xbe is the newest."""
    reader = HeaderReader()
    block = b"\x83\x86\x84" + literal(b"content-type", b"application/grpc") + b"\xbe"
    for seconds in (1, 2):
        reader.fields(b"\x40\x0cgrpc-timeout\x02%dS" % seconds)
        assert [reader.request(block).timeout_s for _ in range(3)] == [seconds] * 3
    reader.fields(b"\x20")  # the table is emptied
    with pytest.raises(ConnectionFault):
        reader.request(block)


def test_a_block_that_changes_the_table_is_never_answered_from_memory() -> None:
    reader = HeaderReader()
    block = b"\x83\x86\x84" + literal(b"content-type", b"application/grpc")
    block += b"\x40\x0cgrpc-timeout\x021S"
    assert [reader.request(block).timeout_s for _ in range(3)] == [1, 1, 1]
    assert reader.fields(b"\xbe\xbf\xc0") == [(b"grpc-timeout", b"1S")] * 3, "put in three times"


def test_what_is_remembered_is_bounded() -> None:
    reader = HeaderReader()
    encoder = Encoder()
    encoder.header_table_size = 0
    for number in range(1000):
        block = encoder.encode(raw([*REQUEST, ("x-request-id", str(number))]))
        assert reader.request(block).path == "/test.Echo/Echo"
    assert len(reader._remembered) <= 64


@pytest.mark.parametrize(
    "block",
    [b"\xff", b"\x80", b"\xff" * 8 + b"\x7f", b"\x40\x05ab", b"\x3f\xff\xff\x7f"],
)  # fmt: skip
def test_a_block_that_is_not_hpack_ends_the_connection(block: bytes) -> None:
    with pytest.raises(ConnectionFault) as refused:
        HeaderReader().request(block)
    assert refused.value.code is ErrorCode.COMPRESSION_ERROR


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_a_named_fault(block: bytes) -> None:
    with contextlib.suppress(Malformed, ConnectionFault):
        HeaderReader().request(block)


def test_a_small_block_cannot_say_much() -> None:
    """The HPACK bomb: one long value in the table, and thousands of references to it."""
    encoder = Encoder()
    reader = HeaderReader()
    reader.fields(encoder.encode([(b"bomb", b"x" * 4000)]))
    with pytest.raises(ConnectionFault) as refused:
        reader.fields(b"\xbe" * (MAX_LIST_BYTES // 4000 + 1))
    assert refused.value.code is ErrorCode.ENHANCE_YOUR_CALM


PSEUDO = REQUEST[:4]
TYPE = ("content-type", "application/grpc")


@pytest.mark.parametrize(
    "fields",
    [
        REQUEST[1:],
        [REQUEST[0], REQUEST[1], TYPE],
        [*PSEUDO, REQUEST[0], TYPE],
        [TYPE, *PSEUDO],
        [*REQUEST, (":status", "200")],
        [*PSEUDO, (":unknown", "x")],
        [*REQUEST, ("Upper", "case")],
        [*REQUEST, ("connection", "close")],
        [*REQUEST, ("te", "gzip")],
        [*REQUEST, ("", "nameless")],
        [*REQUEST, ("a b", "")],
        [*REQUEST, ("a:b", "")],
        [*REQUEST, ("a\0", "")],
        [*REQUEST, ("a", "one\r\ntwo: 2")],
        [*REQUEST, ("a", "x\0")],
        [*REQUEST, ("a", " x")],
        [*REQUEST, ("a", "x\t")],
        [*PSEUDO[:2], (":path", ""), TYPE],
        [],
    ],
)
def test_a_malformed_request_is_known(fields: Any) -> None:
    with pytest.raises(Malformed):
        understood(raw(fields))


@pytest.mark.parametrize(
    ("method", "content_type", "status"),
    [
        ("POST", "application/grpc", None),
        ("POST", "application/grpc+proto", None),
        ("POST", "application/grpc;charset=utf-8", None),
        ("POST", "application/grpc-web", 415),
        ("POST", "application/json", 415),
        ("POST", "", 415),
        ("GET", "application/grpc", 405),
    ],
)
def test_what_is_not_grpc_has_a_status_of_http(
    method: str, content_type: str, status: int | None
) -> None:
    fields = [(":method", method), *REQUEST[1:4], ("content-type", content_type)]
    assert understood(raw(fields)).refusal == status


def test_what_we_send_is_read_by_another_decoder_with_any_table() -> None:
    decoder = Decoder()
    decoder.max_allowed_table_size = 0  # it has told us so

    def read(block: bytes) -> list[tuple[bytes, bytes]]:
        return [(field[0], field[1]) for field in decoder.decode(block, raw=True)]

    start = raw([(":status", "200"), ("content-type", "application/grpc")])
    assert read(NO_TABLE + START) == start
    assert read(trailers(Status.OK)) == [(b"grpc-status", b"0")]
    status, (name, text) = read(trailers(Status.INTERNAL, "é%" + "x" * 5000))
    assert (status, name) == ((b"grpc-status", b"13"), b"grpc-message")
    assert text.startswith(b"%C3%A9%25xxx") and len(text) < 1100
    assert dict(read(trailers(Status.UNIMPLEMENTED)))[b"grpc-accept-encoding"] == b"identity"
    assert read(refusal(415)) == [(b":status", b"415")]
