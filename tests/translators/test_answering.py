"""The way back of a conversion: whole answers, streams, and each made of the other.

The two dialects here are as small as can be. The caller's writes one line for an event. The
upstream's has a JSON list of parts for an answer, and one line for each part in a stream.
"""

import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from translators.anthropic import PROTOCOL
from translators.canonical.capabilities import Capabilities
from translators.canonical.failure import Failure, Kind
from translators.canonical.finish import Finish, Reason
from translators.canonical.loss import Encoded, Loss, LossKind
from translators.canonical.parts import Part, Text, ToolCall, ToolKind
from translators.canonical.reply import ReplyContext
from translators.canonical.request import Request, Tool
from translators.canonical.response import Response
from translators.canonical.stream import (
    Begun,
    Ended,
    Failed,
    Finished,
    PartBegun,
    PartDelta,
    PartEnded,
    StreamEvent,
    Truncated,
)
from translators.conversion import CUT_OFF, DEFECT, UNREADABLE, Answering, Conversion, convert
from translators.protocol import NotUnderstood, Protocol, StreamEncoder, ToolRules
from translators.tools import AS_FUNCTION, ToolMap

DROPPED = Loss("user", LossKind.DROPPED)
CLAMPED = Loss("temperature", LossKind.CLAMPED)
STOP = Finish(Reason.STOP, None)
RULES = ToolRules("[a-z.]+", 64, "[a-z0-9_]+", 64)


@dataclass
class LineDecoder:
    """`name` or `:text` or `end` in a line; anything else is not understood."""

    held: bytes = b""
    key: int = -1
    ended: bool = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        *lines, self.held = (self.held + data).split(b"\n")
        return [event for line in lines for event in self._read(line.decode())]

    def _read(self, line: str) -> list[StreamEvent]:
        if line == "end":
            self.ended = True
            return [Finished(STOP), Ended()]
        if line == "defect":
            raise KeyError(line)
        if line == "wrong":
            return [PartDelta(99, "x")]
        if line.startswith("?"):
            raise NotUnderstood("what?")
        self.key += 1
        if line.startswith(":"):
            return [
                PartBegun(self.key, Text("")),
                PartDelta(self.key, line[1:]),
                PartEnded(self.key),
            ]
        return [PartBegun(self.key, ToolCall("", line, "")), PartEnded(self.key)]

    def close(self) -> list[StreamEvent]:
        return [] if self.ended else [Truncated()]


@dataclass
class LineEncoder:
    """An event's name and what it says, a line each; `sick` texts make it break."""

    content_type: str = "text/lines"
    losses: tuple[Loss, ...] = (Loss("x", LossKind.DROPPED),)
    written: list[StreamEvent] = field(default_factory=list)

    def write(self, event: StreamEvent) -> bytes:
        match event:
            case PartDelta(text="sick"):
                raise TypeError("cannot")
            case PartDelta(text="huge"):
                raise NotUnderstood("too much")
            case Failed(failure) if failure.message == "unspeakable":
                raise IndexError("cannot even say that")
            case PartBegun(part=ToolCall(name=name)):
                return f"call {name}\n".encode()
            case PartDelta(text=text):
                return f"{text}\n".encode()
            case Failed(failure):
                return f"failed {failure.message}\n".encode()
            case _:
                return f"{type(event).__name__}\n".encode()

    def ping(self) -> bytes:
        return b"ping\n"


def _decode(body: bytes, issuer: str) -> Response:
    if not body.startswith(b"["):
        raise NotUnderstood("no list")
    parts: list[Part] = []
    for line in json.loads(body):
        parts.append(Text(line[1:]) if line.startswith(":") else ToolCall("", line, ""))
    return Response("1", issuer, tuple(parts), STOP)


def _encode(response: Response, context: ReplyContext) -> Encoded:
    said: list[Any] = [
        part.name if isinstance(part, ToolCall) else part.text
        for part in response.parts
        if isinstance(part, ToolCall | Text)
    ]
    return Encoded(json.dumps([context.model, *said]).encode())


def _encoder(context: ReplyContext) -> StreamEncoder:
    return LineEncoder()


SOURCE: Protocol = replace(
    PROTOCOL,
    encode_response=_encode,
    stream_encoder=_encoder,
    tool_rules=RULES,
    render_failure=lambda failure, request_id: f"error {failure.message}".encode(),
    render_stream_failure=lambda failure, request_id: f"raw {failure.message}\n".encode(),
)
TARGET: Protocol = replace(
    PROTOCOL,
    decode_response=_decode,
    stream_decoder=lambda content_type, issuer: LineDecoder(),
)
TOOLS = ToolMap({"mcp__read": ("read", "function", "mcp", "")})
ANSWERING = Answering(SOURCE, TARGET, TOOLS, ReplyContext("seed", "a-model", 0), "home")


def _encode_request(request: Request, capabilities: Capabilities) -> Encoded:
    kinds = [tool.kind for tool in request.tools if isinstance(tool, Tool)]
    return Encoded(json.dumps([request.model, *kinds]).encode(), (DROPPED, CLAMPED))


def test_a_request() -> None:
    tools = (Tool("patch", kind=ToolKind.FREEFORM),)
    asked = Request("alias", (), tools, losses=(DROPPED,))
    rules = replace(RULES, freeform=True)
    target = replace(TARGET, encode_request=_encode_request, tool_rules=rules)

    rich = convert(asked, target, "real", Capabilities())
    assert rich == Conversion(b'["real", "freeform"]', (DROPPED, CLAMPED), ToolMap(), asked)

    poor = convert(asked, target, "real", Capabilities(freeform_tools=False))
    assert poor.body == b'["real", "function"]'
    assert poor.losses == (DROPPED, AS_FUNCTION, CLAMPED)
    assert poor.tools == ToolMap({"patch": ("patch", "freeform", "", "")})


def test_an_end_user_has_the_same_pseudonym_everywhere() -> None:
    def said(request: Request, capabilities: Capabilities) -> Encoded:
        return Encoded(str(request.user).encode())

    target = replace(TARGET, encode_request=said)
    asked = Request("alias", (), user="ann@example.org")
    made = convert(asked, target, "real", Capabilities())
    assert made.body == b"user-438c4c7afe600cdf1e455c369bec76dc"
    assert made.losses == () and made.request is asked
    assert convert(replace(asked, user=None), target, "real", Capabilities()).body == b"None"


def test_a_whole_answer() -> None:
    response, encoded = ANSWERING.whole(b'[":hi", "mcp__read"]')

    text, call = response.parts
    assert text == Text("hi")
    assert isinstance(call, ToolCall)
    assert (call.namespace, call.name, call.id[:5]) == ("mcp", "read", "call_")
    assert response.model == "home"
    assert encoded == Encoded(b'["a-model", "hi", "read"]')


def test_a_whole_answer_that_cannot_be_read() -> None:
    with pytest.raises(NotUnderstood):
        ANSWERING.whole(b"<html>")


def test_a_whole_answer_with_a_failure_in_it_is_the_callers_error() -> None:
    broken = Response("1", None, (Text("hi"),), failure=Failure(Kind.OVERLOADED, "busy"))
    answering = replace(ANSWERING, target=replace(TARGET, decode_response=lambda *_: broken))

    assert answering.whole(b"") == (broken, Encoded(b"error busy"))


def test_a_stream() -> None:
    passage = ANSWERING.stream("text/event-stream")

    assert passage.content_type == "text/lines"
    assert passage.ping() == b"ping\n"
    assert passage.feed(b":h") == (b"", [])
    assert passage.feed(b"i\nmcp__read\n")[0] == b"PartBegun\nhi\nPartEnded\ncall read\nPartEnded\n"
    assert passage.feed(b"end\n") == (b"Finished\nEnded\n", [Finished(STOP), Ended()])
    assert passage.close() == (b"", [])
    assert passage.losses == (Loss("x", LossKind.DROPPED),)
    assert passage.defect is None


def test_nothing_comes_after_the_end() -> None:
    passage = ANSWERING.stream("text/event-stream")
    passage.feed(b"end\n")

    assert passage.feed(b"end\n") == (b"", [])
    assert passage.close() == (b"", [])
    assert passage.ping() == b""
    assert passage.fail(CUT_OFF) == b""


def test_a_stream_that_is_cut_off_says_so() -> None:
    passage = ANSWERING.stream("text/event-stream")

    assert passage.close() == (b"Truncated\n", [Truncated()])
    assert passage.close() == (b"", [])


def test_a_failure_on_our_side_is_said_once() -> None:
    passage = ANSWERING.stream("text/event-stream")

    assert passage.fail(Failure(Kind.TIMEOUT, "late")) == b"failed late\n"
    assert passage.fail(Failure(Kind.TIMEOUT, "late")) == b""
    assert passage.feed(b":hi\n") == (b"", [])


@pytest.mark.parametrize(
    ("line", "failure", "defect"),
    [
        (b"?", UNREADABLE, None),
        (b":huge", UNREADABLE, None),
        (b"defect", DEFECT, KeyError),
        (b"wrong", DEFECT, AssertionError),
        (b":sick", DEFECT, TypeError),
    ],
)
def test_what_breaks_on_the_way_is_said_once(
    line: bytes, failure: Failure, defect: type[Exception] | None
) -> None:
    passage = ANSWERING.stream("text/event-stream")
    written, events = passage.feed(line + b"\n:more\nend\n")

    assert written.endswith(f"failed {failure.message}\n".encode())
    assert events[-1] == Failed(failure)
    assert type(passage.defect) is (defect or type(None))
    assert passage.feed(b"end\n") == (b"", [])
    assert passage.close() == (b"", [])


def test_an_encoder_that_cannot_say_the_failure_is_helped_out() -> None:
    passage = ANSWERING.stream("text/event-stream")

    assert (
        passage.fail(Failure(Kind.INTERNAL, "unspeakable")) == f"failed {DEFECT.message}\n".encode()
    )
    dumb = replace(ANSWERING, source=replace(SOURCE, stream_encoder=lambda context: Dumb())).stream(
        "text/event-stream"
    )
    assert dumb.feed(b":hi\n") == (
        f"raw {DEFECT.message}\n".encode(),
        [PartBegun(0, Text("")), Failed(DEFECT)],
    )


class Dumb(LineEncoder):
    def write(self, event: StreamEvent) -> bytes:
        raise ValueError("nothing to say")


def test_a_stream_is_folded_for_a_caller_who_wants_it_whole() -> None:
    folding = ANSWERING.folding("text/event-stream")

    assert len(folding.feed(b":hi\nmcp__")) == 3
    assert len(folding.feed(b"read\nend\n")) == 4
    events, response, encoded = folding.close()
    assert events == []
    assert response.finish == STOP
    assert encoded.body == b'["a-model", "hi", "read"]'


@pytest.mark.parametrize(("lines", "failure"), [(b":hi\n", CUT_OFF), (b"?\n", UNREADABLE)])
def test_what_is_not_complete_is_never_folded_into_an_answer(
    lines: bytes, failure: Failure
) -> None:
    folding = ANSWERING.folding("text/event-stream")
    folding.feed(lines)

    _, response, encoded = folding.close()
    assert response.failure == failure
    assert encoded == Encoded(f"error {failure.message}".encode())
    assert folding.defect is None


def test_the_answer_begins_as_the_upstream_says() -> None:
    opened = replace(
        TARGET,
        stream_decoder=lambda content_type, issuer: Opening(),
    )
    passage = replace(ANSWERING, target=opened).stream("text/event-stream")

    assert passage.feed(b"") == (b"Begun\n", [Begun("1", "m")])


class Opening(LineDecoder):
    def feed(self, data: bytes) -> list[StreamEvent]:
        return [Begun("1", "m")]
