"""What the gateway keeps of a translated answer: the answer itself, where its caller may refer to
it later, and sealed reasoning, where the caller's protocol has no field for it.
"""

from collections.abc import Iterable

from extproc import failures
from extproc.exchange.ticket import Reply, Ticket
from extproc.world import World
from ledger.store.keepsakes import ANSWER, SEAL
from translators import keepsakes
from translators.canonical.response import Fold, Response
from translators.canonical.stream import Ended, StreamEvent

Kept = dict[tuple[str, str], bytes]


class Keeping:
    """Folds an answer's events, if anything of them is to be kept."""

    __slots__ = ("_ended", "_fold", "_ticket", "_world", "defect")

    def __init__(self, world: World, ticket: Ticket) -> None:
        reply = ticket.reply
        wanted = reply is not None and (reply.seals_kept or reply.remembered is not None)
        self._fold = Fold() if wanted else None
        self._world = world
        self._ticket = ticket
        self._ended = False
        self.defect: Exception | None = None

    def take(self, events: Iterable[StreamEvent]) -> None:
        if self._fold is not None:
            self._fold.take(events)
            self._ended = self._ended or any(isinstance(event, Ended) for event in events)

    def kept(self) -> Kept:
        """By kind and id; nothing of an answer that did not end well, and nothing where a fault of
        ours shows: that is in `defect`, for neither the answer nor its record may suffer from it.
        """
        reply = self._ticket.reply
        if self._fold is None or reply is None or not self._ended:
            return {}
        try:
            return self._kept(self._fold.response(), reply)
        except failures.DEFECTS as error:
            self.defect = error
            return {}

    def _kept(self, response: Response, reply: Reply) -> Kept:
        found: Kept = {}
        if reply.seals_kept:
            for call_id, seal in keepsakes.kept(response.parts).items():
                found[SEAL, call_id] = seal
        if reply.remembered is not None:
            protocol = self._world.protocol(self._ticket.protocol)
            assert protocol.state is not None
            answer = protocol.encode_response(response, reply.context).body
            kept = protocol.state.keep(reply.remembered, answer)
            if len(kept) <= self._world.catalog.limits.stored_answer_max_bytes:
                found[ANSWER, protocol.state.id_of(reply.context)] = kept
        return found
