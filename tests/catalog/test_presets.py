"""Presets: every row is usable as it stands, and a provider line is enough."""

import pytest

from catalog import SURFACES, parse
from catalog.clusters import render_clusters
from catalog.presets import presets
from catalog.surfaces import SURFACES_OF_KIND, Surface
from tests.catalog.samples import account_of, provider_of

REST: dict[Surface, str] = {
    "anthropic": "/messages",
    "openai_chat": "/chat/completions",
    "openai_responses": "/responses",
    "gemini": "/models/m:generateContent",
    "openai_images": "/images/generations",
    "openai_embeddings": "/embeddings",
    "gemini_embeddings": "/models/m:embedContent",
}

# Whole URLs as found in documentation, models.dev or public code; guards against slips in joining.
WHOLE_URLS: list[tuple[str, Surface, str]] = [
    ("anthropic", "anthropic", "https://api.anthropic.com/v1/messages"),
    ("openai", "openai_chat", "https://api.openai.com/v1/chat/completions"),
    ("openai", "openai_responses", "https://api.openai.com/v1/responses"),
    ("openai", "openai_images", "https://api.openai.com/v1/images/generations"),
    (
        "google",
        "gemini",
        "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent",
    ),
    (
        "google-openai",
        "openai_chat",
        "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
    ),
    ("groq", "openai_chat", "https://api.groq.com/openai/v1/chat/completions"),
    ("groq", "openai_responses", "https://api.groq.com/openai/v1/responses"),
    ("deepseek", "anthropic", "https://api.deepseek.com/anthropic/v1/messages"),
    ("moonshot", "anthropic", "https://api.moonshot.ai/anthropic/v1/messages"),
    ("minimax", "anthropic", "https://api.minimax.io/anthropic/v1/messages"),
    ("zai", "openai_chat", "https://api.z.ai/api/paas/v4/chat/completions"),
    ("zhipu", "anthropic", "https://open.bigmodel.cn/api/anthropic/v1/messages"),
    ("dashscope-cn", "anthropic", "https://dashscope.aliyuncs.com/apps/anthropic/v1/messages"),
    ("openrouter", "anthropic", "https://openrouter.ai/api/v1/messages"),
    ("openrouter", "openai_embeddings", "https://openrouter.ai/api/v1/embeddings"),
    ("fireworks", "anthropic", "https://api.fireworks.ai/inference/v1/messages"),
    ("zai-coding", "openai_responses", "https://api.z.ai/api/v1/responses"),
    ("qianfan", "anthropic", "https://qianfan.baidubce.com/anthropic/v1/messages"),
    ("novita", "anthropic", "https://api.novita.ai/anthropic/v1/messages"),
    ("together", "openai_responses", "https://api.together.ai/v1/responses"),
    ("upstage", "openai_chat", "https://api.upstage.ai/v1/chat/completions"),
    ("venice", "openai_chat", "https://api.venice.ai/api/v1/chat/completions"),
    ("friendli", "openai_chat", "https://api.friendli.ai/serverless/v1/chat/completions"),
    ("wandb", "openai_chat", "https://api.inference.wandb.ai/v1/chat/completions"),
    ("perplexity", "openai_responses", "https://api.perplexity.ai/v1/responses"),
    ("cohere", "openai_chat", "https://api.cohere.ai/compatibility/v1/chat/completions"),
    ("github-models", "openai_chat", "https://models.github.ai/inference/chat/completions"),
    ("huggingface", "openai_responses", "https://router.huggingface.co/v1/responses"),
    ("deepinfra", "openai_images", "https://api.deepinfra.com/v1/openai/images/generations"),
    ("vercel", "anthropic", "https://ai-gateway.vercel.sh/v1/messages"),
    ("volcengine", "openai_responses", "https://ark.cn-beijing.volces.com/api/v3/responses"),
    ("ollama", "anthropic", "http://localhost:11434/v1/messages"),
    (
        "bedrock-messages",
        "anthropic",
        "https://bedrock-runtime.some-region.amazonaws.com/anthropic/v1/messages",
    ),
    (
        "bedrock-openai",
        "openai_responses",
        "https://bedrock-runtime.some-region.amazonaws.com/openai/v1/responses",
    ),
    (
        "vertex-gemini",
        "gemini",
        "https://some-location-aiplatform.googleapis.com/v1/projects/some-project"
        "/locations/some-location/publishers/google/models/m:generateContent",
    ),
]


def catalog_text(name: str) -> str:
    account = account_of(name, "p")
    accounts = f"accounts: {{mine: {account}}}\n" if account else ""
    return (
        f"version: 1\nproviders: {{p: {provider_of(name)}}}\n{accounts}"
        "models: [{name: m, kinds: [chat, image, embedding], targets: [{provider: p}]}]\n"
    )


CLOUDS = ("azure", "bedrock", "vertex")  # each customer has an address of its own
LOCAL = ("http://localhost",)


def test_there_are_enough() -> None:
    served = [name for name, preset in presets().items() if preset.retired is None]
    assert len([name for name in served if not name.startswith(CLOUDS)]) >= 48


def test_most_rows_were_checked_and_the_others_say_so() -> None:
    """A row without the day of its check is honest; too many of them would be careless."""
    unchecked = {name for name, preset in presets().items() if preset.checked is None}
    assert {name for name in unchecked if not name.startswith(CLOUDS)} == {
        "dashscope-cn",
        "volcengine",
    }


def test_rows_stand_in_groups_by_the_protocol_of_their_home() -> None:
    homes = [preset.home for name, preset in presets().items() if not name.startswith(CLOUDS)]
    groups = [home for home, before in zip(homes, [None, *homes], strict=False) if home != before]
    assert groups == ["anthropic", "openai_responses", "gemini", "openai_chat"]


@pytest.mark.parametrize("name", presets())
def test_no_two_rows_are_the_same_place(name: str) -> None:
    """Another name for a place is a mistake, unless its surfaces or its key are others."""
    own = presets()[name]
    if own.base_url is None or own.base_url.startswith(LOCAL):
        return
    twins = [
        other
        for other, preset in presets().items()
        if (preset.base_url, preset.surfaces, preset.auth) == (own.base_url, own.surfaces, own.auth)
    ]
    assert twins == [name]


def test_the_model_list_is_the_presets_then_the_providers_own_then_a_guess() -> None:
    text = """
version: 1
providers:
  a: {preset: deepseek}
  b: {preset: deepseek, models_path: /list}
  c: {base_url: https://c.example/x, surfaces: {openai_images: /img, openai_chat: /v9}}
accounts:
  a: {provider: a, credential: k}
  b: {provider: b, credential: k}
  c: {provider: c, credential: k}
"""
    providers = parse(text, {}).providers
    assert {name: one.model_list({}) for name, one in providers.items()} == {
        "a": "/models",
        "b": "/list",
        "c": "/v9/models",
    }


def test_every_surface_is_of_some_kind_of_model() -> None:
    of_kinds = {surface for surfaces in SURFACES_OF_KIND.values() for surface in surfaces}
    assert of_kinds == set(SURFACES) == set(REST)


@pytest.mark.parametrize("name", presets())
def test_a_line_is_enough_for_routes_on_every_surface_and_a_cluster(name: str) -> None:
    preset, catalog = presets()[name], parse(catalog_text(name), {})
    assert set(catalog.surfaces_of("m")) == set(preset.surfaces)
    for surface in preset.surfaces:
        (route,) = catalog.targets("m", surface)
        needs = (preset.surfaces[surface].auth or preset.auth).needs
        assert (route.auth is not None) is (needs == "credential")
        assert (route.identity is not None) is (needs in ("aws", "google", "entra"))
    assert '"name": "provider_p"' in render_clusters(catalog)


@pytest.mark.parametrize("name", presets())
def test_a_row_says_where_to_check_it(name: str) -> None:
    preset = presets()[name]
    assert preset.source.startswith("https://")
    assert preset.base_url is not None or "base_url is" in preset.notes


@pytest.mark.parametrize(("name", "surface", "url"), WHOLE_URLS)
def test_base_url_and_base_path_join_to_the_known_url(
    name: str, surface: Surface, url: str
) -> None:
    (route,) = parse(catalog_text(name), {}).targets("m", surface)
    scheme = "https" if route.tls else "http"
    assert f"{scheme}://{route.authority}{route.path(REST[surface])}" == url


def test_what_a_provider_says_itself_comes_before_its_preset() -> None:
    catalog = parse(
        """
version: 1
providers:
  p: {preset: openai, auth: api-key, surfaces: {openai_chat: /x}, prices: none}
accounts: {a: {provider: p, credential: k}}
models: [{name: gpt-5, targets: [{provider: p}]}]
""",
        {},
    )
    (route,) = catalog.targets("gpt-5", "openai_chat")
    assert (route.authority, route.base, route.auth) == ("api.openai.com", "/x", ("api-key", "k"))
    assert route.price is None
    assert catalog.surfaces_of("gpt-5") == ("openai_chat",)
