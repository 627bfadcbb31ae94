"""Parts of a request's messages, read.

Beside what OpenAI documents, three things are read that clients of this dialect send to others:
`cache_control` (Claude behind a router), `video_url` (Qwen), and a bare string for `image_url`.
"""

import base64
from collections.abc import Callable
from typing import Any

from translators.canonical.loss import LossKind
from translators.canonical.parts import (
    CacheMark,
    Citation,
    Filed,
    Inline,
    Located,
    Media,
    MediaKind,
    Opaque,
    Refusal,
    Source,
    Text,
)
from translators.fields import inner, text
from translators.media import parse_data_url, sniffed, standard_type
from translators.openai_chat.request_fields import Fields, wrong
from translators.openai_chat.vocabulary import DETAILS, HEARD_AUDIO, NAME
from translators.protocol import NotUnderstood

ContentPart = Text | Media | Refusal | Opaque


def content(message: Fields) -> list[ContentPart]:
    """What a message says: nothing, a string, or parts. An empty string says nothing."""
    value = message.take("content")
    if value is None:
        return []
    if isinstance(value, str):
        return [Text(value)] if value else []
    if not isinstance(value, list):
        raise wrong(message.at("content"), "a string or an array")
    return [
        _part(entry, f"{message.at('content')}[{index}]", message)
        for index, entry in enumerate(value)
    ]


def _part(value: object, place: str, message: Fields) -> ContentPart:
    if isinstance(value, str):
        return Text(value)
    part = Fields(value, place, message.losses)
    kind = part.needed_text("type")
    reader = _READERS.get(kind)
    if reader is None:
        return Opaque(NAME, kind, part.value)
    found = reader(part)
    part.done()
    return found


def cache_mark(part: Fields) -> CacheMark | None:
    """Either spelling of a mark. OpenAI's lifetimes are longer than both that are known here."""
    own, foreign = part.inner("prompt_cache_breakpoint"), part.inner("cache_control")
    if own is not None:
        own.ignore("mode")
        ttl = own.text("ttl")
        own.done()
        if ttl is None:
            return CacheMark()
        own.lose("ttl", LossKind.CHANGED, "read as one hour")
        return CacheMark("1h")
    if foreign is None:
        return None
    foreign.ignore("type")
    ttl = foreign.text("ttl")
    foreign.done()
    return CacheMark(ttl if ttl in ("5m", "1h") else None)


# ------------------------------------------------------------------------------------ the kinds


def _text(part: Fields) -> Text:
    value = part.text("text")
    if value is None:
        raise wrong(part.at("text"), "a string")
    return Text(value, cache=cache_mark(part))


def _refusal(part: Fields) -> Refusal:
    return Refusal(part.needed_text("refusal"))


def _image(part: Fields) -> Media:
    return _addressed(part, "image_url", MediaKind.IMAGE)


def _video(part: Fields) -> Media:
    return _addressed(part, "video_url", MediaKind.VIDEO)


def _addressed(part: Fields, name: str, kind: MediaKind) -> Media:
    given = part.take(name)
    holder = Fields({"url": given} if isinstance(given, str) else given, part.at(name), part.losses)
    url = holder.needed_text("url")
    detail = holder.word("detail", DETAILS)
    holder.done()
    source, media_type = _at(url, holder.at("url"))
    return Media(kind, source, media_type, detail=detail, cache=cache_mark(part))


def _at(url: str, place: str) -> tuple[Source, str | None]:
    """Where an address points: into itself, or to something that has to be fetched."""
    try:
        data = parse_data_url(url)
    except NotUnderstood as error:
        raise NotUnderstood(str(error), param=place) from None
    if data is None:
        return Located(url), None
    return Inline(data.base64), data.media_type


def _audio(part: Fields) -> Media:
    audio = part.needed("input_audio")
    data, word = audio.needed_text("data"), audio.needed_text("format").lower()
    audio.done()
    source, _ = _at(data, audio.at("data"))
    if isinstance(source, Located):
        source = Inline(data)
    media_type = HEARD_AUDIO.get(word) or standard_type(f"audio/{word}")
    return Media(MediaKind.AUDIO, source, media_type, cache=cache_mark(part))


_KINDS = {"image": MediaKind.IMAGE, "audio": MediaKind.AUDIO, "video": MediaKind.VIDEO}
_BY_ENDING = {"pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown"}


def _file(part: Fields) -> Media:
    """A file by its bytes or by the id of an upload. Bytes come as a data URL or as base64."""
    file = part.needed("file")
    id, data, name = file.text("file_id"), file.text("file_data"), file.text("filename")
    file.done()
    cache = cache_mark(part)
    if data:
        source, media_type = _at(data, file.at("file_data"))
        if isinstance(source, Located):
            source, media_type = _bytes(data)
        if media_type is None:
            media_type = _BY_ENDING.get((name or "").rpartition(".")[2].lower())
        kind = _KINDS.get((media_type or "").partition("/")[0], MediaKind.DOCUMENT)
        return Media(kind, source, media_type, name=name or None, cache=cache)
    if not id:
        raise wrong(file.at("file_data"), "a string that is not empty, or 'file_id' be there")
    return Media(MediaKind.DOCUMENT, Filed(NAME, id), name=name or None, cache=cache)


def _bytes(data: str) -> tuple[Source, str | None]:
    """An address that some servers take here (http), else bare base64."""
    if data.startswith(("https://", "http://")):
        return Located(data), None
    return Inline(data), sniffed(data)


_READERS: dict[str, Callable[[Fields], ContentPart]] = {
    "text": _text,
    "refusal": _refusal,
    "image_url": _image,
    "video_url": _video,
    "input_audio": _audio,
    "file": _file,
}


# ------------------------------------------------------------------------------------- shared


def citations(annotations: Any) -> tuple[Citation, ...]:
    """The sources that a message's `annotations` name, read tolerantly: answers have them too."""
    found: list[Citation] = []
    for annotation in annotations if isinstance(annotations, list) else ():
        cited = inner(inner(annotation).get("url_citation"))
        if (url := text(cited.get("url"))) is not None:
            start, end = (_offset(cited.get(name)) for name in ("start_index", "end_index"))
            found.append(Citation(url, text(cited.get("title")), start=start, end=end))
    return tuple(found)


def _offset(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def decoded_text(data: str) -> str | None:
    """Base64 as text; None where it is none."""
    try:
        return base64.b64decode(data, validate=True).decode("utf-8")
    except ValueError:
        return None
