"""All rendered files as one, for Envoy to judge.

`envoy --mode validate` reads the bootstrap and nothing that it watches: a listener or a provider
cluster could be nonsense, a certificate not its key's, and it would say OK. Here everything that
lies in watched files is put back into the bootstrap, so that Envoy builds all of it.
"""

from collections.abc import Mapping
from typing import Any

import yaml

Tree = dict[str, Any]

BOOTSTRAP, LISTENERS = "bootstrap.yaml", "listeners.yaml"
CLUSTERS, ENDPOINTS = "clusters.yaml", "endpoints.yaml"


def inlined(files: Mapping[str, str]) -> str:
    """`files` as `cli.bootstrap.render` gives them: name to text."""
    tree: Tree = yaml.safe_load(files[BOOTSTRAP])
    tree.pop("dynamic_resources")
    static = tree["static_resources"]
    static["listeners"] = [_with_static_secrets(one) for one in _resources(files[LISTENERS])]
    static["clusters"] = [
        _with_endpoints(cluster, files[ENDPOINTS]) for cluster in static["clusters"]
    ] + _resources(files[CLUSTERS])
    static["secrets"] = [
        secret
        for name in sorted(files)
        if name not in (BOOTSTRAP, LISTENERS, CLUSTERS, ENDPOINTS)
        for secret in _resources(files[name])
    ]
    return yaml.safe_dump(tree, sort_keys=False)


def _resources(text: str) -> list[Tree]:
    """A watched file's resources as they stand in a bootstrap: without the type's name."""
    loaded = yaml.safe_load(text)
    return [
        {key: value for key, value in resource.items() if key != "@type"}
        for resource in loaded["resources"]
    ]


def _with_endpoints(cluster: Tree, endpoints: str) -> Tree:
    if cluster.get("type") != "EDS":
        return cluster
    [assignment] = _resources(endpoints)
    kept = {key: value for key, value in cluster.items() if key != "eds_cluster_config"}
    return {**kept, "type": "STATIC", "load_assignment": assignment}


def _with_static_secrets(listener: Tree) -> Tree:
    for chain in listener["filter_chains"]:
        if "transport_socket" in chain:
            context = chain["transport_socket"]["typed_config"]["common_tls_context"]
            for reference in context["tls_certificate_sds_secret_configs"]:
                reference.pop("sds_config")
    return listener
