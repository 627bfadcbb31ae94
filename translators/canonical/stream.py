"""What is said of an answer as it goes by.

Two kinds of reader say it. An observer, on the way where bytes pass unchanged, tells who answers,
how much and how it ended, and `Generated` once something of the answer was seen. A decoder, on the
way where the answer is translated, tells every part: begun, its text in pieces, ended, or whole
at once.

The union is closed: a consumer's `match` ends in `assert_never`.

Rules of a decoder's stream (translators/ordering.py checks them):
- Begun comes first, at most once; a terminal event (Ended, Failed, Truncated) comes last, exactly
  once.
- A key names a part and is never used again. Parts may be open side by side; a delta, a citation
  and an end belong to an open part. Every part is ended before Ended.
- Metered figures are cumulative. Finished comes at most once, Metered may follow it.
"""

from dataclasses import dataclass

from translators.canonical.failure import Failure
from translators.canonical.finish import Finish
from translators.canonical.parts import Citation, Part, Reasoning, Refusal, Text, ToolCall
from translators.canonical.sealed import Sealed
from translators.canonical.usage import Usage

Streamed = Text | Reasoning | ToolCall | Refusal


@dataclass(frozen=True, slots=True)
class Begun:
    """The upstream named its answer; nothing is generated yet, another may still take over."""

    id: str | None
    model: str | None


@dataclass(frozen=True, slots=True)
class Generated:
    """An observer saw something of the answer itself (text, reasoning, a tool call, an image)."""


@dataclass(frozen=True, slots=True)
class PartBegun:
    """A part whose text comes in pieces. `part` has an empty text (or arguments) and no seal."""

    key: int
    part: Streamed


@dataclass(frozen=True, slots=True)
class PartDelta:
    """The next piece of an open part's text, or of a call's arguments."""

    key: int
    text: str


@dataclass(frozen=True, slots=True)
class PartCited:
    """A source of what an open text part has said."""

    key: int
    citation: Citation


@dataclass(frozen=True, slots=True)
class PartEnded:
    """The part is complete; `sealed` is its signature, if it has one."""

    key: int
    sealed: Sealed | None = None


@dataclass(frozen=True, slots=True)
class PartWhole:
    """A part that comes at once: an image, a search, redacted reasoning, an opaque part."""

    key: int
    part: Part


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


StreamEvent = (
    Begun
    | Generated
    | PartBegun
    | PartDelta
    | PartCited
    | PartEnded
    | PartWhole
    | Metered
    | Finished
    | Failed
    | Ended
    | Truncated
)
