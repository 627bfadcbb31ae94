"""Hot reload: the latest right catalog of a file that somebody edits.

The file's directory is watched, not the file, because editors and deployments replace it: an atomic
rename, a Kubernetes volume whose `..data` symlink is swapped, a file that is gone for a moment.
Rules:

- events only say "look"; what counts is the content, compared by digest, so that a touch changes
  nothing
- a look also happens every second without an event, for files behind symlinks and on network mounts
- a wrong catalog is reported once per content and the old one stays
- callbacks run in the loop, one at a time; loading (milliseconds) runs in a thread
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from watchfiles import awatch

from catalog.catalog import Catalog
from catalog.loading import load
from catalog.problems import CatalogError

LOOK_EVERY_MS = 1_000
SETTLE_MS = 100  # events closer together than this are one look


class CatalogFile:
    """A catalog file and the catalog that was last read from it without a problem."""

    def __init__(self, path: Path, env: Mapping[str, str]) -> None:
        """Loads the file; raises CatalogError when it is wrong from the start."""
        self._path = path
        self._env = dict(env)
        self._seen = _digest(path)
        self.current: Catalog = load(path, self._env)

    async def watch(
        self,
        on_change: Callable[[Catalog], None],
        on_error: Callable[[CatalogError], None],
        stop: asyncio.Event,
    ) -> None:
        """Follow the file until `stop` is set. `current` is already new when `on_change` is
        called."""
        await self._look(on_change, on_error)  # it may have changed before the watch began
        async for _ in awatch(
            self._path.absolute().parent,
            watch_filter=None,
            recursive=False,
            debounce=SETTLE_MS,
            step=SETTLE_MS // 2,
            rust_timeout=LOOK_EVERY_MS,
            yield_on_timeout=True,
            stop_event=stop,
        ):
            await self._look(on_change, on_error)

    async def _look(
        self, on_change: Callable[[Catalog], None], on_error: Callable[[CatalogError], None]
    ) -> None:
        digest = await asyncio.to_thread(_digest, self._path)
        if digest == self._seen:
            return
        self._seen = digest
        try:
            catalog = await asyncio.to_thread(load, self._path, self._env)
        except CatalogError as error:
            on_error(error)
            return
        self.current = catalog
        on_change(catalog)


def _digest(path: Path) -> bytes | None:
    """What the file contains now; None when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return None
