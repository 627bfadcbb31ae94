"""A JSON answer to a request that asked for a stream: some upstreams answer it whole.

The caller gets the bytes as they come; only the reading waits until they are all there.
"""

from collections.abc import Callable

from translators.canonical.stream import Ended, Generated, StreamEvent, Truncated
from translators.protocol import NotUnderstood

# Room for an answer with several images as base64. Beyond it the answer passes unread: that it
# ended is known, what it used is not.
MOST_BYTES = 64 * 1024 * 1024


def is_json(content_type: str) -> bool:
    """Whether a media type says JSON. Anything else is tried as an event stream."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


class WholeAnswerDecoder:
    """`feed` keeps, `close` reads: with the protocol's reader of whole answers."""

    __slots__ = ("_parts", "_read", "_size")

    def __init__(self, read: Callable[[bytes], list[StreamEvent]]) -> None:
        self._read: Callable[[bytes], list[StreamEvent]] | None = read
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[StreamEvent]:
        self._size += len(data)
        if self._size > MOST_BYTES:
            self._parts.clear()
        else:
            self._parts.append(data)
        return []

    def close(self) -> list[StreamEvent]:
        """The whole answer's events; Truncated when the JSON is incomplete."""
        read, self._read = self._read, None
        if read is None:
            return []
        if self._size > MOST_BYTES:
            return [Generated(), Ended()]
        body = b"".join(self._parts)
        self._parts.clear()
        try:
            return read(body)
        except NotUnderstood:
            return [Truncated()]
