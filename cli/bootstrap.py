"""The effective Envoy configuration: envoy/envoy.yaml with this installation's places, limits and
domains.

`envoy/envoy.yaml` is the one source; this module sets only what differs from a container image:
ports, sockets, paths, limits, TLS secrets. Listeners, clusters, endpoints and secrets go into
files that Envoy watches, each replaced atomically, so that a domain, a provider or a worker comes
and goes without a restart.
"""

import os
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from catalog import Catalog
from catalog.clusters import render_clusters

# Tries beyond those that the catalog allows. Only a worker's failure uses them: a worker marks no
# answer for a retry after the last attempt that it may make. A worker that was killed fails all
# requests that it had, and some of these meet its socket a second time.
WORKER_RETRIES = 4

SOURCE = Path(__file__).resolve().parent.parent / "envoy" / "envoy.yaml"
Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Certificate:
    """One declared domain's certificate. Envoy reads both files again when they change."""

    name: str
    chain: Path
    key: Path


@dataclass(frozen=True, slots=True)
class WorkerTls:
    """Mutual TLS towards workers on TCP."""

    ca: Path
    chain: Path
    key: Path
    server_name: str


@dataclass(frozen=True, slots=True)
class EnvoySettings:
    """Where things are. Addresses are `unix:/path` or `host:port`. No port, no listener."""

    directory: Path  # of the rendered files
    workers: Sequence[str]
    portal: str
    admin: str
    bind: str = "127.0.0.1"
    http_port: int | None = 8080
    https_port: int | None = 8443
    certificates: Sequence[Certificate] = ()
    worker_tls: WorkerTls | None = None
    max_body_bytes: int = 32 * 1024 * 1024
    max_attempts: int = 3
    access_log: Path | None = None  # None: standard output


def render(settings: EnvoySettings, catalog: Catalog) -> dict[str, str]:
    """File name to text, for every file that Envoy reads."""
    tree = _source()
    listeners = _listeners(tree, settings)
    _limits(tree, listeners, settings)
    _places(tree, settings)
    return {
        "clusters.yaml": render_clusters(catalog),
        "endpoints.yaml": _dump(_endpoints(settings.workers)),
        # Envoy's file subscription takes one secret from one file.
        **{_secret_file(c): _resources([_secret(c)]) for c in settings.certificates},
        "listeners.yaml": _resources(
            {"@type": "type.googleapis.com/envoy.config.listener.v3.Listener", **listener}
            for listener in listeners
        ),
        "bootstrap.yaml": _dump(tree),
    }


def write(settings: EnvoySettings, catalog: Catalog) -> Path:
    """Replace the files that changed, the bootstrap last; returns the bootstrap's path."""
    settings.directory.mkdir(parents=True, exist_ok=True)
    for name, text in render(settings, catalog).items():
        replace(settings.directory / name, text)
    return settings.directory / "bootstrap.yaml"


def replace(path: Path, text: str) -> None:
    """Write beside and rename over: Envoy sees the old file or the new one, never half of it."""
    if path.exists() and path.read_text() == text:
        return
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(text)
    beside.replace(path)


def _source() -> Tree:
    """The commented bootstrap with its anchors resolved into separate copies."""
    tree: Tree = deepcopy(yaml.safe_load(SOURCE.read_text()))
    return _unshared(tree)  # type: ignore[no-any-return]


def _unshared(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _unshared(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_unshared(value) for value in node]
    return node


def _listeners(tree: Tree, settings: EnvoySettings) -> list[Tree]:
    ports = {"edge": settings.http_port, "edge_tls": settings.https_port}
    if not settings.certificates:
        ports["edge_tls"] = None
    listeners = []
    for listener in tree["static_resources"].pop("listeners"):
        name = listener["name"]
        if name in ports:
            if ports[name] is None:
                continue
            listener["address"]["socket_address"] = {
                "address": settings.bind,
                "port_value": ports[name],
            }
        if name == "edge_tls":
            _tls(listener, settings)
        listeners.append(listener)
    tree["dynamic_resources"]["lds_config"] = _watched(settings.directory / "listeners.yaml")
    return listeners


def _tls(listener: Tree, settings: EnvoySettings) -> None:
    context = listener["filter_chains"][0]["transport_socket"]["typed_config"]
    context["common_tls_context"]["tls_certificate_sds_secret_configs"] = [
        {"name": c.name, "sds_config": _watched(settings.directory / _secret_file(c))}
        for c in settings.certificates
    ]


def _limits(tree: Tree, listeners: list[Tree], settings: EnvoySettings) -> None:
    for holder in [*listeners, *tree["static_resources"]["clusters"]]:
        if "per_connection_buffer_limit_bytes" in holder:
            holder["per_connection_buffer_limit_bytes"] = settings.max_body_bytes
    for listener in listeners:
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        for route in manager["route_config"]["virtual_hosts"][0]["routes"]:
            if policy := route["route"].get("retry_policy"):
                policy["num_retries"] = settings.max_attempts - 1 + WORKER_RETRIES
        if settings.access_log is not None and "access_log" in manager:
            log = manager["access_log"][0]
            log["name"] = "envoy.access_loggers.file"
            log["typed_config"]["@type"] = (
                "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
            )
            log["typed_config"]["path"] = str(settings.access_log)


def _places(tree: Tree, settings: EnvoySettings) -> None:
    tree["admin"]["address"] = _address(settings.admin, mode=True)
    tree["dynamic_resources"]["cds_config"] = _watched(settings.directory / "clusters.yaml")
    for cluster in tree["static_resources"]["clusters"]:
        if cluster["name"] == "extproc":
            cluster["eds_cluster_config"]["eds_config"] = _watched(
                settings.directory / "endpoints.yaml"
            )
            if settings.worker_tls is not None:
                cluster["transport_socket"] = _client_tls(settings.worker_tls)
        if cluster["name"] == "portal":
            cluster["load_assignment"] = _assignment("portal", [settings.portal])


def _endpoints(workers: Sequence[str]) -> Tree:
    kind = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
    return {"resources": [{"@type": kind, **_assignment("extproc", workers)}]}


def _assignment(cluster: str, addresses: Sequence[str]) -> Tree:
    endpoints = [{"endpoint": {"address": _address(address)}} for address in addresses]
    return {"cluster_name": cluster, "endpoints": [{"lb_endpoints": endpoints}]}


def _address(text: str, mode: bool = False) -> Tree:
    if text.startswith("unix:"):
        pipe: Tree = {"path": text.removeprefix("unix:")}
        if mode:
            pipe["mode"] = 0o600
        return {"pipe": pipe}
    host, _, port = text.rpartition(":")
    return {"socket_address": {"address": host.strip("[]"), "port_value": int(port)}}


def _watched(path: Path) -> Tree:
    return {
        "path_config_source": {
            "path": str(path),
            "watched_directory": {"path": str(path.parent)},
        },
        "resource_api_version": "V3",
    }


def _secret_file(certificate: Certificate) -> str:
    return f"secret-{certificate.name.replace('*', '_')}.yaml"


def _secret(certificate: Certificate) -> Tree:
    return {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        "name": certificate.name,
        "tls_certificate": {
            "certificate_chain": {"filename": str(certificate.chain)},
            "private_key": {"filename": str(certificate.key)},
            "watched_directory": {"path": str(certificate.chain.parent)},
        },
    }


def _client_tls(tls: WorkerTls) -> Tree:
    base = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3"
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{base}.UpstreamTlsContext",
            "sni": tls.server_name,
            "common_tls_context": {
                "alpn_protocols": ["h2"],
                "tls_certificates": [
                    {
                        "certificate_chain": {"filename": str(tls.chain)},
                        "private_key": {"filename": str(tls.key)},
                    }
                ],
                "validation_context": {
                    "trusted_ca": {"filename": str(tls.ca)},
                    "match_typed_subject_alt_names": [
                        {"san_type": "DNS", "matcher": {"exact": tls.server_name}}
                    ],
                },
            },
        },
    }


def _resources(items: Iterable[Tree]) -> str:
    return _dump({"resources": list(items)})


def _dump(tree: Tree) -> str:
    return yaml.safe_dump(tree, sort_keys=False, width=100)
