"""What a portal is told at start. URLs may carry passwords, so they stay out of every repr."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

Network = IPv4Network | IPv6Network

# Envoy on the same machine. An Envoy elsewhere is declared with --trusted-proxy.
LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


def now_ms() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Settings:
    """`clock` gives Unix milliseconds; `trusted_proxies` are peers whose x-forwarded-for counts.
    `admin_token` and the hashes in the file `admin_tokens` open the management API."""

    catalog: Path
    redis_url: str = field(repr=False)
    sql_url: str = field(repr=False)
    trusted_proxies: tuple[Network, ...] = LOOPBACK
    admin_token: str | None = field(default=None, repr=False)
    admin_tokens: Path | None = None
    clock: Callable[[], int] = now_ms
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
