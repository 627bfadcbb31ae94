"""AWS's event stream: messages with headers, a payload and two checksums, cut out of a byte stream.

    total length   4 bytes   big-endian, of the whole message
    headers length 4 bytes
    prelude CRC    4 bytes   CRC-32 of the eight bytes before it
    headers                  name length 1, name, type 1, value
    payload
    message CRC    4 bytes   CRC-32 of everything before it

A wrong checksum or an impossible length ends the stream: what follows cannot be trusted, because
where the next message begins is not known any more. No length is believed before the prelude's
checksum was right.
Source: https://smithy.io/2.0/aws/amazon-eventstream.html
"""

from binascii import crc32
from struct import unpack_from
from typing import NamedTuple

_PRELUDE = 12
_LEAST = 16  # a message without headers and payload

# AWS's own bound (aws-c-event-stream). One event of a model is some kilobytes.
MOST_MESSAGE_BYTES = 24 * 1024 * 1024
MOST_HEADER_BYTES = 128 * 1024

_FIXED = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}  # bytes of the value, by type
_BINARY, _STRING = 6, 7


class _Damaged(ValueError):
    """The bytes are no message. Nothing after them can be read."""


class Message(NamedTuple):
    """One message. Headers that are no text are not kept: none that matter are of another type."""

    headers: dict[str, str]
    payload: bytes


class EventStream:
    """`feed` gives the messages that the bytes complete. Once `is_damaged` it gives no more."""

    __slots__ = ("_held", "is_damaged")

    def __init__(self) -> None:
        self._held = bytearray()
        self.is_damaged = False

    def feed(self, data: bytes) -> list[Message]:
        if self.is_damaged:
            return []
        held = self._held
        held += data
        found: list[Message] = []
        at = 0
        try:
            while len(held) - at >= _PRELUDE:
                total = _total(held, at)
                if len(held) - at < total:
                    break
                found.append(_message(bytes(held[at : at + total])))
                at += total
        except _Damaged:
            self.is_damaged = True
            at = len(held)
        if at:
            del held[:at]
        return found


def _total(held: bytearray, at: int) -> int:
    total, headers, check = unpack_from(">III", held, at)
    if crc32(held[at : at + 8]) != check:
        raise _Damaged("the prelude's checksum is wrong")
    if not _LEAST <= total <= MOST_MESSAGE_BYTES or headers > min(
        MOST_HEADER_BYTES, total - _LEAST
    ):
        raise _Damaged("a message has an impossible length")
    return int(total)


def _message(data: bytes) -> Message:
    headers_end = _PRELUDE + unpack_from(">I", data, 4)[0]
    if crc32(data[:-4]) != unpack_from(">I", data, len(data) - 4)[0]:
        raise _Damaged("a message's checksum is wrong")
    return Message(_headers(data[_PRELUDE:headers_end]), data[headers_end:-4])


def _headers(data: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while at < len(data):
        name_end = at + 1 + data[at]
        if name_end >= len(data):
            raise _Damaged("a header is cut short")
        name, kind, at = data[at + 1 : name_end], data[name_end], name_end + 1
        if kind in (_BINARY, _STRING):
            if at + 2 > len(data):
                raise _Damaged("a header is cut short")
            size = int(unpack_from(">H", data, at)[0])
            at += 2
        elif kind in _FIXED:
            size = _FIXED[kind]
        else:
            raise _Damaged("a header has an unknown type")
        if at + size > len(data):
            raise _Damaged("a header is cut short")
        if kind == _STRING:
            found[name.decode("utf-8", "replace")] = data[at : at + size].decode("utf-8", "replace")
        at += size
    return found
