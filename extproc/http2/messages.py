"""gRPC's own layer: length-prefixed messages, statuses, timeouts (PROTOCOL-HTTP2.md)."""

from enum import IntEnum
from struct import Struct

PREFIX_BYTES = 5
PREFIX = Struct(">BL")  # compressed or not, and the length
MAX_TEXT_CHARS = 1024  # of a grpc-message, so that trailers fit into one frame

_UNITS_S = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_MAX_DIGITS = 8
_MAX_TIMEOUT_S = 30 * 24 * 3600.0  # a month is for ever, and more would overflow an event loop


class Status(IntEnum):
    """The codes of google.rpc.Code that this server says."""

    OK = 0
    CANCELLED = 1
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14


class Abort(Exception):
    """A handler's word that the call ends with this status; the text travels to the peer."""

    def __init__(self, status: Status, text: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class MessageReader:
    """Puts messages together from the content of DATA frames, cut anywhere.

    Holds less than one message of at most `max_bytes`, in one buffer, however small the pieces."""

    __slots__ = ("_buffer", "_max_bytes", "_wanted")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._buffer: bytearray | None = None
        self._wanted = PREFIX_BYTES  # bytes in the buffer before another look is worth it

    @property
    def partial(self) -> bool:
        """Whether an end now would cut a message."""
        return self._buffer is not None

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are complete now. Raises Abort."""
        if self._buffer is not None:
            self._buffer += data
            if len(self._buffer) < self._wanted:
                return []
            data = bytes(self._buffer)
            self._buffer, self._wanted = None, PREFIX_BYTES
        messages = []
        at, size = 0, len(data)
        while size - at >= PREFIX_BYTES:
            compressed, length = PREFIX.unpack_from(data, at)
            if compressed:
                raise Abort(Status.UNIMPLEMENTED, "compressed messages are not supported")
            if length > self._max_bytes:
                raise Abort(Status.RESOURCE_EXHAUSTED, f"message of {length} bytes is too large")
            end = at + PREFIX_BYTES + length
            if end > size:
                self._wanted = PREFIX_BYTES + length
                break
            messages.append(data[at + PREFIX_BYTES : end])
            at = end
        if at < size:
            self._buffer = bytearray(data[at:] if at else data)
        return messages


def timeout_s(value: bytes) -> float | None:
    """The seconds in a grpc-timeout; None where it is not one, as if there were none."""
    digits, unit = value[:-1].decode("latin-1"), value[-1:].decode("latin-1")
    if unit not in _UNITS_S or not digits.isascii() or not digits.isdigit():
        return None
    if len(digits) > _MAX_DIGITS:
        return None
    return min(int(digits) * _UNITS_S[unit], _MAX_TIMEOUT_S)


def percent_encoded(text: str) -> bytes:
    """A grpc-message: UTF-8, with all but printable ASCII as %XX, and the percent sign too."""
    return b"".join(
        bytes((byte,)) if 0x20 <= byte <= 0x7E and byte != 0x25 else b"%%%02X" % byte
        for byte in text[:MAX_TEXT_CHARS].encode("utf-8", "replace")
    )
