"""Accounts that rest are seen in the metrics."""

import time

from extproc.telemetry import Telemetry
from ledger.cooldowns import WHOLE, Cooldowns, Rest


def rest(account: str, model: str, for_ms: int) -> Rest:
    now_ms = int(time.time() * 1000)
    return Rest(account, model, now_ms + for_ms if for_ms else 0, 2, now_ms, 429, "rate_limited")


def test_accounts_that_rest_are_counted_while_they_do() -> None:
    view = Cooldowns()
    telemetry = Telemetry(view)

    def resting(account: str) -> float | None:
        found = telemetry.registry.get_sample_value
        return found("clavis_accounts_resting", {"account": account})

    assert resting("one") is None
    view.learn(rest("one", "gpt-5", 60_000))
    view.learn(rest("one", "gpt-5-mini", 60_000))
    view.learn(rest("two", WHOLE, 60_000))
    view.learn(rest("suspect", "gpt-5", 0))
    view.learn(rest("over", "gpt-5", -1_000))
    assert (resting("one"), resting("two")) == (2, 1)
    assert resting("suspect") is None and resting("over") is None
    view.forget("one", "gpt-5")
    assert resting("one") == 1
