"""What a check says, and of whom."""

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from catalog import Catalog, CatalogError, load
from cli import lock
from cli.settings import Settings

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check saw, and what to do when it is not well."""

    part: str
    level: Level
    seen: str
    advice: str = ""


class Patient:
    """The gateway that is looked at. `pid` is its supervisor's; None when it does not run."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.pid = lock.holder(settings.places.lock)
        self.catalog: Catalog | None = None
        self.problems: list[str] = []
        try:
            self.catalog = load(settings.catalog, os.environ)
        except CatalogError as error:
            self.problems = error.problems

    @property
    def runs(self) -> bool:
        return self.pid is not None


Check = Callable[[Patient], Awaitable[Sequence[Finding]]]
