"""The shipped catalogs load, and the demo's goes to the real provider exactly when its key is
there."""

from pathlib import Path

import pytest

import catalog as room
from catalog import SURFACES, Catalog, load, parse
from catalog.demo import demo_catalog, real_providers

ROOM = Path(room.__file__).parent
SIMULATOR = "http://127.0.0.1:4999"
KEYS = {
    "ANTHROPIC_API_KEY": "real-ant",
    "OPENAI_API_KEY": "real-oai",
    "GEMINI_API_KEY": "real-gem",
}
REAL = {
    "anthropic": "api.anthropic.com",
    "openai": "api.openai.com",
    "google": "generativelanguage.googleapis.com",
}


def demo(env: dict[str, str]) -> Catalog:
    return parse(demo_catalog(env, SIMULATOR), env)


@pytest.mark.parametrize("present", [(), *[(key,) for key in KEYS], tuple(KEYS)])
def test_a_provider_is_real_exactly_when_its_key_is_there(present: tuple[str, ...]) -> None:
    env = {key: KEYS[key] for key in present}
    catalog = demo(env)
    real = real_providers(env)
    assert len(real) == len(present)
    for name, authority in REAL.items():
        expected = authority if name in real else "127.0.0.1:4999"
        assert catalog.providers[name].address.authority == expected
    assert catalog.providers["simulator"].address.authority == "127.0.0.1:4999"


def test_the_text_holds_references_and_no_key() -> None:
    text = demo_catalog(KEYS, SIMULATOR)
    assert "real-" not in text
    assert "${ANTHROPIC_API_KEY" in text
    auth = parse(text, KEYS).targets("claude-haiku-4-5", "anthropic")[0].auth
    assert auth == ("x-api-key", "real-ant")


def test_without_a_key_the_simulator_is_asked_with_a_made_up_one() -> None:
    assert demo({}).targets("gpt-5", "openai_chat")[0].auth == (
        "authorization",
        "Bearer simulated-key",
    )


def test_every_surface_has_a_named_or_simulated_model() -> None:
    catalog = demo({})
    assert catalog.surfaces_of("sim-anything") == SURFACES
    for surface in SURFACES:
        (route,) = catalog.targets("sim-anything", surface)
        assert (route.provider, route.upstream_model) == ("simulator", "sim-anything")


def test_the_demo_has_the_models_and_domains_that_it_is_known_for() -> None:
    catalog = demo({})
    listed = {model.name for model in catalog.visible_models()}
    assert listed >= {
        "claude-opus-5-5",
        "claude-sonnet-4-5",
        "claude-haiku-4-5",
        "gpt-5",
        "gpt-5-mini",
        "gpt-image-1",
        "text-embedding-3-small",
        "gemini-3-pro-preview",
        "gemini-2.5-flash",
        "gemini-embedding-001",
    }
    assert [domain.name.split(".")[0] for domain in catalog.domains] == [
        "api",
        "us",
        "eu",
        "asia",
        "probe",
    ]
    assert [d.kind for d in catalog.domains] == ["api"] * 4 + ["portal"]
    for name in ("claude-x", "gpt-4.1", "o3", "gemini-2.0-flash", "text-embedding-3-large"):
        assert catalog.surfaces_of(catalog.find_model(name) or "") != ()


def test_every_listed_model_of_the_demo_has_a_price() -> None:
    catalog = demo({})
    without = [m.name for m in catalog.visible_models() if catalog.price_of(m) is None]
    assert without == []


def test_the_demo_file_loads_by_itself_for_a_container_beside_a_simulator() -> None:
    catalog = load(ROOM / "demo.yaml", {})
    assert {p.address.authority for p in catalog.providers.values()} == {"simulator:8080"}


def test_the_example_loads_with_its_variables_and_says_what_is_left_out() -> None:
    catalog = load(ROOM / "example.yaml", KEYS)
    assert set(catalog.left_out) == {"anthropic-2", "openrouter-1", "azure-1"}
    everything = {**KEYS, "ANTHROPIC_API_KEY_2": "2", "OPENROUTER_API_KEY": "3"}
    full = load(ROOM / "example.yaml", {**everything, "AZURE_OPENAI_API_KEY": "4"})
    assert full.left_out == {}
    assert [route.tier for route in full.targets("sonnet", "anthropic")] == [1, 1, 1, 2]
