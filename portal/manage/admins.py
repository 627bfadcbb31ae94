"""Who may manage: tokens from the environment and from a file of hashes.

A file has one token on a line, `name sha256`, the hash in hexadecimal; what follows `#` is a
remark. It is read again when it changes, so that a token ends without a restart. A presented token
is hashed and compared with every hash there is, each in constant time, so that neither a match's
place nor a near miss can be told from how long the answer took. A token is never kept, shown or
logged; its name is, with everything that it did.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from pathlib import Path

import structlog

LEAST_LENGTH = 16  # characters of CLAVIS_ADMIN_TOKEN; a shorter one is guessed
MAX_FILE_BYTES = 1024 * 1024
ENVIRONMENT = "admin"  # the name of the environment's token

_LINE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._@-]{0,63})\s+([0-9a-fA-F]{64})")

log = structlog.get_logger("portal")


class Admins:
    """The tokens that are accepted now."""

    def __init__(self, token: str | None, path: Path | None) -> None:
        self._own: dict[str, bytes] = {}
        if token is not None and len(token) < LEAST_LENGTH:
            log.error("admin_token_too_short", least=LEAST_LENGTH)  # and so not accepted
        elif token is not None:
            self._own[ENVIRONMENT] = hash_of(token)
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._listed: dict[str, bytes] = {}

    @property
    def configured(self) -> bool:
        """Whether anybody could manage."""
        return bool(self._own or self._read())

    def name_of(self, token: str) -> str | None:
        """Whose token this is; None: nobody's."""
        presented = hash_of(token)
        found: str | None = None
        for name, expected in (*self._read().items(), *self._own.items()):
            if hmac.compare_digest(presented, expected):
                found = name
        return found

    def _read(self) -> Mapping[str, bytes]:
        if self._path is None:
            return self._listed
        try:
            state = self._path.stat()
            stamp = (state.st_mtime_ns, state.st_size)
            if stamp != self._stamp:
                self._listed = _parsed(self._path.read_bytes()[:MAX_FILE_BYTES])
                self._stamp = stamp
        except OSError as error:
            if self._stamp is not None or not self._listed:
                log.error("admin_tokens_unreadable", why=type(error).__name__)
            self._listed, self._stamp = {}, None  # a file that was removed opens nothing
        return self._listed


def hash_of(token: str) -> bytes:
    """SHA-256; a slow hash would add nothing to a token that is random."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _parsed(data: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        text = line.partition("#")[0].strip()
        match = _LINE.fullmatch(text)
        if match is not None:
            found[match[1]] = bytes.fromhex(match[2])
        elif text:
            log.error("admin_tokens_wrong_line", line=number)  # its text may be a token
    return found
