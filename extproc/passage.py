"""The two ways of an answer: bytes pass as they come, or are said anew in the caller's protocol.

A way knows how whole answers and streams go along it; a passage is one stream under way: it takes
the upstream's bytes and gives the client's, with what is to be known of them.
"""

from typing import NamedTuple
from typing import Protocol as TypingProtocol

from extproc import failures
from extproc.exchange.ticket import Ticket
from extproc.wires.framed import FramedWay
from extproc.world import World
from translators.canonical.loss import Loss
from translators.canonical.response import unfold
from translators.canonical.stream import Failed, Generated, PartDelta, StreamEvent, Truncated
from translators.conversion import Answering
from translators.conversion import Passage as AnsweringPassage
from translators.protocol import NotUnderstood, Protocol, StreamDecoder
from translators.text_size import TextSize

Passed = tuple[bytes, list[StreamEvent]]
Refused = tuple[int, bytes, bool]  # status and body of an error, and whether they are as they came


class Whole(NamedTuple):
    """A whole answer for the client, and what it says."""

    body: bytes
    events: list[StreamEvent]
    losses: tuple[Loss, ...] = ()
    defect: Exception | None = None


class Passage(TypingProtocol):
    """`close` is called once, at the upstream's end. `ping` is a sign of life, empty where there is
    none. `content_type` None: the upstream's own."""

    @property
    def content_type(self) -> str | None: ...

    @property
    def losses(self) -> tuple[Loss, ...]: ...

    @property
    def counted(self) -> int:
        """Tokens of the answer so far, by what was seen of them."""

    @property
    def defect(self) -> Exception | None:
        """What broke it, where the fault is ours: it was told to the client as an error."""

    def feed(self, data: bytes) -> Passed: ...

    def close(self) -> Passed: ...

    def ping(self) -> bytes: ...


class _AsItCame:
    """An answer in no envelope: nothing is to be taken off."""

    drops_rest = False  # whether what comes behind the last event is not for the client
    answers: dict[str, str] | None = None  # headers that stand for the upstream's own

    def opened(self, headers: dict[str, str]) -> dict[str, str]:
        return headers

    def refusal(self, status: int, headers: dict[str, str], body: bytes) -> Refused:
        return status, body, True


class NativeWay(_AsItCame):
    """The upstream speaks the caller's protocol: an observer reads along."""

    translated = False

    def __init__(self, world: World, ticket: Ticket) -> None:
        self._protocol = world.protocol(ticket.upstream_protocol)
        self._request_id = ticket.request_id

    def whole(self, body: bytes, content_type: str) -> Whole:
        """Raises NotUnderstood."""
        return Whole(body, self._protocol.observe_response(body))

    def stream(self, content_type: str) -> Passage:
        return NativePassage(self._protocol, content_type, self._request_id)


class NativePassage:
    """Bytes pass unchanged."""

    __slots__ = (
        *("_events", "_generating", "_observer", "_protocol", "_request_id"),
        *("_size", "_texts"),
    )

    content_type = None
    losses: tuple[Loss, ...] = ()
    defect = None

    def __init__(self, protocol: Protocol, content_type: str, request_id: str) -> None:
        self._observer: StreamDecoder | None = protocol.stream_observer(content_type)
        self._protocol = protocol
        self._request_id = request_id
        self._generating = False
        self._texts = TextSize(protocol.text_fields)
        self._size = 0
        self._events = 0

    @property
    def counted(self) -> int:
        """By the text, four bytes to a token; an event has one at least."""
        return max(-(-self._size // 4), self._events)

    def feed(self, data: bytes) -> Passed:
        self._size += self._texts.feed(data)
        if self._generating:
            self._events += data.count(b"\ndata:") + data.startswith(b"data:")
        if self._observer is None:
            return data, []
        try:
            events = self._observer.feed(data)
        except NotUnderstood:
            # What cannot be read still passes; it cannot be observed from here on.
            self._observer = None
            return data, []
        if not self._generating and any(isinstance(event, Generated) for event in events):
            self._generating = True
            self._events = max(data.count(b"data:"), 1)
        return data, events

    def close(self) -> Passed:
        """A clean end without the protocol's marker is told to the client as an error."""
        if self._observer is None:
            return b"", []
        try:
            events = self._observer.close()
        except NotUnderstood:
            return b"", []
        if not any(isinstance(event, Truncated) for event in events):
            return b"", events
        failure = failures.truncated()
        return self._protocol.render_stream_failure(failure, self._request_id), events

    def ping(self) -> bytes:
        """None: the bytes may be in the middle of an event."""
        return b""


class TranslatedWay(_AsItCame):
    """The upstream speaks another protocol, or the caller wants another format."""

    translated = True
    drops_rest = True  # the answer has been said whole

    def __init__(self, world: World, ticket: Ticket) -> None:
        reply = ticket.reply
        assert reply is not None
        self._source = world.protocol(ticket.protocol)
        self._target = world.protocol(ticket.upstream_protocol)
        self._counting = reply.counting
        self._answering = Answering(
            self._source, self._target, reply.tools, reply.context, reply.issuer
        )

    def whole(self, body: bytes, content_type: str) -> Whole:
        """Raises NotUnderstood. An upstream that streams unasked is folded."""
        try:
            return self._whole(body, content_type)
        except NotUnderstood:
            raise
        except failures.DEFECTS as error:
            return Whole(b"", [Failed(failures.defect())], defect=error)

    def _whole(self, body: bytes, content_type: str) -> Whole:
        if self._counting:
            assert self._source.counting is not None and self._target.counting is not None
            return Whole(self._source.counting.render(self._target.counting.decode(body)), [])
        if content_type.startswith("text/event-stream"):
            folding = self._answering.folding(content_type)
            events = folding.feed(body)
            last, _, encoded = folding.close()
            return Whole(encoded.body, [*events, *last], encoded.losses, folding.defect)
        response, encoded = self._answering.whole(body)
        return Whole(encoded.body, list(unfold(response)), encoded.losses)

    def stream(self, content_type: str) -> Passage:
        return TranslatedPassage(self._answering.stream(content_type))


class TranslatedPassage:
    """Bytes are said anew, and what they say is counted."""

    __slots__ = ("_passage", "_size")

    def __init__(self, passage: AnsweringPassage) -> None:
        self._passage = passage
        self._size = 0

    @property
    def content_type(self) -> str | None:
        return self._passage.content_type

    @property
    def losses(self) -> tuple[Loss, ...]:
        return self._passage.losses

    @property
    def defect(self) -> Exception | None:
        return self._passage.defect

    @property
    def counted(self) -> int:
        """By the text, four bytes to a token."""
        return -(-self._size // 4)

    def feed(self, data: bytes) -> Passed:
        return self._count(self._passage.feed(data))

    def close(self) -> Passed:
        return self._count(self._passage.close())

    def ping(self) -> bytes:
        return self._passage.ping()

    def _count(self, passed: Passed) -> Passed:
        for event in passed[1]:
            if isinstance(event, PartDelta):
                text = event.text
                self._size += len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
        return passed


def way(world: World, ticket: Ticket) -> NativeWay | TranslatedWay | FramedWay:
    """The way of this exchange's answer."""
    made = NativeWay(world, ticket) if ticket.reply is None else TranslatedWay(world, ticket)
    return FramedWay(made, world, ticket) if ticket.wire or ticket.vouched else made
