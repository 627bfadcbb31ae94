"""The README's tables are complete: every field of a script, every model name, nothing invented."""

import re
from pathlib import Path

import simulator
from simulator.names import NAMES, named
from simulator.script import DEFAULT, Script, Usage

README = (Path(simulator.__file__).parent / "README.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """The first table after a heading, without its head."""
    text = README.split(f"\n{heading}\n")[1]
    lines = [line for line in text.split("\n#")[0].split("\n") if line.startswith("| `")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_every_field_of_a_script_is_documented() -> None:
    assert [row[0].strip("`") for row in rows("## A script")] == list(Script.model_fields)


def test_every_usage_figure_is_documented() -> None:
    (row,) = [row for row in rows("## A script") if row[0] == "`usage`"]
    assert set(re.findall(r"`(\w+)`", row[2])) == set(Usage.model_fields)


def test_every_model_name_is_documented_and_is_a_script() -> None:
    assert [row[0].strip("`") for row in rows("### Model names")] == list(NAMES)
    assert all(named(name) != DEFAULT for name in NAMES)
    assert all(description for description, _ in NAMES.values())
