"""The published JSON schema: checked in, valid, complete, and of one mind with the loader."""

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import catalog
from catalog import json_schema
from catalog.loading import schema_text
from catalog.reading import read
from tests.catalog.samples import TEXT

jsonschema: Any = import_module("jsonschema")  # it ships no types
ROOM = Path(catalog.__file__).parent
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def plain(value: Any) -> Any:
    """As an editor sees YAML: lists and numbers."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value if isinstance(value, (str, int, bool)) or value is None else float(value)


def complaints(text: str) -> list[str]:
    return [error.json_path for error in VALIDATOR.iter_errors(plain(read(text).value))]


def test_the_checked_in_schema_is_the_present_one() -> None:
    """Renew it: python -c 'from catalog.loading import schema_text; print(schema_text(),
    end="")'"""
    assert (ROOM / "schema.json").read_text("utf-8") == schema_text()


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_every_field_and_every_part_is_described() -> None:
    schema = json_schema()
    parts = {"Catalog": schema, **schema["$defs"]}
    without = [
        f"{name}.{field}"
        for name, part in parts.items()
        for field, node in part.get("properties", {}).items()
        if not node.get("description")
    ]
    assert without == []
    assert [name for name, part in parts.items() if not part.get("description")] == []


def test_a_parts_name_is_its_key_and_no_field() -> None:
    schema = json_schema()
    for part in ("Provider", "Account", "Group"):
        assert "name" not in schema["$defs"][part]["properties"]
        assert "name" not in schema["$defs"][part].get("required", ())


@pytest.mark.parametrize("name", ["example.yaml", "demo.yaml"])
def test_shipped_catalogs_satisfy_the_schema(name: str) -> None:
    assert complaints((ROOM / name).read_text("utf-8")) == []


def test_references_satisfy_the_schema_wherever_a_text_may_stand() -> None:
    assert complaints(TEXT) == []
    assert complaints('version: 1\nkey_prefix: "${PREFIX:-sk-}"\n') == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("version: 2", "$.version"),
        ("version: 1\nfoo: 1", "$"),
        ("version: 1\nkey_prefix: 'a b'", "$.key_prefix"),
        ("version: 1\nmodels: [{name: a}]", "$.models[0]"),
        ("version: 1\nproviders: {a: {surfaces: {openai: /v1}}}", "$.providers.a.surfaces"),
        ("version: 1\nproviders: {a: {auth: basic}}", "$.providers.a.auth"),
        ("version: 1\nproviders: {a.b: {}}", "$.providers"),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(text: str, place: str) -> None:
    assert place in complaints(text)
