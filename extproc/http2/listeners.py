"""Sockets that are listened on: Unix and TCP, and TLS with mutual authentication.

A socket is bound at once and served later, so that an address that is taken is known at the start.
"""

import contextlib
import errno
import os
import socket
import ssl
import stat
from dataclasses import dataclass
from pathlib import Path

UNIX = "unix:"
BACKLOG = 4096

_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)

# A peer that vanished without a word holds streams, and with them reservations, until this is up.
# The last is for one that owes us acknowledgements: the kernel does not probe it, but repeats what
# it sent, for a quarter of an hour if nobody says otherwise.
_KEEP_ALIVE = {
    "TCP_KEEPIDLE": 30,
    "TCP_KEEPINTVL": 10,
    "TCP_KEEPCNT": 3,
    "TCP_USER_TIMEOUT": 60_000,
}

# Of TLS 1.2: forward secrecy and AEAD alone. RFC 9113 (section 9.2.2) prohibits the others.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


@dataclass(frozen=True, slots=True)
class Listener:
    """One bound socket. `path` and `inode` are those of a Unix socket."""

    socket: socket.socket
    tls: ssl.SSLContext | None = None
    path: Path | None = None
    inode: int = 0

    def remove(self) -> None:
        """Take a Unix socket's name away, unless it is another's by now."""
        if self.path is not None:
            with contextlib.suppress(OSError):
                if self.path.stat().st_ino == self.inode:
                    self.path.unlink()


def mutual_tls(chain: Path, key: Path, client_ca: Path) -> ssl.SSLContext:
    """A peer must show a certificate that `client_ca` signed, and must speak HTTP/2."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION  # RFC 9113, section 9.2
    context.set_ciphers(_CIPHERS)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(chain, key)
    context.load_verify_locations(client_ca)
    context.set_alpn_protocols(["h2"])
    return context


def bind(address: str, tls: ssl.SSLContext | None) -> tuple[str, list[Listener]]:
    """`unix:/path` or `host:port`; gives the address with the port that was chosen. A name may have
    several addresses, and then there are as many listeners."""
    if address.startswith(UNIX):
        return address, [_unix(Path(address.removeprefix(UNIX)))]
    host, _, port = address.rpartition(":")
    sockets = _tcp(host.strip("[]"), int(port))
    chosen = sockets[0].getsockname()[1]
    return f"{host}:{chosen}", [Listener(bound, tls) for bound in sockets]


def _unix(path: Path) -> Listener:
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.stat().st_mode):
            path.unlink()  # of one that died
    bound = socket.socket(socket.AF_UNIX)
    try:
        bound.bind(os.fspath(path))
        bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    return Listener(bound, path=path, inode=path.stat().st_ino)


def _tcp(host: str, port: int) -> list[socket.socket]:
    """One socket for each address of the host that this machine has; all of them or an error."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    addresses = list(dict.fromkeys((family, where) for family, _, _, _, where in found))
    sockets: list[socket.socket] = []
    absent: OSError | None = None
    for family, where in addresses:
        try:
            bound = _bound(family, (where[0], port, *where[2:]), alone=len(addresses) == 1)
        except OSError as error:
            if error.errno in _ABSENT:
                absent = error
                continue
            for bound in sockets:
                bound.close()
            raise
        sockets.append(bound)
        port = bound.getsockname()[1]
    if not sockets and absent is not None:
        raise absent
    return sockets


def _bound(family: int, where: tuple[str | int, ...], alone: bool) -> socket.socket:
    made = socket.socket(family)
    try:
        _prepare(made, alone)
        made.bind(where)
        made.listen(BACKLOG)
    except OSError:
        made.close()
        raise
    return made


def _prepare(bound: socket.socket, alone: bool) -> None:
    """What a listening socket hands down to its connections, and whether [::] is IPv4 too."""
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        option = getattr(socket, name, None)  # not on every system
        if option is not None:
            bound.setsockopt(socket.IPPROTO_TCP, option, value)
    if bound.family == socket.AF_INET6:
        bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not alone))
