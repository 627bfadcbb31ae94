"""Who asks, where that is shown anew with each request: what the data plane wants of credentials.

extproc/credentials/ makes it true. Nothing here waits: tokens are fetched ahead of time, and a
signature is some microseconds of arithmetic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Protocol as TypingProtocol

if TYPE_CHECKING:
    from catalog import Identity


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What a signature is made over, and what it is put into."""

    method: str
    path: str
    authority: str
    is_tls: bool
    headers: Mapping[str, str]
    body: bytes


class Vouching(TypingProtocol):
    """Who asks, as a header of each request. Nothing here waits: what it takes is kept ready."""

    def ready(self, identity: "Identity") -> bool:
        """Whether it can be shown now."""

    def headers(self, identity: "Identity", request: Outgoing) -> dict[str, str]: ...

    def doubt(self, account: str) -> None:
        """The upstream did not believe it."""
