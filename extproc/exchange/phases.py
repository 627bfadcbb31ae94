"""The whole legal life of an exchange: phase, signal, next phase. What is not in the table is a
bug.

A handler looks at an event in its phase, decides, and names what it decided with a Signal; the
table says where that leads. docs/architecture.md draws its diagram from this table, so the two
cannot drift.
"""

from enum import Enum


class Phase(Enum):
    """Where an exchange stands."""

    __hash__ = object.__hash__  # members are singletons; Enum's own hashes the name in Python

    OPENED = "opened"  # nothing was said yet
    AUTHENTICATING = "authenticating"  # the key is being looked up
    READING = "reading"  # waiting for the body
    RECALLING = "recalling"  # looking up what is kept: attempts, stored answers, sealed reasoning
    ADMITTING = "admitting"  # the hot store decides
    SENT = "sent"  # the upstream has the request
    HOLDING = "holding"  # a stream has begun; headers held until its first meaningful event
    COLLECTING = "collecting"  # a whole answer is gathered, so that its usage can be headers
    RELAYING = "relaying"  # bytes pass to the client
    SETTLING = "settling"  # the record is on its way; the last bytes wait for it
    FINISHING = "finishing"  # recorded; what is left of the answer passes
    FORWARDED = "forwarded"  # the portal or Envoy itself answers; only ids are added
    CLOSED = "closed"


class Signal(Enum):
    """What a handler decided."""

    __hash__ = object.__hash__

    DOOR_OPEN = "door open"
    KEY_KNOWN = "key known"
    TO_PORTAL = "to portal"
    ENVOY_ANSWERED = "envoy answered"  # a local reply: too large a body, too slow a sender
    RECALL = "recall"  # something that is kept must be looked up
    PLANNED = "planned"
    ADMITTED = "admitted"
    REFUSED = "refused"  # our own answer, nothing to record
    REFUSED_RECORDED = "refused, recorded"  # our own answer to a known key
    STREAM_BEGAN = "stream began"
    ANSWER_BEGAN = "answer began"
    MORE = "more"  # stay
    RELEASED = "released"
    ENDED = "ended"  # the answer is over: settle
    RETRY = "retry"  # another attempt may save it: no settlement, the lease goes on
    ABANDONED = "abandoned"  # the client is gone, with a lease open: settle
    VANISHED = "vanished"  # the client is gone, nothing to settle
    RECORDED = (
        "recorded"  # settled at the protocol's terminal marker, before the upstream's last byte
    )
    SETTLED = "settled"


_P = Phase
_S = Signal

TRANSITIONS: dict[Phase, dict[Signal, Phase]] = {
    _P.OPENED: {
        _S.DOOR_OPEN: _P.AUTHENTICATING,
        _S.REFUSED: _P.CLOSED,
        _S.VANISHED: _P.CLOSED,
    },
    _P.AUTHENTICATING: {
        _S.KEY_KNOWN: _P.READING,
        _S.TO_PORTAL: _P.FORWARDED,
        _S.RECALL: _P.RECALLING,
        _S.PLANNED: _P.ADMITTING,
        _S.REFUSED: _P.CLOSED,
        _S.REFUSED_RECORDED: _P.SETTLING,
        _S.VANISHED: _P.CLOSED,
    },
    _P.READING: {
        _S.ENVOY_ANSWERED: _P.FORWARDED,
        _S.TO_PORTAL: _P.FORWARDED,
        _S.RECALL: _P.RECALLING,
        _S.PLANNED: _P.ADMITTING,
        _S.REFUSED_RECORDED: _P.SETTLING,
        _S.VANISHED: _P.CLOSED,
    },
    _P.RECALLING: {
        _S.RECALL: _P.RECALLING,
        _S.PLANNED: _P.ADMITTING,
        _S.REFUSED: _P.CLOSED,
        _S.REFUSED_RECORDED: _P.SETTLING,
        _S.VANISHED: _P.CLOSED,
    },
    _P.ADMITTING: {
        _S.MORE: _P.ADMITTING,  # admitted; a place at an upstream account is asked for
        _S.ADMITTED: _P.SENT,
        _S.REFUSED: _P.CLOSED,
        _S.REFUSED_RECORDED: _P.SETTLING,  # the key was changed meanwhile
        _S.VANISHED: _P.CLOSED,
    },
    _P.SENT: {
        _S.STREAM_BEGAN: _P.HOLDING,
        _S.ANSWER_BEGAN: _P.COLLECTING,
        _S.RELEASED: _P.RELAYING,
        _S.ENDED: _P.SETTLING,
        _S.RETRY: _P.CLOSED,
        _S.ABANDONED: _P.SETTLING,
    },
    _P.HOLDING: {
        _S.MORE: _P.HOLDING,
        _S.RELEASED: _P.RELAYING,
        _S.ENDED: _P.SETTLING,
        _S.RETRY: _P.CLOSED,
        _S.ABANDONED: _P.SETTLING,
    },
    _P.COLLECTING: {
        _S.MORE: _P.COLLECTING,
        _S.RELEASED: _P.RELAYING,
        _S.ENDED: _P.SETTLING,
        _S.RETRY: _P.CLOSED,
        _S.ABANDONED: _P.SETTLING,
    },
    _P.RELAYING: {
        _S.MORE: _P.RELAYING,
        _S.ENDED: _P.SETTLING,
        _S.ABANDONED: _P.SETTLING,
    },
    _P.SETTLING: {
        _S.ABANDONED: _P.SETTLING,  # the stream broke while the store was asked
        _S.RECORDED: _P.FINISHING,
        _S.SETTLED: _P.CLOSED,
    },
    _P.FINISHING: {
        _S.MORE: _P.FINISHING,
        _S.ENDED: _P.CLOSED,
        _S.VANISHED: _P.CLOSED,
    },
    _P.FORWARDED: {
        _S.MORE: _P.FORWARDED,
        _S.ENDED: _P.CLOSED,
        _S.VANISHED: _P.CLOSED,
    },
    _P.CLOSED: {},
}


class IllegalTransition(AssertionError):
    """A handler signalled what its phase does not allow. This is our bug, never the caller's."""


def step(phase: Phase, signal: Signal) -> Phase:
    """The next phase."""
    try:
        return TRANSITIONS[phase][signal]
    except KeyError:
        raise IllegalTransition(f"{signal.value!r} in phase {phase.value!r}") from None
