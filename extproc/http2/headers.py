"""Header blocks: HPACK (RFC 7541) by the package of that name, and a request's headers understood.

Envoy's requests to a worker are all alike, and so are their bytes once its encoder has put the
headers into the table. What a block says depends on its bytes and on the table, so answers are
remembered for as long as the table stays as it is, and forgotten at its first change.

What we send never enters the peer's table: the few blocks are constants, written once. The first
block of a connection sets the table's size to 0, which is within any limit that the peer may set.
"""

import re
from dataclasses import dataclass

from hpack import Decoder
from hpack.exceptions import HPACKError, OversizedHeaderListError
from hpack.table import HeaderTable

from extproc.http2.frames import ConnectionFault, ErrorCode
from extproc.http2.messages import Status, percent_encoded, timeout_s

MAX_LIST_BYTES = 64 * 1024  # far above what Envoy sends about a stream of its own
NO_TABLE = b"\x20"  # a dynamic table size update to 0

_REMEMBERED = 64  # blocks; Envoy needs one or two
_REMEMBERED_BYTES = 1024  # of one block

_HTTP_OK = 200
_METHOD_NOT_ALLOWED = 405
_UNSUPPORTED_MEDIA_TYPE = 415
_GRPC = b"application/grpc"
_AFTER_GRPC = (b"", b"+", b";")  # application/grpc-web is another protocol
_FORBIDDEN = frozenset(  # RFC 9113, section 8.2.2
    (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
)
# RFC 9113, section 8.2.1: small letters, nothing unprintable, no colon but in front.
_NAME = re.compile(rb"[!-9;-@\[-~]+")
_WRONG_VALUE = re.compile(rb"[\0\r\n]|\A[ \t]|[ \t]\Z")

_PSEUDO = frozenset((b":method", b":scheme", b":authority", b":path"))
_REQUIRED = frozenset((b":method", b":scheme", b":path"))

Fields = list[tuple[bytes, bytes]]


class Malformed(Exception):
    """A request that HTTP does not know (RFC 9113, section 8.1.1): its stream is reset."""


@dataclass(frozen=True, slots=True)
class Request:
    """`refusal` is the HTTP status for a request that is not gRPC at all."""

    path: str
    refusal: int | None = None
    timeout_s: float | None = None


class _Table(HeaderTable):
    """Tells of every change."""

    def __init__(self) -> None:
        self.changed = False
        super().__init__()

    def add(self, name: bytes, value: bytes) -> None:
        self.changed = True
        super().add(name, value)

    @property
    def maxsize(self) -> int:
        return super().maxsize

    @maxsize.setter
    def maxsize(self, newmax: int) -> None:
        self.changed = True
        HeaderTable.maxsize.__set__(self, newmax)  # type: ignore[attr-defined]


class HeaderReader:
    """Reads the header blocks of one connection, each of which must be given, in order."""

    def __init__(self) -> None:
        self._table = _Table()
        self._decoder = Decoder(max_header_list_size=MAX_LIST_BYTES)
        self._decoder.header_table = self._table
        self._remembered: dict[bytes, Request] = {}

    def request(self, block: bytes) -> Request:
        """Raises Malformed, or ConnectionFault where the table is lost."""
        found = self._remembered.get(block)
        if found is None:
            found = understood(self.fields(block))
            self._remember(block, found)
        return found

    def fields(self, block: bytes) -> Fields:
        """The names and values, for a block whose headers nobody needs too: it feeds the table."""
        self._table.changed = False
        try:
            return [(field[0], field[1]) for field in self._decoder.decode(block, raw=True)]
        except OversizedHeaderListError as error:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "header list too long") from error
        except HPACKError as error:
            raise ConnectionFault(ErrorCode.COMPRESSION_ERROR, "HPACK") from error
        finally:
            if self._table.changed:
                self._remembered.clear()

    def _remember(self, block: bytes, request: Request) -> None:
        if self._table.changed or len(block) > _REMEMBERED_BYTES:
            return
        if len(self._remembered) >= _REMEMBERED:
            self._remembered.clear()
        self._remembered[block] = request


def understood(fields: Fields) -> Request:
    """What the headers of a request ask for. Raises Malformed."""
    pseudo: dict[bytes, bytes] = {}
    content_type = timeout = b""
    regular = False
    for name, value in fields:
        if name[:1] == b":":
            if regular or name in pseudo or name not in _PSEUDO:
                raise Malformed
            if _WRONG_VALUE.search(value):
                raise Malformed
            pseudo[name] = value
            continue
        regular = True
        _check(name, value)
        if name == b"content-type":
            content_type = value
        elif name == b"grpc-timeout":
            timeout = value
    if not pseudo.keys() >= _REQUIRED or not pseudo[b":path"]:
        raise Malformed
    return Request(
        pseudo[b":path"].decode("latin-1"),
        _refusal(pseudo[b":method"], content_type),
        timeout_s(timeout) if timeout else None,
    )


def _check(name: bytes, value: bytes) -> None:
    if name in _FORBIDDEN or not _NAME.fullmatch(name) or _WRONG_VALUE.search(value):
        raise Malformed
    if name == b"te" and value != b"trailers":
        raise Malformed


def _refusal(method: bytes, content_type: bytes) -> int | None:
    if method != b"POST":
        return _METHOD_NOT_ALLOWED
    if not content_type.startswith(_GRPC) or content_type[len(_GRPC) :][:1] not in _AFTER_GRPC:
        return _UNSUPPORTED_MEDIA_TYPE
    return None


def literal(name: bytes, value: bytes) -> bytes:
    """A field that does not enter the table, not Huffman-coded (RFC 7541, section 6.2.2)."""
    return b"\x00" + _string(name) + _string(value)


def _string(text: bytes) -> bytes:
    """RFC 7541, sections 5.1 and 5.2."""
    length = len(text)
    if length < 0x7F:
        return bytes((length,)) + text
    length -= 0x7F
    head = bytearray((0x7F,))
    while length >= 0x80:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head) + text


START = literal(b":status", b"200") + literal(b"content-type", _GRPC)
_DONE = literal(b"grpc-status", b"0")
_IDENTITY = literal(b"grpc-accept-encoding", b"identity")


def trailers(status: Status, text: str = "") -> bytes:
    """The block that ends an answer."""
    if status is Status.OK:
        return _DONE
    block = literal(b"grpc-status", str(int(status)).encode())
    if text:
        block += literal(b"grpc-message", percent_encoded(text))
    return block + _IDENTITY if status is Status.UNIMPLEMENTED else block


def refusal(http_status: int) -> bytes:
    """The whole answer to what is not gRPC."""
    return literal(b":status", str(http_status).encode())
