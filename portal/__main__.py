"""python -m portal --catalog FILE --redis URL --sql URL [--uds PATH | --host HOST --port N]

Every option may come from the environment instead, where a URL with a password is not shown to
everybody who lists processes: CLAVIS_CATALOG, CLAVIS_REDIS_URL, CLAVIS_SQL_URL,
CLAVIS_TRUSTED_PROXIES and CLAVIS_ADMIN_TOKENS. A token itself comes from the environment alone:
CLAVIS_ADMIN_TOKEN.
"""

import argparse
import os
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path

from portal import logs
from portal.app import create_app
from portal.server import bind_tcp, bound_unix, run
from portal.settings import LOOPBACK, Network, Settings


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the portal until SIGTERM."""
    options = _parser().parse_args(arguments)
    logs.configure()
    app = create_app(
        Settings(
            catalog=options.catalog,
            redis_url=options.redis,
            sql_url=options.sql,
            trusted_proxies=(*LOOPBACK, *options.trusted_proxies),
            admin_token=os.environ.get("CLAVIS_ADMIN_TOKEN") or None,
            admin_tokens=options.admin_tokens,
        )
    )
    if options.uds is not None:
        with bound_unix(options.uds) as listener:
            run(app, listener)
    else:
        with bind_tcp(options.host, options.port) as listener:
            run(app, listener)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m portal", allow_abbrev=False)
    _add(parser, "--catalog", "CLAVIS_CATALOG", Path, "the catalog file")
    _add(parser, "--redis", "CLAVIS_REDIS_URL", str, "redis://, rediss:// or unix://")
    _add(parser, "--sql", "CLAVIS_SQL_URL", str, "sqlite:///FILE or postgresql://")
    parser.add_argument("--uds", type=Path, metavar="PATH", help="listen on a Unix socket")
    parser.add_argument("--host", default="127.0.0.1", help="listen here (default %(default)s)")
    parser.add_argument("--port", type=int, default=8081, help="default %(default)s; 0: free")
    parser.add_argument(
        "--trusted-proxies",
        type=_networks,
        default=os.environ.get("CLAVIS_TRUSTED_PROXIES", ""),
        metavar="CIDR,…",
        help="networks of Envoys whose x-forwarded-for counts, beside this machine",
    )
    parser.add_argument(
        "--admin-tokens",
        type=Path,
        default=os.environ.get("CLAVIS_ADMIN_TOKENS") or None,
        metavar="FILE",
        help="hashes of tokens that open the management API (CLAVIS_ADMIN_TOKENS)",
    )
    return parser


def _add(
    parser: argparse.ArgumentParser, option: str, variable: str, kind: type, what: str
) -> None:
    default = os.environ.get(variable)
    parser.add_argument(
        option, type=kind, default=default, required=default is None, help=f"{what} ({variable})"
    )


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


if __name__ == "__main__":
    main()
