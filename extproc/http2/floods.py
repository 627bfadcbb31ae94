"""How much a peer may send that is of no use: an allowance that fills with time and with use.

A flood of cheap frames (PING, SETTINGS, empty DATA, streams opened and reset at once as in
CVE-2023-44487) costs us more than the peer. An honest peer sends few of them beside its messages:
every message that comes or goes adds to the allowance, and so does time. Who has used it up is told
ENHANCE_YOUR_CALM. The numbers are generous, because ending a connection ends the exchanges on it.
"""

from extproc.http2.frames import ConnectionFault, ErrorCode

# More than a connection has streams: they may all be reset in one moment, with no answer yet, when
# this process or its store stood still for as long as Envoy waits.
FULL = 20_000
PER_SECOND = 1_000


class Allowance:
    """Of one connection."""

    __slots__ = ("_at", "_left")

    def __init__(self) -> None:
        self._left: float = FULL
        self._at: float | None = None

    def spend(self, now: float, cost: int = 1) -> None:
        """Raises ConnectionFault when there is nothing left."""
        if self._at is not None:
            self._left += (now - self._at) * PER_SECOND
        self._at = now
        self._left = min(self._left, FULL) - cost
        if self._left < 0:
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "too many frames of no use")

    def earn(self, amount: int = 1) -> None:
        if self._left < FULL:
            self._left += amount
