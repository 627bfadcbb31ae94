"""What a wire must be able to do: put a request into its envelope, take an answer out of its own.

The answer's side works on bytes: frames of a stream become the protocol's server-sent events, an
error in the cloud's shape becomes one in the protocol's. Whoever observes, translates or passes the
answer on sees the protocol alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple
from typing import Protocol as TypingProtocol

from translators.canonical.loss import Loss

if TYPE_CHECKING:
    from catalog import Wire


@dataclass(frozen=True, slots=True)
class Letter:
    """A request as it would go to the protocol's own server. `rest` follows the version."""

    surface: str
    model: str  # the upstream's name
    rest: str
    query: str
    body: bytes
    streamed: bool
    counts: bool  # only a number of tokens is wanted
    betas: str  # the header anthropic-beta


@dataclass(frozen=True, slots=True)
class Sealed:
    """The same request in its envelope. `path` follows the route's base, query included; `body`
    None: unchanged. `headers` are set, `removed` are not sent."""

    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    losses: tuple[Loss, ...] = ()


class Framing(TypingProtocol):
    """The frames of one stream. `feed` gives what they say as server-sent events, nothing when it
    needs more; `close` what is left to say at the end."""

    def feed(self, data: bytes) -> bytes: ...

    def close(self) -> bytes: ...


class ErrorAnswer(NamedTuple):
    """An error answer in the protocol's own shape."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """One wire. What is None is the protocol's own way."""

    seal: "Callable[[Wire, Letter], Sealed]"
    headers: Callable[[dict[str, str]], dict[str, str]] | None = None  # of the answer
    framing: Callable[[], Framing] | None = None
    # protocol, status, headers, body of an error answer
    refusal: Callable[[str, int, Mapping[str, str], bytes], ErrorAnswer] | None = None
    whole: Callable[[bytes], bytes] | None = None  # a whole answer

    @property
    def answers(self) -> bool:
        """Whether answers need anything done."""
        return self.headers is not None or self.refusal is not None
