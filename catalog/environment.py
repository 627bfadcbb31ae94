"""`${NAME}` and `${NAME:-default}` in string values, from the environment given at load.

A variable that is unset or empty takes the default; without one it is a problem that names the
variable, never a value. `$${` writes a literal `${`. Keys are never looked at. An account that says
`optional: true` is left out instead when a variable of it is missing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from catalog.problems import Place, Problems

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}?")
_INSIDE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)


@dataclass(slots=True)
class Resolved:
    """The document with references replaced, and which optional accounts miss which variables."""

    value: dict[str, Any]
    missing: dict[str, list[str]] = field(default_factory=dict)


def resolve(document: Mapping[str, Any], env: Mapping[str, str], problems: Problems) -> Resolved:
    """Replace every reference in every string of the document."""
    resolver = _Resolver(env, problems, _optional_accounts(document))
    value = {key: resolver.walk(item, (key,)) for key, item in document.items()}
    return Resolved(value, resolver.missing)


def _optional_accounts(document: Mapping[str, Any]) -> frozenset[str]:
    accounts = document.get("accounts")
    if not isinstance(accounts, dict):
        return frozenset()
    return frozenset(
        name
        for name, account in accounts.items()
        if isinstance(account, dict) and account.get("optional") is True
    )


class _Resolver:
    def __init__(
        self, env: Mapping[str, str], problems: Problems, optional: frozenset[str]
    ) -> None:
        self._env, self._problems, self._optional = env, problems, optional
        self.missing: dict[str, list[str]] = {}

    def walk(self, value: Any, place: Place) -> Any:
        if isinstance(value, dict):
            walked = {key: self.walk(item, (*place, key)) for key, item in value.items()}
            return {key: item for key, item in walked.items() if item is not _ABSENT}
        if isinstance(value, tuple):
            return tuple(self.walk(item, (*place, index)) for index, item in enumerate(value))
        if isinstance(value, str) and "${" in value:
            return self._text(value, place)
        return value

    def _text(self, text: str, place: Place) -> Any:
        missing: list[str] = []

        def replace(match: re.Match[str]) -> str:
            if match.group(0) == "$${":
                return "${"
            inside = _INSIDE.fullmatch(match.group(1))
            if inside is None or not match.group(0).endswith("}"):
                self._problems.add(place, "a reference is written ${NAME} or ${NAME:-default}")
                return ""
            name, default = inside.groups()
            value = self._env.get(name) or default
            if value is None:
                missing.append(name)
                return ""
            return value

        resolved = _REFERENCE.sub(replace, text)
        if not missing:
            return resolved
        if place[0] == "accounts" and len(place) > 1 and place[1] in self._optional:
            self.missing.setdefault(str(place[1]), []).extend(missing)
            return _ABSENT
        for name in missing:
            self._problems.add(place, f"the environment variable {name} is not set")
        return ""


class _Absent:
    """Marks a value of an optional account whose variable is missing: the key is dropped."""


_ABSENT = _Absent()
