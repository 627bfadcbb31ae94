"""The layout of HTTP/2 frames (RFC 9113, sections 4, 6 and 7): bytes to frames and back."""

from collections.abc import Iterator
from enum import IntEnum
from struct import Struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA = 0x0
HEADERS = 0x1
PRIORITY = 0x2
RST_STREAM = 0x3
SETTINGS = 0x4
PUSH_PROMISE = 0x5
PING = 0x6
GOAWAY = 0x7
WINDOW_UPDATE = 0x8
CONTINUATION = 0x9

# Flags; ACK has END_STREAM's bit, on other kinds of frames.
END_STREAM = 0x1
ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITIZED = 0x20

HEADER_TABLE_SIZE = 0x1
ENABLE_PUSH = 0x2
MAX_CONCURRENT_STREAMS = 0x3
INITIAL_WINDOW_SIZE = 0x4
MAX_FRAME_SIZE = 0x5
MAX_HEADER_LIST_SIZE = 0x6

DEFAULT_WINDOW = 65_535
DEFAULT_FRAME_SIZE = 16_384  # also the least that a peer may allow
LARGEST_FRAME_SIZE = 2**24 - 1
LARGEST_WINDOW = 2**31 - 1
LARGEST_STREAM_ID = 2**31 - 1

HEAD_BYTES = 9
HEAD = Struct(">HBBBL")  # the length as its upper two bytes and its lowest
_PAIR = Struct(">HL")
_NUMBER = Struct(">L")
_GOAWAY = Struct(">LL")

# The lengths of payloads, where they are fixed.
PRIORITY_BYTES = 5
NUMBER_BYTES = 4  # RST_STREAM and WINDOW_UPDATE
PING_BYTES = 8
GOAWAY_BYTES = 8  # at least

Frame = tuple[int, int, int, bytes]  # kind, flags, stream id, payload


class ErrorCode(IntEnum):
    """RFC 9113, section 7."""

    NO_ERROR = 0x0
    PROTOCOL_ERROR = 0x1
    INTERNAL_ERROR = 0x2
    FLOW_CONTROL_ERROR = 0x3
    SETTINGS_TIMEOUT = 0x4
    STREAM_CLOSED = 0x5
    FRAME_SIZE_ERROR = 0x6
    REFUSED_STREAM = 0x7
    CANCEL = 0x8
    COMPRESSION_ERROR = 0x9
    ENHANCE_YOUR_CALM = 0xB
    HTTP_1_1_REQUIRED = 0xD


class ConnectionFault(Exception):
    """The peer broke the rules in a way that ends the connection: a GOAWAY with `code`."""

    def __init__(self, code: ErrorCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class FrameReader:
    """Splits a connection's bytes, cut anywhere, into frames."""

    def __init__(self) -> None:
        self._rest = b""  # less than one frame, which is at most DEFAULT_FRAME_SIZE

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete now. Raises ConnectionFault at a frame that is too long."""
        if self._rest:
            data = self._rest + data
        at, size = 0, len(data)
        while size - at >= HEAD_BYTES:
            upper, lowest, kind, flags, stream_id = HEAD.unpack_from(data, at)
            length = upper << 8 | lowest
            if length > DEFAULT_FRAME_SIZE:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "frame too long")
            end = at + HEAD_BYTES + length
            if end > size:
                break
            yield kind, flags, stream_id & LARGEST_STREAM_ID, data[at + HEAD_BYTES : end]
            at = end
        self._rest = data[at:] if at else data


def unpadded(flags: int, payload: bytes) -> bytes:
    """What a DATA or HEADERS frame carries, without its padding."""
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "padding longer than the frame")
    return payload[1 : len(payload) - payload[0]]


def fragment(flags: int, payload: bytes) -> bytes:
    """The piece of a header block in a HEADERS frame; a priority is read over (RFC 9113, 5.3)."""
    content = unpadded(flags, payload)
    if not flags & PRIORITIZED:
        return content
    if len(content) < PRIORITY_BYTES:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "HEADERS too short for its priority")
    return content[PRIORITY_BYTES:]


def number(payload: bytes) -> int:
    """The payload of RST_STREAM or WINDOW_UPDATE, or the start of GOAWAY's."""
    (value,) = _NUMBER.unpack_from(payload)
    return int(value)


def pairs(payload: bytes) -> Iterator[tuple[int, int]]:
    """The entries of a SETTINGS frame."""
    if len(payload) % _PAIR.size:
        raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS of a wrong length")
    return _PAIR.iter_unpack(payload)


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    length = len(payload)
    return HEAD.pack(length >> 8, length & 0xFF, kind, flags, stream_id) + payload


def settings(entries: dict[int, int]) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join(_PAIR.pack(*entry) for entry in entries.items()))


def window_update(stream_id: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream_id, _NUMBER.pack(increment))


def rst_stream(stream_id: int, code: ErrorCode) -> bytes:
    return frame(RST_STREAM, 0, stream_id, _NUMBER.pack(code))


def goaway(last_stream_id: int, code: ErrorCode, text: str = "") -> bytes:
    return frame(GOAWAY, 0, 0, _GOAWAY.pack(last_stream_id, code) + text.encode("ascii", "replace"))
