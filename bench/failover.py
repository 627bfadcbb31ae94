"""What it costs to choose among many accounts, and what a failed attempt adds to the wait."""

import time
from collections.abc import Callable

from bench import figures
from bench.answers import CHAT_PLAIN, FAILING_PLAIN
from bench.report import FAILOVER_US, ROUTING_US, Section, judged
from bench.rounds import Form, Load, Round, taking_turns
from bench.stack import Subject
from catalog import Catalog, parse
from extproc import routing
from extproc.doors import Opened, open_door
from extproc.exchange.ticket import Occasion
from ledger.cooldowns import Cooldowns, Rest
from ledger.model import KeyFacts

COLUMNS = ("one model, one account", "1,000 models, 200 accounts", "20 of them resting")
PROVIDERS, ACCOUNTS, MODELS, RESTING = 4, 50, 1_000, 20
_FACTS = KeyFacts("key_bench", "cus_bench", "bench")
_NOW_MS = 1_700_000_000_000


def routing_section(seconds: float) -> Section:
    """In this process: the choice alone, each figure the least of many runs."""
    small, large = catalog(1, 1, 1), catalog(PROVIDERS, ACCOUNTS, MODELS)
    resting = Cooldowns()
    for number in range(RESTING):
        resting.learn(Rest(f"a-0-{number}", "m", _NOW_MS + 60_000, 1, _NOW_MS, 429, "rate_limited"))
    costs = [
        _least(_choice(small, Cooldowns()), seconds),
        _least(_choice(large, Cooldowns()), seconds),
        _least(_choice(large, resting), seconds),
    ]
    values: dict[str, float | None] = dict(zip(COLUMNS, costs, strict=True))
    dearest = max(costs[1:]) - costs[0]
    row = judged("choosing a route", "us", values, ROUTING_US, value=dearest)
    notes = ["Every one of the models is served by every one of the accounts, by weight."]
    return Section("Routing: the cost of many accounts", COLUMNS, [row], "", notes)


def catalog(providers: int, accounts: int, models: int) -> Catalog:
    """Every model at every account."""
    lines = ["version: 1", "providers:"]
    lines += [f"  p{p}: {{preset: openai, prices: none}}" for p in range(providers)]
    lines.append("accounts:")
    lines += [
        f"  a-{p}-{a}: {{provider: p{p}, credential: k, weight: {1 + a % 3}}}"
        for p in range(providers)
        for a in range(accounts)
    ]
    targets = ", ".join(f"{{provider: p{p}, model: m}}" for p in range(providers))
    lines.append("models:")
    lines += [f"- {{name: model-{number}, targets: [{targets}]}}" for number in range(models)]
    return parse("\n".join(lines), {})


def _choice(declared: Catalog, cooldowns: Cooldowns) -> Callable[[], object]:
    opened = open_door("POST", "/v1/chat/completions")
    assert isinstance(opened, Opened)
    names = [model.name for model in declared.models][:100]  # as many as are asked for in a while
    count = 0

    def choose() -> object:
        nonlocal count
        count += 1
        name = names[count % len(names)]
        chosen = routing.choose(declared, _FACTS, name, opened.door, lambda: count)
        assert isinstance(chosen, routing.Chosen)
        candidates, _ = routing.ready(chosen, cooldowns, Occasion("r", 1, _NOW_MS, _NOW_MS))
        return next(candidates), next(candidates, None), chosen.tariffs

    return choose


def _least(work: Callable[[], object], seconds: float) -> float:
    """Microseconds of one call: the least mean of a hundred."""
    for _ in range(200):
        work()
    end_s = time.perf_counter() + seconds
    least = float("inf")
    while least == float("inf") or time.perf_counter() < end_s:
        began_ns = time.perf_counter_ns()
        for _ in range(100):
            work()
        least = min(least, (time.perf_counter_ns() - began_ns) / 100_000)
    return least


WAITS = ("straight to the upstream", "one attempt", "the second after one that failed")


async def measure(
    load: Load, direct: Subject, gateway: Subject, form: Form
) -> tuple[Section, list[Round]]:
    """The wait for a whole answer whose first account answers 503, beside one that answers."""
    straight = await taking_turns(load, (direct,), CHAT_PLAIN, form)
    single = await taking_turns(load, (gateway,), CHAT_PLAIN, form)
    double = await taking_turns(load, (gateway,), FAILING_PLAIN, form)
    sides = [straight[direct.name], single[gateway.name], double[gateway.name]]
    middles = [_middle(rounds) for rounds in sides]
    values: dict[str, float | None] = dict(zip(WAITS, middles, strict=True))
    added = middles[2] - middles[1] - middles[0]
    row = judged("whole answer, p50", "us", values, FAILOVER_US, value=added)
    notes = [
        "One connection. Judged is the third less the other two: what a failed attempt adds beside "
        "the upstream's own time."
    ]
    seen = [made for rounds in sides for made in rounds]
    return Section("Failover: what it adds to the wait", WAITS, [row], "", notes), seen


def _middle(rounds: list[Round]) -> float:
    return figures.median([figures.percentile(made.total_us, 50) for made in rounds])
