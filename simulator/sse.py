"""Server-sent events as bytes, and many alike at once: a stream's deltas differ in one text
only, so the rest of the event is serialised once."""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

_MARK = "\x00here\x00"  # no provider's own field holds it
_MARKED = orjson.dumps(_MARK)


def data_event(body: Any, end: bytes = b"\n\n") -> bytes:
    """A nameless event."""
    return b"data: " + orjson.dumps(body) + end


def named_event(name: str, body: Any) -> bytes:
    """An event with a name."""
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(body) + b"\n\n"


class Alike:
    """Events that are equal but for the text at one place, and a number at another if marked so."""

    mark = _MARK
    number = 1_000_000_007  # stands for the number; no provider's own field holds it

    def __init__(self, event: bytes) -> None:
        """`event`: one of them, with `mark` in place of the text and `number` in place of the
        number."""
        head, self._tail = event.split(_MARKED)
        number = str(self.number).encode()
        self._head, _, self._middle = head.partition(number)
        self._numbered = number in head

    def with_texts(self, texts: Iterable[str], first: int = 0) -> Iterator[bytes]:
        """The events for these texts; numbers count from `first`."""
        head, middle, tail = self._head, self._middle, self._tail
        for index, text in enumerate(texts, first):
            shown = orjson.dumps(text)
            if self._numbered:
                yield b"%b%d%b%b%b" % (head, index, middle, shown, tail)
            else:
                yield head + shown + tail
