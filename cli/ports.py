"""TCP ports: whether one is free, and which one is.

Envoy binds with SO_REUSEPORT, so that two of them would share a port without a word, each answering
half of the requests. So it is asked here first, without that option.
"""

import errno
import socket

from cli.output import OperatorError


def problem(host: str, port: int) -> str | None:
    """Why nobody can listen there; None when it is free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return _reason(error)
    return None


def free(host: str) -> int:
    """A port that is free now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def require(host: str, ports: dict[str, int], other: str = "") -> None:
    """Raises OperatorError for those that are taken. Keys are the flags that choose them; 0 is
    none."""
    details = []
    for flag, port in ports.items():
        if port and (reason := problem(host, port)):
            details.append(f"{host}:{port}: {reason}; choose another with {flag}")
    if details:
        raise OperatorError("A port cannot be used.", [*details, *filter(None, [other])])


def _reason(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "taken by another process"
        case errno.EACCES:
            return "needs more rights (ports below 1024 belong to root)"
        case errno.EADDRNOTAVAIL:
            return "this machine has no such address"
        case _:
            return error.strerror or str(error)
