"""The doctor sees what is wrong, says what to do, and changes nothing."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.checks import machine, stores
from cli.checks.finding import Patient
from cli.main import app
from cli.settings import Settings
from tests.cli.test_commands import CATALOG

Examine = Callable[..., dict[str, dict[str, str]]]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in list(os.environ):
        if name.startswith("CLAVIS_"):
            monkeypatch.delenv(name)
    (tmp_path / "catalog.yaml").write_text(CATALOG)
    return Settings(
        data_dir=tmp_path / "data",
        catalog=tmp_path / "catalog.yaml",
        bind="127.0.0.1",
        http_port=0,
        https_port=0,
    )


def doctor(settings: Settings, *words: str) -> tuple[int, str]:
    flags = ("--data-dir", str(settings.data_dir), "--catalog", str(settings.catalog))
    ports = ("--http-port", "0", "--https-port", "0")
    result = CliRunner().invoke(app, ["doctor", *flags, *ports, *words])
    return result.exit_code, result.stdout


@pytest.mark.e2e
def test_a_well_installation_passes_and_nothing_is_made(settings: Settings) -> None:
    code, text = doctor(settings, "--json")
    report = json.loads(text)
    assert [f for f in report["findings"] if f["level"] == "fail"] == []
    assert (code, report["ok"]) == (0, True)
    parts = {finding["part"] for finding in report["findings"]}
    assert {"python", "envoy", "clock", "catalog", "data", "redis", "sql"} <= parts
    assert not (settings.places.data / "ledger.sqlite3").exists()


def test_every_failure_has_advice_and_makes_the_exit_code_1(settings: Settings) -> None:
    settings.catalog.write_text("version: 2\n")
    code, text = doctor(settings, "--json", "--envoy", "/nonexistent/envoy")
    failed = [f for f in json.loads(text)["findings"] if f["level"] == "fail"]
    assert code == 1
    assert {finding["part"] for finding in failed} == {"catalog", "envoy"}
    assert all(finding["advice"] for finding in failed)


def test_people_see_a_line_for_each_part_and_what_to_do(settings: Settings) -> None:
    settings.catalog.write_text("version: 2\n")
    code, text = doctor(settings)
    assert code == 1
    assert "FAIL catalog" in text
    assert "-> mend these" in text


async def test_a_port_that_another_process_has_is_a_failure_with_the_flag_to_use(
    settings: Settings,
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        found = await machine.free_ports(Patient(settings.model_copy(update={"http_port": port})))
    assert [(f.part, f.level, f.advice) for f in found] == [
        (f"port {port}", "fail", "choose another with --http-port")
    ]


async def test_a_free_port_is_well(settings: Settings) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
    found = await machine.free_ports(Patient(settings.model_copy(update={"https_port": port})))
    assert [f.level for f in found] == ["ok"]


async def test_a_redis_that_does_not_answer_is_a_failure(
    settings: Settings, tmp_path: Path
) -> None:
    url = f"unix://{tmp_path}/nobody.sock"
    [found] = await stores.redis(Patient(settings.model_copy(update={"redis_url": url})))
    assert (found.part, found.level) == ("redis", "fail")
    assert "CLAVIS_REDIS_URL" in found.advice


async def test_a_database_without_the_schema_is_a_failure(
    settings: Settings, tmp_path: Path
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/empty.sqlite3"
    [found] = await stores.sql(Patient(settings.model_copy(update={"sql_url": url})))
    assert (found.level, found.advice) == ("fail", "run `clavis ledger migrate`")
