"""How much text is in JSON that passes: the values of the fields that bear it, counted unparsed.

An answer that needs no translation is not parsed, and many upstreams tell nothing of its size: its
text is found by the names of its fields. What frames it (ids, padding against eavesdroppers) can be
many times the text and differs from upstream to upstream, so that it cannot be guessed.

A value may lie across several chunks, and is counted as far as it came. A field's name that lies
across two is missed: so rare that it does not matter for what is an estimate in any case.
"""

import re
from collections.abc import Iterable

_STRING = rb'[^"\\]*(?:\\.[^"\\]*)*'
_REST = re.compile(_STRING, re.DOTALL)


class TextSize:
    """`feed` bytes as they come; gives the bytes of text in them, about as UTF-8 has them."""

    __slots__ = ("_fields", "_inside", "_kept")

    def __init__(self, fields: Iterable[str]) -> None:
        names = b"|".join(re.escape(name.encode()) for name in fields)
        self._fields = re.compile(rb'"(?:' + names + rb')"\s*:\s*"(' + _STRING + rb")", re.DOTALL)
        self._inside = False  # the chunk before ended within a text
        self._kept = b""  # and with the first half of an escape

    def feed(self, data: bytes) -> int:
        size = start = 0
        if self._inside:
            data = self._kept + data
            rest = _REST.match(data)
            start = rest.end() if rest is not None else 0
            size = _size(data, 0, start)
            self._note(data, start)
            if self._inside:
                return size
        for found in self._fields.finditer(data, start):
            first, after = found.span(1)
            size += _size(data, first, after)
            self._note(data, after)
        return size

    def _note(self, data: bytes, after: int) -> None:
        """Whether a text that seems to end here goes on in the next chunk."""
        self._kept = data[after : after + 2]
        self._inside = self._kept in (b"", b"\\")


def _size(data: bytes, first: int, after: int) -> int:
    """`\\u00e9` is six bytes, and about three when it is not escaped."""
    return after - first - 3 * data.count(b"\\u", first, after)
