"""Whatever comes, nothing is raised, memory stays bounded, and a fault ends with a GOAWAY.

Frames are drawn by kind, flags, stream and content, near what is legal, mixed with damaged bytes; a
crude application reads, answers, gives up and is full in between.
"""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.http2 import events, frames
from extproc.http2.connection import Connection, Limits
from extproc.http2.frames import ErrorCode
from extproc.http2.messages import Status
from extproc.http2.streams import RECEIVE_WINDOW, Stream
from tests.extproc.http2.memory import message
from tests.extproc.http2.test_faults import GREETING, block, headers

MAX_MESSAGE = 5_000
MAX_STREAMS = 4
IDS = st.sampled_from([0, 1, 1, 1, 3, 3, 5, 7, 9, 11, 2, 2**31 - 1])
CONTENT = st.one_of(
    st.binary(max_size=40),
    st.builds(message, st.binary(max_size=60)),
    st.builds(message, st.just(b"x" * MAX_MESSAGE)),
    st.just(block()),
    st.sampled_from([b"\0\0\0\0", b"\0\0\0\1", b"\x7f\xff\xff\xff", b"12345678", b"\0\4\0\0\0\0"]),
)
FRAME = st.builds(
    frames.frame,
    st.one_of(st.sampled_from([0, 0, 0, 1, 3, 8]), st.integers(0, 10)),
    st.one_of(st.sampled_from([0, 1, 4, 5, 8, 0x20]), st.integers(0, 255)),
    IDS,
    CONTENT,
)
LEGAL = st.one_of(
    st.builds(headers, st.sampled_from([1, 3, 5, 7, 9, 11, 13])),
    st.builds(
        frames.frame, st.just(0), st.sampled_from([0, 0, 0, 1]), st.sampled_from([1, 3, 5]), CONTENT
    ),
    st.builds(frames.rst_stream, st.sampled_from([1, 3, 5]), st.just(ErrorCode.CANCEL)),
    st.builds(frames.window_update, st.sampled_from([0, 1, 3]), st.integers(1, 10_000)),
    st.builds(lambda w: frames.settings({4: w}), st.integers(0, 20_000)),
)
STEP = st.one_of(LEGAL, LEGAL, LEGAL, FRAME, st.sampled_from(["read", "say", "end", "full", "go"]))


class Application:
    """Runs calls, badly."""

    def __init__(self) -> None:
        self.connection = Connection(Limits(MAX_MESSAGE, MAX_STREAMS))
        self.running: list[Stream] = []
        self.waiting: dict[int, int] = {}

    def take(self, told: list[events.Event]) -> None:
        for event in told:
            if isinstance(event, events.Opened):
                self.running.append(event.stream)
                self.waiting[event.stream.id] = 0
            elif isinstance(event, events.Sent):
                self.waiting[event.stream.id] -= 1
                assert self.waiting[event.stream.id] >= 0

    def do(self, step: str) -> None:
        connection = self.connection
        match step:
            case "full" | "go":
                connection.outbound.paused = step == "full"
            case "end" if self.running:
                connection.end_call(self.running.pop(0), Status.OK)
        for stream in self.running:
            if step == "read" and stream.inbox:
                connection.next_message(stream)
            if step == "say" and not self.waiting[stream.id]:
                gone = connection.outbound.send(stream, b"x" * 300)
                self.waiting[stream.id] += not gone
        self.take(connection.leftover())
        self.take(connection.pump())

    def check(self) -> None:
        """What is held is bounded, and what is said can be read."""
        connection = self.connection
        assert len(connection.streams) <= MAX_STREAMS and connection.calls == len(self.running)
        for stream in self.running:
            inbox = sum(map(len, stream.inbox))
            assert inbox <= RECEIVE_WINDOW + MAX_MESSAGE
            assert stream.ended or not stream.over
        if not connection.outbound.paused:
            kinds = [frame[0] for frame in frames.FrameReader().feed(connection.outbound.take())]
            assert (frames.GOAWAY in kinds) == connection.closing


@settings(max_examples=400, deadline=None)
@given(st.lists(STEP, max_size=60), st.integers(1, 400))
def test_nothing_is_raised_and_everything_is_bounded(steps: list[Any], cut: int) -> None:
    application = Application()
    application.take(application.connection.receive(GREETING, 0))
    for step in steps:
        if isinstance(step, str):
            application.do(step)
        else:
            for start in range(0, len(step), cut):
                application.take(application.connection.receive(step[start : start + cut], 0))
        if application.connection.closing:
            break
    application.do("go")
    application.check()


@settings(max_examples=300, deadline=None)
@given(
    st.lists(LEGAL, min_size=1, max_size=20),
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=5),
)
def test_damaged_bytes_are_a_fault_or_something_legal(
    steps: list[bytes], damages: list[tuple[int, int]]
) -> None:
    data = bytearray(GREETING + b"".join(steps))
    for at, value in damages:
        data[at % len(data)] = value
    application = Application()
    application.take(application.connection.receive(bytes(data), 0))
    application.do("read")
    application.do("say")
    application.check()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_random_bytes_are_nothing(data: bytes, greeted: bool) -> None:
    application = Application()
    application.take(application.connection.receive((GREETING if greeted else b"") + data, 0))
    application.check()
