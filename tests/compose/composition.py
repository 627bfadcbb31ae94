"""docker-compose.yml as an engine reads it: merged, with its variables filled in.

Only the forms of a reference that the file uses are understood: `${NAME:-default}` and
`${NAME:+instead}`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from tests.test_house import ROOT

FILE = ROOT / "docker-compose.yml"
Service = Mapping[str, Any]

_REFERENCE = re.compile(r"\$\{(\w+)(:[-+])([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Composition:
    """`variables` are the names that a user may set."""

    services: Mapping[str, Service]
    volumes: Mapping[str, Any]
    networks: Mapping[str, Any]
    variables: frozenset[str]


@cache
def composition() -> Composition:
    """With no variable set: what `docker compose up` gives."""
    return composed({})


def composed(variables: Mapping[str, str]) -> Composition:
    """With these variables set."""
    text = FILE.read_text("utf-8")
    loaded = _filled(yaml.safe_load(text), variables)
    names = frozenset(match[0] for match in _REFERENCE.findall(_without_comments(text)))
    return Composition(loaded["services"], loaded["volumes"], loaded["networks"], names)


def environment(service: Service) -> dict[str, str]:
    """What is set for a service, the image's own variables left out."""
    found: dict[str, str] = dict(service.get("environment") or {})
    return found


def _filled(node: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _filled(value, variables) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, variables) for value in node]
    if not isinstance(node, str):
        return node

    def value(match: re.Match[str]) -> str:
        name, form, other = match.groups()
        given = variables.get(name, "")
        if form == ":+":
            return other if given else ""
        return given or other

    filled = _REFERENCE.sub(value, node)
    assert "${" not in filled, f"a form of reference that is not understood here: {node}"
    return filled


def _without_comments(text: str) -> str:
    return "\n".join(line.partition(" #")[0] for line in text.splitlines())
