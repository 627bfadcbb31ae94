"""What a connection tells whoever runs its streams."""

from dataclasses import dataclass

from extproc.http2.streams import Stream


@dataclass(frozen=True, slots=True)
class Opened:
    """A request began."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class Readable:
    """Something came, messages or the end."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class Sent:
    """The oldest message that waited has gone."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class Gone:
    """The stream is over, whatever waits for it; what came whole may still be read."""

    stream: Stream


Event = Opened | Readable | Sent | Gone
