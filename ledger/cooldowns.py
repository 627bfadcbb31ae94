"""Which upstream accounts rest, and why: evidence in, and a view that routing asks.

An account rests for one model, or as a whole where its credential or its credit is refused. Rests
are kept in Redis (ledger/store/upstreams.py), so that all workers know them; the view of a worker
follows what is written there, and what this worker alone found out.

Rules:
- A time that the provider told is the rest. Without one it is short and doubles with every failure
  in a row that came after the rest before it; what was under way when a rest began counts once.
- Evidence that may be chance (`at_once` false: a 500, a broken connection) makes an account suspect
  first; it rests from the second failure in a row. Any success in between clears it.
- When its time is over an account is due: one request may try it. If that goes well the rest is
  forgotten, else it rests again, for longer.
"""

from collections.abc import Iterable
from dataclasses import dataclass

WHOLE = ""  # in place of a model: the account as a whole
FORGET_MS = 900_000  # failures so long past say nothing of what is now


@dataclass(frozen=True, slots=True)
class Evidence:
    """A failure that speaks of an account. `told_ms` is the provider's own reset, from now on;
    `start_ms` and `most_ms` bound a rest of which nobody told anything."""

    account: str
    model: str  # the upstream's name of it, or WHOLE
    reason: str
    status: int  # HTTP status of the upstream; 0: none came
    at_once: bool
    start_ms: int
    most_ms: int
    told_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Rest:
    """What is kept of an account's failures. `until_ms` 0: suspect, but it does not rest yet."""

    account: str
    model: str
    until_ms: int
    failures: int
    since_ms: int
    status: int
    reason: str


class Cooldowns:
    """The view of one process: quick to ask, empty on a good day."""

    __slots__ = ("_blocked", "_rests")

    def __init__(self) -> None:
        self._rests: dict[tuple[str, str], Rest] = {}
        # What only this process found out: accounts at their limits, probes of others under way.
        self._blocked: dict[tuple[str, str], tuple[int, bool]] = {}

    @property
    def quiet(self) -> bool:
        """Nothing to consider: every account may be asked."""
        return not self._rests and not self._blocked

    def obstacle(self, account: str, model: str, now_ms: int) -> tuple[int, bool] | None:
        """Until when the account may not be asked for this model, and whether that is for its
        limits alone. None: it may be asked."""
        latest, limits = 0, True
        for key in ((account, model), (account, WHOLE)):
            rest = self._rests.get(key)
            if rest is not None and rest.until_ms > now_ms:
                latest, limits = max(latest, rest.until_ms), False
            until_ms, limited = self._blocked.get(key, (0, True))
            if until_ms > now_ms:
                latest, limits = max(latest, until_ms), limits and limited
        return (latest, limits) if latest else None

    def due(self, account: str, model: str, now_ms: int) -> Rest | None:
        """The rest that is over, where one request has to try whether the account works again."""
        for key in ((account, WHOLE), (account, model)):
            rest = self._rests.get(key)
            if rest is not None and 0 < rest.until_ms <= now_ms:
                return rest
        return None

    def rest_of(self, account: str, model: str) -> Rest | None:
        """What is kept of an account for one model, or (WHOLE) as a whole."""
        return self._rests.get((account, model))

    def known(self, account: str, model: str) -> Rest | None:
        """What a success would clear."""
        return self._rests.get((account, WHOLE)) or self._rests.get((account, model))

    def block(self, account: str, model: str, until_ms: int, *, limited: bool) -> None:
        """Do not ask this account until then: it is at a limit, or another request tries it."""
        self._blocked[account, model] = until_ms, limited

    def learn(self, rest: Rest) -> None:
        self._rests[rest.account, rest.model] = rest

    def forget(self, account: str, model: str) -> None:
        self._rests.pop((account, model), None)
        self._blocked.pop((account, model), None)

    def replace(self, rests: Iterable[Rest], now_ms: int) -> None:
        """All that is known anywhere, instead of what was known here."""
        self._rests = {(rest.account, rest.model): rest for rest in rests}
        self.tidy(now_ms)

    def tidy(self, now_ms: int) -> None:
        """Drops what has no meaning any more."""
        self._blocked = {key: one for key, one in self._blocked.items() if one[0] > now_ms}
        for key, rest in list(self._rests.items()):
            if max(rest.until_ms, rest.since_ms) + FORGET_MS < now_ms:
                del self._rests[key]

    def all(self) -> list[Rest]:
        return list(self._rests.values())


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What an account was sold with, per minute and at once; None: without limit."""

    requests: int | None = None
    tokens: int | None = None
    concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class Reservation:
    """One attempt asks for its place at an account. `tokens` is the worst case; `probe`: the
    account is due, and only one may try it."""

    account: str
    model: str
    attempt_id: str  # unique among all attempts of all requests
    ceiling: Ceiling
    tokens: int
    probe: bool
    deadline_ms: int  # until when it counts as running, unless it is renewed


@dataclass(frozen=True, slots=True)
class Reserved:
    """`wait_ms`: when to ask again, where there was no place. `what` was missing: requests, tokens,
    concurrency, probe, or rest."""

    granted: bool
    wait_ms: int = 0
    what: str = ""
