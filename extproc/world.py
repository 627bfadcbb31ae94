"""What an exchange may look at: one immutable snapshot, replaced when the catalog reloads, and the
view of the accounts that rest, which is as new as the news."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from extproc.vouching import Vouching
from ledger.cooldowns import Cooldowns
from translators.protocol import Protocol

if TYPE_CHECKING:
    from catalog import Catalog


@dataclass(frozen=True, slots=True)
class World:
    """`lease_ms` is how long a hold outlives the last sign of life of its worker; `max_body_bytes`
    never exceeds what this worker's server was started with."""

    catalog: "Catalog"
    protocols: Mapping[str, Protocol]
    worker_id: str
    lease_ms: int = 30_000
    max_body_bytes: int = 32 * 1024 * 1024
    cooldowns: Cooldowns = field(default_factory=Cooldowns)
    vouching: Vouching | None = None  # None: the catalog has only fixed key headers

    @property
    def key_prefixes(self) -> tuple[str, ...]:
        return self.catalog.key_prefixes

    def protocol(self, name: str) -> Protocol:
        return self.protocols[name]
