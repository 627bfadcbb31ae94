"""The tables of known fields are those of the installed SDKs, and a problem is told where it is."""

import json
from typing import Any

import pytest

from simulator.grammar import load
from tests.simulator.sdk_extras import EXTRAS, RELAXED
from tests.simulator.sdk_grammar import FOLDER, GRAMMARS, written


@pytest.mark.parametrize("provider", GRAMMARS)
def test_the_tables_are_those_of_the_installed_sdks(provider: str) -> None:
    """When this fails after an upgrade: python -m tests.simulator.sdk_grammar"""
    kept = json.loads((FOLDER / f"{provider}.json").read_text())
    assert _sorted(kept) == _sorted(json.loads(written(GRAMMARS[provider]())))


def _sorted(spec: Any) -> Any:
    """Without the order of alternatives: Python keeps one order for equal Literals, the first it
    saw."""
    if isinstance(spec, dict):
        return {name: _sorted(one) for name, one in spec.items()}
    if isinstance(spec, list):
        return sorted(map(_sorted, spec), key=json.dumps)
    return spec


@pytest.mark.parametrize("provider", GRAMMARS)
def test_every_exception_from_the_sdks_types_names_a_type_that_exists(provider: str) -> None:
    types = json.loads((FOLDER / f"{provider}.json").read_text())["types"]
    assert {*EXTRAS[provider], *RELAXED[provider]} <= types.keys()


MESSAGE: dict[str, Any] = {"model": "m", "max_tokens": 1, "messages": []}


@pytest.mark.parametrize(
    ("changes", "kind", "path"),
    [
        ({"x": 1}, "unknown", ["x"]),
        ({"stream": "yes"}, "type", ["stream"]),
        ({"max_tokens": True}, "type", ["max_tokens"]),
        ({"max_tokens": 1.5}, "type", ["max_tokens"]),
        ({"messages": {}}, "type", ["messages"]),
        ({"messages": [5]}, "type", ["messages", 0]),
        ({"messages": [{}]}, "missing", ["messages", 0, "role"]),
        ({"system": [{"type": "text"}]}, "missing", ["system", 0, "text"]),
        ({"metadata": {"user_id": 5}}, "type", ["metadata", "user_id"]),
        ({"tools": [{"type": "odd"}]}, "tag", ["tools", 0, "type"]),
        ({"tools": [{"type": None}]}, "missing", ["tools", 0, "custom", "input_schema"]),
        ({"container": 5}, "type", ["container"]),
    ],
)
def test_a_problem_is_told_where_it_is(changes: Any, kind: str, path: list[Any]) -> None:
    problem = load("anthropic").check("messages", {**MESSAGE, **changes})
    assert problem is not None
    assert (problem.kind, problem.path) == (kind, path)


def test_null_is_an_absent_field_only_where_the_provider_says_so() -> None:
    body: dict[str, Any] = {"model": "m", "messages": [], "temperature": None, "tools": None}
    assert load("openai", nullable=True).check("chat", body) is None
    problem = load("anthropic").check("messages", {**MESSAGE, "tools": None})
    assert problem is not None and problem.path == ["tools"]
