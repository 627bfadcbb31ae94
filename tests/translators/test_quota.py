"""What is left of a caller's limits, in the headers that his vendor's clients read."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translators.anthropic.quota import moment
from translators.canonical.quota import Quota, QuotaKind
from translators.openai_chat.quota import duration
from translators.protocol import discover

NOW_MS = 1_700_000_000_000
QUOTAS = [
    Quota(QuotaKind.REQUESTS, 60, 59, 1_000),
    Quota(QuotaKind.TOKENS, 10_000, 0, 61_500),
]


@pytest.mark.parametrize("name", ["openai_chat", "openai_responses", "gemini"])
def test_openais_headers(name: str) -> None:
    assert discover()[name].quota_headers(QUOTAS, NOW_MS) == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-limit-tokens": "10000",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "1m1.5s",
    }


def test_anthropics_headers() -> None:
    assert discover()["anthropic"].quota_headers(QUOTAS, NOW_MS) == {
        "anthropic-ratelimit-requests-limit": "60",
        "anthropic-ratelimit-requests-remaining": "59",
        "anthropic-ratelimit-requests-reset": "2023-11-14T22:13:21Z",
        "anthropic-ratelimit-tokens-limit": "10000",
        "anthropic-ratelimit-tokens-remaining": "0",
        "anthropic-ratelimit-tokens-reset": "2023-11-14T22:14:22Z",
    }


@pytest.mark.parametrize(
    ("span_ms", "text"),
    [(0, "0ms"), (250, "250ms"), (1_000, "1s"), (1_250, "1.25s"), (60_000, "1m0s")],
)
def test_durations(span_ms: int, text: str) -> None:
    assert duration(span_ms) == text


@given(st.integers(0, 4_102_444_800_000))
def test_a_moment_is_the_calendars_rounded_up_to_the_second(at_ms: int) -> None:
    told = datetime.fromtimestamp(-(-at_ms // 1000), UTC)
    assert moment(at_ms) == told.strftime("%Y-%m-%dT%H:%M:%SZ")
