"""From a provider's events to the byte pieces that are written, as the script wants them. Pure.

The order matters and is fixed: the error or the cut is decided on the provider's own events, then
pings and injected events go in between, then the SSE dialect, then the size of the pieces, then
compression.
"""

import zlib
from dataclasses import dataclass

import orjson

from simulator.call import Stream
from simulator.script import Inject, Script

CLEAN, CUT, HANG = "complete", "cut", "hang"


@dataclass(slots=True)
class Written:
    """Pieces to write in turn and what happens after the last: CLEAN, CUT (connection closed) or
    HANG."""

    pieces: list[bytes]
    end: str


def shape(stream: Stream, script: Script) -> Written:
    """The stream under the script."""
    if script is PLAIN or not _touches(script):
        return Written(stream.events, CLEAN)
    events, end = _ending(stream, script)
    if script.pings and stream.ping is not None:
        events = _with_pings(events, stream.ping, script.pings)
    for extra in sorted(script.inject, key=lambda each: -each.at):
        events = [*events[: extra.at], _injected(extra), *events[extra.at :]]
    if stream.sse and script.sse != "lf":
        events = [_dialect(event, script.sse, index) for index, event in enumerate(events)]
    pieces = _sized(events, script)
    if script.truncate_bytes is not None:
        whole = b"".join(pieces)
        pieces, end = [whole[: script.truncate_bytes]], CUT
    if script.gzip:
        pieces = _zipped(pieces, finish=end == CLEAN)
    return Written(pieces, end)


PLAIN = Script()
_WIRE_FIELDS = (
    "stream_error",
    "truncate_after",
    "truncate_bytes",
    "no_terminal",
    "hang_after",
    "pings",
    "inject",
    "sse",
    "coalesce",
    "chunk_bytes",
    "gzip",
)


def _touches(script: Script) -> bool:
    return any(getattr(script, name) != getattr(PLAIN, name) for name in _WIRE_FIELDS)


def _ending(stream: Stream, script: Script) -> tuple[list[bytes], str]:
    events = stream.events
    if script.stream_error is not None:
        at = min(script.stream_error.at, max(0, len(events) - stream.terminal))
        return [*events[:at], *stream.failure(script.stream_error, at)], CLEAN
    if script.truncate_after is not None:
        return events[: script.truncate_after], CUT
    if script.hang_after is not None:
        return events[: script.hang_after], HANG
    if script.no_terminal:
        return events[: len(events) - stream.terminal], CLEAN
    return events, CLEAN


def _with_pings(events: list[bytes], ping: bytes, count: int) -> list[bytes]:
    """Pings spread evenly between the events, none before the first."""
    gaps = max(1, len(events) - 1)
    out: list[bytes] = []
    sent = 0
    for index, event in enumerate(events):
        out.append(event)
        due = count * (index + 1) // gaps if index < gaps else count
        out += [ping] * (due - sent)
        sent = max(sent, due)
    return out


def _injected(extra: Inject) -> bytes:
    if extra.raw is not None:
        return extra.raw.encode()
    name = b"" if extra.event is None else b"event: " + extra.event.encode() + b"\n"
    return name + b"data: " + orjson.dumps(extra.data or {}) + b"\n\n"


def _dialect(event: bytes, style: str, index: int) -> bytes:
    if style == "crlf":
        return event.replace(b"\n", b"\r\n")
    if style == "cr":
        return event.replace(b"\n", b"\r")
    if style == "no_space":
        return event.replace(b"data: ", b"data:", 1).replace(b"event: ", b"event:", 1)
    if style == "multiline":
        return event.replace(b"data: {", b"data: {\ndata: ", 1)
    return b"\xef\xbb\xbf" + event if index == 0 else event


def _sized(events: list[bytes], script: Script) -> list[bytes]:
    if script.coalesce > 1:
        step = script.coalesce
        events = [b"".join(events[at : at + step]) for at in range(0, len(events), step)]
    if script.chunk_bytes is not None:
        whole, size = b"".join(events), script.chunk_bytes
        events = [whole[at : at + size] for at in range(0, len(whole), size)]
    return events


def _zipped(pieces: list[bytes], *, finish: bool) -> list[bytes]:
    packer = zlib.compressobj(wbits=31)
    out = [packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) for piece in pieces]
    return [*out, packer.flush()] if finish else out
