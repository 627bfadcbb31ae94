"""The cases are requests that the callers' own providers accept."""

import pytest

from tests.translators.conformance.cases import (
    PROTOCOLS,
    REFUSED_AT_HOME,
    Case,
    cases,
    label,
)
from tests.translators.conformance.upstream import refusal
from translators.protocol import Protocol, discover


def said_at_home(case: Case) -> str | None:
    """What the client's own provider says against the case."""
    path = discover()[case.protocol].request_path(case.model, bool(case.json.get("stream")))
    return refusal(case.protocol, path, case.body)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_every_protocol_has_cases(protocol: Protocol) -> None:
    assert len(cases(protocol.name)) > 50


@pytest.mark.parametrize("case", cases(), ids=label)
def test_a_case_is_accepted_by_its_own_provider(case: Case) -> None:
    if case.feature not in REFUSED_AT_HOME:
        assert said_at_home(case) is None


@pytest.mark.parametrize("feature", sorted(REFUSED_AT_HOME))
def test_what_is_excused_needs_the_excuse(feature: str) -> None:
    assert any(said_at_home(case) for case in cases() if case.feature == feature)
