"""Commands answer people in words and programs in JSON, and explain an operator's mistakes."""

import asyncio
import json
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.commands.times import later_ms, span_ms
from cli.main import app
from cli.output import OperatorError
from ledger.keys import parse as parse_key
from ledger.ledger import Ledger
from ledger.store.record import Record

CATALOG = """
version: 1
key_prefix: cc_user_
domains:
  - name: api.example.com
providers:
  sim: {base_url: "http://127.0.0.1:9", auth: bearer, surfaces: {openai_chat: /v1}, prices: none}
accounts:
  sim-1: {provider: sim, credential: "${SIM_KEY:-hush-hush}"}
models:
  - name: sim-small
    targets: [{provider: sim}]
    price: {usd_per_million_tokens: {input: 0.25, output: 1}}
groups:
  gold: {}
"""

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`clavis` with a data directory and a catalog of its own."""
    for name in list(os.environ):
        if name.startswith("CLAVIS_"):
            monkeypatch.delenv(name)
    (tmp_path / "catalog.yaml").write_text(CATALOG)
    monkeypatch.setenv("CLAVIS_CATALOG", str(tmp_path / "catalog.yaml"))
    monkeypatch.setenv("CLAVIS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "300")
    return lambda *words: CliRunner().invoke(app, list(words))


def right(result: Result) -> Any:
    """The JSON of a command that went well."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_new_key_is_shown_once_with_the_catalogs_prefix(run: Run, tmp_path: Path) -> None:
    made = right(run("keys", "create", "laptop", "--group", "gold", "--json"))
    secret = made["secret"]
    assert parse_key(secret, ["cc_user_"]) is not None
    assert secret.endswith(made["hint"][-4:])
    listed = right(run("keys", "list", "--json"))
    assert [(key["name"], key["groups"], key["customer"]) for key in listed] == [
        ("laptop", ["gold"], "default")
    ]
    everything = b"".join(p.read_bytes() for p in (tmp_path / "data").rglob("*") if p.is_file())
    assert secret not in json.dumps(listed)
    assert secret.encode() not in everything


def test_people_see_the_secret_and_the_list(run: Run) -> None:
    shown = run("keys", "create", "laptop", "--expires", "30d")
    assert shown.stdout.startswith("cc_user_")
    assert "It is not shown again." in shown.stdout
    listed = run("keys", "list").stdout
    assert "laptop" in listed
    assert "active" in listed
    assert shown.stdout.split()[0] not in listed


def test_a_key_is_strict_when_it_is_made_so(run: Run) -> None:
    assert right(run("keys", "create", "loose", "--json"))["strict"] is False
    assert right(run("keys", "create", "exact", "--strict", "--json"))["strict"] is True
    listed = right(run("keys", "list", "--json"))
    assert {key["name"]: key["strict"] for key in listed} == {"loose": False, "exact": True}


@pytest.mark.parametrize("by", ["id", "name", "hint"])
def test_a_key_is_disabled_and_enabled_by_id_name_or_hint(run: Run, by: str) -> None:
    """The gateway does not run: the record is changed, and the answer says when it takes effect."""
    made = right(run("keys", "create", "laptop", "--json"))
    disabled = right(run("keys", "disable", made[by], "--json"))
    assert (disabled["disabled"], disabled["effective"]) == (True, False)
    assert "disabled" in run("keys", "list").stdout
    enabled = right(run("keys", "enable", made[by], "--json"))
    assert enabled["disabled"] is False


def test_rotation_gives_a_new_secret_and_the_old_one_ends(run: Run, tmp_path: Path) -> None:
    made = right(run("keys", "create", "laptop", "--json"))
    turned = right(run("keys", "rotate", "laptop", "--json"))
    assert turned["id"] == made["id"]
    assert turned["secret"] != made["secret"]
    assert asyncio.run(known(tmp_path, made["secret"])) is False
    assert asyncio.run(known(tmp_path, turned["secret"])) is True


async def known(directory: Path, secret: str) -> bool:
    handle = parse_key(secret, ["cc_user_"])
    assert handle is not None
    url = f"sqlite+aiosqlite:///{directory}/data/ledger.sqlite3"
    ledger = await Ledger.open(f"unix://{directory}/none.sock", url)
    try:
        return await ledger.authenticate(handle, int(time.time() * 1000)) is not None
    finally:
        await ledger.close()


def test_a_key_that_does_not_exist_or_is_not_one_key_is_explained(run: Run) -> None:
    run("keys", "create", "twin")
    run("keys", "create", "twin")
    missing = run("keys", "disable", "nobody")
    assert missing.exit_code == 1
    assert "There is no key 'nobody'" in missing.stderr
    double = run("keys", "disable", "twin")
    assert double.exit_code == 1
    assert "'twin' is not one key." in double.stderr


def test_what_does_not_fit_the_catalog_is_refused_before_a_key_is_made(run: Run) -> None:
    result = run(
        *("keys", "create", "x", "--group", "silver", "--endpoint", "smoke"),
        *("--network", "10.0.0.1/8"),
    )
    assert result.exit_code == 1
    for words in ("--group silver", "--endpoint smoke", "--network 10.0.0.1/8"):
        assert words in result.stderr
    assert right(run("keys", "list", "--json")) == []


def test_a_right_catalog_is_counted(run: Run) -> None:
    answer = right(run("catalog", "check", "--json"))
    assert (answer["valid"], answer["models"], answer["groups"]) == (True, 1, 2)
    assert "is right" in run("catalog", "check").stdout


def test_a_wrong_catalog_is_explained_line_by_line(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "catalog.yaml"
    path.write_text(CATALOG.replace("[{provider: sim}]", "[{provider: sin}]"))
    people = run("catalog", "check")
    assert people.exit_code == 1
    assert "did you mean 'sim'?" in people.stderr
    assert "Traceback" not in people.output
    programs = run("catalog", "check", "--json")
    assert programs.exit_code == 1
    [problem] = json.loads(programs.stdout)["error"]["details"]
    assert problem.startswith("models[0].targets[0].provider")


def test_show_has_prices_and_no_credentials(run: Run) -> None:
    [model] = right(run("catalog", "show", "--json"))["models"]
    assert (model["input_usd_per_million"], model["output_usd_per_million"]) == ("0.25", "1")
    assert "hush-hush" not in run("catalog", "show").stdout


def test_the_schema_is_json_for_everybody(run: Run) -> None:
    assert right(run("catalog", "schema")) == right(run("catalog", "schema", "--json"))


def test_rendered_files_are_printed_or_written(run: Run, tmp_path: Path) -> None:
    printed = right(run("envoy", "render", "--json"))
    assert {"bootstrap.yaml", "listeners.yaml", "clusters.yaml"} <= set(printed)
    assert "hush-hush" not in json.dumps(printed)
    written = right(run("envoy", "render", "--out", str(tmp_path / "out"), "--json"))["written"]
    assert all(Path(path).exists() for path in written)
    people = run("envoy", "render").stdout
    assert "# ---- bootstrap.yaml" in people


@pytest.mark.e2e
def test_envoy_itself_accepts_the_rendered_configuration(run: Run) -> None:
    assert right(run("envoy", "validate", "--json")) == {"valid": True}


def test_a_missing_envoy_is_said(run: Run) -> None:
    result = run("envoy", "validate", "--envoy", "/nonexistent/envoy")
    assert result.exit_code == 1
    assert "There is no Envoy at /nonexistent/envoy" in result.stderr


def test_migration_makes_the_schema_in_a_private_directory(run: Run, tmp_path: Path) -> None:
    assert right(run("ledger", "migrate", "--json")) == {"migrated": True}
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700

    async def count() -> int:
        record = Record.connect(f"sqlite+aiosqlite:///{tmp_path}/data/ledger.sqlite3")
        try:
            return await record.usage_count()
        finally:
            await record.close()

    assert asyncio.run(count()) == 0


def test_versions(run: Run) -> None:
    versions = right(run("version", "--json"))
    assert versions["clavis"].count(".") == 2
    assert Path(versions["envoy_binary"]).exists()
    assert run("version").stdout.startswith("clavis ")


def test_a_wrong_setting_names_its_variable_and_not_its_value(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAVIS_WORKERS", "hush-hush")
    result = run("keys", "list")
    assert result.exit_code == 1
    assert "CLAVIS_WORKERS" in result.stderr
    assert "hush-hush" not in result.output


def test_an_unknown_store_is_explained_without_its_password(run: Run) -> None:
    result = run("keys", "list", "--sql-url", "oracle://user:hush-hush@host/db")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert "hush-hush" not in result.output


@pytest.mark.parametrize(
    ("text", "expected_ms"), [("90s", 90_000), ("15m", 900_000), ("2w", 1_209_600_000), ("0s", 0)]
)
def test_spans_of_time(text: str, expected_ms: int) -> None:
    assert span_ms(text) == expected_ms


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("1d", 86_400_000),
        ("1970-01-03", 172_800_000),
        ("1970-01-02T01:00:00+01:00", 86_400_000),
    ],
)
def test_times_to_come(text: str, expected_ms: int) -> None:
    assert later_ms(text, 0) == expected_ms


@pytest.mark.parametrize("text", ["", "soon", "1y", "1969-12-31", "0s", "-1d"])
def test_what_is_no_time_to_come_is_refused(text: str) -> None:
    with pytest.raises(OperatorError):
        later_ms(text, 0)
