"""What a request may cost at most, what becomes of it when less can be paid, and what it did cost.

The worst case is the estimated input and the output cap at the dearest route that the attempts may
take, because the hold is made once for all of them, and which of them are healthy may change. Where
the balance pays for less, the cap is lowered to what it pays for; below the operator's minimum the
request is refused. What is charged in the end is what was metered, never the estimate, except where
nobody told and nothing could be counted otherwise.
"""

from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from catalog.prices import Reach
from extproc.asking import Asked
from extproc.exchange.ticket import Believed, Ticket
from extproc.meter import Meter
from extproc.tariff import Tariff, affordable_output, dear_of, worst_case_micro
from extproc.world import World
from ledger.model import Admission, Limit, LimitKind, LimitState, UsageSource, Verdict
from translators.canonical.failure import Failure, Kind
from translators.canonical.quota import Quota, QuotaKind
from translators.canonical.usage import Usage
from translators.estimate import estimate, estimate_body

if TYPE_CHECKING:
    from catalog import Catalog, Route
    from extproc.routing import Chosen
    from ledger.model import KeyFacts

# Providers count a little differently than their models' windows say.
WINDOW_TOLERANCE = 1.05
LARGEST_WINDOW = 10_000_000  # tokens, where a model's is not known: no model has more

# Searches that a request with a search tool is held for, where it does not bound them itself.
ASSUMED_SEARCHES = 5


@dataclass(frozen=True, slots=True)
class Quote:
    """The worst case of one request. Tokens are estimates, money is micro-USD."""

    tariffs: tuple[Tariff, ...]
    input_tokens: int
    output_cap: int  # of each answer
    choices: int  # answers
    minimum_output: int
    reach: Reach

    @property
    def hold_micro(self) -> int:
        return self._at(self.output_cap)

    @property
    def min_hold_micro(self) -> int:
        return self._at(min(self.output_cap, self.minimum_output))

    @property
    def hold_tokens(self) -> int:
        return self.input_tokens + self.output_cap * self.choices

    def affordable(self, granted_micro: int) -> int | None:
        """The cap of each answer that a grant pays for; None where that is too little."""
        if granted_micro >= self.hold_micro:
            return self.output_cap
        most = affordable_output(self.tariffs, granted_micro, self.input_tokens, self.reach)
        if most is None or most // self.choices < min(self.output_cap, self.minimum_output):
            return None
        return min(most // self.choices, self.output_cap)

    def _at(self, output: int) -> int:
        output *= self.choices
        return worst_case_micro(self.tariffs, self.input_tokens, output, self.reach)


def believed(route: "Route", choices: int, rounds: int) -> Believed:
    """What a model of this window can have read and written. `rounds` of the provider's own tools
    may be in one answer's usage, and the answer is not longer for that."""
    window = route.capabilities.context_window or LARGEST_WINDOW
    most = int(window * WINDOW_TOLERANCE)
    return Believed(most * rounds, most * max(choices, rounds))


def quote(world: World, asked: Asked, chosen: "Chosen") -> Quote | None:
    """The worst case on whichever of its routes; None for what costs nothing."""
    door = asked.opened.door
    if door.free or door.stored:
        return None
    billing = world.catalog.billing
    body = asked.body or b""
    tokens = estimate(asked.request) if asked.request is not None else estimate_body(body)
    cap = 0 if door.kind == "embeddings" else _cap(asked, chosen, billing.default_output_tokens)
    tariffs = chosen.tariffs
    writes = any(surface.startswith("openai") for way in chosen.ways for surface in way.surfaces)
    return Quote(
        tariffs=tariffs,
        input_tokens=tokens,
        output_cap=cap,
        choices=asked.choices,
        minimum_output=billing.minimum_output_tokens,
        reach=_reach(body, dear_of(tariffs), writes),
    )


def _cap(asked: Asked, chosen: "Chosen", default: int) -> int:
    if asked.output_cap is not None:
        return asked.output_cap
    known = [way.most_output for way in chosen.ways]
    return max((most for most in known if most is not None), default=default)


# Words that show a way to what a model looks at or hears: film is both, and so may be whatever lies
# in a file store.
_STORED = (b'"fileData"', b'"file_data"')
_LOOKED_AT = (b"image", b"video", b"pdf", *_STORED)
_HEARD = (b"audio", b"AUDIO", b"video", *_STORED)
_SEARCHED = (b"web_search", b"googleSearch", b"google_search")


def _reach(body: bytes, dear: Container[str], writes: bool) -> Reach:
    """Which dear buckets the body shows a way to. A word too many only holds a little more. What
    costs no more than text is not looked for: in a long conversation each word takes its time.

    `writes`: an upstream keeps prompts in its cache without being asked.
    """

    def says(*words: bytes) -> bool:
        return any(word in body for word in words)

    heard = "audio_input" in dear or "audio_output" in dear
    web, files = "web_search" in dear, "file_search" in dear
    return Reach(
        cache_write_5m="cache_write_5m" in dear and (writes or says(b'"cache_control"')),
        cache_write_1h="cache_write_1h" in dear and says(b'"1h"', b'"12h"'),
        images="image_input" in dear and says(*_LOOKED_AT),
        audio=heard and says(*_HEARD),
        web_searches=ASSUMED_SEARCHES if web and says(*_SEARCHED) else 0,
        file_searches=ASSUMED_SEARCHES if files and says(b"file_search") else 0,
    )


def limits_of(catalog: "Catalog", facts: "KeyFacts", group: str | None) -> tuple[Limit, ...]:
    """Every limit that the request counts against: the key's, its customer's, its group's."""
    found = catalog.groups.get(group or "")
    if found is None:
        return facts.limits
    scope = f"group:{group}:{facts.key_id}"
    own = (Limit(scope, LimitKind(kind), most) for kind, most in found.limits.ceilings())
    return (*facts.limits, *own)


_QUOTA_KINDS = {LimitKind.REQUESTS: QuotaKind.REQUESTS, LimitKind.TOKENS: QuotaKind.TOKENS}


def quotas(states: Iterable[LimitState]) -> list[Quota]:
    """The tightest limit of each kind that callers are told of."""
    tightest: dict[QuotaKind, Quota] = {}
    for state in states:
        kind = _QUOTA_KINDS.get(state.limit.kind)
        if kind is None:
            continue
        told = Quota(kind, state.limit.most, state.remaining, state.reset_ms)
        before = tightest.get(kind)
        if before is None or told.remaining * before.most < before.remaining * told.most:
            tightest[kind] = told
    return list(tightest.values())


# ------------------------------------------------------------------ refusals

_WORDS = {
    LimitKind.REQUESTS: "requests a minute",
    LimitKind.TOKENS: "tokens a minute",
    LimitKind.CONCURRENCY: "requests at once",
    LimitKind.SPEND_DAY: "spending a day",
    LimitKind.SPEND_WEEK: "spending a week",
    LimitKind.SPEND_MONTH: "spending a month",
}
_SCOPES = {"key": "This API key", "customer": "This customer", "group": "This key's group"}


def refusal(
    world: World, decided: Admission, asked: Quote | None, needed: int | None = None
) -> Failure | None:
    """Why the account or a limit does not let the request pass; None: it does."""
    match decided.verdict:
        case Verdict.INSUFFICIENT_CREDIT:
            least = needed if needed is not None else asked.min_hold_micro if asked else 0
            return no_credit(world.catalog, decided.balance_micro or 0, least)
        case Verdict.OVER_LIMIT:
            return _over_limit(decided)
        case _:
            return None


def no_credit(catalog: "Catalog", balance: int, least: int) -> Failure:
    """The figures, so that nobody has to guess. Amounts are rounded towards the caller's harm."""
    shown = catalog.billing.currency.shown
    missing = max(least - balance, 1)
    message = (
        f"The credit does not cover this request: {shown(balance)} are available "
        f"({balance} micro-USD), it needs at least {least} micro-USD; {missing} micro-USD are "
        "missing. Add credit, or ask for less."
    )
    status = catalog.credit_refusal_status
    return Failure(Kind.CREDIT, message, code="insufficient_quota", status=status)


def _over_limit(decided: Admission) -> Failure:
    wait_s = None if decided.retry_after_ms is None else decided.retry_after_ms / 1000
    message = "A limit is reached."
    if decided.refused is not None:
        limit = decided.refused.limit
        who = _SCOPES.get(limit.scope.partition(":")[0], "This key")
        most = f"{limit.most} micro-USD of " if limit.kind.startswith("spend") else f"{limit.most} "
        message = f"{who} is limited to {most}{_WORDS[limit.kind]}."
    return Failure(Kind.RATE_LIMITED, message, code="rate_limit_exceeded", retry_after_s=wait_s)


# ------------------------------------------------------------------ what it did cost


@dataclass(frozen=True, slots=True)
class Metered:
    """Tokens of a record, and where the figures come from."""

    usage: Usage | None
    source: UsageSource


@dataclass(frozen=True, slots=True)
class Bill:
    """The same with their cost; None where no price is known, or nothing was produced."""

    usage: Usage | None
    source: UsageSource
    cost_micro: int | None


def bill(
    ticket: Ticket,
    meter: Meter,
    counted_output: int,
    tariff: Tariff,
    *,
    failed: bool = False,
    served: bool = False,
) -> Bill:
    """What an exchange costs by now.

    `failed`: the upstream refused it or broke down, which costs nothing where no output came before
    that, whatever it reported. `served`: the upstream has read the request, be it that it answered
    or that the caller hung up on it, so that the input at least is to be paid.
    """
    if not ticket.billed:
        # A stored answer shows the usage of the request that made it: that was recorded then.
        return Bill(None, UsageSource.NONE, 0)
    if failed and not meter.generated:
        return Bill(None, UsageSource.NONE, None)
    told = metered(
        meter.usage, counted_output, ticket.input_estimate, ticket.believed, whole=meter.ended
    )
    if told.usage is None and served and ticket.input_estimate:
        told = Metered(Usage(input_tokens=ticket.input_estimate), UsageSource.ESTIMATED)
    cost = tariff.cost_micro(told.usage) if told.usage is not None else None
    return Bill(told.usage, told.source, cost)


def metered(
    reported: Usage | None,
    counted_output: int,
    input_estimate: int,
    believed: Believed,
    *,
    whole: bool,
) -> Metered:
    """The tokens to charge. `counted_output` is what was counted while the answer passed, 0 where
    nothing of it was seen; `whole`: the answer came to its end. A figure that cannot be is replaced
    by ours."""
    if not counted_output and reported is None:
        return Metered(None, UsageSource.NONE)
    usage = reported or Usage()
    source = UsageSource.UPSTREAM
    if reported is None or reported.total_output_tokens is None or not whole:
        told = usage.total_output_tokens or 0
        if counted_output > told:
            more = counted_output - told
            usage = replace(usage, output_tokens=(usage.output_tokens or 0) + more)
            source = UsageSource.COUNTED
    if usage.total_input_tokens is None:
        usage = replace(usage, input_tokens=input_estimate)
        source = UsageSource.COUNTED
    if (usage.total_input_tokens or 0) > believed.input_with(usage):
        usage = replace(usage, **_NO_INPUT, input_tokens=min(input_estimate, believed.input))
        source = UsageSource.CLAMPED
    if (usage.total_output_tokens or 0) > believed.output:
        usage = replace(usage, **_NO_OUTPUT, output_tokens=min(counted_output, believed.output))
        source = UsageSource.CLAMPED
    return Metered(usage, source)


_NO_INPUT: dict[str, None] = dict.fromkeys(
    (
        *("cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens"),
        *("image_input_tokens", "audio_input_tokens"),
    )
)
_NO_OUTPUT: dict[str, None] = dict.fromkeys(
    ("reasoning_tokens", "image_output_tokens", "audio_output_tokens")
)
