"""The API's own description is valid, complete, and true of the answers."""

import re
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from tests.portal.conftest import ADMIN, World
from translators.canonical.loss import LossKind

ELSEWHERE = {"/v1/convert"}  # served by the data plane
# Parts of pages, and the page of operators.
UNDESCRIBED = {
    "/portal/style.css",
    "/portal/upstreams",
    "/portal/upstreams/{account}/reset",
    "/portal/icon.svg",
    "/favicon.ico",
}


@pytest.fixture
async def document(world: World) -> dict[str, Any]:
    answer = await world.get("/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    validate(document)
    assert document["openapi"].startswith("3.1")


def test_every_route_is_described(world: World, document: dict[str, Any]) -> None:
    routes = {str(each.path_format) for each in iter_route_contexts(world.app.routes)}
    assert len(routes) > 30
    assert (routes - UNDESCRIBED) | ELSEWHERE == set(document["paths"])
    assert not routes & ELSEWHERE


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_operation_says_what_it_does_and_answers(document: dict[str, Any]) -> None:
    ids = set()
    tags = {tag["name"] for tag in document["tags"]}
    for name, operation in operations(document):
        assert operation["summary"], name
        assert operation["description"], name
        assert set(operation["tags"]) <= tags, name
        assert "422" not in operation["responses"], name
        ids.add(operation["operationId"])
        for parameter in operation.get("parameters", []):
            assert parameter.get("description") or parameter["in"] == "path", name
        for response in operation["responses"].values():
            assert response["description"] != "Successful Response", name
            assert "x-request-id" in response["headers"], name
    assert len(ids) == len(operations(document))


def test_doors_name_every_key_form_and_their_refusals(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    forms = ("x-api-key", "bearer", "x-goog-api-key", "key")
    assert set(schemes) == {*forms, "admin"}
    for name, operation in operations(document):
        if {"Models", "Usage", "Credits", "Conversion"} & set(operation["tags"]):
            assert [list(way) for way in operation["security"]] == [[form] for form in forms], name
            assert {"401", "403", "503"} <= set(operation["responses"]), name
        elif "Management" in operation["tags"]:
            assert operation["security"] == [{"admin": []}], name
            assert {"401", "404", "503"} <= set(operation["responses"]), name
            assert shape_of_error(operation) == {"ManagementError"}, name
            if "requestBody" in operation:
                assert {"400", "413"} <= set(operation["responses"]), name
        else:
            assert "security" not in operation, name


def shape_of_error(operation: dict[str, Any]) -> set[str]:
    """The shapes in which an operation's errors are described."""
    return {
        response["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for status, response in operation["responses"].items()
        if status >= "400"
    }


def test_shapes_have_examples_that_fit_them(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    checked = 0
    for name, schema in schemas.items():
        assert schema.get("description"), name
        for example in schema.get("examples", []):
            validator(document, name).validate(example)
            checked += 1
    assert checked >= 12


def test_the_dry_run_says_what_goes_in_and_what_comes_out(document: dict[str, Any]) -> None:
    operation = document["paths"]["/v1/convert"]["post"]
    protocols = ["anthropic", "openai_chat", "openai_responses", "gemini"]
    allowed = {
        parameter["name"]: parameter["schema"]["anyOf"][0]["enum"]
        for parameter in operation["parameters"]
        if parameter["name"] != "model"
    }
    assert allowed == {"to": protocols, "from": protocols}
    assert not any(parameter["required"] for parameter in operation["parameters"])
    assert operation["requestBody"]["required"] is True
    assert operation["requestBody"]["content"]["application/json"]["schema"]["type"] == "object"
    properties = document["components"]["schemas"]["Conversion"]["properties"]
    assert list(properties) == [
        "from",
        "to",
        "model",
        "upstream_model",
        "provider",
        "path",
        "body",
        "losses",
        "input_tokens_estimated",
        "price",
        "cost_micro_estimated",
    ]


def test_losses_are_described_by_the_kinds_that_there_are(document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"]["ConversionLoss"]["properties"]["kind"]
    assert schema["enum"] == [kind.value for kind in LossKind]


def validator(document: dict[str, Any], name: str) -> OAS31Validator:
    reference = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return OAS31Validator(reference)


DESCRIBED = (
    "/v1/models",
    "/openai/v1/models/gpt-5-mini",
    "/api/v1/models?limit=2",
    "/claude/v1/models/gpt-image-1",
    "/v1beta/models?pageSize=2",
    "/gemini/v1/models/gemini-3-pro",
    "/v1/usage",
    "/v1/usage?group_by=day",
    "/v1/credits",
    "/gemini/v1/credits",
    "/api/v1/usage/req-1",
    "/healthz",
    "/readyz",
    "/v1/models/none",
    "/api/v1/models/none",
    "/v1beta/models?pageSize=x",
    "/api/v1/usage?limit=x",
    "/gemini/v1beta/usage/none",
)


async def test_answers_fit_the_description(world: World, document: dict[str, Any]) -> None:
    key = await world.key()
    await world.settle("req-1", world.keys[0])
    for path in DESCRIBED:
        responses = responses_of(document, path.partition("?")[0])
        for sent in (key, None) if "401" in responses else (None,):
            answer = await world.get(path, sent)
            schema = responses[str(answer.status_code)]["content"]["application/json"]["schema"]
            full = {**schema, "components": document["components"]}
            OAS31Validator(full).validate(answer.json())


MANAGED = (
    "/customers",
    "/customers/acme",
    "/customers/none",
    "/customers/acme/entries",
    "/customers/acme/entries?limit=x",
    "/keys",
    "/keys/none",
    "/redeem-codes",
    "/usage?group_by=day,model,key,customer",
    "/reconcile",
)


async def test_management_answers_fit_the_description(
    world: World, document: dict[str, Any]
) -> None:
    await world.key()
    await world.record("req-1", world.keys[0])
    await world.manage("POST", "/customers/acme/credit", {"amount_micro": 1}, 201)
    await world.manage("POST", "/redeem-codes", {"amount_micro": 1}, 201)
    for path in MANAGED:
        headers = {"authorization": f"Bearer {ADMIN}"}
        answer = await world.client.get(f"/manage/v1{path}", headers=headers)
        responses = responses_of(document, f"/manage/v1{path.partition('?')[0]}")
        schema = responses[str(answer.status_code)]["content"]["application/json"]["schema"]
        OAS31Validator({**schema, "components": document["components"]}).validate(answer.json())


def responses_of(document: dict[str, Any], path: str) -> dict[str, Any]:
    """The described answers of the path, or of the template with most of its letters."""
    fitting = [known for known in document["paths"] if _fits(path, known)]
    template = max(fitting, key=lambda known: len("".join(_letters(known))))
    found: dict[str, Any] = document["paths"][template]["get"]["responses"]
    return found


def _letters(template: str) -> list[str]:
    return re.split(r"\{[^}]*\}", template)


def _fits(path: str, template: str) -> bool:
    return re.fullmatch(".+".join(map(re.escape, _letters(template))), path) is not None
