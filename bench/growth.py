"""What a translation costs as conversations and streams grow: it must grow as they do, not faster.

Measured in this process, without Envoy: only the translators run. Each of the twelve pairs converts
conversations and streams of one, four and sixteen times a size; the ratio is the cost of one piece
in the longest beside one in the shortest, and a quadratic step anywhere would show as 16.
"""

import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from itertools import permutations

import orjson

from bench.report import LINEAR, Figure, Section, judged
from translators.canonical.capabilities import Capabilities
from translators.canonical.finish import Finish, Reason
from translators.canonical.parts import Text, ToolCall, ToolResult
from translators.canonical.reply import ReplyContext
from translators.canonical.request import Request, Role, Tool, Turn
from translators.canonical.stream import (
    Begun,
    Ended,
    Finished,
    Metered,
    PartBegun,
    PartDelta,
    PartEnded,
    StreamEvent,
)
from translators.canonical.usage import Usage
from translators.conversion import Answering, convert
from translators.protocol import Protocol, discover
from translators.tools import ToolMap

TIMES = (1, 4, 16)
COLUMNS = ("1 x", "4 x", "16 x", "MB at 16 x")
CONVERSATION_BYTES = 64 * 1024  # at 1 x; at 16 x it is one megabyte
CHUNKS = 313  # at 1 x; at 16 x some 5,000
_WORDS = 'The quick brown fox jumps over the lazy dog and says "good morning" to it. ' * 4
_SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
_CONTEXT = ReplyContext("bench", "bench-model", 1_700_000_000)


def measure(seconds: float) -> list[Section]:
    """Two sections; each figure is the least of the runs that fit into `seconds`."""
    protocols = discover()
    pairs = list(permutations(protocols.values(), 2))
    return [
        _section(
            "Translation: cost by the length of the conversation",
            [_conversations(source, target, seconds) for source, target in pairs],
            "Microseconds for a kilobyte of the body, decoded and encoded; 16 x is 1 MB.",
        ),
        _section(
            "Translation: cost by the length of the stream",
            [_streams(source, target, seconds) for source, target in pairs],
            f"Microseconds for a chunk; 16 x is {CHUNKS * 16} chunks.",
        ),
    ]


def _section(title: str, rows: Sequence[Figure], note: str) -> Section:
    return Section(title, COLUMNS, rows, "16 x / 1 x", [note])


def _figure(what: str, costs: Sequence[float], peak: int) -> Figure:
    values: dict[str, float | None] = dict(zip(COLUMNS, costs, strict=False))
    values[COLUMNS[-1]] = peak / 1024**2
    return judged(what, "mixed", values, LINEAR, ratio=costs[-1] / costs[0])


def _conversations(source: Protocol, target: Protocol, seconds: float) -> Figure:
    bodies = [source.encode_request(_conversation(n), Capabilities()).body for n in TIMES]

    def work(body: bytes) -> Callable[[], object]:
        return lambda: convert(source.decode_request(body), target, "m", Capabilities())

    costs = [_least(work(body), seconds) / (len(body) / 1024) for body in bodies]
    return _figure(f"{source.name} to {target.name}", costs, _peak(work(bodies[-1])))


def _streams(source: Protocol, target: Protocol, seconds: float) -> Figure:
    """`source` is the caller's protocol, `target` the upstream's, as in a request."""
    streams = [list(_stream(target, n * CHUNKS)) for n in TIMES]

    def work(pieces: Sequence[bytes]) -> Callable[[], object]:
        return lambda: _pass(Answering(source, target, ToolMap(), _CONTEXT, target.name), pieces)

    costs = [_least(work(pieces), seconds) / len(pieces) for pieces in streams]
    return _figure(f"{target.name} to {source.name}", costs, _peak(work(streams[-1])))


def _pass(answering: Answering, pieces: Sequence[bytes]) -> int:
    passage = answering.stream("text/event-stream")
    size = sum(len(passage.feed(piece)[0]) for piece in pieces)
    return size + len(passage.close()[0])


def _least(work: Callable[[], object], seconds: float) -> float:
    """Microseconds of CPU, the least of several runs: noise only adds."""
    least = float("inf")
    end = time.perf_counter() + seconds
    while least == float("inf") or time.perf_counter() < end:
        start = time.process_time_ns()
        work()
        least = min(least, (time.process_time_ns() - start) / 1000)
    return least


def _peak(work: Callable[[], object]) -> int:
    """Bytes beyond what was there before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _conversation(times: int) -> Request:
    """Turns of a tool loop: a question, a call, its result, an answer."""
    turns: list[Turn] = []
    number = 0
    while len(turns) * len(_WORDS) < CONVERSATION_BYTES * times:
        number += 1
        call = ToolCall(f"call_{number:012d}", "read", orjson.dumps({"path": _WORDS}).decode())
        turns += [
            Turn(Role.USER, (Text(_WORDS),)),
            Turn(Role.ASSISTANT, (Text(_WORDS), call)),
            Turn(Role.USER, (ToolResult(call.id, (Text(_WORDS),), name="read"),)),
            Turn(Role.ASSISTANT, (Text(_WORDS),)),
        ]
    turns.append(Turn(Role.USER, (Text(_WORDS),)))
    return Request("m", tuple(turns), (Tool("read", "reads", _SCHEMA),), max_output_tokens=1000)


def _stream(upstream: Protocol, chunks: int) -> Iterator[bytes]:
    """What the upstream's server would send, an event for each word."""
    encoder = upstream.stream_encoder(_CONTEXT)
    events: list[StreamEvent] = [Begun("id", "m"), PartBegun(0, Text(""))]
    events += [PartDelta(0, f"word {number} of ") for number in range(chunks)]
    events += [
        PartEnded(0),
        Metered(Usage(input_tokens=10, output_tokens=chunks)),
        Finished(Finish(Reason.STOP, None)),
        Ended(),
    ]
    for event in events:
        if piece := encoder.write(event):
            yield piece
