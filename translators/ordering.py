"""Order: of turns in a request, of parts in a stream."""

from collections.abc import Iterable

from translators.canonical.loss import Loss
from translators.canonical.request import Turn
from translators.canonical.stream import StreamEvent


def merged(turns: Iterable[Turn]) -> list[Turn]:
    """Neighbouring turns of one role made one, for dialects that alternate."""
    return list(turns)


def paired(turns: Iterable[Turn]) -> tuple[list[Turn], tuple[Loss, ...]]:
    """Every call with its result and every result with its call.

    Results come first in the user turn that follows the calls; a result without a call becomes
    text; a call without a result gets one that says so. Each of these repairs is a loss.
    """
    return list(turns), ()


class OneAtATime:
    """A stream in which only one part is open at any time, keys 0, 1, 2, ... in order.

    The first open part streams live; what comes for the others is held until it ends.
    """

    def feed(self, event: StreamEvent) -> list[StreamEvent]:
        return [event]
