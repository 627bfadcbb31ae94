"""What one worker admits by itself while the hot store is away, and how far it goes.

Strategy: the operator says what he risks. What a customer may owe this worker without the hot store
knowing is never more than the allowance: the worst case of what runs, and the cost of what has
ended until the hot store was told of it. So a hot store that comes and goes gives nobody a second
allowance, and neither does a worker that starts on the spool of one that died. Keys and limits are
judged as always, the limits by this worker's own count.

Rules:
- Nobody is admitted of whom it is not known how he pays, and a prepaid customer gets no more than
  his balance as it was last known.
- What is refused for want of an allowance is no verdict of the ledger: the caller is told that the
  store is away.
- A hold here is what a lease is there: it belongs to the newest attempt and lapses without a sign
  of life. It is given up when it is settled, or when the hot store has made a lease of it.
- What nobody can confirm, as both stores are away, is believed for as long as an outage may last.
"""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.local_limits import LocalLimits
from ledger.model import (
    Admission,
    AdmissionRequest,
    KeyFacts,
    Limit,
    LimitKind,
    LimitState,
    UsageRecord,
    Verdict,
)
from ledger.records import total_tokens
from ledger.store.limits import books_of

MAX_HOLDS = 10_000  # requests that run in one worker; some 2 KB each
MAX_STANDINGS = 10_000  # customers remembered; a megabyte or two
SWEEP_MS = 1_000  # how often to look for holds that have lapsed


@dataclass(frozen=True, slots=True)
class Terms:
    """What the operator risks: of each customer, by each worker."""

    allowance_micro: int
    for_ms: int  # how long an outage is served
    requests_per_minute: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How a customer pays, and what he had when that was seen; None: an open account."""

    balance_micro: int | None
    seen_ms: int


@dataclass(slots=True)
class LocalHold:
    """What a request may cost that runs without a lease."""

    request: AdmissionRequest  # of the newest attempt
    granted_micro: int
    limits: tuple[Limit, ...]
    deadline_ms: int


class Outage:
    """Without `terms` it admits nobody."""

    def __init__(self) -> None:
        self._terms: Terms | None = None
        self._since_ms: int | None = None
        self._standings: OrderedDict[str, Standing] = OrderedDict()
        self._limits = LocalLimits()
        self._holds: dict[str, LocalHold] = {}  # by request id
        self._held: Counter[str] = Counter()  # micro-USD by customer
        self._swept_ms = 0

    @property
    def terms(self) -> Terms | None:
        return self._terms

    @terms.setter
    def terms(self, terms: Terms | None) -> None:
        """From now on; without any, an outage is not looked at, and so none goes on."""
        self._terms = terms
        if terms is None:
            self._since_ms = None

    # -- while the hot store answers

    def saw(self, request: AdmissionRequest, admission: Admission) -> bool:
        """The hot store has decided. Gives whether it had been away."""
        if self._holds and admission.verdict is Verdict.ADMITTED:
            self.handed_over(request.request_id)
        if admission.verdict >= Verdict.INSUFFICIENT_CREDIT and request.customer_id:
            balance = admission.balance_micro
            if balance is not None:
                balance = max(0, balance - admission.granted_micro)
            self.remember(request.customer_id, Standing(balance, request.now_ms))
        if admission.states:
            self._limits.saw(admission.states, request.now_ms)
        was_away, self._since_ms = self._since_ms is not None, None
        return was_away

    def remember(self, customer_id: str, standing: Standing) -> None:
        self._standings[customer_id] = standing
        self._standings.move_to_end(customer_id)
        if len(self._standings) > MAX_STANDINGS:
            self._standings.popitem(last=False)

    def open_holds(self) -> list[LocalHold]:
        """Of all requests that run without a lease."""
        return list(self._holds.values())

    def handed_over(self, request_id: str) -> None:
        """The hot store has a lease for this request, and counts it from now on."""
        hold = self._holds.pop(request_id, None)
        if hold is not None:
            reserved = hold.request.hold_tokens, hold.granted_micro
            self._give_up(hold, reserved, (reserved[0], 0), hold.request.now_ms)

    # -- while it does not

    def is_served(self, now_ms: int) -> bool:
        """The hot store did not answer: may this worker go on by itself?"""
        if self._terms is None:
            return False
        if self._since_ms is None:
            self._since_ms = now_ms
        return now_ms - self._since_ms < self._terms.for_ms

    def believes(self, seen_ms: int, now_ms: int) -> bool:
        """Whether what was seen then will do where nobody can say what is true now."""
        return self.terms is not None and now_ms - seen_ms < self.terms.for_ms

    def standing(self, customer_id: str, now_ms: int) -> Standing | None:
        """How a customer pays, as last known; None: not known well enough."""
        known = self._standings.get(customer_id)
        return known if known is not None and self.believes(known.seen_ms, now_ms) else None

    def admit(
        self,
        request: AdmissionRequest,
        facts: KeyFacts | None,
        standing: Standing | None,
        untold_micro: int,
    ) -> Admission | None:
        """All or nothing, as the hot store would. `untold_micro` is what exchanges of this customer
        cost that ended here without a lease, as far as the hot store was not told. None: this
        worker cannot admit it; another time, or the hot store, may."""
        now_ms, terms = request.now_ms, self.terms
        if facts is None:
            return Admission(Verdict.UNKNOWN_KEY, local=True)
        if (refused := _judged(facts, now_ms)) is not None:
            return Admission(refused, facts, local=True)
        if terms is None or standing is None:
            return None
        self._sweep(now_ms)
        owed_micro = self._held[request.customer_id] + untold_micro
        balance_micro = standing.balance_micro
        if balance_micro is not None:
            balance_micro = max(0, balance_micro - owed_micro)
        held = self._holds.get(request.request_id)
        if held is not None:
            return self._taken_over(held, request, facts, balance_micro)
        left_micro = max(0, terms.allowance_micro - owed_micro)
        return self._admitted(request, facts, terms, left_micro, balance_micro)

    def renewed(self, record: UsageRecord, now_ms: int, lease_ms: int) -> LocalHold | None:
        """A sign of life. None: this request has no hold here."""
        hold = self._hold_of(record)
        if hold is not None:
            hold.deadline_ms = now_ms + lease_ms
        return hold

    def holds(self, record: UsageRecord) -> bool:
        """Whether this is the record of a request that runs without a lease."""
        return self._hold_of(record) is not None

    def settled(self, record: UsageRecord) -> None:
        """It has ended, and whoever tells the hot store has its cost."""
        hold = self._hold_of(record)
        if hold is not None:
            del self._holds[record.request_id]
            used = total_tokens(record), record.cost_micro or 0
            reserved = hold.request.hold_tokens, hold.granted_micro
            self._give_up(hold, reserved, used, record.started_at_ms + record.latency_ms)

    # --

    def _admitted(
        self,
        request: AdmissionRequest,
        facts: KeyFacts,
        terms: Terms,
        left_micro: int,
        balance_micro: int | None,
    ) -> Admission | None:
        now_ms, hold_micro, tokens = request.now_ms, request.hold_micro, request.hold_tokens
        least_micro = min(max(request.min_hold_micro, 1), hold_micro)
        limits = books_of(request.shard, request.limits, now_ms).limits
        answer = self._limits.ask(limits, tokens, hold_micro, least_micro, now_ms)
        if balance_micro is not None:
            if min(hold_micro, balance_micro) < least_micro:
                return _refused(Verdict.INSUFFICIENT_CREDIT, facts, balance_micro, answer.states)
            left_micro = min(left_micro, balance_micro)
        if min(hold_micro, left_micro) < least_micro or len(self._holds) >= MAX_HOLDS:
            return None
        if answer.refused is not None:
            states, wait_ms = answer.states, answer.wait_ms
            return _refused(
                Verdict.OVER_LIMIT, facts, balance_micro, states, answer.refused, wait_ms
            )
        pace = (
            Limit(f"outage:{request.customer_id}", LimitKind.REQUESTS, terms.requests_per_minute),
        )
        if self._limits.ask(pace, 0, 0, 0, now_ms).refused is not None:
            return None
        self._limits.take(pace, 0, 0, now_ms)
        granted_micro = min(answer.cap_micro, left_micro)
        states = self._limits.take(limits, tokens, granted_micro, now_ms)
        self._holds[request.request_id] = LocalHold(
            request, granted_micro, limits, now_ms + request.lease_ms
        )
        self._held[request.customer_id] += granted_micro
        return _granted(facts, granted_micro, balance_micro, states)

    def _taken_over(
        self,
        held: LocalHold,
        request: AdmissionRequest,
        facts: KeyFacts,
        balance_micro: int | None,
    ) -> Admission:
        """A later attempt has what the earlier one was granted."""
        if held.request.attempt > request.attempt:
            return Admission(Verdict.DUPLICATE, facts, local=True)
        held.request, held.deadline_ms = request, request.now_ms + request.lease_ms
        if balance_micro is not None:
            balance_micro += held.granted_micro
        states = self._limits.ask(held.limits, request.hold_tokens, 0, 0, request.now_ms).states
        return _granted(facts, held.granted_micro, balance_micro, states)

    def _hold_of(self, record: UsageRecord) -> LocalHold | None:
        hold = self._holds.get(record.request_id)
        return None if hold is None or record.attempts < hold.request.attempt else hold

    def _sweep(self, now_ms: int) -> None:
        """Ends the holds of attempts that failed and were not tried again here."""
        if now_ms - self._swept_ms < SWEEP_MS:
            return
        self._swept_ms = now_ms
        lapsed = [hold for hold in self._holds.values() if hold.deadline_ms <= now_ms]
        for hold in lapsed:
            del self._holds[hold.request.request_id]
            reserved = hold.request.hold_tokens, hold.granted_micro
            self._give_up(hold, reserved, (0, 0), now_ms)

    def _give_up(
        self, hold: LocalHold, reserved: tuple[int, int], used: tuple[int, int], now_ms: int
    ) -> None:
        self._limits.give_back(hold.limits, reserved, used, now_ms)
        customer_id = hold.request.customer_id
        self._held[customer_id] -= hold.granted_micro
        if not self._held[customer_id]:
            del self._held[customer_id]


def _judged(facts: KeyFacts, now_ms: int) -> Verdict | None:
    if facts.disabled:
        return Verdict.DISABLED
    if facts.expires_at_ms is not None and facts.expires_at_ms <= now_ms:
        return Verdict.EXPIRED
    return None


def _granted(
    facts: KeyFacts, granted_micro: int, balance_micro: int | None, states: tuple[LimitState, ...]
) -> Admission:
    return Admission(
        Verdict.ADMITTED, facts, None, granted_micro, balance_micro, None, states, local=True
    )


def _refused(
    verdict: Verdict,
    facts: KeyFacts,
    balance_micro: int | None,
    states: Sequence[LimitState],
    refused: LimitState | None = None,
    wait_ms: int | None = None,
) -> Admission:
    return Admission(verdict, facts, wait_ms, 0, balance_micro, refused, tuple(states), local=True)
