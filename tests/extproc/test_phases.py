"""The transition table is whole: every phase listed, reachable, and with a way out."""

import pytest

from extproc.exchange.phases import TRANSITIONS, IllegalTransition, Phase, Signal, step


def test_every_phase_is_listed_and_only_closed_has_no_exit() -> None:
    assert set(TRANSITIONS) == set(Phase)
    assert [phase for phase, exits in TRANSITIONS.items() if not exits] == [Phase.CLOSED]


def test_every_phase_is_reachable_and_leads_to_closed() -> None:
    reached = {Phase.OPENED}
    while more := {n for p in reached for n in TRANSITIONS[p].values()} - reached:
        reached |= more
    assert reached == set(Phase)
    closing = {Phase.CLOSED}
    while more := {p for p in Phase if closing & set(TRANSITIONS[p].values())} - closing:
        closing |= more
    assert closing == set(Phase)


def test_every_signal_is_used() -> None:
    assert {signal for exits in TRANSITIONS.values() for signal in exits} == set(Signal)


def test_money_is_settled_on_every_way_out_once_the_upstream_has_the_request() -> None:
    """From SENT on, CLOSED is reached through SETTLING only, or by a retry that keeps the lease."""
    for phase in (Phase.SENT, Phase.HOLDING, Phase.COLLECTING, Phase.RELAYING):
        straight = [s for s, after in TRANSITIONS[phase].items() if after is Phase.CLOSED]
        assert straight in ([], [Signal.RETRY])


def test_what_is_not_in_the_table_is_a_fault_of_ours() -> None:
    with pytest.raises(IllegalTransition, match=r"settled.*opened"):
        step(Phase.OPENED, Signal.SETTLED)
