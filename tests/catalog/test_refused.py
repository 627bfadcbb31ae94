"""Every catalog in refused.yaml is refused with exactly the problems listed there."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog import CatalogError, load, parse
from catalog.loading import MAX_FILE_BYTES
from catalog.reading import MAX_NODES

CASES: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("refused.yaml").read_text())
ENV = {"SET": "sk-", "EMPTY": ""}


@pytest.mark.parametrize("case", CASES, ids=[case["claim"] for case in CASES])
def test_refused(case: dict[str, Any]) -> None:
    with pytest.raises(CatalogError) as caught:
        parse(case["text"], ENV)
    assert caught.value.problems == case["problems"]


def test_the_message_is_the_problems_one_per_line() -> None:
    error = CatalogError(["a: x", "b: y"])
    assert str(error) == "a: x\nb: y"


@pytest.mark.parametrize("text", ["version: 1\n  x: [", "a: 'open", "a: b: c", "\x00", "- }\n"])
def test_text_that_is_not_yaml_is_one_problem_that_says_so(text: str) -> None:
    with pytest.raises(CatalogError) as caught:
        parse(text, {})
    assert [problem.startswith("catalog: not YAML") for problem in caught.value.problems] == [True]


def test_an_unquoted_reference_inside_braces_gets_a_hint() -> None:
    with pytest.raises(CatalogError) as caught:
        parse("version: 1\naccounts:\n  a: {provider: p, credential: ${KEY}}\n", {})
    (problem,) = caught.value.problems
    assert problem.endswith('(inside { } a reference needs quotes: "${NAME}") (line 3)')


def test_nesting_without_end_is_refused_not_a_crash() -> None:
    with pytest.raises(CatalogError):
        parse("version: 1\ngroups: " + "[" * 3_000, {})


def test_aliases_that_multiply_are_refused() -> None:
    levels = ["version: 1", "l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(CatalogError) as caught:
        parse("\n".join(levels), {})
    assert f"more than {MAX_NODES} values" in caught.value.problems[0]


def test_a_file_that_cannot_be_read_is_a_catalog_error(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"cannot read .*No such file"):
        load(tmp_path / "absent.yaml", {})
    with pytest.raises(CatalogError, match=r"cannot read .*directory"):
        load(tmp_path, {})


def test_a_file_that_is_not_utf8_is_a_catalog_error(tmp_path: Path) -> None:
    path = tmp_path / "catalog.yaml"
    path.write_bytes(b"version: 1\nkey_prefix: \xff\xfe\n")
    with pytest.raises(CatalogError, match="not UTF-8"):
        load(path, {})


def test_a_file_that_is_too_large_is_a_catalog_error(tmp_path: Path) -> None:
    path = tmp_path / "catalog.yaml"
    path.write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    with pytest.raises(CatalogError, match="larger than"):
        load(path, {})


def test_a_byte_order_mark_and_crlf_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "catalog.yaml"
    path.write_bytes(b"\xef\xbb\xbfversion: 1\r\nkey_prefix: cc_user_\r\n")
    assert load(path, {}).key_prefix == "cc_user_"
