"""The way of an answer that comes in an envelope: out of it, then on its usual way."""

from typing import TYPE_CHECKING

from extproc.wires import ENVELOPES
from extproc.wires.envelope import Framing
from translators.canonical.loss import Loss

if TYPE_CHECKING:
    from extproc.exchange.ticket import Ticket
    from extproc.passage import NativeWay, Passage, Passed, Refused, TranslatedWay, Whole
    from extproc.world import World

_UNBELIEVED = frozenset({401, 403})


class FramedWay:
    """A way with the envelope taken off before it. An upstream that does not believe who asks is
    told on to who keeps the tokens."""

    def __init__(self, way: "NativeWay | TranslatedWay", world: "World", ticket: "Ticket") -> None:
        self._way = way
        self._vouching = world.vouching if ticket.vouched else None
        self._account = ticket.account or ""
        self._protocol = ticket.upstream_protocol
        self._envelope = ENVELOPES[ticket.wire] if ticket.wire else None
        framing = self._envelope.framing if self._envelope is not None else None
        self._framing = framing
        self.translated = way.translated
        # What is left behind the last event is frames, which nobody could read.
        self.drops_rest = way.drops_rest or framing is not None
        self.answers: dict[str, str] | None = None

    def opened(self, headers: dict[str, str]) -> dict[str, str]:
        """The answer's headers, as the protocol's own server would send them."""
        if self._envelope is None or self._envelope.headers is None:
            return headers
        seen = self._envelope.headers(headers)
        self.answers = {"content-type": seen.get("content-type", "application/json")}
        return seen

    def refusal(self, status: int, headers: dict[str, str], body: bytes) -> "Refused":
        """An error answer in the protocol's shape, and whether it is as it came."""
        told = status, body
        if self._envelope is not None and self._envelope.refusal is not None:
            told = self._envelope.refusal(self._protocol, status, headers, body)
        if told[0] in _UNBELIEVED and self._vouching is not None:
            self._vouching.doubt(self._account)
        return *told, told == (status, body)

    def whole(self, body: bytes, content_type: str) -> "Whole":
        """Raises NotUnderstood."""
        opened = self._envelope.whole if self._envelope is not None else None
        return self._way.whole(opened(body) if opened else body, content_type)

    def stream(self, content_type: str) -> "Passage":
        passage = self._way.stream(content_type)
        return FramedPassage(passage, self._framing()) if self._framing is not None else passage


class FramedPassage:
    """A stream with its frames taken off."""

    __slots__ = ("_framing", "_passage")

    def __init__(self, passage: "Passage", framing: Framing) -> None:
        self._passage = passage
        self._framing = framing

    @property
    def content_type(self) -> str | None:
        return self._passage.content_type

    @property
    def losses(self) -> tuple[Loss, ...]:
        return self._passage.losses

    @property
    def counted(self) -> int:
        return self._passage.counted

    @property
    def defect(self) -> Exception | None:
        return self._passage.defect

    def feed(self, data: bytes) -> "Passed":
        opened = self._framing.feed(data)
        return self._passage.feed(opened) if opened else (b"", [])

    def close(self) -> "Passed":
        rest = self._framing.close()
        out, events = self._passage.feed(rest) if rest else (b"", [])
        more, last = self._passage.close()
        return out + more, [*events, *last]

    def ping(self) -> bytes:
        return self._passage.ping()
