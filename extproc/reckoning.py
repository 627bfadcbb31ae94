"""What is taken down of an attempt: its usage record, its line among the attempts, and what its end
says of the upstream account."""

from collections.abc import Mapping
from dataclasses import replace

from extproc import billing, health
from extproc.exchange.actions import Accuse, Action, NoteTry, Praise, Release, Settle
from extproc.exchange.ticket import Ticket, record
from extproc.meter import Meter
from extproc.tariff import Tariff
from extproc.world import World
from ledger.model import Attempt, Outcome, UsageRecord
from ledger.records import total_tokens
from translators.canonical.failure import Failure
from translators.canonical.usage import Usage

OTHERS_TURN_MS = 2_000  # the edge asks again within milliseconds

# Nobody knows so much of an attempt whose worker died.
_SERVED = (Outcome.COMPLETED, Outcome.TRUNCATED, Outcome.ABANDONED)

Kept = Mapping[tuple[str, str], bytes]


class Reckoning:
    """One attempt's books. `upstream_status` is 0 until the upstream has answered."""

    __slots__ = (
        "_tariff", "_told", "_world", "counted", "losses", "meter", "ticket", "upstream_request_id",
        "upstream_status",
    )  # fmt: skip

    def __init__(self, world: World, ticket: Ticket, tariff: Tariff) -> None:
        self._world = world
        self._tariff = tariff
        self._told = False  # the account's good end or bad one was told already
        self.ticket = ticket
        self.meter = Meter()
        self.counted = 0  # tokens of the answer, by what was seen of them
        self.losses: tuple[str, ...] = ()  # of the answer; those of the request are the ticket's
        self.upstream_status = 0
        self.upstream_request_id: str | None = None

    def record(self, status: int, outcome: Outcome, now_ms: int) -> UsageRecord:
        """The record as it is by now. `status` is what the client saw."""
        meter, ticket = self.meter, self.ticket
        bill = billing.bill(
            ticket,
            meter,
            self.counted,
            self._tariff,
            failed=outcome is Outcome.FAILED or self.upstream_status >= 300,
            served=outcome in _SERVED,
        )
        attempts: tuple[Attempt, ...] = ()
        if ticket.tries or self.upstream_status not in (0, status):
            reason = None if outcome is Outcome.COMPLETED else self._reason(outcome)
            attempts = (*ticket.tries, self._attempt(reason, bill.usage, bill.cost_micro, now_ms))
        return record(
            ticket,
            status,
            outcome,
            latency_ms=max(now_ms - ticket.started_at_ms, 0),
            ttft_ms=meter.ttft_ms,
            finish=meter.finish.unified.value if meter.finish else None,
            upstream_request_id=self.upstream_request_id,
            usage=bill.usage,
            cost_micro=bill.cost_micro,
            losses=ticket.losses + self.losses,
            source=bill.source,
            attempts=attempts,
        )

    def settle(self, kept: UsageRecord, pin: tuple[str, str] | None, keep: Kept) -> list[Action]:
        """Closes the books of the request with this record."""
        actions: list[Action] = [Settle(self.ticket.shard, kept, pin, keep)]
        if self.ticket.reserved is not None:
            actions.append(Release(self.ticket.reserved, total_tokens(kept)))
        return actions

    def failed(self, failure: Failure) -> list[Action]:
        """What the failure says of the account, once."""
        said = self._world.catalog.limits.cooldown
        found = None
        if not self._told:
            found = health.evidence(said, self.ticket, failure, self.upstream_status)
        if found is None:
            return []
        self._told = True
        return [Accuse(found)]

    def went_well(self) -> list[Action]:
        """The account answered; told where it failed before."""
        ticket = self.ticket
        if not ticket.watched or self._told or ticket.account is None:
            return []
        self._told = True
        return [Praise(ticket.account, ticket.upstream_model or "")]

    def retried(self, failure: Failure, reason: str, now_ms: int) -> list[Action]:
        """The attempt came to nothing, and another one follows."""
        ticket, usage = self.ticket, self.meter.usage
        attempt = self._attempt(reason, usage, None, now_ms)
        actions: list[Action] = [
            NoteTry(ticket.shard, ticket.request_id, ticket.attempt, attempt),
            *self.failed(failure),
        ]
        if ticket.reserved is not None:
            actions.append(Release(ticket.reserved, attempt.tokens or 0))
        return actions

    def broke_off(self, settlement: list[Action], now_ms: int) -> list[Action]:
        """Noted for the next attempt; where none follows, it was the caller who left."""
        ticket = self.ticket
        attempt = self._attempt(health.BROKE_OFF, self.meter.usage, None, now_ms)
        note = NoteTry(ticket.shard, ticket.request_id, ticket.attempt, attempt)
        later = (
            replace(action, after_ms=OTHERS_TURN_MS) if isinstance(action, Settle) else action
            for action in settlement
        )
        return [note, *later]

    def _reason(self, outcome: Outcome) -> str:
        failure = self.meter.failure
        return failure.kind.value if failure is not None else outcome.value

    def _attempt(
        self, reason: str | None, usage: Usage | None, cost_micro: int | None, now_ms: int
    ) -> Attempt:
        ticket = self.ticket
        tokens = None
        if usage is not None:
            tokens = (usage.total_input_tokens or 0) + (usage.total_output_tokens or 0)
        return Attempt(
            upstream=ticket.upstream,
            account=ticket.account,
            status=self.upstream_status,
            reason=reason,
            duration_ms=max(now_ms - ticket.sent_at_ms, 0),
            tokens=tokens,
            cost_micro=cost_micro,
            upstream_model=ticket.upstream_model,
        )
