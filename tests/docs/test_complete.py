"""Nothing of the program is left out of the pages: what it has by introspection has its row."""

import ast
import inspect
import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from catalog.surfaces import SURFACES, SURFACES_OF_KIND
from cli.demo import TOOLS
from cli.settings import Settings
from cli.upstream_client import EXIT_CODES, Verdict
from extproc.doors import NoDoor, Opened, open_door
from extproc.telemetry import Telemetry
from ledger import errors as ledger_errors
from ledger.model import Outcome, UsageRecord, UsageSource
from portal.pages import start
from portal.usage.doors import Usage, UsageQuery
from tests.docs import reference
from tests.docs.errors import error_classes, trees
from tests.docs.pages import page
from tests.test_house import PYTHON, ROOT, relative, tracked
from translators.canonical.finish import Reason

ROOMS_IN_PRODUCTION = ("catalog", "cli", "extproc", "ledger", "portal", "translators")


def described(name: str) -> set[str]:
    """What a page's tables describe; a cell may name several things."""
    return {part.strip() for cell in page(name).first_cells() for part in cell.split(",")}


def constants(*rooms: str) -> set[str]:
    """Every text constant in the sources of these rooms, docstrings left out."""
    found: set[str] = set()
    for path in PYTHON:
        if relative(path).split("/")[0] not in rooms:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


def test_every_command_has_its_heading_and_every_option_its_row() -> None:
    text = page("docs/cli.md")
    for name, command in reference.commands().items():
        assert f"clavis {name}" in text.headings
        for parameter in command.params:
            if reference.is_shared(parameter) and parameter.opts != ["--json"]:
                assert parameter.opts[0] in setting_flags()
            else:
                shown = {parameter.opts[0], str(parameter.name)}
                assert shown & described("docs/cli.md") or f"`{parameter.opts[0]}`" in text.text


def setting_flags() -> set[str]:
    return {row[1].strip("`") for row in page("docs/settings.md").rows() if len(row) == 4}


def test_every_setting_and_every_variable_has_its_row() -> None:
    rows = described("docs/settings.md") | {
        cell.strip("`") for row in page("docs/settings.md").rows() for cell in row[:2]
    }
    assert {f"CLAVIS_{name.upper()}" for name in Settings.model_fields} <= rows
    named = {
        variable
        for text in [p.read_text("utf-8") for p in tracked(".py", ".yaml") if _shipped(p)]
        for variable in re.findall(r"\bCLAVIS_[A-Z][A-Z_]*[A-Z]\b", text)
    }
    assert named - rows == set()


def _shipped(path: Path) -> bool:
    return relative(path).split("/")[0] in ROOMS_IN_PRODUCTION


@pytest.mark.parametrize("module", ["extproc", "portal", "ledger.writer", "simulator"])
def test_every_flag_of_every_process_has_its_row(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    flags = set(re.findall(r"--[a-z][a-z-]+", done.stdout)) - {"--help"}
    section = page("docs/settings.md").text.split(f"### python -m {module}\n")[1].split("\n### ")[0]
    assert set(re.findall(r"^\| `(--[a-z-]+)`", section, re.MULTILINE)) == flags


def test_every_metric_has_its_row() -> None:
    names = {metric.name for metric in Telemetry().registry.collect()}
    rows = {row.removesuffix("_total") for row in described("docs/metrics.md")}
    assert names <= rows


def test_every_verdict_on_an_upstream_has_its_row_and_its_exit_code() -> None:
    rows = {row[0].strip("`"): row[1] for row in page("docs/cli.md").rows() if len(row) == 3}
    assert {v.value: rows.get(v.value) for v in Verdict} == {
        verdict.value: str(code) for verdict, code in EXIT_CODES.items()
    }


def test_every_error_class_has_its_row_and_says_what_to_do() -> None:
    assert {cls.name for cls in error_classes()} <= described("docs/errors.md")
    assert [cls.name for cls in error_classes() if not cls.meaning] == []


def test_the_ledger_draws_the_tree_that_it_has() -> None:
    drawn = inspect.getdoc(ledger_errors) or ""
    tree = next(tree for tree in trees("ledger") if tree[0] == "LedgerError")
    assert "\n".join(tree) in drawn


@pytest.mark.parametrize("noun", [Outcome, UsageSource, Reason])
def test_every_outcome_source_and_finish_is_told(
    noun: type[Outcome | UsageSource | Reason],
) -> None:
    text = page("docs/usage.md").text
    assert [member.value for member in noun if f"`{member.value}`" not in text] == []


def test_every_field_of_a_usage_record_has_its_row() -> None:
    rows = described("docs/usage.md")
    assert {field.name for field in fields(UsageRecord)} <= rows
    assert set(Usage.model_fields) <= rows
    assert {f.alias or name for name, f in UsageQuery.model_fields.items()} <= rows


def test_the_example_of_a_usage_record_has_the_fields_of_one() -> None:
    example = json.loads(next(b for b in page("docs/usage.md").blocks if b.language == "json").text)
    assert list(example) == list(Usage.model_fields)
    assert Usage.model_validate(example).finish in set(Reason)


def test_every_header_of_ours_is_told() -> None:
    said = {text for text in constants("extproc") if re.fullmatch(r"x-clavis-[a-z-]+[a-z]", text)}
    assert {"x-clavis-hint", "x-clavis-cost-micro"} <= said
    doors = page("docs/doors.md").text
    assert [name for name in sorted(said) if f"`{name}`" not in doors] == []
    promised = set(re.findall(r"`(x-clavis-[a-z-]+[a-z])`", doors))
    assert promised <= said


def test_every_surface_has_its_row_and_its_kind() -> None:
    rows = {row[0].strip("`"): row[2].strip("`") for row in page("docs/catalog.md").rows()
            if len(row) == 3}  # fmt: skip
    kinds = {surface: kind for kind, of in SURFACES_OF_KIND.items() for surface in of}
    assert {surface: rows[surface] for surface in SURFACES} == kinds


def test_forgiven_mistakes_are_forgiven_as_they_are_told() -> None:
    rows = [row for row in page("docs/doors.md").rows() if len(row) == 3 and "/" in row[0]]
    told = [(row[0].strip("`"), row[1].strip("`")) for row in rows if row[1].startswith("`/")]
    assert len(told) >= 6
    for wrong, right in told:
        served, meant = open_door("POST", wrong), open_door("POST", right)
        assert isinstance(served, Opened) and isinstance(meant, Opened), wrong
        assert served.hint and not meant.hint
        assert (served.door, served.model) == (meant.door, meant.model)


def test_every_path_of_the_table_opens_its_door() -> None:
    rows = [row for row in page("docs/doors.md").rows() if len(row) == 7][1:]
    assert len(rows) > 15
    for methods, path, prefixes, endpoint, *_ in rows:
        concrete = re.sub(r"\{\w+\}", "some-name", path.strip("`"))
        for prefix in ["", *(p.strip("` ") for p in prefixes.split(",") if p)]:
            for method in methods.split(", "):
                opened = open_door(method, prefix + concrete)
                assert isinstance(opened, Opened), prefix + concrete
                assert opened.door.kind == endpoint.strip("`")


def test_a_bare_prefix_opens_nothing() -> None:
    assert isinstance(open_door("POST", "/api"), NoDoor)


def test_the_readme_has_the_base_url_of_every_tool_that_the_program_names() -> None:
    rows = [row for row in page("README.md").rows() if len(row) == 3]
    named = [*TOOLS, *((tool, path) for tool, _, path in start.TOOLS)]
    for tools, path in named:
        for tool in re.sub(r"\([^)]*\)", "", tools).split(","):
            urls = [row[2] for row in rows if tool.strip() in row[0]]
            wanted = f"`{path}`" if path else "the host alone"
            assert any(wanted in url for url in urls), (tool, path)


def test_every_page_is_linked_from_the_readme() -> None:
    linked = set(page("README.md").links)
    names = {relative(path) for path in tracked(".md") if relative(path).startswith("docs/")}
    single = {name for name in names if not name.startswith("docs/decisions/")}
    assert single - linked == set()
