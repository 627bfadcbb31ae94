"""No field is lost in silence: one that nobody knows, at any place of any case, is kept with the
part or the tool that it belongs to, or is reported, or the request is refused."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from tests.translators.conformance.cases import Case, cases, label
from translators.gemini.wire import camel
from translators.protocol import NotUnderstood, discover

UNKNOWN = "nobodyknows"

# Objects whose keys are the caller's own.
OWN = {
    "args", "client_metadata", "env", "input_schema", "labels", "logit_bias", "metadata",
    "parameters", "parametersJsonSchema", "properties", "response", "responseJsonSchema",
    "responseSchema", "schema",
}  # fmt: skip


def objects(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of all objects whose keys are the protocol's."""
    inside: Iterator[tuple[str | int, Any]] = iter(())
    if isinstance(value, dict):
        yield path
        inside = iter(value.items())
    elif isinstance(value, list):
        inside = iter(enumerate(value))
    for key, one in inside:
        own = key in OWN or (key == "input" and isinstance(one, dict)) or key == "input_examples"
        if not own:
            yield from objects(one, (*path, key))


def with_unknown(body: Any, path: tuple[str | int, ...]) -> bytes:
    changed = deepcopy(body)
    place = changed
    for step in path:
        place = place[step]
    place[UNKNOWN] = "x"
    return json.dumps(changed).encode()


def generic(path: tuple[str | int, ...]) -> str:
    """As losses name it: the places in lists left out."""
    return "".join("[]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def is_inside(path: tuple[str | int, ...], field: str) -> bool:
    """Whether a loss is of an object that the path leads into."""
    steps = generic(path)
    return steps == field or steps.startswith((f"{field}.", f"{field}["))


@pytest.mark.parametrize("case", cases(), ids=label)
def test_an_unknown_field_is_kept_or_reported(case: Case) -> None:
    decode = discover()[case.protocol].decode_request
    silent = []
    for path in objects(case.json):
        try:
            request = decode(with_unknown(case.json, path))
        except NotUnderstood:
            continue
        named = {loss.field for loss in request.losses if UNKNOWN in loss.field}
        own = f"{generic(path)}.{UNKNOWN}".lstrip(".")
        assert named <= {camel(own) if case.protocol == "gemini" else own}, "by its own path"
        kept = UNKNOWN in repr((request.turns, request.tools))
        if not (named or kept or any(is_inside(path, loss.field) for loss in request.losses)):
            silent.append(generic(path))
    assert silent == []
