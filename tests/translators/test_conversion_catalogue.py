"""Every numbered item of the catalogue of conversions is held by a case, a test or a declared loss
that exists."""

import ast
import re
import tomllib
from functools import cache
from itertools import chain
from typing import Any

import pytest

from tests.test_house import ROOT
from tests.translators.conformance.cases import HERE, cases
from tests.translators.conformance.page import LOSSES

TESTS = ROOT / "tests"
ITEMS: dict[str, dict[str, Any]] = tomllib.loads((HERE / "catalogue.toml").read_text("utf-8"))
FEATURES = {case.feature for case in cases()}

# How many items each chapter of the catalogue has. 10.5 has a second part, 10.5b.
CHAPTERS = {
    0: 6, 1: 14, 2: 22, 3: 8, 4: 11, 5: 14, 6: 15, 7: 6, 8: 14, 9: 10, 10: 13, 11: 5, 12: 6, 13: 6,
}  # fmt: skip


@cache
def functions(file: str) -> frozenset[str]:
    """The names of the tests in a file below tests/."""
    tree = ast.parse((TESTS / file).read_text("utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def test_no_item_is_missing() -> None:
    numbers = [f"{chapter}.{n + 1}" for chapter, most in CHAPTERS.items() for n in range(most)]
    numbers.insert(numbers.index("10.5") + 1, "10.5b")
    assert list(ITEMS) == numbers


@pytest.mark.parametrize("number", ITEMS)
def test_an_item_is_held_by_what_exists(number: str) -> None:
    item = ITEMS[number]
    assert set(item) <= {"title", "cases", "tests", "losses", "room"}
    assert re.fullmatch(r"\S.{9,90}\S", item["title"])
    held = [item.get(kind, []) for kind in ("cases", "tests", "losses")]
    assert list(chain.from_iterable(held)), "held by nothing"
    assert set(item.get("cases", [])) <= FEATURES
    for test in item.get("tests", []):
        file, _, function = test.partition("::")
        assert function in functions(file), test
    for field in item.get("losses", []):
        assert re.search(rf"^\| `{re.escape(field)}[`.]", LOSSES.read_text("utf-8"), re.MULTILINE)


def test_every_feature_has_its_item() -> None:
    """A case that belongs to no item tests something that nobody asked for, or an item lacks it."""
    named = set(chain.from_iterable(item.get("cases", []) for item in ITEMS.values()))
    assert {feature for feature in ORDINARY if feature not in FEATURES} == set()
    assert FEATURES - named - ORDINARY == set()


# Cases of what is always there: plain conversations, and whole requests of well-known clients.
ORDINARY = {
    "arguments_kept", "audio_answer", "cline", "claude_code_older_model", "code_execution_history",
    "codex_with_configured_provider", "context_management", "dotted_tool_names",
    "empty_tool_result", "enum_output", "gemini_cli", "image_answer", "instructor",
    "litellm_fields", "multi_turn",
    "odd_characters", "prediction", "qwen_code", "reasoning_dynamic", "redacted_reasoning_history",
    "safety_settings", "signed_text_history", "snake_case", "stop_sequence_alone", "text",
    "tool_result_object", "unknown_fields", "video", "web_search_with_tools",
}  # fmt: skip
