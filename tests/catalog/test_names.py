"""Globs and names: what fits a pattern, which model answers to a name, which name is nearest."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from catalog.globs import matches, matches_any, specificity
from tests.catalog.samples import sample

NAMES = st.text("ab*/.:-", max_size=8)
PLAIN = st.text("ab/.:-", max_size=12)


@given(NAMES, PLAIN)
@example("a*a", "a")
@example("**", "")
@example("*ab*ab*", "abab")
def test_a_glob_agrees_with_the_regular_expression_it_stands_for(pattern: str, name: str) -> None:
    regex = ".*".join(re.escape(part) for part in pattern.split("*"))
    assert matches(pattern, name) == bool(re.fullmatch(regex, name, re.DOTALL))


@given(PLAIN, PLAIN, PLAIN)
def test_a_star_takes_anything_between(head: str, middle: str, tail: str) -> None:
    assert matches(f"{head}*{tail}", head + middle + tail)


def test_no_pattern_fits_nothing() -> None:
    assert not matches_any((), "x")
    assert matches_any(("y", "x*"), "x")


@given(NAMES)
def test_a_longer_literal_is_more_specific(pattern: str) -> None:
    assert specificity(pattern + "c") > specificity(pattern)
    assert specificity(pattern + "*") < specificity(pattern)


def test_exact_names_and_aliases_come_before_patterns() -> None:
    catalog = sample()
    assert [
        getattr(catalog.find_model(name), "name", None)
        for name in ("claude-sonnet-4-5", "sonnet", "claude-sonnet-9", "gpt-5", "gpt-6", "")
    ] == ["claude-sonnet-4-5", "claude-sonnet-4-5", "claude-*", "gpt-5", None, None]


def test_the_most_specific_pattern_answers_whatever_the_order() -> None:
    catalog = sample()
    models = {model.name: model for model in catalog.models}
    base = models["claude-*"]
    patterns = ["*", "claude-*", "claude-haiku-*", "claude-*-preview"]
    for order in (patterns, patterns[::-1]):
        renamed = tuple(base.model_copy(update={"name": name}) for name in order)
        changed = catalog.model_copy(update={"models": renamed})
        found = [
            getattr(changed.find_model(name), "name", None)
            for name in ("gpt", "claude-3", "claude-haiku-3", "claude-haiku-3-preview")
        ]
        assert found == ["*", "claude-*", "claude-haiku-*", "claude-*-preview"]


def test_a_pattern_never_answers_to_a_name_that_could_change_a_path() -> None:
    catalog = sample()
    dangerous = (
        "claude-/../../admin",
        "claude-x?key=1",
        "claude-x#",
        "claude-x y",
        "claude-\r\nx-a: b",
        "claude-é",
        "claude-%2e%2e",
        "claude-" + "x" * 400,
        "claude-*",
    )
    assert [catalog.find_model(name) for name in dangerous] == [None] * len(dangerous)


def test_ever_new_names_do_not_fill_the_memory() -> None:
    catalog = sample()
    index = catalog._index
    for number in range(5_000):
        catalog.find_model(f"claude-{number}")
        catalog.targets(f"claude-{number}", "anthropic", ())
    assert len(index.names._by_pattern) <= 4096
    assert len(index.answers) <= 4096


def test_the_nearest_name_helps_with_slips() -> None:
    catalog = sample()
    assert [
        catalog.nearest(name) for name in ("claude-sonet-4-5", "GPT5", "gpt 5", "sonett", "zzzzzz")
    ] == ["claude-sonnet-4-5", "gpt-5", "gpt-5", "sonnet", None]


def test_the_nearest_name_is_one_that_the_caller_may_use() -> None:
    catalog = sample()
    assert catalog.nearest("claude-opus-5") == "claude-opus-5-5"
    assert catalog.nearest("claude-opus-5", ("plain",)) == "claude-sonnet-4-5"
    assert catalog.nearest("claude-opus-5", ("vip",)) == "claude-opus-5-5"
    assert catalog.nearest("claude-opus-5", ("gone",)) is None


def test_the_nearest_of_an_endless_name_is_found_in_bounded_work() -> None:
    assert sample().nearest("x" * 1_000_000) is None
