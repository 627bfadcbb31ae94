"""`inlineData` and `fileData`: what they hold, and how media are said in them."""

import re
from urllib.parse import urlsplit

from translators.canonical.parts import Filed, Located, MediaKind, Source
from translators.media import standard_type

NAME = "gemini"

_STORED = re.compile(
    r"(?:https://generativelanguage\.googleapis\.com/(?:\w+/)?)?files/[\w-]+|gs://.+", re.ASCII
)

# Types by the end of an address, as the API lists the types that it fetches.
_BY_EXTENSION = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "heic": "image/heic",
    "heif": "image/heif",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "html": "text/html",
    "htm": "text/html",
    "css": "text/css",
    "csv": "text/csv",
    "xml": "text/xml",
    "rtf": "text/rtf",
    "json": "application/json",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "aac": "audio/aac",
    "aiff": "audio/aiff",
    "mp4": "video/mp4",
    "mpeg": "video/mpeg",
    "mov": "video/quicktime",
    "webm": "video/webm",
    "avi": "video/x-msvideo",
    "wmv": "video/wmv",
    "3gp": "video/3gpp",
}

_BY_KIND = {
    MediaKind.IMAGE: "image/jpeg",
    MediaKind.DOCUMENT: "application/pdf",
    MediaKind.AUDIO: "audio/mpeg",
    MediaKind.VIDEO: "video/mp4",
}


def kind_of(media_type: str | None) -> MediaKind:
    """What a media type is a type of; a document where it says nothing else."""
    family = standard_type(media_type or "").partition("/")[0]
    try:
        return MediaKind(family)
    except ValueError:
        return MediaKind.DOCUMENT


def source_of(uri: str) -> Source:
    """A file that Google keeps belongs to an account; all else is an address."""
    return Filed(NAME, uri) if _STORED.fullmatch(uri) else Located(uri)


def type_by_address(url: str) -> str | None:
    """The media type that an address ends in."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return None
    _, dot, extension = path.rpartition("/")[2].rpartition(".")
    return _BY_EXTENSION.get(extension.lower()) if dot else None


def type_by_kind(kind: MediaKind) -> str:
    """The likeliest type of such a thing, where nothing tells more."""
    return _BY_KIND[kind]
