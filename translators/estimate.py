"""How many tokens a request has, where nobody can be asked. Said to be one, never billed.

The heuristic: text is counted by the kinds of its characters, of which a token holds

    ASCII                                              4      (3.2 in JSON)
    Cyrillic, Greek, Hebrew, Arabic                    2.5
    Latin letters with accents                         1.5
    Indic scripts, Thai, punctuation beyond ASCII      2
    Chinese, Japanese, Korean                          1.2
    emoji and what else lies beyond the basic plane    0.5

which lies between what older and newer tokenizers count. Turns and tools have a constant for their
frame. Media are counted by what they are and how large. Characters are counted by the methods of
`str` and `bytes`, a few nanoseconds each.
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, assert_never

from translators import text_json
from translators.canonical.parts import (
    Inline,
    Media,
    MediaKind,
    Opaque,
    Part,
    Plain,
    Reasoning,
    Refusal,
    SearchCall,
    Text,
    ToolCall,
    ToolResult,
)
from translators.canonical.request import AnyTool, HostedTool, Request, Tool, WebSearch

_ASCII_CHARACTERS = 4.0
_JSON_CHARACTERS = 3.2

# The bytes that begin a character of each kind in UTF-8, and how many such characters a token has.
_ONE_BYTE = bytes(range(0x80))
_LEADS: tuple[tuple[bytes, float], ...] = (
    (bytes(range(0xC2, 0xCA)), 1.5),
    (bytes(range(0xCA, 0xE0)), 2.5),
    (bytes((0xE0, 0xE1, 0xE2, 0xEE, 0xEF)), 2.0),
    (bytes(range(0xE3, 0xEE)), 1.2),
    (bytes(range(0xF0, 0xF5)), 0.5),
)

TURN_TOKENS = 4
TOOL_TOKENS = 12
SEARCH_TOOL_TOKENS = 300  # the provider's own description of it

IMAGE_TOKENS = 1_500
LOW_IMAGE_TOKENS = 85  # of detail `low`

# A page of a PDF is some 60 kB and some 2,000 tokens, text and picture together.
_PDF_BYTES = 30.0
_PDF_LEAST, _PDF_MOST = 1_500, 300_000
UNSEEN_TOKENS = 5_000  # a document, sound or film that only the upstream can see

# A second of MP3 is some 16 kB and 32 tokens, a second of film some 250 kB and 260 tokens.
_AUDIO_BYTES = 500.0
_VIDEO_BYTES = 1_000.0

# A seal holds the reasoning itself, encrypted, as base64.
_SEALED_CHARACTERS = 6.0


def estimate(request: Request) -> int:
    """Tokens of the whole input: system, turns, media, tools."""
    tokens = 0.0
    for turn in request.turns:
        tokens += TURN_TOKENS + sum(_part(part) for part in turn.parts)
        if turn.name:
            tokens += _text(turn.name)
    tokens += sum(_tool(tool) for tool in request.tools)
    if request.output_format is not None and request.output_format.schema is not None:
        tokens += _json(request.output_format.schema)
    return math.ceil(tokens)


def estimate_parts(parts: Iterable[Part]) -> int:
    """Tokens of an answer as far as it has come."""
    return math.ceil(sum(_part(part) for part in parts))


def estimate_text(text: str) -> int:
    """Tokens of plain text."""
    return math.ceil(_text(text))


def _text(text: str, ascii_characters: float = _ASCII_CHARACTERS) -> float:
    if text.isascii():
        return len(text) / ascii_characters
    raw = text.encode("utf-8", "surrogatepass")
    beyond = raw.translate(None, _ONE_BYTE)
    tokens = (len(raw) - len(beyond)) / ascii_characters
    for leads, characters in _LEADS:
        tokens += (len(beyond) - len(beyond.translate(None, leads))) / characters
    return tokens


def _json(value: Mapping[str, Any]) -> float:
    return _text(text_json.text(value), _JSON_CHARACTERS)


def _part(part: Part) -> float:
    match part:
        case Text() | Refusal():
            return _text(part.text)
        case Reasoning():
            sealed = len(part.sealed.payload) if part.sealed is not None else 0
            return _text(part.text) if part.text else sealed / _SEALED_CHARACTERS
        case ToolCall():
            arguments = _text(part.arguments, _JSON_CHARACTERS)
            return TURN_TOKENS + _text(part.name) + arguments
        case ToolResult():
            return TURN_TOKENS + sum(_part(inner) for inner in part.parts)
        case Media():
            return _media(part)
        case SearchCall():
            found = sum(_text(f"{each.url} {each.title or ''}") for each in part.found)
            return TURN_TOKENS + sum(_text(query) for query in part.queries) + found
        case Opaque():
            return _json(part.data)
        case _:
            assert_never(part)


def _media(media: Media) -> float:
    about = sum(_text(said) for said in (media.title, media.context) if said)
    if isinstance(media.source, Plain):
        return about + _text(media.source.text)
    size = len(media.source.base64) * 0.75 if isinstance(media.source, Inline) else None
    match media.kind:
        case MediaKind.IMAGE:
            return about + (LOW_IMAGE_TOKENS if media.detail == "low" else IMAGE_TOKENS)
        case MediaKind.DOCUMENT:
            return about + _document(size, media.media_type or "")
        case MediaKind.AUDIO:
            return about + (UNSEEN_TOKENS if size is None else size / _AUDIO_BYTES)
        case MediaKind.VIDEO:
            return about + (UNSEEN_TOKENS if size is None else size / _VIDEO_BYTES)
        case _:
            assert_never(media.kind)


def _document(size: float | None, media_type: str) -> float:
    if size is None:
        return UNSEEN_TOKENS
    if media_type.startswith("text/") or media_type.endswith("json"):
        return size / _ASCII_CHARACTERS
    return min(max(size / _PDF_BYTES, _PDF_LEAST), _PDF_MOST)


def _tool(tool: AnyTool) -> float:
    match tool:
        case Tool():
            said = (tool.name, tool.description, tool.namespace)
            tokens = TOOL_TOKENS + sum(_text(text) for text in said if text)
            given = (value for value in (tool.schema, tool.grammar) if value)
            return tokens + sum(_json(value) for value in given)
        case WebSearch():
            return SEARCH_TOOL_TOKENS
        case HostedTool():
            return _json(tool.data)
        case _:
            assert_never(tool)


# Long runs of base64 are media, which are counted by the piece.
_MEDIA = re.compile(rb"[A-Za-z0-9+/=_-]{2000,}")
_BODY_BYTES_PER_TOKEN = 3.3  # JSON around the words included
_MEDIA_TOKENS = 1_600


# A picture to be edited, kept in every detail.
_UPLOAD_TOKENS = 6_500


def estimate_body(body: bytes) -> int:
    """Tokens of a request's body that nobody has decoded: rather too many than too few."""
    if body.startswith(b"--"):
        return _estimate_form(body)
    runs = [len(run) for run in _MEDIA.findall(body)]
    return int((len(body) - sum(runs)) / _BODY_BYTES_PER_TOKEN) + _MEDIA_TOKENS * len(runs) + 1


def _estimate_form(body: bytes) -> int:
    """The same of a form, whose files are pictures."""
    tokens = 1.0
    for part in body.split(body[: body.find(b"\r\n")]):
        head, _, said = part.partition(b"\r\n\r\n")
        is_file = b"filename" in head.lower()
        tokens += _UPLOAD_TOKENS if is_file else len(said) / _BODY_BYTES_PER_TOKEN
    return int(tokens)
