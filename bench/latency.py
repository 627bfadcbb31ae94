"""What the gateway adds to the time that a client waits, with nobody else waiting."""

from collections.abc import Callable, Sequence

from bench import figures
from bench.answers import CHAT_PLAIN, CHAT_STREAM
from bench.report import FIRST_TOKEN_US, Figure, Section, judged
from bench.rounds import Form, Load, Round, taking_turns
from bench.stack import Subject

COLUMNS = ("straight to the upstream", "floor adds", "gateway adds")
Times = Callable[[Round], Sequence[int]]


async def measure(
    load: Load, direct: Subject, floor: Subject, gateway: Subject, form: Form
) -> tuple[Section, list[Round]]:
    """One section, and all rounds. `direct` is the upstream itself."""
    sides = (direct, floor, gateway)
    whole = await taking_turns(load, sides, CHAT_PLAIN, form)
    stream = await taking_turns(load, sides, CHAT_STREAM, form)
    in_order = [[rounds[side.name] for side in sides] for rounds in (whole, stream)]
    rows = [
        row("whole answer, p50", in_order[0], 50, lambda r: r.total_us),
        row("whole answer, p99", in_order[0], 99, lambda r: r.total_us),
        row("first token of a stream, p50", in_order[1], 50, lambda r: r.first_us, judge=True),
        row("first token of a stream, p99", in_order[1], 99, lambda r: r.first_us),
    ]
    seen = [made for rounds in (whole, stream) for side in rounds.values() for made in side]
    counts = f"{sum(len(made.total_us) for made in seen)} answers in all"
    notes = [f"One connection, {counts}. p50: median over the rounds; p99: over all answers."]
    return Section("Added latency, OpenAI Chat, same protocol", COLUMNS, rows, "", notes), seen


def row(
    what: str, sides: Sequence[Sequence[Round]], percent: float, times: Times, judge: bool = False
) -> Figure:
    """`sides`: rounds straight to the upstream, through the floor, through the gateway."""
    direct, floor, gateway = (_time(rounds, percent, times) for rounds in sides)
    values = dict(zip(COLUMNS, (direct, floor - direct, gateway - direct), strict=True))
    if judge:
        return judged(what, "us", values, FIRST_TOKEN_US, value=gateway - direct)
    return Figure(what, "us", values)


def _time(rounds: Sequence[Round], percent: float, times: Times) -> float:
    """The middle of the rounds for p50, where a disturbed round must not count; a tail needs
    all."""
    if percent == 50:
        return figures.median([figures.percentile(times(made), 50) for made in rounds])
    return figures.percentile([time for made in rounds for time in times(made)], percent)
