"""CPU time for a request and for a chunk, floor beside gateway."""

from collections.abc import Callable, Mapping, Sequence

from bench import figures
from bench.answers import (
    ANTHROPIC_PLAIN,
    ANTHROPIC_STREAM,
    ANTHROPIC_TO_CHAT_PLAIN,
    ANTHROPIC_TO_CHAT_STREAM,
    CHAT_PLAIN,
    CHAT_STREAM,
    CHAT_TO_CLAUDE_PLAIN,
    CHAT_TO_CLAUDE_STREAM,
    EVENTS,
    Work,
)
from bench.report import (
    CHUNK,
    PLAIN,
    TRANSLATED,
    Budget,
    Figure,
    Section,
    Verdict,
    judged,
)
from bench.rounds import Form, Load, Round, taking_turns
from bench.stack import Subject

Rounds = Mapping[str, Sequence[Round]]
Cost = Callable[[Round], float]

# What is measured, its whole answer, its stream, and the budget of a whole answer.
PAIRS: Sequence[tuple[str, Work, Work, Budget]] = (
    ("OpenAI Chat, same protocol", CHAT_PLAIN, CHAT_STREAM, PLAIN),
    ("Anthropic, same protocol", ANTHROPIC_PLAIN, ANTHROPIC_STREAM, PLAIN),
    (
        "OpenAI Chat to Anthropic, translated",
        CHAT_TO_CLAUDE_PLAIN,
        CHAT_TO_CLAUDE_STREAM,
        TRANSLATED,
    ),
    (
        "Anthropic to OpenAI Chat, translated",
        ANTHROPIC_TO_CHAT_PLAIN,
        ANTHROPIC_TO_CHAT_STREAM,
        TRANSLATED,
    ),
)

COLUMNS = ("floor", "gateway")
STORES = ("redis", "writer")


async def measure(
    load: Load, floor: Subject, gateway: Subject, form: Form
) -> tuple[list[Section], list[Round]]:
    """A section for each pair of dialects, and all rounds."""
    sections, seen = [], []
    for dialect, plain_work, stream_work, budget in PAIRS:
        plain = await taking_turns(load, (floor, gateway), plain_work, form)
        stream = await taking_turns(load, (floor, gateway), stream_work, form)
        sections.append(section(dialect, plain, stream, form, budget))
        seen += [made for rounds in (plain, stream) for side in rounds.values() for made in side]
    return sections, seen


def section(
    dialect: str, plain: Rounds, stream: Rounds, form: Form, budget: Budget = PLAIN
) -> Section:
    """The rows of one pair of dialects."""
    rows = [
        compared("whole answer: workers' Python", plain, lambda r: r.cost_us("worker"), budget),
        compared("whole answer: Envoy", plain, lambda r: r.cost_us("envoy")),
        alone("whole answer: Redis and the writer into SQL", plain, lambda r: r.cost_us(*STORES)),
        compared("whole answer: all processes", plain, Round.cost_us),
        compared(f"stream of {EVENTS} events: workers' Python", stream, _worker),
        compared(f"stream of {EVENTS} events: Envoy", stream, lambda r: r.cost_us("envoy")),
        compared(f"stream of {EVENTS} events: all processes", stream, Round.cost_us),
        chunk("one streamed chunk: workers' Python", plain, stream, _worker, CHUNK),
        chunk("one streamed chunk: Envoy", plain, stream, lambda r: r.cost_us("envoy")),
        _middles("messages to the processor, stream", "count", stream, lambda r: r.messages),
        _middles("requests a second, whole answers", "per_s", plain, lambda r: r.per_second),
    ]
    notes = [f"One worker each, {form.connections} connections, rounds of {form.seconds:g} s."]
    return Section(f"CPU per request: {dialect}", COLUMNS, rows, "x floor", notes)


def _worker(made: Round) -> float:
    return made.cost_us("worker")


def compared(what: str, rounds: Rounds, cost: Cost, budget: Budget | None = None) -> Figure:
    """Gateway over floor, by pairs of rounds."""
    floor, gateway = ([cost(made) for made in rounds[side]] for side in COLUMNS)
    values = {"floor": figures.median(floor), "gateway": figures.median(gateway)}
    return _rated(what, values, floor, gateway, budget)


def chunk(
    what: str, plain: Rounds, stream: Rounds, cost: Cost, budget: Budget | None = None
) -> Figure:
    """The same for one more chunk of a stream."""
    sides = []
    for side in COLUMNS:
        base_us = figures.median([cost(made) for made in plain[side]])
        base_messages = figures.median([made.messages for made in plain[side]])
        sides.append(
            [
                figures.per_chunk(cost(made), base_us, made.messages, base_messages)
                for made in stream[side]
            ]
        )
    floor, gateway = sides
    values = {"floor": figures.median(floor), "gateway": figures.median(gateway)}
    return _rated(what, values, floor, gateway, budget)


def alone(what: str, rounds: Rounds, cost: Cost) -> Figure:
    """What only the gateway has."""
    middle = figures.median([cost(made) for made in rounds["gateway"]])
    return Figure(what, "us", {"floor": None, "gateway": middle})


def _middles(what: str, unit: str, rounds: Rounds, value: Cost) -> Figure:
    middles = {side: figures.median([value(made) for made in rounds[side]]) for side in COLUMNS}
    return Figure(what, unit, middles)


def _rated(
    what: str,
    values: Mapping[str, float | None],
    floor: Sequence[float],
    gateway: Sequence[float],
    budget: Budget | None,
) -> Figure:
    quotients = figures.quotients(gateway, floor)
    if not quotients:  # rounds shorter than a clock tick
        return Figure(what, "us", values, None, budget, Verdict.NONE)
    ratio, spread = figures.median(quotients), figures.spread(quotients)
    if budget is None:
        return Figure(what, "us", values, ratio, spread=spread)
    return judged(what, "us", values, budget, ratio=ratio, spread=spread)
