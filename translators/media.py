"""Media in the spellings that dialects share: data URLs, media types, the first bytes of a file.

Base64 is handed on as it came. Only its first characters are decoded, to see what they hold:
clients label one format as another, and some upstreams refuse a label that does not match.
"""

import base64 as base64_codec
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from translators.protocol import NotUnderstood


@dataclass(frozen=True, slots=True)
class DataUrl:
    """The two things that matter of `data:image/png;charset=utf-8;base64,...`."""

    media_type: str
    base64: str


# What a data URL without a media type holds (RFC 2397), where its bytes do not show another.
_DEFAULT_TYPE = "text/plain"

# A media type, its parameters and the mark are short; a comma that comes later belongs to data.
_MOST_HEAD_CHARACTERS = 1_024

_ALIASES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-flac": "audio/flac",
    "application/x-pdf": "application/pdf",
}
_TO_STANDARD = str.maketrans("-_", "+/")
_SPACE = re.compile(r"\s+")


def parse_data_url(url: str) -> DataUrl | None:
    """None where it is no data URL. Text that is not base64 is encoded.

    The base64 comes back in the standard alphabet, padded, without white space. NotUnderstood for a
    data URL that has no comma, and so no data.
    """
    if url[:5].lower() != "data:":
        return None
    comma = url.find(",", 5, _MOST_HEAD_CHARACTERS)
    if comma < 0:
        raise NotUnderstood("A data URL has no comma before its data.")
    declared, *parameters = (piece.strip().lower() for piece in url[5:comma].split(";"))
    data = url[comma + 1 :]
    if "base64" in parameters:
        encoded = _standard(data)
    else:
        encoded = base64_codec.b64encode(unquote_to_bytes(data)).decode()
    return DataUrl(standard_type(declared) or sniffed(encoded) or _DEFAULT_TYPE, encoded)


def standard_type(media_type: str) -> str:
    """A media type without its parameters, in lower case, under its registered name."""
    bare = media_type.partition(";")[0].strip().lower()
    return _ALIASES.get(bare, bare)


def data_url(media_type: str, base64: str) -> str:
    return f"data:{media_type};base64,{base64}"


def _standard(data: str) -> str:
    """Base64 in the one spelling that every dialect takes; the same object if it was so."""
    if "%" in data:
        data = unquote_to_bytes(data).decode("latin-1")
    if "-" in data or "_" in data:
        data = data.translate(_TO_STANDARD)
    if any(space in data for space in " \n\r\t"):
        data = _SPACE.sub("", data)
    missing = -len(data) % 4
    return data + "=" * missing if missing in (1, 2) else data


# ------------------------------------------------------------------------------ the first bytes

# 300 bytes: enough to find the root element of an SVG behind its XML declaration.
_LOOKED_AT_CHARACTERS = 400

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"ID3", "audio/mpeg"),
    (b"\x1aE\xdf\xa3", "video/webm"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_BRANDS = {
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"hevc": "image/heic",
    b"mif1": "image/heif",
    b"msf1": "image/heif",
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"M4A ": "audio/mp4",
    b"M4B ": "audio/mp4",
    b"qt  ": "video/quicktime",
}
# Frame headers without an ID3 tag: MPEG layer III in its versions, and AAC in ADTS.
_FRAMES = {
    b"\xff\xfb": "audio/mpeg",
    b"\xff\xfa": "audio/mpeg",
    b"\xff\xf3": "audio/mpeg",
    b"\xff\xf2": "audio/mpeg",
    b"\xff\xf1": "audio/aac",
    b"\xff\xf9": "audio/aac",
}
_SVG = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<svg[\s>]", re.DOTALL
)


def sniffed(base64: str) -> str | None:
    """The media type that the first bytes show; None where they show none that is known."""
    head = _head(base64)
    for look in _LOOKS:
        if (found := look(head)) is not None:
            return found
    return None


def _head(base64: str) -> bytes:
    text = _standard(base64[:_LOOKED_AT_CHARACTERS])
    try:
        return base64_codec.b64decode(text[: len(text) // 4 * 4])
    except ValueError:
        return b""


def _by_start(head: bytes) -> str | None:
    for start, media_type in _STARTS:
        if head.startswith(start):
            return media_type
    return None


def _by_container(head: bytes) -> str | None:
    if head.startswith(b"RIFF"):
        return _RIFF.get(head[8:12])
    if head.startswith(b"FORM") and head[8:12] in (b"AIFF", b"AIFC"):
        return "audio/aiff"
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    return None


def _by_frame(head: bytes) -> str | None:
    if head.startswith(b"BM") and head[6:10] == bytes(4):  # the reserved field is zero
        return "image/bmp"
    return _FRAMES.get(head[:2])


def _by_markup(head: bytes) -> str | None:
    return "image/svg+xml" if _SVG.match(head) else None


_LOOKS: tuple[Callable[[bytes], str | None], ...] = (
    _by_start,
    _by_container,
    _by_frame,
    _by_markup,
)
