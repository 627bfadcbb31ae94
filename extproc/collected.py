"""The bytes of an answer that are held back, and how much text is in them.

They are counted only when somebody asks: a whole answer tells its usage at its end, so that nobody
does unless its caller leaves before that, or the upstream tells nothing.
"""

from collections.abc import Iterable

from translators.text_size import TextSize


class Collected:
    """`fields` bear the text of the upstream's protocol: pictures and vectors are in others."""

    __slots__ = ("_chunks", "_counted", "_text", "_uncounted", "size")

    def __init__(self, fields: Iterable[str]) -> None:
        self._chunks: list[bytes] = []
        self._uncounted: list[bytes] = []
        self._text = TextSize(fields)
        self._counted = 0
        self.size = 0  # bytes that are held

    def hold(self, data: bytes) -> None:
        """Of a stream, whose passage counts."""
        self._chunks.append(data)
        self.size += len(data)

    def gather(self, data: bytes) -> None:
        """Of a whole answer."""
        self.hold(data)
        self._uncounted.append(data)

    def passed(self, data: bytes) -> None:
        """Of a whole answer that is too large to be held: it counts all the same."""
        self._uncounted.append(data)
        self._count()

    def take(self) -> bytes:
        """All that is held, once."""
        body = b"".join(self._chunks)
        self._chunks.clear()
        self.size = 0
        return body

    @property
    def tokens(self) -> int:
        """Of the whole answer as far as it came, by its text, four bytes to a token."""
        self._count()
        return -(-self._counted // 4)

    def _count(self) -> None:
        for data in self._uncounted:
            self._counted += self._text.feed(data)
        self._uncounted.clear()
