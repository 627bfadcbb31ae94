"""Envoy clusters from the catalog: one per provider, and one per account with an address of its
own.

The text is a DiscoveryResponse in JSON for Envoy's `path_config_source`, which reads JSON as the
YAML it is. It is a pure function of the catalog and sorted by name: Envoy compares each cluster
with the one it has, and only those that changed lose their connections. Rules:

- https: SNI, the certificate checked against the trust store and the host's name, ALPN h2 then
  http/1.1
- http: plain HTTP/1.1
- IP literals are static; names are resolved by DNS for as long as the cluster lives, IPv4 first
  because many containers have no IPv6 route
- circuit breakers never decide: limits are the gateway's, and Envoy's default of 1024 would answer
  503
- connections are kept alive by TCP, and by HTTP/2 pings, so that a dead peer is found while a model
  thinks

Field meanings: https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/cluster/v3/cluster.proto
"""

import json
import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from envoy_data_plane.envoy.config.cluster.v3 import (
    CircuitBreakers,
    CircuitBreakersThresholds,
    Cluster,
    ClusterCommonLbConfig,
    ClusterCustomClusterType,
    ClusterDiscoveryType,
    OutlierDetection,
    UpstreamConnectionOptions,
)
from envoy_data_plane.envoy.config.core.v3 import (
    Address as EnvoyAddress,
)
from envoy_data_plane.envoy.config.core.v3 import (
    DataSource,
    HealthCheck,
    HealthCheckHttpHealthCheck,
    Http1ProtocolOptions,
    Http2ProtocolOptions,
    HttpProtocolOptions,
    KeepaliveSettings,
    RoutingPriority,
    SocketAddress,
    TcpKeepalive,
    TransportSocket,
)
from envoy_data_plane.envoy.config.endpoint.v3 import (
    ClusterLoadAssignment,
    Endpoint,
    LbEndpoint,
    LocalityLbEndpoints,
)
from envoy_data_plane.envoy.extensions.clusters.common.dns.v3 import DnsLookupFamily
from envoy_data_plane.envoy.extensions.clusters.dns.v3 import DnsCluster, DnsClusterRefreshRate
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import (
    CertificateValidationContext,
    CommonTlsContext,
    SubjectAltNameMatcher,
    SubjectAltNameMatcherSanType,
    TlsParameters,
    TlsParametersTlsProtocol,
    UpstreamTlsContext,
)
from envoy_data_plane.envoy.extensions.upstreams.http.v3 import (
    HttpProtocolOptions as UpstreamHttpOptions,
)
from envoy_data_plane.envoy.extensions.upstreams.http.v3 import (
    HttpProtocolOptionsAutoHttpConfig,
    HttpProtocolOptionsExplicitHttpConfig,
)
from envoy_data_plane.envoy.service.discovery.v3 import DiscoveryResponse
from envoy_data_plane.envoy.type.matcher.v3 import StringMatcher
from envoy_data_plane.envoy.type.v3 import Int64Range, Percent
from envoy_data_plane.google.protobuf import Any as ProtobufAny

from catalog.address import Address
from catalog.catalog import Catalog
from catalog.limits import Limits
from catalog.providers import Provider, Tls
from catalog.upstream_health import MOST, Check, Health

CLUSTER_TYPE = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
HEADER_ROOM_BYTES = 64 * 1024  # beside the body, in the buffer of one connection
H2_STREAM_WINDOW_BYTES = (
    1024 * 1024
)  # per stream; the default of 16 MiB is what one slow reader could hold
H2_CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

# Where the systems that Envoy runs on keep their trusted authorities.
_TRUST_STORES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # macOS, Alpine
)


def render_clusters(catalog: Catalog, trust_store: str | None = None) -> str:
    """The CDS file's text. `trust_store`: PEM file as Envoy sees it; default: this machine's."""
    store = trust_store or system_trust_store()
    clusters = [
        _cluster(name, address, provider, catalog.limits, store)
        for name, address, provider in sorted(_addresses(catalog), key=lambda entry: entry[0])
    ]
    response = DiscoveryResponse(
        resources=[ProtobufAny.pack(cluster) for cluster in clusters], type_url=CLUSTER_TYPE
    )
    body: dict[str, Any] = response.to_dict()
    text = json.dumps(body, indent=1, sort_keys=True)
    # betterproto2 0.9 takes the x behind a digit for a new word.
    return text.replace('"enforcingConsecutive5Xx"', '"enforcingConsecutive5xx"') + "\n"


def system_trust_store() -> str:
    """The PEM file of trusted authorities of this machine; the usual place when none is found."""
    declared = ssl.get_default_verify_paths().cafile  # honours SSL_CERT_FILE
    candidates = ([declared] if declared else []) + list(_TRUST_STORES)
    return next((path for path in candidates if Path(path).is_file()), _TRUST_STORES[0])


def _addresses(catalog: Catalog) -> Iterator[tuple[str, Address, Provider]]:
    for provider in catalog.providers.values():
        yield provider.cluster, provider.address, provider
    for account in catalog.accounts.values():
        provider = catalog.providers[account.provider]
        if (own := account.own_address(provider)) is not None:
            yield account.cluster, own, provider


def _cluster(
    name: str, address: Address, provider: Provider, limits: Limits, trust_store: str
) -> Cluster:
    health = provider.health
    cluster = Cluster(
        name=name,
        connect_timeout=timedelta(milliseconds=limits.connect_timeout_ms),
        per_connection_buffer_limit_bytes=limits.max_body_bytes + HEADER_ROOM_BYTES,
        load_assignment=_assignment(name, address),
        circuit_breakers=_breakers(health),
        upstream_connection_options=UpstreamConnectionOptions(
            tcp_keepalive=TcpKeepalive(keepalive_probes=3, keepalive_time=60, keepalive_interval=10)
        ),
        typed_extension_protocol_options={
            _HTTP_OPTIONS: ProtobufAny.pack(_http_options(address, limits))
        },
    )
    if address.is_ip:
        cluster.type = ClusterDiscoveryType.STATIC
    else:
        cluster.cluster_type = _dns()
    if address.tls:
        cluster.transport_socket = _tls(address, provider.tls, trust_store)
    if health.eject_after:
        cluster.outlier_detection = _ejection(health.eject_after)
    if health.check is not None:
        cluster.health_checks = [_check(health.check, address)]
    if health.eject_after or health.check is not None:
        # There is one host: where it is out, "no healthy upstream" fails over at once.
        cluster.common_lb_config = ClusterCommonLbConfig(healthy_panic_threshold=Percent(value=0))
    return cluster


def _ejection(after: int) -> OutlierDetection:
    """By connections alone: what a host answers is one account's and one model's affair."""
    return OutlierDetection(
        split_external_local_origin_errors=True,
        consecutive_local_origin_failure=after,
        enforcing_consecutive_local_origin_failure=100,
        enforcing_local_origin_success_rate=0,
        enforcing_consecutive_5xx=0,
        enforcing_consecutive_gateway_failure=0,
        enforcing_success_rate=0,
        interval=timedelta(seconds=1),
        base_ejection_time=timedelta(seconds=2),
        max_ejection_time=timedelta(seconds=30),
        max_ejection_percent=100,
    )


def _check(check: Check, address: Address) -> HealthCheck:
    return HealthCheck(
        interval=timedelta(seconds=check.interval_s),
        timeout=timedelta(seconds=check.timeout_s),
        unhealthy_threshold=3,
        healthy_threshold=1,
        http_health_check=HealthCheckHttpHealthCheck(
            path=check.path,
            host=address.authority,
            expected_statuses=[Int64Range(start=200, end=500)],
        ),
    )


def _dns() -> ClusterCustomClusterType:
    """Re-resolved by TTL; new connections go to the current address, open ones stay."""
    dns = DnsCluster(
        all_addresses_in_single_endpoint=True,  # one logical host, whatever DNS rotates
        dns_lookup_family=DnsLookupFamily.V4_PREFERRED,
        respect_dns_ttl=True,
        dns_failure_refresh_rate=DnsClusterRefreshRate(
            base_interval=timedelta(seconds=1), max_interval=timedelta(seconds=10)
        ),
    )
    return ClusterCustomClusterType(name="envoy.clusters.dns", typed_config=ProtobufAny.pack(dns))


def _assignment(name: str, address: Address) -> ClusterLoadAssignment:
    socket = SocketAddress(address=address.host, port_value=address.port)
    endpoint = LbEndpoint(endpoint=Endpoint(address=EnvoyAddress(socket_address=socket)))
    return ClusterLoadAssignment(
        cluster_name=name, endpoints=[LocalityLbEndpoints(lb_endpoints=[endpoint])]
    )


def _breakers(health: Health) -> CircuitBreakers:
    return CircuitBreakers(
        thresholds=[
            CircuitBreakersThresholds(
                priority=priority,
                max_connections=health.max_connections,
                max_pending_requests=health.max_requests,
                max_requests=health.max_requests,
                max_retries=MOST,
            )
            for priority in (RoutingPriority.DEFAULT, RoutingPriority.HIGH)
        ]
    )


def _http_options(address: Address, limits: Limits) -> UpstreamHttpOptions:
    common = HttpProtocolOptions(idle_timeout=timedelta(milliseconds=limits.idle_connection_ms))
    http1 = Http1ProtocolOptions()
    if not address.tls:
        return UpstreamHttpOptions(
            common_http_protocol_options=common,
            explicit_http_config=HttpProtocolOptionsExplicitHttpConfig(http_protocol_options=http1),
        )
    http2 = Http2ProtocolOptions(
        initial_stream_window_size=H2_STREAM_WINDOW_BYTES,
        initial_connection_window_size=H2_CONNECTION_WINDOW_BYTES,
        connection_keepalive=KeepaliveSettings(
            interval=timedelta(seconds=30), timeout=timedelta(seconds=10)
        ),
    )
    return UpstreamHttpOptions(
        common_http_protocol_options=common,
        auto_config=HttpProtocolOptionsAutoHttpConfig(
            http_protocol_options=http1, http2_protocol_options=http2
        ),
    )


def _tls(address: Address, tls: Tls, trust_store: str) -> TransportSocket:
    by_name = tls.server_name is not None or not address.is_ip
    name = tls.server_name or address.host
    san = SubjectAltNameMatcher(
        san_type=(
            SubjectAltNameMatcherSanType.DNS if by_name else SubjectAltNameMatcherSanType.IP_ADDRESS
        ),
        matcher=StringMatcher(exact=name),
    )
    context = UpstreamTlsContext(
        sni=name if by_name else "",
        common_tls_context=CommonTlsContext(
            tls_params=TlsParameters(tls_minimum_protocol_version=TlsParametersTlsProtocol.TLSv1_2),
            alpn_protocols=["h2", "http/1.1"],
            validation_context=CertificateValidationContext(
                trusted_ca=DataSource(filename=tls.ca_file or trust_store),
                match_typed_subject_alt_names=[san],
            ),
        ),
    )
    return TransportSocket(
        name="envoy.transport_sockets.tls", typed_config=ProtobufAny.pack(context)
    )
