"""Settings come from the environment, flags stand over them, and what is wrong is said."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from cli.output import OperatorError
from cli.settings import MAX_RUN_DIR_BYTES, Places, Settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("CLAVIS_"):
            monkeypatch.delenv(name)


def test_the_environment_sets_and_a_flag_stands_over_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAVIS_HTTP_PORT", "9000")
    monkeypatch.setenv("CLAVIS_WORKERS", "3")
    settings = Settings.read(http_port=9100, workers=None)
    assert (settings.http_port, settings.workers) == (9100, 3)


def test_without_urls_the_stores_are_those_of_the_data_directory(tmp_path: Path) -> None:
    settings = Settings.read(data_dir=tmp_path)
    assert settings.embedded_redis
    assert settings.redis.startswith(f"unix://{tmp_path}/redis/")
    assert settings.sql == f"sqlite+aiosqlite:///{tmp_path}/ledger.sqlite3"


def test_given_urls_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAVIS_REDIS_URL", "redis://store/1")
    monkeypatch.setenv("CLAVIS_SQL_URL", "postgresql+asyncpg://store/clavis")
    settings = Settings.read()
    assert not settings.embedded_redis
    assert (settings.redis, settings.sql) == (
        "redis://store/1",
        "postgresql+asyncpg://store/clavis",
    )


def test_passwords_in_urls_are_not_shown() -> None:
    settings = Settings.read(redis_url="redis://:hush@h", sql_url="postgresql://u:hush@h/d")
    assert "hush" not in repr(settings)
    assert "hush" not in str(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [("HTTP_PORT", "70000"), ("WORKERS", "0"), ("LOGS", "nowhere"), ("CONCURRENCY", "many")],
)
def test_a_wrong_setting_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"CLAVIS_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings.read()


def test_sockets_of_a_deep_data_directory_lie_where_their_names_fit(tmp_path: Path) -> None:
    shallow, deep = Places(Path("/srv/clavis")), Places(tmp_path / ("d" * 120))
    assert shallow.run == Path("/srv/clavis/run")
    assert len(os.fsencode(deep.run)) <= MAX_RUN_DIR_BYTES
    assert deep.run != Places(tmp_path / ("e" * 120)).run
    assert len(os.fsencode(deep.worker_generation(99, 999999))) < 104


def test_directories_are_made_for_their_owner_alone(tmp_path: Path) -> None:
    places = Places(tmp_path / "data")
    places.prepare()
    assert [oct(d.stat().st_mode & 0o777) for d in (places.data, places.run, places.tls)] == [
        "0o700"
    ] * 3


def test_a_data_directory_that_cannot_be_made_is_an_operators_mistake(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OperatorError, match=r"Cannot use .*Not a directory"):
        Places(tmp_path / "file" / "data").prepare()


def test_only_sockets_are_cleared(tmp_path: Path) -> None:
    places = Places(tmp_path)
    places.prepare()
    places.worker(0).touch()
    (places.run / "other").touch()
    places.clear_sockets()
    assert [path.name for path in places.run.iterdir()] == ["other"]
