"""A JSON answer to a request that asked for a stream: some upstreams answer it whole.

An observer's caller gets the bytes as they come, and only the reading waits until they are all
there; a decoder's caller gets nothing before.
"""

from collections.abc import Callable

from translators.canonical.stream import Ended, Generated, StreamEvent, Truncated
from translators.protocol import NotUnderstood

# Room for an answer with several images as base64. Beyond it an answer that passes is not read: it
# is known that it ended, not what it used. One that must be translated cannot be.
MOST_BYTES = 64 * 1024 * 1024


def is_json(content_type: str) -> bool:
    """Whether a media type says JSON. Anything else is tried as an event stream."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


class WholeAnswerDecoder:
    """`feed` keeps, `close` reads: with the protocol's reader of whole answers."""

    __slots__ = ("_parts", "_passes", "_read", "_size")

    def __init__(self, read: Callable[[bytes], list[StreamEvent]], *, passes: bool = True) -> None:
        """`passes`: the bytes reach the client whether they are read or not."""
        self._passes = passes
        self._read: Callable[[bytes], list[StreamEvent]] | None = read
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> list[StreamEvent]:
        self._size += len(data)
        if self._size > MOST_BYTES:
            if not self._passes:
                raise NotUnderstood(f"The upstream's answer is larger than {MOST_BYTES} bytes.")
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
