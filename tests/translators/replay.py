"""Recordings played to the decoders: where they are, how they are cut up, what is known at the end.

A recording is a folder `recordings/<protocol>/<case>/`: what was asked (`request.json`, absent
where the request had no JSON body), what was answered (`response.json`, or `stream.sse`, or
`stream.json` for a JSON array; paired ones say the same), what must be read of it (`expect.toml`)
and where it comes from (`provenance.toml`).
"""

import tomllib
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, assert_never

from translators.canonical.stream import (
    Begun,
    Ended,
    Failed,
    Finished,
    Generated,
    Metered,
    PartBegun,
    PartCited,
    PartDelta,
    PartEnded,
    PartWhole,
    StreamEvent,
    Truncated,
)
from translators.canonical.usage import Usage
from translators.protocol import Protocol, discover

RECORDINGS = Path(__file__).parent / "recordings"
CONTENT_TYPES = {
    "stream.sse": "text/event-stream; charset=utf-8",
    "stream.json": "application/json; charset=UTF-8",
}

# Streams up to this size are split at every byte, longer ones at the places that are awkward.
SMALL_BYTES = 1_500


class Stream(NamedTuple):
    """One streamed answer of a recording."""

    folder: Path
    file: str

    @property
    def data(self) -> bytes:
        return (self.folder / self.file).read_bytes()


def folders() -> list[Path]:
    return sorted(case for protocol in RECORDINGS.iterdir() for case in protocol.iterdir())


def streams() -> list[Stream]:
    return [
        Stream(case, file) for case in folders() for file in CONTENT_TYPES if (case / file).exists()
    ]


def label(case: Path | Stream) -> str:
    if isinstance(case, Stream):
        return f"{label(case.folder)}/{case.file}"
    return f"{case.parent.name}/{case.name}"


def protocol_of(case: Path) -> Protocol:
    return discover()[case.parent.name]


def expected(case: Path) -> dict[str, Any]:
    return tomllib.loads((case / "expect.toml").read_text("utf-8"))


def decode(stream: Stream, pieces: Iterable[bytes]) -> list[StreamEvent]:
    """What the protocol's decoder says of these pieces in turn."""
    decoder = protocol_of(stream.folder).stream_observer(CONTENT_TYPES[stream.file])
    events = [event for piece in pieces for event in decoder.feed(piece)]
    events += decoder.close()
    assert decoder.close() == [], "a second close says nothing"
    return events


def places(data: bytes) -> list[int]:
    """Where to split a stream: everywhere if it is small; else around line ends, brackets and
    characters of several bytes, at both ends, and here and there in between."""
    if len(data) <= SMALL_BYTES:
        return list(range(1, len(data)))
    awkward = {
        at + by
        for at, byte in enumerate(data)
        if byte >= 0x80 or byte in b"\r\n\\"
        for by in (-1, 0, 1, 2)
    }
    ends = set(range(100)) | set(range(len(data) - 100, len(data)))
    return sorted(at for at in awkward | ends | set(range(0, len(data), 89)) if 0 < at < len(data))


def fold(events: Iterable[StreamEvent]) -> dict[str, Any]:
    """What a consumer knows after all events. What may come once only is asserted to."""
    known: dict[str, Any] = {"generated": False, "ended": False}
    usage = Usage()
    for event in events:
        match event:
            case Begun():
                assert "id" not in known, "begun twice"
                known |= {"id": event.id, "model": event.model}
            case Generated():
                assert not known["generated"], "generated twice"
                known["generated"] = True
            case Metered():
                usage = usage.merged(event.usage)
            case Finished():
                known |= {"finish": event.finish.unified.value, "raw": event.finish.raw}
            case Failed():
                assert "failure" not in known, "failed twice"
                known["failure"] = event.failure.kind.value
            case Ended():
                assert not known["ended"], "ended twice"
                known["ended"] = True
            case Truncated():
                assert "truncated" not in known, "truncated twice"
                known["truncated"] = True
            case PartBegun() | PartDelta() | PartCited() | PartEnded() | PartWhole():
                raise AssertionError("an observer tells of no parts")
            case _:
                assert_never(event)
    known["usage"] = {bucket: n for bucket, n in asdict(usage).items() if n is not None}
    return {key: value for key, value in known.items() if value is not None and value != {}}


def is_over(events: Iterable[StreamEvent]) -> bool:
    """Whether the decoder knows how the answer ended."""
    return any(isinstance(event, Ended | Failed) for event in events)
