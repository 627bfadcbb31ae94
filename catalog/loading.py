"""From a file to a catalog: read, put in the environment, complete, validate, cross-check, index.

Each step collects its problems; whatever can still be judged after a step is judged, so that one
run tells as much as possible. The result is complete (names, presets, the default group, accounts
of keyless providers) and indexed: the first request pays for nothing.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from catalog.access import DEFAULT_GROUP
from catalog.auth import CLOUD_SCHEMES
from catalog.catalog import Catalog
from catalog.checks import check
from catalog.environment import resolve
from catalog.fields import PATTERN_WORDS
from catalog.models import Group
from catalog.presets import with_preset
from catalog.price_lists import ListPrices
from catalog.problems import CatalogError, Place, Problems, nearest_hint
from catalog.providers import Account
from catalog.reading import read

MAX_FILE_BYTES = 16 * 1024 * 1024  # a thousand models take about 300 kB

_NAMED = ("providers", "accounts", "groups")


def load(path: Path, env: Mapping[str, str]) -> Catalog:
    """Load a catalog file (UTF-8 YAML). Raises CatalogError, also when it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CatalogError([f"catalog: cannot read {path}: {error.strerror}"]) from None
    if len(data) > MAX_FILE_BYTES:
        raise CatalogError([f"catalog: {path} is larger than {MAX_FILE_BYTES} bytes"])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CatalogError([f"catalog: {path} is not UTF-8"]) from None
    return parse(text, env)


def parse(text: str, env: Mapping[str, str]) -> Catalog:
    """A catalog from YAML text. Raises CatalogError with every problem found."""
    document = read(text)
    problems = Problems(document.lines)
    resolved = resolve(document.value, env, problems)
    raw = _complete(_without_halves(resolved.value, resolved.missing), problems)
    try:
        catalog = Catalog.model_validate(raw)
    except ValidationError as error:
        _explain(error, problems)
        problems.raise_if_any()
        raise AssertionError("a validation error without a problem") from None
    check(catalog, resolved.missing, ListPrices(datetime.now(UTC).date()), problems)
    problems.raise_if_any()
    return _finish(catalog, resolved.missing)


def json_schema() -> dict[str, Any]:
    """The published JSON schema of a catalog file (draft 2020-12), for editors and `catalog
    check`."""
    schema = Catalog.model_json_schema(mode="validation")
    _adjust(schema)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Clavis catalog"
    return schema


def _adjust(node: Any) -> None:
    """Say what pydantic's schema leaves open: a text with a `${NAME}` in it satisfies every
    pattern, because what it becomes is not known, and a key that fits no pattern is refused."""
    if isinstance(node, dict):
        if "pattern" in node and node.get("type") == "string":
            node["pattern"] += r"|\$\{"
        if "patternProperties" in node:
            node["additionalProperties"] = False
        for child in node.values():
            _adjust(child)
    elif isinstance(node, list):
        for child in node:
            _adjust(child)


def schema_text() -> str:
    """The JSON schema as it is checked in: catalog/schema.json."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _complete(document: dict[str, Any], problems: Problems) -> dict[str, Any]:
    """Give each named part its name, and each provider what its preset knows."""
    completed = dict(document)
    for section in _NAMED:
        parts = document.get(section)
        if not isinstance(parts, dict):
            continue
        completed[section] = {
            name: _named(part, (section, name), problems) for name, part in parts.items()
        }
    providers = completed.get("providers")
    if isinstance(providers, dict):
        completed["providers"] = {
            name: with_preset(part) if isinstance(part, dict) else part
            for name, part in providers.items()
        }
    return completed


def _without_halves(document: dict[str, Any], missing: Mapping[str, list[str]]) -> dict[str, Any]:
    """Accounts that will be left out, without credentials of which a part is missing."""
    accounts = document.get("accounts")
    if not missing or not isinstance(accounts, dict):
        return document
    whole = {
        name: {key: value for key, value in part.items() if key not in CLOUD_SCHEMES.values()}
        if name in missing and isinstance(part, dict)
        else part
        for name, part in accounts.items()
    }
    return {**document, "accounts": whole}


def _named(part: Any, place: Place, problems: Problems) -> Any:
    if part is None:
        part = {}  # `acme:` with nothing below it
    if not isinstance(part, dict):
        return part
    if "name" in part:
        problems.add((*place, "name"), "the key above is the name: leave this out")
    return {**part, "name": place[-1]}


def _explain(error: ValidationError, problems: Problems) -> None:
    """Pydantic's findings as problems, in our words. Inputs are never asked for."""
    for found in error.errors(include_url=False, include_input=False):
        place: Place = tuple(step for step in found["loc"] if step != "[key]")
        if place[-1:] == ("name",) and place[0] in _NAMED:
            place = place[:-1]  # the name is the key of the mapping
        if not problems.has(place):
            problems.add(place, _message(place, found))


def _message(place: Place, found: ErrorDetails) -> str:
    match found["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return "unknown field" + nearest_hint(str(place[-1]), _fields_beside(place))
        case "too_short":
            return "needs at least one entry"
        case "string_pattern_mismatch":
            return PATTERN_WORDS[found["ctx"]["pattern"]]
        case _:
            return found["msg"].removeprefix("Value error, ").removeprefix("Input ")


def _fields_beside(place: Place) -> list[str]:
    """The fields that the part with an unknown field has, found by following the schema to it."""
    schema = _schema()
    node = schema
    for step in place[:-1]:
        if isinstance(step, int):
            inner = node["items"]
        else:
            by_name: dict[str, Any] = next(iter(node.get("patternProperties", {}).values()), {})
            inner = node.get("properties", {}).get(step, by_name)
        node = _part(inner, schema)
    return list(node.get("properties", {}))


def _part(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The object that a schema node stands for: itself, what it refers to, or one alternative."""
    for candidate in (node, *node.get("anyOf", ())):
        if "$ref" in candidate:
            found: dict[str, Any] = schema["$defs"][candidate["$ref"].removeprefix("#/$defs/")]
            return found
    return node


@cache
def _schema() -> dict[str, Any]:
    return json_schema()


def _finish(catalog: Catalog, missing: Mapping[str, list[str]]) -> Catalog:
    accounts = {name: a for name, a in catalog.accounts.items() if name not in missing}
    with_account = {account.provider for account in catalog.accounts.values()}
    for name, provider in catalog.providers.items():
        if not provider.needs_credential and name not in with_account | set(accounts):
            accounts[name] = Account(name=name, provider=name)
    groups = catalog.groups
    if DEFAULT_GROUP not in groups:
        groups = {DEFAULT_GROUP: Group(name=DEFAULT_GROUP), **groups}
    finished = catalog.model_copy(update={"accounts": accounts, "groups": groups})
    finished.finish({name: tuple(variables) for name, variables in missing.items()})
    return finished
