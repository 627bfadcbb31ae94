"""From a caller's body to the upstream's, and from the upstream's answer back to the caller.

The steps of every conversion are the same. There: decode, fit the tools to the target's rules,
encode. Back: decode, give the tools their own names, encode. The protocols know their own dialect
and the neutral form; nothing here knows any dialect.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from translators.canonical.capabilities import Capabilities
from translators.canonical.failure import Failure, Kind
from translators.canonical.loss import Encoded, Loss, Neutral, unique
from translators.canonical.reply import ReplyContext
from translators.canonical.request import Request
from translators.canonical.response import Fold, Response, fold, unfold
from translators.canonical.stream import Ended, Failed, StreamEvent, Truncated
from translators.ordering import Grammar
from translators.protocol import NotUnderstood, Protocol, StreamDecoder
from translators.tools import Restorer, ToolMap, fitted

UNREADABLE = Failure(Kind.UPSTREAM, "The upstream's answer could not be read.")
CUT_OFF = Failure(Kind.UPSTREAM, "The upstream's answer ended before it was complete.")
DEFECT = Failure(Kind.INTERNAL, "The answer could not be translated.")

# What a defect of a decoder or an encoder raises. It is ours, so the caller is told no more than
# that; who runs the gateway finds it in `Passage.defect`.
_DEFECTS = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Conversion:
    """A body for the upstream, its losses, and the map that gives tools their own names back.
    `request` is the caller's."""

    body: bytes
    losses: tuple[Loss, ...]
    tools: ToolMap
    request: Request


def convert(
    request: Request, target: Protocol, model: str, capabilities: Capabilities
) -> Conversion:
    """The request in the target's dialect, under the upstream's model name and the end user's
    pseudonym.

    Raises NotUnderstood where the target has no way to say it and no loss would be honest.
    """
    if request.choices > 1:
        # A translated answer has one choice; the others would be billed and thrown away.
        message = "Several choices cannot be had in a translation; ask for one."
        raise NotUnderstood(message, param=Neutral.CHOICES)
    rules = target.tool_rules
    if not capabilities.freeform_tools:
        rules = replace(rules, freeform=False)
    user = pseudonym(request.user) if request.user else None
    fitting, tools, losses = fitted(replace(request, model=model, user=user), rules)
    encoded = target.encode_request(fitting, capabilities)
    return Conversion(
        encoded.body, unique((*request.losses, *losses, *encoded.losses)), tools, request
    )


def pseudonym(user: str) -> str:
    """What another provider gets for the id of an end user: always the same, so that it can tell
    users apart where it looks for abuse, and no name, address or account to be read in it."""
    digest = hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()
    return f"user-{digest[:32]}"


@dataclass(frozen=True, slots=True)
class Answering:
    """The way back of one exchange. `source` is the caller's protocol, `target` the upstream's,
    `issuer` the family whose seals the answer carries. Each answer is one call of one method."""

    source: Protocol
    target: Protocol
    tools: ToolMap
    context: ReplyContext
    issuer: str

    def whole(self, body: bytes) -> tuple[Response, Encoded]:
        """A whole answer for a caller who wants one; NotUnderstood where it cannot be read.

        A response with a failure in it is written as the caller's error.
        """
        response = self.target.decode_response(body, self.issuer)
        return self.written(fold(self.restorer().restored(unfold(response))))

    def stream(self, content_type: str) -> "Passage":
        """For a caller who wants a stream; by the content type of what the upstream sends."""
        return Passage(self, content_type)

    def folding(self, content_type: str) -> "Folding":
        """For a caller who wants a whole answer of an upstream that streams."""
        return Folding(self, content_type)

    def restorer(self) -> Restorer:
        return Restorer(self.tools, self.source.tool_rules, self.context.seed)

    def written(self, response: Response) -> tuple[Response, Encoded]:
        """The response and its bytes. The caller of this sees the failure and sends its status."""
        if response.failure is not None:
            body = self.source.render_failure(response.failure, self.context.error_id)
            return response, Encoded(body)
        return response, self.source.encode_response(response, self.context)


class _Reading:
    """The upstream's stream as the caller's events: decoded, checked, tools restored.

    What cannot be read ends it: a last Failed, and nothing after.
    """

    def __init__(self, answering: Answering, content_type: str) -> None:
        target = answering.target
        self._decoder: StreamDecoder = target.stream_decoder(content_type, answering.issuer)
        self._grammar = Grammar()
        self._restorer = answering.restorer()
        self.over = False
        self.defect: Exception | None = None

    def feed(self, data: bytes) -> list[StreamEvent]:
        return self._read(data)

    def close(self) -> list[StreamEvent]:
        return self._read(None)

    def _read(self, data: bytes | None) -> list[StreamEvent]:
        """`None`: there are no more bytes."""
        read: list[StreamEvent] = []
        if self.over:
            return read
        try:
            events = self._decoder.close() if data is None else self._decoder.feed(data)
            for event in events:
                self._grammar.check(event)
                read += self._restorer.restored((event,))
        except NotUnderstood:
            read.append(Failed(UNREADABLE))
        except _DEFECTS as error:
            self.defect = error
            read.append(Failed(DEFECT))
        if read and isinstance(read[-1], Ended | Failed | Truncated):
            self.over = True
        return read


class Passage:
    """A stream on its way to a caller who wants one.

    `feed` and `close` give the caller's bytes and the events that they say; the events include the
    terminal one, which may be a failure found here. After it there are no more bytes. `defect` is
    the exception, where a failure is our own.
    """

    def __init__(self, answering: Answering, content_type: str) -> None:
        self._source = answering.source
        self._error_id = answering.context.error_id
        self._reading = _Reading(answering, content_type)
        self._encoder = answering.source.stream_encoder(answering.context)
        self._over = False
        self._defect: Exception | None = None

    @property
    def content_type(self) -> str:
        return self._encoder.content_type

    @property
    def losses(self) -> tuple[Loss, ...]:
        return self._encoder.losses

    @property
    def defect(self) -> Exception | None:
        return self._reading.defect or self._defect

    def feed(self, data: bytes) -> tuple[bytes, list[StreamEvent]]:
        return (b"", []) if self._over else self._write(self._reading.feed(data))

    def close(self) -> tuple[bytes, list[StreamEvent]]:
        """The upstream sends no more. A stream without its end is said to be cut off."""
        return (b"", []) if self._over else self._write(self._reading.close())

    def fail(self, failure: Failure) -> bytes:
        """The exchange failed on our side of the upstream. Nothing, once the stream is over."""
        return b"" if self._over else self._write([Failed(failure)])[0]

    def ping(self) -> bytes:
        """A sign of life, where the caller's dialect has one."""
        return b"" if self._over else self._encoder.ping()

    def _write(self, events: Iterable[StreamEvent]) -> tuple[bytes, list[StreamEvent]]:
        pieces: list[bytes] = []
        written: list[StreamEvent] = []
        for event in events:
            failure = self._write_one(event, pieces)
            written.append(event)
            if failure is not None:
                pieces.append(self._last_word(failure))
                written.append(Failed(failure))
            if isinstance(written[-1], Ended | Failed | Truncated):
                self._over = True
                break
        return b"".join(pieces), written

    def _write_one(self, event: StreamEvent, pieces: list[bytes]) -> Failure | None:
        """The failure, where the event could not be written."""
        try:
            pieces.append(self._encoder.write(event))
        except NotUnderstood:
            return UNREADABLE
        except _DEFECTS as error:
            self._defect = error
            return DEFECT
        return None

    def _last_word(self, failure: Failure) -> bytes:
        """The failure by the encoder, or without it where it cannot even say that."""
        pieces: list[bytes] = []
        if self._write_one(Failed(failure), pieces) is None:
            return b"".join(pieces)
        return self._source.render_stream_failure(failure, self._error_id)


class Folding:
    """A stream on its way to a caller who wants a whole answer.

    `feed` gives the events as they come, for the meter; `close` the answer. Its response has a
    failure where the stream had one, also where it was cut off.
    """

    def __init__(self, answering: Answering, content_type: str) -> None:
        self._answering = answering
        self._reading = _Reading(answering, content_type)
        self._fold = Fold()
        self._cut_off = False

    @property
    def defect(self) -> Exception | None:
        return self._reading.defect

    def feed(self, data: bytes) -> list[StreamEvent]:
        return self._take(self._reading.feed(data))

    def close(self) -> tuple[list[StreamEvent], Response, Encoded]:
        events = self._take(self._reading.close())
        response = self._fold.response()
        if self._cut_off:
            response = replace(response, failure=CUT_OFF)
        return events, *self._answering.written(response)

    def _take(self, events: list[StreamEvent]) -> list[StreamEvent]:
        self._fold.take(events)
        self._cut_off = self._cut_off or Truncated() in events
        return events
