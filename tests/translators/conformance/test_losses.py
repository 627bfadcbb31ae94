"""Every loss in the golden files has a declared name, or that of a field in its own request."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.translators.conformance.cases import Case, cases, label
from tests.translators.conformance.golden import GOLDEN, answer_folders
from tests.translators.conformance.page import NAMES, parsed, read
from translators.canonical.loss import Neutral
from translators.gemini.wire import camel

DECLARED = frozenset(Neutral)


def paths(value: Any, path: str = "") -> Iterator[str]:
    """Every field of a body as losses name it, and its types as words."""
    if isinstance(value, dict):
        for name, inside in value.items():
            yield f"{path}.{name}".lstrip(".")
            yield from paths(inside, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for inside in value:
            yield f"{path}[]"
            yield from paths(inside, f"{path}[]")


def words(value: Any) -> Iterator[str]:
    """What parts and tools of a body are called: the names of fields, and the values of `type`."""
    if isinstance(value, dict):
        yield from value
        yield str(value.get("type"))
        for inside in value.values():
            yield from words(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from words(inside)


def is_foreign(field: str, body: Any) -> bool:
    """Whether this is a part or a tool by its own dialect's word for it."""
    what, _, word = field.partition(".")
    return what in (Neutral.PARTS, Neutral.TOOLS) and word in words(body)


def outcomes(case: Case) -> Iterator[dict[str, Any]]:
    for target in NAMES:
        if target != case.protocol:
            pair = f"{case.protocol}-{target}"
            yield read(GOLDEN / "requests" / pair / f"{case.feature}.json")


def own(case: Case) -> set[str]:
    found = set(paths(case.json))
    return {camel(path) for path in found} if case.protocol == "gemini" else found


@pytest.mark.parametrize("case", cases(), ids=label)
def test_a_requests_losses_are_named(case: Case) -> None:
    lost = {parsed(text)[0] for outcome in outcomes(case) for text in outcome.get("losses", ())}
    nameless = {field for field in lost - DECLARED - own(case) if not is_foreign(field, case.json)}
    assert nameless == set()


@pytest.mark.parametrize("case", cases(), ids=label)
def test_a_refusal_names_a_field_that_the_caller_sent(case: Case) -> None:
    named = {outcome["param"] for outcome in outcomes(case) if "refused" in outcome}
    assert named <= own(case)


@pytest.mark.parametrize("upstream", NAMES)
def test_an_answers_losses_are_named(upstream: str) -> None:
    for folder in answer_folders(upstream):
        body = json.loads((folder / "response.json").read_bytes())
        lost = {parsed(text)[0] for path in told(folder) for text in read(path).get("losses", ())}
        assert {field for field in lost - DECLARED if not is_foreign(field, body)} == set()


def told(folder: Path) -> Iterator[Path]:
    """What the clients of the other protocols got of an answer."""
    return GOLDEN.glob(f"answers/{folder.parent.name}-*/{folder.name}.json")
