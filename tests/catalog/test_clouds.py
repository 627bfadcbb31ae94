"""The three clouds in a catalog: whose requests are signed, in which envelope, at which address."""

import json

import pytest

from catalog import Catalog, CatalogError, Route, parse
from catalog.auth import ENTRA_SCOPE, GOOGLE_SCOPE
from catalog.clusters import render_clusters
from catalog.credentials import AwsKeys
from catalog.surfaces import Surface

GOOGLE_KEY = json.dumps({"type": "service_account", "private_key": "google-secret-0003"})
ENV = {
    "AWS_ID": "AKIA-0001",
    "AWS_SECRET": "aws-secret-0001",
    "ENTRA_SECRET": "entra-secret-0002",
    "GOOGLE_KEY": GOOGLE_KEY,
}
TEXT = """
version: 1
providers:
  bedrock: {preset: bedrock, variables: {region: eu-west-1}}
  claude: {preset: vertex-anthropic, variables: {project: ours, location: europe-west1}}
  gemini: {preset: vertex-gemini, variables: {project: ours, location: global}}
  dated: {preset: azure-openai-deployments, base_url: "https://ours.openai.azure.com",
    auth: azure_entra}
accounts:
  aws-eu: {provider: bedrock, aws: {access_key_id: "${AWS_ID}", secret_access_key: "${AWS_SECRET}",
    session_token: "${AWS_TOKEN:-}"}}
  aws-us: {provider: bedrock, variables: {region: us-west-2}, aws: {default_chain: true}}
  gcp: {provider: claude, google: {key: "${GOOGLE_KEY}"}}
  gcp-theirs: {provider: claude, variables: {project: theirs}, google: {default_chain: true}}
  gcp-us: {provider: claude, variables: {location: us}, google: {default_chain: true}}
  gcp-gemini: {provider: gemini, google: {key_file: /run/secrets/google.json}}
  azure: {provider: dated, entra: {tenant: contoso.test, client_id: 1-2,
    client_secret: "${ENTRA_SECRET}"}}
models:
- {name: sonnet, targets: [
    {provider: bedrock, model: "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"}]}
- {name: vertex-sonnet, targets: [{provider: claude, model: claude-sonnet-4-5@20250929}]}
- {name: gemini-3-pro, targets: [{provider: gemini}]}
- {name: gpt, targets: [{provider: dated, model: our-gpt, base_model: gpt-5}]}
"""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return parse(TEXT, ENV)


def routes(catalog: Catalog, model: str, surface: Surface = "anthropic") -> dict[str, Route]:
    return {route.account: route for route in catalog.targets(model, surface)}


def test_requests_to_bedrock_are_signed_for_the_region_of_the_account(catalog: Catalog) -> None:
    found = routes(catalog, "sonnet")
    for account, region in (("aws-eu", "eu-west-1"), ("aws-us", "us-west-2")):
        route, identity = found[account], found[account].identity
        assert identity is not None and route.auth is None
        assert (identity.scheme, identity.region, identity.service) == (
            "aws_sigv4",
            region,
            "bedrock",
        )
        assert route.authority == f"bedrock-runtime.{region}.amazonaws.com"
        assert route.wire is not None and route.wire.name == "bedrock"
        assert route.path("/m/invoke") == "/model/m/invoke"


def test_an_account_of_another_region_has_a_cluster_of_its_own(catalog: Catalog) -> None:
    found = routes(catalog, "sonnet")
    assert found["aws-eu"].cluster == "provider_bedrock"
    assert found["aws-us"].cluster == "account_aws-us"
    names = {cluster["name"] for cluster in json.loads(render_clusters(catalog))["resources"]}
    assert {"provider_bedrock", "account_aws-us", "account_gcp-us"} <= names
    assert "account_gcp-theirs" not in names, "another project, the same address"


def test_an_empty_session_token_is_none(catalog: Catalog) -> None:
    identity = routes(catalog, "sonnet")["aws-eu"].identity
    assert identity is not None and isinstance(identity.secret, AwsKeys)
    assert identity.secret.session_token is None


def test_project_and_location_stand_in_vertexs_paths_and_hosts(catalog: Catalog) -> None:
    found = routes(catalog, "vertex-sonnet")
    there = "/v1/projects/{}/locations/{}/publishers/anthropic"
    assert {name: (route.authority, route.base) for name, route in found.items()} == {
        "gcp": ("europe-west1-aiplatform.googleapis.com", there.format("ours", "europe-west1")),
        "gcp-theirs": (
            "europe-west1-aiplatform.googleapis.com",
            there.format("theirs", "europe-west1"),
        ),
        "gcp-us": ("aiplatform.us.rep.googleapis.com", there.format("ours", "us")),
    }
    identity = found["gcp"].identity
    assert identity is not None and identity.scope == GOOGLE_SCOPE
    (gemini,) = catalog.targets("gemini-3-pro", "gemini")
    assert gemini.authority == "aiplatform.googleapis.com"
    assert gemini.base == "/v1/projects/ours/locations/global/publishers/google"


def test_azures_version_is_the_presets_and_its_token_entras(catalog: Catalog) -> None:
    (route,) = catalog.targets("gpt", "openai_chat")
    assert route.wire is not None and route.wire.api_version == "2024-10-21"
    assert route.identity is not None and route.identity.scope == ENTRA_SCOPE
    newer = TEXT.replace("auth: azure_entra}", "auth: azure_entra, variables: {api_version: v9}}")
    (route,) = parse(newer, ENV).targets("gpt", "openai_chat")
    assert route.wire is not None and route.wire.api_version == "v9"


def test_prices_and_capabilities_are_those_of_the_clouds(catalog: Catalog) -> None:
    for model, surface in (("sonnet", "anthropic"), ("vertex-sonnet", "anthropic")):
        for route in routes(catalog, model, "anthropic").values():
            assert route.price is not None, surface
            assert route.capabilities.family == "anthropic"
    assert not routes(catalog, "sonnet")["aws-eu"].capabilities.web_search
    (gpt,) = catalog.targets("gpt", "openai_chat")
    assert not gpt.capabilities.legacy_max_tokens


def test_identities_are_equal_across_loads_and_shown_without_secrets(catalog: Catalog) -> None:
    assert catalog.identities == parse(TEXT, ENV).identities
    assert len(catalog.identities) == 7
    shown = repr(catalog) + repr(catalog.identities) + repr(routes(catalog, "sonnet"))
    for secret in ("aws-secret-0001", "entra-secret-0002", "google-secret-0003", "AKIA-0001"):
        assert secret not in shown


def test_an_optional_account_without_its_secret_is_left_out() -> None:
    text = TEXT.replace("azure: {provider", "azure: {optional: true, provider")
    text = text.replace("aws-eu: {provider", "aws-eu: {optional: true, provider")
    catalog = parse(text, {"GOOGLE_KEY": GOOGLE_KEY})
    assert set(catalog.left_out) == {"azure", "aws-eu"}
    assert {identity.account for identity in catalog.identities} == {
        "aws-us",
        "gcp",
        "gcp-theirs",
        "gcp-us",
        "gcp-gemini",
    }


def test_a_key_that_is_none_is_refused_without_being_shown() -> None:
    for wrong in ("no JSON at all", '["a list"]', '{"type": "authorized_user"}'):
        with pytest.raises(CatalogError) as told:
            parse(TEXT, ENV | {"GOOGLE_KEY": wrong})
        assert told.value.problems == [
            "accounts.gcp.google.key: the content of a service account's key file, which is JSON "
            "(line 13)"
        ]
