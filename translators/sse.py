"""Server-sent events, split on bytes as they arrive, whatever the chunks they arrive in.

New bytes are looked through once: only when they hold a line end is a line put together from them
and from what was kept, so that an endless line which trickles in costs what it costs at once.

Rules (WHATWG HTML, 9.2.6 "Interpreting an event stream"):
- a line ends at LF, CR or CRLF, also when two chunks part CR from LF; nothing else ends a line
  (U+2028, U+0085 and their kind are legal inside JSON);
- a byte order mark before the first line is skipped; a line that starts with a colon is a comment;
- one space after a field's colon is dropped, and need not be there; data lines are joined by LF;
- an event without any data is not an event; `id` and `retry` say nothing to a gateway;
- a line that is no field of an event is kept aside (`stray`): some upstreams break off an event
  stream with their error as bare JSON.
One departure: `close` gives the last event although no blank line followed it. Some upstreams end
right after their terminal marker, and a payload that was cut off is not valid JSON anyway.
"""

from typing import NamedTuple

from translators.protocol import NotUnderstood

# The largest single event of any vendor is an image as base64: 4096 x 4096 PNG, some 20 MB. An
# upstream that sends more without ending an event would fill the worker's memory.
MOST_EVENT_BYTES = 32 * 1024 * 1024

# An error of a vendor is a few kilobytes; more lines that belong to no event are not kept.
MOST_STRAY_BYTES = 64 * 1024

_OTHER_FIELDS = (b":", b"id", b"retry")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class SseEvent(NamedTuple):
    """One event: its `event:` name (None where absent or empty) and its joined data."""

    event: str | None
    data: bytes


class SseParser:
    """`feed` bytes as they come, `close` at their end. NotUnderstood beyond the limit."""

    __slots__ = ("_after_cr", "_at_start", "_data", "_held", "_most", "_name", "_size", "stray")

    def __init__(self, most_event_bytes: int = MOST_EVENT_BYTES) -> None:
        self._most = most_event_bytes
        self._held = bytearray()  # the beginning of a line; holds no line end
        self._data: list[bytes] = []  # the data lines of the event that is being read
        self._size = 0  # bytes of those lines
        self._name: str | None = None
        self._after_cr = False
        self._at_start = True
        self.stray = bytearray()  # the lines that belong to no event, joined by LF

    def feed(self, data: bytes) -> list[SseEvent]:
        """The events that these bytes complete."""
        if self._after_cr and data:
            self._after_cr = False
            if data[0] == 0x0A:
                data = data[1:]
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        elif b"\n" not in data:
            self._held += data
            self._check()
            return []
        if self._held:
            self._held += data
            data = bytes(self._held)
            self._held.clear()
        lines = data.split(b"\n")
        rest = lines.pop()
        events = self._read(lines)
        if rest or self._data:
            self._held += rest
            self._check()
        return events

    def close(self) -> list[SseEvent]:
        """The event that no blank line followed, if there is one."""
        lines = [bytes(self._held), b""]
        self._held.clear()
        return self._read(lines)

    def _read(self, lines: list[bytes]) -> list[SseEvent]:
        if self._at_start:
            self._at_start = False
            lines[0] = lines[0].removeprefix(_BYTE_ORDER_MARK)
        events: list[SseEvent] = []
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[6:] if line[5:6] == b" " else line[5:])
                self._size += len(line)
            elif not line:
                if self._data:
                    events.append(self._event())
                self._name = None
            elif line.startswith(b"event:"):
                name = line[7:] if line[6:7] == b" " else line[6:]
                self._name = name.decode("utf-8", "replace") or None
            elif line == b"data":
                self._data.append(b"")
                self._size += len(line)
            elif line == b"event":
                self._name = None
            elif not line.startswith(_OTHER_FIELDS):
                self._keep(line)
        return events

    def _keep(self, line: bytes) -> None:
        if len(self.stray) + len(line) < MOST_STRAY_BYTES:
            self.stray += line + b"\n"

    def _event(self) -> SseEvent:
        lines = self._data
        event = SseEvent(self._name, lines[0] if len(lines) == 1 else b"\n".join(lines))
        self._data = []
        self._size = 0
        return event

    def _check(self) -> None:
        if self._size + len(self._held) > self._most:
            raise NotUnderstood(f"An event of the stream is larger than {self._most} bytes.")
