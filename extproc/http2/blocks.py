"""A header block that comes in several frames, unread until its end.

Nothing else may come between (RFC 9113, section 6.10), and its decoder needs it whole; so its size
and the number of its pieces are bounded (the CONTINUATION flood, CVE-2024-27316 and its like).
"""

from extproc.http2.frames import ConnectionFault, ErrorCode
from extproc.http2.headers import MAX_LIST_BYTES

MAX_BYTES = MAX_LIST_BYTES  # compressed it is no longer than what it says
MAX_PIECES = 32


class Block:
    """What came so far of a block on `stream_id`."""

    __slots__ = ("_data", "_pieces", "end_stream", "stream_id")

    def __init__(self, stream_id: int, end_stream: bool, first: bytes) -> None:
        self.stream_id = stream_id
        self.end_stream = end_stream
        self._data = bytearray(first)
        self._pieces = 1

    @property
    def data(self) -> bytes:
        return bytes(self._data)

    def add(self, piece: bytes) -> None:
        """One CONTINUATION. Raises ConnectionFault."""
        self._data += piece
        self._pieces += 1
        if len(self._data) > MAX_BYTES or self._pieces > MAX_PIECES:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "header block too long")
