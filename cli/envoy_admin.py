"""Envoy's admin interface over its Unix socket: only what running the gateway needs."""

import re
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

TIMEOUT_S = 5.0


class EnvoyAdmin:
    """Raises httpx.HTTPError when Envoy does not answer."""

    def __init__(self, socket: Path) -> None:
        transport = httpx.AsyncHTTPTransport(uds=str(socket))
        self._client = httpx.AsyncClient(
            transport=transport, base_url="http://envoy", timeout=TIMEOUT_S, trust_env=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def ready(self) -> bool:
        return (await self._client.get("/ready")).status_code == 200

    async def listening(self) -> bool:
        """Whether every listener of the watched file is there, on every thread."""
        stats = await self._stats(r"^listener_manager\.(workers_started|total_listeners_warming)$")
        updates = await self.updates()
        return (
            stats.get("listener_manager.workers_started") == 1
            and stats.get("listener_manager.total_listeners_warming") == 0
            and updates.get("listener_manager.lds.update_success", 0) > 0
        )

    async def ports(self) -> set[int]:
        """TCP ports of the listeners."""
        answer = await self._client.get("/listeners?format=json")
        answer.raise_for_status()
        addresses = [
            status.get("local_address", {}).get("socket_address", {})
            for status in answer.json().get("listener_statuses", [])
        ]
        return {address["port_value"] for address in addresses if "port_value" in address}

    async def begin_drain(self) -> None:
        """Fail health checks, say `connection: close` on every answer, accept nobody new."""
        for path in ("/healthcheck/fail", "/drain_listeners?graceful", "/drain_listeners"):
            (await self._client.post(path)).raise_for_status()

    async def active_requests(self) -> int:
        """Requests in flight at the edge."""
        names = "http.edge.downstream_rq_active"
        return sum((await self._stats(f"^{names}$")).values())

    async def upstream_active(self, clusters: Collection[str]) -> int:
        """Requests in flight in these clusters."""
        names = "|".join(re.escape(name) for name in clusters)
        stats = await self._stats(rf"^cluster\.({names})\.upstream_rq_(active|pending_active)$")
        return sum(stats.values())

    async def clusters(self) -> set[str]:
        """Names of the clusters that are in use."""
        answer = await self._client.get("/clusters?format=json")
        answer.raise_for_status()
        return {status["name"] for status in answer.json().get("cluster_statuses", [])}

    async def updates(self) -> dict[str, int]:
        """Counters of configuration: `...update_success`, `...update_rejected`."""
        return await self._stats(r"^(cluster_manager\.cds|listener_manager\.lds)\.update_")

    async def version(self) -> str:
        answer = await self._client.get("/server_info")
        answer.raise_for_status()
        return str(answer.json()["version"])

    async def _stats(self, pattern: str) -> dict[str, int]:
        answer = await self._client.get("/stats", params={"filter": pattern, "format": "json"})
        answer.raise_for_status()
        stats = answer.json().get("stats", [])
        return {stat["name"]: stat["value"] for stat in stats if "value" in stat}
