"""When an exchange has to give a sign of life, which keeps its lease and says what it metered.

What is produced after the last sign is lost when the worker is killed: nobody is charged for it. So
an exchange that meters something new says so after FRESH_MS; looked at every LOOK_MS, it is never
more than two seconds behind. One that waits for its upstream has nothing to tell, and only keeps
its lease.
"""

from collections.abc import Mapping

from extproc.exchange.exchange import Exchange

LOOK_MS = 500
FRESH_MS = 1_500
TOGETHER = 50  # signs in one turn of the event loop and one write to Redis: some two milliseconds

_NOTHING = (0, None)  # metered, as the note says that comes with admission


class Signs:
    """What the open exchanges of a worker said of themselves, and when."""

    def __init__(self) -> None:
        self._last: dict[int, tuple[int, tuple[int, object]]] = {}

    def due(self, exchanges: Mapping[int, Exchange], lease_ms: int, now_ms: int) -> list[Exchange]:
        """Those that have to give one now; they are taken to do so."""
        last = self._last = {key: told for key, told in self._last.items() if key in exchanges}
        due = []
        for key, exchange in exchanges.items():
            if not exchange.at_stake:
                continue
            at_ms, metered = last.setdefault(key, (now_ms, _NOTHING))
            age_ms, now = now_ms - at_ms, exchange.metered
            if age_ms >= lease_ms // 3 or (age_ms >= FRESH_MS and now != metered):
                last[key] = now_ms, now
                due.append(exchange)
        return due
