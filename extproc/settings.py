"""How a worker is started: flags of `python -m extproc`."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

from extproc.server import MutualTls


@dataclass(frozen=True, slots=True)
class Settings:
    """Times in milliseconds and seconds as named. `listen` is `unix:/path` or `host:port`."""

    catalog: Path
    redis_url: str
    sql_url: str
    listen: tuple[str, ...]
    worker_id: str
    lease_ms: int
    grace_s: float
    tls: MutualTls | None
    metrics: str | None
    spool: Path | None


def parse(argv: list[str] | None = None) -> Settings:
    """Settings from the command line; exits with a message on wrong flags."""
    parser = argparse.ArgumentParser(prog="extproc", description="One ext_proc worker.")
    parser.add_argument("--catalog", type=Path, required=True)
    # A URL may hold a password, and arguments are for all to see: the environment is better.
    _add_url(parser, "--redis", "CLAVIS_REDIS_URL", "the hot store")
    _add_url(parser, "--sql", "CLAVIS_SQL_URL", "the record")
    parser.add_argument("--listen", action="append", required=True, help="unix:/path or host:port")
    parser.add_argument("--worker-id", required=True, help="unique among all workers, ever")
    parser.add_argument("--lease-ms", type=int, default=30_000)
    parser.add_argument("--grace-s", type=float, default=600, help="drain time on SIGTERM")
    parser.add_argument("--tls-chain", type=Path, help="PEM; with TCP: mutual TLS")
    parser.add_argument("--tls-key", type=Path)
    parser.add_argument("--tls-client-ca", type=Path)
    parser.add_argument("--metrics", help="host:port for Prometheus")
    parser.add_argument("--spool", type=Path, help="directory for settlements while Redis is away")
    args = parser.parse_args(argv)
    files = (args.tls_chain, args.tls_key, args.tls_client_ca)
    if any(files) and not all(files):
        parser.error("--tls-chain, --tls-key and --tls-client-ca come together")
    exposed = [a for a in args.listen if not a.startswith("unix:") and not _is_loopback(a)]
    if exposed and not all(files):
        parser.error("a listener beyond loopback needs mutual TLS: messages carry credentials")
    return Settings(
        catalog=args.catalog,
        redis_url=args.redis,
        sql_url=args.sql,
        listen=tuple(args.listen),
        worker_id=args.worker_id,
        lease_ms=args.lease_ms,
        grace_s=args.grace_s,
        tls=MutualTls(*files) if all(files) else None,
        metrics=args.metrics,
        spool=args.spool,
    )


def _add_url(parser: argparse.ArgumentParser, flag: str, variable: str, what: str) -> None:
    default = os.environ.get(variable)
    text = f"URL of {what}; default: ${variable}"
    parser.add_argument(flag, default=default, required=default is None, help=text)


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    return host in ("localhost", "::1") or host.startswith("127.")
