"""What was settled a moment ago, to be settled again after Redis was lost and came back.

A Redis that dies without its last second (power, a slow disk, a replica that takes over) forgets
settlements that it had acknowledged, and nobody else has them. So each process keeps those of its
last seconds, and sends them again over every new connection: where nothing was lost they are
ALREADY settled, otherwise they are settled now, once.
"""

from collections import deque
from typing import Generic, TypeVar

KEPT_S = 5.0  # a Redis that syncs every second may lose two; replicas lag less
MAX_KEPT = 10_000  # about 10 MB

Item = TypeVar("Item")


class Replay(Generic[Item]):
    """The items of the last KEPT_S seconds before whichever moment is asked for."""

    __slots__ = ("_items",)

    def __init__(self) -> None:
        self._items: deque[tuple[float, Item]] = deque(maxlen=MAX_KEPT)

    def keep(self, item: Item, now_s: float) -> None:
        items = self._items
        items.append((now_s, item))
        while items[0][0] < now_s - KEPT_S:
            items.popleft()

    def since(self, lost_at_s: float) -> list[Item]:
        """What may have been lost with a connection that broke at this moment."""
        return [item for at_s, item in self._items if at_s >= lost_at_s - KEPT_S]
