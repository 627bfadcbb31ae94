"""The protocol's own way, but for flags that the provider does not know."""

from typing import TYPE_CHECKING

from extproc.wires import betas
from extproc.wires.envelope import Envelope, Letter, Sealed

if TYPE_CHECKING:
    from catalog import Wire


def _seal(wire: "Wire", letter: Letter) -> Sealed:
    flags, losses = betas.kept(letter.betas, wire.betas)
    headers, removed = betas.as_header(flags)
    query = f"?{letter.query}" if letter.query else ""
    return Sealed(letter.rest + query, headers=headers, removed=removed, losses=losses)


ENVELOPE = Envelope(_seal)
