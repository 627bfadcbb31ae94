"""What a decoder says about an answer as it goes by. A whole JSON answer yields the same events
at once.

The union is closed: a consumer's `match` ends in `assert_never`. The vocabulary covers what a
gateway must know of an answer that it passes on unchanged (who, how much, how it ended).
"""

from dataclasses import dataclass

from translators.canonical.failure import Failure
from translators.canonical.finish import Finish
from translators.canonical.usage import Usage


@dataclass(frozen=True, slots=True)
class Begun:
    """The upstream named its answer; nothing is generated yet, another may still take over."""

    id: str | None
    model: str | None


@dataclass(frozen=True, slots=True)
class Generated:
    """Something of the answer itself was seen (text, reasoning, a tool call, an image)."""


@dataclass(frozen=True, slots=True)
class Metered:
    """Cumulative usage as far as the upstream has told; merge it over the earlier one."""

    usage: Usage


@dataclass(frozen=True, slots=True)
class Finished:
    """The upstream has said why it stopped. More usage may follow."""

    finish: Finish


@dataclass(frozen=True, slots=True)
class Failed:
    """The upstream reported an error inside the answer."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Ended:
    """The protocol's own terminal marker was seen: this stream is complete."""


@dataclass(frozen=True, slots=True)
class Truncated:
    """The bytes ended without the protocol's terminal marker."""


StreamEvent = Begun | Generated | Metered | Finished | Failed | Ended | Truncated
