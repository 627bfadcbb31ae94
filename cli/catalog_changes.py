"""A change of the catalog file by a command: judged by the loader that the gateway uses, written in
one step, and followed until the gateway has taken it over.

A wrong result is never written. What somebody else changed meanwhile is not overwritten.
"""

import os
import re
import stat
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from catalog import Catalog, parse
from cli.lock import holder
from cli.output import OperatorError
from cli.settings import Settings

LIVE_PATIENCE_S = 20.0  # Envoy needs milliseconds, the address of a new provider perhaps seconds
POLL_S = 0.1

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_BOM = "\ufeff"


def reference_in(credential: str) -> str | None:
    """The variable that a credential is a reference to, and nothing else; None: it is a literal."""
    found = _REFERENCE.fullmatch(credential)
    return found[1] if found else None


def change(
    path: Path, edit: Callable[[str], str], env: Mapping[str, str], unset: tuple[str, ...] = ()
) -> Catalog:
    """Edit the file and give the new catalog. Raises CatalogError and OperatorError; then the file
    is as it was. `unset` are variables that need not be set here: the gateway has them."""
    try:
        old = path.read_bytes()
        text = old.decode("utf-8")
    except OSError as error:
        raise OperatorError(f"Cannot read {path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise OperatorError(f"{path} is not UTF-8.") from None
    mark = _BOM if text.startswith(_BOM) else ""
    new = edit(text.removeprefix(_BOM))
    catalog = parse(new, {**dict.fromkeys(unset, "not-set-here"), **env})
    _replace(path.resolve(), old, (mark + new).encode("utf-8"))
    return catalog


def _replace(path: Path, old: bytes, new: bytes) -> None:
    """Beside it and over it, with the same owner and the same rights."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        was = path.stat()
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(new)
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), stat.S_IMODE(was.st_mode))
            if os.geteuid() == 0:
                os.fchown(file.fileno(), was.st_uid, was.st_gid)
        if path.read_bytes() != old:
            raise OperatorError(f"{path} was changed meanwhile: try again.")
        beside.replace(path)
    except OSError as error:
        raise OperatorError(f"Cannot write {path}: {error.strerror}.") from None
    finally:
        beside.unlink(missing_ok=True)


def live(settings: Settings, patience_s: float = LIVE_PATIENCE_S) -> bool | None:
    """Whether the gateway of the data directory has taken the file over; None: none runs there."""
    if holder(settings.places.lock) is None:
        return None
    wanted = settings.catalog.read_text("utf-8-sig")
    deadline = time.monotonic() + patience_s
    while True:
        try:
            if settings.places.accepted_catalog.read_text("utf-8") == wanted:
                return True
        except OSError:
            pass
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)


LIVE_WORDS = {
    True: "The gateway has taken it over.",
    None: "It counts from the gateway's next start.",
    False: "The gateway has not taken it over: its log says why. A variable that was set after its"
    " start is not known to it.",
}
