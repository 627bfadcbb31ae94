"""Convertible routes: every target and account of a model, on the best surface for the request."""

import pytest

from catalog import Catalog, Surface, parse
from catalog.presets import presets
from catalog.surfaces import CHAT_SURFACES, CONVERSION_ORDER, SURFACES, best_surface
from tests.catalog.samples import ENV, TEXT, sample

MIXED = """\
models:
  - name: mixed
    targets:
      - {provider: anthropic, model: claude-opus-5-5, pool: default, weight: 2}
      - {provider: openai, model: gpt-5, tier: 2}
      - {provider: openai, model: gpt-5, tier: 3, surfaces: [openai_chat]}
"""


def mixed(groups: str = "") -> Catalog:
    return parse(TEXT.replace("models:\n", MIXED, 1) + groups, ENV)


def test_every_chat_surface_has_an_order_of_the_other_three() -> None:
    assert set(CONVERSION_ORDER) == set(CHAT_SURFACES)
    assert all({asked, *order} == set(CHAT_SURFACES) for asked, order in CONVERSION_ORDER.items())
    assert all(len(order) == 3 for order in CONVERSION_ORDER.values())


@pytest.mark.parametrize(
    ("asked", "offered", "best"),
    [
        ("anthropic", ("openai_chat", "anthropic"), "anthropic"),
        ("anthropic", ("openai_responses", "openai_chat"), "openai_responses"),
        ("anthropic", ("gemini", "openai_responses"), "openai_responses"),
        ("openai_chat", ("gemini", "anthropic"), "anthropic"),
        ("openai_responses", ("gemini", "anthropic", "openai_chat"), "anthropic"),
        ("gemini", ("anthropic", "openai_chat"), "anthropic"),
        # At home in Chat Completions: what else is offered there is an emulation.
        ("openai_responses", ("openai_chat", "anthropic"), "openai_chat"),
        ("gemini", ("openai_chat", "openai_responses", "anthropic"), "openai_chat"),
        ("anthropic", ("openai_images", "openai_chat", "openai_responses"), "openai_chat"),
        ("gemini", (), None),
        ("gemini", ("openai_images",), None),
        ("openai_images", ("openai_chat",), None),
        ("openai_images", ("openai_chat", "openai_images"), "openai_images"),
    ],
)
def test_best_surface(asked: Surface, offered: tuple[Surface, ...], best: Surface | None) -> None:
    assert best_surface(asked, offered) == best


@pytest.mark.parametrize(
    ("preset", "asked", "best"),
    [
        ("openai", "anthropic", "openai_responses"),
        ("azure-openai", "gemini", "openai_responses"),
        ("xai", "anthropic", "openai_responses"),
        ("anthropic", "gemini", "anthropic"),
        ("google", "anthropic", "gemini"),
        ("deepseek", "openai_responses", "openai_chat"),
        ("minimax", "gemini", "anthropic"),
        ("groq", "anthropic", "openai_chat"),
        ("openrouter", "anthropic", "anthropic"),
    ],
)
def test_where_a_vendor_is_asked(preset: str, asked: Surface, best: Surface) -> None:
    assert best_surface(asked, tuple(presets()[preset].surfaces)) == best


@pytest.mark.parametrize("surface", CHAT_SURFACES)
def test_each_target_and_account_has_one_route_in_tier_and_weight_order(surface: Surface) -> None:
    routes = mixed().convertible("mixed", surface)
    assert [(r.account, r.tier, r.weight) for r in routes] == [
        ("ant-a", 1, 6),
        ("ant-b", 1, 2),
        ("oai", 2, 1),
        ("oai", 3, 1),
    ]


@pytest.mark.parametrize(
    ("asked", "surfaces"),
    [
        ("anthropic", ["anthropic", "anthropic", "openai_responses", "openai_chat"]),
        ("openai_chat", ["anthropic", "anthropic", "openai_chat", "openai_chat"]),
        ("openai_responses", ["anthropic", "anthropic", "openai_responses", "openai_chat"]),
        ("gemini", ["anthropic", "anthropic", "openai_responses", "openai_chat"]),
    ],
)
def test_a_route_says_its_own_surface(asked: Surface, surfaces: list[Surface]) -> None:
    routes = mixed().convertible("mixed", asked)
    assert [route.surface for route in routes] == surfaces
    assert [route.upstream_model for route in routes] == ["claude-opus-5-5"] * 2 + ["gpt-5"] * 2


def test_a_converted_route_is_whole() -> None:
    """Path, key header, price and capabilities are those of the surface it goes to."""
    catalog = sample()
    (converted,) = catalog.convertible("gpt-5", "anthropic")
    (native,) = catalog.targets("gpt-5", "openai_responses")
    assert converted == native
    assert converted.path("/responses") == "/v1/responses"
    assert converted.capabilities.efforts == ("minimal", "low", "medium", "high")


def test_what_is_served_everywhere_as_asked_is_the_same_memory() -> None:
    catalog = sample()
    assert catalog.convertible("sonnet", "anthropic") == catalog.targets("sonnet", "anthropic")
    index = catalog._index.routes
    model = catalog.models[0]
    assert index.convertible(model, "sonnet", "anthropic") is index.routes(
        model, "sonnet", "anthropic"
    )
    assert catalog.convertible("gpt-5", "gemini") is catalog.convertible("gpt-5", "gemini")


@pytest.mark.parametrize("surface", [s for s in SURFACES if s not in CHAT_SURFACES])
def test_nothing_but_chat_is_converted(surface: Surface) -> None:
    catalog = sample()
    for name in ("gpt-5", "text-embedding-3-small", "local/x"):
        assert catalog.convertible(name, surface) == catalog.targets(name, surface)


def test_a_model_of_another_kind_has_no_chat_route() -> None:
    assert sample().convertible("text-embedding-3-small", "openai_chat") == ()
    assert sample().convertible("nothing", "openai_chat") == ()


def test_drained_targets_and_accounts_get_no_converted_requests() -> None:
    text = MIXED.replace("tier: 2}", "tier: 2, weight: 0}")
    drained = TEXT.replace(
        "ant-b: {provider: anthropic,", "ant-b: {provider: anthropic, weight: 0,"
    )
    routes = parse(drained.replace("models:\n", text, 1), ENV).convertible("mixed", "gemini")
    assert [(route.account, route.tier) for route in routes] == [("ant-a", 1), ("oai", 3)]


GROUPS = """\
  native: {passthrough: true}
  careful: {strict: true, pools: [vip]}
"""


def test_a_passthrough_group_has_the_asked_surface_alone() -> None:
    catalog = mixed(GROUPS)
    routes = catalog.convertible("mixed", "openai_responses", ("native",))
    assert [(route.account, route.surface) for route in routes] == [("oai", "openai_responses")]
    assert catalog.convertible("mixed", "gemini", ("native",)) == ()
    assert len(catalog.convertible("mixed", "gemini", ("native", "vip"))) == 4
    assert catalog.passthrough("native")
    assert not any(catalog.passthrough(group) for group in ("careful", "default", "gone", None))


def test_pools_limit_converted_routes_too() -> None:
    catalog = mixed(GROUPS)
    assert [r.account for r in catalog.convertible("sonnet", "gemini", ("careful",))] == ["ant-vip"]
    assert catalog.strict("careful")
    assert not any(catalog.strict(group) for group in ("native", "default", "gone", None))


def test_where_a_model_can_be_reached() -> None:
    catalog = mixed(GROUPS)
    assert catalog.reachable("mixed") == CHAT_SURFACES
    assert catalog.reachable("mixed", ("native",)) == (
        "anthropic", "openai_chat", "openai_responses",
    )  # fmt: skip
    assert catalog.reachable("text-embedding-3-small") == ("openai_embeddings",)
    assert catalog.reachable("unknown") == ()
    assert catalog.surfaces_of("gpt-5") == ("openai_chat", "openai_responses")  # untranslated


def test_stored_accounts_know_their_surface() -> None:
    stored = sample().route_by_account("oai", "openai_responses")
    assert stored is not None
    assert stored.capabilities.developer_role
