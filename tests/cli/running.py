"""`clavis` in this process, with a data directory and a catalog of its own."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import app

Run = Callable[..., Result]


def runner(directory: Path, catalog: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A function that runs `clavis` with these words."""
    for name in list(os.environ):
        if name.startswith("CLAVIS_"):
            monkeypatch.delenv(name)
    (directory / "catalog.yaml").write_text(catalog)
    monkeypatch.setenv("CLAVIS_CATALOG", str(directory / "catalog.yaml"))
    monkeypatch.setenv("CLAVIS_DATA_DIR", str(directory / "data"))
    monkeypatch.setenv("COLUMNS", "300")
    return lambda *words, **options: CliRunner().invoke(app, list(words), **options)


def answer(result: Result, code: int = 0) -> Any:
    """The JSON of a command that ended with this code."""
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)
