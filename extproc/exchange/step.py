"""What a handler of an exchange decided."""

from typing import NamedTuple

from extproc.exchange.actions import Action
from extproc.exchange.phases import Signal


class Step(NamedTuple):
    """What was decided, and what is to be done now."""

    signal: Signal
    actions: list[Action]
