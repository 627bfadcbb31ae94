"""Whatever a translator writes, the provider's stand-in takes: every case, every other upstream,
every kind of model, streamed and not."""

from dataclasses import replace

import pytest

from tests.translators.conformance.cases import Case, cases, label, others
from tests.translators.conformance.exchange import decoded
from tests.translators.conformance.profiles import PROFILES, Profile
from tests.translators.conformance.upstream import refusal
from translators.conversion import convert
from translators.protocol import NotUnderstood, Protocol

PAIRS = [(case, target) for case in cases() for target in others(case.protocol)]


def said(case: Case, target: Protocol, profile: Profile, *, streamed: bool) -> str | None:
    """What the upstream says against the translated case; None also where we refuse it first."""
    try:
        request = replace(decoded(case), stream=streamed)
        body = convert(request, target, profile.model, profile.capabilities).body
    except NotUnderstood:
        return None
    return refusal(target.name, target.request_path(profile.model, streamed), body)


@pytest.mark.parametrize(
    ("case", "target"), PAIRS, ids=[f"{label(case)}-{target.name}" for case, target in PAIRS]
)
def test_an_upstream_takes_what_is_written_for_it(case: Case, target: Protocol) -> None:
    refused = {
        (profile.name, streamed): message
        for profile in PROFILES[target.name]
        for streamed in (False, True)
        if (message := said(case, target, profile, streamed=streamed)) is not None
    }
    assert refused == {}
