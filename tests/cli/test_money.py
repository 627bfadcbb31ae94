"""Customers, credits and usage at the command line: words for people, JSON for programs."""

import asyncio
import csv
import io
import json
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.commands.amounts import micro_usd, money, usd
from cli.commands.times import moment_ms
from cli.main import app
from cli.output import OperatorError
from ledger.store.record import Record
from tests.cli.test_commands import CATALOG, Run, right, run
from tests.ledger.samples import record_of

__all__ = ["run"]


def wrong(run: Run, *words: str) -> str:
    """What a command that went wrong says, to people and to programs alike."""
    people, programs = run(*words), run(*words, "--json")
    assert (people.exit_code, programs.exit_code) == (1, 1), people.output
    assert "Traceback" not in people.output
    message: str = json.loads(programs.stdout)["error"]["message"]
    assert message in people.stderr
    return people.stderr


def test_a_customer_is_made_listed_and_shown(run: Run) -> None:
    limits = ("--rpm", "60", "--spend-per-day", "2.50")
    made = right(run("customers", "create", "acme", "--mode", "prepaid", *limits, "--json"))
    assert (made["name"], made["mode"]) == ("acme", "prepaid")
    assert made["limits"] == {"requests": 60, "spend_day": 2_500_000}
    assert right(run("customers", "list", "--json")) == [made]
    shown = right(run("customers", "show", made["id"], "--json"))
    assert (shown["account"]["available_micro"], shown["plan"], shown["keys"]) == (0, None, 0)
    assert "60 requests/min, 2.5 USD/day" in run("customers", "list").stdout
    assert "prepaid" in run("customers", "show", "acme").stdout


def test_a_new_customer_is_what_the_catalog_says(run: Run, tmp_path: Path) -> None:
    assert right(run("customers", "create", "one", "--json"))["mode"] == "open"
    (tmp_path / "catalog.yaml").write_text(CATALOG + "billing: {prepaid: true}\n")
    assert right(run("customers", "create", "two", "--json"))["mode"] == "prepaid"
    assert right(run("customers", "create", "three", "--mode", "open", "--json"))["mode"] == "open"
    run("keys", "create", "laptop", "--customer", "four")
    modes = {one["name"]: one["mode"] for one in right(run("customers", "list", "--json"))}
    assert modes["four"] == "prepaid"


def test_a_customers_mode_and_limits_change_and_what_is_not_named_stays(run: Run) -> None:
    run("customers", "create", "acme", "--rpm", "60", "--tpm", "1000")
    changed = right(run("customers", "set", "acme", "--rpm", "90", "--json"))
    assert changed["limits"] == {"requests": 90, "tokens": 1000}
    cleared = right(run("customers", "set", "acme", "--no-limits", "--concurrency", "2", "--json"))
    assert cleared["limits"] == {"concurrency": 2}
    turned = right(run("customers", "set", "acme", "--mode", "prepaid", "--json"))
    assert (turned["mode"], turned["effective"]) == ("prepaid", False)
    assert "when the gateway runs again" in run("customers", "set", "acme", "--mode", "open").stdout
    assert "Nothing to change" in wrong(run, "customers", "set", "acme")
    assert "There is no customer 'nobody'" in wrong(run, "customers", "show", "nobody")


def test_a_key_has_limits_from_its_making_on(run: Run) -> None:
    made = right(run("keys", "create", "laptop", "--rpm", "60", "--spend-per-month", "9", "--json"))
    assert made["limits"] == {"requests": 60, "spend_month": 9_000_000}
    changed = right(run("keys", "limit", "laptop", "--concurrency", "3", "--json"))
    assert changed["limits"] == {"requests": 60, "concurrency": 3, "spend_month": 9_000_000}
    assert changed["effective"] is False, "the gateway does not run"
    assert "60 requests/min" in run("keys", "list").stdout
    assert right(run("keys", "limit", "laptop", "--no-limits", "--rpm", "1", "--json"))[
        "limits"
    ] == {"requests": 1}
    assert "Nothing to change" in wrong(run, "keys", "limit", "laptop")


def test_every_wrong_limit_is_named(run: Run) -> None:
    said = wrong(run, "keys", "create", "x", "--rpm", "0", "--spend-per-day", "lots")
    assert "--rpm" in said
    assert "--spend-per-day" in said
    assert right(run("keys", "list", "--json")) == []


def test_credit_is_added_once_for_its_reference_and_taken_with_a_reason(run: Run) -> None:
    """The gateway does not run: the record has it, and the answer says when requests see it."""
    run("customers", "create", "acme", "--mode", "prepaid")
    added = right(run("credits", "add", "acme", "12.50", "--reference", "invoice-1", "--json"))
    assert (added["booking"], added["entry"]["amount_micro"]) == ("pending", 12_500_000)
    assert added["entry"]["actor"].startswith("cli")
    again = right(run("credits", "add", "acme", "12.50", "--reference", "invoice-1", "--json"))
    assert again["entry"]["id"] == added["entry"]["id"]
    people = run("credits", "add", "acme", "1", "--adjust", "--reason", "sorry").stdout
    assert "adjustment of 1 USD" in people
    assert "when the gateway runs again" in people
    assert "--reason" in wrong(run, "credits", "add", "acme", "1", "--adjust")
    too_much = ("credits", "take", "acme", "20", "--reason", "mistake")
    assert "acme has less than that" in wrong(run, *too_much)
    run("credits", "take", "acme", "0.50", "--reason", "booked twice")
    shown = right(run("credits", "show", "acme", "--json"))
    assert [entry["amount_micro"] for entry in shown["entries"]] == [
        -500_000,
        1_000_000,
        12_500_000,
    ]
    assert "booked twice" in run("credits", "show", "acme").stdout


def test_a_plan_is_given_shown_and_ended(run: Run) -> None:
    run("customers", "create", "acme", "--mode", "prepaid")
    given = ("customers", "plan", "acme", "--allowance", "20", "--name", "team", "--json")
    plan = right(run(*given))
    assert (plan["name"], plan["allowance_micro"], plan["period"]) == ("team", 20_000_000, "month")
    assert run("customers", "plan", "acme").stdout == "team: 20 USD a month\n"
    assert right(run("customers", "plan", "acme", "--end", "--json")) is None
    assert run("customers", "plan", "acme").stdout == "No plan.\n"
    assert "Either" in wrong(run, "customers", "plan", "acme", "--end", "--allowance", "1")


def test_redeem_codes_are_shown_once_and_listed_by_their_ends(run: Run) -> None:
    made = right(run("credits", "redeem-codes", "10", "--count", "2", "--expires", "90d", "--json"))
    assert len({one["code"] for one in made}) == 2
    assert {one["amount_micro"] for one in made} == {10_000_000}
    people = run("credits", "redeem-codes", "1.5").stdout
    assert "Each gives 1.5 USD once. They are not shown again." in people
    listed = right(run("credits", "redeem-codes", "--json"))
    assert len(listed) == 3
    assert all("code" not in one for one in listed)
    assert made[0]["hint"] in run("credits", "redeem-codes").stdout


def spent(directory: Path, made: dict[str, Any]) -> None:
    """Three requests of a key: two today, one a month and more ago."""
    now_ms = int(time.time() * 1000)

    async def add() -> None:
        record = Record.connect(f"sqlite+aiosqlite:///{directory}/data/ledger.sqlite3")
        who = {"key_id": made["id"], "customer_id": made["customer_id"]}
        rows = [
            record_of(
                f"req-{number}",
                started_at_ms=at_ms,
                cost_micro=1_500_000,
                image_input_tokens=7,
                audio_output_tokens=5,
                web_searches=1_000,
                **who,
            )
            for number, at_ms in enumerate((now_ms - 2, now_ms - 1, now_ms - 40 * 86_400_000))
        ]
        assert await record.add_usage(rows) == 3
        await record.close()

    asyncio.run(add())


def test_usage_is_summed_for_people_programs_and_spreadsheets(run: Run, tmp_path: Path) -> None:
    made = right(run("keys", "create", "laptop", "--json"))
    spent(tmp_path, made)
    found = right(run("usage", "--by", "customer,model", "--json"))
    [row] = found["data"]
    assert (row["customer_id"], row["model"], row["requests"]) == (
        made["customer_id"],
        "claude-sonnet",
        2,
    )
    assert (row["cost_micro"], row["input_tokens"]) == (3_000_000, 20), "buckets are disjoint"
    assert (row["image_input_tokens"], row["audio_output_tokens"]) == (14, 10)
    people = run("usage", "--by", "customer,key").stdout
    assert people.splitlines()[-1].split() == ["default", "laptop", "2", "0", "214", "230", "3.00"]
    text = run("usage", "--from", "60d", "--by", "model", "--csv").stdout
    [line] = csv.DictReader(io.StringIO(text))
    assert (line["model"], line["requests"], line["cost_micro"]) == (
        "claude-sonnet",
        "3",
        "4500000",
    )
    each = list(
        csv.DictReader(io.StringIO(run("usage", "--from", "60d", "--csv", "--each").stdout))
    )
    assert len(each) == 3 and len({one["request_id"] for one in each}) == 3
    assert [one["started_at"] for one in each] == sorted(
        (one["started_at"] for one in each), reverse=True
    )
    assert {one["outcome"] for one in each} == {"completed"} and each[0]["cost_micro"] == "1500000"
    nothing = run("usage", "--model", "none", "--csv", "--each").stdout.splitlines()
    assert len(nothing) == 1 and nothing[0].startswith("started_at,request_id")
    days = run("usage", "--from", "60d", "--by", "day").stdout.splitlines()
    assert days[-1].split() == ["total", "3", "0", "321", "345", "4.50"]
    assert right(run("usage", "--key", "laptop", "--model", "gpt-5", "--json"))["data"] == []
    assert right(run("usage", "--customer", "default", "--json"))["data"]


def test_a_wrong_question_about_usage_is_explained(run: Run) -> None:
    assert "--each needs --csv" in wrong(run, "usage", "--each")
    assert "any of day, model, key, customer" in wrong(run, "usage", "--by", "week")
    assert "--from lies after --to" in wrong(
        run, "usage", "--from", "2027-02-01", "--to", "2027-01-01"
    )
    assert "'soon' is no time" in wrong(run, "usage", "--from", "soon")
    assert "There is no customer" in wrong(run, "usage", "--customer", "nobody")
    assert "There is no key" in wrong(run, "usage", "--key", "nobody")


@pytest.mark.parametrize(
    ("text", "micro"),
    [("12.50", 12_500_000), ("0.000001", 1), ("1", 1_000_000), (" $3 ", 3_000_000), ("1e3", 10**9)],
)
def test_amounts_are_dollars(text: str, micro: int) -> None:
    assert micro_usd(text) == micro


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "ten", "1,5", "0.0000001", "NaN", "inf", "1e999999999", "1e30"]
)
def test_what_is_no_amount_is_said(text: str) -> None:
    with pytest.raises(OperatorError, match="is no amount"):
        micro_usd(text)


@pytest.mark.parametrize(
    ("micro", "plain", "column"),
    [
        (None, None, None),
        (0, "0", "0.00"),
        (12_500_000, "12.5", "12.50"),
        (1, "0.000001", "0.000001"),
        (-1_500_000, "-1.5", "-1.50"),
        (10_000_000, "10", "10.00"),
    ],
)
def test_amounts_are_shown_exactly(
    micro: int | None, plain: str | None, column: str | None
) -> None:
    assert (usd(micro), money(micro)) == (plain, column)


@pytest.mark.parametrize(
    ("text", "end", "at_ms"),
    [
        ("7d", False, 1_000_000_000_000 - 7 * 86_400_000),
        ("2001-09-09", False, 999_993_600_000),
        ("2001-09-09", True, 999_993_600_000 + 86_400_000),
        ("2001-09-09T01:46:40+00:00", True, 1_000_000_000_000),
        ("99999w", False, 0),
    ],
)
def test_moments_are_spans_ago_dates_or_times(text: str, end: bool, at_ms: int) -> None:
    assert moment_ms(text, 1_000_000_000_000, end_of_day=end) == at_ms


def test_help_names_every_new_command() -> None:
    shown = CliRunner().invoke(app, ["--help"]).stdout
    assert all(name in shown for name in ("customers", "credits", "usage"))
