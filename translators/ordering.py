"""Order: of turns in a request, of parts in a stream.

Dialects differ in what they demand. Some want the speakers to alternate, all want the results of
tools to follow the calls at once, and some can have only one part of a stream open at a time. What
a dialect demands its encoder asks for here, and what had to be changed for it is a reported loss.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from operator import is_not
from typing import assert_never

from translators.canonical.loss import Loss, LossKind, Neutral
from translators.canonical.parts import (
    Inline,
    Media,
    Part,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from translators.canonical.request import Role, Turn
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
    Streamed,
    StreamEvent,
    Truncated,
)
from translators.protocol import NotUnderstood
from translators.unanswered import Unanswered

NO_RESULT = "[no result]"
ORPHAN = "[tool result]"
ORPHAN_ERROR = "[tool error]"

MOVED = Loss(Neutral.RESULT, LossKind.CHANGED, "a result was moved to stand behind its call")
MADE_TEXT = Loss(Neutral.RESULT, LossKind.CHANGED, "a result without a call became text")
SUPPLIED = Loss(Neutral.RESULT, LossKind.ADDED, "a call without a result got one that says so")


def merged(turns: Iterable[Turn]) -> list[Turn]:
    """Neighbouring turns of one role made one, for dialects that alternate.

    System turns are left alone, each for itself. A name stays where both turns have the same.
    """
    result: list[Turn] = []
    run: list[Turn] = []
    for turn in turns:
        if run and (turn.role is not run[0].role or turn.role is Role.SYSTEM):
            result.append(_one(run))
            run = []
        run.append(turn)
    if run:
        result.append(_one(run))
    return result


def _one(run: list[Turn]) -> Turn:
    first = run[0]
    if len(run) == 1:
        return first
    parts = tuple(part for turn in run for part in turn.parts)
    name = first.name if all(turn.name == first.name for turn in run) else None
    return Turn(first.role, parts, name)


def prefilled(turns: Sequence[Turn]) -> bool:
    """Whether the conversation ends in words of the assistant, for the model to go on with."""
    last = turns[-1].parts if turns and turns[-1].role is Role.ASSISTANT else ()
    said = (part for part in reversed(last) if not isinstance(part, Text) or part.text.strip())
    return isinstance(next(said, None), Text)


# ------------------------------------------------------------------------------- calls and results


@dataclass(slots=True)
class _Call:
    call: ToolCall
    result: ToolResult | None = None


@dataclass(slots=True)
class _Round:
    """One turn of the outcome: what stays of a turn, and the calls of an assistant's."""

    turn: Turn
    calls: list[_Call] = field(default_factory=list)


def paired(turns: Iterable[Turn]) -> tuple[list[Turn], tuple[Loss, ...]]:
    """Every call with its result and every result with its call.

    After an assistant turn with calls stands a user turn that begins with the results of exactly
    these calls, in the order of the calls; a result that stood elsewhere is moved there. A result
    without a call becomes text where it stands, its media stay; a call without a result gets one
    that says so. Each of these repairs is a loss. Neighbouring assistant turns with calls are made
    one. A result is given its call's name, kind and origin.
    """
    pairing = _Pairing()
    for turn in _joined(turns):
        pairing.take(turn)
    return list(pairing.turns()), tuple(dict.fromkeys(pairing.losses))


def _joined(turns: Iterable[Turn]) -> Iterator[Turn]:
    """Runs of assistant turns made one where a call stands before the last of them."""
    run: list[Turn] = []
    for turn in turns:
        if turn.role is Role.ASSISTANT:
            run.append(turn)
            continue
        yield from _joined_run(run)
        run = []
        yield turn
    yield from _joined_run(run)


def _joined_run(run: list[Turn]) -> list[Turn]:
    if any(isinstance(part, ToolCall) for turn in run[:-1] for part in turn.parts):
        return [_one(run)]
    return run


class _Pairing:
    """Reads the turns once; a result found later is put to its call, however far back."""

    def __init__(self) -> None:
        self.losses: list[Loss] = []
        self._rounds: list[_Round] = []
        self._waiting: Unanswered[_Call] = Unanswered()
        self._answer = 0
        self._in_place = False  # nothing but results stood since the latest calls

    def take(self, turn: Turn) -> None:
        calls: list[_Call] = []
        rest: list[Part] = []
        self._answer += turn.role is Role.ASSISTANT
        for part in turn.parts:
            if isinstance(part, ToolResult):
                rest += self._take_result(part)
                continue
            self._in_place = False
            rest.append(part)
            if isinstance(part, ToolCall) and turn.role is Role.ASSISTANT:
                calls.append(_Call(part))
                self._waiting.called(part.id, self._answer, calls[-1])
        if len(rest) != len(turn.parts) or any(map(is_not, rest, turn.parts)):
            turn = replace(turn, parts=tuple(rest))
            if not rest:
                return
        self._in_place = self._in_place or bool(calls)
        self._rounds.append(_Round(turn, calls))

    def _take_result(self, result: ToolResult) -> list[Text | Media]:
        """What stays where the result stood."""
        call = self._waiting.answered(result.call_id)
        if call is None:
            self.losses.append(MADE_TEXT)
            return _as_text(result)
        call.result = _of_call(result, call.call)
        if not self._in_place:
            self.losses.append(MOVED)
        return []

    def turns(self) -> Iterator[Turn]:
        results: tuple[ToolResult, ...] = ()
        for each in self._rounds:
            turn = each.turn
            if results and turn.role is Role.USER:
                turn = replace(turn, parts=(*results, *turn.parts))
            elif results:
                yield Turn(Role.USER, results)
            yield turn
            results = tuple(self._result(call) for call in each.calls)
        if results:
            yield Turn(Role.USER, results)

    def _result(self, call: _Call) -> ToolResult:
        if call.result is not None:
            return call.result
        self.losses.append(SUPPLIED)
        return _of_call(ToolResult(call.call.id, (Text(NO_RESULT),), is_error=True), call.call)


def _of_call(result: ToolResult, call: ToolCall) -> ToolResult:
    name = result.name or call.name
    if (result.name, result.kind, result.origin) == (name, call.kind, call.origin):
        return result
    return replace(result, name=name, kind=call.kind, origin=call.origin)


def _as_text(result: ToolResult) -> list[Text | Media]:
    """What a result said, said by the user: its texts in one, marked, then its media."""
    said = "\n".join(part.text for part in result.parts if isinstance(part, Text))
    mark = ORPHAN_ERROR if result.is_error else ORPHAN
    text = Text(f"{mark} {said}" if said else mark, cache=result.cache)
    return [text, *(part for part in result.parts if isinstance(part, Media))]


# ----------------------------------------------------------------------------- parts of a stream

# What is held are arguments of parallel calls, a few megabytes at most (a file to be written), or
# an image that comes whole, some 20 MB of base64. An upstream that opens a part and never ends it
# while it sends others would fill the worker's memory.
MOST_HELD_CHARACTERS = 32 * 1024 * 1024
_EVENT_CHARACTERS = 100  # what an event weighs besides its text


_OfPart = PartBegun | PartDelta | PartCited | PartEnded | PartWhole


@dataclass(slots=True)
class _Held:
    """What came for a part that waits for its turn."""

    events: list[_OfPart]
    weight: int = 0
    ended: bool = False


class OneAtATime:
    """A stream in which only one part is open at any time, keys 0, 1, 2, ... in order.

    The first open part streams live; what comes for the others is held until it ends. Figures pass
    at once. Finished waits for the terminal event, so that no part follows it. At Ended everything
    is released and what is still open is closed. At Failed and Truncated an open part stays open,
    and neither what waits behind it nor Finished is told: to close it would be to make up its end.
    Beyond MOST_HELD_CHARACTERS: NotUnderstood.
    """

    def __init__(self) -> None:
        self._live: int | None = None  # the decoder's key of the open part
        self._key = -1  # our key of the latest released part
        self._held: dict[int, _Held] = {}  # by the decoder's key
        self._order: deque[int] = deque()  # of those keys: the parts as they began
        self._weight = 0
        self._finished: Finished | None = None

    def feed(self, event: StreamEvent) -> list[StreamEvent]:
        match event:
            case PartDelta() | PartCited() | PartEnded():
                return self._inside(event)
            case PartBegun() | PartWhole():
                return self._begin(event)
            case Finished():
                self._finished = event
                return []
            case Ended() | Failed() | Truncated():
                return self._end(event)
            case Begun() | Generated() | Metered():
                return [event]
            case _:
                assert_never(event)

    def _begin(self, event: PartBegun | PartWhole) -> list[StreamEvent]:
        if self._live is not None:
            self._held[event.key] = _Held([], ended=isinstance(event, PartWhole))
            self._order.append(event.key)
            self._hold(event.key, event)
            return []
        self._key += 1
        if isinstance(event, PartBegun):
            self._live = event.key
        return [replace(event, key=self._key)]

    def _inside(self, event: PartDelta | PartCited | PartEnded) -> list[StreamEvent]:
        if event.key != self._live:
            self._hold(event.key, event)
            self._held[event.key].ended = isinstance(event, PartEnded)
            return []
        if isinstance(event, PartDelta):  # by far the most, so not by `replace`
            return [event if event.key == self._key else PartDelta(self._key, event.text)]
        moved = replace(event, key=self._key)
        return [moved, *self._release()] if isinstance(event, PartEnded) else [moved]

    def _hold(self, key: int, event: _OfPart) -> None:
        held = self._held[key]
        weight = _weight(event)
        held.events.append(event)
        held.weight += weight
        self._weight += weight
        if self._weight > MOST_HELD_CHARACTERS:
            raise NotUnderstood("The upstream's answer has too much in parts that overlap.")

    def _release(self) -> list[StreamEvent]:
        """The live part has ended: what was held, as far as the first part that is still open."""
        self._live = None
        released: list[StreamEvent] = []
        while self._live is None and self._order:
            key = self._order.popleft()
            held = self._held.pop(key)
            self._weight -= held.weight
            self._key += 1
            released += (replace(event, key=self._key) for event in held.events)
            self._live = None if held.ended else key
        return released

    def _end(self, event: Ended | Failed | Truncated) -> list[StreamEvent]:
        rest: list[StreamEvent] = []
        while self._live is not None and isinstance(event, Ended):
            rest.append(PartEnded(self._key))
            rest += self._release()
        if self._finished is not None and self._live is None:
            rest.append(self._finished)
        return [*rest, event]


def _weight(event: _OfPart) -> int:
    match event:
        case PartDelta():
            return _EVENT_CHARACTERS + len(event.text)
        case PartWhole(part=Media(source=Inline(base64))):
            return _EVENT_CHARACTERS + len(base64)
        case PartWhole(part=ToolCall(arguments=text)) | PartWhole(part=Text(text)):
            return _EVENT_CHARACTERS + len(text)
        case _:
            return _EVENT_CHARACTERS


class Grammar:
    """The rules of translators/canonical/stream.py, held to an event at a time.

    `check` raises AssertionError, also where Python leaves out its assert statements. `serial`: the
    rules of OneAtATime besides.
    """

    def __init__(self, *, serial: bool = False) -> None:
        self._serial = serial
        self._started = False
        self._over = False
        self._finished = False
        self._open: dict[int, Streamed] = {}
        self._keys: set[int] = set()

    def check(self, event: StreamEvent) -> None:
        _hold_to(not self._over, "an event after the terminal one")
        match event:
            case Begun():
                _hold_to(not self._started, "Begun is not the first event")
            case PartBegun() | PartWhole():
                self._check_begin(event)
            case PartDelta() | PartCited() | PartEnded():
                self._check_inside(event)
            case Finished():
                _hold_to(not self._finished, "Finished a second time")
                self._finished = True
            case Ended() | Failed() | Truncated():
                _hold_to(not (self._open and isinstance(event, Ended)), "Ended with an open part")
                self._over = True
            case Metered() | Generated():
                pass
            case _:
                assert_never(event)
        self._started = True

    def _check_begin(self, event: PartBegun | PartWhole) -> None:
        _hold_to(event.key not in self._keys, "a key used twice")
        if self._serial:
            _hold_to(not self._open, "two parts open at a time")
            _hold_to(event.key == len(self._keys), "keys that do not count from 0")
            _hold_to(not self._finished, "a part after Finished")
        self._keys.add(event.key)
        if isinstance(event, PartBegun):
            part = event.part
            text = part.arguments if isinstance(part, ToolCall) else part.text
            _hold_to(not text, "a part that begins with text")
            _hold_to(isinstance(part, Refusal) or part.sealed is None, "a part that begins sealed")
            self._open[event.key] = part

    def _check_inside(self, event: PartDelta | PartCited | PartEnded) -> None:
        part = self._open.get(event.key)
        _hold_to(part is not None, "an event of a part that is not open")
        if isinstance(event, PartCited):
            _hold_to(isinstance(part, Text), "a citation of what is no text")
        elif isinstance(event, PartEnded):
            del self._open[event.key]


def _hold_to(kept: bool, broken: str) -> None:
    if not kept:
        raise AssertionError(f"The stream's grammar: {broken}.")
