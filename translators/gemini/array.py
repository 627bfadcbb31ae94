"""The objects of a JSON array, told apart as their bytes arrive.

Without `alt=sse` Gemini streams one JSON array and writes its elements when they are ready.
Brackets are counted outside of strings; every byte is looked at once. A lone object instead of an
array, as errors are sometimes, is an array of one. Whether an element is valid JSON is for its
reader to say.
"""

import re

from translators.protocol import NotUnderstood
from translators.sse import MOST_EVENT_BYTES

_BRACKET_OR_QUOTE = re.compile(rb'["\[\]{}]')
_IN_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_SPACE = b" \t\r\n"


class ArraySplitter:
    """`feed` bytes as they come. NotUnderstood when this is neither an array nor an object."""

    __slots__ = ("_depth", "_element", "_escaped", "_in_string", "_outer", "_size", "closed")

    def __init__(self) -> None:
        self._depth = 0
        self._outer: int | None = None  # the depth around an element: 1 in an array, 0 without
        self._in_string = False
        self._escaped = False
        self._element: list[bytes] = []
        self._size = 0
        self.closed = False  # the array's, or the lone object's, last bracket was seen

    def feed(self, data: bytes) -> list[bytes]:
        """The elements that these bytes complete."""
        found: list[bytes] = []
        at = 0 if self._outer is not None else self._start(data)
        kept = at  # from here on the bytes belong to the element that is being read
        while at < len(data) and not self.closed:
            if self._in_string:
                at = self._skip_string(data, at)
                continue
            bracket = _BRACKET_OR_QUOTE.search(data, at)
            if bracket is None:
                break
            at = bracket.end()
            if bracket[0] == b'"':
                self._in_string = True
            elif bracket[0] in b"[{":
                if self._depth == self._outer:
                    kept = bracket.start()
                self._depth += 1
            else:
                self._depth -= 1
                if self._depth == self._outer:
                    found.append(self._taken(data[kept:at]))
                    kept = at
                self.closed = self._depth <= 0
        self._keep(data[kept:])
        return found

    def _start(self, data: bytes) -> int:
        rest = data.lstrip(_SPACE)
        if not rest:
            return len(data)
        if rest[:1] == b"[":
            self._outer = self._depth = 1
            return len(data) - len(rest) + 1
        if rest[:1] == b"{":
            self._outer = 0
            return len(data) - len(rest)
        raise NotUnderstood("The upstream's stream is neither a JSON array nor an object.")

    def _skip_string(self, data: bytes, at: int) -> int:
        """Past the end of the string, or of the data."""
        if self._escaped:
            self._escaped = False
            at += 1
        match = _IN_STRING.match(data, at)
        at = match.end() if match else at
        if at >= len(data):
            return at
        if data[at] == 0x22:
            self._in_string = False
        else:
            self._escaped = True
        return at + 1

    def _taken(self, last: bytes) -> bytes:
        self._element.append(last)
        element = b"".join(self._element)
        self._element = []
        self._size = 0
        return element

    def _keep(self, part: bytes) -> None:
        if self._outer is None or self.closed or self._depth <= self._outer:
            return
        self._element.append(part)
        self._size += len(part)
        if self._size > MOST_EVENT_BYTES:
            message = f"An element of the stream is larger than {MOST_EVENT_BYTES} bytes."
            raise NotUnderstood(message)
