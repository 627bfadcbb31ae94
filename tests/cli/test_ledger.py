"""`clavis ledger`: the proof in words and JSON, and what it says when something does not clear."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import Result

from ledger import reconcile
from ledger.store.hot import HotStore
from tests.cli.test_commands import Run, right, run
from tests.ledger.conftest import redis_url, shared_redis

__all__ = ["redis_url", "run", "shared_redis"]


@pytest.fixture
def redis(run: Run, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A gateway whose Redis runs."""
    monkeypatch.setenv("CLAVIS_REDIS_URL", redis_url)
    monkeypatch.setattr(reconcile, "PAUSE_MS", 1)
    return redis_url


@pytest.fixture
def acme(run: Run, redis: str) -> str:
    """The id of a customer with 12.5 USD."""
    made = right(run("customers", "create", "acme", "--mode", "prepaid", "--json"))
    assert right(run("credits", "add", "acme", "12.5", "--json"))
    return str(made["id"])


def change_credit(url: str, customer_id: str, micro: int) -> None:
    async def change() -> None:
        hot = HotStore.connect(url)
        [name] = await hot.wire.call("KEYS", f"*:acct:{customer_id}")
        await hot.wire.call("HINCRBY", name, "credit", micro)
        await hot.close()

    asyncio.run(change())


def test_what_clears_is_said_with_its_sums(run: Run, acme: str) -> None:
    found = right(run("ledger", "reconcile", "--json"))
    assert (found["clean"], found["differences"], found["credit_micro"]) == (True, [], 12_500_000)
    assert (found["customers"], found["requests"], found["uncollected_micro"]) == (1, 0, 0)
    shown = run("ledger", "reconcile")
    assert shown.exit_code == 0
    assert "12.500000 USD" in shown.stdout
    assert shown.stdout.endswith("Everything clears.\n")


def test_what_does_not_clear_is_said_by_customer_and_amount(
    run: Run, redis: str, acme: str
) -> None:
    change_credit(redis, acme, -1)
    programs = run("ledger", "reconcile", "--json")
    assert programs.exit_code == 1
    found = json.loads(programs.stdout)
    assert found["clean"] is False
    assert found["differences"] == [
        {
            "customer_id": acme,
            "customer": "acme",
            "check": "credit",
            "expected": 12_500_000,
            "found": 12_499_999,
        }
    ]
    people = run("ledger", "reconcile")
    assert people.exit_code == 1
    line = next(line for line in people.stdout.splitlines() if line.startswith("acme"))
    assert line.split() == ["acme", acme, "credit", "12500000", "12499999", "-1"]


def test_rebuilding_corrects_and_proves_it(run: Run, redis: str, acme: str) -> None:
    change_credit(redis, acme, 77)
    done = right(run("ledger", "rebuild", "--json"))
    assert [(one["check"], one["found"]) for one in done["corrected"]] == [("credit", 12_500_077)]
    assert (done["left"], done["drained"], done["reconciliation"]["clean"]) == ([], 0, True)
    change_credit(redis, acme, -5)
    shown = run("ledger", "rebuild")
    assert shown.exit_code == 0
    assert "Corrected:" in shown.stdout
    assert shown.stdout.endswith("Everything clears.\n")


def test_what_cannot_be_corrected_is_said(run: Run, redis: str, acme: str) -> None:
    async def strange() -> None:
        hot = HotStore.connect(redis)
        await hot.wire.call("HSET", "{s3}:acct:cus_x", "mode", "prepaid", "credit", 9)
        await hot.close()

    asyncio.run(strange())
    shown = run("ledger", "rebuild")
    assert shown.exit_code == 1
    assert "cus_x" in shown.stdout
    done = json.loads(run("ledger", "rebuild", "--json").stdout)
    assert [(one["customer_id"], one["customer"]) for one in done["left"]] == [("cus_x", None)]


@pytest.mark.parametrize("command", ["reconcile", "rebuild"])
def test_without_redis_there_is_no_proof(run: Run, tmp_path: Path, command: str) -> None:
    url = f"unix://{tmp_path}/none.sock"
    run("customers", "create", "acme")
    people: Result = run("ledger", command, "--redis-url", url)
    assert people.exit_code == 1
    assert "no connection to Redis" in people.stderr
    assert "Traceback" not in people.output
