"""A connection of ours and an independent client (`h2`), with nothing between them but memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from struct import pack
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event

from extproc.http2 import events
from extproc.http2.connection import Connection, Limits
from extproc.http2.messages import Status
from extproc.http2.streams import Stream

MAX_MESSAGE = 4 * 1024 * 1024
REQUEST = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/test.Echo/Echo"),
    (":authority", "worker"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
]


def message(data: bytes, compressed: int = 0) -> bytes:
    """As gRPC frames it, written here anew."""
    return pack(">BI", compressed, len(data)) + data


def messages(data: bytes) -> list[bytes]:
    """The messages in whole DATA, by another reader than the server's."""
    found = []
    while data:
        length = int.from_bytes(data[1:5], "big")
        assert data[0] == 0 and len(data) >= 5 + length
        found.append(data[5 : 5 + length])
        data = data[5 + length :]
    return found


def server(max_message: int = MAX_MESSAGE, max_streams: int = 1000) -> Connection:
    return Connection(Limits(max_message, max_streams))


@dataclass
class Pair:
    """`now` is the server's clock. `piece` cuts what the client sends into pieces of that size."""

    connection: Connection = field(default_factory=server)
    piece: int | None = None
    now: float = 0.0

    def __post_init__(self) -> None:
        config = H2Configuration(client_side=True, header_encoding="utf-8")
        self.client: Any = H2Connection(config)
        self.client.initiate_connection()
        self.opened: list[Stream] = []
        self.gone: list[Stream] = []
        self.sent: list[Stream] = []
        self.heard: list[Event] = []

    def request(self, *sent: bytes, end: bool = False, headers: Any = REQUEST) -> int:
        stream_id: int = self.client.get_next_available_stream_id()
        self.client.send_headers(stream_id, headers, end_stream=end and not sent)
        for number, data in enumerate(sent, 1):
            self.client.send_data(stream_id, data, end_stream=end and number == len(sent))
        return stream_id

    def cross(self) -> list[Event]:
        """Everything that either side has to say reaches the other. Gives what the client heard."""
        heard: list[Event] = []
        while True:
            moved = self.to_server(self.client.data_to_send())
            moved |= self.to_client(heard)
            if not moved:
                self.heard += heard
                return heard

    def to_server(self, data: bytes) -> bool:
        size = self.piece or max(len(data), 1)
        for start in range(0, len(data), size):
            self.take(self.connection.receive(data[start : start + size], self.now))
        return bool(data)

    def to_client(self, heard: list[Event]) -> bool:
        self.take(self.connection.pump())
        if not self.connection.outbound.collected:
            return False
        for event in self.client.receive_data(self.connection.outbound.take()):
            heard.append(event)
            if isinstance(event, DataReceived) and self.granting:
                size, stream_id = event.flow_controlled_length, event.stream_id
                self.client.acknowledge_received_data(size, stream_id)
        return True

    granting: bool = True  # whether the client fills up the windows

    def take(self, told: Iterable[events.Event]) -> None:
        for event in told:
            match event:
                case events.Opened():
                    self.opened.append(event.stream)
                case events.Gone():
                    self.gone.append(event.stream)
                case events.Sent():
                    self.sent.append(event.stream)
                case events.Readable():
                    pass

    def received(self, stream: Stream) -> list[bytes]:
        return list(self._received(stream))

    def _received(self, stream: Stream) -> Iterator[bytes]:
        while stream.inbox:
            yield self.connection.next_message(stream)

    def answer(self, stream: Stream, *sent: bytes, status: Status = Status.OK) -> None:
        for data in sent:
            self.connection.outbound.send(stream, data)
        self.connection.end_call(stream, status)

    def data(self, stream_id: int) -> bytes:
        """All that the client heard on a stream."""
        return b"".join(
            event.data
            for event in self.heard
            if isinstance(event, DataReceived) and event.stream_id == stream_id
        )

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.heard if isinstance(event, kind)]
