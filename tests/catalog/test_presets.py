"""Presets: every row is usable as it stands, and a provider line is enough."""

import pytest

from catalog import SURFACES, parse
from catalog.clusters import render_clusters
from catalog.presets import presets
from catalog.surfaces import SURFACES_OF_KIND, Surface

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
    ("perplexity", "openai_chat", "https://api.perplexity.ai/chat/completions"),
    ("perplexity", "openai_responses", "https://api.perplexity.ai/v1/responses"),
    ("cohere", "openai_chat", "https://api.cohere.ai/compatibility/v1/chat/completions"),
    ("github-models", "openai_chat", "https://models.github.ai/inference/chat/completions"),
    ("huggingface", "openai_responses", "https://router.huggingface.co/v1/responses"),
    ("deepinfra", "openai_images", "https://api.deepinfra.com/v1/openai/images/generations"),
    ("vercel", "anthropic", "https://ai-gateway.vercel.sh/v1/messages"),
    ("volcengine", "openai_responses", "https://ark.cn-beijing.volces.com/api/v3/responses"),
    ("ollama", "anthropic", "http://localhost:11434/v1/messages"),
]


def catalog_text(name: str) -> str:
    preset = presets()[name]
    base = "" if preset.base_url else ", base_url: 'https://mine.example'"
    keyless = preset.auth.scheme == "none"
    account = "" if keyless else "accounts: {mine: {provider: p, credential: the-key}}\n"
    return (
        f"version: 1\nproviders: {{p: {{preset: {name}{base}}}}}\n{account}"
        "models: [{name: m, kinds: [chat, image, embedding], targets: [{provider: p}]}]\n"
    )


def test_there_are_enough() -> None:
    assert len(presets()) >= 40


def test_every_surface_is_of_some_kind_of_model() -> None:
    of_kinds = {surface for surfaces in SURFACES_OF_KIND.values() for surface in surfaces}
    assert of_kinds == set(SURFACES) == set(REST)


@pytest.mark.parametrize("name", presets())
def test_a_line_is_enough_for_routes_on_every_surface_and_a_cluster(name: str) -> None:
    preset, catalog = presets()[name], parse(catalog_text(name), {})
    assert set(catalog.surfaces_of("m")) == set(preset.surfaces)
    for surface in preset.surfaces:
        (route,) = catalog.targets("m", surface)
        keyed = (preset.surfaces[surface].auth or preset.auth).scheme != "none"
        assert (route.auth is not None) is keyed
    assert '"name": "provider_p"' in render_clusters(catalog)


@pytest.mark.parametrize("name", presets())
def test_a_row_says_where_to_check_it(name: str) -> None:
    preset = presets()[name]
    assert preset.docs is not None
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
