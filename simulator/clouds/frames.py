"""Messages of AWS's event stream, written byte by byte from the specification, checksums too.

Source: https://smithy.io/2.0/aws/amazon-eventstream.html
"""

import base64
import string
import struct

import orjson

_POLYNOMIAL = 0xEDB88320  # of CRC-32 as in GZIP (RFC 1952), reflected
_STRING = 7  # the header type of a UTF-8 text
_PADDING = string.ascii_letters + string.digits


def _entry(index: int) -> int:
    for _ in range(8):
        index = (index >> 1) ^ (_POLYNOMIAL if index & 1 else 0)
    return index


_TABLE = tuple(_entry(index) for index in range(256))


def crc32(data: bytes) -> int:
    """The checksum of both places."""
    value = 0xFFFFFFFF
    for byte in data:
        value = (value >> 8) ^ _TABLE[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF


def message(headers: dict[str, str], payload: bytes) -> bytes:
    """One message; all headers are texts."""
    written = b"".join(_header(name, value) for name, value in headers.items())
    total = 16 + len(written) + len(payload)
    prelude = struct.pack(">II", total, len(written))
    body = prelude + struct.pack(">I", crc32(prelude)) + written + payload
    return body + struct.pack(">I", crc32(body))


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return bytes((len(key),)) + key + bytes((_STRING,)) + struct.pack(">H", len(text)) + text


def chunk(event: bytes) -> bytes:
    """An event of the model as Bedrock streams it: in base64, with padding that hides its size."""
    padding = _PADDING[: 1 + len(event) % len(_PADDING)]
    payload = orjson.dumps({"bytes": base64.b64encode(event).decode(), "p": padding})
    headers = {
        ":event-type": "chunk",
        ":content-type": "application/json",
        ":message-type": "event",
    }
    return message(headers, payload)


def exception(name: str, text: str) -> bytes:
    """An exception that the operation declares, in the middle of a stream."""
    headers = {
        ":exception-type": name,
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    return message(headers, orjson.dumps({"message": text}))


def damaged(frame: bytes) -> bytes:
    """The same with one bit of its payload turned: the checksum does not fit any more."""
    at = len(frame) - 6
    return frame[:at] + bytes((frame[at] ^ 1,)) + frame[at + 1 :]
