"""Routes: where a model goes, by whom, with which path, authority and key header."""

import pytest

from catalog import CatalogError, Surface, parse
from catalog.address import split_url
from tests.catalog.samples import ENV, TEXT, sample


def test_routes_are_ordered_by_tier_then_weight() -> None:
    routes = sample().targets("sonnet", "anthropic")
    assert [(route.account, route.tier, route.weight) for route in routes] == [
        ("ant-a", 1, 6),  # the target's 2 by the account's 3
        ("ant-b", 1, 2),
        ("ant-vip", 2, 9),
    ]


def test_a_route_has_all_that_a_request_needs() -> None:
    route = sample().targets("claude-sonnet-4-5", "anthropic")[0]
    assert (route.provider, route.cluster) == ("anthropic", "provider_anthropic")
    assert (route.authority, route.tls) == ("api.anthropic.com", True)
    assert route.path("/messages/count_tokens") == "/v1/messages/count_tokens"
    assert route.auth == ("x-api-key", "ant-secret-0001")
    assert route.upstream_model == "claude-sonnet-4-5"
    assert route.price is not None


def test_the_asked_name_stands_where_the_target_has_a_star() -> None:
    catalog = sample()
    assert catalog.targets("any-thing", "openai_chat")[0].upstream_model == "vendor/any-thing"
    assert catalog.targets("claude-x", "anthropic")[0].upstream_model == "claude-x"
    assert catalog.targets("local/x", "openai_chat")[0].upstream_model == "llama3.3"


def test_an_alias_asks_for_the_models_own_name() -> None:
    """An alias is ours: the upstream has never heard of it."""
    assert {r.upstream_model for r in sample().targets("sonnet", "anthropic")} == {
        "claude-sonnet-4-5"
    }


@pytest.mark.parametrize(
    ("groups", "accounts"),
    [
        (None, ["ant-a", "ant-b", "ant-vip"]),
        ((), ["ant-a", "ant-b", "ant-vip"]),
        (("plain",), ["ant-a", "ant-b"]),
        (("vip",), ["ant-a", "ant-b", "ant-vip"]),
        (("plain", "vip"), ["ant-a", "ant-b"]),  # the first group that has any
        (("pictures", "plain"), ["ant-a", "ant-b"]),
        (("gone",), []),
    ],
)
def test_groups_limit_routes_to_their_pools(
    groups: tuple[str, ...] | None, accounts: list[str]
) -> None:
    routes = sample().targets("sonnet", "anthropic", groups)
    assert [route.account for route in routes] == accounts


@pytest.mark.parametrize(
    ("model", "surfaces"),
    [
        ("claude-sonnet-4-5", ("anthropic",)),
        ("claude-new", ("anthropic",)),
        ("gpt-5", ("openai_chat", "openai_responses")),
        ("text-embedding-3-small", ("openai_embeddings",)),
        ("local/x", ("anthropic", "openai_chat", "openai_responses")),
        ("unknown", ()),
    ],
)
def test_surfaces_are_those_of_the_provider_that_fit_the_kind(
    model: str, surfaces: tuple[Surface, ...]
) -> None:
    assert sample().surfaces_of(model) == surfaces


def test_a_model_is_not_served_on_a_surface_that_no_target_has() -> None:
    catalog = sample()
    assert catalog.targets("gpt-5", "anthropic") == ()
    assert catalog.targets("nothing", "openai_chat") == ()


def test_a_keyless_provider_needs_no_account() -> None:
    route = sample().targets("local/x", "anthropic")[0]
    assert (route.account, route.auth) == ("local", None)
    assert (route.authority, route.tls) == ("localhost:11434", False)


def test_weight_zero_drains_an_account_and_a_target() -> None:
    text = TEXT.replace(
        "ant-b: {provider: anthropic,", "ant-b: {provider: anthropic, weight: 0,"
    ).replace("pool: vip, weight: 9, tier: 2", "pool: vip, weight: 0, tier: 2")
    routes = parse(text, ENV).targets("sonnet", "anthropic")
    assert [route.account for route in routes] == ["ant-a"]


def test_an_optional_account_without_its_variable_is_left_out() -> None:
    text = TEXT.replace(
        "  ant-b: {provider: anthropic,",
        '  ant-b: {optional: true, base_url: "${NOWHERE}", provider: anthropic,',
    )
    catalog = parse(text, ENV)
    assert "ant-b" not in catalog.accounts
    assert catalog.left_out == {"ant-b": ("NOWHERE",)}
    assert [r.account for r in catalog.targets("sonnet", "anthropic")] == ["ant-a", "ant-vip"]
    with_it = parse(text, {**ENV, "NOWHERE": "https://elsewhere.example"})
    assert with_it.left_out == {}
    assert "ant-b" in with_it.accounts


def test_a_model_all_of_whose_accounts_are_left_out_is_known_but_not_listed() -> None:
    text = TEXT.replace('"${OPENAI_API_KEY}"}', '"${OPENAI_API_KEY}", optional: true}')
    catalog = parse(text, {"ANTHROPIC_API_KEY": "k"})
    assert catalog.find_model("gpt-5") is not None
    assert catalog.targets("gpt-5", "openai_chat") == ()
    assert "gpt-5" not in [model.name for model in catalog.visible_models()]
    assert catalog.access((), "gpt-5", "chat").allowed  # so the answer is 503, not 403


def test_an_account_is_reached_again_for_what_it_stored() -> None:
    catalog = sample()
    stored = catalog.route_by_account("oai", "openai_responses")
    usual = catalog.targets("gpt-5", "openai_responses")[0]
    assert stored is not None
    assert stored.path("/responses/resp_1") == "/v1/responses/resp_1"
    assert (stored.cluster, stored.authority, stored.auth) == (
        usual.cluster,
        usual.authority,
        usual.auth,
    )
    assert (stored.upstream_model, stored.price) == ("", None)
    assert catalog.route_by_account("oai", "gemini") is None
    assert catalog.route_by_account("gone", "openai_responses") is None


def test_an_account_with_its_own_address_has_its_own_cluster() -> None:
    catalog = sample()
    text = TEXT.replace(
        "  oai: {provider: openai,",
        "  oai: {provider: openai, base_url: 'http://[2001:db8::1]:81/eu/',",
    )
    route = parse(text, ENV).targets("gpt-5", "openai_responses")[0]
    assert (route.cluster, route.authority) == ("account_oai", "[2001:db8::1]:81")
    assert route.path("/responses") == "/eu/v1/responses"
    assert catalog.targets("gpt-5", "openai_chat")[0].cluster == "provider_openai"


def test_a_surface_may_have_its_own_key_header_and_a_provider_further_headers() -> None:
    catalog = parse(
        """
version: 1
providers:
  p:
    preset: deepseek
    headers: {x-team: "${TEAM}"}
accounts: {a: {provider: p, credential: k}}
models: [{name: deepseek-chat, targets: [{provider: p}]}]
""",
        {"TEAM": "blue"},
    )
    chat = catalog.targets("deepseek-chat", "openai_chat")[0]
    messages = catalog.targets("deepseek-chat", "anthropic")[0]
    assert chat.auth == ("authorization", "Bearer k")
    assert messages.auth == ("x-api-key", "k")
    assert messages.path("/messages") == "/anthropic/v1/messages"
    assert chat.headers == messages.headers == (("x-team", "blue"),)


def test_provider_helpers_agree_with_the_routes() -> None:
    catalog = sample()
    provider, account = catalog.providers["openai"], catalog.accounts["oai"]
    route = catalog.targets("gpt-5", "openai_chat")[0]
    assert provider.upstream_path("openai_chat", "/chat/completions") == route.path(
        "/chat/completions"
    )
    assert provider.auth_header(account.credential) == route.auth
    assert catalog.providers["local"].auth_header("anything") is None
    target = catalog.models[0].targets[0]
    assert [a.name for a in catalog.accounts_for(target)] == ["ant-a", "ant-b"]


@pytest.mark.parametrize(
    ("url", "authority", "host", "port", "prefix"),
    [
        ("https://h.example", "h.example", "h.example", 443, ""),
        ("https://h.example:443/", "h.example", "h.example", 443, ""),
        ("http://h.example:443", "h.example:443", "h.example", 443, ""),
        ("http://H.Example/a/b/", "h.example", "h.example", 80, "/a/b"),
        ("http://127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1", 8080, ""),
        ("https://[::1]/x", "[::1]", "::1", 443, "/x"),
        ("http://[::1]:81", "[::1]:81", "::1", 81, ""),
    ],
)
def test_base_urls(url: str, authority: str, host: str, port: int, prefix: str) -> None:
    address = split_url(url)
    assert (address.authority, address.host, address.port, address.prefix) == (
        authority,
        host,
        port,
        prefix,
    )


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h",
        "h.example",
        "//h",
        "https://",
        "https://h:0",
        "https://h:99999",
        "https://h:x",
        "https://u:secret@h",
        "https://h?key=secret",
        "https://h#x",
        "https://h h",
        "https://h\n",
        "https://é.example",
        "https://-h",
        "https://h..example",
        "https://[::1%25eth0]",
        "https://[::1",
        "https://h/a b",
    ],
)
def test_base_urls_that_are_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ValueError) as caught:
        split_url(url)
    assert "secret" not in str(caught.value)
    text = f"version: 1\nproviders: {{a: {{preset: openai, base_url: {url!r}}}}}\n"
    with pytest.raises(CatalogError):
        parse(text, {})
