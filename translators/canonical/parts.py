"""The parts that turns and answers are made of. The union is closed: a consumer's `match` ends in
`assert_never`.

Sources of bytes stay base64 text as they came: nothing is decoded only to be encoded again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from translators.canonical.sealed import Sealed


@dataclass(frozen=True, slots=True)
class CacheMark:
    """The caller wants the prompt cached up to and including this part. `ttl`: "5m", "1h"."""

    ttl: str | None = None


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a statement comes from. `start` and `end` are offsets in the text that cites, in
    characters; `quoted` is the source's own text; `native` the issuer's object, for its issuer."""

    url: str | None = None
    title: str | None = None
    quoted: str | None = None
    start: int | None = None
    end: int | None = None
    issuer: str | None = None
    native: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """Visible text. `sealed`: some models sign their text."""

    text: str
    citations: tuple[Citation, ...] = ()
    sealed: Sealed | None = None
    cache: CacheMark | None = None


class MediaKind(StrEnum):
    IMAGE = "image"
    DOCUMENT = "document"
    AUDIO = "audio"
    VIDEO = "video"


@dataclass(frozen=True, slots=True)
class Inline:
    """Bytes as standard base64 text."""

    base64: str


@dataclass(frozen=True, slots=True)
class Located:
    """Something at an address that the upstream fetches."""

    url: str


@dataclass(frozen=True, slots=True)
class Filed:
    """A file that the issuer's account stores."""

    issuer: str
    id: str


@dataclass(frozen=True, slots=True)
class Plain:
    """A document that is text."""

    text: str


Source = Inline | Located | Filed | Plain


@dataclass(frozen=True, slots=True)
class Media:
    """An image, a document, a sound, a film.

    `media_type` is as declared (translators/media.py can look at the bytes); `detail` one of low,
    high, auto, original; `title` and `context` describe a document to the model."""

    kind: MediaKind
    source: Source
    media_type: str | None = None
    name: str | None = None  # a file name
    detail: str | None = None
    title: str | None = None
    context: str | None = None
    cited: bool = False  # the caller wants citations of this document
    sealed: Sealed | None = None
    cache: CacheMark | None = None


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What a model thought. An empty text with a seal is reasoning that is not shown; `redacted`
    says that the provider withheld it. Several pieces of one text are joined by a blank line."""

    text: str
    sealed: Sealed | None = None
    redacted: bool = False
    id: str | None = None


class ToolKind(StrEnum):
    """FUNCTION takes a JSON object, FREEFORM any text."""

    FUNCTION = "function"
    FREEFORM = "freeform"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`arguments` is the JSON text as the model wrote it ("" counts as {}), or free text.

    `origin` is the caller's dialect's own name for a built-in tool of it that was turned into this
    one (local_shell, bash_20250124, ...); only that dialect reads it. `item_id` names the item, not
    the call.
    """

    id: str
    name: str
    arguments: str
    kind: ToolKind = ToolKind.FUNCTION
    namespace: str | None = None
    origin: str | None = None
    sealed: Sealed | None = None
    item_id: str | None = None
    cache: CacheMark | None = None


@dataclass(frozen=True, slots=True)
class ToolResult:
    """`parts` holds Text and Media only. `name` is the tool's, where the dialect tells it."""

    call_id: str
    parts: "tuple[Text | Media, ...]"
    is_error: bool = False
    name: str | None = None
    kind: ToolKind = ToolKind.FUNCTION
    origin: str | None = None
    cache: CacheMark | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The model declined, in its own words."""

    text: str


@dataclass(frozen=True, slots=True)
class Found:
    """One result of a search. `sealed` holds what the issuer wants back with it."""

    url: str
    title: str | None = None
    age: str | None = None
    sealed: Sealed | None = None


@dataclass(frozen=True, slots=True)
class SearchCall:
    """A web search that the provider ran, with what it found. `error` is a code if it failed."""

    id: str
    queries: tuple[str, ...] = ()
    found: tuple[Found, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Opaque:
    """A part that only its own dialect knows. Elsewhere it is a loss; it is never shown as text."""

    issuer: str  # a protocol's name
    type: str  # its word for the kind of part
    data: Mapping[str, Any]


Part = Text | Media | Reasoning | ToolCall | ToolResult | Refusal | SearchCall | Opaque
