"""Which call a result belongs to, where ids are not unique."""

from collections import deque
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Unanswered(Generic[_T]):
    """The calls that wait for their results, by id.

    Ids come back: some upstreams count from `call_0` in every answer, some give parallel calls the
    same one. So a result belongs to the latest answer that has a call of its id, and there to the
    first call that still waits.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[int, deque[_T]]] = {}

    def called(self, call_id: str, answer: int, call: _T) -> None:
        """`answer` numbers the answers of the conversation."""
        found = self._waiting.get(call_id)
        if found is None or found[0] != answer:
            found = self._waiting[call_id] = (answer, deque())
        found[1].append(call)

    def answered(self, call_id: str) -> _T | None:
        """The call that this result belongs to; None where there is none."""
        found = self._waiting.get(call_id)
        return found[1].popleft() if found is not None and found[1] else None
