"""Identifiers: unique in the process, and across processes by a run tag, in each provider's
look."""

import itertools
import secrets

_RUN = secrets.token_hex(6)
_count = itertools.count(1)


def new_id(prefix: str) -> str:
    """`prefix` + 24 hexadecimal characters, never the same twice."""
    return f"{prefix}{_RUN}{next(_count):012x}"
