"""Credentials reach the header and nothing else: no repr, no problem, no dump, no cluster file."""

import pytest

from catalog import CatalogError, parse
from catalog.clusters import render_clusters
from tests.catalog.samples import ENV, TEXT, sample

SECRETS = ("ant-secret-0001", "oai-secret-0002", "header-secret-0003")
WITH_HEADER = TEXT.replace(
    "openai: {preset: openai}", "openai: {preset: openai, headers: {x-a: header-secret-0003}}"
)


def shown(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


def test_nothing_that_prints_a_catalog_prints_a_secret() -> None:
    catalog = parse(WITH_HEADER, ENV)
    route = catalog.targets("gpt-5", "openai_chat")[0]
    assert route.auth == ("authorization", "Bearer oai-secret-0002")
    assert route.headers == (("x-a", "header-secret-0003"),)
    printed = [
        repr(catalog),
        str(catalog),
        repr(route),
        repr(vars(catalog._index)),
        repr(vars(catalog._index.routes)),
        repr(catalog.accounts["oai"]),
        repr(catalog.providers["openai"]),
        catalog.model_dump_json(),
        repr(catalog.model_dump()),
        render_clusters(catalog),
    ]
    assert [shown(text) for text in printed] == [[]] * len(printed)


@pytest.mark.parametrize(
    "broken",
    [
        "\n  bad: {provider: anthropic, credential: [ant-secret-0001]}",
        "\n  bad: {provider: anthropic, credential: {key: ant-secret-0001}}",
        "\n  bad: {provider: anthropic, credential: *ant-secret-0001 }",
        "\n  bad: {provider: anthropic, credential: !ant-secret-0001 x}",
        "\n  bad: {provider: anthropic, credential: 'ant-secret-0001",
        '\n  bad: {provider: anthropic, credential: "ant-secret-0001\\q"}',
        '\n  bad: {provider: anthropic, credential: "ant-secret-0001\\n"}',
        "\n  bad: {provider: anthropic, credential: ant-secret-0001: x}",
        "\n  bad: {provider: anthropic, weight: ant-secret-0001}",
        "\n  bad: {provider: anthropic, base_url: 'https://ant-secret-0001@h'}",
        "\n  bad: {provider: anthropic, base_url: 'ant-secret-0001'}",
        "\n  bad: ant-secret-0001",
        '\n  bad: {provider: anthropic, credential: "${ANTHROPIC_API_KEY} x"}',
        '\n  bad: {provider: anthropic, base_url: "${ANTHROPIC_API_KEY}"}',
        '\n  bad: {provider: anthropic, pool: "${ANTHROPIC_API_KEY}!"}',
        '\n  bad: {provider: anthropic, limits: {rpm: "${ANTHROPIC_API_KEY}"}}',
    ],
)
def test_no_problem_quotes_a_value(broken: str) -> None:
    text = TEXT.replace("accounts:", "accounts:" + broken, 1)
    with pytest.raises(CatalogError) as caught:
        parse(text, ENV)
    told = str(caught.value) + repr(caught.value) + repr(caught.value.__cause__)
    assert shown(told) == []
    assert caught.value.problems


def test_a_missing_variable_is_named_and_no_other_variable_is_shown() -> None:
    with pytest.raises(CatalogError) as caught:
        parse(TEXT, {"OPENAI_API_KEY": "oai-secret-0002"})
    assert len(caught.value.problems) == 3
    assert all("ANTHROPIC_API_KEY is not set" in problem for problem in caught.value.problems)
    assert shown(str(caught.value)) == []


def test_defaults_and_escapes_of_references() -> None:
    env = {"A": "alpha", "E": ""}
    text = 'version: 1\nkey_prefix: "${A}-${E:-beta}-${N:-}x"\ngroups: {"${A}": {}}\n'
    with pytest.raises(CatalogError, match="groups"):  # keys are never replaced
        parse(text, env)
    assert parse(text.splitlines()[0] + "\n" + text.splitlines()[1], env).key_prefix == (
        "alpha-beta-x"
    )
    escaped = "version: 1\ndomains: [{name: a, certificate: '$${A}', private_key: x$A}]"
    (domain,) = parse(escaped, env).domains
    assert (domain.certificate, domain.private_key) == ("${A}", "x$A")


def test_the_sample_is_right() -> None:
    assert sample().left_out == {}
