"""The compose file, the image and the program agree on places, ports, variables and probes."""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog import parse
from catalog.presets import presets
from cli import probe
from cli.bootstrap import SOURCE
from cli.settings import Places, Settings
from tests.compose.composition import FILE, composed, composition, environment
from tests.test_house import ROOMS, ROOT, tracked

DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
IGNORED = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
SERVICES = composition().services
OURS = sorted(name for name in SERVICES if name not in ("redis", "postgres"))
CATALOG_READERS = ("publisher", "extproc", "portal", "demo")
PROVIDER_KEYS = {"ANTHROPIC": "anthropic", "OPENAI": "openai", "GEMINI": "google"}


def image_environment() -> dict[str, str]:
    """What the image's ENV says."""
    joined = DOCKERFILE.replace("\\\n", " ")
    [said] = re.findall(r"^ENV (.+)$", joined, re.MULTILINE)
    return dict(word.split("=", 1) for word in said.split())


def settings_of(name: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a service, by the image's and its own variables."""
    for variable, value in {**image_environment(), **environment(SERVICES[name])}.items():
        if variable.startswith("CLAVIS_"):
            monkeypatch.setenv(variable, value)
    return Settings.read()


def seconds(text: str) -> float:
    assert text.endswith("s")
    return float(text.removesuffix("s"))


def test_images_are_pinned_and_the_image_is_built_from_what_the_file_says() -> None:
    for name in ("redis", "postgres"):
        assert re.search(r":\d+(\.\d+)*-\w+$", SERVICES[name]["image"]), name
    base = SERVICES["publisher"]["build"]["args"]["BASE_IMAGE"]
    assert f"ARG BASE_IMAGE={base}\n" in DOCKERFILE
    assert re.search(r":3\.\d+-", base)


def test_one_image_serves_all_parts_and_is_built_once() -> None:
    assert len({SERVICES[name]["image"] for name in OURS}) == 1
    assert [name for name in SERVICES if "build" in SERVICES[name]] == ["publisher"]


def test_there_is_one_envoy_configuration_and_the_image_has_it() -> None:
    assert SOURCE == ROOT / "envoy" / "envoy.yaml"
    bootstraps = [p for p in tracked(".yaml", ".yml") if "static_resources:" in p.read_text()]
    assert bootstraps == [SOURCE]
    assert "!envoy" in IGNORED
    targets = [
        volume.split(":")[1] for name in OURS for volume in SERVICES[name].get("volumes", ())
    ]
    assert not [target for target in targets if target.startswith("/app")]


def test_the_images_places_are_those_of_the_envoy_file() -> None:
    said = image_environment()
    places = Places(Path(said["CLAVIS_DATA_DIR"]), Path(said["CLAVIS_RUN_DIR"]))
    tree: Any = yaml.safe_load(SOURCE.read_text("utf-8"))
    assert tree["admin"]["address"]["pipe"]["path"] == str(places.admin)
    watched = tree["dynamic_resources"]["cds_config"]["path_config_source"]["path"]
    assert watched == str(places.envoy / "clusters.yaml")
    [portal] = [c for c in tree["static_resources"]["clusters"] if c["name"] == "portal"]
    assert str(places.portal) in str(portal)
    ports = re.findall(r"port_value: (\d+)", SOURCE.read_text("utf-8"))
    assert f"EXPOSE {' '.join(ports)}\n" in DOCKERFILE


def test_the_listeners_are_where_the_ports_are_published(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of("publisher", monkeypatch)
    inside = [port.rsplit(":", 1)[1] for port in SERVICES["envoy"]["ports"]]
    assert inside == [str(settings.http_port), str(settings.https_port)]
    assert settings.bind == "0.0.0.0"


@pytest.mark.parametrize("name", OURS)
def test_a_services_variables_are_settings_that_are_understood(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(name, monkeypatch)
    assert settings.workers >= 1
    if "CLAVIS_SQL_URL" in environment(SERVICES[name]):
        assert settings.sql.startswith("postgresql://")
        assert not settings.embedded_redis


def test_whoever_reads_the_catalog_has_the_same_variables() -> None:
    names = {f"{p}_API_KEY" for p in PROVIDER_KEYS} | {f"CLAVIS_{p}_URL" for p in PROVIDER_KEYS}
    publisher = environment(SERVICES["publisher"])
    catalog = {name: publisher[name] for name in names}
    for name in CATALOG_READERS:
        assert catalog.items() <= environment(SERVICES[name]).items(), name
        assert SERVICES[name]["env_file"] == SERVICES["publisher"]["env_file"], name
    assert "env_file" not in SERVICES["envoy"], "Envoy knows no credentials"


@pytest.mark.parametrize("provider", PROVIDER_KEYS)
def test_a_providers_key_makes_it_the_real_provider(provider: str) -> None:
    """Without one every address of the demo's catalog is the simulator's service."""
    text = (ROOT / "catalog" / "demo.yaml").read_text("utf-8")
    preset = PROVIDER_KEYS[provider]
    simulated = parse(text, environment(SERVICES["publisher"])).providers[preset]
    assert simulated.base_url == "http://simulator:8080"
    given = composed({f"{provider}_API_KEY": "a-key"}).services["publisher"]
    assert parse(text, environment(given)).providers[preset].base_url == presets()[preset].base_url


@pytest.mark.parametrize("name", [n for n in OURS if "healthcheck" in SERVICES[n]])
def test_a_probe_is_understood_and_asks_at_the_right_place(name: str) -> None:
    _, *words = SERVICES[name]["healthcheck"]["test"]
    assert words[:3] == ["python", "-m", "cli.probe"]
    inspect.signature(probe.PROBES[words[3]]).bind(*words[4:])
    said = image_environment()
    places = Places(Path(said["CLAVIS_DATA_DIR"]), Path(said["CLAVIS_RUN_DIR"]))
    expected = {
        "publisher": str(places.data),
        "extproc": str(places.run),
        "portal": str(places.portal),
        "envoy": str(places.admin),
        "simulator": "127.0.0.1:8080",
    }
    assert words[4] == expected[name]


def test_volumes_are_declared_and_the_state_is_written_by_its_owner_alone() -> None:
    used: dict[str, set[str]] = {}
    for name, service in SERVICES.items():
        for volume in service.get("volumes", ()):
            source, _, options = volume.partition(":")
            if "/" not in source:
                used.setdefault(source, set()).update({name} if ":ro" not in options else set())
    assert set(used) == set(composition().volumes)
    assert used["state"] == {"publisher", "demo"}
    assert used["passwords"] == {"publisher"}


def test_networks_are_declared_and_only_what_needs_the_world_reaches_it() -> None:
    outside = {name for name, s in SERVICES.items() if "outside" in s["networks"]}
    assert outside == {"publisher", "envoy", "simulator"}
    assert {n for s in SERVICES.values() for n in s["networks"]} == set(composition().networks)


@pytest.mark.parametrize("name", ["envoy", "extproc"])
def test_a_container_is_given_longer_to_stop_than_its_requests_to_finish(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drain_s = settings_of(name, monkeypatch).drain_timeout_s
    assert seconds(SERVICES[name]["stop_grace_period"]) >= drain_s + 10


def test_no_password_travels_in_a_variable() -> None:
    for name, service in SERVICES.items():
        for variable, value in environment(service).items():
            assert not re.search(r"://[^/@]*:[^/@]*@", value), (name, variable)
            if "PASSWORD" in variable or "PASSFILE" in variable:
                assert value.startswith("/run/clavis-passwords/"), (name, variable)


def test_the_build_gets_the_rooms_and_nothing_that_lies_about() -> None:
    assert next(line for line in IGNORED if line and not line.startswith("#")) == "*"
    let_in = {line[1:] for line in IGNORED if line.startswith("!")}
    assert {room for room in ROOMS if room != "bench"} <= let_in
    assert {"pyproject.toml", "constraints.txt", "deploy"} <= let_in
    assert not let_in & {".git", ".venv", ".env", "tests", "node_modules"}
    assert all((ROOT / name).exists() for name in let_in)


def test_every_variable_of_a_user_has_its_row() -> None:
    page = (ROOT / "docs" / "containers.md").read_text("utf-8")
    rows = re.findall(r"^\| (`[^|]+) \|", page, re.MULTILINE)
    explained = {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row)}
    assert composition().variables == explained


def test_the_file_has_no_form_that_older_engines_refuse() -> None:
    """`start_interval` makes podman before 4.5 refuse the whole file; `version` is a warning."""
    text = FILE.read_text("utf-8")
    assert "start_interval" not in text
    assert "version" not in yaml.safe_load(text)
