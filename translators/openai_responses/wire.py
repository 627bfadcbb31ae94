"""The events of a stream as bytes, numbered without a gap."""

from typing import Any

from translators import text_json
from translators.openai_responses.failure import sse_event


class Wire:
    """Events are added and taken off. A silent wire writes nothing: for answers sent whole."""

    __slots__ = ("_bytes", "number", "silent")

    def __init__(self, silent: bool = False) -> None:
        self.number = 0
        self.silent = silent
        self._bytes = bytearray()

    def event(self, name: str, **fields: Any) -> None:
        if not self.silent:
            numbered = {"type": name, "sequence_number": self.number, **fields}
            self._bytes += sse_event(name, numbered)
            self.number += 1

    def raw(self, events: bytes, count: int) -> None:
        """Events that are bytes already and numbered rightly."""
        self._bytes += events
        self.number += count

    def taken(self) -> bytes:
        """What was written since the last time."""
        taken = bytes(self._bytes)
        self._bytes.clear()
        return taken


class Deltas:
    """Delta events of one part: all their bytes but the number and the text are made once."""

    __slots__ = ("_head", "_middle", "_tail", "_wire")

    def __init__(self, wire: Wire, name: str, tail: bytes = b"", **fields: Any) -> None:
        self._wire = wire
        word = name.encode()
        self._head = b'event: %b\ndata: {"type":"%b","sequence_number":' % (word, word)
        self._middle = b"," + text_json.dumps(fields)[1:-1] + b',"delta":'
        self._tail = tail + b"}\n\n"

    def write(self, text: str) -> None:
        if self._wire.silent:
            return
        number = b"%d" % self._wire.number
        delta = text_json.dumps(text)
        self._wire.raw(b"".join((self._head, number, self._middle, delta, self._tail)), 1)
